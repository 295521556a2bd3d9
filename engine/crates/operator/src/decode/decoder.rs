//! Where any point goes when the samples about it move.

use backflow_diff::Real;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::{Kernel, fit::Fit};
use crate::error::OperatorError;

/// Displacements of points from those of samples: each is a sum over the samples about it, by moving least
/// squares or with a [`Kernel`] that was learned.
///
/// The shares depend on where samples and points were, not on where they go, so that a frame is one
/// sparse product: it takes time in proportion to the points. Affine motions are reproduced where
/// the samples about a point do not lie in a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoder {
    samples: usize,
    neighbours: usize,
    /// Samples of each point.
    indices: Vec<u32>,
    /// Their shares.
    shares: Vec<f32>,
}

impl Decoder {
    /// Samples about a point that are asked: those around it in a cubic lattice, sides and corners.
    pub const NEIGHBOURS: usize = 14;

    /// For points (m, three numbers each) among samples (m, a column each).
    ///
    /// # Errors
    /// No samples.
    pub fn new(
        samples: &DMatrix<f32>,
        points: &[f32],
        kernel: Option<&Kernel>,
    ) -> Result<Self, OperatorError> {
        if samples.ncols() == 0 {
            let what = "samples of a decoder";
            return Err(OperatorError::mismatch(what, 0, "at least 1"));
        }
        let neighbours = Self::NEIGHBOURS.min(samples.ncols());
        let one = |point: &[f32]| {
            let fit = Fit::new(samples, [point[0], point[1], point[2]], neighbours);
            let shares = match kernel {
                Some(kernel) => kernel.shares(&fit),
                None => fit.shares,
            };
            (fit.indices, shares)
        };
        let each: Vec<_> = points.par_chunks_exact(3).map(one).collect();
        let mut indices = Vec::with_capacity(each.len() * neighbours);
        let mut shares = Vec::with_capacity(each.len() * neighbours);
        for (index, share) in each {
            indices.extend(index);
            shares.extend(share.into_iter().map(|share| share as f32));
        }
        Ok(Self {
            samples: samples.ncols(),
            neighbours,
            indices,
            shares,
        })
    }

    /// Number of points.
    pub fn points(&self) -> usize {
        self.indices.len() / self.neighbours
    }

    /// Samples of each point, and their shares.
    fn rows(&self) -> impl Iterator<Item = (&[u32], &[f32])> {
        let indices = self.indices.chunks_exact(self.neighbours);
        indices.zip(self.shares.chunks_exact(self.neighbours))
    }

    /// Values at the points, three numbers each, of values of the samples, a column each: usually
    /// displacements (m).
    ///
    /// # Errors
    /// Another number of samples.
    pub fn apply<T: Real>(&self, u: &DMatrix<T>) -> Result<Vec<T>, OperatorError> {
        if u.ncols() != self.samples {
            let what = "samples of a decoder";
            return Err(OperatorError::mismatch(what, u.ncols(), self.samples));
        }
        let values = u.as_slice();
        let mut all = vec![T::zero(); 3 * self.points()];
        for (out, (indices, shares)) in all.chunks_exact_mut(3).zip(self.rows()) {
            let mut sum = [T::zero(); 3];
            for (&index, &share) in indices.iter().zip(shares) {
                let (at, share) = (3 * index as usize, T::of(f64::from(share)));
                for axis in 0..3 {
                    sum[axis] += share * values[at + axis];
                }
            }
            out.copy_from_slice(&sum);
        }
        Ok(all)
    }

    /// Cotangents of the values of the samples from those of the values at the points.
    ///
    /// # Errors
    /// Another number of points.
    pub fn apply_vjp<T: Real>(&self, bar: &[T]) -> Result<DMatrix<T>, OperatorError> {
        if bar.len() != 3 * self.points() {
            let what = "cotangents of a decoder";
            let expected = 3 * self.points();
            return Err(OperatorError::mismatch(what, bar.len(), expected));
        }
        let mut u_bar = DMatrix::zeros(3, self.samples);
        let all = u_bar.as_mut_slice();
        for (bar, (indices, shares)) in bar.chunks_exact(3).zip(self.rows()) {
            for (&index, &share) in indices.iter().zip(shares) {
                let share = T::of(f64::from(share));
                for axis in 0..3 {
                    all[3 * index as usize + axis] += share * bar[axis];
                }
            }
        }
        Ok(u_bar)
    }
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;

    use super::*;
    use crate::testing::{check, matrix};

    fn cloud(count: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, &[]);
        (0..3 * count).map(|_| random.uniform() as f32).collect()
    }

    #[test]
    fn affine_motions_are_reproduced_everywhere_whatever_the_kernel() {
        let samples = DMatrix::from_vec(3, 60, cloud(60, 1));
        let points = cloud(200, 2);
        let motion = |x: &[f32]| {
            [
                0.3 + 0.2 * x[0] - 0.5 * x[1],
                -0.1 + 0.4 * x[2],
                0.2 * x[1] + 0.1 * x[0],
            ]
        };
        let mut u = samples.clone();
        for mut column in u.column_iter_mut() {
            let moved = motion(column.as_slice());
            column.as_mut_slice().copy_from_slice(&moved);
        }
        let mut other = samples.clone();
        other.iter_mut().for_each(|x| *x = (20.0 * *x).sin());
        let random = Kernel::random(3);
        let mut found = Vec::new();
        for kernel in [None, Some(&random)] {
            let decoder = Decoder::new(&samples, &points, kernel).unwrap();
            let all = decoder.apply(&u).unwrap();
            for (found, x) in all.chunks_exact(3).zip(points.chunks_exact(3)) {
                for (found, expected) in found.iter().zip(motion(x)) {
                    // The regularisation, and single precision.
                    assert!((found - expected).abs() < 1e-3, "{found} {expected}");
                }
            }
            found.push(decoder.apply(&other).unwrap());
        }
        assert_ne!(found[0], found[1]);
    }

    #[test]
    fn samples_in_a_plane_and_samples_that_are_points_give_answers() {
        let mut samples = DMatrix::from_vec(3, 30, cloud(30, 3));
        samples.row_mut(1).fill(0.5);
        let decoder = Decoder::new(&samples, &cloud(20, 4), None).unwrap();
        let all = decoder.apply(&DMatrix::repeat(3, 30, 2.0)).unwrap();
        assert!(all.iter().all(|u: &f64| (u - 2.0).abs() < 1e-4), "{all:?}");
        let one = samples.columns(0, 1).into_owned();
        let decoder = Decoder::new(&one, one.as_slice(), None).unwrap();
        assert_eq!(
            decoder.apply(&DMatrix::repeat(3, 1, 2.0)).unwrap(),
            [2.0; 3]
        );
    }

    #[test]
    fn adjoint_is_the_transpose() {
        let samples = DMatrix::from_vec(3, 20, cloud(20, 5));
        let decoder = Decoder::new(&samples, &cloud(50, 6), Some(&Kernel::random(3))).unwrap();
        check(
            60,
            |u| decoder.apply(&matrix(3, u)).unwrap(),
            |_, bar| decoder.apply_vjp(bar).unwrap().as_slice().to_vec(),
        );
        let few = samples.columns(0, 3).into_owned();
        assert!(decoder.apply(&few).is_err());
        assert!(decoder.apply_vjp(&cloud(49, 8)).is_err());
    }
}
