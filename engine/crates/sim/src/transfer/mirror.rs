//! Mirrored walls: what lies beyond a wall moves as the image of what lies within.
//!
//! Particles next to a wall reach the nodes one cell beyond it. A wall that stops those nodes
//! leaves the interpolated velocity, and with it the rate of strain, wrong within a cell of the
//! wall. A mirrored wall stops the nodes in its plane alone; of the nodes one cell on either side
//! of it, the outer one moves as the image of the inner one, so that on the wall the
//! interpolated velocity vanishes: its normal component where matter slips, all of it where
//! matter sticks. That is the usual treatment of symmetry planes and of walls at rest by ghost
//! nodes (LeVeque 2002, "Finite volume methods for hyperbolic problems", chapter 7).
//!
//! Of all motions that are images of each other the nearest one is taken, in the norm of the
//! kinetic energy: with masses `m_k`, velocities `v_k` before and reflections `R_k` (the identity
//! for the node within), `v = sum_k m_k R_k v_k / sum_k m_k` and `v_k' = R_k v`. Near an edge of
//! the domain four nodes are images of each other, at a corner eight. What is lost of the
//! momentum is the impulse on the wall.

use arrayvec::ArrayVec;
use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    grid_update::mass_threshold,
    reaction::{Impulses, Wrench},
};
use crate::{
    contact::ContactLaw,
    grid::{
        block::{BLOCK, BlockNodes, GridBlock, Node},
        layout::PADDING,
    },
    particle::Order,
    world::World,
};

/// A node, and how its velocity is an image of that of the node within.
#[derive(Clone, Copy)]
struct Image<T> {
    /// Block of the grid and node of the block.
    place: [usize; 2],
    /// The node in the lattice.
    node: [usize; 3],
    /// The reflection, which is diagonal.
    sign: Vector3<T>,
}

/// The nodes with mass that are images of each other.
struct Images<T> {
    images: ArrayVec<Image<T>, 8>,
    /// The wall, axis and side, that takes what each component of the momentum loses.
    walls: [[usize; 2]; 3],
}

impl<T: Real> Images<T> {
    /// Mass of all (kg).
    fn mass(&self, momentum: &[BlockNodes<T>]) -> T {
        let masses = self.images.iter().map(|image| of(momentum, image)[3]);
        masses.fold(T::zero(), |sum, mass| sum + mass)
    }
}

fn of<T: Real>(nodes: &[BlockNodes<T>], image: &Image<T>) -> Node<T> {
    let [block, node] = image.place;
    nodes[block][node]
}

fn velocity_of<T: Real>([x, y, z, _]: Node<T>) -> Vector3<T> {
    Vector3::new(x, y, z)
}

/// Whether some wall is mirrored.
pub fn mirrored<T: Real>(world: &World<T>) -> bool {
    world.walls.as_flattened().iter().any(|wall| wall.mirror)
}

/// Where a node is as seen from the walls across an axis.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    /// Next to no mirrored wall, or in its plane.
    Else,
    /// One cell within of the mirrored wall on this side.
    Within(usize),
    /// Beyond a mirrored wall: an image.
    Beyond,
}

fn seen<T: Real>(world: &World<T>, axis: usize, at: usize) -> Seen {
    let last = world.lattice.nodes[axis] - 1 - PADDING;
    let mirrored = |side: usize| world.walls[axis][side].mirror;
    if at < PADDING && mirrored(0) || at > last && mirrored(1) {
        Seen::Beyond
    } else if at == PADDING + 1 && mirrored(0) {
        Seen::Within(0)
    } else if at + 1 == last && mirrored(1) {
        Seen::Within(1)
    } else {
        Seen::Else
    }
}

/// The sign of each component of a velocity in the image behind a wall.
fn reflection<T: Real>(world: &World<T>, axis: usize, side: usize) -> Vector3<T> {
    if world.walls[axis][side].law == ContactLaw::Sticky {
        return Vector3::repeat(-T::one());
    }
    let mut sign = Vector3::repeat(T::one());
    sign[axis] = -T::one();
    sign
}

