//! A generation of points that are evaluated one after the other.

use serde::{Deserialize, Serialize};

/// Points to evaluate and the values of those that have been.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// The points; none before the first generation.
    pub points: Vec<Vec<f64>>,
    /// Values of the first of them.
    pub values: Vec<f64>,
}

impl Population {
    /// Takes in the value at the point that was evaluated, which bounds may have moved. True
    /// once the whole generation is known; else `x` is the next point to evaluate.
    pub(super) fn tell(&mut self, x: &mut [f64], value: f64) -> bool {
        if let Some(point) = self.points.get_mut(self.values.len()) {
            point.copy_from_slice(x);
            self.values.push(value);
        }
        match self.points.get(self.values.len()) {
            Some(next) => {
                x.copy_from_slice(next);
                false
            }
            None => true,
        }
    }

    /// Replaces the generation; `x` is its first point.
    pub(super) fn begin(&mut self, points: Vec<Vec<f64>>, x: &mut [f64]) {
        self.values.clear();
        self.points = points;
        if let Some(first) = self.points.first() {
            x.copy_from_slice(first);
        }
    }

    /// Indices of the points from the lowest value to the highest; of equal ones the earlier
    /// comes first, and values that are not numbers are last.
    pub(super) fn ranking(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        let key = |i: usize| {
            let value = self.values[i];
            if value.is_nan() { f64::INFINITY } else { value }
        };
        order.sort_by(|a, b| key(*a).total_cmp(&key(*b)));
        order
    }

    /// Whether it is one of `dimension` parameters.
    pub(super) fn fits(&self, dimension: usize) -> bool {
        self.points.iter().all(|point| point.len() == dimension)
            && self.values.len() <= self.points.len()
    }
}

/// `sum_i w_i x_i / sum_i w_i` with `w_i = exp(-sharpness (f_i - min f))`; infinite values weigh
/// nothing. All values infinite give the plain mean.
pub(crate) fn gibbs_mean(points: &[Vec<f64>], values: &[f64], sharpness: f64) -> Vec<f64> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let weight = |value: &f64| {
        if least.is_finite() {
            let weight = (-sharpness * (value - least)).exp();
            if weight.is_nan() { 0.0 } else { weight }
        } else {
            1.0
        }
    };
    let weights: Vec<f64> = values.iter().map(weight).collect();
    let total: f64 = weights.iter().sum();
    let mut mean = vec![0.0; points.first().map_or(0, Vec::len)];
    for (point, weight) in points.iter().zip(&weights) {
        for (mean, x) in mean.iter_mut().zip(point) {
            *mean += weight / total * x;
        }
    }
    mean
}
