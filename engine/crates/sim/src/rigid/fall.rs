//! What gravity does to rigid bodies.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    body::{RigidBar, RigidBody, RigidParameterBar, RigidState},
    impulse::halves,
    joint::{Joint, mobility, mobility_vjp},
    stacked, unstacked,
};
use crate::pose::Twist;

/// Changes the velocities by a force that acts on all matter alike, gravity `g` (m/s^2):
/// `V' = V + dt W (m g, 0)`.
pub fn fall<W: Real>(
    bodies: &[RigidBody<W>],
    states: &mut [RigidState<W>],
    gravity: &Vector3<W>,
    dt: W,
) {
    for (body, state) in bodies.iter().zip(states) {
        if body.joint == Joint::Free {
            state.twist.linear += gravity * dt;
            continue;
        }
        let weight = stacked(&Twist {
            linear: gravity * (body.mass * dt),
            angular: Vector3::zeros(),
        });
        state.twist += unstacked(&(mobility(body, &state.pose) * weight));
    }
}

/// Cotangent of gravity of [`fall`]; those of the states before, `states`, replace those after.
pub fn fall_vjp<W: Real>(
    bodies: &[RigidBody<W>],
    states: &[RigidState<W>],
    gravity: &Vector3<W>,
    dt: W,
    bars: &mut [RigidBar<W>],
    parameters: &mut [RigidParameterBar<W>],
) -> Vector3<W> {
    let mut gravity_bar = Vector3::zeros();
    for (index, (body, state)) in bodies.iter().zip(states).enumerate() {
        let bar = &mut bars[index];
        if body.joint == Joint::Free {
            gravity_bar += bar.twist.linear * dt;
            continue;
        }
        let weight = stacked(&Twist {
            linear: gravity * (body.mass * dt),
            angular: Vector3::zeros(),
        });
        let change_bar = stacked(&bar.twist);
        let mobility_bar = change_bar * weight.transpose();
        let [weight_bar, _] = halves(&(mobility(body, &state.pose) * change_bar));
        gravity_bar += weight_bar * (body.mass * dt);
        parameters[index].mass += weight_bar.dot(gravity) * dt;
        bar.pose += mobility_vjp(body, &state.pose, &mobility_bar, &mut parameters[index]);
    }
    gravity_bar
}
