//! Steps of fixed length down the gradient.

use serde::{Deserialize, Serialize};

use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::vector::{add_scaled, norm};

/// Rate by default, in parameter units.
pub(super) fn default_rate() -> f64 {
    0.01
}

/// `x <- x - rate g / |g|`: the length of a step is the rate, whatever the size of the gradient
/// (Nesterov 1984; Hazan, Levy & Shalev-Shwartz 2015). With the estimator `Harpg` it is N-HARPG.
/// A gradient of zero does not move. Has no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Normalized;

impl Update for Normalized {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let length = norm(&evaluation.gradient);
        if length > 0.0 {
            add_scaled(x, -context.rate / length, &evaluation.gradient);
        }
        Step::Accepted
    }

    fn restart(&mut self) {}

    fn fits(&self, _: usize) -> bool {
        true
    }
}
