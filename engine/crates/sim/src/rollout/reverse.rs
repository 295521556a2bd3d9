//! A run forward and back: the value of a criterion and its gradient.

use std::sync::Arc;

use backflow_diff::{
    Real,
    memory::{Action, Plan},
};
use nalgebra::Vector3;

use super::{
    Gradient, State,
    forward::Rollout,
    frame::{Criterion, read_frame, read_frame_vjp},
    gradient::{ColliderBar, named_parameters},
    store::{RunError, SPREAD},
};
use crate::{
    contact::place_vjp,
    loss::FrameBar,
    material::PARAMETERS,
    particle::{Order, Particles},
    pose::{PoseBar, Twist},
    tool::rigid::TrajectoryBar,
    transfer::{
        Compiled,
        grid_update::GridBar,
        substep::{Grid, SubstepBar},
    },
};

/// How far a run has come; the callback of long work. Returning `false` stops it.
pub type Progress<'a> = &'a mut dyn FnMut(Pass, usize) -> bool;

/// Which way a run is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// A substep that no one has done before.
    Forward,
    /// A substep pulled back.
    Reverse,
}

/// Cotangents while a run is pulled back.
struct Back<'a, 'w, T: Compiled> {
    particles: Particles<T>,
    order: Arc<Order>,
    rest: SubstepBar<T>,
    /// Inner parameters of the bodies, density first.
    bodies: Vec<[f64; 1 + PARAMETERS]>,
    gravity: Vector3<f64>,
    walls: [[f64; 2]; 3],
    colliders: Vec<ColliderBar>,
    trajectory: Option<TrajectoryBar<T::Wide>>,
    rollout: &'a mut Rollout<'w, T>,
    after: State<T>,
}

impl<T: Compiled> Rollout<'_, T> {
    /// The value of `criterion` over a run from `state`, which is left at its end;
    /// `on_frame` sees every frame as it is reached.
    ///
    /// # Errors
    /// A number that is not finite, or an interruption.
    pub fn value(
        &mut self,
        state: &mut State<T>,
        criterion: &dyn Criterion<T::Wide>,
        progress: Progress<'_>,
    ) -> Result<T::Wide, RunError> {
        let mut value = T::Wide::of(0.0);
        for step in 0..self.steps() {
            self.advance(state, step)?;
            if let Some(frame) = self
                .frame_ended(step)
                .filter(|&frame| criterion.reads(frame))
            {
                value += criterion.value(&read_frame(self.world, state, frame));
            }
            if !progress(Pass::Forward, step) {
                return Err(RunError::Interrupted);
            }
        }
        state.check(self.world, self.steps())?;
        Ok(value)
    }

    /// The value of `criterion` over a run from `initial` and its gradient, by `plan`.
    /// The gradient has the same bits for every plan. `terminal` adds cotangents of the
    /// state at the end, in canonical order, for losses that read more than positions.
    ///
    /// # Errors
    /// A number that is not finite, a plan for another run, or an interruption.
    pub fn gradient(
        &mut self,
        initial: &State<T>,
        criterion: &dyn Criterion<T::Wide>,
        terminal: Option<&Particles<T>>,
        plan: &Plan,
        progress: Progress<'_>,
    ) -> Result<(f64, Gradient<T>), RunError> {
        if plan.steps() != self.steps() {
            let (planned, steps) = (plan.steps(), self.steps());
            return Err(RunError::Plan(format!(
                "made for {planned} substeps, not {steps}"
            )));
        }
        let mut state = initial.clone();
        let mut store = std::mem::take(&mut self.scratch.store);
        store.clear();
        let mut back = Back::new(self, &state, terminal);
        let mut value = T::Wide::of(0.0);
        // Substeps that have been done for the first time.
        let mut reached = 0;
        // Slot of the last state kept, and the grid of which substep the workspace holds.
        let (mut last_slot, mut grid) = (0, Grid::Unknown);
        // Blocks of a grid that may be kept: what the budget counts on.
        let mut room = 0;
        let mut actions = plan.actions().peekable();
        while let Some(action) = actions.next() {
            match action {
                Action::Store { step, slot } => {
                    store.keep(slot, step, &state);
                    last_slot = slot;
                }
                // What is forgotten next need not be copied.
                Action::Restore { step, slot }
                    if actions.peek() == Some(&Action::Release { slot }) =>
                {
                    let workspace = &mut back.rollout.scratch.workspace;
                    grid = store.exchange(slot, step, &mut state, workspace)?;
                }
                Action::Restore { step, slot } => store.restore(slot, step, &mut state)?,
                Action::Release { slot } => store.release(slot),
                Action::Advance { from, to } => {
                    grid = Grid::Unknown;
                    for step in from..to {
                        back.rollout.advance(&mut state, step)?;
                        // Only where the next state is kept, too, is this one pulled back soon.
                        let blocks = back.rollout.workspace().grid();
                        if step == 0 {
                            room = SPREAD * blocks.len();
                        }
                        if step == from && to == from + 1 && blocks.len() <= room {
                            store.keep_grid(last_slot, step, blocks);
                        }
                        // The first descent does every substep once, in order.
                        if step == reached {
                            reached += 1;
                            value += back.judge(&state, step, criterion);
                            if !progress(Pass::Forward, step) {
                                return Err(RunError::Interrupted);
                            }
                        }
                    }
                    if reached == to && to == plan.steps() {
                        state.check(back.rollout.world, to)?;
                    }
                }
                Action::Reverse { step } => {
                    state.settle(back.rollout.world, step)?;
                    if back.seed(&state, step, criterion)? {
                        grid = Grid::Known;
                    }
                    back.pull(&state, step, grid);
                    grid = Grid::Unknown;
                    if !progress(Pass::Reverse, step) {
                        return Err(RunError::Interrupted);
                    }
                }
            }
        }
        if !store.is_empty() {
            return Err(RunError::Plan(
                "some kept states were never released".to_owned(),
            ));
        }
        let gradient = back.finish();
        self.scratch.store = store;
        Ok((value.to_f64(), gradient))
    }
}

