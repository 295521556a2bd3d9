//! Matrices that the tests of this folder share.

use nalgebra::{Matrix3, Rotation3, Vector3};
use num_dual::Dual64;
use proptest::prelude::*;

/// Matrices with entries in (-1, 1).
pub(super) fn any_matrix() -> impl Strategy<Value = Matrix3<f64>> {
    prop::array::uniform9(-1.0_f64..1.0).prop_map(|rows| Matrix3::from_row_slice(&rows))
}

/// Matrices with entries in (-1, 1) and a determinant that is not negative.
pub(super) fn any_proper_matrix() -> impl Strategy<Value = Matrix3<f64>> {
    any_matrix().prop_map(|f| if f.determinant() < 0.0 { -f } else { f })
}

/// Rotations of any angle.
pub(super) fn any_rotation() -> impl Strategy<Value = Matrix3<f64>> {
    prop::array::uniform3(-3.0_f64..3.0).prop_map(rotation)
}

/// The rotation by the vector `axis` (rad).
pub(super) fn rotation(axis: [f64; 3]) -> Matrix3<f64> {
    Rotation3::new(Vector3::from(axis)).into_inner()
}

/// `U diag(s) V^T` for two fixed rotations.
pub(super) fn with_singular_values(s: [f64; 3]) -> Matrix3<f64> {
    rotation([0.3, -1.1, 0.7])
        * Matrix3::from_diagonal(&Vector3::from(s))
        * rotation([-0.8, 0.2, 1.9]).transpose()
}

/// A fixed direction without symmetry.
pub(super) fn direction() -> Matrix3<f64> {
    Matrix3::new(0.31, -0.72, 0.55, 0.94, 0.18, -0.43, -0.27, 0.66, -0.81)
}

/// Another one.
pub(super) fn codirection() -> Matrix3<f64> {
    Matrix3::new(-0.58, 0.12, 0.77, 0.35, -0.91, 0.24, 0.49, 0.83, -0.06)
}

/// `f + epsilon df`.
pub(super) fn lift(f: &Matrix3<f64>, df: &Matrix3<f64>) -> Matrix3<Dual64> {
    f.zip_map(df, Dual64::new)
}

/// The tangent of a matrix of duals.
pub(super) fn tangent(f: &Matrix3<Dual64>) -> Matrix3<f64> {
    f.map(|x| x.eps)
}
