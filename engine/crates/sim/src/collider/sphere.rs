//! Sphere about the origin of its frame.

use std::f64::consts::PI;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Probe, SignedDistance, polar};

/// All points within `radius` of the origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sphere<T: Real> {
    /// Radius (m), positive.
    pub radius: T,
}

impl<T: Real> SignedDistance<T> for Sphere<T> {
    /// `d = |y| - r`, `n = y / |y|`; at the centre the gradient towards +y is taken.
    #[inline]
    fn probe(&self, point: &Vector3<T>) -> Probe<T> {
        let (length, normal) = polar(point).unwrap_or((point.y, Vector3::y()));
        Probe {
            distance: length - self.radius,
            normal,
        }
    }

    /// `H = (I - n n^T) / |y|`; zero at the centre.
    #[inline]
    fn probe_vjp(
        &self,
        point: &Vector3<T>,
        distance_bar: T,
        normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        match polar(point) {
            Some((length, normal)) => {
                normal * distance_bar + (*normal_bar - normal * normal.dot(normal_bar)) / length
            }
            None => Vector3::y() * distance_bar,
        }
    }

    /// `r`.
    fn bounding_radius(&self) -> Option<f64> {
        Some(self.radius.to_f64())
    }

    /// `4/3 pi r^3`.
    fn volume(&self) -> Option<f64> {
        Some(4.0 / 3.0 * PI * self.radius.to_f64().powi(3))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Shape, super::testing::*, *};

    const SPHERE: Shape<f64> = Shape::Sphere(Sphere { radius: 0.3 });

    #[test]
    fn distance_is_to_the_nearest_surface_point() {
        let points: Vec<_> = (0..40).map(|i| noise(i) * 0.5).collect();
        assert_exact(&SPHERE, |y| y.norm_squared() <= 0.09, &points);
    }

    #[test]
    fn probe_vjp_is_the_transpose_inside_outside_and_at_the_centre() {
        for (seed, point) in [[0.1, -0.05, 0.02], [0.5, 0.4, -0.6], [0.0, 0.0, 0.0]]
            .into_iter()
            .enumerate()
        {
            assert_transpose(&SPHERE, &Vector3::from(point), seed as u32);
        }
        assert_eq!(SPHERE.probe(&Vector3::zeros()).normal, Vector3::y());
        // Curvature 1/|y| on both tangents, none along the normal.
        let y = Vector3::new(0.0, 0.5, 0.0);
        assert_eq!(bend(&SPHERE, &y, &Vector3::x()), 2.0);
        assert_eq!(bend(&SPHERE, &y, &Vector3::z()), 2.0);
        assert_eq!(bend(&SPHERE, &y, &Vector3::y()), 0.0);
    }
}
