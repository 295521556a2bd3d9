//! How full the space around particles is, by sums over the nodes of the grid.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;
use rayon::prelude::*;

use crate::{
    grid::{Lattice, Stencil, layout::PADDING},
    particle::{Motion, Order},
    world::World,
};

/// A number at each node of the lattice.
#[derive(Clone)]
pub(super) struct Nodes<'a, T: Real> {
    lattice: &'a Lattice<T>,
    pub(super) values: Vec<T>,
}

impl<'a, T: Real> Nodes<'a, T> {
    pub(super) fn zeros(lattice: &'a Lattice<T>) -> Self {
        let count = lattice.nodes.iter().product();
        Self {
            lattice,
            values: vec![T::zero(); count],
        }
    }

    fn index(&self, node: [usize; 3]) -> usize {
        let nodes = &self.lattice.nodes;
        (node[0] * nodes[1] + node[1]) * nodes[2] + node[2]
    }

    /// Adds a value with the weights of a stencil.
    pub(super) fn scatter(&mut self, stencil: &Stencil<T>, value: T) {
        for_each_node(stencil, |node, weight, _| {
            let index = self.index(node);
            self.values[index] += weight * value;
        });
    }

    /// Sum of the values by the weights of a stencil.
    pub(super) fn gather(&self, stencil: &Stencil<T>) -> T {
        let mut sum = T::zero();
        for_each_node(stencil, |node, weight, _| {
            sum += weight * self.values[self.index(node)];
        });
        sum
    }

    /// Smoothed by (1, 2, 1) / 4 along each axis, which is its own transpose.
    pub(super) fn smoothed(mut self) -> Self {
        let [_, ny, nz] = self.lattice.nodes;
        let strides = [ny * nz, nz, 1];
        for (axis, stride) in strides.into_iter().enumerate() {
            let count = self.lattice.nodes[axis];
            let run = count * stride;
            self.values.par_chunks_mut(run).for_each(|values| {
                for start in 0..stride {
                    let mut before = T::zero();
                    for node in 0..count {
                        let at = start + node * stride;
                        let own = values[at];
                        let after = if node + 1 < count {
                            values[at + stride]
                        } else {
                            T::zero()
                        };
                        values[at] = T::of(0.25) * (before + own + own + after);
                        before = own;
                    }
                }
            });
        }
        self
    }

    /// Its derivative with respect to the position.
    pub(super) fn slope(&self, stencil: &Stencil<T>) -> Vector3<T> {
        let mut sum = Vector3::zeros();
        for_each_slope(self.lattice, stencil, |node, slope| {
            sum += slope * self.values[self.index(node)];
        });
        sum
    }
}

/// Shows each node of a stencil with its weight and its place in the stencil.
fn for_each_node<T: Real>(stencil: &Stencil<T>, mut see: impl FnMut([usize; 3], T, [usize; 3])) {
    for i in 0..3 {
        for j in 0..3 {
            for k in 0..3 {
                let at = [i, j, k];
                let node = std::array::from_fn(|axis| stencil.base[axis] as usize + at[axis]);
                let w = &stencil.weights;
                see(node, w[i].x * w[j].y * w[k].z, at);
            }
        }
    }
}

/// Shows each node of a stencil with the derivative of its weight (1/m).
fn for_each_slope<T: Real>(
    lattice: &Lattice<T>,
    stencil: &Stencil<T>,
    mut see: impl FnMut([usize; 3], Vector3<T>),
) {
    let (w, s) = (&stencil.weights, stencil.slopes(lattice.inverse_dx()));
    for_each_node(stencil, |node, _, [i, j, k]| {
        let slope = Vector3::new(
            s[i].x * w[j].y * w[k].z,
            w[i].x * s[j].y * w[k].z,
            w[i].x * w[j].y * s[k].z,
        );
        see(node, slope);
    });
}

/// Share of the spline of a node that lies in the domain, along one axis (1): the integrals
/// of the quadratic B-spline from 1, 0 and -1 cells on.
pub(super) fn inside<T: Real>(lattice: &Lattice<T>, axis: usize, node: usize) -> T {
    let beyond = node.min(lattice.nodes[axis] - 1 - node);
    T::of(match beyond {
        _ if beyond + 1 < PADDING => 0.0,
        _ if beyond + 1 == PADDING => 1.0 / 48.0,
        _ if beyond == PADDING => 0.5,
        _ if beyond == PADDING + 1 => 47.0 / 48.0,
        _ => 1.0,
    })
}

/// The same of the spline smoothed as [`Nodes::smoothed`] does.
pub(super) fn inside_smoothed<T: Real>(lattice: &Lattice<T>, axis: usize, node: usize) -> T {
    let own = inside::<T>(lattice, axis, node);
    let before = node
        .checked_sub(1)
        .map_or(T::zero(), |node| inside(lattice, axis, node));
    let after = if node + 1 < lattice.nodes[axis] {
        inside(lattice, axis, node + 1)
    } else {
        T::zero()
    };
    T::of(0.25) * (before + own + own + after)
}

/// Space around a particle that lies in the domain (m^3), and its derivative, for shares of the
/// splines in it: a product over the axes, because walls are planes.
fn space<T: Real>(
    lattice: &Lattice<T>,
    stencil: &Stencil<T>,
    inside: fn(&Lattice<T>, usize, usize) -> T,
) -> (T, Vector3<T>) {
    let slopes = stencil.slopes(lattice.inverse_dx());
    let [mut part, mut slope]: [Vector3<T>; 2] = [Vector3::zeros(); 2];
    for axis in 0..3 {
        for node in 0..3 {
            let inside = inside(lattice, axis, stencil.base[axis] as usize + node);
            part[axis] += stencil.weights[node][axis] * inside;
            slope[axis] += slopes[node][axis] * inside;
        }
    }
    let cell = lattice.dx * lattice.dx * lattice.dx;
    let others = Vector3::new(part.y * part.z, part.z * part.x, part.x * part.y);
    (
        part.x * part.y * part.z * cell,
        slope.component_mul(&others) * cell,
    )
}

/// Slots of the liquid particles that are born; those that wait lie behind all blocks.
pub(super) fn born(order: &Order) -> Range<usize> {
    0..order.blocks.last().map_or(0, |block| block.liquid.end)
}

/// Volume that the liquid particles have at rest, on the nodes (m^3).
pub(super) fn at_rest<'a, T: Real>(
    world: &'a World<T>,
    order: &Order,
    motions: &[Motion<T>],
) -> Nodes<'a, T> {
    let mut nodes = Nodes::zeros(&world.lattice);
    for (motion, &body) in motions.iter().zip(&order.liquid.bodies) {
        let volume = world.liquids[usize::from(body)].volume;
        nodes.scatter(&Stencil::at(&world.lattice, &motion.x()), volume);
    }
    nodes
}

/// How full the space around a particle is.
pub(super) struct Filling<T: Real> {
    /// Volume at rest over space (1).
    pub(super) filling: T,
    /// Its slope in the position (1/m).
    pub(super) slope: Vector3<T>,
    /// Space (m^3).
    pub(super) space: T,
}

impl<T: Real> Filling<T> {
    pub(super) fn at(
        volumes: &Nodes<T>,
        stencil: &Stencil<T>,
        inside: fn(&Lattice<T>, usize, usize) -> T,
    ) -> Self {
        let (space, space_slope) = space(volumes.lattice, stencil, inside);
        let filling = volumes.gather(stencil) / space;
        Self {
            filling,
            slope: (volumes.slope(stencil) - space_slope * filling) / space,
            space,
        }
    }
}
