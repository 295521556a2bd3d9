//! An acceleration that is the same everywhere.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{ForceBar, ForceLaw, Parameters, fill, vector};

/// `v <- v + dt a`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant<T: Real> {
    /// Acceleration a (m/s^2).
    pub acceleration: Vector3<T>,
}

impl<T: Real> ForceLaw<T> for Constant<T> {
    const NAMES: &'static [&'static str] = &["acceleration"; 3];

    fn push(&self, _x: &Vector3<T>, v: &Vector3<T>, dt: T) -> Vector3<T> {
        v + self.acceleration * dt
    }

    fn push_vjp(&self, _x: &Vector3<T>, _v: &Vector3<T>, dt: T, bar: &Vector3<T>) -> ForceBar<T> {
        ForceBar {
            x: Vector3::zeros(),
            v: *bar,
            parameters: fill((bar * dt).iter().copied()),
        }
    }

    fn parameters(&self) -> Parameters<T> {
        fill(self.acceleration.iter().copied())
    }

    fn of(parameters: &Parameters<T>) -> Self {
        Self {
            acceleration: vector(parameters, 0),
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
        let acceleration = Vector3::new(1.0, -2.0, 0.5);
        check(&AnyForce::Constant(Constant { acceleration }), 3);
    }
}
