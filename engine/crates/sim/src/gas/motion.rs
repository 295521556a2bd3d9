//! Something that moves at a velocity per frame: an obstacle or a jet.

use backflow_diff::Real;

use crate::pose::{Pose, PoseBar, Twist};

/// Where something is at any time of a run: in frame `f` it moves at the constant twist
/// `(v_f, w_f)` from the pose it had at the start of the frame,
/// `p(t) = p_f + t v_f`, `R(t) = exp(t w_f) R_f`, with `t` the time in the frame.
///
/// After the last twist it holds still.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory<T: Real> {
    /// Pose at the start of each frame, and at the end of the last: one more than `twists`.
    starts: Vec<Pose<T>>,
    twists: Vec<Twist<T>>,
    duration: T,
}

/// Cotangents gathered along a [`Trajectory`], before they are chained back by
/// [`Trajectory::finish`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrajectoryBar<T: Real> {
    /// Of the pose at the start of each frame and at the end of the last.
    starts: Vec<PoseBar<T>>,
    /// Of the twist of each frame.
    twists: Vec<Twist<T>>,
}

impl<T: Real> Trajectory<T> {
    /// The trajectory from `initial` with one twist a frame of `duration` (s).
    pub fn new(initial: Pose<T>, twists: Vec<Twist<T>>, duration: T) -> Self {
        let mut starts = Vec::with_capacity(twists.len() + 1);
        let mut pose = initial;
        starts.push(pose);
        for twist in &twists {
            pose = pose.moved(twist, duration);
            starts.push(pose);
        }
        Self {
            starts,
            twists,
            duration,
        }
    }

    /// Frames with a twist of their own.
    pub fn frames(&self) -> usize {
        self.twists.len()
    }

    /// Zero cotangents for this trajectory.
    pub fn zero_bar(&self) -> TrajectoryBar<T> {
        TrajectoryBar {
            starts: vec![PoseBar::zero(); self.starts.len()],
            twists: vec![Twist::zero(); self.twists.len()],
        }
    }

    /// Velocity in `frame`; zero after the last twist.
    #[inline]
    pub fn twist(&self, frame: usize) -> Twist<T> {
        self.twists.get(frame).copied().unwrap_or_else(Twist::zero)
    }

    /// Adds the cotangent of [`Trajectory::twist`]; one after the last twist is of a
    /// constant and is dropped.
    #[inline]
    pub fn twist_vjp(&self, frame: usize, twist_bar: &Twist<T>, bar: &mut TrajectoryBar<T>) {
        if let Some(sum) = bar.twists.get_mut(frame) {
            *sum += *twist_bar;
        }
    }

    /// Pose `time` (s) after the start of `frame`.
    #[inline]
    pub fn pose(&self, frame: usize, time: T) -> Pose<T> {
        match self.twists.get(frame) {
            Some(twist) => self.starts[frame].moved(twist, time),
            None => self.starts[self.frames()],
        }
    }

    /// Adds the cotangent of [`Trajectory::pose`] to those of the frame's start and
    /// twist.
    #[inline]
    pub fn pose_vjp(
        &self,
        frame: usize,
        time: T,
        pose_bar: &PoseBar<T>,
        bar: &mut TrajectoryBar<T>,
    ) {
        match self.twists.get(frame) {
            Some(twist) => {
                let (start_bar, twist_bar) = self.starts[frame].moved_vjp(twist, time, pose_bar);
                bar.starts[frame] += start_bar;
                bar.twists[frame] += twist_bar;
            }
            None => bar.starts[self.frames()] += *pose_bar,
        }
    }

    /// Chains the gathered cotangents back, last frame first: those of the initial
    /// pose and of every twist.
    pub fn finish(&self, mut bar: TrajectoryBar<T>) -> (PoseBar<T>, Vec<Twist<T>>) {
        for frame in (0..self.frames()).rev() {
            let end_bar = bar.starts[frame + 1];
            self.pose_vjp(frame, self.duration, &end_bar, &mut bar);
        }
        (bar.starts[0], bar.twists)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::testing::noise,
        pose::tests::{dot, dot_twist, dual_pose, dual_twist, pose_tangent, sample},
    };

