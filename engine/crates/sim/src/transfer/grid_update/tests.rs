use backflow_diff::lanes::Portable;
use nalgebra::Matrix3;
use num_dual::Dual64;

use super::{super::testing::*, *};
use crate::{
    collider::{Shape, Sphere},
    contact::{Collider, ContactLaw, place},
    grid::{Lattice, block::NONE},
    material::{Liquid, Solid},
    pose::Pose,
    world::{Body, Clock, Wall},
};

const SMALL: usize = BLOCK * BLOCK * BLOCK;
pub(in crate::transfer) const LAWS: [ContactLaw; 4] = [
    ContactLaw::Sticky,
    ContactLaw::Slip,
    ContactLaw::Separating,
    ContactLaw::Coulomb,
];

/// A corner with a soft ball in it.
pub(crate) fn world(law: ContactLaw, locked: bool) -> World<f64> {
    World {
        lattice: Lattice::over(Vector3::zeros(), [8; 3], 0.1),
        clock: Clock {
            frames: 1,
            substeps: 1,
            dt: 0.01,
        },
        gravity: Vector3::new(0.3, -9.81, 0.2),
        volume_rate: 0.0,
        walls: [[Wall::new(law, 0.3); 2]; 3],
        locked: [false, false, locked],
        liquids: vec![Body {
            name: String::new(),
            law: Liquid {
                bulk_modulus: 1.0,
                viscosity: 0.0,
                exponent: 1.0,
                tension: true,
            },
            density: 1.0,
            volume: 1.0,
            gravity: None,
            range: 0..1,
        }],
        solids: Vec::<Body<f64, Solid<f64>>>::new(),
        activations: Vec::new(),
        forces: Vec::new(),
        colliders: vec![Collider {
            name: String::new(),
            shape: Shape::Sphere(Sphere { radius: 0.13 }),
            pose: Pose {
                position: Vector3::repeat(0.02),
                rotation: Matrix3::identity(),
            },
            law,
            friction: 0.4,
            width: 0.08,
            mount: None,
            stage: Stage::Grid,
        }],
        tools: Vec::new(),
        policies: Vec::new(),
        injectors: Vec::new(),
        collectors: Vec::new(),
        rigids: Vec::new(),
    }
}

/// Momentum and mass of nodes that move towards the corner; some are empty.
pub(in crate::transfer) fn momentum() -> BlockNodes<f64> {
    std::array::from_fn(|node| {
        let mass = if node % 7 == 3 {
            0.0
        } else {
            1.5 + noise(node)
        };
        let p = (vector(node) - Vector3::new(0.3, 0.6, 0.2)) * mass;
        [p.x, p.y, p.z, mass]
    })
}

fn random(seed: usize) -> BlockNodes<f64> {
    std::array::from_fn(|node| std::array::from_fn(|at| noise(seed + 4 * node + at)))
}

fn update<T: Real>(world: &World<T>, at: [i32; 3], momentum: &BlockNodes<T>) -> BlockNodes<T> {
    let scenery: Scenery<'_, T> = world
        .colliders
        .iter()
        .map(|collider| place(collider, None))
        .collect();
    let block = GridBlock {
        at,
        tiles: [NONE; 27],
    };
    let site = Site::new(world, &scenery, &block, mass_threshold(world));
    let mut velocity = [[T::one(); 4]; SMALL];
    grid_update::<T, Portable<T>>((), &site, momentum, &mut velocity);
    velocity
}

