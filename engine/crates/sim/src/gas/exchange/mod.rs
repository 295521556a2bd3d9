//! What matter is to the gas, and what the gas does to it.
//!
//! Grains are spread over the faces ([`load()`]), the gas is told what it meets there
//! ([`matter()`]), what it does to the matter is found at the faces ([`pull()`]) and comes back to
//! the grains ([`kick()`]) by the weights that spread them, so that what one loses the other has.

mod grain;
mod kick;
mod load;
mod matter;
mod pull;
#[cfg(test)]
mod tests;

pub use grain::Grain;
pub use kick::{kick, kick_vjp};
pub use load::{Load, load, load_vjp};
pub use matter::{matter, matter_vjp};
pub use pull::{pull, pull_vjp};

pub(crate) use grain::ghosts;

use backflow_diff::Real;

/// How matter and gas push each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coupling<T: Real> {
    /// Drag on a volume of matter for each unit of velocity that it is slower than the gas
    /// (kg/(m^3 s)).
    pub drag: T,
    /// Greatest share of a face that matter may take (1).
    pub share: T,
    /// Mass density of the gas (kg/m^3).
    pub density: T,
}

/// Cotangents of a [`Coupling`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CouplingBar {
    /// Of the drag.
    pub drag: f64,
    /// Of the density of the gas.
    pub density: f64,
}
