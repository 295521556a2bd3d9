//! The cotangents of a run, substep by substep from its end to its start.

use std::sync::Arc;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    Gradient, NonFinite, State,
    activation::activate_vjp,
    birth::give_birth_vjp,
    collect::{Taken, collect_vjp},
    decide::is_steered,
    felt::reactions_vjp,
    forward::{Rollout, frame_time},
    frame::{Criterion, read_frame_vjp},
    gradient::{ColliderBar, InjectorBar, RigidGradient, ToolBar, named_parameters},
    volume::{keep_volume, keep_volume_vjp},
};
use crate::{
    contact::place_vjp,
    force::{PushBar, push, push_vjp},
    loss::{FrameBar, Reactions},
    particle::{Order, Particles},
    pose::{PoseBar, Twist},
    rigid::{RigidBar, RigidParameterBar},
    tool::{Frames, Mount, StanceBar, TrajectoryBar, add_link, no_links},
    transfer::{
        Compiled,
        grid_update::GridBar,
        press::presses,
        reaction::Impulses,
        substep::{Grid, Stride},
        substep_vjp::{BackStride, SubstepBar},
    },
};

/// Cotangents while a run is pulled back.
pub(crate) struct Back<'a, 'w, T: Compiled> {
    pub(crate) particles: Particles<T>,
    pub(crate) rigids: Vec<RigidBar<T::Wide>>,
    pub(crate) rigid_parameters: Vec<RigidParameterBar<f64>>,
    order: Arc<Order>,
    /// All that substeps read besides: sums over the run of the inner parameters of the bodies,
    /// density first; the others of one substep.
    pub(crate) rest: SubstepBar<T>,
    activations: Vec<Vec<f64>>,
    pushed: PushBar,
    gravity: Vector3<f64>,
    walls: [[f64; 2]; 3],
    colliders: Vec<ColliderBar>,
    injectors: Vec<InjectorBar>,
    pub(super) trajectories: Vec<TrajectoryBar<T::Wide>>,
    pub(super) policies: Vec<Vec<f64>>,
    /// Of what is felt in each substep of the frame that is pulled back.
    felt: Option<Reactions<T::Wide>>,
    pub(crate) rollout: &'a mut Rollout<'w, T>,
    /// A later state: that after a frame, or that before the substep which was pulled back last.
    after: State<T>,
    /// The substep that `after` is the state before, if it is.
    after_of: Option<usize>,
    /// Whether the transfer to the grid of that substep is still to be pulled back.
    begun: bool,
    /// Volume ratios of the liquid particles before they are corrected.
    ratios: Vec<T>,
    /// What collectors had before the substep.
    taken: Arc<Taken>,
}

impl<'a, 'w, T: Compiled> Back<'a, 'w, T> {
    pub(crate) fn new(
        rollout: &'a mut Rollout<'w, T>,
        state: &State<T>,
        terminal: Option<&Particles<T>>,
    ) -> Self {
        let world = rollout.world;
        let (liquids, solids) = (state.particles.liquid.len(), state.particles.solid.len());
        Self {
            particles: terminal
                .cloned()
                .unwrap_or_else(|| Particles::zeros(liquids, solids)),
            rigids: vec![RigidBar::zero(); world.rigids.len()],
            rigid_parameters: vec![RigidParameterBar::zero(); world.rigids.len()],
            order: Arc::new(Order::canonical(world)),
            rest: SubstepBar::zero(world),
            activations: world
                .activations
                .iter()
                .map(|activation| vec![0.0; activation.frames.len()])
                .collect(),
            pushed: PushBar::zero(world),
            gravity: Vector3::zeros(),
            walls: [[0.0; 2]; 3],
            colliders: vec![ColliderBar::zero(); world.colliders.len()],
            injectors: vec![InjectorBar::zero(); world.injectors.len()],
            trajectories: rollout
                .trajectories
                .iter()
                .enumerate()
                .map(|(tool, trajectory)| trajectory.zero_bar(rollout.frames_told(tool)))
                .collect(),
            policies: world
                .policies
                .iter()
                .map(|policy| vec![0.0; policy.weights.len()])
                .collect(),
            felt: None,
            after: state.clone(),
            after_of: None,
            begun: false,
            ratios: Vec::new(),
            taken: Arc::default(),
            rollout,
        }
    }

