//! A run forward and back: the value of a criterion and its gradient, by a plan of what is kept.

use backflow_diff::{
    Real,
    memory::{Action, Plan},
};

use super::{
    Gradient, State,
    back::Back,
    forward::Rollout,
    frame::Criterion,
    store::{RunError, SPREAD},
};
use crate::{
    particle::Particles,
    transfer::{
        Compiled,
        substep::{Grid, Stride},
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

impl<T: Compiled> Rollout<'_, T> {
    /// Makes ready for a run from the start that `criterion` judges.
    pub(crate) fn begin(&mut self, criterion: &dyn Criterion<T::Wide>) {
        if criterion.reads_reactions() {
            self.record_reactions(0);
        }
        self.forget_decisions();
    }

    /// What the end of a frame with `step` adds to the value, if it is one.
    pub(crate) fn judge(
        &self,
        state: &State<T>,
        step: usize,
        criterion: &dyn Criterion<T::Wide>,
    ) -> T::Wide {
        match self.frame_ended(step) {
            Some(frame) if criterion.reads(frame) || criterion.reads_tools(frame) => {
                criterion.value(&self.read(state, frame, criterion.reads(frame)))
            }
            _ => T::Wide::of(0.0),
        }
    }

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
        let (mut value, mut begun) = (T::Wide::of(0.0), false);
        self.begin(criterion);
        for step in 0..self.steps() {
            let onward = step + 1 < self.steps();
            begun = self.stride(state, step, Stride { begun, onward }, None)?;
            value += self.judge(state, step, criterion);
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
        self.begin(criterion);
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
        // Whether the workspace has scattered the state for its next substep.
        let mut begun = false;
        // Whether the state is in the slot already that it is to be stored in next.
        let mut copied = false;
        let mut actions = plan.actions().peekable();
        while let Some(action) = actions.next() {
            match action {
                Action::Store { step, slot } => {
                    if !copied {
                        store.keep(slot, step, &state);
                    }
                    if begun {
                        store.keep_route(slot, back.rollout.workspace().route());
                    }
                    copied = false;
                    last_slot = slot;
                }
                // What is forgotten next need not be copied.
                Action::Restore { step, slot }
                    if actions.peek() == Some(&Action::Release { slot }) =>
                {
                    let workspace = &mut back.rollout.scratch.workspace;
                    grid = store.exchange(slot, step, &mut state, workspace)?;
                    begun = false;
                }
                Action::Restore { step, slot } => {
                    store.restore(slot, step, &mut state)?;
                    begun = false;
                }
                Action::Release { slot } => store.release(slot),
                Action::Advance { from, to } => {
                    back.finish_substep();
                    grid = Grid::Unknown;
                    let next = actions.peek().copied();
                    for step in from..to {
                        // What is kept next is copied while it is close by.
                        let mut copy = None;
                        if let (true, Some(Action::Store { step, slot })) = (step + 1 == to, next) {
                            copy = Some(store.room(slot, step, &state));
                            copied = true;
                        }
                        let onward = step + 1 < to || copied;
                        let stride = Stride { begun, onward };
                        begun = back.rollout.stride(&mut state, step, stride, copy)?;
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
                            value += back.rollout.judge(&state, step, criterion);
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
                    begun = false;
                    // What follows is to restore the state that is pulled back next.
                    back.reverse(&mut state, step, grid, criterion, step > 0)?;
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
