//! Where a rigid body is and how it moves, against what it should.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{Frame, FrameBar, FrameLoss, LossError};
use crate::rigid::axial;

const NAME: &str = "rigid";

/// A square distance of the state of a rigid body from a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Rigid {
    /// Place of the body among the rigid bodies of the frame.
    pub body: usize,
    /// What is measured.
    pub target: RigidTarget,
}

/// What [`Rigid`] measures.
#[derive(Debug, Clone, PartialEq)]
pub enum RigidTarget {
    /// `sum_a (x_a - x*_a)^2` (m^2) of the centre of mass over the chosen axes.
    Position {
        /// `x*` (m).
        target: Vector3<f64>,
        /// Axes that count.
        axes: [bool; 3],
    },
    /// `|R - R*|^2 / 2 = 3 - tr(R*^T R) = 2 (1 - cos t)` of the principal axes, which is the
    /// square of a small angle `t` (rad^2).
    Rotation(Matrix3<f64>),
    /// `|v - v*|^2 + |w - w*|^2` (m^2/s^2 and rad^2/s^2), each part where it has a target.
    Velocity {
        /// `v*` (m/s).
        linear: Option<Vector3<f64>>,
        /// `w*` (rad/s).
        angular: Option<Vector3<f64>>,
    },
}

/// The difference from a target, zero without one.
fn miss<W: Real>(value: &Vector3<W>, target: Option<&Vector3<f64>>) -> Vector3<W> {
    target.map_or_else(Vector3::zeros, |target| value - target.map(W::of))
}

/// The difference on the chosen axes.
fn miss_on<W: Real>(value: &Vector3<W>, target: &Vector3<f64>, axes: &[bool; 3]) -> Vector3<W> {
    let all = miss(value, Some(target));
    Vector3::from_fn(|axis, _| if axes[axis] { all[axis] } else { W::zero() })
}

impl<W: Real> FrameLoss<W> for Rigid {
    fn check(&self, _frames: Range<usize>, like: &Frame<W>) -> Result<(), LossError> {
        let bodies = like.rigids.len();
        if self.body >= bodies {
            return Err(LossError::NoSuchBody {
                loss: NAME,
                body: self.body,
                bodies,
            });
        }
        Ok(())
    }

    fn value(&self, frame: &Frame<W>) -> W {
        let Some(state) = frame.rigids.get(self.body) else {
            return W::of(f64::NAN);
        };
        match &self.target {
            RigidTarget::Position { target, axes } => {
                miss_on(&state.pose.position, target, axes).norm_squared()
            }
            RigidTarget::Rotation(target) => {
                W::of(3.0) - target.map(W::of).dot(&state.pose.rotation)
            }
            RigidTarget::Velocity { linear, angular } => {
                miss(&state.twist.linear, linear.as_ref()).norm_squared()
                    + miss(&state.twist.angular, angular.as_ref()).norm_squared()
            }
        }
    }

    /// Of the rotation `theta_bar = -axial(R* R^T)`, with `delta R = [delta theta]_x R`.
    fn value_vjp(&self, frame: &Frame<W>, bar: W, bars: &mut FrameBar<W>) {
        let (Some(state), Some(sum)) =
            (frame.rigids.get(self.body), bars.rigids.get_mut(self.body))
        else {
            return;
        };
        let twice = bar + bar;
        match &self.target {
            RigidTarget::Position { target, axes } => {
                sum.pose.position += miss_on(&state.pose.position, target, axes) * twice;
            }
            RigidTarget::Rotation(target) => {
                let turned = target.map(W::of) * state.pose.rotation.transpose();
                sum.pose.rotation -= axial(&turned) * bar;
            }
            RigidTarget::Velocity { linear, angular } => {
                sum.twist.linear += miss(&state.twist.linear, linear.as_ref()) * twice;
                sum.twist.angular += miss(&state.twist.angular, angular.as_ref()) * twice;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::{
        super::{Reactions, testing::cloud},
        *,
    };
    use crate::{
        collider::testing::noise,
        pose::{
            Pose, PoseBar, Twist, exp,
            tests::{dual_pose, dual_twist},
        },
        rigid::RigidState,
    };

    fn frame() -> Frame<f64> {
        let mut frame = cloud(3);
        frame.rigids = (0..2)
            .map(|body| RigidState {
                pose: Pose::from_rotation_vector(noise(body), &noise(body + 9)),
                twist: Twist {
                    linear: noise(body + 20),
                    angular: noise(body + 30),
                },
            })
            .collect();
        frame
    }

    fn targets() -> Vec<RigidTarget> {
        let (linear, angular) = (Some(noise(50)), Some(noise(51)));
        vec![
            RigidTarget::Position {
                target: noise(52),
                axes: [true, false, true],
            },
            RigidTarget::Rotation(exp(&noise(53))),
            RigidTarget::Velocity { linear, angular },
            RigidTarget::Velocity {
                linear,
                angular: None,
            },
        ]
    }

    #[test]
    fn vjp_is_the_transpose_of_every_target() {
        let frame = frame();
        for target in targets() {
            let loss = Rigid { body: 1, target };
            let mut bars = FrameBar::zeros(&frame);
            loss.value_vjp(&frame, 0.7, &mut bars);
            let pose = PoseBar {
                position: noise(60),
                rotation: noise(61),
            };
            let twist = Twist {
                linear: noise(62),
                angular: noise(63),
            };
            let mut lifted: Frame<Dual64> = Frame {
                index: 0,
                lattice: super::super::testing::lift(&frame.lattice),
                bodies: Vec::new(),
                rigids: frame.rigids.iter().map(RigidState::cast).collect(),
                tools: Vec::new(),
                reactions: Reactions::zero(0, 0),
            };
            let state = &frame.rigids[1];
            lifted.rigids[1] = RigidState {
                pose: dual_pose(&state.pose, &pose),
                twist: dual_twist(&state.twist, &twist),
            };
            let forward = loss.value(&lifted).eps * 0.7;
            let bar = &bars.rigids[1];
            let backward = bar.pose.position.dot(&pose.position)
                + bar.pose.rotation.dot(&pose.rotation)
                + bar.twist.linear.dot(&twist.linear)
                + bar.twist.angular.dot(&twist.angular);
            assert!(forward.abs() > 1e-3 && (forward - backward).abs() < 1e-13);
            assert_eq!(bars.rigids[0], crate::rigid::RigidBar::zero());
        }
    }

    #[test]
    fn loss_is_zero_at_its_target_and_a_missing_body_is_an_error() {
        let frame = frame();
        let state = frame.rigids[0];
        let at = [
            RigidTarget::Position {
                target: state.pose.position,
                axes: [true; 3],
            },
            RigidTarget::Rotation(state.pose.rotation),
            RigidTarget::Velocity {
                linear: Some(state.twist.linear),
                angular: Some(state.twist.angular),
            },
        ];
        for target in at {
            let loss = Rigid { body: 0, target };
            assert!(loss.value(&frame).abs() < 1e-15);
            let gone = Rigid { body: 2, ..loss };
            assert!(gone.check(0..1, &frame).is_err() && gone.value(&frame).is_nan());
        }
        let turned =
            RigidTarget::Rotation(exp(&(noise(3).normalize() * 0.3)) * state.pose.rotation);
        let loss = Rigid {
            body: 0,
            target: turned,
        };
        assert!((loss.value(&frame) - 2.0 * (1.0 - 0.3_f64.cos())).abs() < 1e-14);
    }
}
