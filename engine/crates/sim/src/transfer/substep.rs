//! One substep and its adjoint: the stages in order, block by block in parallel.

use backflow_diff::Real;
use rayon::prelude::*;

use super::{
    g2p::{Moved, g2p, g2p_vjp},
    grid_update::{GridBar, Scenery, Site, grid_update, grid_update_vjp, mass_threshold},
    p2g::{BodyBar, p2g, p2g_vjp},
};
use crate::{
    grid::block::{BLOCK, BlockNodes, GridBlock, TILE, Tile, collect_tiles, load_tile},
    particle::{
        Order, Particles,
        split::{ParticlesMut, PerBlock, for_each_block},
    },
    world::World,
};

/// Blocks that one task works on at least.
const GRAIN: usize = 4;

/// Scratch of the substeps: owned by the caller, reused, never part of the state.
#[derive(Debug, Clone)]
pub struct Workspace<T: Real> {
    /// What the particles of each block scatter.
    tiles: Vec<Tile<T>>,
    /// Momentum and mass of each active grid block.
    momentum: Vec<BlockNodes<T>>,
    /// Velocities of each active grid block after the grid update.
    velocity: Vec<BlockNodes<T>>,
    /// Cotangents of each active grid block.
    bars: Vec<BlockNodes<T>>,
    /// Cotangents of the materials, by block and body.
    body_bars: Vec<BodyBar<T>>,
}

impl<T: Real> Default for Workspace<T> {
    fn default() -> Self {
        Self {
            tiles: Vec::new(),
            momentum: Vec::new(),
            velocity: Vec::new(),
            bars: Vec::new(),
            body_bars: Vec::new(),
        }
    }
}

impl<T: Real> Workspace<T> {
    /// Makes room for the blocks of `order`.
    fn fit(&mut self, order: &Order) {
        self.tiles
            .resize(order.blocks.len(), [[T::zero(); 4]; TILE * TILE * TILE]);
        let empty = [[T::zero(); 4]; BLOCK * BLOCK * BLOCK];
        self.momentum.resize(order.grid.len(), empty);
        self.velocity.resize(order.grid.len(), empty);
    }

    /// Bytes that it takes at most for so many particle blocks, grid blocks and bodies.
    pub const fn bytes(blocks: usize, grid: usize, bodies: usize) -> usize {
        blocks * (size_of::<Tile<T>>() + bodies * size_of::<BodyBar<T>>())
            + 3 * grid * size_of::<BlockNodes<T>>()
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

/// Cotangents of what a substep depends on besides the particles.
#[derive(Debug, Clone)]
pub struct SubstepBar<T: Real> {
    /// Of gravity, walls and colliders.
    pub grid: GridBar<T>,
    /// Of the materials of the liquid bodies, then of the solid ones.
    pub bodies: Vec<[f64; crate::material::PARAMETERS + 1]>,
}

impl<T: Real> SubstepBar<T> {
    /// The zero cotangent.
    pub fn zero(world: &World<T>) -> Self {
        Self {
            grid: GridBar::zero(),
            bodies: vec![[0.0; crate::material::PARAMETERS + 1]; body_count(world)],
        }
    }
}

fn body_count<T: Real>(world: &World<T>) -> usize {
    world.liquids.len() + world.solids.len()
}

/// Particles to grid and grid update: fills momentum and velocity of the workspace.
fn to_grid<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &Particles<T>,
    workspace: &mut Workspace<T>,
) {
    workspace.fit(order);
    let (lattice, dt) = (&world.lattice, world.clock.dt);
    workspace
        .tiles
        .par_iter_mut()
        .zip(&order.blocks)
        .with_min_len(GRAIN)
        .for_each(|(tile, block)| {
            tile.fill([T::zero(); 4]);
            let (liquid, solid) = (&particles.liquid, &particles.solid);
            let (bodies, slots) = (&world.liquids, &order.liquid);
            p2g(
                lattice,
                dt,
                bodies,
                &block.at,
                slots,
                block.liquid.clone(),
                liquid,
                tile,
            );
            let (bodies, slots) = (&world.solids, &order.solid);
            p2g(
                lattice,
                dt,
                bodies,
                &block.at,
                slots,
                block.solid.clone(),
                solid,
                tile,
            );
        });
    let (tiles, threshold) = (&workspace.tiles, mass_threshold(world));
    workspace
        .momentum
        .par_iter_mut()
        .zip(workspace.velocity.par_iter_mut())
        .zip(&order.grid)
        .with_min_len(GRAIN)
        .for_each(|((momentum, velocity), block)| {
            *momentum = collect_tiles(block, tiles);
            grid_update(
                &Site::new(world, scenery, block, threshold),
                momentum,
                velocity,
            );
        });
}

/// Advances `particles`, which lie in `order`, by one substep.
pub fn substep<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &mut Particles<T>,
    workspace: &mut Workspace<T>,
) -> Moved {
    to_grid(world, scenery, order, particles, workspace);
    let (lattice, dt, velocity) = (&world.lattice, world.clock.dt, &workspace.velocity);
    let advance = |block: &_, mut view: ParticlesMut<'_, T>| {
        let block: &crate::particle::order::ParticleBlock = block;
        let tile = load_tile(&block.grid, velocity);
        let (bodies, slots) = (&world.liquids, &order.liquid);
        let range = block.liquid.clone();
        let liquid = g2p(
            lattice,
            dt,
            bodies,
            &block.at,
            slots,
            range,
            &tile,
            &mut view.liquid,
        );
        let (bodies, slots) = (&world.solids, &order.solid);
        let range = block.solid.clone();
        let solid = g2p(
            lattice,
            dt,
            bodies,
            &block.at,
            slots,
            range,
            &tile,
            &mut view.solid,
        );
        liquid.merge(solid)
    };
    for_each_block(
        &order.blocks,
        ParticlesMut::of(particles),
        &advance,
        &Moved::merge,
    )
    .unwrap_or_default()
}

