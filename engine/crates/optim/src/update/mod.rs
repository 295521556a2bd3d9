//! How the vector moves: one file a method.
//!
//! An update is told the evaluation at `x` and moves `x` to where it wants the next one. It
//! owns no loop: its memory is plain data between two calls, so that any of them can be
//! stopped, saved and resumed by the same driver.

pub mod adam;
pub mod lbfgs;
pub mod sgd;
pub mod wolfe;

mod settings;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::objective::Evaluation;

pub use adam::Adam;
pub use lbfgs::Lbfgs;
pub use settings::UpdateSettings;
pub use sgd::Sgd;

/// What an update made of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The evaluated point is the new iterate; `x` has moved on from it.
    Accepted,
    /// The evaluated point was a trial of a line search that goes on; `x` is the next trial.
    Probe,
    /// No descent is left to round-off; `x` is the last iterate.
    Stalled,
}

/// A rule that moves the parameters.
pub trait Update {
    /// Takes in the evaluation at `x` and moves `x` to the next point to evaluate.
    ///
    /// The caller then projects `x` onto the bounds of `context.layout`, and has made sure that
    /// the evaluation is finite.
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step;

    /// Told that its last move led to non-finite numbers: the next call starts over from
    /// another point, at a lower rate. Whatever led there must be forgotten.
    fn restart(&mut self);

    /// Whether the memory is that of `dimension` parameters: a check of saved states.
    fn fits(&self, dimension: usize) -> bool;
}

/// An update with its memory, as saved with a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AnyUpdate {
    /// See [`Adam`].
    Adam(Adam),
    /// See [`Sgd`].
    Sgd(Sgd),
    /// See [`Lbfgs`].
    Lbfgs(Lbfgs),
}

impl AnyUpdate {
    fn inner(&self) -> &dyn Update {
        match self {
            Self::Adam(update) => update,
            Self::Sgd(update) => update,
            Self::Lbfgs(update) => update,
        }
    }

    fn inner_mut(&mut self) -> &mut dyn Update {
        match self {
            Self::Adam(update) => update,
            Self::Sgd(update) => update,
            Self::Lbfgs(update) => update,
        }
    }
}

impl Update for AnyUpdate {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        self.inner_mut().step(x, evaluation, context)
    }

    fn restart(&mut self) {
        self.inner_mut().restart();
    }

    fn fits(&self, dimension: usize) -> bool {
        self.inner().fits(dimension)
    }
}
