//! Box about the origin of its frame, with sharp or rounded edges.

use std::f64::consts::PI;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Probe, SignedDistance, polar, ramp, side};

/// All points within `rounding` of the core box `|y_i| <= half_extents_i - rounding`:
/// a box whose edges and corners are rounded inwards, so that its faces stay at
/// `half_extents`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cuboid<T: Real> {
    /// Distance of the faces from the centre (m), positive.
    pub half_extents: Vector3<T>,
    /// Radius of the edges (m), from zero (sharp) to the least half extent.
    pub rounding: T,
}

impl<T: Real> Cuboid<T> {
    /// Half extents of the core box (m).
    #[inline]
    fn core(&self) -> Vector3<T> {
        self.half_extents.map(|b| b - self.rounding)
    }

    /// Side of each axis that `y` is on, and its excess over the core
    /// `q_i = |y_i| - b_i + r` (m).
    #[inline]
    fn excess(&self, point: &Vector3<T>) -> (Vector3<T>, Vector3<T>) {
        let sign = point.map(side);
        (sign, sign.component_mul(point) - self.core())
    }

    /// Axis of the nearest face of the core, from inside; of equally near ones the
    /// first in the order x, y, z.
    #[inline]
    fn nearest(q: &Vector3<T>) -> usize {
        if q.x >= q.y && q.x >= q.z {
            0
        } else if q.y >= q.z {
            1
        } else {
            2
        }
    }
}

impl<T: Real> SignedDistance<T> for Cuboid<T> {
    /// With `w = max(q, 0)`: outside the core `d = |w| - r`, `n = w / |w|` with the
    /// signs of `y`; in it `d = max_i q_i - r` and the normal of that face.
    ///
    /// Creases: on a plane of symmetry the side of +axis, of equally near faces the
    /// first, where `q_i = 0` the derivative from below.
    #[inline]
    fn probe(&self, point: &Vector3<T>) -> Probe<T> {
        let (sign, q) = self.excess(point);
        let (length, unit) = polar(&q.map(ramp)).unwrap_or_else(|| {
            let axis = Self::nearest(&q);
            (q[axis], Vector3::ith(axis, T::one()))
        });
        Probe {
            distance: length - self.rounding,
            normal: sign.component_mul(&unit),
        }
    }

    /// `H = (A - n n^T) / |w|` with `A` the projector on the axes of `q_i > 0`; zero
    /// on faces and in the core.
    #[inline]
    fn probe_vjp(
        &self,
        point: &Vector3<T>,
        distance_bar: T,
        normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        let (sign, q) = self.excess(point);
        match polar(&q.map(ramp)) {
            Some((length, unit)) => {
                let normal = sign.component_mul(&unit);
                let active =
                    normal_bar.zip_map(&q, |bar, q| if q > T::zero() { bar } else { T::zero() });
                normal * distance_bar + (active - normal * normal.dot(normal_bar)) / length
            }
            None => {
                let axis = Self::nearest(&q);
                Vector3::ith(axis, sign[axis] * distance_bar)
            }
        }
    }

    /// `|b - r| + r`.
    fn bounding_radius(&self) -> Option<f64> {
        Some(self.core().map(Real::to_f64).norm() + self.rounding.to_f64())
    }

    /// Steiner's formula with the core `c`:
    /// `8 c_x c_y c_z + 8 r (c_x c_y + c_y c_z + c_z c_x) + 2 pi r^2 (c_x + c_y + c_z) + 4/3 pi r^3`.
    fn volume(&self) -> Option<f64> {
        let c = self.core().map(Real::to_f64);
        let r = self.rounding.to_f64();
        let faces = c.x * c.y + c.y * c.z + c.z * c.x;
        Some(
            8.0 * c.product()
                + 8.0 * r * faces
                + 2.0 * PI * r.powi(2) * c.sum()
                + 4.0 / 3.0 * PI * r.powi(3),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Shape, super::testing::*, *};

    const B: Vector3<f64> = Vector3::new(0.3, 0.2, 0.4);

    fn cuboid(rounding: f64) -> Shape<f64> {
        Shape::Cuboid(Cuboid {
            half_extents: B,
            rounding,
        })
    }

    #[test]
    fn distance_is_to_the_nearest_surface_point() {
        let points: Vec<_> = (0..60).map(|i| noise(i) * 0.6).collect();
        for r in [0.0, 0.1] {
            // A point of the core within r of y, if any, is the nearest one: y clamped.
            let inside = |y: &Vector3<f64>| {
                let core = B.add_scalar(-r);
                let clamped = y.zip_map(&core, |y, c| y.clamp(-c, c));
                (y - clamped).norm() <= r
            };
            assert_exact(&cuboid(r), inside, &points);
        }
    }

    #[test]
    fn probe_vjp_is_the_transpose_in_every_region() {
        // Point, and how many axes bend there: inside, face, edge, corner, and the
        // crease of equally near faces.
        let regions = [
            ([0.05, 0.02, -0.1], 0),
            ([0.5, -0.1, 0.1], 0),
            ([-0.5, 0.4, 0.1], 2),
            ([0.5, -0.4, -0.7], 3),
            ([0.0, 0.0, 0.2], 0),
            ([0.0, 0.0, 0.0], 0),
        ];
        for r in [0.0, 0.05] {
            for (seed, (point, axes)) in regions.into_iter().enumerate() {
                let point = Vector3::from(point);
                assert_transpose(&cuboid(r), &point, seed as u32);
                let bent =
                    (0..3).filter(|&i| bend(&cuboid(r), &point, &Vector3::ith(i, 1.0)) > 0.1);
                assert_eq!(bent.count(), axes, "{point}");
            }
        }
    }

    #[test]
    fn normal_of_a_face_edge_and_crease() {
        let normal = |y: [f64; 3]| cuboid(0.0).probe(&Vector3::from(y)).normal;
        assert_eq!(normal([-0.5, 0.1, 0.1]), -Vector3::x());
        assert_eq!(normal([0.0, -0.1, 0.0]), -Vector3::y());
        // 3-4-5 off the edge; excess 0.03, 0.04.
        let edge = normal([0.33, -0.24, 0.0]);
        assert!((edge - Vector3::new(0.6, -0.8, 0.0)).norm() < 1e-12);
        // Equally far from x = 0.3 and y = 0.2: the first axis.
        let tie: f64 = cuboid(0.0).probe(&Vector3::new(0.25, 0.15, 0.0)).distance;
        assert!((tie + 0.05).abs() < 1e-15);
        assert_eq!(Cuboid::nearest(&Vector3::new(-0.1, -0.1, -0.1)), 0);
        assert_eq!(Cuboid::nearest(&Vector3::new(-0.2, -0.1, -0.1)), 1);
        assert_eq!(Cuboid::nearest(&Vector3::new(-0.2, -0.2, -0.1)), 2);
    }
}
