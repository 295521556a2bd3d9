//! What holds a rigid body in the world: which motions it allows, and how a body moves by them.

use backflow_diff::Real;
use nalgebra::{Matrix3, Matrix6, Vector3, Vector6};

use super::{
    axial,
    body::{RigidBar, RigidBody, RigidParameterBar, RigidState},
    stacked,
    turn::{orthonormal, spin, spin_vjp},
};
use crate::{
    pose::{Pose, PoseBar, Twist, exp},
    world::cast,
};

/// What holds a rigid body in the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Joint<T: Real> {
    /// Nothing.
    Free,
    /// It cannot move; what it feels is lost in the ground.
    Fixed,
    /// It turns about a line that stands still.
    Hinge {
        /// Direction of the line, of unit length.
        axis: Vector3<T>,
        /// A point of the line (m).
        anchor: Vector3<T>,
    },
    /// It slides along a direction without turning.
    Slider {
        /// The direction, of unit length.
        axis: Vector3<T>,
    },
}

impl<T: Real> Joint<T> {
    /// The same joint in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Joint<U> {
        match self {
            Self::Free => Joint::Free,
            Self::Fixed => Joint::Fixed,
            Self::Hinge { axis, anchor } => Joint::Hinge {
                axis: axis.map(cast),
                anchor: anchor.map(cast),
            },
            Self::Slider { axis } => Joint::Slider {
                axis: axis.map(cast),
            },
        }
    }

    /// The part of a twist that the joint allows: all of it, nothing, the turn `a (a . w)` with
    /// the velocity that it gives the centre of mass, or the velocity `a (a . v)`.
    pub fn admit(&self, pose: &Pose<T>, twist: &Twist<T>) -> Twist<T> {
        match self {
            Self::Free => *twist,
            Self::Fixed => Twist::zero(),
            Self::Hinge { axis, anchor } => {
                let angular = axis * axis.dot(&twist.angular);
                Twist {
                    linear: angular.cross(&(pose.position - anchor)),
                    angular,
                }
            }
            Self::Slider { axis } => Twist {
                linear: axis * axis.dot(&twist.linear),
                angular: Vector3::zeros(),
            },
        }
    }

    /// Cotangents of the pose and of the twist of [`Joint::admit`].
    pub fn admit_vjp(
        &self,
        pose: &Pose<T>,
        twist: &Twist<T>,
        bar: &Twist<T>,
    ) -> (PoseBar<T>, Twist<T>) {
        let (mut pose_bar, mut twist_bar) = (PoseBar::zero(), Twist::zero());
        match self {
            Self::Free => twist_bar = *bar,
            Self::Fixed => {}
            Self::Hinge { axis, anchor } => {
                let angular = axis * axis.dot(&twist.angular);
                let arm = pose.position - anchor;
                pose_bar.position = bar.linear.cross(&angular);
                let angular_bar = bar.angular + arm.cross(&bar.linear);
                twist_bar.angular = axis * axis.dot(&angular_bar);
            }
            Self::Slider { axis } => twist_bar.linear = axis * axis.dot(&bar.linear),
        }
        (pose_bar, twist_bar)
    }

    /// The unit twist `S` of a joint with one degree of freedom.
    fn screw(&self, pose: &Pose<T>) -> Option<Vector6<T>> {
        match self {
            Self::Free | Self::Fixed => None,
            Self::Hinge { axis, anchor } => Some(stacked(&Twist {
                linear: axis.cross(&(pose.position - anchor)),
                angular: *axis,
            })),
            Self::Slider { axis } => Some(stacked(&Twist {
                linear: *axis,
                angular: Vector3::zeros(),
            })),
        }
    }
}

