//! Adam with a decay of the parameters beside the gradient.

use serde::{Deserialize, Serialize};

use super::{Adam, Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;

/// Decay by default.
pub(super) fn default_decay() -> f64 {
    0.01
}

/// AdamW (Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2):
///
/// ```text
/// x <- x - rate (d + decay x)         d: the direction of Adam
/// ```
///
/// Unlike a term `decay |x|^2 / 2` in the value, the decay is not divided by the size of the
/// gradient: parameters of small gradients are pulled to 0 as fast as others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// Moments and their numbers.
    pub adam: Adam,
    /// Share of x taken away per unit of rate (default: 0.01).
    pub decay: f64,
}

impl AdamW {
    /// At rest, with the default numbers.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self {
            adam: Adam::new(dimension),
            decay: default_decay(),
        }
    }
}

impl Update for AdamW {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let direction = self.adam.direction(&evaluation.gradient);
        for (x, d) in x.iter_mut().zip(direction) {
            *x -= context.rate * (d + self.decay * *x);
        }
        Step::Accepted
    }

    fn restart(&mut self) {
        self.adam.restart();
    }

    fn fits(&self, dimension: usize) -> bool {
        self.adam.fits(dimension)
    }
}
