//! Positions that are brought back to where matter may be.

use backflow_diff::Real;
use nalgebra::{DMatrix, Vector3};

use super::{Obstacle, Room};

/// Parts that a step is cut into where an obstacle is near, so that a sample is pushed out on the side that it
/// came from: it may move by twice the thickness of an obstacle in a step.
const PARTS: usize = 4;

/// Rounds over all obstacles and walls in a part: corners between two take two.
const ROUNDS: usize = 4;

/// What a sample may be inside of an obstacle (m) by rounding.
const ROUNDING: f64 = 1e-6;

/// Something that a part of a step does to a sample.
#[derive(Debug, Clone, Copy)]
enum Act<T: Real> {
    /// It moves by a share of the step.
    Move,
    /// An obstacle pushes it out from here: `x - d n`.
    Push(usize, Vector3<T>),
    /// Walls hold some of its coordinates.
    Clamp([bool; 3]),
    /// It could not be brought out of everything: it stays where it was, so many acts before.
    Stay(usize),
}

/// A position held by the walls, and which coordinates are.
fn clamp<T: Real>(room: &Room, x: &Vector3<T>) -> (Vector3<T>, [bool; 3]) {
    let mut kept = *x;
    let held = [0, 1, 2].map(|axis| {
        let [low, high] = [0, 1].map(|side| T::of(room.bounds[side][axis]));
        kept[axis] = x[axis].max(low).min(high);
        kept[axis] != x[axis]
    });
    (kept, held)
}

/// The way of a sample from `start` to `end` (m), and what happened on it; `None` where no obstacle did anything.
fn way<T: Real>(
    room: &Room,
    solids: &[Obstacle<T>],
    start: &Vector3<T>,
    end: &Vector3<T>,
) -> Option<(Vector3<T>, Vec<Act<T>>)> {
    let step = *end - *start;
    let length = step.norm_squared().to_f64().sqrt();
    let near = |solid: &&Obstacle<T>| solid.probe(start).distance.to_f64() <= 2.0 * length;
    solids.iter().find(near)?;
    let (mut x, mut acts, mut pushed) = (*start, Vec::new(), false);
    for _ in 0..PARTS {
        let (before, first) = (x, acts.len());
        acts.push(Act::Move);
        x += step * T::of(1.0 / PARTS as f64);
        for _ in 0..ROUNDS {
            let count = acts.len();
            for (index, solid) in solids.iter().enumerate() {
                let probe = solid.probe(&x);
                if probe.distance < T::zero() {
                    acts.push(Act::Push(index, x));
                    x -= probe.normal * probe.distance;
                    pushed = true;
                }
            }
            let (kept, held) = clamp(room, &x);
            if held.contains(&true) {
                acts.push(Act::Clamp(held));
                x = kept;
            }
            if acts.len() == count {
                break;
            }
        }
        let inside = |solid: &Obstacle<T>| solid.probe(&x).distance.to_f64() < -ROUNDING;
        if solids.iter().any(inside) {
            acts.push(Act::Stay(acts.len() - first));
            x = before;
        }
    }
    pushed.then_some((x, acts))
}

/// How many coordinates walls held on a way, and 1 for the obstacles.
fn count<T: Real>(acts: &[Act<T>]) -> usize {
    let held = |axis: usize| {
        let clamped = |act: &Act<T>| matches!(act, Act::Clamp(held) if held[axis]);
        usize::from(acts.iter().any(clamped))
    };
    1 + held(0) + held(1) + held(2)
}

fn column<T: Real>(x: &DMatrix<T>, i: usize) -> Vector3<T> {
    Vector3::new(x[(0, i)], x[(1, i)], x[(2, i)])
}

