//! The likelihood-ratio gradient of a noisy policy, from values alone.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};
use crate::random::Random;
use crate::vector::add_scaled;

/// Rollouts an iteration by default.
pub(super) fn default_samples() -> usize {
    1
}

/// Spread by default, in parameter units.
pub(super) fn default_spread() -> f64 {
    0.1
}

/// Share of the baseline that is kept by default.
pub(super) fn default_memory() -> f64 {
    0.9
}

/// REINFORCE for the Gaussian policy `a = x + sigma xi` (Williams 1992) with a running baseline:
///
/// ```text
/// g = 1/n sum_i (f(x + sigma xi_i) - b) xi_i / sigma          xi_i ~ N(0, I)
/// b <- memory b + (1 - memory) mean f
/// ```
///
/// an unbiased gradient of `E f(x + sigma xi)`, which is smooth where f is not: for counts (of
/// spilled particles) whose own gradient says nothing. Costs `samples` values. The value that is
/// reported is the mean of the samples, so that the best point is the best of what was drawn.
/// With the update `Igt` it is N-PG-IGT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyGradient {
    /// Rollouts an iteration (default: 1).
    pub samples: usize,
    /// sigma in parameter units (default: 0.1).
    pub spread: f64,
    /// Share of the baseline that is kept, in `[0, 1)` (default: 0.9).
    pub memory: f64,
    /// Seed of the noise (default: 0).
    pub seed: u64,
    /// b; none before the first iteration, whose gradient is 0 unless it has several samples.
    pub baseline: Option<f64>,
}

impl Default for PolicyGradient {
    fn default() -> Self {
        Self {
            samples: default_samples(),
            spread: default_spread(),
            memory: default_memory(),
            seed: 0,
            baseline: None,
        }
    }
}

impl Estimator for PolicyGradient {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        let (mut points, mut noises) = (Vec::new(), Vec::new());
        for sample in 0..self.samples {
            let place = [context.iteration as u64, sample as u64];
            let noise = Random::new(self.seed, &place).normals(x.len());
            let mut point = x.to_vec();
            add_scaled(&mut point, self.spread, &noise);
            context.layout.project(&mut point);
            points.push(point);
            noises.push(noise);
        }
        let values = objective.values(&points);
        let values = values.into_iter().collect::<Result<Vec<_>, _>>()?;
        let n = self.samples.max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let baseline = self.baseline.unwrap_or(mean);
        let mut gradient = vec![0.0; x.len()];
        for (value, noise) in values.iter().zip(&noises) {
            add_scaled(&mut gradient, (value - baseline) / (n * self.spread), noise);
        }
        if mean.is_finite() {
            self.baseline = Some(self.memory * baseline + (1.0 - self.memory) * mean);
        }
        Ok(Evaluation::new(mean, gradient))
    }
}
