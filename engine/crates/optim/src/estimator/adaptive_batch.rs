//! As many scenarios as the gradient needs.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};
use crate::random::Random;
use crate::vector::{add_scaled, dot};

/// Batch of the start by default.
pub(super) fn default_batch() -> usize {
    2
}

/// Tolerance by default.
pub(super) fn default_tolerance() -> f64 {
    1.0
}

/// The batch of AdAdaGrad (Lau, Liu & Kolar 2024, "AdAdaGrad: adaptive batch size schemes for
/// adaptive gradient methods", eq. 5; norm test of Byrd, Chin, Nocedal & Wu 2012). Of the
/// scenarios of the objective, b are drawn; with their mean gradient g and the sum Var of the
/// variances of its entries,
///
/// ```text
/// b <- max(b, ceil(Var / (tolerance^2 |g|^2)))
/// ```
///
/// for the next iteration: noise is allowed while it is small beside the gradient. A batch never
/// shrinks, and b = 1 grows to 2, since one sample has no variance. The value is the mean of those
/// drawn, as noisy as the gradient, until all are. An objective without scenarios is asked as it
/// stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveBatch {
    /// Standard deviation of the mean gradient that is allowed, over its norm; 0: never grow
    /// (default: 1).
    pub tolerance: f64,
    /// Seed of the draws (default: 0).
    pub seed: u64,
    /// b.
    pub batch: usize,
}

impl Default for AdaptiveBatch {
    fn default() -> Self {
        Self {
            tolerance: default_tolerance(),
            seed: 0,
            batch: default_batch(),
        }
    }
}

impl Estimator for AdaptiveBatch {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        let total = objective.scenarios();
        if total == 1 {
            return objective.gradient(x);
        }
        let mut random = Random::new(self.seed, &[context.iteration as u64]);
        let drawn = random.choose(self.batch, total);
        let n = drawn.len() as f64;
        let mut mean = Evaluation::new(0.0, vec![0.0; x.len()]);
        for scenario in drawn {
            let evaluation = objective.scenario(scenario, x)?;
            mean.value += evaluation.value / n;
            add_scaled(&mut mean.gradient, 1.0 / n, &evaluation.gradient);
            mean.scenarios.push(evaluation.gradient);
        }
        mean.metrics.push(("batch".to_owned(), n));
        if self.tolerance > 0.0 && n >= 2.0 {
            let away = |g: &Vec<f64>| {
                let pairs = g.iter().zip(&mean.gradient);
                pairs.map(|(g, m)| (g - m) * (g - m)).sum::<f64>()
            };
            let variance = mean.scenarios.iter().map(away).sum::<f64>() / (n - 1.0);
            let allowed = self.tolerance.powi(2) * dot(&mean.gradient, &mean.gradient);
            let wanted = (variance / allowed).ceil();
            if wanted.is_finite() || wanted == f64::INFINITY {
                self.batch = self.batch.max(wanted.min(total as f64) as usize);
            }
        } else if self.tolerance > 0.0 {
            self.batch = self.batch.max(2);
        }
        Ok(mean)
    }
}
