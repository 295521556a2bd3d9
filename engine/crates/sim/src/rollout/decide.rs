//! Policies in a run: what they decide at the start of each frame, and the way back.

use backflow_diff::Real;

use super::{
    State,
    back::Back,
    forward::{Rollout, frame_time},
};
use crate::{
    policy::DecisionBar,
    tool::{Command, Drive, Program, Stance, StanceBar, Trajectory},
    transfer::Compiled,
    world::World,
};

/// Whether a policy steers a tool.
pub(super) fn is_steered<T: Real>(world: &World<T>, tool: usize) -> bool {
    world.policies.iter().any(|policy| policy.tool == tool)
}

/// What a tool is told at the start of `frame`, when it is at `stance` and the run is in `state`:
/// the command of its program, or to hold still where that has none, and what the tool's policies
/// add to it.
pub fn told<T: Real>(
    world: &World<T>,
    state: &State<T>,
    tool: usize,
    stance: &Stance<T::Wide>,
    program: Option<&Program<T::Wide>>,
    frame: usize,
) -> (Command, Vec<T::Wide>) {
    let still = Command {
        drive: Drive::Velocity,
        free: false,
    };
    let (command, mut values) = match program.filter(|program| frame < program.frames()) {
        Some(program) => (program.commands[frame], program.at(frame).to_vec()),
        None => (still, vec![T::Wide::of(0.0); world.tools[tool].freedoms()]),
    };
    for policy in world.policies.iter().filter(|policy| policy.tool == tool) {
        policy.decide(world, state, frame, stance, &mut values);
    }
    (command, values)
}

impl<T: Compiled> Rollout<'_, T> {
    /// Lets the policies decide what their tools do in `frame`, at whose start the run is in
    /// `state`, unless they have: decisions are made once, frame after frame from the first.
    pub fn decide(&mut self, state: &State<T>, frame: usize) {
        for tool in 0..self.trajectories.len() {
            if is_steered(self.world, tool) && self.trajectories[tool].frames() == frame {
                let stance = self.trajectories[tool].stance(frame, T::Wide::of(0.0));
                let program = self.programs.get(tool);
                let (command, values) = told(self.world, state, tool, &stance, program, frame);
                self.trajectories[tool].push(command, &values);
            }
        }
    }

    /// Takes back all decisions, for a run from the start.
    pub(super) fn forget_decisions(&mut self) {
        for (index, tool) in self.world.tools.iter().enumerate() {
            if is_steered(self.world, index) {
                let tool = tool.map(Real::widen);
                self.trajectories[index] = Trajectory::start(tool, frame_time(self.world));
            }
        }
    }

    /// Frames of a whole run in which a tool has commands.
    pub(super) fn frames_told(&self, tool: usize) -> usize {
        if is_steered(self.world, tool) {
            self.world.clock.frames
        } else {
            self.trajectories[tool].frames()
        }
    }
}

impl<T: Compiled> Back<'_, '_, T> {
    /// Adds the cotangents of what was decided for `frame`, at whose start the run was in `state`:
    /// all that came of it is pulled back.
    pub(super) fn pull_decisions(&mut self, state: &State<T>, frame: usize) {
        let world = self.rollout.world;
        for (tool, trajectory) in self.rollout.trajectories.iter().enumerate() {
            if !is_steered(world, tool) {
                continue;
            }
            let sum = &mut self.trajectories[tool];
            let command = trajectory.pull_frame(frame, sum).to_vec();
            let stance = trajectory.stance(frame, T::Wide::of(0.0));
            let mut stance_bar = StanceBar::zero(stance.joints.len());
            for (policy, weights) in world.policies.iter().zip(&mut self.policies) {
                if policy.tool == tool {
                    let mut bar = DecisionBar {
                        particles: &mut self.particles,
                        stance: &mut stance_bar,
                        weights,
                    };
                    policy.decide_vjp(world, state, frame, &stance, &command, &mut bar);
                }
            }
            *sum.start_mut(frame) += &stance_bar;
        }
    }
}
