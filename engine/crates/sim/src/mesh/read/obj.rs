//! OBJ (Wavefront), text.

use std::path::Path;

use nalgebra::Vector3;

use super::{Mesh, ReadError, limit};

const FORMAT: &str = "OBJ";

/// Reads vertices and faces of all groups; materials, normals, lines and points are left
/// out.
pub(super) fn parse(bytes: &[u8], _: &Path) -> Result<Mesh, ReadError> {
    let faces = bytes.split(|&byte| byte == b'\n');
    limit(faces.filter(|line| line.starts_with(b"f ")).count() as u64)?;
    let options = tobj::LoadOptions {
        triangulate: true,
        ignore_lines: true,
        ignore_points: true,
        ..Default::default()
    };
    let no_materials = |_: &Path| Err(tobj::LoadError::OpenFileFailed);
    let (models, _) = tobj::load_obj_buf(&mut &*bytes, &options, no_materials)
        .map_err(|error| ReadError::damaged(FORMAT, error.to_string()))?;
    let mut mesh = Mesh::default();
    for model in models {
        let first = mesh.vertices.len() as u32;
        let places = model.mesh.positions.chunks_exact(3);
        mesh.vertices.extend(places.map(Vector3::from_column_slice));
        let corner = |index: u32| first.saturating_add(index);
        let faces = model.mesh.indices.chunks_exact(3);
        mesh.triangles
            .extend(faces.map(|face| [corner(face[0]), corner(face[1]), corner(face[2])]));
    }
    limit(mesh.triangles.len() as u64)?;
    Ok(mesh)
}
