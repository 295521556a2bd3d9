//! A whirl.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{ForceBar, ForceLaw, Parameters, fill, vector};

/// `dv/dt = w x r / (1 + |r|^2 / R^2)` with `r = x - c`: about the axis `w` through the centre,
/// strongest at the distance R.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vortex<T: Real> {
    /// Axis and strength w (1/s^2).
    pub swirl: Vector3<T>,
    /// Centre c (m).
    pub centre: Vector3<T>,
    /// Radius R (m).
    pub radius: T,
}

impl<T: Real> ForceLaw<T> for Vortex<T> {
    const NAMES: &'static [&'static str] = &[
        "swirl", "swirl", "swirl", "centre", "centre", "centre", "radius",
    ];

    fn push(&self, x: &Vector3<T>, v: &Vector3<T>, dt: T) -> Vector3<T> {
        let r = x - self.centre;
        let share = T::one() + r.norm_squared() / (self.radius * self.radius);
        v + self.swirl.cross(&r) * (dt / share)
    }

    fn push_vjp(&self, x: &Vector3<T>, _v: &Vector3<T>, dt: T, bar: &Vector3<T>) -> ForceBar<T> {
        let (r, two) = (x - self.centre, T::of(2.0));
        let square = self.radius * self.radius;
        let share = T::one() / (T::one() + r.norm_squared() / square);
        let along = bar * (dt * share);
        let share_bar = self.swirl.cross(&r).dot(bar) * dt;
        let by_square = share_bar * share * share;
        let x_bar = along.cross(&self.swirl) - r * (two * by_square / square);
        let radius_bar = two * by_square * r.norm_squared() / (square * self.radius);
        let swirl_bar = r.cross(&along);
        let centre_bar = -x_bar;
        let vectors = swirl_bar.iter().chain(centre_bar.iter()).copied();
        ForceBar {
            x: x_bar,
            v: *bar,
            parameters: fill(vectors.chain([radius_bar])),
        }
    }

    fn parameters(&self) -> Parameters<T> {
        let vectors = self.swirl.iter().chain(self.centre.iter()).copied();
        fill(vectors.chain([self.radius]))
    }

    fn of(parameters: &Parameters<T>) -> Self {
        Self {
            swirl: vector(parameters, 0),
            centre: vector(parameters, 3),
            radius: parameters[6],
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
        let law = Vortex {
            swirl: Vector3::new(0.4, 2.0, -1.0),
            centre: Vector3::new(0.1, 0.2, -0.3),
            radius: 0.6,
        };
        check(&AnyForce::Vortex(law), 13);
    }
}
