//! What it costs a hand to come too near to what stands about an object.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::clearance::barrier;
use crate::{
    hand::{
        Hand,
        kinematics::{Frames, FramesBar},
        shape::Ball,
    },
    object::Object,
};

/// Width of the barriers (m), where the margin is smaller.
const LEAST_WIDTH: f64 = 0.002;

/// The sum of the barriers of all balls of the hand and all solids, in which a ball of radius
/// `r` at the distance `d` overlaps by `r + margin - d`.
pub fn avoidance<T: Real>(hand: &Hand, object: &Object, frames: &Frames<T>, margin: f64) -> T {
    let mut cost = T::zero();
    visit(hand, object, frames, margin, |_, _, _, overlap| {
        cost += barrier(overlap, margin.max(LEAST_WIDTH)).0;
    });
    cost
}

/// Adds `scale` times the gradient to the cotangents of the links; returns the cost.
pub fn avoidance_vjp<T: Real>(
    hand: &Hand,
    object: &Object,
    frames: &Frames<T>,
    margin: f64,
    scale: T,
    bar: &mut FramesBar<T>,
) -> T {
    let mut cost = T::zero();
    visit(
        hand,
        object,
        frames,
        margin,
        |link, centre, normal, overlap| {
            let (value, slope) = barrier(overlap, margin.max(LEAST_WIDTH));
            cost += value;
            bar.add(frames, link, centre, &(*normal * -(slope * scale)));
        },
    );
    cost
}

/// Calls `each` with the link, centre, outward normal and overlap of every ball that overlaps.
fn visit<T: Real>(
    hand: &Hand,
    object: &Object,
    frames: &Frames<T>,
    margin: f64,
    mut each: impl FnMut(usize, &Vector3<T>, &Vector3<T>, T),
) {
    let around = &object.surroundings;
    if around.is_empty() {
        return;
    }
    for (index, link) in hand.links.iter().enumerate() {
        let middle = frames.point(index, &link.bound.centre).map(|x| x.to_f64());
        if link.balls.is_empty() || around.distance(&middle) > link.bound.radius + margin {
            continue;
        }
        for ball in &link.balls {
            let centre = frames.point(index, &ball.centre);
            around.visit(&centre, |distance, normal| {
                let overlap = T::of(ball.radius + margin) - distance;
                if overlap > T::zero() {
                    each(index, &centre, &normal, overlap);
                }
            });
        }
    }
}

/// The place of a link that is deepest in a solid, or nearest to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deepest {
    /// By how much it is nearer than the margin (m).
    pub overlap: f64,
    /// The point of the link (m).
    pub point: Vector3<f64>,
    /// Outward normal of the solid there.
    pub normal: Vector3<f64>,
}

/// What is deepest of the surface of a link; `None` if nothing is nearer than `margin` (m).
pub fn deepest(
    hand: &Hand,
    object: &Object,
    frames: &Frames<f64>,
    link: usize,
    margin: f64,
) -> Option<Deepest> {
    let around = &object.surroundings;
    if around.is_empty() {
        return None;
    }
    let mut best: Option<Deepest> = None;
    for Ball { centre, radius } in &hand.links[link].surface {
        let centre = frames.point(link, centre);
        around.visit(&centre, |distance, normal| {
            let overlap = radius + margin - distance;
            if overlap > best.map_or(0.0, |best| best.overlap) {
                best = Some(Deepest {
                    overlap,
                    point: centre - normal * *radius,
                    normal,
                });
            }
        });
    }
    best
}
