//! Liquids keep their volume: at the start of each frame the volume ratios of their particles
//! come closer to the space that the particles take.
//!
//! A volume ratio is a product of increments, `J <- J (1 + dt tr C)`, and nothing ties it to where
//! the particles are: over thousands of substeps it forgets (the particles of a liquid come to lie
//! denser than `J` says, so that its volume shrinks). The density on the grid does not forget, but
//! is too low at a free surface, as all sums over kernels are; so it is believed only where the
//! liquid fills the space around a particle.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;
use rayon::prelude::*;

use crate::{
    grid::{Lattice, Stencil, layout::PADDING},
    particle::{Motion, Order, Particles},
    world::World,
};

/// Filling (1) from which on a particle counts as inside the liquid, entirely from 1 on.
const SURFACE: f64 = 0.9;

/// Particles that one task works on at least.
const GRAIN: usize = 1024;

/// Share of the mismatch that is corrected at the start of a frame; `None` if nothing is.
fn share<T: Real>(world: &World<T>, step: usize) -> Option<T> {
    let due = step.is_multiple_of(world.clock.substeps) && !world.liquids.is_empty();
    (due && world.volume_rate > T::zero()).then(|| {
        let frame = world.clock.dt * T::of(world.clock.substeps as f64);
        T::one() - (-world.volume_rate * frame).exp()
    })
}

/// `(phi - 1) s` and its slope, where `s` rises smoothly from 0 at [`SURFACE`] to 1 at 1.
fn mismatch<T: Real>(filling: T) -> (T, T) {
    let (one, width) = (T::one(), T::of(1.0 - SURFACE));
    let (excess, at) = (filling - one, (filling - T::of(SURFACE)) / width);
    if at <= T::zero() {
        (T::zero(), T::zero())
    } else if at >= one {
        (excess, one)
    } else {
        let smooth = at * at * (T::of(3.0) - at - at);
        let slope = T::of(6.0) * at * (one - at) / width;
        (excess * smooth, smooth + excess * slope)
    }
}

/// A number at each node of the lattice.
struct Nodes<'a, T: Real> {
    lattice: &'a Lattice<T>,
    values: Vec<T>,
}

