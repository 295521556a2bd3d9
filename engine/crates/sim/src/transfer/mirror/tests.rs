use num_dual::Dual64;

use super::{
    super::{grid_update::tests::world as corner, testing::*},
    *,
};
use crate::grid::{Lattice, block::NONE};

const NODES: usize = BLOCK * BLOCK * BLOCK;

/// A domain of so many cells an axis with walls of several laws, and all of its blocks.
fn setting(cells: usize) -> (World<f64>, Order) {
    let mut world = corner(ContactLaw::Slip, false);
    world.lattice = Lattice::over(Vector3::zeros(), [cells; 3], 0.1);
    world.walls[0][1].law = ContactLaw::Sticky;
    world.walls[1][0].law = ContactLaw::Sticky;
    world.walls[2][1].law = ContactLaw::Separating;
    world.mirror();
    let [x, y, z] = world.lattice.blocks().map(|count| count as i32);
    let at = (0..x * y * z).map(|at| [at / (y * z), at / z % y, at % z]);
    let order = Order {
        grid: at
            .map(|at| GridBlock {
                at,
                tiles: [NONE; 27],
            })
            .collect(),
        ..Order::default()
    };
    (world, order)
}

/// Cells an axis, such that a wall and its neighbours lie in one block or in two.
const CELLS: [usize; 4] = [8, 9, 10, 11];

fn random(order: &Order, seed: usize) -> Vec<BlockNodes<f64>> {
    let block = |at: usize| {
        std::array::from_fn(|node| {
            std::array::from_fn(|lane| noise(4 * (NODES * (at + 100 * seed) + node) + lane))
        })
    };
    (0..order.grid.len()).map(block).collect()
}

/// Masses, of which a fifth is nothing, in the last entries.
fn masses(order: &Order) -> Vec<BlockNodes<f64>> {
    let mut nodes = random(order, 1);
    for (at, node) in nodes.as_flattened_mut().iter_mut().enumerate() {
        node[3] = if noise(at + 77) < -0.6 {
            0.0
        } else {
            1.5 + node[3]
        };
    }
    nodes
}

/// Velocities, none where there is no mass.
fn velocities(momentum: &[BlockNodes<f64>], order: &Order) -> Vec<BlockNodes<f64>> {
    let mut nodes = random(order, 2);
    let masses = momentum.as_flattened();
    for (node, mass) in nodes.as_flattened_mut().iter_mut().zip(masses) {
        node[3] = 0.0;
        if mass[3] == 0.0 {
            *node = [0.0; 4];
        }
    }
    nodes
}

fn lift(value: &[BlockNodes<f64>], tangent: &[BlockNodes<f64>]) -> Vec<BlockNodes<Dual64>> {
    let pairs = value.iter().zip(tangent);
    pairs
        .map(|(value, tangent)| lift_nodes(value, tangent))
        .collect()
}

/// Directions in which nothing moves that has no mass.
fn direction(momentum: &[BlockNodes<f64>], order: &Order, seed: usize) -> Vec<BlockNodes<f64>> {
    let mut nodes = random(order, seed);
    let masses = momentum.as_flattened();
    for (node, mass) in nodes.as_flattened_mut().iter_mut().zip(masses) {
        if mass[3] == 0.0 {
            *node = [0.0; 4];
        }
    }
    nodes
}

#[test]
fn walls_that_hold_matter_are_mirrored_and_others_are_not() {
    let (world, _) = setting(8);
    let mirrored = world.walls.map(|sides| sides.map(|wall| wall.mirror));
    assert_eq!(mirrored, [[true; 2], [true; 2], [true, false]]);
    for cells in [1, 2] {
        let (world, _) = setting(cells);
        assert!(!super::mirrored(&world));
    }
}

#[test]
fn velocities_beyond_a_wall_are_images_and_nothing_else_is_changed() {
    for cells in CELLS {
        let (world, order) = setting(cells);
        let momentum = masses(&order);
        let start = velocities(&momentum, &order);
        let mut velocity = start.clone();
        mirror(&world, &order, &momentum, &mut velocity, &mut Vec::new());
        let place = |node: [usize; 3]| {
            let at = node.map(|at| (at / BLOCK) as i32);
            let block = order.grid.iter().position(|block| block.at == at);
            let [x, y, z] = node.map(|at| at % BLOCK);
            (block.unwrap(), (x * BLOCK + y) * BLOCK + z)
        };
        let last = cells + PADDING;
        let (mut images, mut others) = (0, 0);
        let nodes = world.lattice.nodes[0];
        for index in 0..nodes * nodes * nodes {
            let node = [
                index / (nodes * nodes),
                index / nodes % nodes,
                index % nodes,
            ];
            let (block, at) = place(node);
            // Nodes farther out are never reached.
            let reached = node.iter().all(|at| (PADDING - 1..=last + 1).contains(at));
            if momentum[block][at][3] == 0.0 || !reached {
                continue;
            }
            let mut near = false;
            for axis in 0..3 {
                for (side, [within, beyond]) in [[PADDING + 1, PADDING - 1], [last - 1, last + 1]]
                    .into_iter()
                    .enumerate()
                {
                    near |=
                        world.walls[axis][side].mirror && [within, beyond].contains(&node[axis]);
                    if node[axis] != within || !world.walls[axis][side].mirror {
                        continue;
                    }
                    let mut image = node;
                    image[axis] = beyond;
                    let (other_block, other) = place(image);
                    if momentum[other_block][other][3] == 0.0 {
                        continue;
                    }
                    let sign = reflection(&world, axis, side);
                    let v = velocity_of(velocity[block][at]).component_mul(&sign);
                    assert!((v - velocity_of(velocity[other_block][other])).norm() < 1e-14);
                    images += 1;
                }
            }
            if !near {
                assert_eq!(velocity[block][at], start[block][at]);
                others += 1;
            }
        }
        assert!(images > 100 && others > 100);
    }
}

