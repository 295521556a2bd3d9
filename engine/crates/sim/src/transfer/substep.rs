//! One substep and its adjoint: the stages in order, block by block in parallel.

use backflow_diff::Real;
use rayon::prelude::*;

use super::{
    blocks::{self, Setting},
    g2p::Moved,
    grid_update::{GridBar, Scenery, Site, constrain, free_velocity_vjp, mass_threshold},
    immersed::Immersed,
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
            grid: GridBar::zero(),
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
/// the workspace.
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
    if rigids.is_empty() {
        return;
    }
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
    let grid = NodesBar {
        world,
        scenery,
        tiles,
        reaches,
        threshold,
        reaction: rest.reaction.as_ref(),
        immersed,
    };
    let grid_bar = grid.pull(0, &order.grid, momentum, node_bars);
    rest.grid.add(&grid_bar, scenery.len());
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

/// The grid's part of the adjoint.
struct NodesBar<'a, T: Real> {
    world: &'a World<T>,
    scenery: &'a Scenery<'a, T>,
    tiles: &'a [Tile<T>],
    reaches: &'a [Reach],
    threshold: T,
    /// Cotangents of what walls and colliders took.
    reaction: Option<&'a Impulses<T>>,
    immersed: &'a Immersed<T>,
}

impl<T: Real> NodesBar<'_, T> {
    /// Fills `bars` with the cotangents of momentum and mass, or near a rigid body with those
    /// of the velocities that it leaves; the rest is summed in an order that depends on the
    /// number of blocks alone. The first block is the grid's block `first`.
    fn pull(
        &self,
        first: usize,
        blocks: &[GridBlock],
        momentum: &[BlockNodes<T>],
        bars: &mut [BlockNodes<T>],
    ) -> GridBar<T> {
        if blocks.len() > GRAIN {
            let at = blocks.len() / 2;
            let (left, right) = bars.split_at_mut(at);
            let (mut sum, part) = rayon::join(
                || self.pull(first, &blocks[..at], &momentum[..at], left),
                || self.pull(first + at, &blocks[at..], &momentum[at..], right),
            );
            sum.add(&part, self.scenery.len());
            return sum;
        }
        let mut sum = GridBar::zero();
        for (at, ((block, momentum), bar)) in blocks.iter().zip(momentum).zip(bars).enumerate() {
            let site = &Site::new(self.world, self.scenery, block, self.threshold);
            T::launch(blocks::UpdateVjp {
                site,
                block,
                tiles: self.tiles,
                reaches: self.reaches,
                momentum,
                bars: bar,
                rest: &mut sum,
                met: self.immersed.met(first + at),
            });
            if let Some(bars) = self.reaction {
                let met = self.immersed.met(first + at);
                reaction_vjp(site, momentum, met, bars, bar, &mut sum);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use num_dual::Dual64;

    use super::{
        super::{
            grid_update::tests::world as corner,
            testing::{body, liquids, matrix, noise, solids, vector},
        },
        *,
    };
    use crate::{
        contact::{ContactLaw, place},
        material::{Deformation, Strain},
        particle::{Cloud, Motion},
        world::Body,
    };

    /// Particles of each kind: more than a loop of a transfer takes in some blocks, and
    /// blocks that hold one kind alone.
    const COUNT: usize = 120;

    /// A corner with a ball in it and bodies of every law.
    fn world() -> World<f64> {
        let mut world = corner(ContactLaw::Coulomb, false);
        world.clock.dt = 1e-3;
        let [viscous, slack] = liquids();
        let [neo_hookean, corotated, plastic, ..] = solids();
        let range = |part: usize| part * COUNT / 6..(part + 1) * COUNT / 6;
        let liquid = |law, parts: [usize; 2]| Body {
            range: range(parts[0]).start..range(parts[1]).end,
            ..body(law, 900.0)
        };
        world.liquids = vec![liquid(viscous, [0, 3]), liquid(slack, [4, 5])];
        let solid = |law, parts: [usize; 2]| Body {
            range: range(parts[0]).start..range(parts[1]).end,
            ..body(law, 1100.0)
        };
        world.solids = vec![
            solid(neo_hookean, [0, 1]),
            solid(corotated, [2, 4]),
            solid(plastic, [5, 5]),
        ];
        world
    }

    fn random_cloud<S: Strain<f64>>(seed: usize) -> Cloud<f64, S> {
        let mut cloud: Cloud<f64, S> = Cloud::zeros(COUNT);
        for slot in 0..COUNT {
            let seed = seed * 1000 + slot;
            cloud.motion[slot] = Motion::new(&vector(seed), &vector(seed + 400), &matrix(seed));
            for (index, entry) in cloud.strain[slot].components_mut().iter_mut().enumerate() {
                *entry = noise(seed * 10 + index + 5_000_000);
            }
        }
        cloud
    }

    /// Random numbers in the place of particles: a direction, or weights.
    fn random(seed: usize) -> Particles<f64> {
        Particles {
            liquid: random_cloud(seed),
            solid: random_cloud(seed + 1),
        }
    }

    /// Strained particles in motion all over the domain, in the order returned.
    fn particles(world: &World<f64>, seed: usize) -> (Particles<f64>, Order) {
        fn settle<S: Strain<f64>>(world: &World<f64>, cloud: &mut Cloud<f64, S>) {
            let (min, max) = (world.lattice.min(), world.lattice.max());
            for (motion, strain) in cloud.motion.iter_mut().zip(&mut cloud.strain) {
                let part = motion.x() * 0.45 + Vector3::repeat(0.5);
                motion.set_x(&(min + (max - min).component_mul(&part)));
                let random = *strain;
                *strain = S::undeformed();
                let entries = strain.components_mut().iter_mut();
                for (entry, noise) in entries.zip(random.components()) {
                    *entry += 0.05 * noise;
                }
            }
        }
        let mut particles = random(seed);
        settle(world, &mut particles.liquid);
        settle(world, &mut particles.solid);
        let order = Order::canonical(world).sorted(&world.lattice, &mut particles);
        assert!(order.blocks.len() > 20);
        (particles, order)
    }

    fn zip_clouds<S: Strain<f64>, D: Strain<Dual64>>(
        value: &Cloud<f64, S>,
        tangent: &Cloud<f64, S>,
    ) -> Cloud<Dual64, D> {
        let mut lifted: Cloud<Dual64, D> = Cloud::zeros(COUNT);
        for slot in 0..COUNT {
            let parts = value.motion[slot].lanes().iter();
            let parts = parts.zip(tangent.motion[slot].lanes());
            let entries = lifted.motion[slot].lanes_mut().iter_mut();
            for (entry, (value, tangent)) in entries.zip(parts) {
                *entry = Dual64::new(*value, *tangent);
            }
            let parts = value.strain[slot].components().iter();
            let parts = parts.zip(tangent.strain[slot].components());
            let entries = lifted.strain[slot].components_mut().iter_mut();
            for (entry, (value, tangent)) in entries.zip(parts) {
                *entry = Dual64::new(*value, *tangent);
            }
        }
        lifted
    }

    fn lift(value: &Particles<f64>, tangent: &Particles<f64>) -> Particles<Dual64> {
        Particles {
            liquid: zip_clouds(&value.liquid, &tangent.liquid),
            solid: zip_clouds::<Deformation<f64>, Deformation<Dual64>>(
                &value.solid,
                &tangent.solid,
            ),
        }
    }

    /// All numbers of particles.
    fn numbers<T: Real>(particles: &Particles<T>) -> Vec<T> {
        fn of<T: Real, S: Strain<T>>(cloud: &Cloud<T, S>) -> impl Iterator<Item = T> {
            let motion = cloud.motion.iter().flat_map(|motion| *motion.lanes());
            motion.chain(
                cloud
                    .strain
                    .iter()
                    .flat_map(|strain| strain.components().to_vec()),
            )
        }
        of(&particles.liquid).chain(of(&particles.solid)).collect()
    }

    /// `<a, b>` and the sum of the magnitudes of its terms.
    fn pairing(a: &[f64], b: &[f64]) -> [f64; 2] {
        let terms = || a.iter().zip(b).map(|(a, b)| a * b);
        [terms().sum(), terms().map(f64::abs).sum()]
    }

    fn scenery<T: Real>(world: &World<T>) -> Scenery<'_, T> {
        let placed = world.colliders.iter().map(|collider| place(collider, None));
        placed.collect()
    }

    /// One substep by itself.
    fn advance(
        world: &World<f64>,
        order: &Order,
        particles: &mut Particles<f64>,
        workspace: &mut Workspace<f64>,
    ) -> Moved {
        let (scenery, stride) = (scenery(world), Stride::default());
        substep(
            world,
            &scenery,
            order,
            particles,
            &mut [],
            workspace,
            stride,
            None,
        )
    }

    /// Pulls `bars` back through a substep from `particles`.
    fn pull(
        world: &World<f64>,
        order: &Order,
        particles: &Particles<f64>,
        bars: &mut Particles<f64>,
        workspace: &mut Workspace<f64>,
        grid: Grid,
    ) -> SubstepBar<f64> {
        let mut rest = SubstepBar::zero(world);
        let scenery = scenery(world);
        substep_vjp(
            world,
            &scenery,
            order,
            particles,
            bars,
            &[],
            &mut [],
            workspace,
            grid,
            &mut rest,
        );
        rest
    }

    #[test]
    fn vjp_is_the_transpose_in_all_that_a_substep_reads() {
        let world = world();
        let (particles, order) = particles(&world, 1);
        let (direction, weights) = (random(10), random(20));
        let mut bars = weights.clone();
        let workspace = &mut Workspace::default();
        let rest = pull(
            &world,
            &order,
            &particles,
            &mut bars,
            workspace,
            Grid::Unknown,
        );
        let weights = numbers(&weights);
        let push = |world: &World<Dual64>, direction: &Particles<f64>| {
            let mut after = lift(&particles, direction);
            let workspace = &mut Workspace::default();
            substep(
                world,
                &scenery(world),
                &order,
                &mut after,
                &mut [],
                workspace,
                Stride::default(),
                None,
            );
            let tangents: Vec<f64> = numbers(&after).iter().map(|entry| entry.eps).collect();
            pairing(&tangents, &weights)
        };
        let dual = world.cast::<Dual64>();
        let assert_near = |[forward, scale]: [f64; 2], backward: f64, what: &str| {
            // Round-off of sums of terms of this size.
            let error = (forward - backward).abs();
            assert!(error <= 1e-12 * scale, "{what}: {forward} {backward}");
            assert!(scale > 0.0, "{what}");
        };
        let [backward, _] = pairing(&numbers(&direction), &numbers(&bars));
        assert_near(push(&dual, &direction), backward, "particles");

        let still = Particles::zeros(COUNT, COUNT);
        let mut moved = dual.clone();
        moved.gravity = world.gravity.zip_map(&vector(3), Dual64::new);
        let backward = rest.grid.gravity.dot(&vector(3));
        assert_near(push(&moved, &still), backward, "gravity");
        let mut moved = dual.clone();
        moved.colliders[0].friction.eps = 1.0;
        let backward = rest.grid.colliders[0].friction;
        assert_near(push(&moved, &still), backward, "friction of the ball");
        for index in 0..rest.bodies.len() {
            let mut moved = dual.clone();
            match index.checked_sub(world.liquids.len()) {
                None => moved.liquids[index].density.eps = 1.0,
                Some(index) => moved.solids[index].density.eps = 1.0,
            }
            assert_near(push(&moved, &still), rest.bodies[index][0], "density");
        }
    }

    #[test]
    fn the_grid_holds_all_mass_and_momentum() {
        let world = world();
        let (mut particles, order) = particles(&world, 1);
        let mut expected = [0.0; 4];
        let liquids = order.liquid.bodies.iter().zip(&particles.liquid.motion);
        let solids = order.solid.bodies.iter().zip(&particles.solid.motion);
        let mass = |density: f64, volume: f64, motion: &Motion<f64>| {
            let mass = density * volume;
            let momentum = motion.v() * mass;
            [mass, momentum.x, momentum.y, momentum.z]
        };
        let liquids = liquids.map(|(&body, motion)| {
            let body = &world.liquids[usize::from(body)];
            mass(body.density, body.volume, motion)
        });
        let solids = solids.map(|(&body, motion)| {
            let body = &world.solids[usize::from(body)];
            mass(body.density, body.volume, motion)
        });
        for part in liquids.chain(solids) {
            for (sum, part) in expected.iter_mut().zip(part) {
                *sum += part;
            }
        }
        let mut workspace = Workspace::default();
        advance(&world, &order, &mut particles, &mut workspace);
        let mass_of_all = expected[0];
        for (found, expected) in workspace.grid_totals().iter().zip(expected) {
            // Velocities are of size 1 m/s, and what stresses add is no larger.
            assert!((found - expected).abs() <= 1e-13 * mass_of_all);
        }
    }

    #[test]
    fn a_grid_that_is_known_gives_the_same_bits() {
        let world = world();
        let (particles, order) = particles(&world, 1);
        let workspace = &mut Workspace::default();
        let mut unknown = random(20);
        let rest = pull(
            &world,
            &order,
            &particles,
            &mut unknown,
            workspace,
            Grid::Unknown,
        );

        let mut after = particles.clone();
        let mut workspace = Workspace::default();
        advance(&world, &order, &mut after, &mut workspace);
        // Kept elsewhere while the workspace is used for other particles.
        let grid = workspace.grid().to_vec();
        let (mut others, elsewhere) = self::particles(&world, 2);
        advance(&world, &elsewhere, &mut others, &mut workspace);
        workspace.set_grid(&grid);
        let mut known = random(20);
        let same = pull(
            &world,
            &order,
            &particles,
            &mut known,
            &mut workspace,
            Grid::Known,
        );
        assert_eq!(known, unknown);
        assert_eq!(same.bodies, rest.bodies);
        assert_eq!(same.grid.gravity, rest.grid.gravity);
        assert_eq!(same.grid.walls, rest.grid.walls);
    }

    #[test]
    fn substeps_in_one_stride_give_the_same_bits() {
        let world = world();
        let (mut apart, order) = particles(&world, 1);
        let mut together = apart.clone();
        let (mut workspace, mut workspaces) = (Workspace::default(), Workspace::default());
        let mut copy = random(3);
        // The last of them need not go on.
        for (begun, onward) in [(false, true), (true, true), (true, false)] {
            let moved = substep(
                &world,
                &scenery(&world),
                &order,
                &mut together,
                &mut [],
                &mut workspace,
                Stride { begun, onward },
                Some(&mut copy),
            );
            let same = advance(&world, &order, &mut apart, &mut workspaces);
            assert_eq!((&together, moved), (&apart, same));
            assert_eq!(copy, together);
            assert_eq!(workspace.grid(), workspaces.grid());
        }
    }

    #[test]
    fn what_a_workspace_was_used_for_does_not_matter() {
        let world = world();
        let (before, order) = particles(&world, 1);
        let (mut others, elsewhere) = particles(&world, 2);
        let mut workspace = Workspace::default();
        let mut fresh = before.clone();
        let moved = advance(&world, &order, &mut fresh, &mut workspace);
        advance(&world, &elsewhere, &mut others, &mut workspace);
        let mut bars = random(20);
        pull(
            &world,
            &elsewhere,
            &others,
            &mut bars,
            &mut workspace,
            Grid::Unknown,
        );
        let mut again = before.clone();
        let same = advance(&world, &order, &mut again, &mut workspace);
        assert_eq!((again, same), (fresh, moved));
    }
}
