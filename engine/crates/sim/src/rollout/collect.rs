//! Particles that collectors take at the start of a frame.

use std::sync::Arc;

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};
use rayon::prelude::*;

use super::State;
use crate::{
    particle::{Motion, Order, Particles, order::Slots},
    pose::Pose,
    tool::{Collector, Frames, Mount},
    world::World,
};

/// Particles that one task works on at least.
const GRAIN: usize = 1024;

/// Which collector has taken each particle, by canonical index: its number counted from 1, or 0
/// for none. Both are empty where nothing is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Liquid particles.
    pub liquid: Vec<u16>,
    /// Solid particles.
    pub solid: Vec<u16>,
}

/// Whether the entry of a particle says that it is taken.
pub(crate) fn is_taken(of: &[u16], id: usize) -> bool {
    of.get(id).is_some_and(|&by| by != 0)
}

/// The collectors that take particles at the start of a frame, with their numbers and places.
fn open<'a, T: Real>(
    world: &'a World<T>,
    frames: &Frames<T>,
    frame: usize,
) -> Vec<(u16, &'a Collector<T>, Pose<T>)> {
    let collectors = world.collectors.iter().enumerate();
    let open =
        collectors.filter(|(_, collector)| collector.removes && collector.frames.contains(&frame));
    open.map(|(index, collector)| {
        let link = |mount: Mount| frames.get(mount.tool)?.get(mount.link);
        let pose = collector.mount.and_then(link).map(|(pose, _)| pose);
        (index as u16 + 1, collector, collector.placed(pose))
    })
    .collect()
}

/// Takes particles of one kind, whose bodies count from `first`: the canonical indices of those that
/// are, and the number of the collector.
fn take<T: Real>(
    open: &[(u16, &Collector<T>, Pose<T>)],
    waits: impl Fn(usize) -> bool + Sync,
    first: usize,
    slots: &Slots,
    motions: &mut [Motion<T>],
    taken: &[u16],
) -> Vec<(usize, u16)> {
    let each = motions.par_iter_mut().zip(&slots.ids).zip(&slots.bodies);
    let found = each
        .with_min_len(GRAIN)
        .filter_map(|((motion, &id), &body)| {
            let id = id as usize;
            if is_taken(taken, id) || waits(id) {
                return None;
            }
            let (x, body) = (motion.x(), first + usize::from(body));
            let by = open.iter().find(|(_, collector, pose)| {
                collector.of.get(body).is_some_and(|of| *of) && collector.holds(pose, &x)
            })?;
            motion.set_v(&Vector3::zeros());
            motion.set_c(&Matrix3::zeros());
            Some((id, by.0))
        });
    found.collect()
}

/// Lets the collectors take the particles inside them at the start of `frame`, when the tools are
/// at `frames`: they come to rest, and the state remembers who has them. A particle in several is
/// taken by the first.
pub fn collect<T: Real>(world: &World<T>, frames: &Frames<T>, frame: usize, state: &mut State<T>) {
    let open = open(world, frames, frame);
    if open.is_empty() {
        return;
    }
    let [liquids, solids] = world.waiting(frame);
    let particles = &mut state.particles;
    let waits = |id: usize| liquids.iter().any(|range| range.contains(&id));
    let liquid = take(
        &open,
        waits,
        0,
        &state.order.liquid,
        &mut particles.liquid.motion,
        &state.taken.liquid,
    );
    let waits = |id: usize| solids.iter().any(|range| range.contains(&id));
    let solid = take(
        &open,
        waits,
        world.liquids.len(),
        &state.order.solid,
        &mut particles.solid.motion,
        &state.taken.solid,
    );
    if liquid.is_empty() && solid.is_empty() {
        return;
    }
    let taken = Arc::make_mut(&mut state.taken);
    taken.liquid.resize(particles.liquid.len(), 0);
    taken.solid.resize(particles.solid.len(), 0);
    for (of, found) in [(&mut taken.liquid, liquid), (&mut taken.solid, solid)] {
        for (id, by) in found {
            of[id] = by;
        }
    }
}

/// Stops the cotangents of one kind.
fn stop<T: Real>(slots: &Slots, bars: &mut [Motion<T>], before: &[u16], after: &[u16]) {
    for (bar, &id) in bars.iter_mut().zip(&slots.ids) {
        let id = id as usize;
        if is_taken(after, id) && !is_taken(before, id) {
            bar.set_v(&Vector3::zeros());
            bar.set_c(&Matrix3::zeros());
        }
    }
}

/// Cotangents of [`collect`], which lie in `order`: what was taken between `before` and `after`
/// keeps those of its place alone.
pub fn collect_vjp<T: Real>(before: &Taken, after: &Taken, order: &Order, bars: &mut Particles<T>) {
    let motions = &mut bars.liquid.motion;
    stop(&order.liquid, motions, &before.liquid, &after.liquid);
    let motions = &mut bars.solid.motion;
    stop(&order.solid, motions, &before.solid, &after.solid);
}

#[cfg(test)]
mod tests;
