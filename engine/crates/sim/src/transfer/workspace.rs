//! Scratch memory of the substeps.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    blocks::{Starts, Visits},
    immersed::Immersed,
    patch::BodyBar,
};
use crate::{
    grid::block::{BLOCK, BlockNodes, Reach, TILE_NODES, Tile},
    particle::Order,
    pose::Twist,
};

/// The way through the particles of each block: it follows from where they are.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// What the stencils of each block reach of its tile.
    pub(super) reaches: Vec<Reach>,
    /// The order in which particles are visited.
    pub(super) visits: Visits,
}

impl Route {
    /// Makes room for the blocks and particles of `order`.
    pub fn fit(&mut self, order: &Order) {
        self.reaches.resize(order.blocks.len(), Reach::NONE);
        self.visits.fit(order, 0);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.reaches.is_empty()
    }

    /// Forgets it; the memory stays.
    pub fn clear(&mut self) {
        self.reaches.clear();
    }

    /// Overwrites it with another, reusing the memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.reaches.clone_from(&other.reaches);
        self.visits.copy_from(&other.visits);
    }

    /// Bytes for so many particle blocks, and liquid and solid particles.
    pub const fn bytes(blocks: usize, liquids: usize, solids: usize) -> usize {
        blocks * size_of::<Reach>() + Visits::bytes(liquids, solids)
    }
}

/// Scratch of the substeps: owned by the caller, reused, never part of the state.
#[derive(Debug, Clone)]
pub struct Workspace<T: Real> {
    /// What the particles of each block scatter.
    pub(super) tiles: Vec<Tile<T>>,
    /// Where in their tile the stencils of particles start.
    pub(super) starts: Starts,
    /// The way through the blocks.
    pub(super) route: Route,
    /// The same of the substep that was pulled back before, which may not be done yet.
    pub(super) later_route: Route,
    /// The same of the substep that is pulled back next, if it is known.
    pub(super) known_route: Route,
    /// Momentum and mass of each active grid block.
    pub(super) momentum: Vec<BlockNodes<T>>,
    /// Velocities of each active grid block after the grid update.
    pub(super) velocity: Vec<BlockNodes<T>>,
    /// The same of the substep that was pulled back before, which may not be done yet.
    pub(super) later_velocity: Vec<BlockNodes<T>>,
    /// Cotangents of each active grid block.
    pub(super) bars: Vec<BlockNodes<T>>,
    /// Cotangents of the materials, by block and body.
    pub(super) body_bars: Vec<BodyBar<T>>,
    /// The same of the substep that was pulled back before, which may not be done yet.
    pub(super) later_body_bars: Vec<BodyBar<T>>,
    /// What is known of rigid bodies.
    pub(super) immersed: Immersed<T>,
    /// Velocities on both sides of mirrored walls before they became images of each other.
    pub(super) unmirrored: Vec<Vector3<T>>,
}

impl<T: Real> Default for Workspace<T> {
    fn default() -> Self {
        Self {
            tiles: Vec::new(),
            starts: Starts::default(),
            route: Route::default(),
            later_route: Route::default(),
            known_route: Route::default(),
            momentum: Vec::new(),
            velocity: Vec::new(),
            later_velocity: Vec::new(),
            bars: Vec::new(),
            body_bars: Vec::new(),
            later_body_bars: Vec::new(),
            immersed: Immersed::default(),
            unmirrored: Vec::new(),
        }
    }
}

impl<T: Real> Workspace<T> {
    /// Makes room for the blocks of `order`.
    pub(super) fn fit(&mut self, order: &Order) {
        self.tiles
            .resize(order.blocks.len(), [[T::zero(); 4]; TILE_NODES]);
        self.starts.fit(order, 0);
        self.route.fit(order);
        let empty = [[T::zero(); 4]; BLOCK * BLOCK * BLOCK];
        self.momentum.resize(order.grid.len(), empty);
        self.velocity.resize(order.grid.len(), empty);
    }

    /// Bytes that it takes at most for so many particle blocks, grid blocks, bodies and
    /// liquid and solid particles.
    pub const fn bytes(
        blocks: usize,
        grid: usize,
        bodies: usize,
        liquids: usize,
        solids: usize,
    ) -> usize {
        blocks * size_of::<Tile<T>>()
            + 2 * blocks * bodies * size_of::<BodyBar<T>>()
            + 4 * grid * size_of::<BlockNodes<T>>()
            + Starts::bytes(liquids, solids)
            + 3 * Route::bytes(blocks, liquids, solids)
    }

    /// The way through the particles that was taken last, or that a stride onward has made ready.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Takes over the way through the particles of the substep that is pulled back next.
    pub fn set_route(&mut self, route: &Route) {
        self.known_route.copy_from(route);
    }

    /// Momentum and mass of the grid of the last substep, block by block in its order.
    pub fn grid(&self) -> &[BlockNodes<T>] {
        &self.momentum
    }

    /// Impulse of matter on a rigid body in the last substep, about its centre of mass (kg m/s,
    /// kg m^2/s).
    pub fn rigid_impulse(&self, body: usize) -> Option<Twist<T::Wide>> {
        self.immersed.impulse(body)
    }

    /// Takes over the grid of another substep.
    pub fn set_grid(&mut self, grid: &[BlockNodes<T>]) {
        self.momentum.clear();
        self.momentum.extend_from_slice(grid);
    }

    /// Total mass (kg) and momentum (kg m/s) on the grid of the last substep.
    pub fn grid_totals(&self) -> [f64; 4] {
        let mut sum = [0.0; 4];
        for node in self.momentum.iter().flatten() {
            for channel in 0..3 {
                sum[channel + 1] += node[channel].to_f64();
            }
            sum[0] += node[3].to_f64();
        }
        sum
    }
}