    /// Pulls the cotangents back through substep `step` from the state before it, with those of the
    /// criterion where it ends a frame; `grid` says whether the workspace holds its grid. `onward`
    /// says that the substep before it is likely to be next: what is left to do may be left to
    /// that call, or to [`Back::finish_substep`], and `state` is of no use any more.
    pub(crate) fn reverse(
        &mut self,
        state: &mut State<T>,
        step: usize,
        grid: Grid,
        criterion: &dyn Criterion<T::Wide>,
        onward: bool,
    ) -> Result<(), NonFinite> {
        self.taken = Arc::clone(&state.taken);
        self.rollout.prepare(state, step)?;
        self.ratios.clone_from(&state.particles.liquid.strain);
        let world = self.rollout.world;
        keep_volume(world, step, &state.order, &mut state.particles);
        let known = self.seed(state, step, criterion);
        self.pull(state, step, if known { Grid::Known } else { grid }, onward);
        if onward {
            std::mem::swap(state, &mut self.after);
            self.after_of = Some(step);
        }
        Ok(())
    }

    /// Pulls back what a call that went onward has left; the workspace is free again.
    pub(crate) fn finish_substep(&mut self) {
        if std::mem::take(&mut self.begun) {
            T::finish_vjp(
                self.rollout.world,
                &self.after.order,
                &self.after.particles,
                &mut self.particles,
                &mut self.rollout.scratch.workspace,
                &mut self.rest,
            );
        }
    }

    /// Brings the cotangents of the particles into another order.
    pub(crate) fn bring(&mut self, order: &Arc<Order>) {
        order.bring(&mut self.particles, &self.order);
        self.order = Arc::clone(order);
    }

    /// Adds the cotangents of the criterion at the end of the frame that `step` ends, for
    /// which the substep is done once more from `state`; says whether it was.
    fn seed(&mut self, state: &State<T>, step: usize, criterion: &dyn Criterion<T::Wide>) -> bool {
        let Some(index) = self.rollout.frame_ended(step) else {
            return false;
        };
        self.felt = None;
        let matter = criterion.reads(index);
        if !matter && !criterion.reads_tools(index) {
            return false;
        }
        if matter {
            self.after.copy_from(state);
            let stride = Stride::default();
            self.rollout.step(&mut self.after, step, stride, None);
            self.after_of = Some(step + 1);
        }
        let world = self.rollout.world;
        let frame = self.rollout.read(&self.after, index, matter);
        let mut bars = FrameBar::zeros(&frame);
        criterion.value_vjp(&frame, &mut bars);
        let duration = frame_time(world);
        let tools = self.rollout.trajectories.iter().zip(&mut self.trajectories);
        for ((trajectory, sum), bar) in tools.zip(&bars.tools) {
            trajectory.stance_vjp(index, duration, &bar.stance, sum);
            trajectory.rate_vjp(index, &bar.rate, sum);
        }
        if criterion.reads_reactions() {
            self.felt = Some(bars.reactions.clone().scaled(T::Wide::of(1.0) / duration));
        }
        if !matter {
            return false;
        }
        let order = Arc::clone(&self.after.order);
        self.bring(&order);
        let mut densities = vec![0.0; self.rest.bodies.len()];
        read_frame_vjp(
            world,
            &self.after,
            &bars,
            &mut self.particles,
            &mut densities,
            &mut self.rigids,
        );
        for (body, density) in self.rest.bodies.iter_mut().zip(densities) {
            body[0] += density;
        }
        true
    }

