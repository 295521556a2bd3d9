//! Half space below the plane y = 0 of its frame.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Probe, SignedDistance};

/// All points with `y <= 0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane;

impl<T: Real> SignedDistance<T> for Plane {
    /// `d = y`, `n = +y`.
    #[inline]
    fn probe(&self, point: &Vector3<T>) -> Probe<T> {
        Probe {
            distance: point.y,
            normal: Vector3::y(),
        }
    }

    /// `H = 0`.
    #[inline]
    fn probe_vjp(
        &self,
        _point: &Vector3<T>,
        distance_bar: T,
        _normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        Vector3::y() * distance_bar
    }

    /// Without bound.
    fn bounding_radius(&self) -> Option<f64> {
        None
    }

    /// Without bound.
    fn volume(&self) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Shape, super::testing::*, *};

    #[test]
    fn distance_is_the_height_above_the_plane() {
        for y in [-0.4, 0.0, 0.7] {
            let Probe { distance, normal } = Plane.probe(&Vector3::new(0.3, y, -2.0));
            assert_eq!((distance, normal), (y, Vector3::y()));
        }
    }

    #[test]
    fn probe_vjp_is_the_transpose_on_both_sides() {
        for seed in 0..4 {
            assert_transpose(&Shape::Plane(Plane), &noise(seed), seed);
        }
    }
}
