//! What it costs a hand to come too near to itself.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::clearance::barrier;
use crate::hand::{
    Hand,
    kinematics::{Frames, FramesBar},
    shape::{Ball, Segment},
};

/// Width of the barriers (m).
const WIDTH: f64 = 0.002;

/// The sum of the barriers of all pairs of shapes, of links that must not overlap: segments
/// with a radius overlap by `r_1 + r_2 + margin - d` at the distance `d`, a box and a ball by
/// `r + margin - d`.
pub fn overlap<T: Real>(hand: &Hand, frames: &Frames<T>, margin: f64) -> T {
    let mut cost = T::zero();
    visit(hand, frames, margin, |_, _, _, overlap| {
        cost += barrier(overlap, WIDTH).0
    });
    cost
}

/// Adds `scale` times the gradient to the cotangents of the links; returns the cost.
pub fn overlap_vjp<T: Real>(
    hand: &Hand,
    frames: &Frames<T>,
    margin: f64,
    scale: T,
    bar: &mut FramesBar<T>,
) -> T {
    let mut cost = T::zero();
    visit(hand, frames, margin, |pair, points, normal, overlap| {
        let (value, slope) = barrier(overlap, WIDTH);
        cost += value;
        // Moving the first along the normal, away from the second, lessens the overlap.
        let push = *normal * (slope * scale);
        bar.add(frames, pair.0, &points.0, &-push);
        bar.add(frames, pair.1, &points.1, &push);
    });
    cost
}

/// Calls `each` with the links, their nearest points, the unit vector from the second to the
/// first and the overlap, for every pair of shapes that overlaps.
pub(super) fn visit<T: Real>(
    hand: &Hand,
    frames: &Frames<T>,
    margin: f64,
    mut each: impl FnMut((usize, usize), (Vector3<T>, Vector3<T>), &Vector3<T>, T),
) {
    for &(a, b) in &hand.pairs {
        let (first, second) = (&hand.links[a], &hand.links[b]);
        let way = frames.point(a, &first.bound.centre) - frames.point(b, &second.bound.centre);
        let reach = T::of(first.bound.radius + second.bound.radius + margin);
        if way.norm_squared() > reach * reach {
            continue;
        }
        for one in &first.segments {
            let one_ends = ends(frames, a, one);
            for other in &second.segments {
                let (p, q) = nearest(&one_ends, &ends(frames, b, other));
                let way = p - q;
                let distance = way.norm();
                let overlap = T::of(one.radius + other.radius + margin) - distance;
                // Segments that cross have no way apart; the others of their links have.
                if overlap > T::zero() && distance > T::of(1e-9) {
                    each((a, b), (p, q), &(way / distance), overlap);
                }
            }
        }
        for (boxes, others) in [(a, b), (b, a)] {
            let (boxed, other) = (&hand.links[boxes], &hand.links[others]);
            if boxed.blocks.is_empty() || other.balls.is_empty() {
                continue;
            }
            // The other link in the frame of the one with the boxes; most of it is far away.
            let back = frames.rotation[boxes].transpose();
            let turn = back * frames.rotation[others];
            let shift = back * (frames.position[others] - frames.position[boxes]);
            let (near_turn, near_shift) = (turn.map(|x| x.to_f64()), shift.map(|x| x.to_f64()));
            let near = |point: &Vector3<f64>| near_turn * point + near_shift;
            let around = near(&other.bound.centre);
            for block in &boxed.blocks {
                if !block.reaches(&around, other.bound.radius + margin) {
                    continue;
                }
                for cluster in &other.clusters {
                    let Ball { centre, radius } = cluster.bound;
                    if !block.reaches(&near(&centre), radius + margin) {
                        continue;
                    }
                    for ball in &other.balls[cluster.balls.clone()] {
                        if !block.reaches(&near(&ball.centre), ball.radius + margin) {
                            continue;
                        }
                        let local = turn * ball.centre.map(T::of) + shift;
                        let (distance, normal) = block.away(&local);
                        let overlap = T::of(ball.radius + margin) - distance;
                        if overlap > T::zero() {
                            let centre = frames.point(others, &ball.centre);
                            let normal = frames.rotation[boxes] * normal;
                            let surface = centre - normal * distance;
                            if others == a {
                                each((a, b), (centre, surface), &normal, overlap);
                            } else {
                                each((a, b), (surface, centre), &-normal, overlap);
                            }
                        }
                    }
                }
            }
        }
    }
}

fn ends<T: Real>(frames: &Frames<T>, link: usize, segment: &Segment) -> [Vector3<T>; 2] {
    [
        frames.point(link, &segment.from),
        frames.point(link, &segment.to),
    ]
}

/// The nearest points of two segments (Ericson 2005, "Real-Time Collision Detection", 5.1.9).
/// Of parallel ones, the pair at the start of the first.
fn nearest<T: Real>(first: &[Vector3<T>; 2], second: &[Vector3<T>; 2]) -> (Vector3<T>, Vector3<T>) {
    let (d1, d2, r) = (
        first[1] - first[0],
        second[1] - second[0],
        first[0] - second[0],
    );
    let (a, e, f) = (d1.norm_squared(), d2.norm_squared(), d2.dot(&r));
    let (zero, tiny) = (T::zero(), T::of(1e-16));
    let part = |x: T| {
        if x < zero {
            zero
        } else if x > T::one() {
            T::one()
        } else {
            x
        }
    };
    let (s, t);
    if a <= tiny && e <= tiny {
        (s, t) = (zero, zero);
    } else if a <= tiny {
        (s, t) = (zero, part(f / e));
    } else {
        let c = d1.dot(&r);
        if e <= tiny {
            (s, t) = (part(-c / a), zero);
        } else {
            let b = d1.dot(&d2);
            let denominator = a * e - b * b;
            let along = if denominator > T::of(1e-10) * a * e {
                part((b * f - c * e) / denominator)
            } else {
                zero
            };
            let across = (b * along + f) / e;
            if across < zero {
                (s, t) = (part(-c / a), zero);
            } else if across > T::one() {
                (s, t) = (part((b - c) / a), T::one());
            } else {
                (s, t) = (along, across);
            }
        }
    }
    (first[0] + d1 * s, second[0] + d2 * t)
}
