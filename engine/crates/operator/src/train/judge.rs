//! How good a rollout is.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// Errors of a rollout against the truth.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// Mean over steps and samples of the squared distance (m^2), summed over axes.
    pub mse: f64,
    /// The same of the last step.
    pub last: f64,
    /// Root of the mean squared distance over that of the displacement from the start (1).
    pub relative: f64,
}

/// The score of a rollout; both have a step each, without those that it started from. `start` is where
/// the samples were at the start (m).
pub fn score(rolled: &[DMatrix<f32>], truth: &[DMatrix<f32>], start: &DMatrix<f32>) -> Score {
    let square = |a: &DMatrix<f32>, b: &DMatrix<f32>| {
        let pairs = a.iter().zip(b.iter());
        let sum: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
        sum / a.ncols().max(1) as f64
    };
    let count = rolled.len().min(truth.len()).max(1) as f64;
    let errors: Vec<f64> = rolled
        .iter()
        .zip(truth)
        .map(|(a, b)| square(a, b))
        .collect();
    let moved: f64 = truth.iter().map(|x| square(x, start)).sum();
    let sum: f64 = errors.iter().sum();
    Score {
        mse: sum / count,
        last: errors.last().copied().unwrap_or(0.0),
        relative: (sum / moved.max(f64::MIN_POSITIVE)).sqrt(),
    }
}

impl Score {
    /// The mean of several.
    pub fn mean(scores: &[Self]) -> Self {
        let count = scores.len().max(1) as f64;
        let mean = |part: fn(&Self) -> f64| scores.iter().map(part).sum::<f64>() / count;
        Self {
            mse: mean(|score| score.mse),
            last: mean(|score| score.last),
            relative: mean(|score| score.relative),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_summed_over_axes_and_averaged_over_samples_and_steps() {
        let start = DMatrix::zeros(3, 2);
        let truth = [start.add_scalar(1.0), start.add_scalar(2.0)];
        let rolled = [start.add_scalar(1.5), start.add_scalar(2.0)];
        let score = score(&rolled, &truth, &start);
        assert!((score.mse - 0.375).abs() < 1e-12);
        assert_eq!(score.last, 0.0);
        assert!((score.relative - (0.75_f64 / 15.0).sqrt()).abs() < 1e-12);
    }
}
