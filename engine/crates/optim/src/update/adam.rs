//! Adam: every entry moves by its mean gradient over the root of its mean square.

use serde::{Deserialize, Serialize};

use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::vector::add_scaled;

/// Base rate by default, in parameter units.
pub(super) fn default_rate() -> f64 {
    0.01
}

/// Decay of the mean gradient by default.
pub(super) fn default_beta1() -> f64 {
    0.9
}

/// Decay of the mean square by default.
pub(super) fn default_beta2() -> f64 {
    0.999
}

/// Regularisation of the quotient by default.
pub(super) fn default_epsilon() -> f64 {
    1e-8
}

/// Adam (Kingma & Ba 2015, algorithm 1), with t counted from 1:
///
/// ```text
/// m <- b1 m + (1 - b1) g          v <- b2 v + (1 - b2) g^2
/// x <- x - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
/// ```
///
/// Invariant to the scale of the value (down to eps), which suits losses whose size is not
/// known beforehand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// b1, in `[0, 1)` (default: 0.9).
    pub beta1: f64,
    /// b2, in `[0, 1)` (default: 0.999).
    pub beta2: f64,
    /// eps, in units of the gradient (default: 1e-8).
    pub epsilon: f64,
    /// t: steps taken since the start or the last restart.
    pub count: u32,
    /// m: running mean of the gradient.
    pub mean: Vec<f64>,
    /// v: running mean of its square.
    pub square: Vec<f64>,
}

impl Adam {
    /// At rest, with the default numbers.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self {
            beta1: default_beta1(),
            beta2: default_beta2(),
            epsilon: default_epsilon(),
            count: 0,
            mean: vec![0.0; dimension],
            square: vec![0.0; dimension],
        }
    }
}

impl Adam {
    /// Takes in a gradient and says where to go: `(m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`,
    /// to be subtracted. What is built on Adam starts from here.
    pub(super) fn direction(&mut self, gradient: &[f64]) -> Vec<f64> {
        self.count = self.count.saturating_add(1);
        let t = f64::from(self.count);
        let mean_correction = 1.0 - self.beta1.powf(t);
        let square_correction = 1.0 - self.beta2.powf(t);
        for (i, g) in gradient.iter().enumerate() {
            self.mean[i] = self.beta1 * self.mean[i] + (1.0 - self.beta1) * g;
            self.square[i] = self.beta2 * self.square[i] + (1.0 - self.beta2) * g * g;
        }
        let moments = self.mean.iter().zip(&self.square);
        let entry = |(m, v): (&f64, &f64)| {
            (m / mean_correction) / ((v / square_correction).sqrt() + self.epsilon)
        };
        moments.map(entry).collect()
    }

    /// The square root of `v / (1 - b2^t)` of entry `i`, the size of its recent gradients.
    pub(super) fn size(&self, i: usize) -> f64 {
        (self.square[i] / (1.0 - self.beta2.powf(f64::from(self.count.max(1))))).sqrt()
    }
}

impl Update for Adam {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let direction = self.direction(&evaluation.gradient);
        add_scaled(x, -context.rate, &direction);
        Step::Accepted
    }

    fn restart(&mut self) {
        self.count = 0;
        self.mean.fill(0.0);
        self.square.fill(0.0);
    }

    fn fits(&self, dimension: usize) -> bool {
        self.mean.len() == dimension && self.square.len() == dimension
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::layout;
    use proptest::prelude::*;

    fn step(adam: &mut Adam, x: &mut [f64], gradient: &[f64], rate: f64) {
        let layout = layout(x.len());
        let context = Context {
            iteration: 0,
            rate,
            layout: &layout,
        };
        let evaluation = Evaluation::new(0.0, gradient.to_vec());
        assert_eq!(adam.step(x, &evaluation, &context), Step::Accepted);
    }

    #[test]
    fn two_steps_match_the_hand_computation() {
        let mut adam = Adam::new(1);
        let mut x = [1.0];
        // t = 1: m = 0.1*2, v = 0.001*4; corrected m = 2, sqrt v = 2: moves by rate
        step(&mut adam, &mut x, &[2.0], 0.1);
        assert!((x[0] - (1.0 - 0.1 * 2.0 / (2.0 + 1e-8))).abs() < 1e-15);
        // t = 2: m = 0.9*0.2 - 0.1*1 = 0.08, /0.19; v = 0.999*0.004 + 0.001*1 = 0.004996, /0.001999
        let first = x[0];
        step(&mut adam, &mut x, &[-1.0], 0.1);
        let v: f64 = 0.004_996 / 0.001_999;
        let expected = first - 0.1 * (0.08 / 0.19) / (v.sqrt() + 1e-8);
        assert!((x[0] - expected).abs() < 1e-13, "{} {expected}", x[0]);
    }

    #[test]
    fn a_restart_is_a_fresh_start() {
        let mut adam = Adam::new(2);
        step(&mut adam, &mut [0.0, 0.0], &[1.0, -3.0], 0.1);
        adam.restart();
        assert_eq!(adam, Adam::new(2));
    }

    proptest! {
        #[test]
        fn the_first_step_does_not_depend_on_the_scale_of_the_value(
            g in 0.1..10.0_f64,
            scale in 1.0..1e6_f64,
        ) {
            let (mut a, mut b) = ([0.0], [0.0]);
            step(&mut Adam::new(1), &mut a, &[g], 0.1);
            step(&mut Adam::new(1), &mut b, &[g * scale], 0.1);
            // eps / g <= 1e-7 of the step of 0.1
            prop_assert!((a[0] - b[0]).abs() <= 1.1e-8);
        }
    }
}