    /// Pulls the cotangents back through substep `step`, which starts from `state`; `grid`
    /// says whether the workspace holds its grid, `onward` whether to go on if that can be.
    fn pull(&mut self, state: &State<T>, step: usize, mut grid: Grid, onward: bool) {
        let world = self.rollout.world;
        // Between two substeps is nothing but the grid: no sort, no frame, nothing that touches
        // particles or reads what is felt.
        let alone = presses(world) || world.is_pushed() || world.is_rigid() || self.felt.is_some();
        let follows = self.after_of == Some(step + 1)
            && Arc::ptr_eq(&self.after.order, &state.order)
            && !alone;
        if !follows || grid == Grid::Unknown {
            self.finish_substep();
        }
        self.bring(&state.order);
        let frames = self.rollout.frames(step);
        let scenery = Rollout::scenery(world, &frames);
        let (presses, mut felt) = (presses(world), None);
        self.rest.reaction = None;
        let mut pushed = None;
        if world.is_pushed() {
            let mut particles = state.particles.clone();
            push(world, &state.order, &mut particles);
            pushed = Some(particles);
        }
        let before = pushed.as_ref().unwrap_or(&state.particles);
        let mut rigid = std::mem::take(&mut self.rollout.scratch.rigid);
        if presses || world.is_rigid() || self.felt.is_some() {
            // Neither the particles before they are pressed or made rigid nor what was felt is
            // at hand.
            let workspace = &mut self.rollout.scratch.workspace;
            let mut particles = before.clone();
            rigid.note(world, &state.order, before);
            if presses || world.is_rigid() || grid == Grid::Unknown {
                let mut rigids = state.rigids.clone();
                let (order, stride) = (&state.order, Stride::default());
                T::substep(
                    world,
                    &scenery,
                    order,
                    &mut particles,
                    &mut rigids,
                    workspace,
                    stride,
                    None,
                );
                grid = Grid::Known;
            }
            let free = particles.solid.motion.clone();
            rigid.match_shape(world, &mut particles);
            let after = self.rollout.frames_after(step);
            let ends = Rollout::scenery(world, &after);
            if let Some(bars) = &self.felt {
                let workspace = &self.rollout.scratch.workspace;
                let mut impulses = T::reactions(world, &scenery, &state.order, workspace);
                if presses {
                    let mut pressed = particles.clone();
                    let found = T::press(world, &ends, &state.order, &mut pressed);
                    impulses.add(&found.impulses);
                }
                let (bar, placed, tools) = reactions_vjp(world, &scenery, &frames, &impulses, bars);
                felt = Some((placed, tools));
                self.rest.reaction = Some(narrowed(&bar));
            }
            if presses {
                let found = T::press_vjp(
                    world,
                    &ends,
                    &state.order,
                    &particles,
                    &mut self.particles,
                    self.rest.reaction.as_ref(),
                );
                let volumes = world.liquids.iter().map(|body| body.volume);
                let volumes = volumes.chain(world.solids.iter().map(|body| body.volume));
                let masses = found.masses.iter().zip(volumes);
                for (body, (mass, volume)) in self.rest.bodies.iter_mut().zip(masses) {
                    body[0] += mass.to_f64() * volume.to_f64();
                }
                self.rest.grid.colliders = found.colliders;
                let (frame, time) = self.rollout.moment(step);
                let time = time + world.clock.dt.widen();
                self.pull_colliders(frame, time, &after);
            }
            rigid.match_shape_vjp(world, &free, &mut self.particles);
        }
        self.rest.grid = GridBar::zero(scenery.len());
        self.rest.rigids.fill(RigidParameterBar::zero());
        let stride = BackStride {
            after: follows.then_some(&self.after.particles),
            begun: self.begun,
            onward: onward && !alone && !step.is_multiple_of(world.clock.substeps),
        };
        T::substep_vjp(
            world,
            &scenery,
            &state.order,
            before,
            &mut self.particles,
            &state.rigids,
            &mut self.rigids,
            &mut self.rollout.scratch.workspace,
            grid,
            stride,
            &mut self.rest,
        );
        self.begun = stride.onward;
        if world.is_rigid() {
            rigid.pass_on(&mut self.particles);
        }
        self.rollout.scratch.rigid = rigid;
        let (order, bars) = (&state.order, &mut self.particles);
        push_vjp(world, order, &state.particles, bars, &mut self.pushed);
        let motions = &state.particles.liquid.motion;
        keep_volume_vjp(world, step, order, motions, &self.ratios, bars);
        activate_vjp(world, step, order, bars, &mut self.activations);
        if let Some((placed, tools)) = felt {
            let (frame, time) = self.rollout.moment(step);
            for (sum, part) in self.rest.grid.colliders.iter_mut().zip(placed) {
                sum.placed += part;
            }
            let trajectories = self.rollout.trajectories.iter().zip(&mut self.trajectories);
            for ((trajectory, sum), bar) in trajectories.zip(tools) {
                let mut stance_bar = StanceBar::zero(trajectory.tool().joints.len());
                stance_bar.pose.position = bar;
                trajectory.stance_vjp(frame, time, &stance_bar, sum);
            }
        }
        for (sum, part) in self.rigid_parameters.iter_mut().zip(&self.rest.rigids) {
            *sum += part.to_f64();
        }
        self.gravity += self.rest.grid.gravity.map(Real::to_f64);
        for axis in 0..3 {
            for side in 0..2 {
                self.walls[axis][side] += self.rest.grid.walls[axis][side].to_f64();
            }
        }
        let (frame, time) = self.rollout.moment(step);
        self.pull_colliders(frame, time, &frames);
        if step.is_multiple_of(world.clock.substeps) {
            let (before, after) = (&self.taken, &state.taken);
            collect_vjp(before, after, &state.order, &mut self.particles);
            if !world.injectors.is_empty() {
                self.pull_births(frame, &state.order, &frames);
            }
            self.pull_decisions(state, frame);
        }
    }

