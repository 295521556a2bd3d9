//! Mass properties of what a mesh bounds.

use nalgebra::{Matrix3, Vector3};

use super::{Mesh, signed_volume};

/// Volume, centre and inertia of a solid of density 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MassProperties {
    /// Volume `V` (m^3); times the density it is the mass.
    pub volume: f64,
    /// Centre of mass `c` (m) of an even density.
    pub centre: Vector3<f64>,
    /// Inertia tensor about the centre of mass over the density (m^5):
    /// `I = integral (|r|^2 1 - r r^T) dV`, `r = x - c`.
    pub inertia: Matrix3<f64>,
}

impl MassProperties {
    /// Mass properties of a closed mesh that faces outwards; `None` where its volume is not
    /// positive.
    ///
    /// The solid is the sum of the signed tetrahedra of a point `o` with each triangle. With
    /// corners `a, b, c` relative to `o` and `s = a + b + c` one has (Tonon 2004, "Explicit
    /// exact formulas for the 3-D tetrahedron inertia tensor in terms of its vertex
    /// coordinates", the fourth corner being the origin)
    ///
    /// `V_t = a . (b x c) / 6`, `integral x dV = V_t s / 4`,
    /// `integral x x^T dV = V_t (a a^T + b b^T + c c^T + s s^T) / 20`,
    ///
    /// and about the centre of mass `integral r r^T dV = integral x x^T dV - V c c^T`.
    pub fn of(mesh: &Mesh) -> Option<Self> {
        // In the middle of the mesh, where the sums cancel least.
        let [min, max] = mesh.bounds()?;
        let origin = (min + max) * 0.5;
        let (mut volume, mut first, mut second) = (0.0, Vector3::zeros(), Matrix3::zeros());
        for triangle in mesh.faces() {
            let corners = triangle.map(|corner| corner - origin);
            let (part, [a, b, c]) = (signed_volume(&corners), corners);
            let s = a + b + c;
            volume += part;
            first += s * (part / 4.0);
            let squares = [a, b, c, s].map(|v| v * v.transpose());
            second += squares.iter().sum::<Matrix3<f64>>() * (part / 20.0);
        }
        if volume <= 0.0 || !volume.is_finite() {
            return None;
        }
        let centre = first / volume;
        let about = second - centre * centre.transpose() * volume;
        Some(Self {
            volume,
            centre: centre + origin,
            inertia: Matrix3::identity() * about.trace() - about,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn box_far_from_the_origin_has_its_mass_properties() {
        let (half, centre) = ([0.1, 0.2, 0.3], [50.0, -20.0, 3.0]);
        let found = MassProperties::of(&block(half, centre, 3)).unwrap();
        let volume = 8.0 * half.iter().product::<f64>();
        // Coordinates near 50 are rounded to 7e-15, a part of 1e-13 of the edges.
        assert!((found.volume / volume - 1.0).abs() < 1e-12);
        assert!((found.centre - Vector3::from(centre)).norm() < 1e-13);
        // m (b^2 + c^2) / 3 of half edges b, c.
        let square = |axis: usize| half[axis] * half[axis];
        for axis in 0..3 {
            let known = volume * (square((axis + 1) % 3) + square((axis + 2) % 3)) / 3.0;
            assert!((found.inertia[(axis, axis)] / known - 1.0).abs() < 1e-11);
            assert!(found.inertia[(axis, (axis + 1) % 3)].abs() < 1e-12 * known);
        }
    }

    #[test]
    fn sphere_has_its_mass_properties() {
        let found = MassProperties::of(&ball(40).scaled(&Vector3::repeat(0.3))).unwrap();
        let (radius, pi) = (0.3_f64, std::f64::consts::PI);
        let volume = 4.0 / 3.0 * pi * radius.powi(3);
        // Chords of pi / 80 lie inside by about the square of it.
        assert!((found.volume / volume - 1.0).abs() < 1e-3);
        assert!(found.centre.norm() < 1e-13);
        let known = 0.4 * volume * radius * radius;
        assert!((found.inertia / known - Matrix3::identity()).norm() < 3e-3);
    }

    #[test]
    fn inertia_turns_with_the_solid() {
        let turn = nalgebra::Rotation3::from_euler_angles(0.3, 0.9, -0.4);
        let flat = block([0.1, 0.5, 0.3], [0.0; 3], 2);
        let turned = Mesh {
            vertices: flat.vertices.iter().map(|v| turn * v).collect(),
            ..flat.clone()
        };
        let [before, after] =
            [&flat, &turned].map(|mesh| MassProperties::of(mesh).unwrap().inertia);
        let known = turn.matrix() * before * turn.matrix().transpose();
        assert!((after - known).norm() < 1e-14 && (after - before).norm() > 1e-3);
    }

    #[test]
    fn what_faces_inwards_has_none() {
        let mut mesh = ball(3);
        mesh.triangles
            .iter_mut()
            .for_each(|corners| corners.swap(0, 1));
        assert_eq!(MassProperties::of(&mesh), None);
        assert_eq!(MassProperties::of(&Mesh::default()), None);
    }
}
