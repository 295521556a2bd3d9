//! Functions of 3 x 3 matrices with derivatives that hold at equal singular values.
//!
//! No derivative goes through `U` or `V` of a singular value decomposition: those
//! are not unique, and their derivatives divide by `s_i^2 - s_j^2`. The functions
//! below are unique, and so are their derivatives.

mod inverse;
mod polar;
mod polar_lanes;
mod spectral;
mod svd;

#[cfg(test)]
mod samples;

pub use inverse::{cofactor, inverse_transpose};
pub use polar::{polar, polar_jvp, polar_vjp};
pub use polar_lanes::{polar_lanes, polar_vjp_lanes};
pub use spectral::{SingularMap, spectral, spectral_jvp, spectral_vjp};
pub use svd::{Svd, svd};

use nalgebra::{Matrix3, Vector3};

use crate::Real;

/// The matrix without its tangent.
#[inline(always)]
fn primal<T: Real>(f: &Matrix3<T>) -> Matrix3<T::Primal> {
    f.map(T::primal)
}

/// The tangent of a matrix.
#[inline(always)]
fn tangent<T: Real>(f: &Matrix3<T>) -> Matrix3<T::Primal> {
    f.map(T::tangent)
}

/// A matrix from its value and its tangent.
#[inline(always)]
fn from_parts<T: Real>(value: &Matrix3<T::Primal>, tangent: &Matrix3<T::Primal>) -> Matrix3<T> {
    value.zip_map(tangent, T::from_parts)
}

/// `a` with `[a]_x = M - M^T`, so that `<[w]_x, M> = w . axial(M)`.
#[inline(always)]
fn axial<T: Real>(m: &Matrix3<T>) -> Vector3<T> {
    Vector3::new(
        m[(2, 1)] - m[(1, 2)],
        m[(0, 2)] - m[(2, 0)],
        m[(1, 0)] - m[(0, 1)],
    )
}
