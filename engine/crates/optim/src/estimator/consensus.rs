//! Where the values about a point are low, as a gradient.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};
use crate::random::Random;
use crate::update::gibbs_mean;

/// Samples by default.
pub(super) fn default_samples() -> usize {
    20
}

/// Spread by default, in parameter units.
pub(super) fn default_spread() -> f64 {
    0.1
}

/// Sharpness by default.
pub(super) fn default_sharpness() -> f64 {
    1.0
}

/// Consensus hopping as a gradient (Riedl, Klock, Geldhauser & Fornasier 2023, "Gradient is all
/// you need?", eqs. 5-7): the weighted mean of samples about x lies down the slope,
///
/// ```text
/// x_i = x + sigma xi_i,   xi_i ~ N(0, I)
/// v = sum_i x_i exp(-alpha f_i) / sum_i exp(-alpha f_i)
/// g = (x - v) / (alpha sigma^2)  ->  df/dx     for alpha sigma |df/dx| -> 0, many samples
/// ```
///
/// with alpha = `sharpness` over the standard deviation of the f_i. Costs 1 + samples values.
/// Samples of which the value is not finite weigh nothing. Has no memory but its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consensus {
    /// Samples (default: 20).
    pub samples: usize,
    /// sigma in parameter units (default: 0.1).
    pub spread: f64,
    /// alpha times the standard deviation of the values (default: 1). A greater one looks for
    /// the best sample instead of the slope.
    pub sharpness: f64,
    /// Seed of the samples (default: 0).
    pub seed: u64,
}

impl Default for Consensus {
    fn default() -> Self {
        Self {
            samples: default_samples(),
            spread: default_spread(),
            sharpness: default_sharpness(),
            seed: 0,
        }
    }
}

impl Estimator for Consensus {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        let value = objective.value(x)?;
        let mut random = Random::new(self.seed, &[context.iteration as u64]);
        let mut drawn = Vec::new();
        for _ in 0..self.samples {
            let mut point = x.to_vec();
            crate::vector::add_scaled(&mut point, self.spread, &random.normals(x.len()));
            context.layout.project(&mut point);
            drawn.push(point);
        }
        let found = objective.values(&drawn);
        let (mut points, mut values) = (Vec::new(), Vec::new());
        for (point, value) in drawn.into_iter().zip(found) {
            match value {
                Ok(value) if value.is_finite() => values.push(value),
                Ok(_) => continue,
                Err(error) if objective.diverged(&error) => continue,
                Err(error) => return Err(error),
            }
            points.push(point);
        }
        let deviation = deviation(&values);
        if deviation == 0.0 {
            return Ok(Evaluation::new(value, vec![0.0; x.len()]));
        }
        let alpha = self.sharpness / deviation;
        let mean = gibbs_mean(&points, &values, alpha);
        let scale = 1.0 / (alpha * self.spread * self.spread);
        let gradient = x.iter().zip(&mean).map(|(x, v)| scale * (x - v)).collect();
        Ok(Evaluation::new(value, gradient))
    }
}

/// Standard deviation; 0 of fewer than two numbers.
pub(super) fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if values.len() < 2 {
        return 0.0;
    }
    let mean: f64 = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (square / (n - 1.0)).sqrt()
}
