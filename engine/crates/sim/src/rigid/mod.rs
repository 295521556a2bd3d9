//! Rigid bodies of mass and inertia: how they turn, what holds them, what they touch.
//!
//! A body's own frame has its origin in the centre of mass and its axes along the principal
//! axes of inertia. Its state is kept in the wide scalar, like the poses of tools, because
//! small steps add up in it.

pub mod body;
pub mod coupling;
pub mod fall;
pub mod feeler;
mod impulse;
pub mod joint;
pub mod mass;
pub mod meeting;
pub mod step;
mod touch;
pub mod turn;

pub use body::{RigidBar, RigidBody, RigidParameterBar, RigidState};
pub use fall::{fall, fall_vjp};
pub use feeler::Feeler;
pub use joint::Joint;
pub use meeting::Surroundings;
pub use step::{RigidScratch, RigidStepBar, step, step_vjp};

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3, Vector6};

use crate::pose::Twist;

/// Linear part first, angular part below: twists, and impulses about the centre of mass.
pub(crate) fn stacked<T: Real>(twist: &Twist<T>) -> Vector6<T> {
    let (v, w) = (&twist.linear, &twist.angular);
    Vector6::new(v.x, v.y, v.z, w.x, w.y, w.z)
}

/// The inverse of [`stacked`].
pub(crate) fn unstacked<T: Real>(stack: &Vector6<T>) -> Twist<T> {
    Twist {
        linear: stack.fixed_rows::<3>(0).into_owned(),
        angular: stack.fixed_rows::<3>(3).into_owned(),
    }
}

/// The vector `c` with `c . w = sum_ij C_ij ([w]_x)_ij` for every `w`.
pub(crate) fn axial<T: Real>(c: &Matrix3<T>) -> Vector3<T> {
    Vector3::new(c.m32 - c.m23, c.m13 - c.m31, c.m21 - c.m12)
}
