//! The torque-free turn of a rigid body: a symplectic splitting that keeps its angular momentum.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use crate::pose::exp;

/// Principal axes in the order of the splitting, each with its share of the time.
const PARTS: [(usize, f64); 5] = [(0, 0.5), (1, 0.5), (2, 1.0), (1, 0.5), (0, 0.5)];

/// Cotangents of what [`spin`] depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpinBar<T: Real> {
    /// Of the principal moments.
    pub moments: Vector3<T>,
    /// Of the rotation, in the world frame.
    pub rotation: Vector3<T>,
    /// Of the angular velocity.
    pub angular: Vector3<T>,
    /// Of the time.
    pub time: T,
}

/// Rotation and angular velocity (rad/s, world axes) after `time` (s) without torque.
///
/// The energy `sum_i (a_i . L)^2 / (2 I_i)`, with the principal axes `a_i = R e_i` and the
/// spatial angular momentum `L = J w`, is split by its terms: each alone turns the body about
/// `a_i` by `t (a_i . L) / I_i` (Dullweber, Leimkuhler, McLachlan 1997, "Symplectic splitting
/// methods for rigid body molecular dynamics", with Strang's composition). The map is
/// symplectic, its own inverse under `t -> -t`, of second order, and `L` never changes: the
/// energy oscillates and does not drift.
pub fn spin<T: Real>(
    moments: &Vector3<T>,
    rotation: &Matrix3<T>,
    angular: &Vector3<T>,
    time: T,
) -> (Matrix3<T>, Vector3<T>) {
    let momentum = scaled(rotation, moments, angular);
    let mut turned = *rotation;
    for (axis, share) in PARTS {
        turned = part(moments, &turned, &momentum, axis, time * T::of(share)).1;
    }
    turned = orthonormal(&turned);
    let inverse = moments.map(|moment| T::one() / moment);
    (turned, scaled(&turned, &inverse, &momentum))
}

/// The rotation next to a matrix that round-off has made one no longer: `R (3 - R^T R) / 2`, a
/// step of Newton's method, which squares the error. Of a rotation the derivative is the
/// identity in all directions that lead to rotations.
pub(super) fn orthonormal<T: Real>(rotation: &Matrix3<T>) -> Matrix3<T> {
    let square = rotation.tr_mul(rotation);
    rotation * (Matrix3::from_diagonal_element(T::of(3.0)) - square) * T::of(0.5)
}

/// `R diag(d) R^T x`.
fn scaled<T: Real>(rotation: &Matrix3<T>, d: &Vector3<T>, x: &Vector3<T>) -> Vector3<T> {
    rotation * rotation.tr_mul(x).component_mul(d)
}

/// Cotangent of the rotation of `y = R diag(d) R^T x`, `y x y_bar - x x (R diag(d) R^T y_bar)`,
/// and of `x` and `d`.
fn scaled_vjp<T: Real>(
    rotation: &Matrix3<T>,
    d: &Vector3<T>,
    x: &Vector3<T>,
    bar: &Vector3<T>,
) -> [Vector3<T>; 3] {
    let (y, x_bar) = (scaled(rotation, d, x), scaled(rotation, d, bar));
    let d_bar = rotation.tr_mul(x).component_mul(&rotation.tr_mul(bar));
    [y.cross(bar) - x.cross(&x_bar), x_bar, d_bar]
}

/// One term of the splitting: the angle (rad) and the rotation after it.
fn part<T: Real>(
    moments: &Vector3<T>,
    rotation: &Matrix3<T>,
    momentum: &Vector3<T>,
    axis: usize,
    time: T,
) -> (T, Matrix3<T>) {
    let a = rotation.column(axis).into_owned();
    let angle = time * a.dot(momentum) / moments[axis];
    (angle, exp(&(a * angle)) * rotation)
}

/// Cotangents of [`spin`]. Of a term, `a` being left in place by its own turn,
/// `delta theta' = delta theta + a delta angle`.
pub fn spin_vjp<T: Real>(
    moments: &Vector3<T>,
    rotation: &Matrix3<T>,
    angular: &Vector3<T>,
    time: T,
    rotation_bar: &Vector3<T>,
    angular_bar: &Vector3<T>,
) -> SpinBar<T> {
    let momentum = scaled(rotation, moments, angular);
    let mut before = [*rotation; PARTS.len()];
    let mut turned = *rotation;
    for (kept, (axis, share)) in before.iter_mut().zip(PARTS) {
        *kept = turned;
        turned = part(moments, &turned, &momentum, axis, time * T::of(share)).1;
    }
    turned = orthonormal(&turned);
    let inverse = moments.map(|moment| T::one() / moment);
    let [extra, mut momentum_bar, inverse_bar] =
        scaled_vjp(&turned, &inverse, &momentum, angular_bar);
    let mut moments_bar = -inverse_bar.component_mul(&inverse.component_mul(&inverse));
    let (mut bar, mut time_bar) = (rotation_bar + extra, T::zero());
    for (kept, (axis, share)) in before.iter().zip(PARTS).rev() {
        let a = kept.column(axis).into_owned();
        let rate = a.dot(&momentum) * T::of(share) / moments[axis];
        let angle_bar = a.dot(&bar);
        let reach = angle_bar * time * T::of(share) / moments[axis];
        bar += a.cross(&momentum) * reach;
        momentum_bar += a * reach;
        moments_bar[axis] -= angle_bar * rate * time / moments[axis];
        time_bar += angle_bar * rate;
    }
    let [extra, angular_bar, direct] = scaled_vjp(rotation, moments, angular, &momentum_bar);
    SpinBar {
        moments: moments_bar + direct,
        rotation: bar + extra,
        angular: angular_bar,
        time: time_bar,
    }
}
