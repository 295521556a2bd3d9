//! One substep: the stages in order, block by block in parallel. Its adjoint is beside it, in
//! `substep_vjp.rs`.

use backflow_diff::Real;
use rayon::prelude::*;

use super::{
    blocks::{self, Setting},
    g2p::Moved,
    grid_update::{Scenery, Site, constrain, mass_threshold},
    mirror::mirror,
    workspace::Workspace,
};
use crate::{
    grid::block::{Reach, Tile},
    particle::{
        Order, Particles,
        split::{ParticlesMut, ParticlesRef, PerBlock, PerParticle, for_each_block},
        visits::Visit,
    },
    rigid::RigidState,
    world::World,
};

/// Blocks that one task works on at least.
pub(super) const GRAIN: usize = 4;

/// What the workspace holds of a substep when it is pulled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Nothing.
    Unknown,
    /// Momentum and mass of the grid after [`crate::transfer::p2g`].
    Known,
    /// That, and the way through its particles.
    Routed,
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
pub(super) type ToTiles<'a, T> = (
    (PerBlock<'a, Tile<T>>, PerBlock<'a, Reach>),
    (PerParticle<'a, u16>, PerParticle<'a, Visit>),
);

/// An item a block.
pub(super) fn per_block<V>(items: &mut [V]) -> PerBlock<'_, V> {
    PerBlock { items, width: 1 }
}

/// Particles to grid, up to what blocks scatter: fills visits and tiles of the workspace.
pub(super) fn scatter<T: Real>(
    world: &World<T>,
    order: &Order,
    particles: &Particles<T>,
    workspace: &mut Workspace<T>,
) {
    workspace.fit(order);
    let Workspace {
        tiles,
        starts,
        route,
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
        (per_block(tiles), per_block(&mut route.reaches)),
        (starts.view(), route.visits.view()),
    );
    for_each_block(&order.blocks, view, &fill, &|(), ()| ());
}

/// Collects the tiles, unless the grid is known, and updates it: fills momentum and velocity of
/// the workspace, and what mirrored walls have changed.
pub(super) fn update<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    rigids: &mut [RigidState<T::Wide>],
    workspace: &mut Workspace<T>,
    grid: Grid,
) {
    let Workspace {
        tiles,
        route,
        momentum,
        velocity,
        immersed,
        unmirrored,
        ..
    } = workspace;
    let reaches = route.reaches.as_slice();
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
        starts,
        route,
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
            copy,
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
        moved
    };
    let view = (
        (ParticlesMut::of(particles), copy.map(ParticlesMut::of)),
        (
            (per_block(tiles), per_block(&mut route.reaches)),
            (starts.view(), route.visits.view()),
        ),
    );
    for_each_block(&order.blocks, view, &advance, &Moved::merge).unwrap_or_default()
}

#[cfg(test)]
mod tests;
