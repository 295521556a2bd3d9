//! Rigid placements and how they move: SO(3) exponential and its derivatives.
//!
//! Formulas: Sola, Deray, Atchuthan, "A micro Lie theory for state estimation in
//! robotics" (2018), appendix B.

use std::ops::AddAssign;

use backflow_diff::{Real, matrix::inverse_transpose};
use nalgebra::{Matrix3, Vector3};

/// Position and orientation of a frame in its parent: `x_parent = rotation * x + position`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose<T: Real> {
    /// Origin of the frame (m).
    pub position: Vector3<T>,
    /// Rotation matrix, columns are the frame's axes in the parent.
    pub rotation: Matrix3<T>,
}

/// Linear and angular velocity (m/s, rad/s), both in world axes. The cotangent of a
/// twist is a twist as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twist<T: Real> {
    /// Velocity of the frame's origin (m/s).
    pub linear: Vector3<T>,
    /// Angular velocity (rad/s).
    pub angular: Vector3<T>,
}

/// Cotangent of a [`Pose`]: the rotation part is the covector of `delta theta` in
/// `delta R = [delta theta]_x R`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoseBar<T: Real> {
    /// Cotangent of the position.
    pub position: Vector3<T>,
    /// Cotangent of a small world-frame rotation vector.
    pub rotation: Vector3<T>,
}

impl<T: Real> Twist<T> {
    /// Standing still.
    #[inline]
    pub fn zero() -> Self {
        Self {
            linear: Vector3::zeros(),
            angular: Vector3::zeros(),
        }
    }

    /// Velocity (m/s) of the point at `offset` (m) from the frame's origin: `v + w x r`.
    #[inline]
    pub fn velocity(&self, offset: &Vector3<T>) -> Vector3<T> {
        self.linear + self.angular.cross(offset)
    }

    /// Cotangents of the twist and of the offset of [`Twist::velocity`]:
    /// `w_bar = r x u_bar`, `r_bar = u_bar x w`.
    #[inline]
    pub fn velocity_vjp(&self, offset: &Vector3<T>, bar: &Vector3<T>) -> (Self, Vector3<T>) {
        let twist_bar = Self {
            linear: *bar,
            angular: offset.cross(bar),
        };
        (twist_bar, bar.cross(&self.angular))
    }
}

impl<T: Real> AddAssign for Twist<T> {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.linear += other.linear;
        self.angular += other.angular;
    }
}

impl<T: Real> PoseBar<T> {
    /// The zero cotangent.
    #[inline]
    pub fn zero() -> Self {
        Self {
            position: Vector3::zeros(),
            rotation: Vector3::zeros(),
        }
    }
}

impl<T: Real> AddAssign for PoseBar<T> {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.position += other.position;
        self.rotation += other.rotation;
    }
}

impl<T: Real> Pose<T> {
    /// The frame of the parent.
    pub fn identity() -> Self {
        Self {
            position: Vector3::zeros(),
            rotation: Matrix3::identity(),
        }
    }

    /// The frame at `position` (m) turned by the rotation vector `theta` (rad).
    pub fn from_rotation_vector(position: Vector3<T>, theta: &Vector3<T>) -> Self {
        Self {
            position,
            rotation: exp(theta),
        }
    }

    /// A point of the frame in the parent (m): `R y + p`.
    #[inline]
    pub fn apply(&self, point: &Vector3<T>) -> Vector3<T> {
        self.rotation * *point + self.position
    }

    /// Cotangents of the pose and of the point of [`Pose::apply`]:
    /// `p_bar = x_bar`, `theta_bar = R y x x_bar`, `y_bar = R^T x_bar`.
    #[inline]
    pub fn apply_vjp(&self, point: &Vector3<T>, bar: &Vector3<T>) -> (PoseBar<T>, Vector3<T>) {
        let pose_bar = PoseBar {
            position: *bar,
            rotation: (self.rotation * *point).cross(bar),
        };
        (pose_bar, self.rotation.tr_mul(bar))
    }

    /// A point of the parent in the frame (m): `R^T (x - p)`.
    #[inline]
    pub fn inverse_apply(&self, point: &Vector3<T>) -> Vector3<T> {
        self.rotation.tr_mul(&(*point - self.position))
    }

