//! What losses read: positions at the end of a frame, in canonical order.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::State;
use crate::{
    grid::Lattice,
    loss::{BodyFrame, BodyFrameBar, Frame, FrameBar, Reactions},
    material::Strain,
    particle::{Cloud, Particles, order::Slots},
    rigid::RigidBar,
    tool::injector::Matter,
    world::{Body, World},
};

/// What a run is judged by: a sum of losses over frames.
pub trait Criterion<W: Real> {
    /// Whether the state at the end of `frame` counts.
    fn reads(&self, frame: usize) -> bool;

    /// Whether what the tools do in `frame` counts; where the state does, they are read too.
    fn reads_tools(&self, _frame: usize) -> bool {
        false
    }

    /// Whether forces on walls, colliders and tools count in any frame.
    fn reads_reactions(&self) -> bool {
        false
    }

    /// What the state at the end of a frame adds to the loss.
    fn value(&self, frame: &Frame<W>) -> W;

    /// Adds the cotangents of [`Criterion::value`].
    fn value_vjp(&self, frame: &Frame<W>, bars: &mut FrameBar<W>);
}

fn widen<T: Real>(v: &Vector3<T>) -> Vector3<T::Wide> {
    v.map(Real::widen)
}

fn body_frames<T: Real, L, S>(
    bodies: &[Body<T, L>],
    born: impl Fn(usize) -> Range<usize>,
    slots: &Slots,
    cloud: &Cloud<T, S>,
    taken: &[u16],
) -> Vec<BodyFrame<T::Wide>> {
    let slot_of = slots.slot_of();
    let read = |(index, body): (usize, &Body<T, L>)| BodyFrame {
        mass: body.density.widen() * body.volume.widen(),
        x: slot_of[born(index)]
            .iter()
            .map(|&slot| widen(&cloud.motion[slot as usize].x()))
            .collect(),
        taken: taken.get(born(index)).unwrap_or_default().to_vec(),
    };
    bodies.iter().enumerate().map(read).collect()
}

fn widen_lattice<T: Real>(lattice: &Lattice<T>) -> Lattice<T::Wide> {
    Lattice {
        origin: widen(&lattice.origin),
        dx: lattice.dx.widen(),
        nodes: lattice.nodes,
    }
}

/// A frame in which neither matter nor tools are read.
pub(super) fn read_grid<T: Real>(world: &World<T>, index: usize) -> Frame<T::Wide> {
    Frame {
        index,
        lattice: widen_lattice(&world.lattice),
        bodies: Vec::new(),
        rigids: Vec::new(),
        tools: Vec::new(),
        reactions: Reactions::zero(world.colliders.len(), world.tools.len()),
    }
}

/// Reads a state at the end of frame `index`; bodies are the liquid ones, then the solid
/// ones, with the particles that are born by then. Tools are read by [`Rollout::read`](super::forward::Rollout::read).
pub fn read_frame<T: Real>(world: &World<T>, state: &State<T>, index: usize) -> Frame<T::Wide> {
    let (particles, order) = (&state.particles, &state.order);
    let liquid = |body| world.born(Matter::Liquid(body), index);
    let solid = |body| world.born(Matter::Solid(body), index);
    let (liquids, taken) = (&world.liquids, &state.taken);
    let cloud = &particles.liquid;
    let mut bodies = body_frames(liquids, liquid, &order.liquid, cloud, &taken.liquid);
    let (solids, cloud) = (&world.solids, &particles.solid);
    let solids = body_frames(solids, solid, &order.solid, cloud, &taken.solid);
    bodies.extend(solids);
    Frame {
        bodies,
        rigids: state.rigids.clone(),
        ..read_grid(world, index)
    }
}

fn add_bodies<T: Real, L, S: Strain<T>>(
    bodies: &[Body<T, L>],
    bars: &[BodyFrameBar<T::Wide>],
    slots: &Slots,
    cloud: &mut Cloud<T, S>,
    densities: &mut [f64],
) {
    let slot_of = slots.slot_of();
    for ((body, bar), density) in bodies.iter().zip(bars).zip(densities) {
        for (&slot, x) in slot_of[body.range.clone()].iter().zip(&bar.x) {
            cloud.motion[slot as usize].add_x(&x.map(T::narrow));
        }
        *density += bar.mass.to_f64() * body.volume.to_f64();
    }
}

/// Adds the cotangents of [`read_frame`]: to those of the particles, which lie in the
/// order of `state`, to those of the densities of the bodies and to those of the rigid bodies.
pub fn read_frame_vjp<T: Real>(
    world: &World<T>,
    state: &State<T>,
    bars: &FrameBar<T::Wide>,
    particles: &mut Particles<T>,
    densities: &mut [f64],
    rigids: &mut [RigidBar<T::Wide>],
) {
    for (sum, part) in rigids.iter_mut().zip(&bars.rigids) {
        *sum += *part;
    }
    let order = &state.order;
    let liquids = world.liquids.len();
    let (liquid_bars, solid_bars) = bars.bodies.split_at(liquids);
    let (liquid_densities, solid_densities) = densities.split_at_mut(liquids);
    let cloud = &mut particles.liquid;
    add_bodies(
        &world.liquids,
        liquid_bars,
        &order.liquid,
        cloud,
        liquid_densities,
    );
    let cloud = &mut particles.solid;
    add_bodies(
        &world.solids,
        solid_bars,
        &order.solid,
        cloud,
        solid_densities,
    );
}
