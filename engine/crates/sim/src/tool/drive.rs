//! From a command to a velocity, within what the tool can do.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{Drive, Joints, Rate, Stance, StanceBar, Tool, map, still, triple};
use crate::pose::{Twist, exp, exp_vjp, log, log_vjp};

/// How fast and how far a tool may go, along each axis of the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits<T: Real> {
    /// Greatest speed of its origin along each axis (m/s).
    pub linear: Vector3<T>,
    /// Greatest angular velocity about each axis (rad/s).
    pub angular: Vector3<T>,
    /// Lowest and highest place of its origin (m).
    pub workspace: [Vector3<T>; 2],
}

impl<T: Real> Limits<T> {
    /// No limits.
    pub fn none() -> Self {
        let all = Vector3::repeat(T::of(f64::INFINITY));
        Self {
            linear: all,
            angular: all,
            workspace: [-all, all],
        }
    }

    /// The same limits through a function of their numbers.
    pub fn map<U: Real>(&self, scalar: impl Fn(T) -> U + Copy) -> Limits<U> {
        Limits {
            linear: self.linear.map(scalar),
            angular: self.angular.map(scalar),
            workspace: self.workspace.map(|corner| corner.map(scalar)),
        }
    }
}

/// A velocity within limits, and how it depends on what was wanted and on the place.
struct Bounded<T: Real> {
    value: T,
    of_wanted: T,
    of_place: T,
}

/// The velocity nearest to `wanted` that is no faster than `speed` and ends within `range`
/// after `time`, from `place`.
///
/// At a limit the derivative of the inside is taken.
fn bounded<T: Real>(wanted: T, speed: T, place: T, range: [T; 2], time: T) -> Bounded<T> {
    let (mut value, mut of_wanted) = (wanted, T::one());
    if wanted > speed {
        (value, of_wanted) = (speed, T::zero());
    } else if wanted < -speed {
        (value, of_wanted) = (-speed, T::zero());
    }
    let end = place + value * time;
    let border = if end > range[1] {
        range[1]
    } else if end < range[0] {
        range[0]
    } else {
        return Bounded {
            value,
            of_wanted,
            of_place: T::zero(),
        };
    };
    Bounded {
        value: (border - place) / time,
        of_wanted: T::zero(),
        of_place: -T::one() / time,
    }
}

/// The velocity that a command asks for.
fn wanted<T: Real>(drive: Drive, values: &[T], start: &Stance<T>, duration: T) -> Rate<T> {
    let (first, second) = (triple(values), triple(&values[3..]));
    match drive {
        Drive::Velocity => Rate {
            twist: Twist {
                linear: first,
                angular: second,
            },
            joints: values[6..].iter().copied().collect(),
        },
        Drive::Pose { frames } => {
            let time = duration * T::of(frames.max(1) as f64);
            let turn = exp(&second) * start.pose.rotation.transpose();
            let joints = values[6..].iter().zip(&start.joints);
            Rate {
                twist: Twist {
                    linear: (first - start.pose.position) / time,
                    angular: log(&turn) / time,
                },
                joints: joints.map(|(&to, &from)| (to - from) / time).collect(),
            }
        }
    }
}

/// Cotangents of the start and of the numbers of [`wanted`]. With the turn
/// `E = exp(theta) R^T`, whose world-frame cotangent is `e`: `theta_bar = J_l(theta)^T e`,
/// `R_bar = -E^T e`.
fn wanted_vjp<T: Real>(
    drive: Drive,
    values: &[T],
    start: &Stance<T>,
    duration: T,
    bar: &Rate<T>,
) -> (StanceBar<T>, Vec<T>) {
    let mut start_bar = StanceBar::zero(start.joints.len());
    let entries = |first: Vector3<T>, second: Vector3<T>, joints: &Joints<T>| {
        let [a, b, c]: [T; 3] = first.into();
        let [d, e, f]: [T; 3] = second.into();
        let mut entries = vec![a, b, c, d, e, f];
        entries.extend_from_slice(joints);
        entries
    };
    match drive {
        Drive::Velocity => {
            let values_bar = entries(bar.twist.linear, bar.twist.angular, &bar.joints);
            (start_bar, values_bar)
        }
        Drive::Pose { frames } => {
            let time = duration * T::of(frames.max(1) as f64);
            let theta = triple(&values[3..]);
            let turn = exp(&theta) * start.pose.rotation.transpose();
            let turn_bar = log_vjp(&log(&turn), &(bar.twist.angular / time));
            let place_bar = bar.twist.linear / time;
            let joints_bar = map(&bar.joints, |entry| entry / time);
            start_bar.pose.position = -place_bar;
            start_bar.pose.rotation = -turn.tr_mul(&turn_bar);
            start_bar.joints = map(&joints_bar, |entry| -entry);
            let values_bar = entries(place_bar, exp_vjp(&theta, &turn_bar), &joints_bar);
            (start_bar, values_bar)
        }
    }
}

