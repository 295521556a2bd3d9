//! What materials and meshes of all that is drawn share.

use backflow_viewer_session::surface::Surface;
use bevy::{
    asset::RenderAssetUsages,
    mesh::{Indices, Mesh, PrimitiveTopology},
};

/// The part of a [`Material`](bevy::pbr::Material) that shades its pixels alone: it takes part in
/// no pass before, and both sides of its triangles are drawn. What else its pipeline needs may be
/// said of the descriptor and the key.
macro_rules! shades_alone {
    () => {
        shades_alone!(|descriptor, _key| {});
    };
    (|$descriptor:ident, $key:ident| $more:block) => {
        fn enable_prepass() -> bool {
            false
        }

        fn enable_shadows() -> bool {
            false
        }

        fn specialize(
            _pipeline: &bevy::pbr::MaterialPipeline,
            $descriptor: &mut bevy::render::render_resource::RenderPipelineDescriptor,
            _layout: &bevy::mesh::MeshVertexBufferLayoutRef,
            $key: bevy::pbr::MaterialPipelineKey<Self>,
        ) -> Result<(), bevy::render::render_resource::SpecializedMeshPipelineError> {
            $descriptor.primitive.cull_mode = None;
            $more
            Ok(())
        }
    };
}
pub(crate) use shades_alone;

/// A mesh of triangles that the processor does not keep.
pub fn triangles(positions: Vec<[f32; 3]>) -> Mesh {
    Mesh::new(
        PrimitiveTopology::TriangleList,
        RenderAssetUsages::RENDER_WORLD,
    )
    .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, positions)
}

/// The mesh of a surface.
pub fn mesh(surface: &Surface) -> Mesh {
    triangles(surface.positions.clone())
        .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, surface.normals.clone())
        .with_inserted_indices(Indices::U32(surface.triangles.concat()))
}
