//! What the tests of tools share.

use nalgebra::Vector3;
use num_dual::Dual64;

use super::*;
use crate::{
    collider::testing::noise,
    pose::tests::{dot, dot_twist, dual_pose, dual_twist, sample},
};

/// A twist that depends on `seed` alone.
pub(crate) fn twist(seed: u32) -> Twist<f64> {
    Twist {
        linear: noise(seed),
        angular: noise(seed + 1),
    }
}

/// Two sliders and a hinge on the first, somewhere and in motion.
pub(crate) fn arm() -> (Vec<Joint<f64>>, Stance<f64>, Rate<f64>) {
    let joint = |seed, kind, parent| Joint {
        name: String::new(),
        kind,
        parent,
        anchor: noise(seed),
        axis: noise(seed + 1).normalize(),
        range: [-2.0, 2.0],
        speed: 50.0,
    };
    let joints = vec![
        joint(10, JointKind::Slider, 0),
        joint(12, JointKind::Hinge, 1),
        joint(14, JointKind::Slider, 0),
    ];
    let stance = Stance {
        pose: sample(16).0,
        joints: [0.3, 0.7, -0.4].into_iter().collect(),
    };
    let rate = Rate {
        twist: twist(18),
        joints: [1.3, -0.7, 0.4].into_iter().collect(),
    };
    (joints, stance, rate)
}

pub(crate) fn lifted_joints(joints: &[Joint<f64>]) -> Vec<Joint<Dual64>> {
    joints.iter().map(|joint| joint.map(Dual64::from)).collect()
}

/// A direction in one of: pose, positions, twist, rates.
pub(crate) fn direction(input: usize, seed: u32) -> (StanceBar<f64>, Rate<f64>) {
    let (mut stance, mut rate) = (StanceBar::zero(3), Rate::zero(3));
    let joints = |seed: u32| -> Joints<f64> { noise(seed).iter().copied().collect() };
    match input {
        0 => stance.pose = sample(seed).1,
        1 => stance.joints = joints(seed),
        2 => rate.twist = twist(seed),
        _ => rate.joints = joints(seed),
    }
    (stance, rate)
}

fn lift(values: &Joints<f64>, tangents: &Joints<f64>) -> Joints<Dual64> {
    let pairs = values.iter().zip(tangents);
    pairs.map(|(re, eps)| Dual64::new(*re, *eps)).collect()
}

pub(crate) fn dual_stance(stance: &Stance<f64>, push: &StanceBar<f64>) -> Stance<Dual64> {
    Stance {
        pose: dual_pose(&stance.pose, &push.pose),
        joints: lift(&stance.joints, &push.joints),
    }
}

pub(crate) fn dual_rate(rate: &Rate<f64>, swing: &Rate<f64>) -> Rate<Dual64> {
    Rate {
        twist: dual_twist(&rate.twist, &swing.twist),
        joints: lift(&rate.joints, &swing.joints),
    }
}

fn dot_joints(a: &Joints<f64>, b: &Joints<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(crate) fn dot_stance(a: &StanceBar<f64>, b: &StanceBar<f64>) -> f64 {
    dot(&a.pose, &b.pose) + dot_joints(&a.joints, &b.joints)
}

pub(crate) fn dot_rate(a: &Rate<f64>, b: &Rate<f64>) -> f64 {
    dot_twist(&a.twist, &b.twist) + dot_joints(&a.joints, &b.joints)
}

/// A tool with those joints, limits that it is within, and a stance.
pub(crate) fn armed(limits: Limits<f64>) -> Tool<f64> {
    let (joints, start, _) = arm();
    Tool {
        name: "arm".to_owned(),
        start,
        joints,
        limits,
    }
}

/// Vectors of three equal numbers.
pub(crate) fn even(value: f64) -> Vector3<f64> {
    Vector3::repeat(value)
}