impl<'a, 'w, T: Compiled> Back<'a, 'w, T> {
    fn new(
        rollout: &'a mut Rollout<'w, T>,
        state: &State<T>,
        terminal: Option<&Particles<T>>,
    ) -> Self {
        let world = rollout.world;
        let (liquids, solids) = (state.particles.liquid.len(), state.particles.solid.len());
        let rest = SubstepBar::zero(world);
        Self {
            particles: terminal
                .cloned()
                .unwrap_or_else(|| Particles::zeros(liquids, solids)),
            order: Arc::new(Order::canonical(world)),
            bodies: rest.bodies.clone(),
            rest,
            gravity: Vector3::zeros(),
            walls: [[0.0; 2]; 3],
            colliders: vec![ColliderBar::zero(); world.colliders.len()],
            trajectory: rollout
                .trajectory
                .as_ref()
                .map(|trajectory| trajectory.zero_bar()),
            after: state.clone(),
            rollout,
        }
    }

    /// What the state after `step` adds to the value.
    fn judge(&self, state: &State<T>, step: usize, criterion: &dyn Criterion<T::Wide>) -> T::Wide {
        match self.rollout.frame_ended(step) {
            Some(frame) if criterion.reads(frame) => {
                criterion.value(&read_frame(self.rollout.world, state, frame))
            }
            _ => T::Wide::of(0.0),
        }
    }

