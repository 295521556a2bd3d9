//! Columns of equal size.

use backflow_diff::Real;
use nalgebra::DMatrix;

/// What is added to the mean square, so that zero has a norm.
const LEAST: f64 = 1e-6;

/// Each column over the root of its mean square (Zhang & Sennrich 2019, "Root mean square layer
/// normalization", eq. 4, without gain: what reads it has weights of its own).
pub fn normalize<T: Real>(x: &DMatrix<T>) -> DMatrix<T> {
    let mut y = x.clone();
    for column in y.as_mut_slice().chunks_exact_mut(x.nrows().max(1)) {
        let scale = T::one() / size(column);
        column.iter_mut().for_each(|y| *y *= scale);
    }
    y
}

/// What [`normalize`] divides each column by.
pub fn sizes<T: Real>(x: &DMatrix<T>) -> Vec<T> {
    let columns = x.as_slice().chunks_exact(x.nrows().max(1));
    columns.map(size).collect()
}

fn size<T: Real>(column: &[T]) -> T {
    (dot(column, column) / T::of(column.len() as f64) + T::of(LEAST)).sqrt()
}

/// Sum of products, in as many partial sums as processors add at once.
fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    const WIDTH: usize = 8;
    let mut sums = [T::zero(); WIDTH];
    let (x, y) = (x.chunks_exact(WIDTH), y.chunks_exact(WIDTH));
    let rest = x.remainder().iter().zip(y.remainder());
    let rest = rest.fold(T::zero(), |sum, (&x, &y)| sum + x * y);
    for (x, y) in x.zip(y) {
        for k in 0..WIDTH {
            sums[k] += x[k] * y[k];
        }
    }
    sums.into_iter().fold(rest, |sum, part| sum + part)
}

/// Turns the cotangent of what [`normalize`] made of `x` into that of `x`: with the root `s` and
/// `y = x / s`, `x_bar = (y_bar - y (y . y_bar) / n) / s`.
pub fn normalize_vjp<T: Real>(x: &DMatrix<T>, bar: &mut DMatrix<T>) {
    let (count, rows) = (T::of(x.nrows() as f64), x.nrows().max(1));
    let columns = x.as_slice().chunks_exact(rows);
    for (x, bar) in columns.zip(bar.as_mut_slice().chunks_exact_mut(rows)) {
        let s = size(x);
        let product = dot(x, bar) / (s * s * count);
        let inverse = T::one() / s;
        for (bar, &x) in bar.iter_mut().zip(x) {
            *bar = (*bar - x * product) * inverse;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    #[test]
    fn mean_squares_become_one() {
        let y = normalize(&DMatrix::from_column_slice(2, 2, &[3.0, 4.0, 0.0, 0.0]));
        assert!((y[0] * y[0] + y[1] * y[1] - 2.0_f64).abs() < 1e-6);
        assert_eq!(y[2], 0.0);
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        check(
            12,
            |x| normalize(&matrix(4, x)).as_slice().to_vec(),
            |x, bar| {
                let mut bar = matrix(4, bar);
                normalize_vjp(&matrix(4, x), &mut bar);
                bar.as_slice().to_vec()
            },
        );
    }
}
