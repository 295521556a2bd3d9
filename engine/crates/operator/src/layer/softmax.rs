//! Columns that are shares.

use backflow_diff::Real;
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};

/// `exp(x_k) / sum_l exp(x_l)` of each group of `rows` rows of each column. The greatest is taken off
/// first, so that nothing overflows.
pub fn softmax<T: Real>(x: &DMatrix<T>, rows: usize) -> DMatrix<T> {
    let mut y = x.clone();
    for group in y.as_mut_slice().chunks_exact_mut(rows) {
        let most = group.iter().fold(group[0], |most, &x| most.max(x));
        let mut sum = T::zero();
        for y in group.iter_mut() {
            *y = (*y - most).exp();
            sum += *y;
        }
        group.iter_mut().for_each(|y| *y /= sum);
    }
    y
}

/// Turns the cotangent of `y`, what [`softmax`] made of `x`, into that of `x`:
/// `x_bar = y (y_bar - y . y_bar)`.
pub fn softmax_vjp<T: Real>(y: &DMatrix<T>, rows: usize, bar: &mut DMatrix<T>) {
    let groups = y.as_slice().chunks_exact(rows);
    for (y, bar) in groups.zip(bar.as_mut_slice().chunks_exact_mut(rows)) {
        let y = DMatrixView::from_slice(y, rows, 1);
        let mut bar = DMatrixViewMut::from_slice(bar, rows, 1);
        let product = y.dot(&bar);
        for (bar, &y) in bar.iter_mut().zip(y.iter()) {
            *bar = y * (*bar - product);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    #[test]
    fn shares_sum_to_one_however_large_the_numbers() {
        let y = softmax(
            &DMatrix::from_column_slice(4, 1, &[1e4, 1e4, -3.0, -3.0_f64]),
            2,
        );
        assert_eq!(y.as_slice(), [0.5; 4]);
        let y = softmax(&DMatrix::from_column_slice(2, 1, &[0.0, 2.0_f64.ln()]), 2);
        assert!((y[1] - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        check(
            18,
            |x| softmax(&matrix(6, x), 3).as_slice().to_vec(),
            |x, bar| {
                let mut bar = matrix(6, bar);
                softmax_vjp(&softmax(&matrix(6, x), 3), 3, &mut bar);
                bar.as_slice().to_vec()
            },
        );
    }
}
