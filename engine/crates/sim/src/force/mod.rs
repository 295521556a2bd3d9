//! Forces on particles that come from nothing that is simulated: one law a file.
//!
//! They act before a substep, on velocities: `v <- push(x, v)`. What depends on the velocity is
//! integrated so that no rate is too much for the time step.

mod constant;
mod drag;
mod point;
mod push;
mod vortex;
mod wind;

use backflow_diff::Real;
use nalgebra::Vector3;

pub use constant::Constant;
pub use drag::Drag;
pub use point::Point;
pub use push::{PushBar, push, push_vjp};
pub use vortex::Vortex;
pub use wind::Wind;

use crate::world::cast;

/// Parameters of a force, at most.
pub const PARAMETERS: usize = 7;

/// Parameters of a force, its own first, then zeros.
pub type Parameters<T> = [T; PARAMETERS];

/// Cotangents of what a force depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForceBar<T: Real> {
    /// Of the position.
    pub x: Vector3<T>,
    /// Of the velocity before.
    pub v: Vector3<T>,
    /// Of the parameters.
    pub parameters: Parameters<T>,
}

/// How a force changes velocities.
pub trait ForceLaw<T: Real>: Copy {
    /// Velocity (m/s) after a time `dt` (s) of a particle at `x` (m) with velocity `v`.
    fn push(&self, x: &Vector3<T>, v: &Vector3<T>, dt: T) -> Vector3<T>;

    /// Cotangents of [`ForceLaw::push`].
    fn push_vjp(&self, x: &Vector3<T>, v: &Vector3<T>, dt: T, bar: &Vector3<T>) -> ForceBar<T>;

    /// Its parameters.
    fn parameters(&self) -> Parameters<T>;

    /// From parameters.
    fn of(parameters: &Parameters<T>) -> Self;

    /// Names of the parameters; those of a vector have the same name.
    const NAMES: &'static [&'static str];
}

/// Any of the forces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AnyForce<T: Real> {
    /// See [`Constant`].
    Constant(Constant<T>),
    /// See [`Wind`].
    Wind(Wind<T>),
    /// See [`Drag`].
    Drag(Drag<T>),
    /// See [`Vortex`].
    Vortex(Vortex<T>),
    /// See [`Point`].
    Point(Point<T>),
}

/// A force and the bodies that it acts on.
#[derive(Debug, Clone, PartialEq)]
pub struct Force<T: Real> {
    /// Name in the scene.
    pub name: String,
    /// What it does.
    pub law: AnyForce<T>,
    /// Whether it acts on each body: the liquid ones, then the solid ones.
    pub acts: Vec<bool>,
}

/// Runs one expression on whichever law there is.
macro_rules! each_force {
    ($self:expr, $law:ident => $body:expr) => {
        match $self {
            AnyForce::Constant($law) => $body,
            AnyForce::Wind($law) => $body,
            AnyForce::Drag($law) => $body,
            AnyForce::Vortex($law) => $body,
            AnyForce::Point($law) => $body,
        }
    };
}

fn names<T: Real, F: ForceLaw<T>>(_law: &F) -> &'static [&'static str] {
    F::NAMES
}

impl<T: Real> AnyForce<T> {
    /// See [`ForceLaw::push`].
    pub fn push(&self, x: &Vector3<T>, v: &Vector3<T>, dt: T) -> Vector3<T> {
        each_force!(self, law => law.push(x, v, dt))
    }

    /// See [`ForceLaw::push_vjp`].
    pub fn push_vjp(&self, x: &Vector3<T>, v: &Vector3<T>, dt: T, bar: &Vector3<T>) -> ForceBar<T> {
        each_force!(self, law => law.push_vjp(x, v, dt, bar))
    }

    /// Its parameters.
    pub fn parameters(&self) -> Parameters<T> {
        each_force!(self, law => law.parameters())
    }

    /// Names of its parameters.
    pub fn names(&self) -> &'static [&'static str] {
        each_force!(self, law => names(law))
    }

    /// The same law with other parameters, in any scalar.
    pub fn with_parameters<U: Real>(&self, parameters: &Parameters<U>) -> AnyForce<U> {
        match self {
            Self::Constant(_) => AnyForce::Constant(Constant::of(parameters)),
            Self::Wind(_) => AnyForce::Wind(Wind::of(parameters)),
            Self::Drag(_) => AnyForce::Drag(Drag::of(parameters)),
            Self::Vortex(_) => AnyForce::Vortex(Vortex::of(parameters)),
            Self::Point(_) => AnyForce::Point(Point::of(parameters)),
        }
    }
}

impl<T: Real> Force<T> {
    /// The same force in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Force<U> {
        Force {
            name: self.name.clone(),
            law: self.law.with_parameters(&self.law.parameters().map(cast)),
            acts: self.acts.clone(),
        }
    }
}

/// Parameters that start with those of some vectors and numbers.
fn fill<T: Real>(values: impl IntoIterator<Item = T>) -> Parameters<T> {
    let mut parameters = [T::zero(); PARAMETERS];
    for (parameter, value) in parameters.iter_mut().zip(values) {
        *parameter = value;
    }
    parameters
}

/// The vector that starts with parameter `first`.
fn vector<T: Real>(parameters: &Parameters<T>, first: usize) -> Vector3<T> {
    Vector3::from_column_slice(&parameters[first..first + 3])
}

#[cfg(test)]
mod testing {
    use num_dual::Dual64;

    use super::*;
    use crate::collider::testing::noise;

    /// Checks [`ForceLaw::push_vjp`] in position, velocity and every parameter, at random
    /// places.
    pub fn check(law: &AnyForce<f64>, seed: u32) {
        let dt = 0.1;
        for at in 0..8 {
            let seed = seed + 20 * at;
            let [x, v, bar, dx, dv] = [0, 1, 2, 3, 4].map(|number| noise(seed + number));
            let back = law.push_vjp(&x, &v, dt, &bar);
            let still = |x: &Vector3<f64>| x.map(Dual64::from);
            let push = |law: &AnyForce<Dual64>, x: Vector3<Dual64>, v: Vector3<Dual64>| {
                law.push(&x, &v, Dual64::from(dt)).map(|v| v.eps).dot(&bar)
            };
            let plain = law.with_parameters(&law.parameters().map(Dual64::from));
            let close = |forward: f64, backward: f64, what: &str| {
                let error = (forward - backward).abs();
                assert!(
                    error <= 1e-12 * forward.abs().max(0.1),
                    "{what}: {forward} {backward}"
                );
            };
            let forward = push(&plain, x.zip_map(&dx, Dual64::new), still(&v));
            close(forward, back.x.dot(&dx), "position");
            let forward = push(&plain, still(&x), v.zip_map(&dv, Dual64::new));
            close(forward, back.v.dot(&dv), "velocity");
            for (index, name) in law.names().iter().enumerate() {
                let mut parameters = law.parameters().map(Dual64::from);
                parameters[index].eps = 1.0;
                let forward = push(&law.with_parameters(&parameters), still(&x), still(&v));
                close(forward, back.parameters[index], name);
            }
            assert!(
                back.parameters[law.names().len()..]
                    .iter()
                    .all(|bar| *bar == 0.0)
            );
        }
    }
}