    /// Adds the cotangents of the criterion at the end of the frame that `step` ends, for
    /// which the substep is done once more from `state`; says whether it was.
    fn seed(
        &mut self,
        state: &State<T>,
        step: usize,
        criterion: &dyn Criterion<T::Wide>,
    ) -> Result<bool, RunError> {
        let ended = self.rollout.frame_ended(step);
        let Some(index) = ended.filter(|&frame| criterion.reads(frame)) else {
            return Ok(false);
        };
        self.after.copy_from(state);
        self.rollout.advance(&mut self.after, step)?;
        let world = self.rollout.world;
        let frame = read_frame(world, &self.after, index);
        let mut bars = FrameBar::zeros(&frame);
        criterion.value_vjp(&frame, &mut bars);
        self.after.order.bring(&mut self.particles, &self.order);
        self.order = Arc::clone(&self.after.order);
        let mut densities = vec![0.0; self.bodies.len()];
        read_frame_vjp(
            world,
            &self.after,
            &bars,
            &mut self.particles,
            &mut densities,
        );
        for (body, density) in self.bodies.iter_mut().zip(densities) {
            body[0] += density;
        }
        Ok(true)
    }

    /// Pulls the cotangents back through substep `step`, which starts from `state`; `grid`
    /// says whether the workspace holds its grid.
    fn pull(&mut self, state: &State<T>, step: usize, grid: Grid) {
        state.order.bring(&mut self.particles, &self.order);
        self.order = Arc::clone(&state.order);
        let world = self.rollout.world;
        let tool = self.rollout.tool(step);
        let scenery = Rollout::scenery(world, tool);
        self.rest.grid = GridBar::zero();
        self.rest.bodies.fill([0.0; _]);
        T::substep_vjp(
            world,
            &scenery,
            &state.order,
            &state.particles,
            &mut self.particles,
            &mut self.rollout.scratch.workspace,
            grid,
            &mut self.rest,
        );
        for (sum, part) in self.bodies.iter_mut().zip(&self.rest.bodies) {
            for (sum, part) in sum.iter_mut().zip(part) {
                *sum += part;
            }
        }
        self.gravity += self.rest.grid.gravity.map(Real::to_f64);
        for axis in 0..3 {
            for side in 0..2 {
                self.walls[axis][side] += self.rest.grid.walls[axis][side].to_f64();
            }
        }
        self.pull_colliders(step);
    }

    /// Adds the cotangents of the colliders, and through them those of the tool.
    fn pull_colliders(&mut self, step: usize) {
        let (frame, time) = self.rollout.moment(step);
        let tool = self.rollout.tool(step);
        for (index, collider) in self.rollout.world.colliders.iter().enumerate() {
            let bar = &self.rest.grid.colliders[index];
            let sum = &mut self.colliders[index];
            sum.friction += bar.friction.to_f64();
            let placed = place_vjp(
                collider,
                tool.as_ref().map(|(pose, twist)| (pose, twist)),
                &bar.placed,
            );
            add_pose(&mut sum.pose, &placed.collider);
            if let (Some(trajectory), Some(sum)) = (&self.rollout.trajectory, &mut self.trajectory)
            {
                trajectory.pose_vjp(frame, time, &widen_pose(&placed.tool), sum);
                let twist = Twist {
                    linear: placed.twist.linear.map(Real::widen),
                    angular: placed.twist.angular.map(Real::widen),
                };
                trajectory.twist_vjp(frame, &twist, sum);
            }
        }
    }

    fn finish(mut self) -> Gradient<T> {
        let world = self.rollout.world;
        Order::canonical(world).bring(&mut self.particles, &self.order);
        let (tool, controls) = match (&self.rollout.trajectory, self.trajectory) {
            (Some(trajectory), Some(bar)) => trajectory.finish(bar),
            _ => (PoseBar::zero(), Vec::new()),
        };
        Gradient {
            particles: self.particles,
            bodies: named_parameters(world, &self.bodies),
            gravity: self.gravity,
            walls: self.walls,
            colliders: self.colliders,
            tool: PoseBar {
                position: tool.position.map(Real::to_f64),
                rotation: tool.rotation.map(Real::to_f64),
            },
            controls: controls
                .iter()
                .map(|twist| Twist {
                    linear: twist.linear.map(Real::to_f64),
                    angular: twist.angular.map(Real::to_f64),
                })
                .collect(),
        }
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