/// Mobility `W` of a body: the change of its twist by an impulse about its centre of mass, in
/// the units of the twist by those of the impulse (kg m/s, kg m^2/s).
///
/// Free: `diag(1/m, J^-1)`, `J = R diag(I) R^T`; fixed: zero; with one degree of freedom of
/// unit twist `S`: `S S^T / k`, `k = S^T diag(m, J) S`, since the joint takes the rest.
pub fn mobility<T: Real>(body: &RigidBody<T>, pose: &Pose<T>) -> Matrix6<T> {
    let mut mobility = Matrix6::zeros();
    match body.joint {
        Joint::Fixed => {}
        Joint::Free => {
            let linear = Matrix3::from_diagonal_element(T::one() / body.mass);
            mobility.fixed_view_mut::<3, 3>(0, 0).copy_from(&linear);
            let angular = inverse_inertia(&body.moments, &pose.rotation);
            mobility.fixed_view_mut::<3, 3>(3, 3).copy_from(&angular);
        }
        Joint::Hinge { .. } | Joint::Slider { .. } => {
            if let Some(screw) = body.joint.screw(pose) {
                let inertia = generalized_inertia(body, pose, &screw);
                mobility = screw * screw.transpose() / inertia;
            }
        }
    }
    mobility
}

/// `R diag(1 / I) R^T`.
fn inverse_inertia<T: Real>(moments: &Vector3<T>, rotation: &Matrix3<T>) -> Matrix3<T> {
    rotation * Matrix3::from_diagonal(&moments.map(|i| T::one() / i)) * rotation.transpose()
}

/// `k = m |S_v|^2 + S_w . J S_w`.
fn generalized_inertia<T: Real>(body: &RigidBody<T>, pose: &Pose<T>, screw: &Vector6<T>) -> T {
    let local = pose.rotation.tr_mul(&screw.fixed_rows::<3>(3));
    let spin = local.component_mul(&local).dot(&body.moments);
    screw.fixed_rows::<3>(0).norm_squared() * body.mass + spin
}

/// Cotangent of the pose of [`mobility`]; those of mass and moments are added to `parameters`.
pub fn mobility_vjp<T: Real>(
    body: &RigidBody<T>,
    pose: &Pose<T>,
    bar: &Matrix6<T>,
    parameters: &mut RigidParameterBar<T>,
) -> PoseBar<T> {
    let mut pose_bar = PoseBar::zero();
    let rotation = &pose.rotation;
    match &body.joint {
        Joint::Fixed => {}
        Joint::Free => {
            let linear_bar = bar.fixed_view::<3, 3>(0, 0).trace();
            parameters.mass -= linear_bar / (body.mass * body.mass);
            let angular_bar: Matrix3<T> = bar.fixed_view::<3, 3>(3, 3).into_owned();
            let local_bar = rotation.tr_mul(&angular_bar) * rotation;
            for axis in 0..3 {
                let moment = body.moments[axis];
                parameters.moments[axis] -= local_bar[(axis, axis)] / (moment * moment);
            }
            let angular = inverse_inertia(&body.moments, rotation);
            pose_bar.rotation = axial(&(angular_bar * angular - angular * angular_bar));
        }
        joint @ (Joint::Hinge { .. } | Joint::Slider { .. }) => {
            let Some(screw) = joint.screw(pose) else {
                return pose_bar;
            };
            let inertia = generalized_inertia(body, pose, &screw);
            let inertia_bar = -screw.dot(&(bar * screw)) / (inertia * inertia);
            let screw_bar = (bar + bar.transpose()) * screw / inertia;
            let (linear, angular) = (
                screw.fixed_rows::<3>(0).into_owned(),
                screw.fixed_rows::<3>(3).into_owned(),
            );
            let two = T::of(2.0);
            parameters.mass += inertia_bar * linear.norm_squared();
            let local = rotation.tr_mul(&angular);
            parameters.moments += local.component_mul(&local) * inertia_bar;
            let local_bar = local.component_mul(&body.moments) * (two * inertia_bar);
            pose_bar.rotation = (rotation * local_bar).cross(&angular);
            if let Joint::Hinge { axis, .. } = joint {
                let linear_bar = screw_bar.fixed_rows::<3>(0).into_owned()
                    + linear * (two * inertia_bar * body.mass);
                pose_bar.position = linear_bar.cross(axis);
            }
        }
    }
    pose_bar
}

