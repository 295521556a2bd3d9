//! One substep and its adjoint: the stages in order, block by block in parallel.

use backflow_diff::Real;
use rayon::prelude::*;

use super::{
    blocks::{self, Setting},
    g2p::Moved,
    grid_update::{GridBar, Scenery, Site, constrain, free_velocity_vjp, mass_threshold},
    immersed::Immersed,
    mirror::{mirror, mirror_vjp, mirrored},
    patch::BodyBar,
    reaction::{Impulses, reaction_vjp},
    workspace::Workspace,
};
use crate::{
    grid::block::{BLOCK, BlockNodes, GridBlock, Reach, Tile},
    particle::{
        Order, Particles,
        split::{ParticlesMut, ParticlesRef, PerBlock, PerParticle, for_each_block},
        visits::Visit,
    },
    rigid::{RigidBar, RigidParameterBar, RigidState},
    world::World,
};

/// Blocks that one task works on at least.
pub(super) const GRAIN: usize = 4;

/// Cotangents of what a substep depends on besides the particles.
#[derive(Debug, Clone)]
pub struct SubstepBar<T: Real> {
    /// Of gravity, walls and colliders.
    pub grid: GridBar<T>,
    /// Of the materials of the liquid bodies, then of the solid ones.
    pub bodies: Vec<[f64; crate::material::PARAMETERS + 1]>,
    /// What is pulled back besides the particles: the cotangents of what walls and colliders
    /// took, if anything reads that.
    pub reaction: Option<Impulses<T>>,
    /// Of the constants of the rigid bodies.
    pub rigids: Vec<RigidParameterBar<T::Wide>>,
}

impl<T: Real> SubstepBar<T> {
    /// The zero cotangent.
    pub fn zero(world: &World<T>) -> Self {
        Self {
            grid: GridBar::zero(world.colliders.len()),
            bodies: vec![[0.0; crate::material::PARAMETERS + 1]; body_count(world)],
            reaction: None,
            rigids: vec![RigidParameterBar::zero(); world.rigids.len()],
        }
    }
}

fn body_count<T: Real>(world: &World<T>) -> usize {
    world.liquids.len() + world.solids.len()
}

/// What the workspace holds of a substep when it is pulled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Nothing.
    Unknown,
    /// Momentum and mass of the grid after [`crate::transfer::p2g`].
    Known,
}

/// How much of its transfer to the grid a substep does itself.
///
/// Substeps that follow each other without a sort between them need not go through the
/// particles twice: once a block has been moved, it is close by, and is scattered for the next
/// substep at once. The bits are the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stride {
    /// The substep before has scattered these very particles, in this order, to the workspace.
    pub begun: bool,
    /// Scatter the particles for the next substep, too.
    pub onward: bool,
}

/// What the scatter of some blocks writes to: tiles and what is reached of them, where stencils
/// start, visits.
type ToTiles<'a, T> = (
    (PerBlock<'a, Tile<T>>, PerBlock<'a, Reach>),
    (PerParticle<'a, u16>, PerParticle<'a, Visit>),
);

/// An item a block.
fn per_block<V>(items: &mut [V]) -> PerBlock<'_, V> {
    PerBlock { items, width: 1 }
}

/// Particles to grid, up to what blocks scatter: fills visits and tiles of the workspace.
fn scatter<T: Real>(
    world: &World<T>,
    order: &Order,
    particles: &Particles<T>,
    workspace: &mut Workspace<T>,
) {
    workspace.fit(order);
    let Workspace {
        tiles,
        reaches,
        starts,
        visits,
        ..
    } = workspace;
    let setting = Setting { world, order };
    let fill = |block: &_, ((tile, reach), (starts, visits)): ToTiles<'_, T>| {
        T::launch(blocks::ToTile {
            setting,
            particles: ParticlesRef::of(particles, block),
            block,
            starts,
            visits,
            reach: &mut reach.items[0],
            tile: Some(&mut tile.items[0]),
        });
    };
    let view = (
        (per_block(tiles), per_block(reaches)),
        (starts.view(), visits.view()),
    );
    for_each_block(&order.blocks, view, &fill, &|(), ()| ());
}

/// Collects the tiles, unless the grid is known, and updates it: fills momentum and velocity of
/// the workspace, and what mirrored walls have changed.
fn update<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    rigids: &mut [RigidState<T::Wide>],
    workspace: &mut Workspace<T>,
    grid: Grid,
) {
    let Workspace {
        tiles,
        reaches,
        momentum,
        velocity,
        immersed,
        unmirrored,
        ..
    } = workspace;
    immersed.begin(world, &order.grid, rigids);
    let tiles = (grid == Grid::Unknown).then_some(tiles.as_slice());
    let threshold = mass_threshold(world);
    momentum
        .par_iter_mut()
        .zip(velocity.par_iter_mut())
        .zip(&order.grid)
        .enumerate()
        .with_min_len(GRAIN)
        .for_each(|(at, ((momentum, velocity), block))| {
            T::launch(blocks::Update {
                site: &Site::new(world, scenery, block, threshold),
                block,
                tiles,
                reaches,
                momentum,
                velocity,
                free: immersed.is_near(at),
            });
        });
    if !rigids.is_empty() {
        immersed.meet(world, &order.grid, momentum, velocity, threshold, rigids);
        let (momentum, immersed) = (&*momentum, &*immersed);
        velocity
            .par_iter_mut()
            .enumerate()
            .filter(|(at, _)| immersed.is_near(*at))
            .for_each(|(at, velocity)| {
                let site = Site::new(world, scenery, &order.grid[at], threshold);
                constrain(&site, &momentum[at], velocity);
            });
    }
    mirror(world, order, momentum, velocity, unmirrored);
}

