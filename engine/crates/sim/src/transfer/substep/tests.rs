use nalgebra::Vector3;
use num_dual::Dual64;

use super::{
    super::{
        grid_update::{GridBar, tests::world as corner},
        substep_vjp::{BackStride, SubstepBar, finish_vjp, substep_vjp},
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

/// The same with walls that are mirrored, where they can be.
fn mirrored_world() -> World<f64> {
    let mut world = world();
    let laws = [ContactLaw::Slip, ContactLaw::Sticky, ContactLaw::Coulomb];
    for (walls, law) in world.walls.iter_mut().zip(laws) {
        walls[0].law = law;
        walls[1].law = ContactLaw::Slip;
    }
    world.mirror();
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
        solid: zip_clouds::<Deformation<f64>, Deformation<Dual64>>(&value.solid, &tangent.solid),
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
        BackStride::default(),
        &mut rest,
    );
    rest
}

#[test]
fn vjp_is_the_transpose_in_all_that_a_substep_reads() {
    assert_transpose(&world());
}

#[test]
fn vjp_is_the_transpose_between_mirrored_walls() {
    assert_transpose(&mirrored_world());
}

fn assert_transpose(world: &World<f64>) {
    let (particles, order) = particles(world, 1);
    let (direction, weights) = (random(10), random(20));
    let mut bars = weights.clone();
    let workspace = &mut Workspace::default();
    let rest = pull(
        world,
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
    assert_same_if_known(&world());
    assert_same_if_known(&mirrored_world());
}

fn assert_same_if_known(world: &World<f64>) {
    let (particles, order) = particles(world, 1);
    let workspace = &mut Workspace::default();
    let mut unknown = random(20);
    let rest = pull(
        world,
        &order,
        &particles,
        &mut unknown,
        workspace,
        Grid::Unknown,
    );

    let mut after = particles.clone();
    let mut workspace = Workspace::default();
    advance(world, &order, &mut after, &mut workspace);
    // Kept elsewhere while the workspace is used for other particles.
    let grid = workspace.grid().to_vec();
    let (mut others, elsewhere) = self::particles(world, 2);
    advance(world, &elsewhere, &mut others, &mut workspace);
    workspace.set_grid(&grid);
    let mut known = random(20);
    let same = pull(
        world,
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
fn substeps_pulled_back_in_one_stride_give_the_same_bits() {
    for grid in [Grid::Unknown, Grid::Known, Grid::Routed] {
        assert_same_in_one_stride(&world(), grid);
    }
    assert_same_in_one_stride(&mirrored_world(), Grid::Routed);
}

/// Three substeps, of which as much as `grid` was kept.
fn assert_same_in_one_stride(world: &World<f64>, grid: Grid) {
    let (mut state, order) = particles(world, 1);
    let mut workspace = Workspace::default();
    let (mut states, mut grids, mut routes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        states.push(state.clone());
        advance(world, &order, &mut state, &mut workspace);
        grids.push(workspace.grid().to_vec());
        routes.push(workspace.route().clone());
    }
    let known = grid != Grid::Unknown;
    states.push(state);

    let (mut apart, mut bodies) = (random(20), SubstepBar::zero(world).bodies);
    let mut gravity = Vec::new();
    for step in (0..3).rev() {
        let before = &states[step];
        let rest = pull(
            world,
            &order,
            before,
            &mut apart,
            &mut workspace,
            Grid::Unknown,
        );
        for (sum, part) in bodies
            .iter_mut()
            .flatten()
            .zip(rest.bodies.iter().flatten())
        {
            *sum += part;
        }
        gravity.push(rest.grid.gravity);
    }

    let (mut together, mut rest) = (random(20), SubstepBar::zero(world));
    let (mut workspace, mut begun) = (Workspace::default(), false);
    for step in (0..3).rev() {
        let before = &states[step];
        // One of them cannot go on from the one before.
        let onward = step == 2;
        let stride = BackStride {
            after: Some(&states[step + 1]),
            begun: begun && known,
            onward,
        };
        if begun && !known {
            let after = &states[step + 1];
            finish_vjp(
                world,
                &order,
                after,
                &mut together,
                &mut workspace,
                &mut rest,
            );
        }
        workspace.set_grid(&grids[step]);
        if grid == Grid::Routed {
            workspace.set_route(&routes[step]);
        }
        rest.grid = GridBar::zero(world.colliders.len());
        substep_vjp(
            world,
            &scenery(world),
            &order,
            before,
            &mut together,
            &[],
            &mut [],
            &mut workspace,
            grid,
            stride,
            &mut rest,
        );
        begun = onward;
        assert_eq!(rest.grid.gravity, gravity[2 - step], "{step}");
    }
    assert_eq!(together, apart);
    assert_eq!(rest.bodies, bodies);
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
