//! Choice of an update in a scene.

use serde::{Deserialize, Serialize};

use super::{Adam, AnyUpdate, Lbfgs, Sgd, adam, lbfgs, sgd};
use crate::fault::{Fault, Faults};

/// Choice of an update (default: `Adam` with its defaults). Every field may be left out:
/// `Adam(rate: 0.05)`, `Sgd(momentum: 0.5)`, `Lbfgs()`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum UpdateSettings {
    /// Adaptive moments, see [`Adam`].
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
    /// Gradient descent with momentum, see [`Sgd`].
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
    /// Limited-memory BFGS with a strong-Wolfe line search, see [`Lbfgs`].
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

    /// Base rate, which the schedule and the guard scale.
    #[must_use]
    pub fn rate(&self) -> f64 {
        match *self {
            Self::Adam { rate, .. } | Self::Sgd { rate, .. } | Self::Lbfgs { rate, .. } => rate,
        }
    }

    /// Whether the update compares values along a line and so needs the true gradient.
    #[must_use]
    pub fn searches_lines(&self) -> bool {
        matches!(self, Self::Lbfgs { .. })
    }

    /// The update at the beginning of a run over `dimension` parameters.
    #[must_use]
    pub fn build(&self, dimension: usize) -> AnyUpdate {
        let mut update = match self {
            Self::Adam { .. } => AnyUpdate::Adam(Adam::new(dimension)),
            Self::Sgd { .. } => AnyUpdate::Sgd(Sgd::new(dimension)),
            Self::Lbfgs { .. } => AnyUpdate::Lbfgs(Lbfgs::new()),
        };
        self.configure(&mut update);
        update
    }

    /// Gives a saved update these numbers; false if it is of another kind.
    pub fn configure(&self, update: &mut AnyUpdate) -> bool {
        match (self, update) {
            (
                &Self::Adam {
                    beta1,
                    beta2,
                    epsilon,
                    ..
                },
                AnyUpdate::Adam(adam),
            ) => {
                (adam.beta1, adam.beta2, adam.epsilon) = (beta1, beta2, epsilon);
                true
            }
            (
                &Self::Sgd {
                    momentum, nesterov, ..
                },
                AnyUpdate::Sgd(sgd),
            ) => {
                (sgd.momentum, sgd.nesterov) = (momentum, nesterov);
                true
            }
            (
                &Self::Lbfgs {
                    memory,
                    decrease,
                    curvature,
                    probes,
                    ..
                },
                AnyUpdate::Lbfgs(lbfgs),
            ) => {
                lbfgs.memory = memory;
                lbfgs.conditions.decrease = decrease;
                lbfgs.conditions.curvature = curvature;
                lbfgs.conditions.probes = probes;
                true
            }
            _ => false,
        }
    }

    /// Bad numbers, under `update`.
    pub(crate) fn faults(&self, list: &mut Vec<Fault>) {
        let mut faults = Faults::new("update", list);
        faults.positive("rate", self.rate());
        match *self {
            Self::Adam {
                beta1,
                beta2,
                epsilon,
                ..
            } => {
                faults.fraction("beta1", beta1);
                faults.fraction("beta2", beta2);
                faults.positive("epsilon", epsilon);
            }
            Self::Sgd {
                momentum, nesterov, ..
            } => {
                faults.fraction("momentum", momentum);
                let useful = !nesterov || momentum != 0.0;
                faults.require(useful, "nesterov", nesterov, "false where momentum is 0");
            }
            Self::Lbfgs {
                memory,
                decrease,
                curvature,
                probes,
                ..
            } => {
                faults.at_least_one("memory", memory);
                let half = decrease > 0.0 && decrease < 0.5;
                faults.require(half, "decrease", decrease, "a number in (0, 1/2)");
                let between = curvature > decrease && curvature < 1.0;
                faults.require(between, "curvature", curvature, "a number in (decrease, 1)");
                faults.at_least_one("probes", probes);
            }
        }
    }
}