/// The state after `time` (s) without forces.
///
/// Free: `x + t v`, and the turn of [`spin`], which keeps the angular momentum. Hinge: the turn
/// by `t (a . w)` about its line, exactly. Slider: `x + t v`.
pub fn coast<T: Real>(body: &RigidBody<T>, state: &RigidState<T>, time: T) -> RigidState<T> {
    let RigidState { pose, twist } = state;
    match &body.joint {
        Joint::Fixed => *state,
        Joint::Free => {
            let (rotation, angular) = spin(&body.moments, &pose.rotation, &twist.angular, time);
            RigidState {
                pose: Pose {
                    position: pose.position + twist.linear * time,
                    rotation,
                },
                twist: Twist {
                    linear: twist.linear,
                    angular,
                },
            }
        }
        Joint::Hinge { axis, anchor } => {
            let turn = exp(&(axis * (axis.dot(&twist.angular) * time)));
            RigidState {
                pose: Pose {
                    position: anchor + turn * (pose.position - anchor),
                    rotation: orthonormal(&(turn * pose.rotation)),
                },
                twist: Twist {
                    linear: turn * twist.linear,
                    angular: twist.angular,
                },
            }
        }
        Joint::Slider { .. } => RigidState {
            pose: Pose {
                position: pose.position + twist.linear * time,
                rotation: pose.rotation,
            },
            twist: *twist,
        },
    }
}

/// Cotangents of the state and of the time of [`coast`]; those of the moments are added to
/// `parameters`.
pub fn coast_vjp<T: Real>(
    body: &RigidBody<T>,
    state: &RigidState<T>,
    time: T,
    bar: &RigidBar<T>,
    parameters: &mut RigidParameterBar<T>,
) -> (RigidBar<T>, T) {
    let RigidState { pose, twist } = state;
    match &body.joint {
        Joint::Fixed => (*bar, T::zero()),
        Joint::Free => {
            let spin_bar = spin_vjp(
                &body.moments,
                &pose.rotation,
                &twist.angular,
                time,
                &bar.pose.rotation,
                &bar.twist.angular,
            );
            parameters.moments += spin_bar.moments;
            let state_bar = RigidBar {
                pose: PoseBar {
                    position: bar.pose.position,
                    rotation: spin_bar.rotation,
                },
                twist: Twist {
                    linear: bar.twist.linear + bar.pose.position * time,
                    angular: spin_bar.angular,
                },
            };
            let time_bar = bar.pose.position.dot(&twist.linear) + spin_bar.time;
            (state_bar, time_bar)
        }
        Joint::Hinge { axis, anchor } => {
            let rate = axis.dot(&twist.angular);
            let turn = exp(&(axis * (rate * time)));
            let angle_bar = axis.dot(
                &((turn * (pose.position - anchor)).cross(&bar.pose.position)
                    + bar.pose.rotation
                    + (turn * twist.linear).cross(&bar.twist.linear)),
            );
            let state_bar = RigidBar {
                pose: PoseBar {
                    position: turn.tr_mul(&bar.pose.position),
                    rotation: turn.tr_mul(&bar.pose.rotation),
                },
                twist: Twist {
                    linear: turn.tr_mul(&bar.twist.linear),
                    angular: bar.twist.angular + axis * (angle_bar * time),
                },
            };
            (state_bar, angle_bar * rate)
        }
        Joint::Slider { .. } => {
            let mut state_bar = *bar;
            state_bar.twist.linear += bar.pose.position * time;
            (state_bar, bar.pose.position.dot(&twist.linear))
        }
    }
}
