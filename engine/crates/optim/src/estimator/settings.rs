//! Choice of an estimator in a scene.

use serde::{Deserialize, Serialize};

use super::{
    AdaptiveBatch, Adjoint, AnyEstimator, Consensus, FiniteDifference, GaussianProcess, Harpg,
    HessianAlignment, PolicyGradient, Rectified, Values, adaptive_batch, consensus,
    finite_difference, gaussian_process, policy_gradient, rectified,
};
use crate::fault::{Fault, Faults};

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
    /// Values alone, one forward pass: for `Consensus`, `CmaEs`, `Random` and `Idle`.
    Values,
    /// Weighted mean of samples: 1 + samples forward passes; see [`Consensus`].
    Consensus {
        /// Samples (default: 20).
        #[serde(default = "consensus::default_samples")]
        samples: usize,
        /// Their standard deviation in parameter units (default: 0.1).
        #[serde(default = "consensus::default_spread")]
        spread: f64,
        /// Sharpness of the mean, times the standard deviation of the values (default: 1).
        #[serde(default = "consensus::default_sharpness")]
        sharpness: f64,
        /// Seed of the samples (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// Gaussian process through all values: 1 + queries forward passes; see
    /// [`GaussianProcess`].
    GaussianProcess {
        /// Extra values an iteration (default: 5).
        #[serde(default = "gaussian_process::default_queries")]
        queries: usize,
        /// Nearest values that a fit uses (default: 150).
        #[serde(default = "gaussian_process::default_neighbours")]
        neighbours: usize,
        /// Distance of extra values in parameter units (default: 0.1).
        #[serde(default = "gaussian_process::default_spread")]
        spread: f64,
        /// Length scale over the spread (default: 10).
        #[serde(default = "gaussian_process::default_length")]
        length: f64,
        /// Variance of the noise over that of the values (default: 1e-6).
        #[serde(default = "gaussian_process::default_noise")]
        noise: f64,
        /// Seed of the directions (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// Likelihood ratios: `samples` forward passes; see [`PolicyGradient`].
    PolicyGradient {
        /// Rollouts an iteration (default: 1).
        #[serde(default = "policy_gradient::default_samples")]
        samples: usize,
        /// Standard deviation of the policy in parameter units (default: 0.1).
        #[serde(default = "policy_gradient::default_spread")]
        spread: f64,
        /// Share of the baseline that is kept (default: 0.9).
        #[serde(default = "policy_gradient::default_memory")]
        memory: f64,
        /// Seed of the noise (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// Mean of noisy gradients with Hessian correction: three gradients of one scenario; see
    /// [`Harpg`].
    Harpg {
        /// Seed of the draws (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// As many scenarios of an ensemble as the gradient needs; see [`AdaptiveBatch`].
    AdaptiveBatch {
        /// Scenarios of the first iteration (default: 2).
        #[serde(default = "adaptive_batch::default_batch")]
        batch: usize,
        /// Noise allowed over the gradient; 0: the batch stays (default: 1).
        #[serde(default = "adaptive_batch::default_tolerance")]
        tolerance: f64,
        /// Seed of the draws (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// Scenarios that shall agree in gradient and curvature; see [`HessianAlignment`].
    HessianAlignment {
        /// Weight of the differences of gradients (default: 0).
        #[serde(default)]
        gradient: f64,
        /// Weight of the differences of Hessian-gradient products (default: 0).
        #[serde(default)]
        hessian: f64,
    },
    /// Straight-through gradients of gates; see [`Rectified`].
    Rectified {
        /// Names of the slices that are gates.
        slices: Vec<String>,
        /// Exponent of the end (default: 3).
        #[serde(default = "rectified::default_exponent")]
        exponent: f64,
        /// Iterations over which it grows from 1 (default: 100).
        #[serde(default = "rectified::default_over")]
        over: usize,
    },
}

impl EstimatorSettings {
    /// The estimator at the beginning of a run.
    #[must_use]
    pub fn build(&self) -> AnyEstimator {
        let mut estimator = match self {
            Self::Adjoint => AnyEstimator::Adjoint(Adjoint),
            Self::FiniteDifference { .. } => {
                AnyEstimator::FiniteDifference(FiniteDifference::default())
            }
            Self::Values => AnyEstimator::Values(Values),
            Self::Consensus { .. } => AnyEstimator::Consensus(Consensus::default()),
            Self::GaussianProcess { .. } => {
                AnyEstimator::GaussianProcess(GaussianProcess::default())
            }
            Self::PolicyGradient { .. } => AnyEstimator::PolicyGradient(PolicyGradient::default()),
            Self::Harpg { .. } => AnyEstimator::Harpg(Harpg::default()),
            &Self::AdaptiveBatch { batch, .. } => AnyEstimator::AdaptiveBatch(AdaptiveBatch {
                batch,
                ..AdaptiveBatch::default()
            }),
            &Self::HessianAlignment { gradient, hessian } => {
                AnyEstimator::HessianAlignment(HessianAlignment { gradient, hessian })
            }
            Self::Rectified {
                slices,
                exponent,
                over,
            } => AnyEstimator::Rectified(Rectified {
                slices: slices.clone(),
                exponent: *exponent,
                over: *over,
            }),
        };
        self.configure(&mut estimator);
        estimator
    }

    /// Gives a saved estimator these numbers; false if it is of another kind.
    pub fn configure(&self, estimator: &mut AnyEstimator) -> bool {
        match (self, estimator) {
            (Self::Adjoint, AnyEstimator::Adjoint(_)) | (Self::Values, AnyEstimator::Values(_)) => {
            }
            (Self::FiniteDifference { step }, AnyEstimator::FiniteDifference(estimator)) => {
                estimator.step = *step;
            }
            (
                &Self::Consensus {
                    samples,
                    spread,
                    sharpness,
                    seed,
                },
                AnyEstimator::Consensus(estimator),
            ) => {
                *estimator = Consensus {
                    samples,
                    spread,
                    sharpness,
                    seed,
                };
            }
            (
                &Self::GaussianProcess {
                    queries,
                    neighbours,
                    spread,
                    length,
                    noise,
                    seed,
                },
                AnyEstimator::GaussianProcess(estimator),
            ) => {
                (estimator.queries, estimator.neighbours) = (queries, neighbours);
                (estimator.spread, estimator.length) = (spread, length);
                (estimator.noise, estimator.seed) = (noise, seed);
            }
            (
                &Self::PolicyGradient {
                    samples,
                    spread,
                    memory,
                    seed,
                },
                AnyEstimator::PolicyGradient(estimator),
            ) => {
                (estimator.samples, estimator.spread) = (samples, spread);
                (estimator.memory, estimator.seed) = (memory, seed);
            }
            (&Self::Harpg { seed }, AnyEstimator::Harpg(estimator)) => estimator.seed = seed,
            (
                &Self::AdaptiveBatch {
                    tolerance, seed, ..
                },
                AnyEstimator::AdaptiveBatch(estimator),
            ) => (estimator.tolerance, estimator.seed) = (tolerance, seed),
            (
                &Self::HessianAlignment { gradient, hessian },
                AnyEstimator::HessianAlignment(estimator),
            ) => *estimator = HessianAlignment { gradient, hessian },
            (
                Self::Rectified {
                    slices,
                    exponent,
                    over,
                },
                AnyEstimator::Rectified(estimator),
            ) => {
                estimator.slices.clone_from(slices);
                (estimator.exponent, estimator.over) = (*exponent, *over);
            }
            _ => return false,
        }
        true
    }

    /// Whether no gradient is estimated.
    #[must_use]
    pub fn gives_values_alone(&self) -> bool {
        matches!(self, Self::Values)
    }

    /// Bad numbers, under `estimator`.
    pub(crate) fn faults(&self, list: &mut Vec<Fault>) {
        let mut faults = Faults::new("estimator", list);
        match *self {
            Self::Adjoint | Self::Values | Self::Harpg { .. } => {}
            Self::FiniteDifference { step } => faults.positive("step", step),
            Self::Consensus {
                samples,
                spread,
                sharpness,
                ..
            } => {
                faults.require(samples >= 2, "samples", samples, "a count >= 2");
                faults.positive("spread", spread);
                faults.positive("sharpness", sharpness);
            }
            Self::GaussianProcess {
                neighbours,
                spread,
                length,
                noise,
                ..
            } => {
                faults.require(neighbours >= 2, "neighbours", neighbours, "a count >= 2");
                faults.positive("spread", spread);
                faults.positive("length", length);
                faults.positive("noise", noise);
            }
            Self::PolicyGradient {
                samples,
                spread,
                memory,
                ..
            } => {
                faults.at_least_one("samples", samples);
                faults.positive("spread", spread);
                faults.fraction("memory", memory);
            }
            Self::AdaptiveBatch {
                batch, tolerance, ..
            } => {
                faults.at_least_one("batch", batch);
                faults.not_negative("tolerance", tolerance);
            }
            Self::HessianAlignment { gradient, hessian } => {
                faults.not_negative("gradient", gradient);
                faults.not_negative("hessian", hessian);
            }
            Self::Rectified { exponent, over, .. } => {
                let sound = exponent.is_finite() && exponent >= 1.0;
                faults.require(sound, "exponent", exponent, "a number >= 1");
                faults.at_least_one("over", over);
            }
        }
    }
}
