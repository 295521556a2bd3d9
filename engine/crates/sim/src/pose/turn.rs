//! The exponential of SO(3), its inverse and their derivatives.
//!
//! Formulas: Sola, Deray, Atchuthan, "A micro Lie theory for state estimation in
//! robotics" (2018), appendix B.

use backflow_diff::{Real, matrix::inverse_transpose};
use nalgebra::{Matrix3, Vector3};

/// Square of the angle (rad^2) below which the coefficients are summed as series.
pub(super) const SERIES: f64 = 1.0;

/// Terms of those series: the first one left out is below 1e-19.
const TERMS: i32 = 10;

/// `sum_k (-s)^k / (2 k + m)!`, by Horner's rule.
#[inline]
fn series<T: Real>(s: T, m: i32) -> T {
    let first = (1..=m).product::<i32>();
    let mut sum = T::one();
    for k in (1..TERMS).rev() {
        sum = T::one() - sum * s / T::of(f64::from((2 * k + m) * (2 * k + m - 1)));
    }
    sum / T::of(f64::from(first))
}

/// `sin t / t`, `(1 - cos t) / t^2` and `(t - sin t) / t^3` at `s = t^2`; near zero by
/// series in `s`, so that they are smooth at zero for duals too.
#[inline]
pub(super) fn coefficients<T: Real>(s: T) -> [T; 3] {
    if s < T::of(SERIES) {
        [series(s, 1), series(s, 2), series(s, 3)]
    } else {
        let t = s.sqrt();
        let (sin, cos) = t.sin_cos();
        [sin / t, (T::one() - cos) / s, (t - sin) / (s * t)]
    }
}

/// Rotation matrix of the rotation vector `theta` (rad), Rodrigues' formula:
/// `I + sin t / t K + (1 - cos t) / t^2 K^2` with `K = [theta]_x`, `t = |theta|`.
#[inline]
pub fn exp<T: Real>(theta: &Vector3<T>) -> Matrix3<T> {
    let [a, b, _] = coefficients(theta.norm_squared());
    let k = theta.cross_matrix();
    Matrix3::identity() + k * a + k * k * b
}

/// Cotangent of the rotation vector of [`exp`]: `J_l(theta)^T bar`, with `bar` that of
/// the world-frame rotation.
#[inline]
pub fn exp_vjp<T: Real>(theta: &Vector3<T>, bar: &Vector3<T>) -> Vector3<T> {
    left_jacobian(theta).tr_mul(bar)
}

/// Left Jacobian of SO(3), `exp(theta + delta) = exp(J_l delta) exp(theta)` to first
/// order: `I + (1 - cos t) / t^2 K + (t - sin t) / t^3 K^2`.
#[inline]
pub fn left_jacobian<T: Real>(theta: &Vector3<T>) -> Matrix3<T> {
    let [_, b, c] = coefficients(theta.norm_squared());
    let k = theta.cross_matrix();
    Matrix3::identity() + k * b + k * k * c
}

/// `J_l(theta)^-T bar`, the cotangent of the world-frame rotation whose rotation vector
/// `theta` (rad, shorter than a whole turn) has the cotangent `bar`: that of [`log`].
#[inline]
pub fn log_vjp<T: Real>(theta: &Vector3<T>, bar: &Vector3<T>) -> Vector3<T> {
    inverse_transpose(&left_jacobian(theta)) * *bar
}

/// Squared sine below which [`log`] sums a series instead of dividing by it.
const SMALL_SINE: f64 = 1e-4;

/// Rotation vector (rad) of the shortest turn that is `rotation`, the inverse of [`exp`]:
/// `t / sin t` times the axial vector of the skew part, `t = atan2(sin t, cos t)`.
///
/// At half a turn the axis may point either way: one of them is taken, and no derivative.
#[inline]
pub fn log<T: Real>(rotation: &Matrix3<T>) -> Vector3<T> {
    let r = rotation;
    let half = T::of(0.5);
    let axial = Vector3::new(r.m32 - r.m23, r.m13 - r.m31, r.m21 - r.m12) * half;
    let cos = (r.trace() - T::one()) * half;
    let square = axial.norm_squared();
    if square < T::of(SMALL_SINE) && cos > T::zero() {
        // asin(x) / x = 1 + x^2/6 + 3 x^4/40 + 5 x^6/112 + 35 x^8/1152 + ...
        let mut sum = T::of(35.0 / 1152.0);
        for coefficient in [5.0 / 112.0, 3.0 / 40.0, 1.0 / 6.0, 1.0] {
            sum = sum * square + T::of(coefficient);
        }
        return axial * sum;
    }
    if square > T::zero() {
        let sin = square.sqrt();
        return axial * (sin.atan2(cos) / sin);
    }
    let columns = (r + Matrix3::identity()) * half;
    let longest = (0..3).fold(0, |best, axis| {
        if columns[(axis, axis)] > columns[(best, best)] {
            axis
        } else {
            best
        }
    });
    let axis: Vector3<T> = columns.column(longest).into();
    axis * (T::pi() / axis.norm())
}
