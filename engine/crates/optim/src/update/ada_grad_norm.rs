//! Gradient descent whose rate falls with the gradients seen so far.

use serde::{Deserialize, Serialize};

use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::vector::{add_scaled, dot};

/// Rate by default, in parameter units.
pub(super) fn default_rate() -> f64 {
    1.0
}

/// Offset by default, in units of the gradient.
pub(super) fn default_offset() -> f64 {
    1e-6
}

/// AdaGrad with one rate for all entries (Ward, Wu & Bottou 2019, "AdaGrad stepsizes",
/// algorithm 1; Streeter & McMahan 2010):
///
/// ```text
/// b^2 <- b^2 + |g|^2        x <- x - rate g / b
/// ```
///
/// Converges without knowing the curvature or the noise of the gradient. With the estimator
/// `AdaptiveBatch` it is AdAdaGrad (Lau, Liu & Kolar 2024).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaGradNorm {
    /// b of the start, in units of the gradient (default: 1e-6).
    pub offset: f64,
    /// Sum of the squared norms so far.
    pub sum: f64,
}

impl Default for AdaGradNorm {
    fn default() -> Self {
        Self {
            offset: default_offset(),
            sum: 0.0,
        }
    }
}

impl Update for AdaGradNorm {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let gradient = &evaluation.gradient;
        self.sum += dot(gradient, gradient);
        let b = (self.offset * self.offset + self.sum).sqrt();
        add_scaled(x, -context.rate / b, gradient);
        Step::Accepted
    }

    fn restart(&mut self) {
        self.sum = 0.0;
    }

    fn fits(&self, _: usize) -> bool {
        true
    }
}
