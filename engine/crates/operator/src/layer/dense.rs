//! A linear layer.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};

use super::Inputs;

/// `y = W x + b` of every column; weights are `W`, column by column, then `b` if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense {
    /// Rows of `x`.
    pub inputs: usize,
    /// Rows of `y`.
    pub outputs: usize,
    /// Whether there is `b`.
    pub bias: bool,
}

impl Dense {
    /// With a bias.
    pub const fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: true,
        }
    }

    /// Without a bias.
    pub const fn plain(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: false,
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.outputs * (self.inputs + self.bias as usize)
    }

    /// First weights: normal with variance `gain^2 / inputs`, biases zero.
    pub fn start(&self, gain: f64, random: &mut Random, weights: &mut [f64]) {
        let scale = gain / (self.inputs.max(1) as f64).sqrt();
        let (w, b) = weights.split_at_mut(self.outputs * self.inputs);
        w.iter_mut().for_each(|w| *w = scale * random.normal());
        b.fill(0.0);
    }

    fn matrix<'a, T: Real>(&self, weights: &'a [T]) -> (DMatrixView<'a, T>, &'a [T]) {
        let (w, b) = weights.split_at(self.outputs * self.inputs);
        (DMatrixView::from_slice(w, self.outputs, self.inputs), b)
    }

    /// `y`.
    pub fn apply<T: Real>(&self, weights: &[T], x: &DMatrix<T>) -> DMatrix<T> {
        let (w, b) = self.matrix(weights);
        let mut y = DMatrix::zeros(self.outputs, x.ncols());
        if self.bias {
            for mut column in y.column_iter_mut() {
                column.as_mut_slice().copy_from_slice(b);
            }
        }
        y.gemm(T::one(), &w, x, T::one());
        y
    }

    /// `x_bar = W^T y_bar`; adds `y_bar x^T`, or an estimate of it where only some of `x` is left, and the sum of the
    /// columns of `y_bar` to `weights_bar`.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        x: &impl Inputs<T>,
        y_bar: &DMatrix<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let (w, _) = self.matrix(weights);
        let (w_bar, b_bar) = weights_bar.split_at_mut(self.outputs * self.inputs);
        let mut w_bar = DMatrixViewMut::from_slice(w_bar, self.outputs, self.inputs);
        x.outer(y_bar, &mut w_bar);
        if self.bias {
            for column in y_bar.column_iter() {
                b_bar
                    .iter_mut()
                    .zip(column.iter())
                    .for_each(|(b, &y)| *b += y);
            }
        }
        let mut x_bar = DMatrix::zeros(self.inputs, y_bar.ncols());
        x_bar.gemm(T::one(), &w.transpose(), y_bar, T::zero());
        x_bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        for layer in [Dense::new(3, 4), Dense::plain(3, 4)] {
            let size = layer.size();
            check(
                size + 15,
                |x| {
                    let (weights, x) = x.split_at(size);
                    layer.apply(weights, &matrix(3, x)).as_slice().to_vec()
                },
                |x, bar| {
                    let (weights, x) = x.split_at(size);
                    let mut all = vec![0.0; size];
                    let (x, bar) = (matrix(3, x), matrix(4, bar));
                    let x_bar = layer.apply_vjp(weights, &x, &bar, &mut all);
                    all.extend(x_bar.iter());
                    all
                },
            );
        }
    }
}
