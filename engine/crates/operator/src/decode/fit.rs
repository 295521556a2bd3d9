//! The affine fit about a point.

use nalgebra::{DMatrix, Matrix4, Vector4};

/// The affine fit of the displacements of the samples about a point q (moving least squares of degree one;
/// Lancaster & Salkauskas 1981):
///
/// ```text
/// u(q) = sum_k phi_k u_k,    phi_k = w_k e^T M^-1 p_k,    M = sum_k w_k p_k p_k^T,    p_k = (1, (X_k - q) / h)
/// ```
///
/// with `w_k = (1 - r_k^2 / h^2)^2` and h a little more than the distance of the farthest of them.
pub(super) struct Fit {
    /// Samples, the nearest first.
    pub indices: Vec<u32>,
    /// Their weights `w_k` (1).
    pub weights: Vec<f64>,
    /// Their shares `phi_k` (1).
    pub shares: Vec<f64>,
    /// `e^T M^-1 e` times the sum of the weights (1): 1 where the samples lie evenly about the point, more
    /// where the fit is extended beyond them.
    pub leverage: f64,
    places: Vec<Vector4<f64>>,
    /// `M^-1 w_k p_k`.
    duals: Vec<Vector4<f64>>,
}

/// Distance to the edge of the weight over that of the farthest sample.
const MARGIN: f64 = 1.15;

/// What is added to the square of each slope, over that of the value: enough to invert the matrix of
/// samples that lie in a plane, too little to matter elsewhere.
const STEADY: f64 = 1e-6;

impl Fit {
    /// About `point` (m), among samples (m, a column each) of which the nearest `neighbours` are asked.
    pub fn new(samples: &DMatrix<f32>, point: [f32; 3], neighbours: usize) -> Self {
        let square =
            |x: &[f32]| -> f32 { (0..3).map(|axis| (x[axis] - point[axis]).powi(2)).sum() };
        let mut near: Vec<(f32, u32)> = samples
            .as_slice()
            .chunks_exact(3)
            .enumerate()
            .map(|(index, x)| (square(x), index as u32))
            .collect();
        let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if neighbours < near.len() {
            near.select_nth_unstable_by(neighbours.saturating_sub(1), order);
            near.truncate(neighbours);
        }
        near.sort_unstable_by(order);
        let farthest = near.last().map_or(0.0, |last| f64::from(last.0).sqrt());
        let reach = MARGIN * farthest.max(f64::MIN_POSITIVE);
        let place = |&(_, index): &(f32, u32)| {
            let x = samples.column(index as usize);
            let d = [0, 1, 2].map(|axis| f64::from(x[axis] - point[axis]) / reach);
            Vector4::new(1.0, d[0], d[1], d[2])
        };
        let places: Vec<_> = near.iter().map(place).collect();
        let weight = |place: &Vector4<f64>| (2.0 - place.norm_squared()).max(0.0).powi(2);
        let weights: Vec<_> = places.iter().map(weight).collect();
        let mut matrix = Matrix4::zeros();
        for (p, &w) in places.iter().zip(&weights) {
            matrix += p * p.transpose() * w;
        }
        let sum = matrix[(0, 0)];
        for axis in 1..4 {
            matrix[(axis, axis)] += STEADY * sum;
        }
        // It is positive definite: weights are, that of the nearest sample is not zero.
        let inverse = matrix.try_inverse().unwrap_or_else(Matrix4::zeros);
        let duals: Vec<_> = places
            .iter()
            .zip(&weights)
            .map(|(p, &w)| inverse * p * w)
            .collect();
        let mut shares: Vec<f64> = duals.iter().map(|dual| dual[0]).collect();
        // What the regularisation takes: constants are kept.
        let total: f64 = shares.iter().sum();
        if total > 0.5 {
            shares.iter_mut().for_each(|share| *share /= total);
        }
        Self {
            indices: near.into_iter().map(|near| near.1).collect(),
            leverage: inverse[(0, 0)] * sum,
            weights,
            shares,
            places,
            duals,
        }
    }

    /// Distance of a sample over h (1).
    pub fn distance(&self, k: usize) -> f64 {
        (self.places[k].norm_squared() - 1.0).max(0.0).sqrt()
    }

    /// What the fit says at sample k of a unit value at sample m (1).
    pub fn influence(&self, k: usize, m: usize) -> f64 {
        self.places[k].dot(&self.duals[m])
    }
}