/// Pulls `bars`, the cotangents of the particles after a substep, back through it.
/// `particles` is the state before it; both lie in `order`. What the substep depends on
/// besides is added to `rest`.
pub fn substep_vjp<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &Particles<T>,
    bars: &mut Particles<T>,
    workspace: &mut Workspace<T>,
    rest: &mut SubstepBar<T>,
) {
    to_grid(world, scenery, order, particles, workspace);
    let (lattice, dt) = (&world.lattice, world.clock.dt);
    let Workspace {
        tiles,
        momentum,
        velocity,
        bars: node_bars,
        body_bars,
    } = workspace;

    let velocity = &*velocity;
    let pull = |block: &_, (mut bar, nodes): (ParticlesMut<'_, T>, PerBlock<'_, Tile<T>>)| {
        let block: &crate::particle::order::ParticleBlock = block;
        let tile = load_tile(&block.grid, velocity);
        let nodes = &mut nodes.items[0];
        nodes.fill([T::zero(); 4]);
        let (bodies, slots, cloud) = (&world.liquids, &order.liquid, &particles.liquid);
        let (range, bar_of) = (block.liquid.clone(), &mut bar.liquid);
        g2p_vjp(
            lattice, dt, bodies, &block.at, slots, range, cloud, &tile, bar_of, nodes,
        );
        let (bodies, slots, cloud) = (&world.solids, &order.solid, &particles.solid);
        let (range, bar_of) = (block.solid.clone(), &mut bar.solid);
        g2p_vjp(
            lattice, dt, bodies, &block.at, slots, range, cloud, &tile, bar_of, nodes,
        );
    };
    let view = (
        ParticlesMut::of(bars),
        PerBlock {
            items: tiles.as_mut_slice(),
            width: 1,
        },
    );
    for_each_block(&order.blocks, view, &pull, &|(), ()| ());

    node_bars.resize(order.grid.len(), [[T::zero(); 4]; BLOCK * BLOCK * BLOCK]);
    let (tiles, threshold) = (&*tiles, mass_threshold(world));
    let grid = NodesBar {
        world,
        scenery,
        tiles,
        threshold,
    };
    rest.grid
        .add(&grid.pull(&order.grid, momentum, node_bars), scenery.len());

    let bodies = body_count(world);
    body_bars.clear();
    body_bars.resize(order.blocks.len() * bodies, [T::zero(); _]);
    let node_bars = &*node_bars;
    let pull = |block: &_, (mut bar, sums): (ParticlesMut<'_, T>, PerBlock<'_, BodyBar<T>>)| {
        let block: &crate::particle::order::ParticleBlock = block;
        let tile = load_tile(&block.grid, node_bars);
        let (liquid_sums, solid_sums) = sums.items.split_at_mut(world.liquids.len());
        let (slots, cloud, range) = (&order.liquid, &particles.liquid, block.liquid.clone());
        let bar_of = &mut bar.liquid;
        p2g_vjp(
            lattice,
            dt,
            &world.liquids,
            &block.at,
            slots,
            range,
            cloud,
            &tile,
            bar_of,
            liquid_sums,
        );
        let (slots, cloud, range) = (&order.solid, &particles.solid, block.solid.clone());
        let bar_of = &mut bar.solid;
        p2g_vjp(
            lattice,
            dt,
            &world.solids,
            &block.at,
            slots,
            range,
            cloud,
            &tile,
            bar_of,
            solid_sums,
        );
    };
    let items = body_bars.as_mut_slice();
    let view = (
        ParticlesMut::of(bars),
        PerBlock {
            items,
            width: bodies,
        },
    );
    for_each_block(&order.blocks, view, &pull, &|(), ()| ());
    for block in body_bars.chunks(bodies.max(1)) {
        for (sum, part) in rest.bodies.iter_mut().zip(block) {
            for (sum, part) in sum.iter_mut().zip(part) {
                *sum += part.to_f64();
            }
        }
    }
}

/// The grid's part of the adjoint.
struct NodesBar<'a, T: Real> {
    world: &'a World<T>,
    scenery: &'a Scenery<'a, T>,
    tiles: &'a [Tile<T>],
    threshold: T,
}

impl<T: Real> NodesBar<'_, T> {
    /// Fills `bars` with the cotangents of momentum and mass; the rest is summed in an
    /// order that depends on the number of blocks alone.
    fn pull(
        &self,
        blocks: &[GridBlock],
        momentum: &[BlockNodes<T>],
        bars: &mut [BlockNodes<T>],
    ) -> GridBar<T> {
        if blocks.len() > GRAIN {
            let at = blocks.len() / 2;
            let (left, right) = bars.split_at_mut(at);
            let (mut sum, part) = rayon::join(
                || self.pull(&blocks[..at], &momentum[..at], left),
                || self.pull(&blocks[at..], &momentum[at..], right),
            );
            sum.add(&part, self.scenery.len());
            return sum;
        }
        let mut sum = GridBar::zero();
        for ((block, momentum), bar) in blocks.iter().zip(momentum).zip(bars) {
            *bar = collect_tiles(block, self.tiles);
            let site = Site::new(self.world, self.scenery, block, self.threshold);
            grid_update_vjp(&site, momentum, bar, &mut sum);
        }
        sum
    }
}
