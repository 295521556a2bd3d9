//! Capsule about the y axis of its frame.

use std::f64::consts::PI;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Probe, SignedDistance, polar, ramp, side};

/// All points within `radius` of the segment `|y| <= half_length` of the y axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capsule<T: Real> {
    /// Radius of shaft and caps (m), positive.
    pub radius: T,
    /// Half of the distance between the centres of the caps (m), zero or more.
    pub half_length: T,
}

impl<T: Real> Capsule<T> {
    /// Offset `w` of the point from the nearest point of the segment (m), and whether
    /// that is an end of it.
    #[inline]
    fn offset(&self, point: &Vector3<T>) -> (Vector3<T>, bool) {
        let sign = side(point.y);
        let beyond = ramp(sign * point.y - self.half_length);
        (
            Vector3::new(point.x, sign * beyond, point.z),
            beyond > T::zero(),
        )
    }
}

impl<T: Real> SignedDistance<T> for Capsule<T> {
    /// `d = |w| - r`, `n = w / |w|`; on the segment the gradient towards +x is taken.
    #[inline]
    fn probe(&self, point: &Vector3<T>) -> Probe<T> {
        let (w, _) = self.offset(point);
        let (length, normal) = polar(&w).unwrap_or((point.x, Vector3::x()));
        Probe {
            distance: length - self.radius,
            normal,
        }
    }

    /// `H = (A - n n^T) / |w|` with `A = I` beyond the ends and `diag(1, 0, 1)` along
    /// the shaft, where the two meet that of the shaft; zero on the segment.
    #[inline]
    fn probe_vjp(
        &self,
        point: &Vector3<T>,
        distance_bar: T,
        normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        let (w, cap) = self.offset(point);
        match polar(&w) {
            Some((length, normal)) => {
                let mut active = *normal_bar;
                if !cap {
                    active.y = T::zero();
                }
                normal * distance_bar + (active - normal * normal.dot(normal_bar)) / length
            }
            None => Vector3::x() * distance_bar,
        }
    }

    /// `h + r`.
    fn bounding_radius(&self) -> Option<f64> {
        Some((self.half_length + self.radius).to_f64())
    }

    /// `2 pi r^2 h + 4/3 pi r^3`.
    fn volume(&self) -> Option<f64> {
        let (r, h) = (self.radius.to_f64(), self.half_length.to_f64());
        Some(PI * r.powi(2) * (2.0 * h + 4.0 / 3.0 * r))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Shape, super::testing::*, *};

    const CAPSULE: Shape<f64> = Shape::Capsule(Capsule {
        radius: 0.2,
        half_length: 0.3,
    });

    #[test]
    fn distance_is_to_the_nearest_surface_point() {
        let points: Vec<_> = (0..60).map(|i| noise(i) * 0.7).collect();
        let inside = |y: &Vector3<f64>| {
            let centre = Vector3::new(0.0, y.y.clamp(-0.3, 0.3), 0.0);
            (y - centre).norm_squared() <= 0.04
        };
        assert_exact(&CAPSULE, inside, &points);
    }

    #[test]
    fn probe_vjp_is_the_transpose_in_every_region() {
        // Point, and whether the normal bends in the directions of x, y and z: shaft
        // inside and outside, both caps, the segment and its end.
        let regions = [
            ([0.1, 0.1, 0.0], [false, false, true]),
            ([0.0, -0.2, 0.5], [true, false, false]),
            ([0.2, 0.6, -0.3], [true, true, true]),
            ([0.0, -0.35, 0.0], [true, false, true]),
            ([0.0, 0.1, 0.0], [false, false, false]),
            ([0.0, 0.3, 0.0], [false, false, false]),
        ];
        for (seed, (point, axes)) in regions.into_iter().enumerate() {
            let point = Vector3::from(point);
            assert_transpose(&CAPSULE, &point, seed as u32);
            let bent = [0, 1, 2].map(|i| bend(&CAPSULE, &point, &Vector3::ith(i, 1.0)) > 0.1);
            assert_eq!(bent, axes, "{point}");
        }
    }

    #[test]
    fn normal_of_the_shaft_and_of_the_caps() {
        let normal = |y: [f64; 3]| CAPSULE.probe(&Vector3::from(y)).normal;
        assert_eq!(normal([0.0, 0.2, -0.5]), -Vector3::z());
        assert_eq!(normal([0.0, -0.9, 0.0]), -Vector3::y());
        assert_eq!(normal([0.0, 0.0, 0.0]), Vector3::x());
        let cap = normal([0.3, 0.7, 0.0]);
        assert!((cap - Vector3::new(0.6, 0.8, 0.0)).norm() < 1e-15);
    }
}
