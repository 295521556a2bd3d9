//! The adjoint of a substep: its stages in reverse order, block by block in parallel.

use backflow_diff::Real;
use rayon::prelude::*;

use super::{
    blocks::{self, Setting},
    grid_update::{GridBar, Scenery, Site, free_velocity_vjp, mass_threshold},
    immersed::Immersed,
    mirror::{mirror_vjp, mirrored},
    patch::BodyBar,
    reaction::{Impulses, reaction_vjp},
    substep::{GRAIN, Grid, ToTiles, per_block, scatter, update},
    workspace::{Route, Workspace},
};
use crate::{
    grid::block::{BLOCK, BlockNodes, GridBlock, Reach, Tile},
    material::PARAMETERS,
    particle::{
        Order, Particles,
        split::{ParticlesMut, ParticlesRef, PerBlock, PerParticle, for_each_block},
        visits::Visit,
    },
    rigid::{RigidBar, RigidParameterBar, RigidState},
    world::World,
};

/// Cotangents of what a substep depends on besides the particles.
#[derive(Debug, Clone)]
pub struct SubstepBar<T: Real> {
    /// Of gravity, walls and colliders.
    pub grid: GridBar<T>,
    /// Of the materials of the liquid bodies, then of the solid ones.
    pub bodies: Vec<[f64; PARAMETERS + 1]>,
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
            bodies: vec![[0.0; PARAMETERS + 1]; body_count(world)],
            reaction: None,
            rigids: vec![RigidParameterBar::zero(); world.rigids.len()],
        }
    }
}

fn body_count<T: Real>(world: &World<T>) -> usize {
    world.liquids.len() + world.solids.len()
}

/// How much of two substeps is pulled back at once; the counterpart of
/// [`Stride`](super::substep::Stride).
///
/// Substeps that follow each other without a sort between them need not go through the
/// cotangents twice: once those of a block are pulled back through a transfer to the grid, they
/// are close by, and go on through the transfer from the grid before it at once. The bits are
/// the same either way.
#[derive(Debug, Clone, Copy)]
pub struct BackStride<'a, T: Real> {
    /// The state after the substep, in the same order, if it is at hand as the substep left it:
    /// velocities need not be gathered from the grid again.
    pub after: Option<&'a Particles<T>>,
    /// The call for the substep after, from `after`, went onward, and nothing has touched
    /// cotangents and workspace since but the grid of this substep, which is known.
    pub begun: bool,
    /// Leave the transfer to the grid to the call for the substep before, or to [`finish_vjp`].
    pub onward: bool,
}

impl<T: Real> Default for BackStride<'_, T> {
    /// A substep by itself.
    fn default() -> Self {
        Self {
            after: None,
            begun: false,
            onward: false,
        }
    }
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
    stride: BackStride<'_, T>,
    rest: &mut SubstepBar<T>,
) {
    if stride.begun {
        std::mem::swap(&mut workspace.velocity, &mut workspace.later_velocity);
        std::mem::swap(&mut workspace.route, &mut workspace.later_route);
    }
    if grid == Grid::Routed {
        std::mem::swap(&mut workspace.route, &mut workspace.known_route);
    }
    match grid {
        Grid::Unknown => scatter(world, order, particles, workspace),
        Grid::Known | Grid::Routed => workspace.fit(order),
    }
    let mut met = rigids.to_vec();
    update(world, scenery, order, &mut met, workspace, grid);
    if !rigids.is_empty() {
        let (grid, parameters) = (&mut rest.grid, &mut rest.rigids);
        let immersed = &mut workspace.immersed;
        immersed.finish_vjp(world, scenery, &met, rigid_bars, parameters, grid);
    }
    from_grid_vjp(world, order, particles, bars, workspace, grid, stride, rest);
    grid_vjp(world, scenery, order, rigids, rigid_bars, workspace, rest);
    if !stride.onward {
        finish_vjp(world, order, particles, bars, workspace, rest);
    }
}

