//! Colliders, tools and targets.

use std::sync::Arc;

use backflow::sim::pose::Pose;
use backflow_viewer_session::{
    Stage,
    stage::{Role, StageSolid},
    surface::Surface,
};
use bevy::{
    asset::{RenderAssetUsages, embedded_asset},
    mesh::{Indices, MeshVertexBufferLayoutRef, PrimitiveTopology},
    pbr::{MaterialPipeline, MaterialPipelineKey},
    prelude::*,
    render::render_resource::{
        AsBindGroup, RenderPipelineDescriptor, SpecializedMeshPipelineError,
    },
    shader::ShaderRef,
};

use crate::{play::Playing, view::View};

/// Draws the solids of the present stage.
pub struct SolidsPlugin;

impl Plugin for SolidsPlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "solid.wgsl");
        app.add_plugins(MaterialPlugin::<SolidMaterial>::default())
            .add_systems(PostUpdate, (rebuild, place).chain());
    }
}

/// A see-through surface.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct SolidMaterial {
    /// Linear colour and opacity.
    #[uniform(0)]
    colour: Vec4,
}

impl Material for SolidMaterial {
    fn fragment_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/solid.wgsl".into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        AlphaMode::Blend
    }

    fn enable_prepass() -> bool {
        false
    }

    fn enable_shadows() -> bool {
        false
    }

    fn specialize(
        _pipeline: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        _layout: &MeshVertexBufferLayoutRef,
        _key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        descriptor.primitive.cull_mode = None;
        Ok(())
    }
}

/// A solid of the stage, by its index.
#[derive(Component)]
pub struct Part(pub usize);

/// The transform of a pose.
pub fn transform(pose: &Pose<f64>) -> Transform {
    let position = pose.position.map(|x| x as f32);
    let columns: [[f64; 3]; 3] = pose.rotation.into();
    let columns = columns.map(|column| Vec3::from(column.map(|x| x as f32)));
    Transform::from_translation(Vec3::new(position.x, position.y, position.z)).with_rotation(
        Quat::from_mat3(&Mat3::from_cols(columns[0], columns[1], columns[2])),
    )
}

/// The mesh of a surface.
pub fn mesh(surface: &Surface) -> Mesh {
    Mesh::new(
        PrimitiveTopology::TriangleList,
        RenderAssetUsages::RENDER_WORLD,
    )
    .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, surface.positions.clone())
    .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, surface.normals.clone())
    .with_inserted_indices(Indices::U32(surface.triangles.concat()))
}

/// Colour and opacity by role.
fn look(role: Role) -> Vec4 {
    let (colour, opacity) = match role {
        Role::Collider => (Color::srgb(0.78, 0.81, 0.86), 0.16),
        Role::Tool => (Color::srgb(0.94, 0.72, 0.32), 0.62),
        Role::Target => (Color::srgb(0.20, 0.80, 0.50), 0.10),
    };
    colour.to_linear().to_vec3().extend(opacity)
}

fn rebuild(
    mut commands: Commands,
    view: Res<View>,
    parts: Query<Entity, With<Part>>,
    mut built: Local<Option<Arc<Stage>>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<SolidMaterial>>,
) {
    let same = match (&*built, &view.stage) {
        (Some(before), Some(stage)) => Arc::ptr_eq(before, stage),
        (None, None) => true,
        _ => false,
    };
    if same {
        return;
    }
    for part in &parts {
        commands.entity(part).despawn();
    }
    built.clone_from(&view.stage);
    let Some(stage) = &view.stage else { return };
    for (index, solid) in stage.solids.iter().enumerate() {
        let StageSolid { surface, role, .. } = solid;
        if surface.triangles.is_empty() {
            continue;
        }
        commands.spawn((
            Part(index),
            Mesh3d(meshes.add(mesh(surface))),
            MeshMaterial3d(materials.add(SolidMaterial {
                colour: look(*role),
            })),
            transform(&solid.pose),
        ));
    }
}

fn place(
    view: Res<View>,
    playing: Res<Playing>,
    mut parts: Query<(&Part, &mut Transform, &mut Visibility)>,
) {
    let Some(stage) = &view.stage else { return };
    let frame = playing.player.as_ref().and_then(|player| player.current());
    let tools = frame.map_or(&stage.tools, |frame| &frame.tools);
    for (Part(index), mut at, mut visibility) in &mut parts {
        let Some(solid) = stage.solids.get(*index) else {
            continue;
        };
        if solid.role == Role::Tool {
            *at = transform(&solid.placed(tools));
        }
        let shown = match solid.role {
            Role::Target => view.settings.targets,
            _ => view.settings.solids,
        };
        *visibility = if shown {
            Visibility::Visible
        } else {
            Visibility::Hidden
        };
    }
}
