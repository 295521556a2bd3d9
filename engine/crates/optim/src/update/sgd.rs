//! Gradient descent with momentum.

use serde::{Deserialize, Serialize};

use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;

/// Base rate by default, in parameter units per unit of gradient.
pub(super) fn default_rate() -> f64 {
    0.01
}

/// Share of the velocity kept by default.
pub(super) fn default_momentum() -> f64 {
    0.9
}

/// Heavy-ball momentum (Polyak 1964) with velocity v, optionally Nesterov's look-ahead in the
/// form of Sutskever, Martens, Dahl & Hinton 2013 written at the point looked at:
///
/// ```text
/// v <- momentum v + g
/// x <- x - rate v                     plain
/// x <- x - rate (g + momentum v)      Nesterov
/// ```
///
/// The rate multiplies v where it is applied, so that a schedule acts at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    /// Share of the velocity kept, in `[0, 1)` (default: 0.9); 0 is plain gradient descent.
    pub momentum: f64,
    /// Whether to look ahead (default: false).
    pub nesterov: bool,
    /// v: decayed sum of the gradients.
    pub velocity: Vec<f64>,
}

impl Sgd {
    /// At rest, with the default numbers.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self {
            momentum: default_momentum(),
            nesterov: false,
            velocity: vec![0.0; dimension],
        }
    }
}

impl Update for Sgd {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        for i in 0..x.len() {
            let g = evaluation.gradient[i];
            self.velocity[i] = self.momentum * self.velocity[i] + g;
            let v = self.velocity[i];
            let direction = if self.nesterov {
                g + self.momentum * v
            } else {
                v
            };
            x[i] -= context.rate * direction;
        }
        Step::Accepted
    }

    fn restart(&mut self) {
        self.velocity.fill(0.0);
    }

    fn fits(&self, dimension: usize) -> bool {
        self.velocity.len() == dimension
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::layout;

    fn two_steps(momentum: f64, nesterov: bool) -> f64 {
        let layout = layout(1);
        let context = Context {
            iteration: 0,
            rate: 0.5,
            layout: &layout,
        };
        let mut sgd = Sgd {
            momentum,
            nesterov,
            velocity: vec![0.0],
        };
        let mut x = [10.0];
        for g in [2.0, 1.0] {
            sgd.step(&mut x, &Evaluation::new(0.0, vec![g]), &context);
        }
        x[0]
    }

    #[test]
    fn two_steps_match_the_hand_computation() {
        assert_eq!(two_steps(0.0, false), 10.0 - 1.0 - 0.5);
        // v = 2, then 0.5*2 + 1 = 2
        assert_eq!(two_steps(0.5, false), 10.0 - 1.0 - 1.0);
        // g + 0.5 v = 2 + 1 = 3, then 1 + 1 = 2
        assert_eq!(two_steps(0.5, true), 10.0 - 1.5 - 1.0);
    }
}
