//! Objectives with known answers, shared by the tests of this crate.

use std::convert::Infallible;

use crate::objective::{Evaluation, Objective};
use crate::parameters::Layout;

/// f(x) = 1/2 sum_i c_i (x_i - m_i)^2.
#[derive(Clone, Debug)]
pub(crate) struct Quadratic {
    pub(crate) curvature: Vec<f64>,
    pub(crate) centre: Vec<f64>,
}

impl Quadratic {
    /// Curvatures spread geometrically from 1 to `condition`, centre at 1, 2, 3, ...
    pub(crate) fn conditioned(n: usize, condition: f64) -> Self {
        let exponent = |i: usize| i as f64 / (n - 1).max(1) as f64;
        Self {
            curvature: (0..n).map(|i| condition.powf(exponent(i))).collect(),
            centre: (0..n).map(|i| 1.0 + i as f64).collect(),
        }
    }
}

impl Objective for Quadratic {
    type Error = Infallible;

    fn value(&mut self, x: &[f64]) -> Result<f64, Infallible> {
        Ok(self.gradient(x)?.value)
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Infallible> {
        let mut evaluation = Evaluation::default();
        let mut square = 0.0;
        for i in 0..x.len() {
            let away = x[i] - self.centre[i];
            evaluation.value += 0.5 * self.curvature[i] * away * away;
            evaluation.gradient.push(self.curvature[i] * away);
            square += away * away;
        }
        evaluation.metrics.push(("distance".into(), square.sqrt()));
        Ok(evaluation)
    }
}

/// f(x, y) = (1 - x)^2 + 100 (y - x^2)^2 (Rosenbrock 1960); minimum 0 at (1, 1).
pub(crate) struct Rosenbrock;

impl Objective for Rosenbrock {
    type Error = Infallible;

    fn value(&mut self, x: &[f64]) -> Result<f64, Infallible> {
        Ok((1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2))
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Infallible> {
        let valley = x[1] - x[0] * x[0];
        let gradient = vec![-2.0 * (1.0 - x[0]) - 400.0 * x[0] * valley, 200.0 * valley];
        Ok(Evaluation::new(self.value(x)?, gradient))
    }
}

/// The sphere |x|^2/2 - x_0, undefined (NaN) further than `radius` from the origin.
pub(crate) struct Ball {
    pub(crate) radius: f64,
}

impl Objective for Ball {
    type Error = Infallible;

    fn value(&mut self, x: &[f64]) -> Result<f64, Infallible> {
        let square: f64 = x.iter().map(|v| v * v).sum();
        let outside = square.sqrt() > self.radius;
        Ok(if outside {
            f64::NAN
        } else {
            0.5 * square - x[0]
        })
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Infallible> {
        let mut gradient = x.to_vec();
        gradient[0] -= 1.0;
        Ok(Evaluation::new(self.value(x)?, gradient))
    }
}

/// Fails everywhere, by divergence.
#[derive(Debug)]
pub(crate) struct Fails;

/// The error of [`Fails`].
#[derive(Debug, thiserror::Error)]
#[error("substep 12: particle 7 left the domain")]
pub(crate) struct Blown;

impl Objective for Fails {
    type Error = Blown;

    fn value(&mut self, _: &[f64]) -> Result<f64, Blown> {
        Err(Blown)
    }

    fn gradient(&mut self, _: &[f64]) -> Result<Evaluation, Blown> {
        Err(Blown)
    }

    fn diverged(&self, _: &Blown) -> bool {
        true
    }
}

/// One unbounded slice `x` of n entries.
pub(crate) fn layout(n: usize) -> Layout {
    let mut layout = Layout::new();
    layout.push("x", n).unwrap();
    layout
}
