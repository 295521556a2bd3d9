//! A rigid body and its state.

use std::ops::AddAssign;

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{
    feeler::{Feeler, feelers},
    joint::Joint,
    mass::mass_properties,
};
use crate::{
    collider::Shape,
    contact::{Collider, ContactLaw, Stage},
    pose::{Pose, PoseBar, Twist},
    world::cast,
};

/// A rigid body of mass and inertia.
#[derive(Debug, Clone, PartialEq)]
pub struct RigidBody<T: Real> {
    /// Name in the scene.
    pub name: String,
    /// Mass (kg).
    pub mass: T,
    /// Principal moments of inertia about the centre of mass (kg m^2).
    pub moments: Vector3<T>,
    /// What holds it.
    pub joint: Joint<T>,
    /// Its solid, placed in the frame of the body, and how its surface holds matter.
    pub collider: Collider<T>,
    /// Where its surface touches walls, colliders and other bodies.
    pub feelers: Vec<Feeler<T>>,
    /// Coulomb coefficient (1) against walls, colliders and, averaged, other bodies.
    pub friction: T,
    /// Ratio of the speeds after and before a bounce (1), averaged against other bodies.
    pub restitution: T,
    /// Where it is and how it moves at the start of a run; what its joint does not allow
    /// of the motion is left out, see [`Joint::admit`].
    pub start: RigidState<T>,
}

/// Where a rigid body is and how it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RigidState<T: Real> {
    /// Centre of mass (m) and principal axes.
    pub pose: Pose<T>,
    /// Velocity of the centre of mass (m/s) and angular velocity (rad/s), in world axes.
    pub twist: Twist<T>,
}

/// Cotangent of a [`RigidState`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RigidBar<T: Real> {
    /// Of the pose.
    pub pose: PoseBar<T>,
    /// Of the velocities.
    pub twist: Twist<T>,
}

/// Cotangents of the constants of a [`RigidBody`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RigidParameterBar<T: Real> {
    /// Of the mass; that of the moments is not part of it.
    pub mass: T,
    /// Of the principal moments of inertia.
    pub moments: Vector3<T>,
    /// Of the friction against walls, colliders and bodies.
    pub friction: T,
    /// Of the restitution.
    pub restitution: T,
    /// Of the friction against matter.
    pub matter_friction: T,
}

impl<T: Real> RigidState<T> {
    /// The same state in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> RigidState<U> {
        RigidState {
            pose: Pose {
                position: self.pose.position.map(cast),
                rotation: self.pose.rotation.map(cast),
            },
            twist: Twist {
                linear: self.twist.linear.map(cast),
                angular: self.twist.angular.map(cast),
            },
        }
    }

    /// Whether all its numbers are finite.
    pub fn is_finite(&self) -> bool {
        let vectors = [self.pose.position, self.twist.linear, self.twist.angular];
        vectors.iter().flatten().all(|entry| entry.is_finite())
            && self.pose.rotation.iter().all(|entry| entry.is_finite())
    }
}

impl RigidBody<f64> {
    /// A free body of an even density (kg/m^3) that stands still at the origin, without friction
    /// and restitution; `None` for a shape without mass properties of its own, a plane or a grid.
    pub fn of_shape(shape: Shape<f64>, density: f64) -> Option<Self> {
        let (properties, pose) = (mass_properties(&shape)?, Pose::identity());
        Some(Self {
            name: String::new(),
            mass: properties.volume * density,
            moments: properties.inertia.diagonal() * density,
            joint: Joint::Free,
            feelers: feelers(&shape, &pose),
            collider: Collider {
                name: String::new(),
                shape,
                pose,
                law: ContactLaw::Separating,
                friction: 0.0,
                width: 0.0,
                mount: None,
                stage: Stage::Grid,
            },
            friction: 0.0,
            restitution: 0.0,
            start: RigidState {
                pose,
                twist: Twist::zero(),
            },
        })
    }
}