    /// Adds the cotangents of the colliders, and through them those of the tools.
    fn pull_colliders(&mut self, frame: usize, time: T::Wide, frames: &Frames<T>) {
        let mut bars: Vec<_> = frames.iter().map(|links| no_links(links.len())).collect();
        for (index, collider) in self.rollout.world.colliders.iter().enumerate() {
            let bar = &self.rest.grid.colliders[index];
            let sum = &mut self.colliders[index];
            sum.friction += bar.friction.to_f64();
            let link = |mount: Mount| frames.get(mount.tool)?.get(mount.link);
            let pose = collider.mount.and_then(link).map(|(pose, _)| pose);
            let placed = place_vjp(collider, pose, &bar.placed);
            add_pose(&mut sum.pose, &placed.collider);
            if let Some(Mount { tool, link }) = collider.mount.filter(|_| pose.is_some()) {
                let twist = Twist {
                    linear: placed.twist.linear.map(Real::widen),
                    angular: placed.twist.angular.map(Real::widen),
                };
                add_link(&mut bars[tool][link], widen_pose(&placed.frame), twist);
            }
        }
        let tools = self.rollout.trajectories.iter().zip(&mut self.trajectories);
        for ((trajectory, sum), bars) in tools.zip(bars) {
            trajectory.links_vjp(frame, time, bars, sum);
        }
    }

    /// Adds the cotangents of what came out of the nozzles at the start of `frame`.
    fn pull_births(&mut self, frame: usize, order: &Order, frames: &Frames<T>) {
        let world = self.rollout.world;
        let duration = T::narrow(frame_time(world));
        let found = give_birth_vjp(world, frames, frame, duration, order, &mut self.particles);
        let mut bars: Vec<_> = frames.iter().map(|links| no_links(links.len())).collect();
        for (index, bar) in found.into_iter().enumerate() {
            let Some(bar) = bar else { continue };
            let sum = &mut self.injectors[index];
            add_pose(&mut sum.pose, &bar.pose);
            sum.velocity += bar.velocity.map(Real::to_f64);
            if let Some(Mount { tool, link }) = world.injectors[index].mount
                && let Some(link_bar) = bars.get_mut(tool).and_then(|links| links.get_mut(link))
            {
                let twist = Twist {
                    linear: bar.twist.linear.map(Real::widen),
                    angular: bar.twist.angular.map(Real::widen),
                };
                add_link(link_bar, widen_pose(&bar.frame), twist);
            }
        }
        let tools = self.rollout.trajectories.iter().zip(&mut self.trajectories);
        for ((trajectory, sum), bars) in tools.zip(bars) {
            trajectory.links_vjp(frame, T::Wide::of(0.0), bars, sum);
        }
    }

    pub(crate) fn finish(mut self) -> Gradient<T> {
        let world = self.rollout.world;
        Order::canonical(world).bring(&mut self.particles, &self.order);
        let tools = self.rollout.trajectories.iter().zip(self.trajectories);
        let tools = tools.enumerate().map(|(tool, (trajectory, bar))| {
            // What a policy has decided is pulled back already.
            let (start, commands) = if is_steered(world, tool) {
                bar.into_parts()
            } else {
                trajectory.finish(bar)
            };
            ToolBar {
                start: start.map(Real::to_f64),
                commands: commands.into_iter().map(Real::to_f64).collect(),
            }
        });
        let rigids = world.rigids.iter().zip(&self.rigids);
        let rigids = rigids.zip(&self.rigid_parameters);
        let rigids = rigids.map(|((body, bar), parameters)| RigidGradient {
            start: body.initial_vjp(bar).to_f64(),
            parameters: *parameters,
        });
        Gradient {
            tools: tools.collect(),
            rigids: rigids.collect(),
            particles: self.particles,
            bodies: named_parameters(world, &self.rest.bodies),
            activations: self.activations,
            forces: self.pushed.forces,
            shares: self.pushed.shares,
            gravity: self.gravity + self.pushed.gravity,
            walls: self.walls,
            colliders: self.colliders,
            policies: self.policies,
            injectors: self.injectors,
            gas: None,
        }
    }
}

fn narrowed<T: Real>(bar: &Impulses<T::Wide>) -> Impulses<T> {
    Impulses {
        walls: bar
            .walls
            .map(|sides| sides.map(|wrench| wrench.map(T::narrow))),
        colliders: bar
            .colliders
            .iter()
            .map(|wrench| wrench.map(T::narrow))
            .collect(),
    }
}

fn widen_pose<T: Real>(bar: &PoseBar<T>) -> PoseBar<T::Wide> {
    PoseBar {
        position: bar.position.map(Real::widen),
        rotation: bar.rotation.map(Real::widen),
    }
}

fn add_pose<T: Real>(sum: &mut PoseBar<f64>, part: &PoseBar<T>) {
    sum.position += part.position.map(Real::to_f64);
    sum.rotation += part.rotation.map(Real::to_f64);
}
