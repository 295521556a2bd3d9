//! Choice of an update in a scene.

mod build;
mod faults;

use serde::{Deserialize, Serialize};

use super::{
    ada_grad_norm, adam, adam_p, adam_w, cma_es, consensus, igt, lbfgs, m_fac, normalized,
    random_search, sgd, surrogate,
};
use crate::plain;

/// Choice of an update (default: `Adam` with its defaults). Every field may be left out:
/// `Adam(rate: 0.05)`, `Sgd(momentum: 0.5)`, `Lbfgs()`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum UpdateSettings {
    /// Adaptive moments, see [`Adam`](super::adam::Adam).
    Adam {
        /// Longest move of an entry in one iteration, in parameter units (default: 0.01).
        #[serde(default = "adam::default_rate")]
        rate: f64,
        /// Decay of the mean gradient, in `[0, 1)` (default: 0.9).
        #[serde(default = "adam::default_beta1")]
        beta1: f64,
        /// Decay of the mean square, in `[0, 1)` (default: 0.999; FluidLab uses 0.99).
        #[serde(default = "adam::default_beta2")]
        beta2: f64,
        /// Added to the root of the mean square, in units of the gradient (default: 1e-8).
        #[serde(default = "adam::default_epsilon")]
        epsilon: f64,
    },
    /// Gradient descent with momentum, see [`Sgd`](super::sgd::Sgd).
    Sgd {
        /// Move per unit of gradient (default: 0.01).
        #[serde(default = "sgd::default_rate")]
        rate: f64,
        /// Share of the velocity kept, in `[0, 1)` (default: 0.9).
        #[serde(default = "sgd::default_momentum")]
        momentum: f64,
        /// Whether the gradient is applied once more ahead of the velocity (default: false).
        #[serde(default)]
        nesterov: bool,
    },
    /// Limited-memory BFGS with a strong-Wolfe line search, see [`Lbfgs`](super::lbfgs::Lbfgs).
    Lbfgs {
        /// First trial of every line search, as a share of the quasi-Newton step (default: 1).
        #[serde(default = "lbfgs::default_rate")]
        rate: f64,
        /// Curvature pairs kept (default: 10).
        #[serde(default = "lbfgs::default_memory")]
        memory: usize,
        /// Sufficient decrease c1, in `(0, 1/2)` (default: 1e-4).
        #[serde(default = "lbfgs::default_decrease")]
        decrease: f64,
        /// Curvature c2, in `(c1, 1)` (default: 0.9).
        #[serde(default = "lbfgs::default_curvature")]
        curvature: f64,
        /// Most trials of one line search (default: 20).
        #[serde(default = "lbfgs::default_probes")]
        probes: usize,
    },
    /// Adam with decay of the parameters, see [`AdamW`](super::AdamW).
    AdamW {
        /// As of `Adam` (default: 0.01).
        #[serde(default = "adam::default_rate")]
        rate: f64,
        /// As of `Adam` (default: 0.9).
        #[serde(default = "adam::default_beta1")]
        beta1: f64,
        /// As of `Adam` (default: 0.999).
        #[serde(default = "adam::default_beta2")]
        beta2: f64,
        /// As of `Adam` (default: 1e-8).
        #[serde(default = "adam::default_epsilon")]
        epsilon: f64,
        /// Share of the parameters taken away per unit of rate (default: 0.01).
        #[serde(default = "adam_w::default_decay")]
        decay: f64,
    },
    /// Adam that keeps the length of what only its direction matters of, see
    /// [`AdamP`](super::AdamP).
    AdamP {
        /// As of `Adam` (default: 0.01).
        #[serde(default = "adam::default_rate")]
        rate: f64,
        /// As of `Adam` (default: 0.9).
        #[serde(default = "adam::default_beta1")]
        beta1: f64,
        /// As of `Adam` (default: 0.999).
        #[serde(default = "adam::default_beta2")]
        beta2: f64,
        /// As of `Adam` (default: 1e-8).
        #[serde(default = "adam::default_epsilon")]
        epsilon: f64,
        /// Cosine of gradient and parameters, times the root of their number, below which the
        /// gradient counts as across (default: 0.1).
        #[serde(default = "adam_p::default_delta")]
        delta: f64,
        /// Share of the parameters taken away per unit of rate (default: 0).
        #[serde(default)]
        decay: f64,
        /// Factor on the decay of a projected slice (default: 0.1).
        #[serde(default = "adam_p::default_ratio")]
        ratio: f64,
        /// Names of the slices that may be projected (default: all).
        #[serde(default)]
        slices: Vec<String>,
    },
    /// Adam that slows down where the gradient stands still, see
    /// [`DiffGrad`](super::DiffGrad).
    DiffGrad {
        /// As of `Adam` (default: 0.01).
        #[serde(default = "adam::default_rate")]
        rate: f64,
        /// As of `Adam` (default: 0.9).
        #[serde(default = "adam::default_beta1")]
        beta1: f64,
        /// As of `Adam` (default: 0.999).
        #[serde(default = "adam::default_beta2")]
        beta2: f64,
        /// As of `Adam` (default: 1e-8).
        #[serde(default = "adam::default_epsilon")]
        epsilon: f64,
        /// Scale of the change of the gradient, in units of parameter per value; 1 is as published
        /// (default: relative to the recent size of the gradient).
        #[serde(default, with = "plain", skip_serializing_if = "Option::is_none")]
        scale: Option<f64>,
    },
    /// Gradient descent whose rate falls with the gradients seen, see
    /// [`AdaGradNorm`](super::AdaGradNorm).
    AdaGradNorm {
        /// Length of the first step, in parameter units (default: 1).
        #[serde(default = "ada_grad_norm::default_rate")]
        rate: f64,
        /// b of the start, in units of the gradient (default: 1e-6).
        #[serde(default = "ada_grad_norm::default_offset")]
        offset: f64,
    },
    /// Natural gradient from recent gradients, see [`Mfac`](super::Mfac).
    Mfac {
        /// Move per unit of gradient (default: 0.01).
        #[serde(default = "m_fac::default_rate")]
        rate: f64,
        /// Gradients kept (default: 32).
        #[serde(default = "m_fac::default_window")]
        window: usize,
        /// Damping over the mean square of an entry of the gradients (default: 1e-3).
        #[serde(default = "m_fac::default_damping")]
        damping: f64,
        /// Whether each gradient is divided by its norm (default: true).
        #[serde(default = "m_fac::default_unit")]
        unit: bool,
    },
    /// Steps of fixed length, see [`Normalized`](super::Normalized).
    Normalized {
        /// Length of a step, in parameter units (default: 0.01).
        #[serde(default = "normalized::default_rate")]
        rate: f64,
    },
    /// Steps of fixed length along a mean of gradients taken ahead, see [`Igt`](super::Igt).
    Igt {
        /// Length of a step, in parameter units (default: 0.01).
        #[serde(default = "igt::default_rate")]
        rate: f64,
    },
    /// Parameters out of a small network, trained on targets, see
    /// [`Surrogate`](super::Surrogate).
    Surrogate {
        /// How far a target lies, in parameter units per unit of gradient (default: 0.1).
        #[serde(default = "surrogate::default_rate")]
        rate: f64,
        /// Steps of the network a target (default: 10).
        #[serde(default = "surrogate::default_inner")]
        inner: usize,
        /// Units of the hidden layer (default: 16).
        #[serde(default = "surrogate::default_hidden")]
        hidden: usize,
        /// Values at one place of a slice: the number of axes of a control (default: 1).
        #[serde(default = "surrogate::default_columns")]
        columns: usize,
        /// Seed of the first weights (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// Consensus-based optimisation, see [`Consensus`](super::Consensus). Wants the estimator
    /// `Values`.
    Consensus {
        /// Time step (default: 0.1).
        #[serde(default = "consensus::default_rate")]
        rate: f64,
        /// Particles (default: 20).
        #[serde(default = "consensus::default_particles")]
        particles: usize,
        /// Pull to the consensus, per unit of time (default: 1).
        #[serde(default = "consensus::default_drift")]
        drift: f64,
        /// Noise, per root of the unit of time (default: 2).
        #[serde(default = "consensus::default_noise")]
        noise: f64,
        /// Sharpness of the consensus, per unit of the value (default: 30).
        #[serde(default = "consensus::default_sharpness")]
        sharpness: f64,
        /// Standard deviation of the first particles in parameter units; 0: uniform within the
        /// bounds (default: 1).
        #[serde(default = "consensus::default_spread")]
        spread: f64,
        /// Seed of the noise (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// Evolution strategy with covariance matrix adaptation, see [`CmaEs`](super::CmaEs). Wants
    /// the estimator `Values`.
    CmaEs {
        /// Standard deviation of the first candidates, in parameter units (default: 0.3).
        #[serde(default = "cma_es::default_spread")]
        spread: f64,
        /// Candidates a generation; 0: 4 + 3 ln n (default: 0).
        #[serde(default)]
        candidates: usize,
        /// Whether only variances are learned, as suits more than about a hundred parameters
        /// (default: false).
        #[serde(default)]
        diagonal: bool,
        /// Seed of the candidates (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// Points drawn at random, see [`RandomSearch`](super::RandomSearch). Wants the estimator
    /// `Values`.
    Random {
        /// Standard deviation in parameter units; 0: uniform within the bounds (default: 1).
        #[serde(default = "random_search::default_spread")]
        spread: f64,
        /// Seed of the points (default: 0).
        #[serde(default)]
        seed: u64,
    },
    /// Stays at the start, see [`Idle`](super::Idle).
    Idle,
}

impl Default for UpdateSettings {
    fn default() -> Self {
        Self::adam(adam::default_rate())
    }
}

impl UpdateSettings {
    /// Adam of a given rate, the rest by default.
    #[must_use]
    pub fn adam(rate: f64) -> Self {
        Self::Adam {
            rate,
            beta1: adam::default_beta1(),
            beta2: adam::default_beta2(),
            epsilon: adam::default_epsilon(),
        }
    }

    /// Gradient descent of a given rate and momentum, without Nesterov's term.
    #[must_use]
    pub fn sgd(rate: f64, momentum: f64) -> Self {
        Self::Sgd {
            rate,
            momentum,
            nesterov: false,
        }
    }

    /// L-BFGS with its defaults.
    #[must_use]
    pub fn lbfgs() -> Self {
        Self::Lbfgs {
            rate: lbfgs::default_rate(),
            memory: lbfgs::default_memory(),
            decrease: lbfgs::default_decrease(),
            curvature: lbfgs::default_curvature(),
            probes: lbfgs::default_probes(),
        }
    }

    /// Base rate, which the schedule and the guard scale; 1 for methods without one.
    #[must_use]
    pub fn rate(&self) -> f64 {
        match *self {
            Self::Adam { rate, .. }
            | Self::Sgd { rate, .. }
            | Self::Lbfgs { rate, .. }
            | Self::AdamW { rate, .. }
            | Self::AdamP { rate, .. }
            | Self::DiffGrad { rate, .. }
            | Self::AdaGradNorm { rate, .. }
            | Self::Mfac { rate, .. }
            | Self::Normalized { rate }
            | Self::Igt { rate }
            | Self::Surrogate { rate, .. }
            | Self::Consensus { rate, .. } => rate,
            Self::CmaEs { .. } | Self::Random { .. } | Self::Idle => 1.0,
        }
    }

    /// Whether the update looks at values alone, so that a gradient is a waste.
    #[must_use]
    pub fn ignores_gradients(&self) -> bool {
        matches!(
            self,
            Self::Consensus { .. } | Self::CmaEs { .. } | Self::Random { .. } | Self::Idle
        )
    }

    /// Whether the update compares values along a line and so needs the true gradient.
    #[must_use]
    pub fn searches_lines(&self) -> bool {
        matches!(self, Self::Lbfgs { .. })
    }
}