/// Shows `each` every entry of a rate with its limits: which triple or joint, and where.
fn limited<T: Real>(
    tool: &Tool<T>,
    wanted: &Rate<T>,
    start: &Stance<T>,
    duration: T,
    mut each: impl FnMut(usize, Bounded<T>),
) {
    let Limits {
        linear,
        angular,
        workspace: [low, high],
    } = &tool.limits;
    let anywhere = [T::of(f64::NEG_INFINITY), T::of(f64::INFINITY)];
    for axis in 0..3 {
        let range = [low[axis], high[axis]];
        let (v, place) = (wanted.twist.linear[axis], start.pose.position[axis]);
        each(axis, bounded(v, linear[axis], place, range, duration));
    }
    for axis in 0..3 {
        let w = wanted.twist.angular[axis];
        each(
            3 + axis,
            bounded(w, angular[axis], T::zero(), anywhere, duration),
        );
    }
    for (index, joint) in tool.joints.iter().enumerate() {
        let (rate, place) = (wanted.joints[index], start.joints[index]);
        each(
            6 + index,
            bounded(rate, joint.speed, place, joint.range, duration),
        );
    }
}

/// Velocity of a tool during a frame of `duration` (s) that it starts at `start`, and
/// whether a limit held it back.
///
/// A velocity is taken as it is. A pose to be reached in `n` frames asks for
/// `(x - p) / (n duration)`, and for the shortest turn alike. Then every entry is kept
/// within its speed and, at the end of the frame, within the workspace or the range of the
/// joint; at a limit the derivative of the inside is taken.
pub fn drive<T: Real>(
    tool: &Tool<T>,
    drive: Drive,
    values: &[T],
    start: &Stance<T>,
    duration: T,
) -> (Rate<T>, bool) {
    let wanted = wanted(drive, values, start, duration);
    let (mut rate, mut held) = (Rate::zero(tool.joints.len()), false);
    limited(tool, &wanted, start, duration, |entry, bounded| {
        held |= bounded.of_wanted == T::zero();
        *entry_mut(&mut rate, entry) = bounded.value;
    });
    (rate, held)
}

/// Cotangents of the start and of the numbers of [`drive`].
pub fn drive_vjp<T: Real>(
    tool: &Tool<T>,
    drive: Drive,
    values: &[T],
    start: &Stance<T>,
    duration: T,
    bar: &Rate<T>,
) -> (StanceBar<T>, Vec<T>) {
    let wanted = wanted(drive, values, start, duration);
    let mut bar = bar.clone();
    let (mut places, mut joints) = (Vector3::zeros(), still(tool.joints.len()));
    limited(tool, &wanted, start, duration, |entry, bounded| {
        let part = entry_mut(&mut bar, entry);
        let of_place = *part * bounded.of_place;
        *part *= bounded.of_wanted;
        if entry < 3 {
            places[entry] = of_place;
        } else if entry >= 6 {
            joints[entry - 6] = of_place;
        }
    });
    let (mut start_bar, values_bar) = wanted_vjp(drive, values, start, duration, &bar);
    start_bar.pose.position += places;
    super::add(&mut start_bar.joints, &joints);
    (start_bar, values_bar)
}