#[test]
fn vjp_is_the_transpose_for_every_law_at_walls_and_colliders() {
    for law in LAWS {
        for (at, locked) in [([0; 3], false), ([0, 1, 0], true), ([2, 0, 2], false)] {
            let world = world(law, locked);
            let scenery: Scenery<'_, f64> = world
                .colliders
                .iter()
                .map(|collider| place(collider, None))
                .collect();
            let block = GridBlock {
                at,
                tiles: [NONE; 27],
            };
            let site = Site::new(&world, &scenery, &block, mass_threshold(&world));
            let (momentum, direction) = (momentum(), random(900));
            let mut weights = random(5000);
            for node in &mut weights {
                // Velocities have three components.
                node[3] = 0.0;
            }
            let (mut bars, mut rest) = (weights, GridBar::zero(scenery.len()));
            grid_update_vjp(&site, &momentum, &mut bars, &mut rest);

            let push = |world: &World<Dual64>, direction: &BlockNodes<f64>| {
                let velocity = update(world, at, &lift_nodes(&momentum, direction));
                dot(&velocity.map(|node| node.map(|entry| entry.eps)), &weights)
            };
            let label = format!("{law:?} at {at:?}");
            let assert_near = |forward: f64, backward: f64, what: &str| {
                // Terms are of size 1 and there are some hundred.
                let error = (forward - backward).abs();
                assert!(error <= 1e-12 * (1.0 + forward.abs()), "{label}, {what}");
            };
            let (still, dual) = ([[0.0; 4]; SMALL], world.cast::<Dual64>());
            assert_near(push(&dual, &direction), dot(&direction, &bars), "nodes");
            let mut moved = dual.clone();
            moved.gravity = lift_vector(&world.gravity, &vector(3));
            assert_near(
                push(&moved, &still),
                rest.gravity.dot(&vector(3)),
                "gravity",
            );
            for axis in 0..3 {
                for side in 0..2 {
                    let mut moved = dual.clone();
                    moved.walls[axis][side].friction.eps = 1.0;
                    let backward = rest.walls[axis][side];
                    assert_near(push(&moved, &still), backward, "wall friction");
                }
            }
            let mut moved = dual.clone();
            moved.colliders[0].friction.eps = 1.0;
            let backward = rest.colliders[0].friction;
            assert_near(push(&moved, &still), backward, "collider friction");
        }
    }
}

#[test]
fn nodes_fall_freely_away_from_everything_and_empty_ones_stand_still() {
    let world = world(ContactLaw::Sticky, false);
    let momentum = momentum();
    // Nodes 4 to 7 of 12: away from the walls and the ball.
    let velocity = update(&world, [1; 3], &momentum);
    for ([x, y, z, mass], after) in momentum.into_iter().zip(velocity) {
        let expected = if mass == 0.0 {
            Vector3::zeros()
        } else {
            Vector3::new(x, y, z) / mass + world.gravity * world.clock.dt
        };
        let after = Vector3::new(after[0], after[1], after[2]);
        assert!((after - expected).norm() <= 1e-15 * 10.0);
    }
}

#[test]
fn a_locked_axis_does_not_move() {
    let velocity = update(&world(ContactLaw::Separating, true), [1; 3], &momentum());
    assert!(velocity.iter().all(|node| node[2] == 0.0));
    assert!(velocity.iter().any(|node| node[0] != 0.0 && node[1] != 0.0));
}

#[test]
fn nothing_crosses_the_planes_of_the_walls() {
    for law in LAWS {
        let mut world = world(law, false);
        world.colliders.clear();
        let last = world.lattice.nodes[0] - 1 - PADDING;
        for at in [0, 2] {
            let velocity = update(&world, [at; 3], &momentum());
            for (index, v) in velocity.iter().enumerate() {
                let local = [
                    index / (BLOCK * BLOCK),
                    index / BLOCK % BLOCK,
                    index % BLOCK,
                ];
                for axis in 0..3 {
                    let node = at as usize * BLOCK + local[axis];
                    assert!(node > PADDING || v[axis] >= 0.0, "{law:?}");
                    assert!(node < last || v[axis] <= 0.0, "{law:?}");
                }
            }
        }
    }
}

#[test]
fn a_node_counts_however_small_its_share_of_a_particle() {
    // Without it the velocities that particles read do not add up to those that
    // they gave: a corner node often has less than 1e-9 of a particle.
    let world = world(ContactLaw::Slip, false);
    let mut momentum = [[0.0; 4]; SMALL];
    let share = 1e-18;
    momentum[0] = [2.0 * share, 3.0 * share, -share, share];
    let [x, y, z, _] = update(&world, [1; 3], &momentum)[0];
    let expected = Vector3::new(2.0, 3.0, -1.0) + world.gravity * world.clock.dt;
    assert!((Vector3::new(x, y, z) - expected).norm() <= 1e-14);
}