    const FRAMES: u32 = 4;
    const DURATION: f64 = 0.25;

    /// Twists, one of them zero, or tangents of them.
    fn twists(seed: u32) -> Vec<Twist<f64>> {
        (0..FRAMES)
            .map(|f| {
                let speed = if f == 1 && seed == 0 { 0.0 } else { 3.0 };
                Twist {
                    linear: noise(seed + 2 * f) * speed,
                    angular: noise(seed + 2 * f + 1) * speed,
                }
            })
            .collect()
    }

    #[test]
    fn a_constant_twist_turns_about_its_axis() {
        let twist = Twist {
            linear: Vector3::x() * 2.0,
            angular: Vector3::z() * 0.5,
        };
        let trajectory = Trajectory::new(Pose::identity(), vec![twist; 8], DURATION);
        let pose = trajectory.pose(6, 0.1);
        let time = 6.0 * DURATION + 0.1;
        let known = Pose::from_rotation_vector(twist.linear * time, &(twist.angular * time));
        assert!((pose.position - known.position).norm() < 1e-14);
        assert!((pose.rotation - known.rotation).norm() < 1e-14);
    }

    #[test]
    fn frames_join_and_it_holds_still_after_the_last() {
        let trajectory = Trajectory::new(sample(7).0, twists(0), DURATION);
        for frame in 0..trajectory.frames() {
            let (end, start) = (
                trajectory.pose(frame, DURATION),
                trajectory.pose(frame + 1, 0.0),
            );
            assert!((end.position - start.position).norm() < 1e-14);
            assert!((end.rotation - start.rotation).norm() < 1e-14);
        }
        assert_eq!(trajectory.twist(4), Twist::zero());
        assert_eq!(trajectory.pose(4, 0.2), trajectory.pose(9, 0.0));
        assert_eq!(trajectory.twist(3), twists(0)[3]);
    }

    #[test]
    fn vjp_is_the_transpose_over_several_frames() {
        let (initial, push) = sample(8);
        let trajectory = Trajectory::new(initial, twists(0), DURATION);
        // Readings: inside frames, at borders, after the end.
        let readings = [(0, 0.1), (2, 0.0), (2, 0.2), (3, 0.25), (4, 0.1), (6, 0.0)];
        let mut bar = trajectory.zero_bar();
        for (seed, (frame, time)) in (40..).zip(readings) {
            trajectory.pose_vjp(frame, time, &sample(seed).1, &mut bar);
            let twist_bar = Twist {
                linear: noise(seed + 90),
                angular: noise(seed + 91),
            };
            trajectory.twist_vjp(frame, &twist_bar, &mut bar);
        }
        let (initial_bar, twist_bars) = trajectory.finish(bar);

        // One input at a time: the initial pose, then each twist.
        for input in 0..=FRAMES as usize {
            let mut steer = twists(70);
            for (frame, twist) in steer.iter_mut().enumerate() {
                if frame + 1 != input {
                    *twist = Twist::zero();
                }
            }
            let push = if input == 0 { push } else { PoseBar::zero() };
            let moved = Trajectory::new(
                dual_pose(&initial, &push),
                twists(0)
                    .iter()
                    .zip(&steer)
                    .map(|(t, d)| dual_twist(t, d))
                    .collect(),
                Dual64::from(DURATION),
            );
            let mut forward = 0.0;
            for (seed, (frame, time)) in (40..).zip(readings) {
                let pose = moved.pose(frame, Dual64::from(time));
                let twist = moved.twist(frame);
                forward += dot(&pose_tangent(&pose), &sample(seed).1);
                forward += twist.linear.map(|v| v.eps).dot(&noise(seed + 90));
                forward += twist.angular.map(|w| w.eps).dot(&noise(seed + 91));
            }
            let mut backward = dot(&initial_bar, &push);
            for (twist_bar, direction) in twist_bars.iter().zip(&steer) {
                backward += dot_twist(twist_bar, direction);
            }
            assert!(
                forward.abs() > 1e-3 && (forward - backward).abs() <= 1e-12 * (1.0 + forward.abs()),
                "{input} {forward} {backward}"
            );
        }
    }
}