fn entry_mut<T: Real>(rate: &mut Rate<T>, entry: usize) -> &mut T {
    match entry {
        0..3 => &mut rate.twist.linear[entry],
        3..6 => &mut rate.twist.angular[entry - 3],
        _ => &mut rate.joints[entry - 6],
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::{super::testing::*, *};
    use crate::collider::testing::noise;

    const DURATION: f64 = 0.2;

    fn values(seed: u32) -> Vec<f64> {
        let entries = [noise(seed), noise(seed + 1), noise(seed + 2)];
        entries.iter().flat_map(|v| v.iter().copied()).collect()
    }

    /// Limits of which some act on `values`.
    fn tight() -> Limits<f64> {
        let place = armed(Limits::none()).start.pose.position;
        Limits {
            linear: Vector3::new(0.3, 9.0, 9.0),
            angular: Vector3::new(9.0, 0.4, 9.0),
            workspace: [place - even(0.05), place + Vector3::new(9.0, 9.0, 0.01)],
        }
    }

    #[test]
    fn vjp_is_the_transpose_for_every_drive_free_and_at_limits() {
        for limits in [Limits::none(), tight()] {
            for drive_by in [
                Drive::Velocity,
                Drive::Pose { frames: 1 },
                Drive::Pose { frames: 3 },
            ] {
                let mut tool = armed(limits.clone());
                if limits != Limits::none() {
                    tool.joints[1].speed = 0.1;
                    tool.joints[2].range = [-0.41, 0.5];
                }
                let values = values(3);
                let (_, held) = drive(&tool, drive_by, &values, &tool.start, DURATION);
                assert_eq!(held, limits != Limits::none());
                let bar = Rate {
                    twist: twist(40),
                    joints: direction(3, 43).1.joints,
                };
                let (start_bar, values_bar) =
                    drive_vjp(&tool, drive_by, &values, &tool.start, DURATION, &bar);
                let lifted = tool.map(Dual64::from);
                for input in 0..3 {
                    let push = direction(input.min(1), 50).0;
                    let (push, moves) = if input == 2 {
                        (StanceBar::zero(3), self::values(53))
                    } else {
                        (push, vec![0.0; 9])
                    };
                    let entries: Vec<_> = values
                        .iter()
                        .zip(&moves)
                        .map(|(re, eps)| Dual64::new(*re, *eps))
                        .collect();
                    let start = dual_stance(&tool.start, &push);
                    let (rate, _) =
                        drive(&lifted, drive_by, &entries, &start, Dual64::from(DURATION));
                    let tangent = Rate {
                        twist: Twist {
                            linear: rate.twist.linear.map(|v| v.eps),
                            angular: rate.twist.angular.map(|w| w.eps),
                        },
                        joints: map(&rate.joints, |entry: Dual64| entry.eps),
                    };
                    let forward = dot_rate(&tangent, &bar);
                    let of_values: f64 = values_bar.iter().zip(&moves).map(|(a, b)| a * b).sum();
                    let backward = dot_stance(&start_bar, &push) + of_values;
                    assert!((forward - backward).abs() < 1e-11, "{drive_by:?} {input}");
                    assert!(forward != 0.0 || input < 2);
                }
            }
        }
    }

    #[test]
    fn a_pose_is_reached_in_its_frames_and_limits_hold() {
        let tool = armed(Limits::none());
        let values = values(3);
        let mut stance = tool.start.clone();
        for frames in (1..=4).rev() {
            let (rate, _) = drive(&tool, Drive::Pose { frames }, &values, &stance, DURATION);
            stance = stance.moved(&rate, DURATION);
        }
        assert!((stance.pose.position - triple(&values)).norm() < 1e-14);
        assert!((stance.pose.rotation - exp(&triple(&values[3..]))).norm() < 1e-13);
        assert!((stance.joints[1] - values[7]).abs() < 1e-14);

        let tool = armed(tight());
        let (rate, held) = drive(&tool, Drive::Velocity, &values, &tool.start, DURATION);
        assert!(held && rate.twist.linear.x.abs() <= 0.3 && rate.twist.angular.y.abs() <= 0.4);
        let end = tool.start.moved(&rate, DURATION).pose.position;
        let [low, high] = tool.limits.workspace;
        assert!(
            (0..3).all(|axis| end[axis] >= low[axis] - 1e-12 && end[axis] <= high[axis] + 1e-12)
        );
    }
}