/// Advances `particles`, which lie in `order`, and the rigid bodies by one substep. After a stride
/// onward, a report of stale blocks means that what was scattered for the next substep is void.
/// `copy`, as many particles, becomes the same as `particles`.
pub fn substep<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &mut Particles<T>,
    rigids: &mut [RigidState<T::Wide>],
    workspace: &mut Workspace<T>,
    stride: Stride,
    mut copy: Option<&mut Particles<T>>,
) -> Moved {
    if let Some(copy) = &mut copy {
        copy.copy_behind(particles, order);
    }
    if !stride.begun {
        scatter(world, order, particles, workspace);
    }
    update(world, scenery, order, rigids, workspace, Grid::Unknown);
    if !rigids.is_empty() {
        workspace.immersed.finish(world, scenery, rigids);
    }
    let setting = Setting { world, order };
    let Workspace {
        tiles,
        reaches,
        starts,
        visits,
        velocity,
        ..
    } = workspace;
    let velocity = velocity.as_slice();
    let advance = |block: &_,
                   ((mut particles, copy), ((tile, reach), (starts, visits))): (
        (ParticlesMut<'_, T>, Option<ParticlesMut<'_, T>>),
        ToTiles<'_, T>,
    )| {
        let moved = T::launch(blocks::FromTile {
            setting,
            block,
            visits: &visits,
            reach: &reach.items[0],
            velocity,
            particles: particles.lend(),
        });
        if stride.onward {
            T::launch(blocks::ToTile {
                setting,
                particles: particles.read(),
                block,
                starts,
                visits,
                reach: &mut reach.items[0],
                tile: Some(&mut tile.items[0]),
            });
        }
        if let Some(mut copy) = copy {
            copy.copy_from(&particles.read());
        }
        moved
    };
    let view = (
        (ParticlesMut::of(particles), copy.map(ParticlesMut::of)),
        (
            (per_block(tiles), per_block(reaches)),
            (starts.view(), visits.view()),
        ),
    );
    for_each_block(&order.blocks, view, &advance, &Moved::merge).unwrap_or_default()
}

