//! How fast gradient descent may go: the largest curvature, by Hessian-vector products.

use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults};
use crate::objective::Objective;
use crate::random::Random;
use crate::vector::{add_scaled, dot, norm};

/// Sets the unit of the rate by the curvature at the start (off unless given): the rate is then
/// a share of `2 / lambda`, at which gradient descent on a quadratic of largest curvature lambda
/// begins to diverge. So `rate: 0.9` with `Sgd(momentum: 0)` is nearly as fast as can be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lanczos {
    /// Hessian-vector products, of two gradients each (default: 12).
    pub steps: usize,
    /// Seed of the first vector (default: 0).
    pub seed: u64,
}

impl Default for Lanczos {
    fn default() -> Self {
        Self { steps: 12, seed: 0 }
    }
}

/// Curvatures of a Hessian as seen from a random vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Ritz {
    /// Ritz values, ascending: the outer ones are curvatures of the Hessian.
    pub values: Vec<f64>,
    /// Share of the vector in each: with the values, Gauss's rule for the spectral density.
    pub weights: Vec<f64>,
}

impl Ritz {
    /// The largest curvature in size.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |m: f64, v| m.max(v.abs()))
    }
}

impl Lanczos {
    /// Bad numbers, under `lanczos`.
    pub(crate) fn faults(&self, list: &mut Vec<Fault>) {
        Faults::new("lanczos", list).at_least_one("steps", self.steps);
    }

    /// Lanczos's tridiagonal matrix with full orthogonalisation (Golub & Meurant 2010, section
    /// 4.1), and its eigenvalues. Ends early where the Krylov space does.
    pub fn ritz<O: Objective + ?Sized>(
        &self,
        objective: &mut O,
        x: &[f64],
    ) -> Result<Ritz, O::Error> {
        let mut v = Random::new(self.seed, &[]).normals(x.len());
        let length = norm(&v);
        v.iter_mut().for_each(|v| *v /= length);
        let mut basis: Vec<Vec<f64>> = Vec::new();
        let (mut diagonal, mut off) = (Vec::new(), Vec::new());
        for _ in 0..self.steps.min(x.len()) {
            let mut w = objective.hessian_vector(x, &v)?;
            let alpha = dot(&w, &v);
            diagonal.push(alpha);
            basis.push(v);
            // twice, so that round-off does not bring found vectors back
            for _ in 0..2 {
                for b in &basis {
                    let share = dot(&w, b);
                    add_scaled(&mut w, -share, b);
                }
            }
            let beta = norm(&w);
            let scale = diagonal.iter().fold(0.0, |m: f64, a: &f64| m.max(a.abs()));
            if beta <= 1e-8 * scale || !beta.is_finite() {
                break;
            }
            off.push(beta);
            w.iter_mut().for_each(|w| *w /= beta);
            v = w;
        }
        let n = diagonal.len();
        let matrix = DMatrix::from_fn(n, n, |i, j| match i.abs_diff(j) {
            0 => diagonal[i],
            1 => off[i.min(j)],
            _ => 0.0,
        });
        let eigen = SymmetricEigen::new(matrix);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*a].total_cmp(&eigen.eigenvalues[*b]));
        let weight = |k: &usize| eigen.eigenvectors[(0, *k)].powi(2);
        Ok(Ritz {
            values: order.iter().map(|k| eigen.eigenvalues[*k]).collect(),
            weights: order.iter().map(weight).collect(),
        })
    }
}

/// Largest curvature that gradient descent meets with `batch` of many noisy scenarios (Granziol,
/// Zohren & Roberts 2022, "Learning rates as a function of batch size", theorem 1; the largest
/// eigenvalue of a spiked Wigner matrix, Benaych-Georges & Nadakuditi 2011):
///
/// ```text
/// lambda + (P / B) s^2 / lambda       if lambda > s sqrt(P / B)
/// 2 s sqrt(P / B)                     else
/// ```
///
/// for a largest curvature `lambda` of the mean, P parameters, B scenarios a step and a standard
/// deviation s of the entries of one scenario's Hessian. The rate may go up to 2 over this.
#[must_use]
pub fn batch_curvature(lambda: f64, deviation: f64, parameters: usize, batch: usize) -> f64 {
    let share = parameters as f64 / batch as f64;
    if lambda > deviation * share.sqrt() {
        lambda + share * deviation * deviation / lambda
    } else {
        2.0 * deviation * share.sqrt()
    }
}
