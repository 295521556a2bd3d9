//! A mean of noisy gradients that is carried along by Hessian-vector products.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};
use crate::random::Random;
use crate::vector::{add_scaled, difference};

/// The recursion of HARPG (Fatkhullin, Barakat, Kireeva & He 2023, algorithm 2; Salehkaleybar et
/// al. 2022):
///
/// ```text
/// d_t = (1 - eta_t) (d_t-1 + H(x^) (x_t - x_t-1)) + eta_t g(x_t)       eta_t = 2 / (t + 2)
/// x^ = x_t + q (x_t-1 - x_t)                                          q uniform in [0, 1]
/// ```
///
/// At a random point of the segment the product is an unbiased difference of gradients, so that d
/// stays unbiased while its noise averages out. g is the gradient of one scenario drawn at random
/// of those of the objective, H that of the same one, by differences of adjoints: three gradients an
/// iteration. The value is that of the drawn scenario. With the update `Normalized` it is
/// N-HARPG.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Harpg {
    /// Seed of the scenarios and points (default: 0).
    pub seed: u64,
    /// t: iterations so far.
    pub count: u32,
    /// x_t-1, once started.
    pub point: Option<Vec<f64>>,
    /// d_t-1, once started.
    pub mean: Vec<f64>,
}

impl Estimator for Harpg {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        let mut random = Random::new(self.seed, &[context.iteration as u64]);
        let scenario = random.below(objective.scenarios());
        let mut evaluation = objective.scenario(scenario, x)?;
        let mut mean = evaluation.gradient.clone();
        if let Some(before) = &self.point {
            let moved = difference(x, before);
            let mut between = x.to_vec();
            add_scaled(&mut between, -random.uniform(), &moved);
            let product = objective.scenario_hessian_vector(scenario, &between, &moved)?;
            let eta = 2.0 / (f64::from(self.count) + 2.0);
            for (i, d) in mean.iter_mut().enumerate() {
                *d = (1.0 - eta) * (self.mean[i] + product[i]) + eta * *d;
            }
        }
        if evaluation.value.is_finite() && mean.iter().all(|d| d.is_finite()) {
            self.point = Some(x.to_vec());
            self.mean.clone_from(&mean);
            self.count = self.count.saturating_add(1);
        }
        evaluation.gradient = mean;
        Ok(evaluation)
    }

    fn fits(&self, dimension: usize) -> bool {
        self.point.as_ref().map_or(self.mean.is_empty(), |point| {
            point.len() == dimension && self.mean.len() == dimension
        })
    }
}
