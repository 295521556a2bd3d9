//! How much memory a gradient takes, and the states it keeps.

use backflow_diff::{Real, memory::Plan};

use super::{NonFinite, State};
use crate::{
    grid::block::BlockNodes,
    particle::Particles,
    rigid::RigidState,
    transfer::{
        substep::Grid,
        workspace::{Route, Workspace},
    },
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
    /// See [`gas::rollout::RunError`](crate::gas::rollout::RunError).
    #[error(transparent)]
    Gas(crate::gas::rollout::RunError),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<crate::gas::rollout::RunError> for RunError {
    fn from(error: crate::gas::rollout::RunError) -> Self {
        match error {
            crate::gas::rollout::RunError::Interrupted => Self::Interrupted,
            error => Self::Gas(error),
        }
    }
}

impl From<backflow_diff::memory::Lost> for RunError {
    fn from(error: backflow_diff::memory::Lost) -> Self {
        Self::Plan(error.to_string())
    }
}

/// Blocks that may be in use, as a multiple of those in use at the start.
pub(super) const SPREAD: usize = 2;

/// What the allocator takes beyond what it is asked for, as a share (1/8): measured over
/// 5,000 substeps of 100,000 particles.
const OVERHEAD: usize = 8;

/// Memory that a gradient takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes to work in: the state, its cotangent, the state after a frame, the sorting, and
    /// the scratch of the substeps.
    pub working: usize,
    /// Bytes of a kept state with its grid and its order.
    pub state: usize,
}

impl Footprint {
    /// Of a gradient of `world` from `state`.
    pub fn of<T: Real>(world: &World<T>, state: &State<T>) -> Self {
        let (liquids, solids) = (state.particles.liquid.len(), state.particles.solid.len());
        let order = state
            .order
            .sorted(&world.lattice, &mut state.particles.clone());
        let all: usize = world.lattice.blocks().iter().product();
        let blocks = (SPREAD * order.blocks.len()).min(all);
        let grid = (SPREAD * order.grid.len()).min(all);
        let bodies = world.liquids.len() + world.solids.len();
        let rigids = world.rigids.len() * size_of::<RigidState<T::Wide>>();
        // Rigid bodies keep the velocities that they leave to the grid.
        let met = if rigids > 0 {
            grid * size_of::<BlockNodes<T>>()
        } else {
            0
        };
        // States share what collectors have taken until they take more.
        let taken = if world.collectors.is_empty() {
            0
        } else {
            (liquids + solids) * size_of::<u16>()
        };
        let particles = Particles::<T>::bytes(liquids, solids);
        let kept = particles
            + rigids
            + SPREAD * order.grid.len() * size_of::<BlockNodes<T>>()
            + Route::bytes(blocks, liquids, solids)
            + order.bytes()
            + taken;
        Self {
            working: 4 * (particles + rigids)
                + met
                + Workspace::<T>::bytes(blocks, grid, bodies, liquids, solids)
                + 2 * SPREAD * order.bytes(),
            state: kept + kept / OVERHEAD,
        }
    }
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
    let Footprint {
        working,
        state: kept,
    } = Footprint::of(world, state);
    let kept = kept.max(1);
    let slots = match budget {
        None => steps.max(1),
        Some(budget) => {
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

/// A state that is kept.
#[derive(Debug)]
struct Kept<T: Real> {
    /// The substep that it is before.
    step: usize,
    state: State<T>,
    /// Momentum and mass of the grid in that substep, once it has been done; else empty.
    grid: Vec<BlockNodes<T>>,
    /// The way through its particles, if the substep before has made it ready; else empty.
    route: Route,
}

/// States kept in slots; memory is taken when a slot is first used and then reused.
#[derive(Debug)]
pub struct Store<T: Real> {
    slots: Vec<Option<Kept<T>>>,
    spare: Vec<Kept<T>>,
}

impl<T: Real> Default for Store<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            spare: Vec::new(),
        }
    }
}

fn absent(slot: usize, step: usize) -> RunError {
    RunError::Plan(format!("slot {slot} does not hold substep {step}"))
}

