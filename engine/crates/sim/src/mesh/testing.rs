//! Meshes of the tests.

use nalgebra::Vector3;

use super::Mesh;

/// A ball of radius 1 m: a cube whose faces are cut `n` times and blown up.
pub(crate) fn ball(n: u32) -> Mesh {
    let mut mesh = Mesh::default();
    for axis in 0..3 {
        for sign in [-1.0, 1.0] {
            for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let mut corners = [(0, 0), (1, 0), (1, 1), (0, 1)];
                if sign < 0.0 {
                    corners.reverse();
                }
                let first = mesh.vertices.len() as u32;
                for (di, dj) in corners {
                    let at = |k: u32| 2.0 * f64::from(k) / f64::from(n) - 1.0;
                    let mut v = Vector3::zeros();
                    v[axis] = sign;
                    v[(axis + 1) % 3] = at(i + di);
                    v[(axis + 2) % 3] = at(j + dj);
                    // Rounded, so that a place is the same from all faces.
                    mesh.vertices
                        .push(v.normalize().map(|x| (x * 1e12).round() * 1e-12));
                }
                mesh.triangles.push([first, first + 1, first + 2]);
                mesh.triangles.push([first, first + 2, first + 3]);
            }
        }
    }
    mesh.welded()
}

/// A box with half edges `half` (m) about `centre` (m), its faces cut `n` times.
pub(crate) fn block(half: [f64; 3], centre: [f64; 3], n: u32) -> Mesh {
    let mut mesh = ball(n);
    for vertex in &mut mesh.vertices {
        // Back onto the cube, whose cuts are even.
        let v = *vertex / vertex.amax();
        let cut = f64::from(n) / 2.0;
        let v = v.map(|x| ((x + 1.0) * cut).round() / cut - 1.0);
        *vertex = v.component_mul(&Vector3::from(half)) + Vector3::from(centre);
    }
    mesh
}

/// Both meshes as one.
pub(crate) fn both(mut a: Mesh, b: &Mesh) -> Mesh {
    let first = a.vertices.len() as u32;
    a.vertices.extend(&b.vertices);
    a.triangles.extend(
        b.triangles
            .iter()
            .map(|corners| corners.map(|corner| corner + first)),
    );
    a
}
