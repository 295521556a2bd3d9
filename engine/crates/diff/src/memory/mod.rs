//! How a chain of maps remembers its forward pass.

mod chain;
mod plan;
mod sweep;

pub use chain::{Memory, MemoryError, Pulled, Usage};
pub use plan::{Action, Actions, Plan, PlanError};
pub use sweep::{Lost, sweep};

/// A function with an exact inverse, such as an additive coupling (a symplectic Euler step).
///
/// Rounding grows with the depth of a chain, not with a factor, where nothing is scaled
/// (lambda = 1 in MEFT, Liao et al. 2023).
pub trait Reversible {
    /// `x` with `f(x) = y`.
    fn inverse(&self, y: &[f64]) -> Vec<f64>;
}
