//! A run forward.

use backflow_diff::Real;

use super::{
    state::{NonFinite, State},
    store::Store,
};
use crate::{
    contact::place,
    pose::{Pose, Twist},
    tool::rigid::Trajectory,
    transfer::{Compiled, grid_update::Scenery, workspace::Workspace},
    world::World,
};

/// Memory that runs work in. It holds nothing that matters between two runs: handing it from
/// one run to the next only saves taking it anew.
#[derive(Debug)]
pub struct Scratch<T: Real> {
    pub(super) workspace: Workspace<T>,
    pub(super) store: Store<T>,
}

impl<T: Real> Default for Scratch<T> {
    fn default() -> Self {
        Self {
            workspace: Workspace::default(),
            store: Store::default(),
        }
    }
}

/// A world with its controls: what advances states and pulls cotangents back.
pub struct Rollout<'a, T: Compiled> {
    /// The world.
    pub world: &'a World<T>,
    /// How the tool moves, in the wide scalar: poses add up over frames.
    pub trajectory: Option<Trajectory<T::Wide>>,
    pub(super) scratch: Scratch<T>,
    /// How many times a particle was kept from leaving the domain, over all substeps.
    pub held: usize,
}

impl<'a, T: Compiled> Rollout<'a, T> {
    /// A run of `world` with a velocity of the tool per frame.
    pub fn new(world: &'a World<T>, controls: &[Twist<T::Wide>]) -> Self {
        let frame_time = world.clock.dt.widen() * T::Wide::of(world.clock.substeps as f64);
        let trajectory = world.tool.as_ref().map(|tool| {
            let pose = Pose {
                position: tool.pose.position.map(Real::widen),
                rotation: tool.pose.rotation.map(Real::widen),
            };
            Trajectory::new(pose, controls.to_vec(), frame_time)
        });
        Self {
            world,
            trajectory,
            scratch: Scratch::default(),
            held: 0,
        }
    }

    /// The same run in memory that another has worked in.
    #[must_use]
    pub fn with_scratch(mut self, scratch: Scratch<T>) -> Self {
        self.scratch = scratch;
        self
    }

    /// The memory, for the next run.
    pub fn into_scratch(self) -> Scratch<T> {
        self.scratch
    }

    /// Substeps of the whole run.
    pub fn steps(&self) -> usize {
        self.world.clock.frames * self.world.clock.substeps
    }

    /// Frame of a substep, and the time (s) since the frame's start.
    pub(super) fn moment(&self, step: usize) -> (usize, T::Wide) {
        let (substeps, dt) = (self.world.clock.substeps, self.world.clock.dt.widen());
        (step / substeps, dt * T::Wide::of((step % substeps) as f64))
    }

    /// Placement and velocity of the tool at the start of a substep.
    pub fn tool(&self, step: usize) -> Option<(Pose<T>, Twist<T>)> {
        let (frame, time) = self.moment(step);
        self.trajectory.as_ref().map(|trajectory| {
            let (pose, twist) = (trajectory.pose(frame, time), trajectory.twist(frame));
            let pose = Pose {
                position: pose.position.map(T::narrow),
                rotation: pose.rotation.map(T::narrow),
            };
            let twist = Twist {
                linear: twist.linear.map(T::narrow),
                angular: twist.angular.map(T::narrow),
            };
            (pose, twist)
        })
    }

    /// The colliders where they stand at the start of a substep.
    pub(super) fn scenery(
        world: &'a World<T>,
        tool: Option<(Pose<T>, Twist<T>)>,
    ) -> Scenery<'a, T> {
        world
            .colliders
            .iter()
            .map(|collider| place(collider, tool.as_ref().map(|(pose, twist)| (pose, twist))))
            .collect()
    }

    /// The frame that ends with substep `step`, if one does.
    pub fn frame_ended(&self, step: usize) -> Option<usize> {
        let substeps = self.world.clock.substeps;
        (step + 1)
            .is_multiple_of(substeps)
            .then_some(step / substeps)
    }

    /// Advances `state` from substep `step` to the next.
    ///
    /// # Errors
    /// A number in the state that is not finite; see [`State::settle`].
    pub fn advance(&mut self, state: &mut State<T>, step: usize) -> Result<(), NonFinite> {
        state.settle(self.world, step)?;
        let scenery = Self::scenery(self.world, self.tool(step));
        let State {
            particles, order, ..
        } = state;
        let moved = T::substep(
            self.world,
            &scenery,
            order,
            particles,
            &mut self.scratch.workspace,
        );
        state.stale = moved.stale;
        self.held += moved.held;
        Ok(())
    }

    /// The scratch of the last substep, to read grid totals.
    pub fn workspace(&self) -> &Workspace<T> {
        &self.scratch.workspace
    }
}
