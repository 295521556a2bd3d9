//! Where fingers touch, or would: the balls of their pads against an object.

use backflow_diff::Real;
use backflow_sim::collider::{Probe, SignedDistance};
use nalgebra::Vector3;

use crate::{
    force::Contact,
    hand::{
        Hand,
        kinematics::{Frames, FramesBar},
    },
    object::Object,
};

/// A pad and what is nearest to it on the object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touch<T: Real> {
    /// Distance of the pad from the surface (m), negative inside.
    pub gap: T,
    /// The contact that it makes there.
    pub contact: Contact<T>,
    /// Centre of the pad (m).
    centre: Vector3<T>,
    /// Distance of the centre (m) and outward normal.
    probe: Probe<T>,
}

/// The touch of a finger: with `c` the centre of its pad of radius `r`,
/// `gap = phi(c) - r`, the point `c - phi n`, the inward normal `-n(c)`, and the arm
/// `(point - centre of mass) / length`.
pub fn touch<T: Real>(hand: &Hand, object: &Object, frames: &Frames<T>, finger: usize) -> Touch<T> {
    let finger = &hand.fingers[finger];
    let centre = frames.point(finger.link, &finger.pad.centre);
    let probe = object.field.probe(&centre);
    let point = centre - probe.normal * probe.distance;
    let arm = (point - object.centre.map(T::of)) * T::of(1.0 / object.length);
    Touch {
        gap: probe.distance - T::of(finger.pad.radius),
        contact: Contact::new(arm, &-probe.normal),
        centre,
        probe,
    }
}

/// Adds the cotangents of the link from those of gap, arm and inward normal.
pub fn touch_vjp<T: Real>(
    hand: &Hand,
    object: &Object,
    frames: &Frames<T>,
    finger: usize,
    touch: &Touch<T>,
    gap_bar: T,
    (arm_bar, inward_bar): &(Vector3<T>, Vector3<T>),
    bar: &mut FramesBar<T>,
) {
    let point_bar = *arm_bar * T::of(1.0 / object.length);
    let distance_bar = gap_bar - point_bar.dot(&touch.probe.normal);
    let normal_bar = -*inward_bar - point_bar * touch.probe.distance;
    let centre_bar = point_bar
        + object
            .field
            .probe_vjp(&touch.centre, distance_bar, &normal_bar);
    bar.add(
        frames,
        hand.fingers[finger].link,
        &touch.centre,
        &centre_bar,
    );
}
