//! What the tests of this crate share.

use nalgebra::Vector3;

/// A vector of numbers in [-1, 1] that depend on nothing but `seed`.
pub(crate) fn noise(seed: u64) -> Vector3<f64> {
    let at = |index: u64| 2.0 * crate::random::uniform(seed, index) - 1.0;
    Vector3::new(at(0), at(1), at(2))
}

/// A table that ends at a height (m).
pub(crate) fn table(z: f64) -> crate::object::surroundings::Surroundings {
    use crate::object::surroundings::{HalfSpace, Surroundings, SurroundingsSpec};
    let spec = SurroundingsSpec {
        planes: vec![HalfSpace {
            point: [0.0, 0.0, z],
            normal: [0.0, 0.0, 1.0],
        }],
        ..SurroundingsSpec::default()
    };
    Surroundings::new(&spec).unwrap()
}

/// A ball of a radius (m) about the origin.
pub(crate) fn ball(radius: f64) -> crate::object::Object {
    let (rows, columns) = (24, 48);
    let mut mesh = backflow_sim::mesh::Mesh::default();
    mesh.vertices.push(Vector3::new(0.0, 0.0, -radius));
    for row in 1..rows {
        let tilt = std::f64::consts::PI * (row as f64 / rows as f64 - 0.5);
        for column in 0..columns {
            let turn = std::f64::consts::TAU * column as f64 / columns as f64;
            let ring = Vector3::new(tilt.cos() * turn.cos(), tilt.cos() * turn.sin(), tilt.sin());
            mesh.vertices.push(ring * radius);
        }
    }
    mesh.vertices.push(Vector3::new(0.0, 0.0, radius));
    let top = mesh.vertices.len() as u32 - 1;
    let at = |row: u32, column: u32| 1 + (row - 1) * columns + column % columns;
    for column in 0..columns {
        mesh.triangles.push([0, at(1, column + 1), at(1, column)]);
        mesh.triangles
            .push([top, at(rows - 1, column), at(rows - 1, column + 1)]);
        for row in 1..rows - 1 {
            mesh.triangles
                .push([at(row, column), at(row, column + 1), at(row + 1, column)]);
            mesh.triangles.push([
                at(row + 1, column),
                at(row, column + 1),
                at(row + 1, column + 1),
            ]);
        }
    }
    let fineness = crate::object::Fineness {
        resolution: 32,
        ..crate::object::Fineness::default()
    };
    crate::object::Object::of_mesh("ball", mesh, &fineness).unwrap()
}
