//! Tests of placements and turns, and what tests of others make poses with.

use num_dual::Dual64;

use super::{turn::coefficients, *};
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
            let moved =
                dual_pose(&pose, &direction).moved(&dual_twist(&twist, &push), Dual64::from(time));
            let forward = dot(&pose_tangent(&moved), &bar);
            let (pose_bar, twist_bar) = pose.moved_vjp(&twist, time, &bar);
            let backward = dot(&pose_bar, &direction) + dot_twist(&twist_bar, &push);
            assert!((forward - backward).abs() < 1e-12);
        }
    }
}
