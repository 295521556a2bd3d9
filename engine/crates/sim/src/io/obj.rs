//! Meshes as OBJ, for everything that shows meshes.

use std::{io::Write, path::Path};

use super::atomic::{FileError, write_atomic};
use crate::mesh::Mesh;

/// Writes an OBJ file (Wavefront): vertices to the micrometre (m) and triangles.
///
/// # Errors
/// The file cannot be written.
pub fn write_obj(path: &Path, mesh: &Mesh) -> Result<(), FileError> {
    write_atomic(path, |file| file.write_all(obj_text(mesh).as_bytes()))
}

/// The text of an OBJ file.
pub fn obj_text(mesh: &Mesh) -> String {
    let vertices = mesh.vertices.iter().map(|v| {
        // -0 would be written as such.
        let [x, y, z] = [v.x, v.y, v.z].map(|x| (x * 1e6).round() * 1e-6 + 0.0);
        format!("v {x:.6} {y:.6} {z:.6}\n")
    });
    let triangles = mesh.triangles.iter();
    let triangles = triangles.map(|[a, b, c]| {
        format!(
            "f {} {} {}\n",
            u64::from(*a) + 1,
            u64::from(*b) + 1,
            u64::from(*c) + 1
        )
    });
    vertices.chain(triangles).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{read, testing::ball};

    #[test]
    fn written_mesh_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ball.obj");
        write_obj(&path, &ball(4)).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found.triangles, ball(4).triangles);
        for (a, b) in found.vertices.iter().zip(&ball(4).vertices) {
            assert!((a - b).amax() <= 0.5001e-6);
        }
    }
}