/// The images of a node, which is the next one within of a wall on each axis with a side.
fn images_of<T: Real>(
    world: &World<T>,
    blocks: &[GridBlock],
    momentum: &[BlockNodes<T>],
    place: [usize; 2],
    node: [usize; 3],
    sides: [Option<usize>; 3],
    threshold: T,
) -> Images<T> {
    let mut images = ArrayVec::new();
    for across in 0..8_usize {
        let (mut node, mut sign) = (node, Vector3::repeat(T::one()));
        let crosses = |axis: usize| across >> axis & 1 == 1;
        if (0..3).any(|axis| crosses(axis) && sides[axis].is_none()) {
            continue;
        }
        for (axis, side) in sides.iter().enumerate() {
            if let (true, Some(side)) = (crosses(axis), *side) {
                node[axis] = if side == 0 {
                    node[axis] - 2
                } else {
                    node[axis] + 2
                };
                sign.component_mul_assign(&reflection(world, axis, side));
            }
        }
        let at = node.map(|at| (at / BLOCK) as i32);
        let block = if blocks[place[0]].at == at {
            place[0]
        } else if let Ok(block) = blocks.binary_search_by(|block| block.at.cmp(&at)) {
            block
        } else {
            continue;
        };
        let [x, y, z] = node.map(|at| at % BLOCK);
        let image = Image {
            place: [block, (x * BLOCK + y) * BLOCK + z],
            node,
            sign,
        };
        if of(momentum, &image)[3] > threshold {
            images.push(image);
        }
    }
    let near = |axis: usize| sides[axis].map(|side| [axis, side]);
    let sticks = |wall: &[usize; 2]| world.walls[wall[0]][wall[1]].law == ContactLaw::Sticky;
    let tangential = (0..3)
        .filter_map(near)
        .find(sticks)
        .or_else(|| (0..3).find_map(near));
    let walls = [0, 1, 2].map(|axis| near(axis).or(tangential).unwrap_or_default());
    Images { images, walls }
}

/// Hands over all images in a fixed order, blocks of the grid in theirs.
fn for_each<T: Real>(
    world: &World<T>,
    blocks: &[GridBlock],
    momentum: &[BlockNodes<T>],
    mut each: impl FnMut(&Images<T>),
) {
    let threshold = mass_threshold(world);
    for (index, block) in blocks.iter().enumerate() {
        let first = block.first_node();
        let seen: [[Seen; BLOCK]; 3] = std::array::from_fn(|axis| {
            std::array::from_fn(|at| seen(world, axis, first[axis] + at))
        });
        if seen.as_flattened().iter().all(|seen| *seen == Seen::Else) {
            continue;
        }
        for at in 0..BLOCK * BLOCK * BLOCK {
            let local = [at / (BLOCK * BLOCK), at / BLOCK % BLOCK, at % BLOCK];
            let seen = [0, 1, 2].map(|axis| seen[axis][local[axis]]);
            let sides = seen.map(|seen| match seen {
                Seen::Within(side) => Some(side),
                _ => None,
            });
            if sides.iter().any(Option::is_some) && !seen.contains(&Seen::Beyond) {
                let node = [0, 1, 2].map(|axis| first[axis] + local[axis]);
                let images =
                    images_of(world, blocks, momentum, [index, at], node, sides, threshold);
                if !images.images.is_empty() {
                    each(&images);
                }
            }
        }
    }
}

/// Makes the velocities on both sides of mirrored walls images of each other, in place;
/// `before` becomes what they were, in the order of the images.
pub fn mirror<T: Real>(
    world: &World<T>,
    order: &Order,
    momentum: &[BlockNodes<T>],
    velocity: &mut [BlockNodes<T>],
    before: &mut Vec<Vector3<T>>,
) {
    before.clear();
    if !mirrored(world) {
        return;
    }
    for_each(world, &order.grid, momentum, |images| {
        let share = T::one() / images.mass(momentum);
        let mut mean = Vector3::zeros();
        for image in &images.images {
            let v = velocity_of(of(velocity, image));
            before.push(v);
            mean += v.component_mul(&image.sign) * (of(momentum, image)[3] * share);
        }
        for image in &images.images {
            let [x, y, z] = mean.component_mul(&image.sign).into();
            let [block, node] = image.place;
            velocity[block][node] = [x, y, z, T::zero()];
        }
    });
}

