//! Half of a ring with round ends.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use nalgebra::Vector3;

use crate::mesh::Mesh;

/// A circle of the surface: its middle, the way from there to its first vertex, its radius (m).
struct Circle {
    middle: Vector3<f64>,
    out: Vector3<f64>,
    radius: f64,
}

/// A tube of radius `tube` (m) along the half of a circle of `radius` (m) about the y axis that lies
/// towards -z, closed by two half balls: `along` pieces of `around` corners, `cap` of them in an end.
pub fn half_ring(radius: f64, tube: f64, around: u32, along: u32, cap: u32) -> Mesh {
    // The circle at an angle, `ahead` of it along the tube.
    let circle = |turn: f64, ahead: f64, own: f64| {
        let out = Vector3::new(turn.cos(), 0.0, -turn.sin());
        let along = Vector3::new(-turn.sin(), 0.0, -turn.cos());
        Circle {
            middle: out * radius + along * ahead,
            out,
            radius: own,
        }
    };
    let end = |turn: f64, ahead: f64| {
        (1..cap).map(move |k| {
            let lean = FRAC_PI_2 * f64::from(k) / f64::from(cap);
            circle(turn, ahead * tube * lean.cos(), tube * lean.sin())
        })
    };
    let whole = (0..=along).map(|k| circle(PI * f64::from(k) / f64::from(along), 0.0, tube));
    let last: Vec<_> = end(PI, 1.0).collect();
    let circles = end(0.0, -1.0).chain(whole).chain(last.into_iter().rev());
    let mut vertices = vec![circle(0.0, -tube, 0.0).middle];
    for Circle {
        middle,
        out,
        radius,
    } in circles
    {
        vertices.extend((0..around).map(|k| {
            let turn = TAU * f64::from(k) / f64::from(around);
            middle + (out * turn.cos() + Vector3::y() * turn.sin()) * radius
        }));
    }
    vertices.push(circle(PI, tube, 0.0).middle);
    let rings = along + 2 * cap - 1;
    let vertex = |ring: u32, k: u32| 1 + ring * around + k % around;
    let pole = 1 + rings * around;
    let mut triangles = Vec::new();
    for k in 0..around {
        triangles.push([0, vertex(0, k), vertex(0, k + 1)]);
        for ring in 0..rings - 1 {
            let [a, b] = [vertex(ring, k), vertex(ring, k + 1)];
            let [c, d] = [vertex(ring + 1, k), vertex(ring + 1, k + 1)];
            triangles.extend([[a, c, b], [b, c, d]]);
        }
        triangles.push([pole, vertex(rings - 1, k + 1), vertex(rings - 1, k)]);
    }
    Mesh {
        vertices,
        triangles,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{Report, mass::MassProperties};

    #[test]
    fn it_has_the_volume_of_half_a_torus_and_a_ball() {
        let mesh = half_ring(0.3, 0.1, 96, 192, 24);
        assert!(Report::of(&mesh).is_solid());
        let found = MassProperties::of(&mesh).unwrap();
        let volume = PI * 0.01 * (PI * 0.3 + 4.0 / 3.0 * 0.1);
        assert!((found.volume / volume - 1.0).abs() < 3e-3);
        assert!(found.centre.z < -0.1 && found.centre.x.abs() < 1e-12);
    }
}
