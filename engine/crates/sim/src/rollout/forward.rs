//! A run forward.

use std::sync::Arc;

use backflow_diff::Real;

use super::{
    activation::activate,
    birth::give_birth,
    collect::collect,
    decide::is_steered,
    felt::{Felt, reactions},
    frame::{read_frame, read_grid},
    state::{NonFinite, State},
    store::Store,
    volume::keep_volume,
};
use crate::{
    contact::place,
    force::push,
    loss::{Frame, ToolFrame},
    pose::{Pose, Twist},
    tool::{Frames, Mount, Program, Trajectory},
    transfer::{
        Compiled, grid_update::Scenery, press::presses, shape_match::RigidBodies, substep::Stride,
        workspace::Workspace,
    },
    world::World,
};

/// Memory that runs work in. It holds nothing that matters between two runs: handing it from
/// one run to the next only saves taking it anew.
#[derive(Debug)]
pub struct Scratch<T: Real> {
    pub(super) workspace: Workspace<T>,
    pub(super) rigid: RigidBodies<T>,
    pub(super) store: Store<T>,
}

impl<T: Real> Default for Scratch<T> {
    fn default() -> Self {
        Self {
            workspace: Workspace::default(),
            rigid: RigidBodies::default(),
            store: Store::default(),
        }
    }
}

/// A world with its controls: what advances states and pulls cotangents back.
pub struct Rollout<'a, T: Compiled> {
    /// The world.
    pub world: &'a World<T>,
    /// How each tool moves, in the wide scalar: poses add up over frames.
    pub trajectories: Vec<Trajectory<T::Wide>>,
    /// What each tool is told, before its policies.
    pub(super) programs: Vec<Program<T::Wide>>,
    pub(super) scratch: Scratch<T>,
    /// What walls, colliders and tools have felt, if it is recorded.
    pub(super) felt: Option<Felt<T::Wide>>,
    /// How many times a particle was kept from leaving the domain, over all substeps.
    pub held: usize,
}

/// Duration of a frame (s).
pub(super) fn frame_time<T: Real>(world: &World<T>) -> T::Wide {
    world.clock.dt.widen() * T::Wide::of(world.clock.substeps as f64)
}

impl<'a, T: Compiled> Rollout<'a, T> {
    /// A run of `world` with a program for each tool; a tool without one holds still. A tool that
    /// a policy steers is told what to do frame by frame, see [`Rollout::decide`].
    pub fn new(world: &'a World<T>, programs: &[Program<T::Wide>]) -> Self {
        let frame_time = frame_time(world);
        let tools = world.tools.iter().enumerate();
        let trajectory = |(index, tool): (usize, &crate::tool::Tool<T>)| {
            let tool = tool.map(Real::widen);
            match programs.get(index) {
                Some(program) if !is_steered(world, index) => {
                    Trajectory::new(tool, program, frame_time)
                }
                _ => Trajectory::start(tool, frame_time),
            }
        };
        Self {
            world,
            trajectories: tools.map(trajectory).collect(),
            programs: programs.to_vec(),
            scratch: Scratch::default(),
            felt: None,
            held: 0,
        }
    }

    /// The same run in memory that another has worked in.
    #[must_use]
    pub fn with_scratch(mut self, scratch: Scratch<T>) -> Self {
        self.scratch = scratch;
        self
    }

