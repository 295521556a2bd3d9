//! How the vector moves: one file a method.
//!
//! An update is told the evaluation at `x` and moves `x` to where it wants the next one. It
//! owns no loop: its memory is plain data between two calls, so that any of them can be
//! stopped, saved and resumed by the same driver.

pub mod ada_grad_norm;
pub mod adam;
pub mod adam_p;
pub mod adam_w;
pub mod cma_es;
pub mod consensus;
pub mod diff_grad;
pub mod idle;
pub mod igt;
pub mod lbfgs;
pub mod m_fac;
pub mod normalized;
pub mod population;
pub mod random_search;
pub mod sgd;
pub mod surrogate;
pub mod wolfe;

mod settings;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::objective::Evaluation;

pub use ada_grad_norm::AdaGradNorm;
pub use adam::Adam;
pub use adam_p::AdamP;
pub use adam_w::AdamW;
pub use cma_es::CmaEs;
pub use consensus::Consensus;
pub use diff_grad::DiffGrad;
pub use idle::Idle;
pub use igt::Igt;
pub use lbfgs::Lbfgs;
pub use m_fac::Mfac;
pub use normalized::Normalized;
pub(crate) use population::gibbs_mean;
pub use random_search::RandomSearch;
pub use settings::UpdateSettings;
pub use sgd::Sgd;
pub use surrogate::Surrogate;

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

    /// Whether a point whose value is not finite is only a bad candidate to this update, and told
    /// to it as infinite; else the driver goes back to the best point. Default: it is not.
    fn endures(&self) -> bool {
        false
    }

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
    /// See [`AdamW`].
    AdamW(AdamW),
    /// See [`AdamP`].
    AdamP(AdamP),
    /// See [`DiffGrad`].
    DiffGrad(DiffGrad),
    /// See [`AdaGradNorm`].
    AdaGradNorm(AdaGradNorm),
    /// See [`Mfac`].
    Mfac(Mfac),
    /// See [`Normalized`].
    Normalized(Normalized),
    /// See [`Igt`].
    Igt(Igt),
    /// See [`Surrogate`].
    Surrogate(Surrogate),
    /// See [`Consensus`].
    Consensus(Consensus),
    /// See [`CmaEs`].
    CmaEs(CmaEs),
    /// See [`RandomSearch`].
    Random(RandomSearch),
    /// See [`Idle`].
    Idle(Idle),
}

/// Asks the update of whatever kind.
macro_rules! each_update {
    ($any:expr, $update:ident => $answer:expr) => {
        match $any {
            AnyUpdate::Adam($update) => $answer,
            AnyUpdate::Sgd($update) => $answer,
            AnyUpdate::Lbfgs($update) => $answer,
            AnyUpdate::AdamW($update) => $answer,
            AnyUpdate::AdamP($update) => $answer,
            AnyUpdate::DiffGrad($update) => $answer,
            AnyUpdate::AdaGradNorm($update) => $answer,
            AnyUpdate::Mfac($update) => $answer,
            AnyUpdate::Normalized($update) => $answer,
            AnyUpdate::Igt($update) => $answer,
            AnyUpdate::Surrogate($update) => $answer,
            AnyUpdate::Consensus($update) => $answer,
            AnyUpdate::CmaEs($update) => $answer,
            AnyUpdate::Random($update) => $answer,
            AnyUpdate::Idle($update) => $answer,
        }
    };
}

impl AnyUpdate {
    fn inner(&self) -> &dyn Update {
        each_update!(self, update => update)
    }

    fn inner_mut(&mut self) -> &mut dyn Update {
        each_update!(self, update => update)
    }
}

impl Update for AnyUpdate {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        self.inner_mut().step(x, evaluation, context)
    }

    fn restart(&mut self) {
        self.inner_mut().restart();
    }

    fn endures(&self) -> bool {
        self.inner().endures()
    }

    fn fits(&self, dimension: usize) -> bool {
        self.inner().fits(dimension)
    }
}
