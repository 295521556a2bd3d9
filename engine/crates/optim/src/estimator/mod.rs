//! Where a gradient comes from: one file a source.

pub mod adaptive_batch;
pub mod adjoint;
pub mod consensus;
pub mod finite_difference;
pub mod gaussian_process;
pub mod harpg;
pub mod hessian_alignment;
pub mod policy_gradient;
pub mod rectified;
pub mod values;

mod settings;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::objective::{Evaluation, Objective};

pub use adaptive_batch::AdaptiveBatch;
pub use adjoint::Adjoint;
pub use consensus::Consensus;
pub use finite_difference::FiniteDifference;
pub use gaussian_process::GaussianProcess;
pub use harpg::Harpg;
pub use hessian_alignment::HessianAlignment;
pub use policy_gradient::PolicyGradient;
pub use rectified::Rectified;
pub use settings::EstimatorSettings;
pub use values::Values;

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

    /// Whether the memory is that of `dimension` parameters: a check of saved states. Default:
    /// there is none.
    fn fits(&self, dimension: usize) -> bool {
        let _ = dimension;
        true
    }
}

/// An estimator with its memory, as saved with a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AnyEstimator {
    /// See [`Adjoint`].
    Adjoint(Adjoint),
    /// See [`FiniteDifference`].
    FiniteDifference(FiniteDifference),
    /// See [`Values`].
    Values(Values),
    /// See [`Consensus`].
    Consensus(Consensus),
    /// See [`GaussianProcess`].
    GaussianProcess(GaussianProcess),
    /// See [`PolicyGradient`].
    PolicyGradient(PolicyGradient),
    /// See [`Harpg`].
    Harpg(Harpg),
    /// See [`AdaptiveBatch`].
    AdaptiveBatch(AdaptiveBatch),
    /// See [`HessianAlignment`].
    HessianAlignment(HessianAlignment),
    /// See [`Rectified`].
    Rectified(Rectified),
}

/// Asks the estimator of whatever kind.
macro_rules! each_estimator {
    ($any:expr, $estimator:ident => $answer:expr) => {
        match $any {
            AnyEstimator::Adjoint($estimator) => $answer,
            AnyEstimator::FiniteDifference($estimator) => $answer,
            AnyEstimator::Values($estimator) => $answer,
            AnyEstimator::Consensus($estimator) => $answer,
            AnyEstimator::GaussianProcess($estimator) => $answer,
            AnyEstimator::PolicyGradient($estimator) => $answer,
            AnyEstimator::Harpg($estimator) => $answer,
            AnyEstimator::AdaptiveBatch($estimator) => $answer,
            AnyEstimator::HessianAlignment($estimator) => $answer,
            AnyEstimator::Rectified($estimator) => $answer,
        }
    };
}

impl Estimator for AnyEstimator {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        each_estimator!(self, estimator => estimator.estimate(objective, x, context))
    }

    fn fits(&self, dimension: usize) -> bool {
        each_estimator!(self, estimator => estimator.fits(dimension))
    }
}
