//! Natural gradient from a window of recent gradients.

use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::vector::{add_scaled, dot, norm};

/// Rate by default, in parameter units per unit of gradient.
pub(super) fn default_rate() -> f64 {
    0.01
}

/// Gradients kept by default.
pub(super) fn default_window() -> usize {
    32
}

/// Damping by default.
pub(super) fn default_damping() -> f64 {
    1e-3
}

/// Whether gradients are divided by their norms by default.
pub(super) fn default_unit() -> bool {
    true
}

/// M-FAC (Frantar, Kurtic & Alistarh 2021, "M-FAC: efficient matrix-free approximations of
/// second-order information", section 3.1): the inverse of the empirical Fisher matrix of the
/// last m gradients, by the identity of Woodbury.
///
/// ```text
/// F = lambda I + 1/m sum_k g_k g_k^T
/// F^-1 g = (g - G^T (lambda m I + G G^T)^-1 G g) / lambda         G: the g_k as rows
/// x <- x - rate F^-1 g
/// ```
///
/// The g_k are those of the scenarios of an ensemble where the evaluation tells them, else the
/// gradients of the last iterations. lambda is `damping` times the mean of the `|g_k|^2 / n`.
///
/// As published F is the Hessian of a likelihood. That of a sum of squares it is only up to the
/// squares themselves, with which it shrinks: steps would grow as the value falls. By default each
/// g_k is therefore divided by its norm, which leaves the directions and their correlations:
/// F then has trace 1, and the rate is that of gradient descent on a problem whose curvatures are
/// nearly equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mfac {
    /// m: most gradients kept (default: 32).
    pub window: usize,
    /// lambda over the mean square of an entry of the gradients (default: 1e-3).
    pub damping: f64,
    /// Whether each g_k is divided by its norm (default: true).
    pub unit: bool,
    /// The gradients, oldest first.
    pub gradients: Vec<Vec<f64>>,
}

impl Default for Mfac {
    fn default() -> Self {
        Self {
            window: default_window(),
            damping: default_damping(),
            unit: default_unit(),
            gradients: Vec::new(),
        }
    }
}

impl Mfac {
    /// `F^-1 vector` for a damping lambda, in `O(n m + m^3)`; the vector itself over lambda if
    /// no gradient has been seen.
    #[must_use]
    pub fn solve(&self, lambda: f64, vector: &[f64]) -> Vec<f64> {
        let m = self.gradients.len();
        let mut solved = vector.to_vec();
        let gram = DMatrix::from_fn(m, m, |i, j| {
            let diagonal = if i == j { lambda * m as f64 } else { 0.0 };
            dot(&self.gradients[i], &self.gradients[j]) + diagonal
        });
        let products = DVector::from_fn(m, |i, _| dot(&self.gradients[i], vector));
        // The matrix is positive definite but for round-off, where plain descent is left.
        if let Some(factor) = Cholesky::new(gram) {
            let shares = factor.solve(&products);
            for (gradient, share) in self.gradients.iter().zip(shares.iter()) {
                add_scaled(&mut solved, -share, gradient);
            }
        }
        solved.iter_mut().for_each(|entry| *entry /= lambda);
        solved
    }

    /// Takes the newest gradients into the window.
    fn remember(&mut self, evaluation: &Evaluation) {
        let newest = match &evaluation.scenarios[..] {
            [] => std::slice::from_ref(&evaluation.gradient),
            scenarios => scenarios,
        };
        for gradient in newest {
            let length = if self.unit { norm(gradient) } else { 1.0 };
            if length > 0.0 {
                self.gradients
                    .push(gradient.iter().map(|g| g / length).collect());
            }
        }
        let excess = self.gradients.len().saturating_sub(self.window);
        self.gradients.drain(..excess);
    }
}

impl Update for Mfac {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        self.remember(evaluation);
        let squares: f64 = self.gradients.iter().map(|g| dot(g, g)).sum();
        let lambda = self.damping * squares / (self.gradients.len() * x.len()).max(1) as f64;
        if lambda > 0.0 {
            let direction = self.solve(lambda, &evaluation.gradient);
            add_scaled(x, -context.rate, &direction);
        }
        Step::Accepted
    }

    fn restart(&mut self) {
        self.gradients.clear();
    }

    fn fits(&self, dimension: usize) -> bool {
        self.gradients.iter().all(|g| g.len() == dimension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn product_with_the_inverse_equals_the_dense_one() {
        let (n, m, lambda) = (12, 7, 0.03);
        let mut random = Random::new(5, &[]);
        let update = Mfac {
            gradients: (0..m).map(|_| random.normals(n)).collect(),
            ..Mfac::default()
        };
        let vector = random.normals(n);
        let mut fisher = DMatrix::<f64>::identity(n, n) * lambda;
        for gradient in &update.gradients {
            let g = DVector::from_column_slice(gradient);
            fisher += &g * g.transpose() / m as f64;
        }
        let exact = fisher.try_inverse().unwrap() * DVector::from_column_slice(&vector);
        let found = DVector::from_vec(update.solve(lambda, &vector));
        let error = (&found - &exact).norm() / exact.norm();
        assert!(error <= 1e-12, "{error:e}");
    }
}
