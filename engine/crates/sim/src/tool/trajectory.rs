//! Where a tool is at any time of a run.

use backflow_diff::Real;

use super::{
    Drive, Links, LinksBar, Program, Rate, Stance, StanceBar, Tool,
    drive::{drive, drive_vjp},
    joint::{links, links_vjp},
};

/// Where a tool is at any time of a run: in frame `f` it moves at the constant rate
/// `(v_f, w_f, qd_f)` that [`drive`] makes of its command, from where it was at the start of
/// the frame: `p(t) = p_f + t v_f`, `R(t) = exp(t w_f) R_f`, `q(t) = q_f + t qd_f`, with `t`
/// the time in the frame.
///
/// After the last command the tool holds still.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory<T: Real> {
    tool: Tool<T>,
    /// Duration of a frame (s).
    duration: T,
    /// Commands so far.
    program: Program<T>,
    /// Where it is at the start of each frame, and at the end of the last: one more than
    /// `rates`.
    starts: Vec<Stance<T>>,
    rates: Vec<Rate<T>>,
    /// Frames in which a limit held it back.
    held: usize,
}

/// Cotangents gathered along a [`Trajectory`], before they are chained back by
/// [`Trajectory::pull_frame`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrajectoryBar<T: Real> {
    /// Of the start of each frame and of the end of the last.
    starts: Vec<StanceBar<T>>,
    /// Of the rate of each frame.
    rates: Vec<Rate<T>>,
    /// Of the numbers of the commands.
    values: Vec<T>,
}

impl<T: Real> Trajectory<T> {
    /// The trajectory of `tool` before any command, for frames of `duration` (s).
    pub fn start(tool: Tool<T>, duration: T) -> Self {
        Self {
            program: Program::new(tool.freedoms()),
            starts: vec![tool.start.clone()],
            rates: Vec::new(),
            held: 0,
            tool,
            duration,
        }
    }

    /// The trajectory of `tool` by all commands of `program`.
    pub fn new(tool: Tool<T>, program: &Program<T>, duration: T) -> Self {
        let mut trajectory = Self::start(tool, duration);
        for frame in 0..program.frames() {
            trajectory.push(program.commands[frame], program.at(frame));
        }
        trajectory
    }

    /// Adds a frame with a command.
    pub fn push(&mut self, command: super::Command, values: &[T]) {
        let start = self.end();
        let (rate, held) = drive(&self.tool, command.drive, values, start, self.duration);
        self.starts.push(start.moved(&rate, self.duration));
        self.rates.push(rate);
        self.program.push(command, values);
        self.held += usize::from(held);
    }

    /// Frames with a command of their own.
    pub fn frames(&self) -> usize {
        self.rates.len()
    }

    /// Frames in which a limit of the tool held it back.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The tool.
    pub fn tool(&self) -> &Tool<T> {
        &self.tool
    }

    /// Where the last frame ends.
    fn end(&self) -> &Stance<T> {
        // There is always the start of the first frame.
        &self.starts[self.frames()]
    }

    /// Zero cotangents for a trajectory of `frames` frames.
    pub fn zero_bar(&self, frames: usize) -> TrajectoryBar<T> {
        let joints = self.tool.joints.len();
        TrajectoryBar {
            starts: vec![StanceBar::zero(joints); frames + 1],
            rates: vec![Rate::zero(joints); frames],
            values: vec![T::zero(); frames * self.tool.freedoms()],
        }
    }

    /// How the tool moves in `frame`; not at all after the last command.
    #[inline]
    pub fn rate(&self, frame: usize) -> Rate<T> {
        let still = || Rate::zero(self.tool.joints.len());
        self.rates.get(frame).cloned().unwrap_or_else(still)
    }

    /// Adds the cotangent of [`Trajectory::rate`]; one after the last command is of a
    /// constant and is dropped.
    #[inline]
    pub fn rate_vjp(&self, frame: usize, rate_bar: &Rate<T>, bar: &mut TrajectoryBar<T>) {
        if frame < self.frames() {
            bar.rates[frame] += rate_bar;
        }
    }

    /// Where the tool is `time` (s) after the start of `frame`.
    #[inline]
    pub fn stance(&self, frame: usize, time: T) -> Stance<T> {
        match self.rates.get(frame) {
            Some(rate) => self.starts[frame].moved(rate, time),
            None => self.end().clone(),
        }
    }

