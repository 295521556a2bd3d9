//! Steps of fixed length along a mean of gradients that were taken ahead.

use serde::{Deserialize, Serialize};

use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::vector::{add_scaled, norm};

/// Rate by default, in parameter units.
pub(super) fn default_rate() -> f64 {
    0.01
}

/// N-IGT, the move of N-PG-IGT (Fatkhullin, Barakat, Kireeva & He 2023, "Stochastic policy
/// gradient methods: improved sample complexity for Fisher-non-degenerate policies",
/// algorithm 1; implicit gradient transport of Cutkosky & Mehta 2020):
///
/// ```text
/// z_t = y_t + (1 - eta_t) / eta_t (y_t - y_t-1)       the point that is evaluated
/// d_t = (1 - eta_t) d_t-1 + eta_t g(z_t)              eta_t = (2 / (t + 2))^(4/5)
/// y_t+1 = y_t - rate d_t / |d_t|
/// ```
///
/// The gradient is taken as far ahead as makes the mean d unbiased at y to first order, so that
/// noise averages out without the lag of momentum: one noisy rollout a step will do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Igt {
    /// t: steps since the start or the last restart.
    pub count: u32,
    /// y_t, once started.
    pub point: Option<Vec<f64>>,
    /// d_t-1, once started.
    pub mean: Vec<f64>,
}

/// eta_t.
fn weight(t: u32) -> f64 {
    (2.0 / (f64::from(t) + 2.0)).powf(0.8)
}

impl Update for Igt {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let eta = weight(self.count);
        let point = self.point.get_or_insert_with(|| x.to_vec());
        self.mean.resize(x.len(), 0.0);
        for (d, g) in self.mean.iter_mut().zip(&evaluation.gradient) {
            *d = (1.0 - eta) * *d + eta * g;
        }
        let before = point.clone();
        let length = norm(&self.mean);
        if length > 0.0 {
            add_scaled(point, -context.rate / length, &self.mean);
            context.layout.project(point);
        }
        self.count = self.count.saturating_add(1);
        let eta = weight(self.count);
        for i in 0..x.len() {
            x[i] = point[i] + (1.0 - eta) / eta * (point[i] - before[i]);
        }
        Step::Accepted
    }

    fn restart(&mut self) {
        *self = Self::default();
    }

    fn fits(&self, dimension: usize) -> bool {
        let fit = |v: &Vec<f64>| v.len() == dimension;
        (self.mean.is_empty() || fit(&self.mean)) && self.point.iter().all(fit)
    }
}
