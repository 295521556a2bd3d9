//! How much memory a gradient takes, and the states it keeps.

use backflow_diff::{Real, memory::Plan};

use super::{NonFinite, State};
use crate::{
    particle::{Order, Particles},
    transfer::substep::Workspace,
    world::World,
};

/// A budget below what a gradient takes at least.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "memory budget {budget} B: expected at least {least} B \
     ({working} B to work in and {state} B for each state kept)"
)]
pub struct BudgetTooSmall {
    /// Bytes allowed.
    pub budget: usize,
    /// Least bytes that would do.
    pub least: usize,
    /// Bytes of the working set.
    pub working: usize,
    /// Bytes of a kept state.
    pub state: usize,
}

/// What a gradient can fail of.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunError {
    /// See [`NonFinite`].
    #[error(transparent)]
    NonFinite(#[from] NonFinite),
    /// See [`BudgetTooSmall`].
    #[error(transparent)]
    Budget(#[from] BudgetTooSmall),
    /// The plan and the run do not fit each other.
    #[error("checkpoint plan: {0}")]
    Plan(String),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Blocks that may be in use, as a multiple of those in use at the start.
const SPREAD: usize = 2;

/// Bytes that a gradient of `world` works in: the state, its cotangent, the state after a
/// frame, the sorting, and the scratch of the substeps.
pub fn working_bytes<T: Real>(world: &World<T>, state: &State<T>) -> usize {
    let (liquids, solids) = (state.particles.liquid.len(), state.particles.solid.len());
    let order = state
        .order
        .sorted(&world.lattice, &mut state.particles.clone());
    let all: usize = world.lattice.blocks().iter().product();
    let blocks = (SPREAD * order.blocks.len()).min(all);
    let grid = (SPREAD * order.grid.len()).min(all);
    let bodies = world.liquids.len() + world.solids.len();
    4 * Particles::<T>::bytes(liquids, solids)
        + Workspace::<T>::bytes(blocks, grid, bodies)
        + 2 * Order::bytes(&world.lattice, liquids + solids)
}

/// Bytes of a kept state.
pub fn state_bytes<T: Real>(world: &World<T>, state: &State<T>) -> usize {
    let (liquids, solids) = (state.particles.liquid.len(), state.particles.solid.len());
    Particles::<T>::bytes(liquids, solids) + Order::bytes(&world.lattice, liquids + solids)
}

/// The checkpoint plan for a run of `steps` substeps in `budget` bytes.
///
/// # Errors
/// [`RunError::Budget`] when not even the initial state fits beside the working set.
pub fn plan<T: Real>(
    world: &World<T>,
    state: &State<T>,
    steps: usize,
    budget: Option<usize>,
) -> Result<Plan, RunError> {
    let kept = state_bytes(world, state).max(1);
    let slots = match budget {
        None => steps.max(1),
        Some(budget) => {
            let working = working_bytes(world, state);
            let slots = budget.saturating_sub(working) / kept;
            if slots == 0 {
                let least = working + kept;
                return Err(BudgetTooSmall {
                    budget,
                    least,
                    working,
                    state: kept,
                }
                .into());
            }
            slots.min(steps.max(1))
        }
    };
    Plan::new(steps, slots).map_err(|error| RunError::Plan(error.to_string()))
}

/// States kept in slots; memory is taken when a slot is first used and then reused.
#[derive(Debug)]
pub struct Store<T: Real> {
    slots: Vec<Option<(usize, State<T>)>>,
    spare: Vec<State<T>>,
}

impl<T: Real> Default for Store<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            spare: Vec::new(),
        }
    }
}

impl<T: Real> Store<T> {
    /// Keeps a copy of the state before substep `step`.
    pub fn keep(&mut self, slot: usize, step: usize, state: &State<T>) {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        let place = &mut self.slots[slot];
        match place
            .take()
            .map(|(_, state)| state)
            .or_else(|| self.spare.pop())
        {
            Some(mut copy) => {
                copy.copy_from(state);
                *place = Some((step, copy));
            }
            None => *place = Some((step, state.clone())),
        }
    }

    /// Copies a kept state back.
    ///
    /// # Errors
    /// When the slot does not hold the state before substep `step`.
    pub fn restore(&self, slot: usize, step: usize, state: &mut State<T>) -> Result<(), RunError> {
        match self.slots.get(slot) {
            Some(Some((kept, copy))) if *kept == step => {
                state.copy_from(copy);
                Ok(())
            }
            _ => Err(RunError::Plan(format!(
                "slot {slot} does not hold substep {step}"
            ))),
        }
    }

    /// Gives a slot free; its memory is used for the next state kept.
    pub fn release(&mut self, slot: usize) {
        if let Some((_, state)) = self.slots.get_mut(slot).and_then(Option::take) {
            self.spare.push(state);
        }
    }

    /// Whether everything kept has been released.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }
}
