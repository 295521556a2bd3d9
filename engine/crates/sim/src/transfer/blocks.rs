//! The stages of a substep on one block, as kernels that run at the machine's level: those
//! of both kinds of particles, liquid and solid.

use super::{
    g2p::{After, Moved, g2p, g2p_vjp},
    grid_update::{GridBar, Site, constrain_vjp, free_velocity, grid_update, grid_update_vjp},
    p2g::{p2g, p2g_vjp},
    patch::{BodyBar, Patch},
    stencil::Splines,
};
use crate::{
    grid::block::{BlockNodes, GridBlock, Reach, Tile, collect_tiles, load_tile},
    material::{Law, Liquid, Solid},
    particle::{
        Order, Particles,
        order::ParticleBlock,
        split::{CloudRef, ParticlesMut, ParticlesRef, PerParticle},
        visits::{Visit, plan_visits},
    },
    world::{Body, World},
};
use backflow_diff::{
    Real,
    lanes::{Kernel, Lanes},
};

/// An array an item a particle, for both kinds.
#[derive(Debug, Clone)]
pub struct Both<A> {
    liquid: Vec<A>,
    solid: Vec<A>,
}

/// The order in which particles are visited.
pub type Visits = Both<Visit>;

/// Where in the tile the stencil of each particle starts.
pub type Starts = Both<u16>;

impl<A> Default for Both<A> {
    fn default() -> Self {
        Self {
            liquid: Vec::new(),
            solid: Vec::new(),
        }
    }
}

impl<A> Both<A> {
    /// All of it.
    pub fn view(&mut self) -> PerParticle<'_, A> {
        PerParticle {
            liquid: &mut self.liquid,
            solid: &mut self.solid,
        }
    }

    /// Makes room for the particles of `order`.
    pub fn fit(&mut self, order: &Order, item: A)
    where
        A: Clone,
    {
        self.liquid.resize(order.liquid.ids.len(), item.clone());
        self.solid.resize(order.solid.ids.len(), item);
    }

    /// Overwrites it with another, reusing the memory.
    pub fn copy_from(&mut self, other: &Self)
    where
        A: Copy,
    {
        self.liquid.clone_from(&other.liquid);
        self.solid.clone_from(&other.solid);
    }

    /// Bytes for so many particles.
    pub const fn bytes(liquids: usize, solids: usize) -> usize {
        (liquids + solids) * size_of::<A>()
    }
}

/// What does not change during a substep.
#[derive(Clone, Copy)]
pub struct Setting<'a, T: Real> {
    /// The world.
    pub world: &'a World<T>,
    /// The order of the particles.
    pub order: &'a Order,
}

impl<'a, T: Real> Setting<'a, T> {
    /// The liquid particles in `block`, to be visited by `visits`.
    #[inline(always)]
    fn liquid(self, block: &ParticleBlock, visits: &'a [Visit]) -> Patch<'a, T, Liquid<T>> {
        let owners = &self.order.liquid.bodies[block.liquid.clone()];
        self.patch(&self.world.liquids, block, owners, visits)
    }

    /// The solid particles in `block`, to be visited by `visits`.
    #[inline(always)]
    fn solid(self, block: &ParticleBlock, visits: &'a [Visit]) -> Patch<'a, T, Solid<T>> {
        let owners = &self.order.solid.bodies[block.solid.clone()];
        self.patch(&self.world.solids, block, owners, visits)
    }

    #[inline(always)]
    fn patch<P: Law<T>>(
        self,
        bodies: &'a [Body<T, P>],
        block: &ParticleBlock,
        owners: &'a [u16],
        visits: &'a [Visit],
    ) -> Patch<'a, T, P> {
        Patch {
            lattice: &self.world.lattice,
            dt: self.world.clock.dt,
            bodies,
            at: block.at,
            owners,
            visits,
        }
    }
}

/// Plans the visits of a block; then particles to its tile.
pub struct ToTile<'a, T: Real> {
    /// World and order.
    pub setting: Setting<'a, T>,
    /// The particles of the block before the substep.
    pub particles: ParticlesRef<'a, T>,
    /// The block.
    pub block: &'a ParticleBlock,
    /// Where the stencils of the block's particles start.
    pub starts: PerParticle<'a, u16>,
    /// The visits of the block.
    pub visits: PerParticle<'a, Visit>,
    /// What the stencils of the block reach of its tile.
    pub reach: &'a mut Reach,
    /// The tile of the block; `None` if the grid is known already.
    pub tile: Option<&'a mut Tile<T>>,
}

impl<T: Real> Kernel<T> for ToTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(mut self, isa: L::Isa) {
        let (block, particles) = (self.block, self.particles);
        let splines = Splines::<L>::new(isa, &self.setting.world.lattice, &block.at);
        splines.starts(isa, particles.liquid.motion, self.starts.liquid);
        splines.starts(isa, particles.solid.motion, self.starts.solid);
        *self.reach = Reach::of(self.starts.liquid).join(Reach::of(self.starts.solid));
        if let Some(tile) = &mut self.tile {
            self.reach.clear(tile);
        }
        if !block.liquid.is_empty() {
            plan_visits(self.starts.liquid, self.visits.liquid);
            let patch = self.setting.liquid(block, self.visits.liquid);
            if let Some(tile) = &mut self.tile {
                p2g::<T, _, L>(isa, &patch, &particles.liquid, tile);
            }
        }
        if !block.solid.is_empty() {
            plan_visits(self.starts.solid, self.visits.solid);
            let patch = self.setting.solid(block, self.visits.solid);
            if let Some(tile) = &mut self.tile {
                p2g::<T, _, L>(isa, &patch, &particles.solid, tile);
            }
        }
    }
}

