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
    grid::block::{BLOCK, BlockNodes, GridBlock, Tile},
    particle::{
        Order, Particles,
        split::{ParticlesMut, PerBlock, for_each_block},
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

/// Particles to grid and grid update: fills visits, momentum and velocity of the
/// workspace.
fn to_grid<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &Particles<T>,
    rigids: &mut [RigidState<T::Wide>],
    workspace: &mut Workspace<T>,
    grid: Grid,
) {
    workspace.fit(order);
    let Workspace {
        tiles,
        starts,
        visits,
        momentum,
        velocity,
        immersed,
        ..
    } = workspace;
    immersed.begin(world, &order.grid, rigids);
    let setting = Setting { world, order };
    let view = (
        PerBlock {
            items: tiles.as_mut_slice(),
            width: 1,
        },
        (starts.view(), visits.view()),
    );
    let fill = |block: &_, (tile, (starts, visits)): (PerBlock<'_, Tile<T>>, _)| {
        T::launch(blocks::ToTile {
            setting,
            particles,
            block,
            starts,
            visits,
            tile: (grid == Grid::Unknown).then_some(&mut tile.items[0]),
        });
    };
    for_each_block(&order.blocks, view, &fill, &|(), ()| ());
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

/// Advances `particles`, which lie in `order`, and the rigid bodies by one substep.
pub fn substep<T: Real>(
    world: &World<T>,
    scenery: &Scenery<'_, T>,
    order: &Order,
    particles: &mut Particles<T>,
    rigids: &mut [RigidState<T::Wide>],
    workspace: &mut Workspace<T>,
) -> Moved {
    let grid = Grid::Unknown;
    to_grid(world, scenery, order, particles, rigids, workspace, grid);
    if !rigids.is_empty() {
        workspace.immersed.finish(world, scenery, rigids);
    }
    let (visits, velocity) = (&workspace.visits, &workspace.velocity);
    let setting = Setting { world, order };
    let advance = |block: &_, particles| {
        T::launch(blocks::FromTile {
            setting,
            block,
            visits,
            velocity,
            particles,
        })
    };
    for_each_block(
        &order.blocks,
        ParticlesMut::of(particles),
        &advance,
        &Moved::merge,
    )
    .unwrap_or_default()
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
    let mut met = rigids.to_vec();
    to_grid(world, scenery, order, particles, &mut met, workspace, grid);
    if !rigids.is_empty() {
        let (grid, parameters) = (&mut rest.grid, &mut rest.rigids);
        let immersed = &mut workspace.immersed;
        immersed.finish_vjp(world, scenery, &met, rigid_bars, parameters, grid);
    }
    let Workspace {
        tiles,
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

    let (visits, velocity) = (&*visits, &*velocity);
    let pull = |block: &_, (bars, (tile, sums)): (_, (PerBlock<'_, Tile<T>>, PerBlock<'_, _>))| {
        T::launch(blocks::FromTileVjp {
            setting,
            particles,
            block,
            visits,
            velocity,
            bars,
            tile: &mut tile.items[0],
            body_bars: sums.items,
        });
    };
    let tile_view = PerBlock {
        items: tiles.as_mut_slice(),
        width: 1,
    };
    let sums = PerBlock {
        items: body_bars.as_mut_slice(),
        width: bodies,
    };
    let view = (ParticlesMut::of(bars), (tile_view, sums));
    for_each_block(&order.blocks, view, &pull, &|(), ()| ());

    node_bars.resize(order.grid.len(), [[T::zero(); 4]; BLOCK * BLOCK * BLOCK]);
    let (tiles, threshold) = (&*tiles, mass_threshold(world));
    let grid = NodesBar {
        world,
        scenery,
        tiles,
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
    let pull = |block: &_, (bars, sums): (ParticlesMut<'_, T>, PerBlock<'_, BodyBar<T>>)| {
        T::launch(blocks::ToTileVjp {
            setting,
            particles,
            block,
            visits,
            node_bars,
            bars,
            body_bars: sums.items,
        });
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
        substep(
            &world,
            &scenery(&world),
            &order,
            &mut particles,
            &mut [],
            &mut workspace,
        );
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
        substep(
            &world,
            &scenery(&world),
            &order,
            &mut after,
            &mut [],
            &mut workspace,
        );
        // Kept elsewhere while the workspace is used for other particles.
        let grid = workspace.grid().to_vec();
        let (mut others, elsewhere) = self::particles(&world, 2);
        substep(
            &world,
            &scenery(&world),
            &elsewhere,
            &mut others,
            &mut [],
            &mut workspace,
        );
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
    fn what_a_workspace_was_used_for_does_not_matter() {
        let world = world();
        let (before, order) = particles(&world, 1);
        let (mut others, elsewhere) = particles(&world, 2);
        let mut workspace = Workspace::default();
        let mut fresh = before.clone();
        let moved = substep(
            &world,
            &scenery(&world),
            &order,
            &mut fresh,
            &mut [],
            &mut workspace,
        );
        substep(
            &world,
            &scenery(&world),
            &elsewhere,
            &mut others,
            &mut [],
            &mut workspace,
        );
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
        let same = substep(
            &world,
            &scenery(&world),
            &order,
            &mut again,
            &mut [],
            &mut workspace,
        );
        assert_eq!((again, same), (fresh, moved));
    }
}
