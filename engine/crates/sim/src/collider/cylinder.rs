//! Cylinder about the y axis of its frame.

use std::f64::consts::PI;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Probe, SignedDistance, polar, ramp, side};

/// All points within `radius` of the y axis with `|y| <= half_height`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cylinder<T: Real> {
    /// Radius (m), positive.
    pub radius: T,
    /// Half of the height (m), positive.
    pub half_height: T,
}

/// A point in the half plane through the axis, where the cylinder is a rectangle.
struct Meridian<T: Real> {
    /// Distance from the axis `rho` (m).
    radius: T,
    /// Unit vector away from the axis.
    outward: Vector3<T>,
    /// Unit vector along the axis towards the nearer cap.
    upward: Vector3<T>,
    /// Excess `(rho - r, |y| - h, 0)` (m).
    excess: Vector3<T>,
}

impl<T: Real> Cylinder<T> {
    /// On the axis the half plane of +x is taken, on the plane of symmetry that cap
    /// of +y.
    #[inline]
    fn meridian(&self, point: &Vector3<T>) -> Meridian<T> {
        let flat = Vector3::new(point.x, T::zero(), point.z);
        let (radius, outward) = polar(&flat).unwrap_or((point.x, Vector3::x()));
        let sign = side(point.y);
        Meridian {
            radius,
            outward,
            upward: Vector3::y() * sign,
            excess: Vector3::new(
                radius - self.radius,
                sign * point.y - self.half_height,
                T::zero(),
            ),
        }
    }

    /// Distance and normal `(n_rho, n_y, 0)` in the half plane from inside: of the
    /// nearer of side and cap, at equal distance of the side.
    #[inline]
    fn inner(q: &Vector3<T>) -> (T, Vector3<T>) {
        if q.x >= q.y {
            (q.x, Vector3::x())
        } else {
            (q.y, Vector3::y())
        }
    }
}

impl<T: Real> SignedDistance<T> for Cylinder<T> {
    /// With `q = (rho - r, |y| - h)`, `w = max(q, 0)`: outside `d = |w|` and
    /// `(n_rho, n_y) = w / |w|`, inside `d = max(q_rho, q_y)`.
    ///
    /// Creases: see the private `meridian` and `inner`: +x on the axis, +y on the
    /// plane of symmetry, the side where side and cap are equally near; where
    /// `q_i = 0` the derivative from below.
    #[inline]
    fn probe(&self, point: &Vector3<T>) -> Probe<T> {
        let Meridian {
            outward,
            upward,
            excess,
            ..
        } = self.meridian(point);
        let (distance, m) = polar(&excess.map(ramp)).unwrap_or_else(|| Self::inner(&excess));
        Probe {
            distance,
            normal: outward * m.x + upward * m.y,
        }
    }

    /// `H = n_rho / rho * t t^T + [rim] (I_2 - m m^T) / |w|` with `t` the horizontal
    /// tangent, `m = (n_rho, n_y)` and the second term in the half plane, only where
    /// both `q_i > 0`; the first is zero on the axis.
    #[inline]
    fn probe_vjp(
        &self,
        point: &Vector3<T>,
        distance_bar: T,
        normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        let Meridian {
            radius,
            outward,
            upward,
            excess,
        } = self.meridian(point);
        let bar = Vector3::new(outward.dot(normal_bar), upward.dot(normal_bar), T::zero());
        let (m, bend) = match polar(&excess.map(ramp)) {
            Some((length, m)) => {
                let active = bar.zip_map(
                    &excess,
                    |bar, q| if q > T::zero() { bar } else { T::zero() },
                );
                (m, (active - m * m.dot(&bar)) / length)
            }
            None => (Self::inner(&excess).1, Vector3::zeros()),
        };
        let turn = if radius > T::zero() {
            (*normal_bar - outward * bar.x - upward * bar.y) * (m.x / radius)
        } else {
            Vector3::zeros()
        };
        outward * (m.x * distance_bar + bend.x) + upward * (m.y * distance_bar + bend.y) + turn
    }

    /// `sqrt(r^2 + h^2)`.
    fn bounding_radius(&self) -> Option<f64> {
        Some(self.radius.to_f64().hypot(self.half_height.to_f64()))
    }

    /// `2 pi r^2 h`.
    fn volume(&self) -> Option<f64> {
        Some(2.0 * PI * self.radius.to_f64().powi(2) * self.half_height.to_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Shape, super::testing::*, *};

    const CYLINDER: Shape<f64> = Shape::Cylinder(Cylinder {
        radius: 0.2,
        half_height: 0.3,
    });

    #[test]
    fn distance_is_to_the_nearest_surface_point() {
        let points: Vec<_> = (0..60).map(|i| noise(i) * 0.6).collect();
        let inside = |y: &Vector3<f64>| y.x.hypot(y.z) <= 0.2 && y.y.abs() <= 0.3;
        assert_exact(&CYLINDER, inside, &points);
    }

    #[test]
    fn probe_vjp_is_the_transpose_in_every_region() {
        // Point, and whether the normal bends in the directions of x, y and z: side
        // and cap from inside, side, cap, rims, and the axis.
        let regions = [
            ([0.15, 0.1, 0.0], [false, false, true]),
            ([0.05, -0.28, 0.02], [false, false, false]),
            ([0.0, -0.1, 0.5], [true, false, false]),
            ([0.1, 0.6, -0.05], [false, false, false]),
            ([0.3, 0.5, 0.0], [true, true, true]),
            ([-0.3, -0.35, 0.2], [true, true, true]),
            ([0.0, 0.05, 0.0], [false, false, false]),
            ([0.0, 0.0, 0.0], [false, false, false]),
        ];
        for (seed, (point, axes)) in regions.into_iter().enumerate() {
            let point = Vector3::from(point);
            assert_transpose(&CYLINDER, &point, seed as u32);
            let bent = [0, 1, 2].map(|i| bend(&CYLINDER, &point, &Vector3::ith(i, 1.0)) > 0.1);
            assert_eq!(bent, axes, "{point}");
        }
    }

    #[test]
    fn normal_of_side_cap_and_rim() {
        let normal = |y: [f64; 3]| CYLINDER.probe(&Vector3::from(y)).normal;
        assert_eq!(normal([0.0, 0.2, -0.5]), -Vector3::z());
        assert_eq!(normal([0.1, -0.9, 0.0]), -Vector3::y());
        assert_eq!(normal([0.0, 0.05, 0.0]), Vector3::x());
        let rim = normal([0.0, -0.7, 0.5]);
        assert!((rim - Vector3::new(0.0, -0.8, 0.6)).norm() < 1e-15);
        assert_eq!(
            Cylinder::inner(&Vector3::new(-0.1, -0.1, 0.0)).1,
            Vector3::x()
        );
    }
}
