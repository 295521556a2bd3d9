//! Where fingers touch, or would: balls of their links against an object.

use backflow_diff::Real;
use backflow_sim::collider::{Probe, SignedDistance};
use nalgebra::Vector3;

use crate::{force::Contact, object::Object};

/// A ball and what is nearest to it on the object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touch<T: Real> {
    /// Distance of the ball from the surface (m), negative inside.
    pub gap: T,
    /// The contact that it makes there.
    pub contact: Contact<T>,
    /// Centre of the ball (m).
    pub(super) centre: Vector3<T>,
    /// Distance of the centre (m) and outward normal.
    probe: Probe<T>,
}

/// The touch of a ball with its centre at `c`: `gap = phi(c) - r`, the point `c - phi n`, the
/// inward normal `-n(c)`, and the arm `(point - centre of mass) / length`.
pub fn touch<T: Real>(object: &Object, centre: Vector3<T>, radius: f64) -> Touch<T> {
    let probe = object.field.probe(&centre);
    let point = centre - probe.normal * probe.distance;
    let arm = (point - object.centre.map(T::of)) * T::of(1.0 / object.length);
    Touch {
        gap: probe.distance - T::of(radius),
        contact: Contact::new(arm, &-probe.normal),
        centre,
        probe,
    }
}

/// The cotangent of the centre from those of gap, arm and inward normal.
pub fn touch_vjp<T: Real>(
    object: &Object,
    touch: &Touch<T>,
    gap_bar: T,
    (arm_bar, inward_bar): &(Vector3<T>, Vector3<T>),
) -> Vector3<T> {
    let point_bar = *arm_bar * T::of(1.0 / object.length);
    let distance_bar = gap_bar - point_bar.dot(&touch.probe.normal);
    let normal_bar = -*inward_bar - point_bar * touch.probe.distance;
    point_bar
        + object
            .field
            .probe_vjp(&touch.centre, distance_bar, &normal_bar)
}