    /// Adds the cotangent of [`Trajectory::stance`] to those of the frame's start and rate.
    #[inline]
    pub fn stance_vjp(
        &self,
        frame: usize,
        time: T,
        stance_bar: &StanceBar<T>,
        bar: &mut TrajectoryBar<T>,
    ) {
        match self.rates.get(frame) {
            Some(rate) => {
                let (start, rate) = self.starts[frame].moved_vjp(rate, time, stance_bar);
                bar.starts[frame] += &start;
                bar.rates[frame] += &rate;
            }
            None => bar.starts[self.frames()] += stance_bar,
        }
    }

    /// The frames of the tool `time` (s) after the start of `frame`.
    #[inline]
    pub fn links(&self, frame: usize, time: T) -> Links<T> {
        let (stance, rate) = (self.stance(frame, time), self.rate(frame));
        links(&self.tool.joints, &stance, &rate)
    }

    /// Adds the cotangents of [`Trajectory::links`].
    pub fn links_vjp(
        &self,
        frame: usize,
        time: T,
        links_bar: LinksBar<T>,
        bar: &mut TrajectoryBar<T>,
    ) {
        let (stance, rate) = (self.stance(frame, time), self.rate(frame));
        let (stance, rate) = links_vjp(&self.tool.joints, &stance, &rate, links_bar);
        self.stance_vjp(frame, time, &stance, bar);
        self.rate_vjp(frame, &rate, bar);
    }

    /// Chains the cotangents of `frame` back to its start and its command, once all that
    /// depends on its end and its rate is in `bar`; returns those of the command.
    pub fn pull_frame<'b>(&self, frame: usize, bar: &'b mut TrajectoryBar<T>) -> &'b [T] {
        let end_bar = bar.starts[frame + 1].clone();
        self.stance_vjp(frame, self.duration, &end_bar, bar);
        let drive: Drive = self.program.commands[frame].drive;
        let (start, values) = (&self.starts[frame], self.program.at(frame));
        let rate_bar = &bar.rates[frame];
        let (start_bar, values_bar) =
            drive_vjp(&self.tool, drive, values, start, self.duration, rate_bar);
        bar.starts[frame] += &start_bar;
        let freedoms = self.program.freedoms;
        let place = &mut bar.values[frame * freedoms..(frame + 1) * freedoms];
        place.copy_from_slice(&values_bar);
        place
    }

    /// Chains the gathered cotangents back, last frame first: those of the start and of the
    /// numbers of all commands.
    pub fn finish(&self, mut bar: TrajectoryBar<T>) -> (StanceBar<T>, Vec<T>) {
        for frame in (0..self.frames()).rev() {
            self.pull_frame(frame, &mut bar);
        }
        bar.into_parts()
    }
}

impl<T: Real> TrajectoryBar<T> {
    /// Cotangent of the start of a frame.
    pub fn start_mut(&mut self, frame: usize) -> &mut StanceBar<T> {
        &mut self.starts[frame]
    }

