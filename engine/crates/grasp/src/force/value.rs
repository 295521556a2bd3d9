//! The value of the programme and its gradient.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Contact, contact};

/// `1/2 |G f - k w|^2 + 1/2 epsilon sum p^2` at forces `z`.
///
/// At the solution this is the value `V` of the programme.
pub fn value<T: Real>(contacts: &[Contact<T>], load: &[f64; 6], z: &[T], spread: f64) -> T {
    let half = T::of(0.5);
    let [force, torque] = balance(contacts, load, z);
    let mut value = half * (force.norm_squared() + torque.norm_squared());
    for contact in 0..contacts.len() {
        value += half * T::of(spread) * z[3 * contact] * z[3 * contact];
    }
    value
}

/// Adds `scale dV` to the cotangents of arms and normals.
///
/// The forces are held: the constraints do not depend on the contacts, so that at the solution
/// this is the gradient of the value (Danskin 1966), one-sided where the solution is not
/// unique. `scale` multiplies what is added.
pub fn value_vjp<T: Real>(
    contacts: &[Contact<T>],
    load: &[f64; 6],
    z: &[T],
    scale: T,
    bars: &mut [(Vector3<T>, Vector3<T>)],
) {
    let [force, torque] = balance(contacts, load, z);
    for (index, (contact, (arm_bar, normal_bar))) in contacts.iter().zip(bars).enumerate() {
        let f = &z[3 * index..3 * index + 3];
        let push = contact.force(f);
        // d (torque . (r x F)) = (torque x r) . dF + (F x torque) . dr
        let push_bar = (force + torque.cross(&contact.arm)) * scale;
        *arm_bar += push.cross(&torque) * scale;
        let tangents_bar = [push_bar * f[1], push_bar * f[2]];
        *normal_bar += push_bar * f[0] + contact::tangents_vjp(&contact.axes[0], &tangents_bar);
    }
}

/// Adds `scale dV / dz` to the cotangents of the forces and of `k`.
pub fn forces_vjp<T: Real>(
    contacts: &[Contact<T>],
    load: &[f64; 6],
    z: &[T],
    spread: f64,
    scale: T,
    bar: &mut [T],
) {
    let [force, torque] = balance(contacts, load, z);
    for (contact, (z, bar)) in contacts.iter().zip(z.chunks(3).zip(bar.chunks_mut(3))) {
        // d (torque . (r x F)) = (torque x r) . dF
        let push_bar = (force + torque.cross(&contact.arm)) * scale;
        for (bar, axis) in bar.iter_mut().zip(&contact.axes) {
            *bar += push_bar.dot(axis);
        }
        bar[0] += T::of(spread) * z[0] * scale;
    }
    let push = Vector3::new(load[0], load[1], load[2]).map(T::of);
    let turn = Vector3::new(load[3], load[4], load[5]).map(T::of);
    bar[3 * contacts.len()] -= (force.dot(&push) + torque.dot(&turn)) * scale;
}

/// `G f - k w`, force and torque.
fn balance<T: Real>(contacts: &[Contact<T>], load: &[f64; 6], z: &[T]) -> [Vector3<T>; 2] {
    let k = z[3 * contacts.len()];
    let mut force = -Vector3::new(load[0], load[1], load[2]).map(T::of) * k;
    let mut torque = -Vector3::new(load[3], load[4], load[5]).map(T::of) * k;
    for (index, contact) in contacts.iter().enumerate() {
        let push = contact.force(&z[3 * index..3 * index + 3]);
        force += push;
        torque += contact.arm.cross(&push);
    }
    [force, torque]
}