#[test]
fn images_stay_and_no_energy_is_made() {
    let (world, order) = setting(9);
    let momentum = masses(&order);
    let energy = |velocity: &[BlockNodes<f64>]| -> f64 {
        let nodes = velocity.as_flattened().iter().zip(momentum.as_flattened());
        nodes
            .map(|(v, m)| m[3] * velocity_of(*v).norm_squared())
            .sum()
    };
    let mut velocity = velocities(&momentum, &order);
    let start = energy(&velocity);
    mirror(&world, &order, &momentum, &mut velocity, &mut Vec::new());
    let once = velocity.clone();
    assert!(energy(&once) < 0.9 * start);
    mirror(&world, &order, &momentum, &mut velocity, &mut Vec::new());
    for (once, twice) in once.as_flattened().iter().zip(velocity.as_flattened()) {
        assert!((velocity_of(*once) - velocity_of(*twice)).norm() < 1e-14);
    }
}

/// Mirrors, and what the walls get.
fn run<T: Real>(
    world: &World<T>,
    order: &Order,
    momentum: &[BlockNodes<T>],
    velocity: &mut [BlockNodes<T>],
) -> Impulses<T::Wide> {
    let (mut before, mut sum) = (Vec::new(), Impulses::zero(0));
    mirror(world, order, momentum, velocity, &mut before);
    mirror_reactions(world, order, momentum, velocity, &before, &mut sum);
    sum
}

#[test]
fn walls_get_the_momentum_that_matter_loses() {
    let (world, order) = setting(10);
    let momentum = masses(&order);
    let start = velocities(&momentum, &order);
    let mut velocity = start.clone();
    let given = run(&world, &order, &momentum, &mut velocity);
    let mut total = Wrench::zero();
    given
        .walls
        .as_flattened()
        .iter()
        .for_each(|wall| total.add(wall));
    // Along a wall that matter slips along nothing is lost.
    let slipping = given.walls[0][0].force;
    assert!(slipping.y.abs() < 1e-12 && slipping.x.abs() > 0.1);
    assert!(given.walls[1][0].force.z.abs() > 0.1);
    let (mut force, mut torque) = (Vector3::zeros(), Vector3::zeros());
    for (block, (start, after)) in start.iter().zip(&velocity).enumerate() {
        let first = order.grid[block].first_node();
        for (at, (start, after)) in start.iter().zip(after).enumerate() {
            let lost = velocity_of(*start) - velocity_of(*after);
            let lost = lost * momentum[block][at][3];
            let local = [at / 16, at / 4 % 4, at % 4];
            let node = [0, 1, 2].map(|axis| first[axis] + local[axis]);
            force += lost;
            torque += world.lattice.position(node).cross(&lost);
        }
    }
    assert!((total.force - force).norm() < 1e-11 && force.norm() > 1.0);
    assert!((total.torque - torque).norm() < 1e-11);
}

#[test]
fn vjp_is_the_transpose() {
    for cells in CELLS {
        let (world, order) = setting(cells);
        let momentum = masses(&order);
        let start = velocities(&momentum, &order);
        let weights = direction(&momentum, &order, 5);
        let wrench = |seed: usize| Wrench {
            force: vector(seed),
            torque: vector(seed + 1),
        };
        let mut felt = Impulses::zero(0);
        felt.walls = [10, 20, 30].map(|seed| [wrench(seed), wrench(seed + 4)]);
        for reaction in [None, Some(&felt)] {
            let (mut velocity, mut before) = (start.clone(), Vec::new());
            mirror(&world, &order, &momentum, &mut velocity, &mut before);
            let mut bars = weights.clone();
            bars.as_flattened_mut()
                .iter_mut()
                .for_each(|bar| bar[3] = 0.0);
            mirror_vjp(
                &world, &order, &momentum, &velocity, &before, reaction, &mut bars,
            );

            let dual = world.cast::<Dual64>();
            let moved = [3, 4].map(|seed| direction(&momentum, &order, seed));
            let mut pushed = lift(&start, &moved[0]);
            let given = run(&dual, &order, &lift(&momentum, &moved[1]), &mut pushed);
            let (mut forward, mut backward) = (0.0, 0.0);
            let nodes = pushed.as_flattened().iter().zip(weights.as_flattened());
            for (node, weight) in nodes {
                forward += (0..3)
                    .map(|lane| node[lane].eps * weight[lane])
                    .sum::<f64>();
            }
            if reaction.is_some() {
                let walls = given
                    .walls
                    .as_flattened()
                    .iter()
                    .zip(felt.walls.as_flattened());
                for (given, weight) in walls {
                    forward += given.force.map(|entry| entry.eps).dot(&weight.force);
                    forward += given.torque.map(|entry| entry.eps).dot(&weight.torque);
                }
            }
            let all = moved.each_ref().map(|nodes| nodes.as_flattened());
            for (bar, (v, mass)) in bars.as_flattened().iter().zip(all[0].iter().zip(all[1])) {
                backward += (0..3).map(|lane| bar[lane] * v[lane]).sum::<f64>();
                backward += bar[3] * mass[3];
            }
            assert!((forward - backward).abs() < 1e-10, "{forward} {backward}");
            assert!(forward.abs() > 1e-3, "{forward}");
        }
    }
}