/// Grid to particles pulled back, up to what blocks scatter: fills the tiles of the workspace.
/// Where the substep after is not done yet, its transfer to the grid goes first.
fn from_grid_vjp<T: Real>(
    world: &World<T>,
    order: &Order,
    particles: &Particles<T>,
    bars: &mut Particles<T>,
    workspace: &mut Workspace<T>,
    grid: Grid,
    stride: BackStride<'_, T>,
    rest: &mut SubstepBar<T>,
) {
    let Workspace {
        tiles,
        starts,
        route,
        later_route,
        velocity,
        later_velocity,
        bars: node_bars,
        body_bars,
        later_body_bars,
        ..
    } = workspace;
    let setting = Setting { world, order };
    let bodies = body_count(world);
    std::mem::swap(body_bars, later_body_bars);
    for sums in [&mut *body_bars, &mut *later_body_bars] {
        sums.resize(order.blocks.len() * bodies, [T::zero(); _]);
    }
    body_bars.fill([T::zero(); _]);

    let (velocity, node_bars) = (velocity.as_slice(), node_bars.as_slice());
    let later_velocity = later_velocity.as_slice();
    let begun = stride.after.filter(|_| stride.begun);
    if begun.is_none() {
        later_route.fit(order);
    }
    let pull = |block: &_,
                (
        (mut bars, (sums, later_sums)),
        (((tile, reach), (starts, mut visits)), (later_reach, later_visits)),
    ): (
        (
            ParticlesMut<'_, T>,
            (PerBlock<'_, BodyBar<T>>, PerBlock<'_, BodyBar<T>>),
        ),
        (ToTiles<'_, T>, OnRoute<'_>),
    )| {
        if let Some(later) = begun {
            T::launch(blocks::ToTileVjp {
                setting,
                particles: later,
                block,
                visits: &later_visits,
                reach: &later_reach.items[0],
                node_bars,
                velocity: later_velocity,
                bars: bars.lend(),
                body_bars: later_sums.items,
            });
        }
        if grid == Grid::Known {
            // No one has found the way yet.
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
            after: stride.after,
            block,
            visits: &visits,
            reach: &reach.items[0],
            velocity,
            bars,
            tile: &mut tile.items[0],
            body_bars: sums.items,
        });
    };
    let view = (
        (
            ParticlesMut::of(bars),
            (
                per_body(body_bars, bodies),
                per_body(later_body_bars, bodies),
            ),
        ),
        (
            (
                (per_block(tiles), per_block(&mut route.reaches)),
                (starts.view(), route.visits.view()),
            ),
            on_route(later_route),
        ),
    );
    for_each_block(&order.blocks, view, &pull, &|(), ()| ());
    if begun.is_some() {
        hand_over(later_body_bars, &mut rest.bodies);
    }
}

/// The grid pulled back: from the tiles of the workspace to the cotangents of momentum and mass.
fn grid_vjp<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    rigids: &[RigidState<T::Wide>],
    rigid_bars: &mut [RigidBar<T::Wide>],
    workspace: &mut Workspace<T>,
    rest: &mut SubstepBar<T>,
) {
    let Workspace {
        tiles,
        route,
        momentum,
        velocity,
        bars: node_bars,
        immersed,
        unmirrored,
        ..
    } = workspace;
    let reaches = route.reaches.as_slice();
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
}

/// Particles to grid pulled back: what a call of [`substep_vjp`] that went onward, with the same
/// arguments, has left.
pub fn finish_vjp<T: Real>(
    world: &World<T>,
    order: &Order,
    particles: &Particles<T>,
    bars: &mut Particles<T>,
    workspace: &mut Workspace<T>,
    rest: &mut SubstepBar<T>,
) {
    let Workspace {
        route,
        velocity,
        bars: node_bars,
        body_bars,
        ..
    } = workspace;
    let (setting, node_bars) = (Setting { world, order }, node_bars.as_slice());
    let velocity = velocity.as_slice();
    let pull = |block: &_,
                ((bars, sums), (reach, visits)): (
        (ParticlesMut<'_, T>, PerBlock<'_, BodyBar<T>>),
        OnRoute<'_>,
    )| {
        T::launch(blocks::ToTileVjp {
            setting,
            particles,
            block,
            visits: &visits,
            reach: &reach.items[0],
            node_bars,
            velocity,
            bars,
            body_bars: sums.items,
        });
    };
    let view = (
        (
            ParticlesMut::of(bars),
            per_body(body_bars, body_count(world)),
        ),
        on_route(route),
    );
    for_each_block(&order.blocks, view, &pull, &|(), ()| ());
    hand_over(body_bars, &mut rest.bodies);
}

/// Reach and visits of some blocks.
type OnRoute<'a> = (PerBlock<'a, Reach>, PerParticle<'a, Visit>);

/// Those of all blocks.
fn on_route(route: &mut Route) -> OnRoute<'_> {
    (per_block(&mut route.reaches), route.visits.view())
}

/// An item a body and block.
fn per_body<V>(items: &mut [V], bodies: usize) -> PerBlock<'_, V> {
    PerBlock {
        items,
        width: bodies,
    }
}

/// Adds the cotangents of the materials, summed over the blocks in their order.
fn hand_over<T: Real>(blocks: &[BodyBar<T>], bodies: &mut [[f64; PARAMETERS + 1]]) {
    let count = bodies.len().max(1);
    for (body, sums) in bodies.iter_mut().enumerate() {
        let mut all = [0.0; PARAMETERS + 1];
        for block in blocks.chunks(count) {
            for (all, part) in all.iter_mut().zip(block[body]) {
                *all += part.to_f64();
            }
        }
        for (sum, all) in sums.iter_mut().zip(all) {
            *sum += all;
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