    /// Cotangents of the pose and of the point of [`Pose::inverse_apply`]:
    /// `x_bar = R y_bar`, `p_bar = -x_bar`, `theta_bar = x_bar x (x - p)`.
    #[inline]
    pub fn inverse_apply_vjp(
        &self,
        point: &Vector3<T>,
        bar: &Vector3<T>,
    ) -> (PoseBar<T>, Vector3<T>) {
        let point_bar = self.rotation * *bar;
        let pose_bar = PoseBar {
            position: -point_bar,
            rotation: point_bar.cross(&(*point - self.position)),
        };
        (pose_bar, point_bar)
    }

    /// The pose in this frame's parent of a frame whose pose in this frame is `child`:
    /// `p + R p_c`, `R R_c`.
    #[inline]
    pub fn compose(&self, child: &Self) -> Self {
        Self {
            position: self.apply(&child.position),
            rotation: self.rotation * child.rotation,
        }
    }

    /// Cotangents of this pose and of the child of [`Pose::compose`]: `theta = theta_p
    /// + R theta_c` to first order.
    #[inline]
    pub fn compose_vjp(&self, child: &Self, bar: &PoseBar<T>) -> (PoseBar<T>, PoseBar<T>) {
        let (mut parent_bar, position_bar) = self.apply_vjp(&child.position, &bar.position);
        parent_bar.rotation += bar.rotation;
        let child_bar = PoseBar {
            position: position_bar,
            rotation: self.rotation.tr_mul(&bar.rotation),
        };
        (parent_bar, child_bar)
    }

    /// The pose after `time` (s) at a constant twist: `p + t v`, `exp(t w) R`.
    #[inline]
    pub fn moved(&self, twist: &Twist<T>, time: T) -> Self {
        Self {
            position: self.position + twist.linear * time,
            rotation: exp(&(twist.angular * time)) * self.rotation,
        }
    }

    /// Cotangents of the pose and of the twist of [`Pose::moved`]:
    /// `v_bar = t p_bar`, `w_bar = t J_l(t w)^T theta_bar`, and `theta_bar` turned back
    /// by `exp(t w)^T`.
    #[inline]
    pub fn moved_vjp(&self, twist: &Twist<T>, time: T, bar: &PoseBar<T>) -> (PoseBar<T>, Twist<T>) {
        let theta = twist.angular * time;
        let pose_bar = PoseBar {
            position: bar.position,
            rotation: exp(&theta).tr_mul(&bar.rotation),
        };
        let twist_bar = Twist {
            linear: bar.position * time,
            angular: exp_vjp(&theta, &bar.rotation) * time,
        };
        (pose_bar, twist_bar)
    }
}

