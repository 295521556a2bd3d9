//! The nonlinearity of all layers.

use backflow_diff::Real;
use nalgebra::DMatrix;

/// `(x + sqrt(x^2 + 4)) / 2 - 1` of every entry: squareplus (Barron 2021, eq. 1, with b = 4), shifted
/// so that zero stays zero. Like a rectifier, but smooth, and it needs no exponential.
pub fn bend<T: Real>(x: &DMatrix<T>) -> DMatrix<T> {
    let (half, four, one) = (T::of(0.5), T::of(4.0), T::one());
    x.map(|x| half * (x + (x * x + four).sqrt()) - one)
}

/// Turns the cotangent of what [`bend`] made of `x` into that of `x`.
pub fn bend_vjp<T: Real>(x: &DMatrix<T>, bar: &mut DMatrix<T>) {
    let (half, four, one) = (T::of(0.5), T::of(4.0), T::one());
    for (bar, &x) in bar.iter_mut().zip(x.iter()) {
        *bar *= half * (one + x / (x * x + four).sqrt());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    #[test]
    fn zero_stays_zero_and_large_numbers_are_rectified() {
        let x = DMatrix::from_column_slice(3, 1, &[0.0_f64, 1e6, -1e6]);
        let y = bend(&x);
        assert_eq!(y[0], 0.0);
        assert!((y[1] - (1e6 - 1.0)).abs() < 1e-5);
        assert!((y[2] + 1.0).abs() < 1e-5);
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        check(
            12,
            |x| bend(&matrix(3, x)).as_slice().to_vec(),
            |x, bar| {
                let mut bar = matrix(3, bar);
                bend_vjp(&matrix(3, x), &mut bar);
                bar.as_slice().to_vec()
            },
        );
    }
}
