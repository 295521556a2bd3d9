//! What is wrong with the choice in a scene.

use super::UpdateSettings;
use crate::fault::{Fault, Faults};

impl UpdateSettings {
    /// Bad numbers, under `update`.
    pub(crate) fn faults(&self, list: &mut Vec<Fault>) {
        let mut faults = Faults::new("update", list);
        faults.positive("rate", self.rate());
        if let Some((beta1, beta2, epsilon)) = self.moments() {
            faults.fraction("beta1", beta1);
            faults.fraction("beta2", beta2);
            faults.positive("epsilon", epsilon);
        }
        match *self {
            Self::Adam { .. } | Self::Normalized { .. } | Self::Igt { .. } | Self::Idle => {}
            Self::AdamW { decay, .. } => faults.not_negative("decay", decay),
            Self::AdamP {
                delta,
                decay,
                ratio,
                ..
            } => {
                faults.not_negative("delta", delta);
                faults.not_negative("decay", decay);
                faults.not_negative("ratio", ratio);
            }
            Self::DiffGrad { scale, .. } => {
                if let Some(scale) = scale {
                    faults.positive("scale", scale);
                }
            }
            Self::AdaGradNorm { offset, .. } => faults.not_negative("offset", offset),
            Self::Mfac {
                window, damping, ..
            } => {
                faults.at_least_one("window", window);
                faults.positive("damping", damping);
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
            Self::Surrogate {
                inner,
                hidden,
                columns,
                ..
            } => {
                faults.at_least_one("inner", inner);
                faults.at_least_one("hidden", hidden);
                faults.at_least_one("columns", columns);
            }
            Self::Consensus {
                particles,
                drift,
                noise,
                sharpness,
                spread,
                ..
            } => {
                faults.require(particles >= 2, "particles", particles, "a count >= 2");
                faults.not_negative("drift", drift);
                faults.not_negative("noise", noise);
                faults.positive("sharpness", sharpness);
                faults.not_negative("spread", spread);
            }
            Self::CmaEs {
                spread, candidates, ..
            } => {
                faults.positive("spread", spread);
                let enough = candidates == 0 || candidates >= 4;
                faults.require(enough, "candidates", candidates, "0 or a count >= 4");
            }
            Self::Random { spread, .. } => faults.not_negative("spread", spread),
        }
    }
}
