//! What it costs a hand to come too near to an object.

use backflow_diff::Real;
use backflow_sim::collider::SignedDistance;
use nalgebra::Vector3;

use crate::{
    hand::{
        Hand,
        kinematics::{Frames, FramesBar},
    },
    object::{
        Object,
        distance::{SLACK, distance},
    },
};

/// The cost of an overlap `s` (m) with the width `eta` (m): zero up to `s = 0`, then
/// `s^2 / (2 eta)`, and `s - eta / 2` from `eta` on; and its slope.
#[inline]
pub(super) fn barrier<T: Real>(s: T, eta: f64) -> (T, T) {
    let width = T::of(eta);
    if s <= T::zero() {
        (T::zero(), T::zero())
    } else if s < width {
        (s * s * T::of(0.5 / eta), s / width)
    } else {
        (s - T::of(0.5 * eta), T::one())
    }
}

/// How near links may come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margins {
    /// Distance (m) from the object at which other links than the tips start to pay.
    pub links: f64,
    /// The same of the tips, negative inside.
    pub tips: f64,
}

/// The sum of the barriers of all balls of the hand, in which a ball of radius `r` at `c`
/// overlaps by `r + margin - phi(c)`.
pub fn clearance<T: Real>(
    hand: &Hand,
    object: &Object,
    frames: &Frames<T>,
    margins: &Margins,
) -> T {
    let mut cost = T::zero();
    visit(hand, object, frames, margins, |_, _, overlap, eta| {
        cost += barrier(overlap, eta).0;
    });
    cost
}

/// Adds `scale` times the gradient to the cotangents of the links; returns the cost.
pub fn clearance_vjp<T: Real>(
    hand: &Hand,
    object: &Object,
    frames: &Frames<T>,
    margins: &Margins,
    scale: T,
    bar: &mut FramesBar<T>,
) -> T {
    let mut cost = T::zero();
    visit(
        hand,
        object,
        frames,
        margins,
        |link, centre, overlap, eta| {
            let (value, slope) = barrier(overlap, eta);
            cost += value;
            let centre_bar = object
                .field
                .probe_vjp(centre, -slope * scale, &Vector3::zeros());
            bar.add(frames, link, centre, &centre_bar);
        },
    );
    cost
}

/// Width of the barriers (m), where the margin is smaller.
const LEAST_WIDTH: f64 = 0.002;

/// Calls `each` with the link, centre, overlap and width of every ball that overlaps.
fn visit<T: Real>(
    hand: &Hand,
    object: &Object,
    frames: &Frames<T>,
    margins: &Margins,
    mut each: impl FnMut(usize, &Vector3<T>, T, f64),
) {
    for (index, link) in hand.links.iter().enumerate() {
        if link.balls.is_empty() {
            continue;
        }
        let tip = hand.fingers.iter().any(|finger| finger.link == index);
        let margin = if tip { margins.tips } else { margins.links };
        let eta = margin.max(LEAST_WIDTH);
        let around = frames.point(index, &link.bound.centre).map(|x| x.to_f64());
        if object.floor.at(&around) > SLACK * (link.bound.radius + margin) {
            continue;
        }
        for cluster in &link.clusters {
            // A single one has the bound of the link.
            if link.clusters.len() > 1 {
                let around = frames.point(index, &cluster.bound.centre);
                let far = object.floor.at(&around.map(|x| x.to_f64()));
                if far > SLACK * (cluster.bound.radius + margin) {
                    continue;
                }
            }
            for ball in &link.balls[cluster.balls.clone()] {
                let centre = frames.point(index, &ball.centre);
                let far = object.floor.at(&centre.map(|x| x.to_f64()));
                if far > ball.radius + margin {
                    continue;
                }
                let overlap = T::of(ball.radius + margin) - distance(&object.field, &centre);
                if overlap > T::zero() {
                    each(index, &centre, overlap, eta);
                }
            }
        }
    }
}
