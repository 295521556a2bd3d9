//! The gradient of a Gaussian process through all values ever asked.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use serde::{Deserialize, Serialize};

use super::Estimator;
use super::consensus::deviation;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};
use crate::random::Random;
use crate::vector::{add_scaled, difference, dot, norm};

/// Extra queries an iteration by default.
pub(super) fn default_queries() -> usize {
    5
}

/// Values that a fit uses by default.
pub(super) fn default_neighbours() -> usize {
    150
}

/// Distance of extra queries by default, in parameter units.
pub(super) fn default_spread() -> f64 {
    0.1
}

/// Length scale over spread by default.
pub(super) fn default_length() -> f64 {
    10.0
}

/// Noise by default.
pub(super) fn default_noise() -> f64 {
    1e-6
}

/// Directions that compete for an extra query.
const CANDIDATES: usize = 16;

/// Trajectory-informed derivative estimation (Shu, Dai, Sng, Verma, Jaillet & Low 2023,
/// "Zeroth-order optimization with trajectory-informed derivative estimation", section 3; Shu et
/// al. 2024, "Heterogeneous federated zeroth-order optimization using gradient surrogates"): a
/// Gaussian process with kernel `k(a, b) = exp(-|a - b|^2 / (2 l^2))` through the nearest values
/// so far, y_i at x_i, whose posterior mean is differentiated:
///
/// ```text
/// g = dk(x, X)/dx (K + noise I)^-1 (y - mean y)
/// ```
///
/// Every iteration asks for the value at x and for `queries` more, each in the direction u (of
/// some drawn at random) in which the derivative is known least,
/// `u . cov(g) u = |u|^2 / l^2 - |L^-1 (u . dk)|^2` with `K + noise I = L L^T`. Needs values alone; every
/// value asked before helps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianProcess {
    /// Values asked about each point beside its own (default: 5).
    pub queries: usize,
    /// Nearest values that a fit uses (default: 150).
    pub neighbours: usize,
    /// How far about a point extra values are asked, in parameter units (default: 0.1).
    pub spread: f64,
    /// l over the spread (default: 10).
    pub length: f64,
    /// Variance of the noise over that of the values (default: 1e-6).
    pub noise: f64,
    /// Seed of the directions (default: 0).
    pub seed: u64,
    /// Points asked so far, oldest first.
    pub points: Vec<Vec<f64>>,
    /// Their values.
    pub values: Vec<f64>,
}

impl Default for GaussianProcess {
    fn default() -> Self {
        Self {
            queries: default_queries(),
            neighbours: default_neighbours(),
            spread: default_spread(),
            length: default_length(),
            noise: default_noise(),
            seed: 0,
            points: Vec::new(),
            values: Vec::new(),
        }
    }
}

/// A fit about a point.
struct Fit {
    factor: Cholesky<f64, Dyn>,
    /// dk(x, x_i)/dx = -(x - x_i) / l^2 k: one row a value.
    slopes: Vec<Vec<f64>>,
    nearest: Vec<usize>,
    length: f64,
}

impl Fit {
    /// Variance of the derivative along a unit vector.
    fn variance(&self, u: &[f64]) -> f64 {
        let along =
            DVector::from_iterator(self.slopes.len(), self.slopes.iter().map(|s| dot(s, u)));
        let solved = self.factor.solve(&along);
        1.0 / (self.length * self.length) - along.dot(&solved)
    }
}

impl GaussianProcess {
    /// The fit about `x`, unless the kernel matrix is singular to round-off.
    fn fit(&self, x: &[f64]) -> Option<Fit> {
        let length = self.length * self.spread;
        let kernel = |a: &[f64], b: &[f64]| {
            let away = difference(a, b);
            (-0.5 * dot(&away, &away) / (length * length)).exp()
        };
        let mut nearest: Vec<usize> = (0..self.points.len()).collect();
        let distances: Vec<f64> = self
            .points
            .iter()
            .map(|p| norm(&difference(p, x)))
            .collect();
        nearest.sort_by(|a, b| distances[*a].total_cmp(&distances[*b]));
        nearest.truncate(self.neighbours);
        let n = nearest.len();
        let matrix = DMatrix::from_fn(n, n, |i, j| {
            let noise = if i == j { self.noise } else { 0.0 };
            kernel(&self.points[nearest[i]], &self.points[nearest[j]]) + noise
        });
        let slope = |i: &usize| {
            let mut slope = difference(&self.points[*i], x);
            let k = kernel(x, &self.points[*i]);
            slope.iter_mut().for_each(|s| *s *= k / (length * length));
            slope
        };
        Some(Fit {
            factor: Cholesky::new(matrix)?,
            slopes: nearest.iter().map(slope).collect(),
            nearest,
            length,
        })
    }

    /// Derivative of the posterior mean at `x`; zero where nothing is known.
    #[must_use]
    pub fn gradient(&self, x: &[f64]) -> Vec<f64> {
        let mut gradient = vec![0.0; x.len()];
        let Some(fit) = self.fit(x) else {
            return gradient;
        };
        let values: Vec<f64> = fit.nearest.iter().map(|i| self.values[*i]).collect();
        let scale = deviation(&values);
        if scale == 0.0 {
            return gradient;
        }
        let mean: f64 = values.iter().sum::<f64>() / values.len() as f64;
        let standard = values.iter().map(|y| (y - mean) / scale);
        let shares = fit
            .factor
            .solve(&DVector::from_iterator(values.len(), standard));
        for (slope, share) in fit.slopes.iter().zip(shares.iter()) {
            add_scaled(&mut gradient, scale * share, slope);
        }
        gradient
    }

    /// The unit vector, of some drawn at random, along which the derivative at `x` is known
    /// least.
    fn unknown(&self, x: &[f64], random: &mut Random) -> Vec<f64> {
        let mut drawn = || {
            let mut u = random.normals(x.len());
            let length = norm(&u);
            u.iter_mut().for_each(|u| *u /= length);
            u
        };
        let mut best = drawn();
        let Some(fit) = self.fit(x) else {
            return best;
        };
        let mut most = fit.variance(&best);
        for _ in 1..CANDIDATES {
            let other = drawn();
            let variance = fit.variance(&other);
            if variance > most {
                (most, best) = (variance, other);
            }
        }
        best
    }

    /// Asks for the value at a point and remembers it, if it is finite.
    fn ask<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        point: Vec<f64>,
    ) -> Result<f64, O::Error> {
        let value = objective.value(&point)?;
        if value.is_finite() {
            self.points.push(point);
            self.values.push(value);
        }
        Ok(value)
    }
}

impl Estimator for GaussianProcess {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        let value = self.ask(objective, x.to_vec())?;
        for query in 0..self.queries {
            let place = [context.iteration as u64, query as u64];
            let mut point = x.to_vec();
            let direction = self.unknown(x, &mut Random::new(self.seed, &place));
            add_scaled(&mut point, self.spread, &direction);
            context.layout.project(&mut point);
            match self.ask(objective, point) {
                Err(error) if !objective.diverged(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(Evaluation::new(value, self.gradient(x)))
    }

    fn fits(&self, dimension: usize) -> bool {
        self.points.iter().all(|p| p.len() == dimension) && self.points.len() == self.values.len()
    }
}
