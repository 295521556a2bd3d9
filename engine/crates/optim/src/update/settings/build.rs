//! From the choice in a scene to the update of a run.

use super::UpdateSettings;
use crate::update::{
    AdaGradNorm, Adam, AdamP, AdamW, AnyUpdate, CmaEs, Consensus, DiffGrad, Idle, Igt, Lbfgs, Mfac,
    Normalized, RandomSearch, Sgd, Surrogate,
};

impl UpdateSettings {
    /// The update at the beginning of a run over `dimension` parameters.
    #[must_use]
    pub fn build(&self, dimension: usize) -> AnyUpdate {
        let mut update = match self {
            Self::Adam { .. } => AnyUpdate::Adam(Adam::new(dimension)),
            Self::Sgd { .. } => AnyUpdate::Sgd(Sgd::new(dimension)),
            Self::Lbfgs { .. } => AnyUpdate::Lbfgs(Lbfgs::new()),
            Self::AdamW { .. } => AnyUpdate::AdamW(AdamW::new(dimension)),
            Self::AdamP { .. } => AnyUpdate::AdamP(AdamP::new(dimension)),
            Self::DiffGrad { .. } => AnyUpdate::DiffGrad(DiffGrad::new(dimension)),
            Self::AdaGradNorm { .. } => AnyUpdate::AdaGradNorm(AdaGradNorm::default()),
            Self::Mfac { .. } => AnyUpdate::Mfac(Mfac::default()),
            Self::Normalized { .. } => AnyUpdate::Normalized(Normalized),
            Self::Igt { .. } => AnyUpdate::Igt(Igt::default()),
            Self::Surrogate { .. } => AnyUpdate::Surrogate(Surrogate::default()),
            Self::Consensus { .. } => AnyUpdate::Consensus(Consensus::default()),
            Self::CmaEs { .. } => AnyUpdate::CmaEs(CmaEs::default()),
            Self::Random { .. } => AnyUpdate::Random(RandomSearch::default()),
            Self::Idle => AnyUpdate::Idle(Idle),
        };
        self.configure(&mut update);
        update
    }

    /// Gives a saved update these numbers; false if it is of another kind.
    pub fn configure(&self, update: &mut AnyUpdate) -> bool {
        match (self, update) {
            (Self::Adam { .. }, AnyUpdate::Adam(adam)) => self.configure_adam(adam),
            (Self::AdamW { decay, .. }, AnyUpdate::AdamW(update)) => {
                update.decay = *decay;
                self.configure_adam(&mut update.adam);
            }
            (
                Self::AdamP {
                    delta,
                    decay,
                    ratio,
                    slices,
                    ..
                },
                AnyUpdate::AdamP(update),
            ) => {
                (update.delta, update.decay, update.ratio) = (*delta, *decay, *ratio);
                update.slices.clone_from(slices);
                self.configure_adam(&mut update.adam);
            }
            (Self::DiffGrad { scale, .. }, AnyUpdate::DiffGrad(update)) => {
                update.scale = *scale;
                self.configure_adam(&mut update.adam);
            }
            (
                &Self::Sgd {
                    momentum, nesterov, ..
                },
                AnyUpdate::Sgd(sgd),
            ) => (sgd.momentum, sgd.nesterov) = (momentum, nesterov),
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
            }
            (Self::AdaGradNorm { offset, .. }, AnyUpdate::AdaGradNorm(update)) => {
                update.offset = *offset;
            }
            (
                &Self::Mfac {
                    window,
                    damping,
                    unit,
                    ..
                },
                AnyUpdate::Mfac(update),
            ) => (update.window, update.damping, update.unit) = (window, damping, unit),
            (
                &Self::Surrogate {
                    inner,
                    hidden,
                    columns,
                    seed,
                    ..
                },
                AnyUpdate::Surrogate(update),
            ) => {
                (update.inner, update.hidden) = (inner, hidden);
                (update.columns, update.seed) = (columns, seed);
            }
            (
                &Self::Consensus {
                    particles,
                    drift,
                    noise,
                    sharpness,
                    spread,
                    seed,
                    ..
                },
                AnyUpdate::Consensus(update),
            ) => {
                (update.particles, update.drift, update.noise) = (particles, drift, noise);
                (update.sharpness, update.spread, update.seed) = (sharpness, spread, seed);
            }
            (
                &Self::CmaEs {
                    spread,
                    candidates,
                    diagonal,
                    seed,
                },
                AnyUpdate::CmaEs(update),
            ) => {
                (update.spread, update.candidates) = (spread, candidates);
                (update.diagonal, update.seed) = (diagonal, seed);
            }
            (&Self::Random { spread, seed }, AnyUpdate::Random(update)) => {
                (update.spread, update.seed) = (spread, seed);
            }
            (Self::Normalized { .. }, AnyUpdate::Normalized(_))
            | (Self::Igt { .. }, AnyUpdate::Igt(_))
            | (Self::Idle, AnyUpdate::Idle(_)) => {}
            _ => return false,
        }
        true
    }

    /// Gives the moments that a method is built on their numbers.
    fn configure_adam(&self, adam: &mut Adam) {
        if let Some((beta1, beta2, epsilon)) = self.moments() {
            (adam.beta1, adam.beta2, adam.epsilon) = (beta1, beta2, epsilon);
        }
    }

    /// beta1, beta2 and epsilon of the methods that are built on Adam.
    pub(super) fn moments(&self) -> Option<(f64, f64, f64)> {
        match *self {
            Self::Adam {
                beta1,
                beta2,
                epsilon,
                ..
            }
            | Self::AdamW {
                beta1,
                beta2,
                epsilon,
                ..
            }
            | Self::AdamP {
                beta1,
                beta2,
                epsilon,
                ..
            }
            | Self::DiffGrad {
                beta1,
                beta2,
                epsilon,
                ..
            } => Some((beta1, beta2, epsilon)),
            _ => None,
        }
    }
}
