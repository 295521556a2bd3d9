//! Air that moves at one velocity and takes matter along.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{ForceBar, ForceLaw, Parameters, fill, vector};

/// `dv/dt = k (u - v)`, by implicit Euler: `v <- (v + dt k u) / (1 + dt k)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wind<T: Real> {
    /// Velocity u of the air (m/s).
    pub velocity: Vector3<T>,
    /// Rate k at which matter comes to it (1/s).
    pub rate: T,
}

impl<T: Real> ForceLaw<T> for Wind<T> {
    const NAMES: &'static [&'static str] = &["velocity", "velocity", "velocity", "rate"];

    fn push(&self, _x: &Vector3<T>, v: &Vector3<T>, dt: T) -> Vector3<T> {
        let step = dt * self.rate;
        (v + self.velocity * step) / (T::one() + step)
    }

    /// `dv'/dk = dt (u - v') / (1 + dt k)`.
    fn push_vjp(&self, x: &Vector3<T>, v: &Vector3<T>, dt: T, bar: &Vector3<T>) -> ForceBar<T> {
        let step = dt * self.rate;
        let v_bar = bar / (T::one() + step);
        let behind = self.velocity - self.push(x, v, dt);
        let rate_bar = behind.dot(&v_bar) * dt;
        let velocity_bar = v_bar * step;
        ForceBar {
            x: Vector3::zeros(),
            v: v_bar,
            parameters: fill(velocity_bar.iter().copied().chain([rate_bar])),
        }
    }

    fn parameters(&self) -> Parameters<T> {
        fill(self.velocity.iter().copied().chain([self.rate]))
    }

    fn of(parameters: &Parameters<T>) -> Self {
        Self {
            velocity: vector(parameters, 0),
            rate: parameters[3],
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
        let velocity = Vector3::new(1.0, -2.0, 0.5);
        check(
            &AnyForce::Wind(Wind {
                velocity,
                rate: 3.0,
            }),
            7,
        );
    }

    #[test]
    fn matter_comes_to_the_velocity_of_the_air_at_any_rate() {
        let velocity = Vector3::new(1.0, -2.0, 0.5);
        let wind = Wind {
            velocity,
            rate: 1e9,
        };
        let v = wind.push(&Vector3::zeros(), &Vector3::zeros(), 0.1);
        assert!((v - velocity).norm() <= 1e-7);
    }
}