/// Pulls `bars` and `rigid_bars`, the cotangents of the particles and of the rigid bodies after
/// a substep, back through it. `particles` and `rigids` are the state before it; particles and
/// their cotangents lie in `order`. `grid` says whether the workspace
/// holds the grid of this very substep. What the substep depends on besides is added to
/// `rest`.
pub fn substep_vjp<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &Particles<T>,
    bars: &mut Particles<T>,
    rigids: &[RigidState<T::Wide>],
    rigid_bars: &mut [RigidBar<T::Wide>],
    workspace: &mut Workspace<T>,
    grid: Grid,
    rest: &mut SubstepBar<T>,
) {
    match grid {
        Grid::Unknown => scatter(world, order, particles, workspace),
        Grid::Known => workspace.fit(order),
    }
    let mut met = rigids.to_vec();
    update(world, scenery, order, &mut met, workspace, grid);
    if !rigids.is_empty() {
        let (grid, parameters) = (&mut rest.grid, &mut rest.rigids);
        let immersed = &mut workspace.immersed;
        immersed.finish_vjp(world, scenery, &met, rigid_bars, parameters, grid);
    }
    let Workspace {
        tiles,
        reaches,
        starts,
        visits,
        momentum,
        velocity,
        bars: node_bars,
        body_bars,
        immersed,
        unmirrored,
        ..
    } = workspace;
    let setting = Setting { world, order };

    let bodies = body_count(world);
    body_bars.clear();
    body_bars.resize(order.blocks.len() * bodies, [T::zero(); _]);

    let velocity = velocity.as_slice();
    let pull = |block: &_,
                ((bars, sums), ((tile, reach), (starts, mut visits))): (
        (ParticlesMut<'_, T>, PerBlock<'_, BodyBar<T>>),
        ToTiles<'_, T>,
    )| {
        if grid == Grid::Known {
            // No one has planned the visits yet.
            T::launch(blocks::ToTile {
                setting,
                particles: ParticlesRef::of(particles, block),
                block,
                starts,
                visits: visits.lend(),
                reach: &mut reach.items[0],
                tile: None,
            });
        }
        T::launch(blocks::FromTileVjp {
            setting,
            particles,
            block,
            visits: &visits,
            reach: &reach.items[0],
            velocity,
            bars,
            tile: &mut tile.items[0],
            body_bars: sums.items,
        });
    };
    let sums = PerBlock {
        items: body_bars.as_mut_slice(),
        width: bodies,
    };
    let view = (
        (ParticlesMut::of(bars), sums),
        (
            (per_block(tiles), per_block(reaches)),
            (starts.view(), visits.view()),
        ),
    );
    for_each_block(&order.blocks, view, &pull, &|(), ()| ());

    node_bars.resize(order.grid.len(), [[T::zero(); 4]; BLOCK * BLOCK * BLOCK]);
    let (tiles, threshold) = (&*tiles, mass_threshold(world));
    let reaction = rest.reaction.as_ref();
    let collected = mirrored(world);
    if collected {
        collect(order, tiles, reaches, node_bars);
        mirror_vjp(
            world, order, momentum, velocity, unmirrored, reaction, node_bars,
        );
    }
    let grid = NodesBar {
        world,
        scenery,
        tiles: (!collected).then_some(tiles),
        reaches,
        threshold,
        reaction,
        immersed,
    };
    let mut grid_bar = GridBar::zero(scenery.len());
    grid.pull(0, &order.grid, momentum, node_bars, &mut grid_bar);
    rest.grid.add(&grid_bar);
    if !rigids.is_empty() {
        let parameters = &mut rest.rigids;
        immersed.meet_vjp(world, node_bars, rigid_bars, parameters);
        for (at, bars) in node_bars.iter_mut().enumerate() {
            if immersed.is_near(at) {
                let site = Site::new(world, scenery, &order.grid[at], threshold);
                free_velocity_vjp(&site, &momentum[at], bars, &mut rest.grid);
            }
        }
        immersed.begin_vjp(world, rigid_bars, parameters, &mut rest.grid);
    }

    let node_bars = &*node_bars;
    let pull = |block: &_,
                ((bars, sums), (reach, visits)): (
        (ParticlesMut<'_, T>, PerBlock<'_, BodyBar<T>>),
        (PerBlock<'_, Reach>, PerParticle<'_, Visit>),
    )| {
        T::launch(blocks::ToTileVjp {
            setting,
            particles,
            block,
            visits: &visits,
            reach: &reach.items[0],
            node_bars,
            bars,
            body_bars: sums.items,
        });
    };
    let sums = PerBlock {
        items: body_bars.as_mut_slice(),
        width: bodies,
    };
    let view = (
        (ParticlesMut::of(bars), sums),
        (per_block(reaches), visits.view()),
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

/// Collects the tiles into the nodes of all blocks.
fn collect<T: Real>(
    order: &Order,
    tiles: &[Tile<T>],
    reaches: &[Reach],
    nodes: &mut [BlockNodes<T>],
) {
    let blocks = nodes.par_iter_mut().zip(&order.grid).with_min_len(GRAIN);
    blocks.for_each(|(nodes, block)| {
        T::launch(blocks::Collect {
            block,
            tiles,
            reaches,
            nodes,
        });
    });
}

/// The grid's part of the adjoint.
struct NodesBar<'a, T: Real> {
    world: &'a World<T>,
    scenery: &'a Scenery<'a, T>,
    /// What the tiles say of the cotangents of velocities; `None` if they are collected already.
    tiles: Option<&'a [Tile<T>]>,
    reaches: &'a [Reach],
    threshold: T,
    /// Cotangents of what walls and colliders took.
    reaction: Option<&'a Impulses<T>>,
    immersed: &'a Immersed<T>,
}

impl<T: Real> NodesBar<'_, T> {
    /// Fills `bars` with the cotangents of momentum and mass, or near a rigid body with those
    /// of the velocities that it leaves; the rest is added to `sum` in an order that depends on
    /// the number of blocks alone. The first block is the grid's block `first`.
    fn pull(
        &self,
        first: usize,
        blocks: &[GridBlock],
        momentum: &[BlockNodes<T>],
        bars: &mut [BlockNodes<T>],
        sum: &mut GridBar<T>,
    ) {
        if blocks.len() > GRAIN {
            let at = blocks.len() / 2;
            let (left, right) = bars.split_at_mut(at);
            let mut part = GridBar::zero(self.scenery.len());
            rayon::join(
                || self.pull(first, &blocks[..at], &momentum[..at], left, sum),
                || self.pull(first + at, &blocks[at..], &momentum[at..], right, &mut part),
            );
            sum.add(&part);
            return;
        }
        for (at, ((block, momentum), bar)) in blocks.iter().zip(momentum).zip(bars).enumerate() {
            let site = &Site::new(self.world, self.scenery, block, self.threshold);
            T::launch(blocks::UpdateVjp {
                site,
                block,
                tiles: self.tiles,
                reaches: self.reaches,
                momentum,
                bars: bar,
                rest: sum,
                met: self.immersed.met(first + at),
            });
            if let Some(bars) = self.reaction {
                let met = self.immersed.met(first + at);
                reaction_vjp(site, momentum, met, bars, bar, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests;