impl<T: Real> Store<T> {
    /// Keeps a copy of the state before substep `step`.
    pub fn keep(&mut self, slot: usize, step: usize, state: &State<T>) {
        self.room(slot, step, state).copy_from(state);
    }

    /// Makes room for the state before substep `step`, which has as many particles as `like`;
    /// what it holds until it is written does not matter.
    pub fn room(&mut self, slot: usize, step: usize, like: &State<T>) -> &mut State<T> {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        let place = &mut self.slots[slot];
        let spare = place.take().or_else(|| self.spare.pop());
        let kept = place.insert(spare.unwrap_or_else(|| Kept {
            step,
            state: like.clone(),
            grid: Vec::new(),
            route: Route::default(),
        }));
        kept.step = step;
        kept.grid.clear();
        kept.route.clear();
        &mut kept.state
    }

    /// Keeps the grid of substep `step` beside the state before it, if that is in `slot`:
    /// who pulls the substep back need not compute it again.
    pub fn keep_grid(&mut self, slot: usize, step: usize, grid: &[BlockNodes<T>]) {
        if let Some(Some(kept)) = self.slots.get_mut(slot)
            && kept.step == step
        {
            kept.grid.clear();
            // No more than the budget counts on.
            kept.grid.reserve_exact(grid.len());
            kept.grid.extend_from_slice(grid);
        }
    }

    /// Keeps the way through the particles of the state in `slot`: who pulls the substep after it
    /// back, with its grid at hand, need not find it again.
    pub fn keep_route(&mut self, slot: usize, route: &Route) {
        if let Some(Some(kept)) = self.slots.get_mut(slot) {
            kept.route.copy_from(route);
        }
    }

    /// Copies a kept state back.
    ///
    /// # Errors
    /// When the slot does not hold the state before substep `step`.
    pub fn restore(&self, slot: usize, step: usize, state: &mut State<T>) -> Result<(), RunError> {
        match self.slots.get(slot) {
            Some(Some(kept)) if kept.step == step => {
                state.copy_from(&kept.state);
                Ok(())
            }
            _ => Err(absent(slot, step)),
        }
    }

    /// Exchanges `state` with a kept state, and gives `workspace` the grid kept beside it, and the
    /// way; says what there was.
    ///
    /// # Errors
    /// When the slot does not hold the state before substep `step`.
    pub fn exchange(
        &mut self,
        slot: usize,
        step: usize,
        state: &mut State<T>,
        workspace: &mut Workspace<T>,
    ) -> Result<Grid, RunError> {
        match self.slots.get_mut(slot) {
            Some(Some(kept)) if kept.step == step => {
                std::mem::swap(state, &mut kept.state);
                if kept.grid.is_empty() {
                    return Ok(Grid::Unknown);
                }
                workspace.set_grid(&kept.grid);
                if kept.route.is_empty() {
                    return Ok(Grid::Known);
                }
                workspace.set_route(&kept.route);
                Ok(Grid::Routed)
            }
            _ => Err(absent(slot, step)),
        }
    }

    /// Forgets everything kept; the memory stays.
    pub fn clear(&mut self) {
        for slot in 0..self.slots.len() {
            self.release(slot);
        }
    }

    /// Gives a slot free; its memory is used for the next state kept.
    pub fn release(&mut self, slot: usize) {
        if let Some(kept) = self.slots.get_mut(slot).and_then(Option::take) {
            self.spare.push(kept);
        }
    }

    /// Whether everything kept has been released.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;

    use super::*;
    use crate::particle::{Order, order::ParticleBlock};

    /// A state whose only particle is at `x`.
    fn state(x: f64) -> State<f64> {
        let mut particles = Particles::zeros(0, 0);
        particles.liquid.push(Vector3::repeat(x), Vector3::zeros());
        State {
            particles,
            order: std::sync::Arc::new(Order::default()),
            stale: true,
            rigids: Vec::new(),
            taken: std::sync::Arc::default(),
        }
    }