impl<T: Real> RigidBody<T> {
    /// The state at the start of a run: [`RigidBody::start`], as its joint allows.
    pub fn initial(&self) -> RigidState<T> {
        RigidState {
            pose: self.start.pose,
            twist: self.joint.admit(&self.start.pose, &self.start.twist),
        }
    }

    /// Cotangent of [`RigidBody::start`] from that of [`RigidBody::initial`].
    pub fn initial_vjp(&self, bar: &RigidBar<T>) -> RigidBar<T> {
        let (pose, twist) = (&self.start.pose, &self.start.twist);
        let (pose_bar, twist_bar) = self.joint.admit_vjp(pose, twist, &bar.twist);
        let mut sum = RigidBar {
            pose: bar.pose,
            twist: twist_bar,
        };
        sum.pose += pose_bar;
        sum
    }

    /// Inertia tensor in world axes (kg m^2): `J = R diag(I) R^T`.
    pub fn inertia(&self, rotation: &Matrix3<T>) -> Matrix3<T> {
        rotation * Matrix3::from_diagonal(&self.moments) * rotation.transpose()
    }

    /// Spatial angular momentum (kg m^2/s) about the centre of mass: `J w`.
    pub fn angular_momentum(&self, state: &RigidState<T>) -> Vector3<T> {
        self.inertia(&state.pose.rotation) * state.twist.angular
    }

    /// Kinetic energy (J): `m v^2 / 2 + w . J w / 2`.
    pub fn kinetic_energy(&self, state: &RigidState<T>) -> T {
        let spin = self.angular_momentum(state).dot(&state.twist.angular);
        (state.twist.linear.norm_squared() * self.mass + spin) * T::of(0.5)
    }

    /// The same body in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> RigidBody<U> {
        RigidBody {
            name: self.name.clone(),
            mass: cast(self.mass),
            moments: self.moments.map(cast),
            joint: self.joint.cast(),
            collider: self.collider.cast(),
            feelers: self.feelers.iter().map(Feeler::cast).collect(),
            friction: cast(self.friction),
            restitution: cast(self.restitution),
            start: self.start.cast(),
        }
    }
}

impl<T: Real> RigidBar<T> {
    /// The zero cotangent.
    pub fn zero() -> Self {
        Self {
            pose: PoseBar::zero(),
            twist: Twist::zero(),
        }
    }

    /// The same in `f64`.
    pub fn to_f64(&self) -> RigidBar<f64> {
        RigidBar {
            pose: PoseBar {
                position: self.pose.position.map(Real::to_f64),
                rotation: self.pose.rotation.map(Real::to_f64),
            },
            twist: Twist {
                linear: self.twist.linear.map(Real::to_f64),
                angular: self.twist.angular.map(Real::to_f64),
            },
        }
    }
}

impl<T: Real> AddAssign for RigidBar<T> {
    fn add_assign(&mut self, other: Self) {
        self.pose += other.pose;
        self.twist += other.twist;
    }
}

impl<T: Real> RigidParameterBar<T> {
    /// The zero cotangent.
    pub fn zero() -> Self {
        Self {
            mass: T::zero(),
            moments: Vector3::zeros(),
            friction: T::zero(),
            restitution: T::zero(),
            matter_friction: T::zero(),
        }
    }

    /// The same in `f64`.
    pub fn to_f64(&self) -> RigidParameterBar<f64> {
        RigidParameterBar {
            mass: self.mass.to_f64(),
            moments: self.moments.map(Real::to_f64),
            friction: self.friction.to_f64(),
            restitution: self.restitution.to_f64(),
            matter_friction: self.matter_friction.to_f64(),
        }
    }
}

impl<T: Real> AddAssign for RigidParameterBar<T> {
    fn add_assign(&mut self, other: Self) {
        self.mass += other.mass;
        self.moments += other.moments;
        self.friction += other.friction;
        self.restitution += other.restitution;
        self.matter_friction += other.matter_friction;
    }
}