impl<'a, T: Real> Nodes<'a, T> {
    fn zeros(lattice: &'a Lattice<T>) -> Self {
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
    fn scatter(&mut self, stencil: &Stencil<T>, value: T) {
        for_each_node(stencil, |node, weight, _| {
            let index = self.index(node);
            self.values[index] += weight * value;
        });
    }

    /// Sum of the values by the weights of a stencil.
    fn gather(&self, stencil: &Stencil<T>) -> T {
        let mut sum = T::zero();
        for_each_node(stencil, |node, weight, _| {
            sum += weight * self.values[self.index(node)];
        });
        sum
    }

    /// Its derivative with respect to the position.
    fn slope(&self, stencil: &Stencil<T>) -> Vector3<T> {
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
fn inside<T: Real>(lattice: &Lattice<T>, axis: usize, node: usize) -> T {
    let beyond = node.min(lattice.nodes[axis] - 1 - node);
    T::of(match beyond {
        _ if beyond + 1 < PADDING => 0.0,
        _ if beyond + 1 == PADDING => 1.0 / 48.0,
        _ if beyond == PADDING => 0.5,
        _ if beyond == PADDING + 1 => 47.0 / 48.0,
        _ => 1.0,
    })
}

/// Space around a particle that lies in the domain (m^3), and its derivative: a product over
/// the axes, because walls are planes.
fn space<T: Real>(lattice: &Lattice<T>, stencil: &Stencil<T>) -> (T, Vector3<T>) {
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
fn born(order: &Order) -> Range<usize> {
    0..order.blocks.last().map_or(0, |block| block.liquid.end)
}

/// Volume that the liquid particles say they have, on the nodes (m^3).
fn claimed<'a, T: Real>(
    world: &'a World<T>,
    order: &Order,
    motions: &[Motion<T>],
    ratios: &[T],
) -> Nodes<'a, T> {
    let mut nodes = Nodes::zeros(&world.lattice);
    let particles = motions.iter().zip(ratios).zip(&order.liquid.bodies);
    for ((motion, &j), &body) in particles {
        let volume = j * world.liquids[usize::from(body)].volume;
        nodes.scatter(&Stencil::at(&world.lattice, &motion.x()), volume);
    }
    nodes
}

/// Corrects the volume ratios of the liquid particles where substep `step` starts a frame.
///
/// With the volume that all liquid claims on the nodes, `V_i = sum_p w_ip J_p V_p`, and the space
/// that the nodes have in the domain, `S_i`, the filling at a particle is
/// `phi = sum_i w_ip V_i / sum_i w_ip S_i`: above 1, its particles claim more than there is. Then
/// `J <- J (1 - a (phi - 1) s(phi))` with the share `a = 1 - exp(-rate T)` of a frame of duration T
/// and `s`, 0 where `phi` is at most `SURFACE` and 1 where it is 1.
pub fn keep_volume<T: Real>(
    world: &World<T>,
    step: usize,
    order: &Order,
    particles: &mut Particles<T>,
) {
    let Some(share) = share(world, step) else {
        return;
    };
    let born = born(order);
    let motions = &particles.liquid.motion[born.clone()];
    let ratios = &mut particles.liquid.strain[born];
    let nodes = claimed(world, order, motions, ratios);
    let each = ratios.par_iter_mut().zip(motions);
    each.with_min_len(GRAIN).for_each(|(j, motion)| {
        let stencil = Stencil::at(&world.lattice, &motion.x());
        let filling = nodes.gather(&stencil) / space(&world.lattice, &stencil).0;
        *j *= T::one() - share * mismatch(filling).0;
    });
}

/// Cotangents of [`keep_volume`] from the volume ratios before it, `ratios`; positions are
/// those of `motions`.
pub fn keep_volume_vjp<T: Real>(
    world: &World<T>,
    step: usize,
    order: &Order,
    motions: &[Motion<T>],
    ratios: &[T],
    bars: &mut Particles<T>,
) {
    let Some(share) = share(world, step) else {
        return;
    };
    let born = born(order);
    let (motions, ratios) = (&motions[born.clone()], &ratios[born.clone()]);
    let nodes = claimed(world, order, motions, ratios);
    let mut node_bars = Nodes::zeros(&world.lattice);
    let bars = &mut bars.liquid;
    let (motion_bars, ratio_bars) = (&mut bars.motion[born.clone()], &mut bars.strain[born]);
    let each = motions.iter().zip(ratios);
    for ((motion, &j), (bar, j_bar)) in each.zip(motion_bars.iter_mut().zip(ratio_bars.iter_mut()))
    {
        let stencil = Stencil::at(&world.lattice, &motion.x());
        let (space, space_slope) = space(&world.lattice, &stencil);
        let filling = nodes.gather(&stencil) / space;
        let (mismatch, slope) = mismatch(filling);
        let filling_bar = -*j_bar * j * share * slope;
        *j_bar *= T::one() - share * mismatch;
        let claimed_bar = filling_bar / space;
        node_bars.scatter(&stencil, claimed_bar);
        bar.add_x(&((nodes.slope(&stencil) - space_slope * filling) * claimed_bar));
    }
    let each = motions.par_iter().zip(ratios).zip(&order.liquid.bodies);
    let bars = motion_bars.par_iter_mut().zip(ratio_bars);
    each.zip(bars)
        .with_min_len(GRAIN)
        .for_each(|(((motion, &j), &body), (bar, j_bar))| {
            let volume = world.liquids[usize::from(body)].volume;
            let stencil = Stencil::at(&world.lattice, &motion.x());
            *j_bar += node_bars.gather(&stencil) * volume;
            bar.add_x(&(node_bars.slope(&stencil) * (j * volume)));
        });
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::testing::noise, contact::ContactLaw, rollout::State,
        transfer::grid_update::tests::world as corner,
    };

    /// Two particles an edge of a cell fill the cells `0..7`, `0..7`, `0..8` of a corner, moved
    /// by up to `jitter` cells; claims of `1 + change`.
    fn state(jitter: f64, change: f64) -> (World<f64>, State<f64>) {
        let mut world = corner(ContactLaw::Slip, false);
        world.volume_rate = 20.0;
        let spacing = 0.5 * world.lattice.dx;
        let mut particles = Particles::zeros(0, 0);
        for i in 0..14 {
            for j in 0..14 {
                for k in 0..16 {
                    let at = Vector3::new(i as f64 + 0.5, j as f64 + 0.5, k as f64 + 0.5);
                    let seed = (i * 14 + j) * 16 + k;
                    let x = world.lattice.min() + (at + noise(seed) * jitter) * spacing;
                    particles.liquid.push(x, Vector3::zeros());
                }
            }
        }
        for (number, j) in particles.liquid.strain.iter_mut().enumerate() {
            *j = 1.0 + change + 0.3 * jitter * noise(number as u32 + 9000).x;
        }
        let body = &mut world.liquids[0];
        (body.range, body.volume) = (0..particles.liquid.len(), spacing.powi(3));
        let mut state = State::new(&world, particles);
        state.settle(&world, 0).unwrap();
        (world, state)
    }

    #[test]
    fn a_liquid_that_fills_its_space_is_left_alone_and_one_that_claims_more_is_not() {
        let mut exact = 0;
        for change in [0.0, 0.2] {
            let (world, mut state) = state(0.0, change);
            keep_volume(&world, 0, &state.order, &mut state.particles);
            let share = 1.0 - (-20.0 * world.clock.dt * world.clock.substeps as f64).exp();
            for (motion, j) in state
                .particles
                .liquid
                .motion
                .iter()
                .zip(&state.particles.liquid.strain)
            {
                // At walls a lattice of particles misses half a percent of the integral of a node
                // along each axis; at free surfaces nothing is corrected.
                let free = world.lattice.min() + Vector3::new(0.7, 0.7, 9.0);
                let depth = (free - motion.x()).min();
                if depth > 3.0 * world.lattice.dx {
                    let expected = (1.0 + change) * (1.0 - share * change);
                    let (x, [min, max]) = (motion.x(), [world.lattice.min(), world.lattice.max()]);
                    let wall = (x - min).min().min((max - x).z);
                    let inner = wall > 2.5 * world.lattice.dx;
                    let tolerance = if inner { 1e-12 } else { 0.03 * share };
                    exact += usize::from(inner);
                    assert!((j - expected).abs() <= tolerance, "{} {j}", motion.x());
                }
            }
        }
        assert!(exact > 100);
    }

    #[test]
    fn nothing_is_corrected_within_a_frame_or_without_a_rate() {
        let (mut world, mut state) = state(0.2, 0.1);
        world.clock.substeps = 10;
        let before = state.particles.clone();
        keep_volume(&world, 3, &state.order, &mut state.particles);
        assert_eq!(state.particles, before);
        world.volume_rate = 0.0;
        keep_volume(&world, 0, &state.order, &mut state.particles);
        assert_eq!(state.particles, before);
    }

    #[test]
    fn vjp_is_the_transpose() {
        let (world, state) = state(0.6, 0.02);
        let before = &state.particles.liquid;
        let count = before.len();
        let weights: Vec<f64> = (0..count).map(|p| noise(p as u32 + 70_000).x).collect();
        let mut bars = Particles::zeros(count, 0);
        bars.liquid.strain.clone_from(&weights);
        let (motions, ratios) = (&before.motion, &before.strain);
        keep_volume_vjp(&world, 0, &state.order, motions, ratios, &mut bars);
        let dual = world.cast::<Dual64>();
        for of_x in [true, false] {
            let mut lifted: Particles<Dual64> = state.particles.cast();
            let mut backward = 0.0;
            for slot in 0..count {
                let d = noise(slot as u32 + 40_000);
                if of_x {
                    let x = before.motion[slot].x();
                    lifted.liquid.motion[slot].set_x(&x.zip_map(&d, Dual64::new));
                    backward += bars.liquid.motion[slot].x().dot(&d);
                } else {
                    lifted.liquid.strain[slot].eps = d.x;
                    backward += bars.liquid.strain[slot] * d.x;
                }
            }
            keep_volume(&dual, 0, &state.order, &mut lifted);
            let terms = lifted.liquid.strain.iter().zip(&weights);
            let terms: Vec<f64> = terms.map(|(j, weight)| j.eps * weight).collect();
            let forward: f64 = terms.iter().sum();
            let size: f64 = terms.iter().map(|term| term.abs()).sum();
            assert!(
                (forward - backward).abs() <= 1e-12 * size && size > 0.0,
                "{of_x} {forward} {backward}"
            );
        }
    }
}