/// Collects the tiles at a grid block.
pub struct Collect<'a, T: Real> {
    /// The block.
    pub block: &'a GridBlock,
    /// All tiles.
    pub tiles: &'a [Tile<T>],
    /// What is reached of each tile.
    pub reaches: &'a [Reach],
    /// The nodes of the block.
    pub nodes: &'a mut BlockNodes<T>,
}

impl<T: Real> Kernel<T> for Collect<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) {
        collect_tiles::<T, L>(isa, self.block, self.tiles, self.reaches, self.nodes);
    }
}

/// Collects the tiles at a grid block, unless that is done, and updates its nodes.
pub struct Update<'a, T: Real> {
    /// What acts on the block.
    pub site: &'a Site<'a, T>,
    /// The block.
    pub block: &'a GridBlock,
    /// All tiles; `None` if momentum and mass are known already.
    pub tiles: Option<&'a [Tile<T>]>,
    /// What is reached of each tile.
    pub reaches: &'a [Reach],
    /// Momentum and mass of its nodes.
    pub momentum: &'a mut BlockNodes<T>,
    /// Velocity of its nodes.
    pub velocity: &'a mut BlockNodes<T>,
    /// Whether to leave the velocities free, for rigid bodies that come first.
    pub free: bool,
}

impl<T: Real> Kernel<T> for Update<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) {
        if let Some(tiles) = self.tiles {
            collect_tiles::<T, L>(isa, self.block, tiles, self.reaches, self.momentum);
        }
        if self.free {
            free_velocity::<T, L>(isa, self.site, self.momentum, self.velocity);
        } else {
            grid_update::<T, L>(isa, self.site, self.momentum, self.velocity);
        }
    }
}

/// The particles of a block from its tile.
pub struct FromTile<'a, T: Real> {
    /// World and order.
    pub setting: Setting<'a, T>,
    /// The block.
    pub block: &'a ParticleBlock,
    /// The visits of the block.
    pub visits: &'a PerParticle<'a, Visit>,
    /// What its stencils reach of its tile.
    pub reach: &'a Reach,
    /// Velocities of the grid.
    pub velocity: &'a [BlockNodes<T>],
    /// The particles of the block.
    pub particles: ParticlesMut<'a, T>,
    /// As many, which become the same.
    pub copy: Option<ParticlesMut<'a, T>>,
}

impl<T: Real> Kernel<T> for FromTile<'_, T> {
    type Output = Moved;

    #[inline(always)]
    fn run<L: Lanes<T>>(mut self, isa: L::Isa) -> Moved {
        let (setting, block) = (self.setting, self.block);
        let tile = load_tile(&block.grid, self.velocity, self.reach);
        let mut moved = Moved::default();
        if !block.liquid.is_empty() {
            let patch = setting.liquid(block, self.visits.liquid);
            let copy = self.copy.as_mut().map(|copy| &mut copy.liquid);
            moved = g2p::<T, _, L>(isa, &patch, &tile, &mut self.particles.liquid, copy);
        }
        if !block.solid.is_empty() {
            let patch = setting.solid(block, self.visits.solid);
            let copy = self.copy.as_mut().map(|copy| &mut copy.solid);
            let solid = g2p::<T, _, L>(isa, &patch, &tile, &mut self.particles.solid, copy);
            moved = moved.merge(solid);
        }
        moved
    }
}

/// Adjoint of [`Update`].
pub struct UpdateVjp<'a, T: Real> {
    /// What acts on the block.
    pub site: &'a Site<'a, T>,
    /// The block.
    pub block: &'a GridBlock,
    /// What the tiles say of the cotangents of velocities; `None` if they are collected already.
    pub tiles: Option<&'a [Tile<T>]>,
    /// What is reached of each tile.
    pub reaches: &'a [Reach],
    /// Momentum and mass of its nodes.
    pub momentum: &'a BlockNodes<T>,
    /// Cotangents of momentum and mass.
    pub bars: &'a mut BlockNodes<T>,
    /// Cotangents of all else.
    pub rest: &'a mut GridBar<T>,
    /// Velocities after rigid bodies have met the block: only what follows is pulled back.
    pub met: Option<&'a BlockNodes<T>>,
}

impl<T: Real> Kernel<T> for UpdateVjp<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) {
        if let Some(tiles) = self.tiles {
            collect_tiles::<T, L>(isa, self.block, tiles, self.reaches, self.bars);
        }
        match self.met {
            Some(met) => constrain_vjp(self.site, self.momentum, met, self.bars, self.rest),
            None => grid_update_vjp(self.site, self.momentum, self.bars, self.rest),
        }
    }
}

