//! Adam that slows down where the gradient stands still.

use serde::{Deserialize, Serialize};

use super::{Adam, Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;

/// diffGrad (Dubey et al. 2020, "diffGrad: an optimization method for convolutional neural
/// networks", eqs. 5-7): Adam's step times the friction
///
/// ```text
/// xi_i = 1 / (1 + exp(-scale |g_i,t-1 - g_i,t|))    in [1/2, 1),   g_0 = 0
/// ```
///
/// As published, with scale 1, the friction depends on the size of the value: with gradients of
/// 1e-4 it is 1/2 throughout. By default the change is therefore measured against the recent
/// size of the gradient, `scale = 1 / sqrt(v / (1 - b2^t))` of Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiffGrad {
    /// Moments and their numbers.
    pub adam: Adam,
    /// Scale of the change, in units of parameter per value; by default relative, see above.
    pub scale: Option<f64>,
    /// The gradient before.
    pub previous: Vec<f64>,
}

impl DiffGrad {
    /// At rest, with the default numbers.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self {
            adam: Adam::new(dimension),
            scale: None,
            previous: vec![0.0; dimension],
        }
    }
}

impl Update for DiffGrad {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let direction = self.adam.direction(&evaluation.gradient);
        for (i, g) in evaluation.gradient.iter().enumerate() {
            let change = (self.previous[i] - g).abs();
            let change = match self.scale {
                Some(scale) => scale * change,
                None => change / (self.adam.size(i) + self.adam.epsilon),
            };
            let friction = 1.0 / (1.0 + (-change).exp());
            x[i] -= context.rate * friction * direction[i];
        }
        self.previous.copy_from_slice(&evaluation.gradient);
        Step::Accepted
    }

    fn restart(&mut self) {
        self.adam.restart();
        self.previous.fill(0.0);
    }

    fn fits(&self, dimension: usize) -> bool {
        self.adam.fits(dimension) && self.previous.len() == dimension
    }
}
