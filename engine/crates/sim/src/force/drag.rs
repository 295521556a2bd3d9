//! A resistance to all motion.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{ForceBar, ForceLaw, Parameters, fill};

/// `dv/dt = -(l + q |v|) v`, by implicit Euler with the speed before:
/// `v <- v / (1 + dt (l + q |v|))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drag<T: Real> {
    /// Linear coefficient l (1/s).
    pub linear: T,
    /// Quadratic coefficient q (1/m).
    pub quadratic: T,
}

impl<T: Real> ForceLaw<T> for Drag<T> {
    const NAMES: &'static [&'static str] = &["linear", "quadratic"];

    fn push(&self, _x: &Vector3<T>, v: &Vector3<T>, dt: T) -> Vector3<T> {
        // The norm of zero has no derivative; its product with v has: zero.
        let speed = v.norm_squared();
        let speed = if speed > T::zero() {
            speed.sqrt()
        } else {
            T::zero()
        };
        v / (T::one() + dt * (self.linear + self.quadratic * speed))
    }

    fn push_vjp(&self, _x: &Vector3<T>, v: &Vector3<T>, dt: T, bar: &Vector3<T>) -> ForceBar<T> {
        let speed = v.norm();
        let share = T::one() / (T::one() + dt * (self.linear + self.quadratic * speed));
        let share_bar = -share * share * dt * v.dot(bar);
        let mut v_bar = bar * share;
        if speed > T::zero() {
            v_bar += v * (share_bar * self.quadratic / speed);
        }
        ForceBar {
            x: Vector3::zeros(),
            v: v_bar,
            parameters: fill([share_bar, share_bar * speed]),
        }
    }

    fn parameters(&self) -> Parameters<T> {
        fill([self.linear, self.quadratic])
    }

    fn of(parameters: &Parameters<T>) -> Self {
        Self {
            linear: parameters[0],
            quadratic: parameters[1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{AnyForce, testing::check},
        *,
    };

    #[test]
    fn vjp_is_the_transpose() {
        let (linear, quadratic) = (0.7, 1.3);
        check(&AnyForce::Drag(Drag { linear, quadratic }), 11);
    }

    #[test]
    fn matter_at_rest_stays_so_and_has_a_derivative() {
        let drag = Drag {
            linear: 0.7,
            quadratic: 1.3,
        };
        let still: Vector3<f64> = Vector3::zeros();
        assert_eq!(drag.push(&still, &still, 0.1), still);
        let bar = drag.push_vjp(&still, &still, 0.1, &Vector3::x());
        assert!((bar.v.x - 1.0 / 1.07).abs() <= 1e-15);
    }
}