/// Adjoint of [`mirror`], and of [`mirror_reactions`] if their cotangents are given: `bars`, the
/// cotangents of the velocities after it, become those before it, with what is to be added to
/// those of the masses in their last entry.
///
/// With `b = sum_k R_k v_k'_bar`: `v_k_bar = m_k / M R_k b`, `m_k_bar = (R_k v_k - v) . b / M`.
pub fn mirror_vjp<T: Real>(
    world: &World<T>,
    order: &Order,
    momentum: &[BlockNodes<T>],
    velocity: &[BlockNodes<T>],
    before: &[Vector3<T>],
    reaction: Option<&Impulses<T>>,
    bars: &mut [BlockNodes<T>],
) {
    if !mirrored(world) {
        return;
    }
    let mut rest = before;
    for_each(world, &order.grid, momentum, |images| {
        let (before, others) = rest.split_at(images.images.len());
        rest = others;
        let share = T::one() / images.mass(momentum);
        let impulse_bars: ArrayVec<Vector3<T>, 8> = images
            .images
            .iter()
            .map(|image| {
                reaction.map_or_else(Vector3::zeros, |bars| {
                    impulse_bar(world, images, image, bars)
                })
            })
            .collect();
        let mut sum = Vector3::zeros();
        for (image, impulse_bar) in images.images.iter().zip(&impulse_bars) {
            let bar = velocity_of(of(bars, image)) - impulse_bar * of(momentum, image)[3];
            sum += bar.component_mul(&image.sign);
        }
        for ((image, v), impulse_bar) in images.images.iter().zip(before).zip(&impulse_bars) {
            let mass = of(momentum, image)[3];
            let lost = v - velocity_of(of(velocity, image));
            let back = sum.component_mul(&image.sign) * share;
            let [x, y, z] = (back * mass + impulse_bar * mass).into();
            let mass_bar = lost.dot(&back) + lost.dot(impulse_bar);
            let [block, node] = image.place;
            bars[block][node] = [x, y, z, mass_bar];
        }
    });
}

/// Cotangent of the impulse that a node loses.
fn impulse_bar<T: Real>(
    world: &World<T>,
    images: &Images<T>,
    image: &Image<T>,
    bars: &Impulses<T>,
) -> Vector3<T> {
    let position = world.lattice.position(image.node);
    Vector3::from_fn(|component, _| {
        let [axis, side] = images.walls[component];
        let bar = &bars.walls[axis][side];
        (bar.force + bar.torque.cross(&position))[component]
    })
}

/// Adds the impulse on each mirrored wall, and its moment about the origin, to `sum`: a node of
/// mass `m` that [`mirror`] leaves `v'` of `v` gives `m (v - v')`. A component along the normal
/// of one of the walls that meet at the node goes to that wall, another one to one that holds
/// matter fast, if there is one.
pub fn mirror_reactions<T: Real>(
    world: &World<T>,
    order: &Order,
    momentum: &[BlockNodes<T>],
    velocity: &[BlockNodes<T>],
    before: &[Vector3<T>],
    sum: &mut Impulses<T::Wide>,
) {
    if !mirrored(world) {
        return;
    }
    let mut before = before.iter();
    for_each(world, &order.grid, momentum, |images| {
        for (image, v) in images.images.iter().zip(&mut before) {
            let lost = v - velocity_of(of(velocity, image));
            let lost = (lost * of(momentum, image)[3]).map(Real::widen);
            let position = world.lattice.position(image.node).map(Real::widen);
            for (component, [axis, side]) in images.walls.into_iter().enumerate() {
                let mut force = Vector3::zeros();
                force[component] = lost[component];
                let torque = position.cross(&force);
                sum.walls[axis][side].add(&Wrench { force, torque });
            }
        }
    });
}

#[cfg(test)]
mod tests;
