//! Cofactors and the transposed inverse.

use nalgebra::Matrix3;

use crate::Real;

/// `cof F = d det F / dF = det(F) F^-T`, without a division: it holds at `det F = 0`.
///
/// Its columns are the cross products of the columns of `F` (Bonet & Wood 2008).
#[inline]
pub fn cofactor<T: Real>(f: &Matrix3<T>) -> Matrix3<T> {
    let (a, b, c) = (f.column(0), f.column(1), f.column(2));
    Matrix3::from_columns(&[b.cross(&c), c.cross(&a), a.cross(&b)])
}

/// `F^-T = cof(F) / det F`; not finite where `det F = 0`.
#[inline]
pub fn inverse_transpose<T: Real>(f: &Matrix3<T>) -> Matrix3<T> {
    let cofactor = cofactor(f);
    let determinant = f.column(0).dot(&cofactor.column(0));
    cofactor * (T::one() / determinant)
}

#[cfg(test)]
mod tests {
    use nalgebra::Matrix3;
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::{cofactor, inverse_transpose};
    use crate::matrix::samples::{any_matrix, lift};

    proptest! {
        #[test]
        fn cofactor_is_the_derivative_of_the_determinant(f in any_matrix(), df in any_matrix()) {
            let tangent = lift(&f, &df).determinant().eps;
            prop_assert!((cofactor(&f).dot(&df) - tangent).abs() <= 1e-13);
        }

        #[test]
        fn inverse_transpose_times_transpose_is_identity(f in any_matrix()) {
            prop_assume!(f.determinant().abs() > 1e-2);
            let product = inverse_transpose(&f) * f.transpose();
            prop_assert!((product - Matrix3::identity()).norm() <= 1e-12);
        }

        #[test]
        fn inverse_transpose_of_duals_has_the_tangent_of_the_inverse(
            f in any_matrix(), df in any_matrix(),
        ) {
            prop_assume!(f.determinant().abs() > 1e-1);
            let tangent = inverse_transpose(&lift(&f, &df)).map(|x: Dual64| x.eps);
            let inverse = inverse_transpose(&f);
            let expected = -inverse * df.transpose() * inverse;
            prop_assert!((tangent - expected).norm() <= 1e-12 * (1.0 + expected.norm()));
        }
    }

    #[test]
    fn cofactor_holds_where_the_inverse_does_not() {
        let f = Matrix3::new(1.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0);
        let expected = Matrix3::new(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0);
        assert_eq!(cofactor(&f), expected);
    }
}
