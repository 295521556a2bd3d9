//! A point that attracts or repels.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{ForceBar, ForceLaw, Parameters, fill, vector};

/// `dv/dt = s r / (|r|^2 + e^2)^(3/2)` with `r = c - x`: attraction like that of a mass, softened
/// within the radius `e` (Plummer 1911). A negative strength repels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<T: Real> {
    /// Centre c (m).
    pub centre: Vector3<T>,
    /// Strength s (m^3/s^2).
    pub strength: T,
    /// Radius e (m), positive.
    pub radius: T,
}

impl<T: Real> Point<T> {
    /// `|r|^2 + e^2` and its power `-3/2`.
    fn falloff(&self, r: &Vector3<T>) -> (T, T) {
        let square = r.norm_squared() + self.radius * self.radius;
        (square, T::one() / (square * square.sqrt()))
    }
}

impl<T: Real> ForceLaw<T> for Point<T> {
    const NAMES: &'static [&'static str] = &["centre", "centre", "centre", "strength", "radius"];

    fn push(&self, x: &Vector3<T>, v: &Vector3<T>, dt: T) -> Vector3<T> {
        let r = self.centre - x;
        v + r * (dt * self.strength * self.falloff(&r).1)
    }

    fn push_vjp(&self, x: &Vector3<T>, _v: &Vector3<T>, dt: T, bar: &Vector3<T>) -> ForceBar<T> {
        let (r, three) = (self.centre - x, T::of(3.0));
        let (square, power) = self.falloff(&r);
        let (a_bar, along) = (bar * dt, r.dot(bar) * dt);
        let r_bar = (a_bar - r * (three * along / square)) * (self.strength * power);
        let strength_bar = along * power;
        let radius_bar = -three * self.strength * self.radius * along * power / square;
        ForceBar {
            x: -r_bar,
            v: *bar,
            parameters: fill(r_bar.iter().copied().chain([strength_bar, radius_bar])),
        }
    }

    fn parameters(&self) -> Parameters<T> {
        fill(
            self.centre
                .iter()
                .copied()
                .chain([self.strength, self.radius]),
        )
    }

    fn of(parameters: &Parameters<T>) -> Self {
        Self {
            centre: vector(parameters, 0),
            strength: parameters[3],
            radius: parameters[4],
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
        let law = Point {
            centre: Vector3::new(0.1, 0.2, -0.3),
            strength: 1.7,
            radius: 0.4,
        };
        check(&AnyForce::Point(law), 17);
    }
}