/// Adjoint of [`FromTile`].
pub struct FromTileVjp<'a, T: Real> {
    /// World and order.
    pub setting: Setting<'a, T>,
    /// The state before the substep.
    pub particles: &'a Particles<T>,
    /// The state after it in the same order, if it is at hand.
    pub after: Option<&'a Particles<T>>,
    /// The block.
    pub block: &'a ParticleBlock,
    /// The visits of the block.
    pub visits: &'a PerParticle<'a, Visit>,
    /// What the stencils of the block reach of its tile.
    pub reach: &'a Reach,
    /// Velocities of the grid.
    pub velocity: &'a [BlockNodes<T>],
    /// Cotangents of the particles of the block.
    pub bars: ParticlesMut<'a, T>,
    /// What the block adds to the cotangents of the velocities.
    pub tile: &'a mut Tile<T>,
    /// Cotangents of the materials from this block, liquids first.
    pub body_bars: &'a mut [BodyBar<T>],
}

impl<T: Real> Kernel<T> for FromTileVjp<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(mut self, isa: L::Isa) {
        let (setting, block, particles) = (self.setting, self.block, self.particles);
        let tile;
        let (liquid_after, solid_after) = match self.after {
            Some(after) => (
                After::Known(&after.liquid.motion[block.liquid.clone()]),
                After::Known(&after.solid.motion[block.solid.clone()]),
            ),
            None => {
                tile = load_tile(&block.grid, self.velocity, self.reach);
                (After::By(&tile), After::By(&tile))
            }
        };
        self.reach.clear(self.tile);
        let liquids = setting.world.liquids.len();
        let (liquid_sums, solid_sums) = self.body_bars.split_at_mut(liquids);
        if !block.liquid.is_empty() {
            let cloud = CloudRef::of(&particles.liquid, block.liquid.clone());
            let patch = setting.liquid(block, self.visits.liquid);
            let (bars, nodes) = (&mut self.bars.liquid, &mut *self.tile);
            g2p_vjp::<T, _, L>(isa, &patch, &cloud, liquid_after, bars, nodes, liquid_sums);
        }
        if !block.solid.is_empty() {
            let cloud = CloudRef::of(&particles.solid, block.solid.clone());
            let patch = setting.solid(block, self.visits.solid);
            let (bars, nodes) = (&mut self.bars.solid, self.tile);
            g2p_vjp::<T, _, L>(isa, &patch, &cloud, solid_after, bars, nodes, solid_sums);
        }
    }
}

/// Adjoint of [`ToTile`].
pub struct ToTileVjp<'a, T: Real> {
    /// World and order.
    pub setting: Setting<'a, T>,
    /// The state before the substep.
    pub particles: &'a Particles<T>,
    /// The block.
    pub block: &'a ParticleBlock,
    /// The visits of the block.
    pub visits: &'a PerParticle<'a, Visit>,
    /// What the stencils of the block reach of its tile.
    pub reach: &'a Reach,
    /// Cotangents of momentum and mass.
    pub node_bars: &'a [BlockNodes<T>],
    /// Velocities of the grid.
    pub velocity: &'a [BlockNodes<T>],
    /// Cotangents of the particles of the block, as [`FromTileVjp`] has left them.
    pub bars: ParticlesMut<'a, T>,
    /// Cotangents of the materials from this block, liquids first.
    pub body_bars: &'a mut [BodyBar<T>],
}

impl<T: Real> Kernel<T> for ToTileVjp<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(mut self, isa: L::Isa) {
        let (setting, block, particles) = (self.setting, self.block, self.particles);
        let tile = load_tile(&block.grid, self.node_bars, self.reach);
        let velocity = load_tile(&block.grid, self.velocity, self.reach);
        let liquids = setting.world.liquids.len();
        let (liquid_sums, solid_sums) = self.body_bars.split_at_mut(liquids);
        if !block.liquid.is_empty() {
            let cloud = CloudRef::of(&particles.liquid, block.liquid.clone());
            let patch = setting.liquid(block, self.visits.liquid);
            let bars = &mut self.bars.liquid;
            p2g_vjp::<T, _, L>(isa, &patch, &cloud, &tile, &velocity, bars, liquid_sums);
        }
        if !block.solid.is_empty() {
            let cloud = CloudRef::of(&particles.solid, block.solid.clone());
            let patch = setting.solid(block, self.visits.solid);
            let bars = &mut self.bars.solid;
            p2g_vjp::<T, _, L>(isa, &patch, &cloud, &tile, &velocity, bars, solid_sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_an_item_a_particle() {
        let mut order = Order::default();
        order.liquid.ids = vec![0; 3];
        order.solid.ids = vec![0; 5];
        let mut both: Both<f64> = Both::default();
        both.fit(&order, 0.5);
        let view = both.view();
        assert_eq!((view.liquid.len(), view.solid.len()), (3, 5));
        assert_eq!(Both::<f64>::bytes(3, 5), 64);
        order.solid.ids.truncate(2);
        both.fit(&order, 0.0);
        assert_eq!(both.view().solid, [0.5; 2]);
    }
}
