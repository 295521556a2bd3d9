//! Where a gradient comes from: one file a source.

pub mod adjoint;
pub mod finite_difference;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::fault::{Fault, Faults};
use crate::objective::{Evaluation, Objective};

pub use adjoint::Adjoint;
pub use finite_difference::FiniteDifference;

/// A source of gradients.
///
/// An estimator may keep memory (a surrogate's data, a batch size); it is saved with the run
/// and must be all that the next answer depends on besides the arguments.
pub trait Estimator {
    /// Value, gradient and metrics of `objective` at `x`.
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error>;
}

/// Choice of an estimator in a scene (default: `Adjoint`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum EstimatorSettings {
    /// The objective's own gradient: one forward and one backward pass.
    #[default]
    Adjoint,
    /// Central differences of values: 2n + 1 forward passes.
    FiniteDifference {
        /// Relative step (default: 6.06e-6, the cube root of the machine epsilon).
        #[serde(default = "finite_difference::default_step")]
        step: f64,
    },
}

impl EstimatorSettings {
    /// The estimator at the beginning of a run.
    #[must_use]
    pub fn build(&self) -> AnyEstimator {
        match *self {
            Self::Adjoint => AnyEstimator::Adjoint(Adjoint),
            Self::FiniteDifference { step } => {
                AnyEstimator::FiniteDifference(FiniteDifference { step })
            }
        }
    }

    /// Gives a saved estimator these numbers; false if it is of another kind.
    pub fn configure(&self, estimator: &mut AnyEstimator) -> bool {
        match (self, estimator) {
            (Self::Adjoint, AnyEstimator::Adjoint(_)) => true,
            (Self::FiniteDifference { step }, AnyEstimator::FiniteDifference(estimator)) => {
                estimator.step = *step;
                true
            }
            _ => false,
        }
    }

    /// Bad numbers, under `estimator`.
    pub(crate) fn faults(&self, list: &mut Vec<Fault>) {
        let mut faults = Faults::new("estimator", list);
        match *self {
            Self::Adjoint => {}
            Self::FiniteDifference { step } => faults.positive("step", step),
        }
    }
}

/// An estimator with its memory, as saved with a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AnyEstimator {
    /// See [`Adjoint`].
    Adjoint(Adjoint),
    /// See [`FiniteDifference`].
    FiniteDifference(FiniteDifference),
}

impl Estimator for AnyEstimator {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        match self {
            Self::Adjoint(estimator) => estimator.estimate(objective, x, context),
            Self::FiniteDifference(estimator) => estimator.estimate(objective, x, context),
        }
    }
}
