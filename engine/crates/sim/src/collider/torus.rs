//! Torus about the y axis of its frame.

use std::f64::consts::PI;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Probe, SignedDistance, polar};

/// All points within `tube` of the circle of `radius` about the origin in the plane y = 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Torus<T: Real> {
    /// Radius of the circle in the middle of the tube (m), larger than `tube`.
    pub radius: T,
    /// Radius of the tube (m), positive.
    pub tube: T,
}

/// A point in the half plane through the axis, where the torus is a disc.
struct Meridian<T: Real> {
    /// Distance from the axis `rho` (m); zero on it.
    radius: T,
    /// Unit vector away from the axis.
    outward: Vector3<T>,
    /// Distance from the circle in the tube `l` (m); zero on it.
    length: T,
    /// Direction away from the circle `(m_rho, m_y)`.
    across: T,
    upward: T,
}

impl<T: Real> Torus<T> {
    /// On the axis the half plane of +x is taken, on the circle the direction away from the
    /// axis.
    #[inline]
    fn meridian(&self, point: &Vector3<T>) -> Meridian<T> {
        let flat = Vector3::new(point.x, T::zero(), point.z);
        let (radius, outward) = polar(&flat).unwrap_or((point.x, Vector3::x()));
        let way = Vector3::new(radius - self.radius, point.y, T::zero());
        let (length, m) = polar(&way).unwrap_or((way.x, Vector3::x()));
        Meridian {
            radius,
            outward,
            length,
            across: m.x,
            upward: m.y,
        }
    }
}

impl<T: Real> SignedDistance<T> for Torus<T> {
    /// With `q = (rho - R, y)`, `l = |q|`, `m = q / l`: `d = l - r` and
    /// `(n_rho, n_y) = m`. Creases: +x on the axis, away from the axis on the circle.
    #[inline]
    fn probe(&self, point: &Vector3<T>) -> Probe<T> {
        let Meridian {
            outward,
            length,
            across,
            upward,
            ..
        } = self.meridian(point);
        Probe {
            distance: length - self.tube,
            normal: outward * across + Vector3::y() * upward,
        }
    }

    /// `H = m_rho / rho * t t^T + s s^T / l` with `t` the horizontal tangent and `s` that
    /// around the tube, `(s_rho, s_y) = (-m_y, m_rho)`; the first is zero on the axis, the
    /// second on the circle.
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
            length,
            across,
            upward,
        } = self.meridian(point);
        let up = Vector3::y();
        let (out_bar, up_bar) = (outward.dot(normal_bar), normal_bar.y);
        let mut bar = (outward * across + up * upward) * distance_bar;
        if radius > T::zero() {
            bar += (*normal_bar - outward * out_bar - up * up_bar) * (across / radius);
        }
        if length > T::zero() {
            let around = (across * up_bar - upward * out_bar) / length;
            bar += (up * across - outward * upward) * around;
        }
        bar
    }

    /// `R + r`.
    fn bounding_radius(&self) -> Option<f64> {
        Some(self.radius.to_f64() + self.tube.to_f64())
    }

    /// `2 pi^2 R r^2`.
    fn volume(&self) -> Option<f64> {
        Some(2.0 * PI * PI * self.radius.to_f64() * self.tube.to_f64().powi(2))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Shape, super::testing::*, *};

    const TORUS: Shape<f64> = Shape::Torus(Torus {
        radius: 0.3,
        tube: 0.1,
    });

    #[test]
    fn distance_is_to_the_nearest_surface_point() {
        let count = 400;
        let turn = |k: i32| std::f64::consts::TAU * f64::from(k) / f64::from(count);
        for seed in 0..40 {
            let point: Vector3<f64> = noise(seed) * 0.5;
            let Probe { distance, normal } = TORUS.probe(&point);
            let mut nearest = f64::INFINITY;
            for (i, j) in (0..count).flat_map(|i| (0..count).map(move |j| (i, j))) {
                let rho = 0.3 + 0.1 * turn(j).cos();
                let surface = Vector3::new(
                    rho * turn(i).cos(),
                    0.1 * turn(j).sin(),
                    rho * turn(i).sin(),
                );
                nearest = nearest.min((surface - point).norm());
            }
            // Samples are at most 0.0063 apart.
            assert!(
                distance.abs() <= nearest + 1e-12 && nearest < distance.abs() + 0.004,
                "{point}"
            );
            let foot = point - normal * distance;
            assert!(((foot.x.hypot(foot.z) - 0.3).hypot(foot.y) - 0.1).abs() < 1e-12);
        }
    }

    #[test]
    fn probe_vjp_is_the_transpose_in_every_region() {
        // In the tube, in the hole, beside and above; on the axis and on the circle.
        let regions = [
            [0.25, 0.03, 0.1],
            [0.05, 0.02, -0.1],
            [0.6, 0.1, 0.2],
            [-0.2, -0.5, 0.2],
            [0.0, 0.2, 0.0],
            [0.0, 0.0, 0.0],
            [0.3, 0.0, 0.0],
        ];
        for (seed, point) in regions.into_iter().enumerate() {
            assert_transpose(&TORUS, &Vector3::from(point), seed as u32);
        }
        // Curvature 1 / 0.2 around the tube, and 1 / 0.5 along it, outside at (0.5, 0, 0).
        let y = Vector3::new(0.5, 0.0, 0.0);
        assert!((bend(&TORUS, &y, &Vector3::y()) - 5.0).abs() < 1e-12);
        assert!((bend(&TORUS, &y, &Vector3::z()) - 2.0).abs() < 1e-12);
        assert_eq!(bend(&TORUS, &y, &Vector3::x()), 0.0);
    }

    #[test]
    fn creases_take_the_documented_side() {
        let normal = |y: [f64; 3]| TORUS.probe(&Vector3::from(y)).normal;
        assert_eq!(normal([0.3, 0.0, 0.0]), Vector3::x());
        assert_eq!(normal([0.0, 0.0, 0.0]), -Vector3::x());
    }
}
