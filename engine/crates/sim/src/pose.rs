//! Rigid placements and how they move.

#[cfg(test)]
pub(crate) mod tests;
pub mod turn;

use std::ops::AddAssign;

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

pub use turn::{exp, exp_vjp, left_jacobian, log, log_vjp};

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