/// Positions brought back into the room and out of what stands in it, and how much was: coordinates that walls
/// held, and samples that obstacles pushed. `now` are those before the step, `free` those after it (m).
///
/// Where obstacles are near, a step is done in four parts: after each the sample is pushed to the nearest point of the
/// surface of an obstacle that it is in, and into the room. Where it cannot be brought out of everything it stays
/// where it was before that part, so that no sample that starts outside is ever inside, but for rounding.
pub(super) fn hold<T: Real>(
    room: &Room,
    now: &DMatrix<T>,
    free: &DMatrix<T>,
) -> (DMatrix<T>, usize) {
    let (mut x, mut held) = (free.clone(), 0);
    let solids = room.solids::<T>();
    for (i, mut x) in x.column_iter_mut().enumerate() {
        let end = column(free, i);
        match way(room, &solids, &column(now, i), &end) {
            Some((kept, acts)) => {
                held += count(&acts);
                x.copy_from(&kept);
            }
            None => {
                let (kept, clamped) = clamp(room, &end);
                held += clamped.iter().filter(|held| **held).count();
                x.copy_from(&kept);
            }
        }
    }
    (x, held)
}

/// Adds the cotangents of the positions after and before the step of [`hold`]. Where a coordinate is brought back by a
/// wall the derivative from outside is taken, zero; where a sample is pushed out, that of the nearest point.
pub(super) fn hold_vjp<T: Real>(
    room: &Room,
    now: &DMatrix<T>,
    free: &DMatrix<T>,
    x_bar: &DMatrix<T>,
    free_bar: &mut DMatrix<T>,
    now_bar: &mut DMatrix<T>,
) {
    let solids = room.solids::<T>();
    let share = T::of(1.0 / PARTS as f64);
    for i in 0..free.ncols() {
        let end = column(free, i);
        let Some((_, acts)) = way(room, &solids, &column(now, i), &end) else {
            let (_, held) = clamp(room, &end);
            for axis in (0..3).filter(|&axis| !held[axis]) {
                free_bar[(axis, i)] += x_bar[(axis, i)];
            }
            continue;
        };
        let (mut bar, mut step_bar) = (column(x_bar, i), Vector3::zeros());
        let mut at = acts.len();
        while at > 0 {
            at -= 1;
            match acts[at] {
                Act::Move => step_bar += bar * share,
                Act::Push(index, x) => {
                    let probe = solids[index].probe(&x);
                    let (distance_bar, normal_bar) =
                        (-probe.normal.dot(&bar), -(bar * probe.distance));
                    bar += solids[index].probe_vjp(&x, distance_bar, &normal_bar);
                }
                Act::Clamp(held) => {
                    for axis in (0..3).filter(|&axis| held[axis]) {
                        bar[axis] = T::zero();
                    }
                }
                Act::Stay(before) => at -= before,
            }
        }
        for axis in 0..3 {
            free_bar[(axis, i)] += step_bar[axis];
            now_bar[(axis, i)] += bar[axis] - step_bar[axis];
        }
    }
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;
    use backflow_sim::{
        collider::{Cuboid, Shape},
        pose::Pose,
    };

    use super::*;
    use crate::testing::{check_at, matrix, obstructed, room};

    fn cuboid(half: [f64; 3], position: [f64; 3]) -> Obstacle<f64> {
        Obstacle {
            shape: Shape::Cuboid(Cuboid {
                half_extents: half.into(),
                rounding: 0.0,
            }),
            pose: Pose::from_rotation_vector(position.into(), &Vector3::zeros()),
        }
    }

    /// A cup of two walls that meet in a corner, which goes on below the floor.
    fn corner() -> Room {
        Room {
            obstacles: vec![
                cuboid([0.04, 0.4, 0.5], [0.4, 0.0, 0.5]),
                cuboid([0.3, 0.4, 0.04], [0.7, 0.0, 0.4]),
            ],
            ..room()
        }
    }

    #[test]
    fn nothing_enters_an_obstacle_or_goes_through_it() {
        for room in [obstructed(), corner()] {
            let mut random = Random::new(5, &[]);
            let (mut x, mut pushes) = (Vec::new(), 0);
            let clear = |x: &Vector3<f64>| {
                let least = room.obstacles.iter().map(|solid| solid.probe(x).distance);
                least.fold(f64::INFINITY, f64::min) >= -ROUNDING
            };
            while x.len() < 3 * 200 {
                let place = [(); 3].map(|()| random.uniform());
                if clear(&place.into()) {
                    x.extend(place);
                }
            }
            let mut now = matrix(3, &x);
            for _ in 0..100 {
                let free = now.map(|x| x + 0.06 * random.normal());
                let (next, held) = hold(&room, &now, &free);
                let plain = crate::testing::room();
                let (walled, count) = hold(&plain, &now, &free);
                pushes += held.saturating_sub(count);
                for (i, x) in next.column_iter().enumerate() {
                    assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
                    assert!(clear(&column(&next, i)), "{x}");
                    // What is not near an obstacle is held as without one, to the bit.
                    if way(&room, &room.obstacles, &column(&now, i), &column(&free, i)).is_none() {
                        assert_eq!(x, walled.column(i));
                    }
                }
                now = next;
            }
            assert!(pushes > 200, "{pushes}");
        }
        // Through a wall of 0.08 m in one step, and into a corner.
        let now = matrix(3, &[0.34, 0.2, 0.7, 0.5, 0.2, 0.5]);
        let free = matrix(3, &[0.48, 0.2, 0.75, 0.36, 0.2, 0.36]);
        let (x, held) = hold(&corner(), &now, &free);
        let expected = [0.36, 0.2, 0.75, 0.44, 0.2, 0.44];
        assert!((x - matrix(3, &expected)).abs().max() < 1e-12);
        assert_eq!(held, 2);
    }

    #[test]
    fn what_cannot_be_brought_out_stays_where_it_was() {
        // The nearest way out of the slab is through the floor.
        let slab = cuboid([0.3, 0.06, 0.3], [0.5, 0.05, 0.5]);
        let room = Room {
            obstacles: vec![slab],
            ..room()
        };
        let now = matrix(3, &[0.15, 0.02, 0.5]);
        let free = matrix(3, &[0.4, 0.02, 0.5]);
        let (x, held) = hold(&room, &now, &free);
        assert_eq!(held, 2);
        let out = room.obstacles[0].probe(&column(&x, 0)).distance;
        assert!(out >= 0.0 && x[0] < 0.2, "{x}");
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        for room in [room(), obstructed(), corner()] {
            const COUNT: usize = 200;
            let mut random = Random::new(9, &[]);
            let mut x: Vec<f64> = (0..3 * COUNT).map(|_| random.uniform()).collect();
            let free: Vec<f64> = x.iter().map(|x| x + 0.1 * random.normal()).collect();
            x.extend(free);
            check_at(
                &x,
                |x| {
                    let (now, free) = x.split_at(3 * COUNT);
                    let (x, _) = hold(&room, &matrix(3, now), &matrix(3, free));
                    x.as_slice().to_vec()
                },
                |x, bar| {
                    let (now, free) = x.split_at(3 * COUNT);
                    let (now, free) = (matrix(3, now), matrix(3, free));
                    let ways = (0..COUNT).filter(|&i| {
                        way(&room, &room.obstacles, &column(&now, i), &column(&free, i)).is_some()
                    });
                    assert!(ways.count() >= 4 * room.obstacles.len().min(1));
                    let zero = DMatrix::zeros(3, COUNT);
                    let (mut free_bar, mut now_bar) = (zero.clone(), zero);
                    hold_vjp(
                        &room,
                        &now,
                        &free,
                        &matrix(3, bar),
                        &mut free_bar,
                        &mut now_bar,
                    );
                    [now_bar.as_slice(), free_bar.as_slice()].concat()
                },
            );
        }
    }
}
