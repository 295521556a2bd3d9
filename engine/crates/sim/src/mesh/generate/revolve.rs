//! Surfaces of revolution.

use std::f64::consts::TAU;

use nalgebra::Vector3;

use crate::mesh::Mesh;

/// The surface that a closed profile `(rho, y)` (m) sweeps about the y axis, in `segments`
/// steps. It faces outwards where the profile runs counterclockwise, `rho` to the right.
///
/// A profile that meets the axis starts and ends there, with `rho = 0`; what lies between
/// its ends is on the axis and sweeps nothing.
pub fn revolve(profile: &[[f64; 2]], segments: u32) -> Mesh {
    let mut mesh = Mesh::default();
    for &[rho, y] in profile {
        for segment in 0..segments {
            let (sin, cos) = (TAU * f64::from(segment) / f64::from(segments)).sin_cos();
            mesh.vertices.push(Vector3::new(rho * cos, y, rho * sin));
        }
    }
    let count = profile.len() as u32;
    for from in 0..count {
        let to = (from + 1) % count;
        let on_axis = [from, to].map(|point| profile[point as usize][0] == 0.0);
        for segment in 0..segments {
            let next = (segment + 1) % segments;
            let [a, b] = [from, to].map(|point| point * segments + segment);
            let [d, c] = [from, to].map(|point| point * segments + next);
            // At the axis one side of the square is a point.
            if !on_axis[1] {
                mesh.triangles.push([a, b, c]);
            }
            if !on_axis[0] {
                mesh.triangles.push([a, if on_axis[1] { b } else { c }, d]);
            }
        }
    }
    mesh.welded()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::Report;

    #[test]
    fn cone_is_closed_and_faces_outwards() {
        let cone = revolve(&[[0.0, 0.0], [0.3, 0.0], [0.0, 0.4]], 100);
        let report = Report::of(&cone);
        assert_eq!(report.faults(), Vec::<String>::new());
        assert_eq!((report.vertices, report.triangles), (102, 200));
        let volume = std::f64::consts::PI * 0.09 * 0.4 / 3.0;
        // A polygon of 100 corners has 2 pi^2 / (3 100^2) less area than its circle.
        assert!((report.volume / volume - 1.0 + 6.6e-4).abs() < 1e-5);
    }

    #[test]
    fn profile_the_other_way_round_faces_inwards() {
        assert!(Report::of(&revolve(&[[0.0, 0.4], [0.3, 0.0], [0.0, 0.0]], 20)).inside_out());
    }
}