/// Square of the angle (rad^2) below which the coefficients are summed as series.
const SERIES: f64 = 1.0;

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
fn coefficients<T: Real>(s: T) -> [T; 3] {
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

#[cfg(test)]
pub(crate) mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::collider::testing::{dual, noise, tangent};

    /// A pose and a tangent that depend on `seed` alone.
    pub(crate) fn sample(seed: u32) -> (Pose<f64>, PoseBar<f64>) {
        let pose = Pose::from_rotation_vector(noise(seed), &(noise(seed + 1) * 2.0));
        let direction = PoseBar {
            position: noise(seed + 2),
            rotation: noise(seed + 3),
        };
        (pose, direction)
    }

    /// The pose with the tangent `delta p`, `delta R = [delta theta]_x R`.
    pub(crate) fn dual_pose(pose: &Pose<f64>, direction: &PoseBar<f64>) -> Pose<Dual64> {
        let turn = exp(&dual(&Vector3::zeros(), &direction.rotation));
        Pose {
            position: dual(&pose.position, &direction.position),
            rotation: turn * pose.rotation.map(Dual64::from),
        }
    }

    /// The twist with a tangent.
    pub(crate) fn dual_twist(twist: &Twist<f64>, direction: &Twist<f64>) -> Twist<Dual64> {
        Twist {
            linear: dual(&twist.linear, &direction.linear),
            angular: dual(&twist.angular, &direction.angular),
        }
    }

    /// `delta p` and `delta theta` of a pose; `delta R R^T` must be skew.
    pub(crate) fn pose_tangent(pose: &Pose<Dual64>) -> PoseBar<f64> {
        let spin = pose.rotation.map(|r| r.eps) * pose.rotation.map(|r| r.re).transpose();
        assert!((spin + spin.transpose()).norm() < 1e-13);
        PoseBar {
            position: tangent(&pose.position),
            rotation: Vector3::new(spin.m32, spin.m13, spin.m21),
        }
    }

    pub(crate) fn dot(a: &PoseBar<f64>, b: &PoseBar<f64>) -> f64 {
        a.position.dot(&b.position) + a.rotation.dot(&b.rotation)
    }

    pub(crate) fn dot_twist(a: &Twist<f64>, b: &Twist<f64>) -> f64 {
        a.linear.dot(&b.linear) + a.angular.dot(&b.angular)
    }

    fn still() -> PoseBar<f64> {
        PoseBar::zero()
    }

    /// Rotation vectors in both branches of the coefficients, at their border and at zero.
    fn angles() -> Vec<Vector3<f64>> {
        let unit = noise(5).normalize();
        [
            0.0,
            1e-9,
            1e-3,
            0.5,
            1.0 - 1e-12,
            1.0 + 1e-12,
            2.0,
            3.1,
            7.0,
        ]
        .map(|t| unit * t)
        .to_vec()
    }

    #[test]
    fn exp_is_the_rotation_by_its_angle_about_its_axis() {
        for theta in angles() {
            let known = nalgebra::Rotation3::new(theta);
            assert!((exp(&theta) - known.matrix()).norm() < 3e-15, "{theta}");
        }
    }

    #[test]
    fn coefficients_do_not_jump_where_the_series_ends() {
        let (below, above): ([f64; 3], _) = (coefficients(1.0 - 1e-15), coefficients(1.0 + 1e-15));
        for (a, b) in below.into_iter().zip(above) {
            assert!((a - b).abs() < 1e-15);
        }
    }

    #[test]
    fn exp_vjp_is_the_transpose_also_at_zero() {
        for (seed, theta) in (0..).zip(angles()) {
            let (direction, bar) = (noise(seed), noise(seed + 50));
            let turned = Pose::from_rotation_vector(Vector3::zeros(), &dual(&theta, &direction));
            let forward = pose_tangent(&turned).rotation.dot(&bar);
            let backward = direction.dot(&exp_vjp(&theta, &bar));
            assert!(
                (forward - backward).abs() < 1e-12,
                "{theta} {forward} {backward}"
            );
        }
    }

    #[test]
    fn log_undoes_exp_up_to_half_a_turn_and_its_vjp_is_the_transpose() {
        let unit = noise(5).normalize();
        for (seed, angle) in (0..).zip([0.0, 1e-9, 1e-3, 9.9e-3, 1.01e-2, 0.5, 2.0, 3.1]) {
            let theta = unit * angle;
            assert!((log(&exp(&theta)) - theta).norm() < 1e-13, "{angle}");
            let (turn, bar) = (noise(seed), noise(seed + 40));
            let spin = exp(&dual(&Vector3::zeros(), &turn));
            let turned = spin * exp(&theta).map(Dual64::from);
            let forward = tangent(&log(&turned)).dot(&bar);
            let backward = log_vjp(&theta, &bar).dot(&turn);
            // Close to half a turn the factor t / sin t magnifies round-off.
            assert!((forward - backward).abs() < 1e-12 * (1.0 + angle / (3.15 - angle)));
        }
        let half = Vector3::new(0.0, std::f64::consts::PI, 0.0);
        assert!((exp(&log(&exp(&half))) - exp(&half)).norm() < 1e-14);
        let exact = Matrix3::from_diagonal(&Vector3::new(-1.0, 1.0, -1.0));
        assert!((log(&exact) - half).norm() < 1e-15);
    }

    #[test]
    fn left_jacobian_is_the_central_difference_of_exp() {
        let (theta, step) = (Vector3::new(0.4, -1.1, 0.7), 1e-5);
        for axis in 0..3 {
            let shift = Vector3::ith(axis, step);
            let change = exp(&(theta + shift)) * exp(&(theta - shift)).transpose();
            let skew = change - change.transpose();
            let spin = Vector3::new(skew.m32, skew.m13, skew.m21) / (4.0 * step);
            // Error of the difference: step^2.
            assert!((spin - left_jacobian(&theta).column(axis)).norm() < 1e-9);
        }
    }

    #[test]
    fn inverse_apply_undoes_apply() {
        let (pose, _) = sample(1);
        let point = noise(9);
        assert!((pose.inverse_apply(&pose.apply(&point)) - point).norm() < 1e-15);
        let quarter = Vector3::z() * std::f64::consts::FRAC_PI_2;
        let pose = Pose::from_rotation_vector(Vector3::y(), &quarter);
        assert!((pose.apply(&Vector3::x()) - Vector3::y() * 2.0).norm() < 1e-15);
        assert_eq!(Pose::identity().apply(&point), point);
    }

    #[test]
    fn apply_and_inverse_apply_vjp_are_transposes() {
        let (pose, direction) = sample(2);
        let (point, shift, bar) = (noise(11), noise(12), noise(13));
        let zero = Vector3::zeros();
        for (direction, shift) in [(direction, zero), (still(), shift), (direction, shift)] {
            let (pose_dual, point_dual) = (dual_pose(&pose, &direction), dual(&point, &shift));
            for (image, (pose_bar, point_bar)) in [
                (pose_dual.apply(&point_dual), pose.apply_vjp(&point, &bar)),
                (
                    pose_dual.inverse_apply(&point_dual),
                    pose.inverse_apply_vjp(&point, &bar),
                ),
            ] {
                let forward = tangent(&image).dot(&bar);
                let backward = dot(&pose_bar, &direction) + point_bar.dot(&shift);
                assert!((forward - backward).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn compose_applies_the_child_first() {
        let ((parent, _), (child, _)) = (sample(3), sample(4));
        let point = noise(14);
        let known = parent.apply(&child.apply(&point));
        assert!((parent.compose(&child).apply(&point) - known).norm() < 1e-14);
    }

    #[test]
    fn compose_vjp_is_the_transpose() {
        let ((parent, of_parent), (child, of_child)) = (sample(3), sample(4));
        let (_, bar) = sample(20);
        for (dp, dc) in [(of_parent, still()), (still(), of_child)] {
            let forward = dot(
                &pose_tangent(&dual_pose(&parent, &dp).compose(&dual_pose(&child, &dc))),
                &bar,
            );
            let (parent_bar, child_bar) = parent.compose_vjp(&child, &bar);
            let backward = dot(&parent_bar, &dp) + dot(&child_bar, &dc);
            assert!((forward - backward).abs() < 1e-12);
        }
    }

    #[test]
    fn velocity_is_that_of_the_moved_point_and_its_vjp_the_transpose() {
        let (pose, _) = sample(5);
        let (linear, angular, offset) = (noise(21), noise(22), noise(23));
        let twist = Twist { linear, angular };
        let step = 1e-5;
        let body = pose.rotation.tr_mul(&offset);
        let at = |t| pose.moved(&twist, t).apply(&body);
        let known = (at(step) - at(-step)) / (2.0 * step);
        assert!((twist.velocity(&offset) - known).norm() < 1e-9);

        let (twist_bar, offset_bar) = twist.velocity_vjp(&offset, &noise(24));
        let direction = Twist {
            linear: noise(25),
            angular: noise(26),
        };
        let image = dual_twist(&twist, &direction).velocity(&dual(&offset, &noise(27)));
        let forward = tangent(&image).dot(&noise(24));
        let backward = dot_twist(&twist_bar, &direction) + offset_bar.dot(&noise(27));
        assert!((forward - backward).abs() < 1e-12);
    }

    #[test]
    fn moved_vjp_is_the_transpose_also_at_rest() {
        let (pose, direction) = sample(6);
        let (_, bar) = sample(30);
        let time = 0.3;
        for speed in [0.0, 0.7, 9.0] {
            let twist = Twist {
                linear: noise(31) * speed,
                angular: noise(32) * speed,
            };
            let push = Twist {
                linear: noise(33),
                angular: noise(34),
            };
            for (direction, push) in [(direction, Twist::zero()), (still(), push)] {
                let moved = dual_pose(&pose, &direction)
                    .moved(&dual_twist(&twist, &push), Dual64::from(time));
                let forward = dot(&pose_tangent(&moved), &bar);
                let (pose_bar, twist_bar) = pose.moved_vjp(&twist, time, &bar);
                let backward = dot(&pose_bar, &direction) + dot_twist(&twist_bar, &push);
                assert!((forward - backward).abs() < 1e-12);
            }
        }
    }
}
