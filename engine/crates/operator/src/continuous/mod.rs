//! Models in continuous time: a network says how fast reduced coordinates change, an adaptive integrator what comes
//! of it (Chen, Rubanova, Bettencourt & Duvenaud 2018, "Neural ordinary differential equations").
//!
//! - [`Dynamics`]: what gives the derivative, with its adjoint;
//! - [`Step`]: a step of Tsitouras's method of order 5 and what it knows of its own error;
//! - [`Solver`]: steps as long as the tolerance allows, and their adjoint with the lengths of the steps held;
//! - [`Regular`]: what is added to a loss so that the dynamics take few steps;
//! - [`Flow`]: a trained model from first coordinates to those at any times.
//!
//! States are columns, as features of layers are: those of a batch are integrated together.

mod dynamics;
mod flow;
mod regular;
mod solve;
mod step;
mod tableau;

pub use dynamics::Dynamics;
pub use flow::{Courses, Fit, Flow, Loss};
pub use regular::{Estimate, Regular};
pub use solve::{Solution, SolutionBar, Solver};
pub use step::{Step, StepBar, Tolerance};