    /// Records from substep `from` on what matter does to walls, colliders and tools.
    pub fn record_reactions(&mut self, from: usize) {
        self.felt = Some(Felt::new(from));
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

    /// The frames of every tool at the start of a substep.
    pub fn frames(&self, step: usize) -> Frames<T> {
        let (frame, time) = self.moment(step);
        self.frames_at(frame, time)
    }

    /// The frames of every tool at the end of a substep, moving as they did in it.
    pub(super) fn frames_after(&self, step: usize) -> Frames<T> {
        let (frame, time) = self.moment(step);
        self.frames_at(frame, time + self.world.clock.dt.widen())
    }

    fn frames_at(&self, frame: usize, time: T::Wide) -> Frames<T> {
        let narrow = |(pose, twist): &(Pose<T::Wide>, Twist<T::Wide>)| {
            let pose = Pose {
                position: pose.position.map(T::narrow),
                rotation: pose.rotation.map(T::narrow),
            };
            let twist = Twist {
                linear: twist.linear.map(T::narrow),
                angular: twist.angular.map(T::narrow),
            };
            (pose, twist)
        };
        self.trajectories
            .iter()
            .map(|trajectory| trajectory.links(frame, time).iter().map(narrow).collect())
            .collect()
    }

    /// The colliders where they stand when the tools are at `frames`.
    pub(super) fn scenery(world: &'a World<T>, frames: &Frames<T>) -> Scenery<'a, T> {
        let frame = |mount: Mount| {
            let (pose, twist) = frames.get(mount.tool)?.get(mount.link)?;
            Some((pose, twist))
        };
        let colliders = world.colliders.iter();
        colliders
            .map(|collider| place(collider, collider.mount.and_then(frame)))
            .collect()
    }

    /// What losses read at the end of `frame`, which `state` is at: the matter, where it is
    /// read, and the tools.
    pub fn read(&self, state: &State<T>, frame: usize, matter: bool) -> Frame<T::Wide> {
        let mut read = if matter {
            read_frame(self.world, state, frame)
        } else {
            read_grid(self.world, frame)
        };
        let duration = frame_time(self.world);
        let tools = self.trajectories.iter();
        if let Some(felt) = &self.felt {
            felt.read(frame, duration, &mut read.reactions);
        }
        read.tools = tools
            .map(|trajectory| ToolFrame {
                stance: trajectory.stance(frame, duration),
                rate: trajectory.rate(frame),
            })
            .collect();
        read
    }

    /// The frame that ends with substep `step`, if one does.
    pub fn frame_ended(&self, step: usize) -> Option<usize> {
        let substeps = self.world.clock.substeps;
        (step + 1)
            .is_multiple_of(substeps)
            .then_some(step / substeps)
    }

    /// Makes `state` ready for substep `step`: where it starts a frame policies decide and what is
    /// born then comes out, collectors take what is in them; sorts the particles if it is time, and tells muscles their
    /// activation; says whether it sorted.
    pub(super) fn prepare(&mut self, state: &mut State<T>, step: usize) -> Result<bool, NonFinite> {
        let substeps = self.world.clock.substeps;
        if step.is_multiple_of(substeps) {
            self.decide(state, step / substeps);
        }
        if step.is_multiple_of(substeps) && !self.world.injectors.is_empty() {
            let (frames, duration) = (self.frames(step), T::narrow(frame_time(self.world)));
            let frame = step / substeps;
            self.held += give_birth(self.world, &frames, frame, duration, state);
        }
        if step.is_multiple_of(substeps) && !self.world.collectors.is_empty() {
            collect(self.world, &self.frames(step), step / substeps, state);
        }
        let sorted = state.settle(self.world, step)?;
        activate(self.world, step, state);
        Ok(sorted)
    }

    /// Advances `state` from substep `step` to the next.
    ///
    /// # Errors
    /// A number in the state that is not finite; see [`State::settle`].
    pub fn advance(&mut self, state: &mut State<T>, step: usize) -> Result<(), NonFinite> {
        self.stride(state, step, Stride::default(), None)
            .map(|_| ())
    }

    /// Advances `state` through all substeps of a frame.
    ///
    /// # Errors
    /// As [`Rollout::advance`].
    pub fn advance_frame(&mut self, state: &mut State<T>, frame: usize) -> Result<(), NonFinite> {
        let substeps = self.world.clock.substeps;
        let mut begun = false;
        for step in frame * substeps..(frame + 1) * substeps {
            let onward = true;
            begun = self.stride(state, step, Stride { begun, onward }, None)?;
        }
        Ok(())
    }

    /// Advances `state` from substep `step` to the next. `stride.begun` says that the call
    /// before returned true and that nothing has touched state or scratch since;
    /// `stride.onward`, that the next call is likely to go on from here. Returns whether it may
    /// set out as begun. `copy`, of as many particles, becomes the same as `state`.
    ///
    /// # Errors
    /// A number in the state that is not finite; see [`State::settle`].
    pub fn stride(
        &mut self,
        state: &mut State<T>,
        step: usize,
        stride: Stride,
        copy: Option<&mut State<T>>,
    ) -> Result<bool, NonFinite> {
        let sorted = self.prepare(state, step)?;
        keep_volume(self.world, step, &state.order, &mut state.particles);
        let begun = stride.begun && !sorted;
        Ok(self.step(state, step, Stride { begun, ..stride }, copy))
    }

    /// Advances a state that is prepared, with the volumes of its liquids corrected; otherwise
    /// as [`Rollout::stride`].
    pub(super) fn step(
        &mut self,
        state: &mut State<T>,
        step: usize,
        stride: Stride,
        mut copy: Option<&mut State<T>>,
    ) -> bool {
        // Particles are sorted, and much else may change them, before the first substep of a
        // frame; they are not final while something is still to press or push on them, or to
        // match their shape.
        let ended = (step + 1).is_multiple_of(self.world.clock.substeps);
        let presses = presses(self.world);
        let touched = presses || self.world.is_pushed() || self.world.is_rigid();
        let stride = Stride {
            onward: stride.onward && !ended && !touched,
            ..stride
        };
        let frames = self.frames(step);
        let scenery = Self::scenery(self.world, &frames);
        let State {
            particles,
            order,
            rigids,
            ..
        } = state;
        push(self.world, order, particles);
        let Scratch {
            workspace, rigid, ..
        } = &mut self.scratch;
        rigid.note(self.world, order, particles);
        let copied = copy.as_deref_mut().filter(|_| !touched);
        let moved = T::substep(
            self.world,
            &scenery,
            order,
            particles,
            rigids,
            workspace,
            stride,
            copied.map(|copy| &mut copy.particles),
        );
        let (held, stale) = rigid.match_shape(self.world, particles);
        state.stale = moved.stale || stale;
        self.held += moved.held + held;
        let mut pressed = None;
        if presses {
            let after = self.frames_after(step);
            let scenery = Self::scenery(self.world, &after);
            let found = T::press(self.world, &scenery, order, particles);
            state.stale |= found.moved.stale;
            self.held += found.moved.held;
            pressed = Some(found.impulses);
        }
        if self.felt.as_ref().is_some_and(|felt| felt.wants(step)) {
            let workspace = &self.scratch.workspace;
            let mut impulses = T::reactions(self.world, &scenery, order, workspace);
            if let Some(pressed) = &pressed {
                impulses.add(pressed);
            }
            let found = reactions(self.world, &scenery, &frames, &impulses);
            if let Some(felt) = &mut self.felt {
                felt.add(step / self.world.clock.substeps, found);
            }
        }
        match copy {
            Some(copy) if touched => copy.copy_from(state),
            Some(copy) => {
                copy.order = Arc::clone(&state.order);
                copy.stale = state.stale;
                copy.rigids.clone_from(&state.rigids);
                copy.taken = Arc::clone(&state.taken);
            }
            None => {}
        }
        stride.onward && !state.stale
    }

    /// The scratch of the last substep, to read grid totals.
    pub fn workspace(&self) -> &Workspace<T> {
        &self.scratch.workspace
    }
}