    fn place(state: &State<f64>) -> f64 {
        state.particles.liquid.motion[0].x().x
    }

    fn grid(value: f64) -> Vec<BlockNodes<f64>> {
        vec![[[value; 4]; _]; 2]
    }

    /// A workspace with a grid.
    fn workspace(value: f64) -> Workspace<f64> {
        let mut workspace = Workspace::default();
        workspace.set_grid(&grid(value));
        workspace
    }

    #[test]
    fn what_is_kept_comes_back_with_the_grid_of_its_own_substep() {
        let (mut store, mut workspace) = (Store::default(), workspace(-1.0));
        for slot in [0, 2, 1] {
            store.keep(slot, 10 + slot, &state(slot as f64));
        }
        store.keep_grid(0, 10, &grid(0.5));
        // Neither the grid of another substep nor that of an empty slot is taken.
        store.keep_grid(1, 12, &grid(0.6));
        store.keep_grid(7, 10, &grid(0.7));
        let mut now = state(-1.0);
        store.restore(0, 10, &mut now).unwrap();
        assert_eq!(place(&now), 0.0);
        for (slot, found) in [(1, Grid::Unknown), (0, Grid::Known), (2, Grid::Unknown)] {
            let known = store.exchange(slot, 10 + slot, &mut now, &mut workspace);
            assert_eq!(known.unwrap(), found);
            assert_eq!(place(&now), slot as f64);
            let held = if slot == 1 { -1.0 } else { 0.5 };
            assert_eq!(workspace.grid(), grid(held));
        }
    }

    #[test]
    fn a_way_is_of_use_beside_a_grid_alone() {
        let (mut store, mut workspace) = (Store::default(), workspace(-1.0));
        let mut way = Route::default();
        let mut order = Order::default();
        order.blocks.push(ParticleBlock {
            at: [0; 3],
            liquid: 0..1,
            solid: 0..0,
            grid: [0; 27],
        });
        way.fit(&order);
        for slot in 0..3 {
            store.keep(slot, slot, &state(slot as f64));
        }
        store.keep_route(0, &way);
        store.keep_grid(0, 0, &grid(0.5));
        store.keep_route(1, &way);
        store.keep_grid(2, 2, &grid(0.5));
        // An empty slot takes none.
        store.keep_route(7, &way);
        let mut now = state(-1.0);
        for (slot, found) in [(0, Grid::Routed), (1, Grid::Unknown), (2, Grid::Known)] {
            let known = store.exchange(slot, slot, &mut now, &mut workspace);
            assert_eq!(known.unwrap(), found);
        }
    }

    #[test]
    fn a_slot_that_is_used_again_has_forgotten_its_grid() {
        let (mut store, mut workspace) = (Store::default(), workspace(-1.0));
        store.keep(0, 3, &state(1.0));
        store.keep_grid(0, 3, &grid(0.5));
        // In place, and after its memory went back.
        for released in [false, true] {
            if released {
                store.release(0);
                assert!(store.is_empty());
            }
            store.keep(0, 3, &state(2.0));
            let mut now = state(-1.0);
            let known = store.exchange(0, 3, &mut now, &mut workspace).unwrap();
            assert_eq!((known, place(&now)), (Grid::Unknown, 2.0));
            store.keep_grid(0, 3, &grid(0.5));
        }
        assert!(!store.is_empty());
        store.clear();
        assert!(store.is_empty());
    }

    #[test]
    fn a_slot_that_does_not_hold_the_substep_is_an_error() {
        let mut store = Store::default();
        store.keep(1, 3, &state(1.0));
        let (mut now, mut workspace) = (state(-1.0), workspace(-1.0));
        for (slot, step) in [(0, 3), (1, 4), (9, 3)] {
            let expected = Err(absent(slot, step));
            assert_eq!(store.restore(slot, step, &mut now), expected);
            let found = store.exchange(slot, step, &mut now, &mut workspace);
            assert_eq!(found, Err(absent(slot, step)));
        }
        assert_eq!(place(&now), -1.0);
        assert_eq!(workspace.grid(), grid(-1.0));
    }
}