    /// Cotangents of the start of the run and of the numbers of all commands.
    pub fn into_parts(mut self) -> (StanceBar<T>, Vec<T>) {
        (self.starts.swap_remove(0), self.values)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use num_dual::Dual64;

    use super::{super::testing::*, *};
    use crate::{
        collider::testing::noise,
        pose::{
            Pose, Twist,
            tests::{dot, dot_twist, pose_tangent, sample},
        },
        tool::{Command, Limits, no_links},
    };

    const FRAMES: usize = 4;
    const DURATION: f64 = 0.25;

    /// Velocities, one of them zero, and poses.
    fn program() -> Program<f64> {
        let mut program = Program::new(9);
        for frame in 0..FRAMES {
            let drive = match frame {
                2 => Drive::Pose { frames: 2 },
                3 => Drive::Pose { frames: 1 },
                _ => Drive::Velocity,
            };
            let speed = if frame == 1 { 0.0 } else { 1.0 };
            let entries: Vec<f64> = (0..3)
                .flat_map(|part| <[f64; 3]>::from(noise(7 * frame as u32 + part) * speed))
                .collect();
            program.push(Command { drive, free: true }, &entries);
        }
        program
    }

    /// Limits that act in some frames.
    fn tool(limited: bool) -> Tool<f64> {
        let mut tool = armed(Limits::none());
        if limited {
            tool.limits.linear = even(0.7);
            tool.limits.workspace[1] = tool.start.pose.position + even(0.1);
            tool.joints[0].speed = 0.5;
        }
        tool
    }

    #[test]
    fn a_constant_twist_turns_about_its_axis() {
        let twist = Twist {
            linear: Vector3::x() * 2.0,
            angular: Vector3::z() * 0.5,
        };
        let tool = Tool::rigid("tool", Pose::identity());
        let trajectory = Trajectory::new(tool, &Program::velocities(&[twist; 8]), DURATION);
        let pose = trajectory.stance(6, 0.1).pose;
        let time = 6.0 * DURATION + 0.1;
        let known = Pose::from_rotation_vector(twist.linear * time, &(twist.angular * time));
        assert!((pose.position - known.position).norm() < 1e-14);
        assert!((pose.rotation - known.rotation).norm() < 1e-14);
    }

    #[test]
    fn frames_join_and_the_tool_holds_still_after_the_last() {
        let trajectory = Trajectory::new(tool(true), &program(), DURATION);
        assert!(trajectory.held() > 0);
        for frame in 0..trajectory.frames() {
            let (end, start) = (
                trajectory.stance(frame, DURATION).pose,
                trajectory.stance(frame + 1, 0.0).pose,
            );
            assert!((end.position - start.position).norm() < 1e-14);
            assert!((end.rotation - start.rotation).norm() < 1e-14);
        }
        assert_eq!(trajectory.rate(4), Rate::zero(3));
        assert_eq!(trajectory.stance(4, 0.2), trajectory.stance(9, 0.0));
    }

    #[test]
    fn vjp_is_the_transpose_over_several_frames_within_limits_and_at_them() {
        for limited in [false, true] {
            let tool = tool(limited);
            let trajectory = Trajectory::new(tool.clone(), &program(), DURATION);
            assert_eq!(trajectory.held() > 0, limited);
            // Readings: inside frames, at borders, after the end.
            let readings = [(0, 0.1), (2, 0.0), (2, 0.2), (3, 0.25), (4, 0.1), (6, 0.0)];
            let bars = |seed: u32| {
                let mut bars = no_links(4);
                for (index, bar) in (seed..).step_by(7).zip(&mut bars) {
                    *bar = (sample(index).1, twist(index + 3));
                }
                bars
            };
            let mut bar = trajectory.zero_bar(FRAMES);
            for (seed, (frame, time)) in (40..).zip(readings) {
                trajectory.links_vjp(frame, time, bars(seed), &mut bar);
            }
            let (start_bar, values_bar) = trajectory.finish(bar);

            // One input at a time: the pose, the joints, then each command.
            for input in 0..2 + FRAMES {
                let push = if input < 2 {
                    direction(input, 60).0
                } else {
                    StanceBar::zero(3)
                };
                let mut steer = Program {
                    values: vec![0.0; FRAMES * 9],
                    ..program()
                };
                if let Some(frame) = input.checked_sub(2) {
                    let entries = steer.at_mut(frame);
                    let noise = (0..3).flat_map(|part| <[f64; 3]>::from(noise(70 + part)));
                    entries.iter_mut().zip(noise).for_each(|(e, n)| *e = n);
                }
                let mut lifted = tool.map(Dual64::from);
                lifted.start = dual_stance(&tool.start, &push);
                let values = program().values.into_iter().zip(&steer.values);
                let commands = Program {
                    freedoms: 9,
                    commands: program().commands,
                    values: values.map(|(re, eps)| Dual64::new(re, *eps)).collect(),
                };
                let moved = Trajectory::new(lifted, &commands, Dual64::from(DURATION));
                let mut forward = 0.0;
                for (seed, (frame, time)) in (40..).zip(readings) {
                    for ((pose, twist), bar) in moved
                        .links(frame, Dual64::from(time))
                        .iter()
                        .zip(bars(seed))
                    {
                        let twist = Twist {
                            linear: twist.linear.map(|v| v.eps),
                            angular: twist.angular.map(|w| w.eps),
                        };
                        forward += dot(&pose_tangent(pose), &bar.0) + dot_twist(&twist, &bar.1);
                    }
                }
                let of_values: f64 = values_bar
                    .iter()
                    .zip(&steer.values)
                    .map(|(a, b)| a * b)
                    .sum();
                let backward = dot_stance(&start_bar, &push) + of_values;
                let error = (forward - backward).abs();
                assert!(forward.abs() > 1e-3, "{limited} {input}");
                assert!(
                    error <= 1e-11 * (1.0 + forward.abs()),
                    "{limited} {input} {error:e}"
                );
            }
        }
    }
}
