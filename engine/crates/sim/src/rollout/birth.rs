//! Particles that come out of nozzles at the start of a frame.

use backflow_diff::Real;

use super::State;
use crate::{
    material::Strain,
    particle::{Cloud, Motion, Order, Particles, order::Slots},
    pose::{Pose, Twist},
    tool::{
        Frames, Injector,
        injector::{BirthBar, Matter},
    },
    transfer::hold::hold,
    world::World,
};

/// Slots of the particles of an injector that are born at the start of `frame`, with their
/// index in its body.
fn newborn<T: Real>(
    world: &World<T>,
    injector: &Injector<T>,
    slots: &Slots,
    frame: usize,
) -> Vec<(usize, usize)> {
    let born = injector.newborn(frame);
    let body = match injector.matter {
        Matter::Liquid(index) => world.liquids.get(index).map(|body| &body.range),
        Matter::Solid(index) => world.solids.get(index).map(|body| &body.range),
    };
    let Some(range) = body.filter(|_| !born.is_empty()) else {
        return Vec::new();
    };
    let ids = range.start + born.start..(range.start + born.end).min(range.end);
    let places = slots.ids.iter().enumerate();
    let mut found: Vec<_> = places
        .filter(|(_, id)| ids.contains(&(**id as usize)))
        .map(|(slot, &id)| (slot, id as usize - range.start))
        .collect();
    found.sort_unstable_by_key(|&(_, particle)| particle);
    found
}

fn slots<'a, T: Real>(order: &'a Order, injector: &Injector<T>) -> &'a Slots {
    match injector.matter {
        Matter::Liquid(_) => &order.liquid,
        Matter::Solid(_) => &order.solid,
    }
}

/// The frame that an injector moves with.
fn frame_of<'a, T: Real>(
    frames: &'a Frames<T>,
    injector: &Injector<T>,
) -> Option<(&'a Pose<T>, &'a Twist<T>)> {
    let mount = injector.mount?;
    let (pose, twist) = frames.get(mount.tool)?.get(mount.link)?;
    Some((pose, twist))
}

fn put<T: Real, S: Strain<T>>(cloud: &mut Cloud<T, S>, slot: usize, motion: Motion<T>) {
    cloud.motion[slot] = motion;
    cloud.strain[slot] = S::undeformed();
}

/// Lets out the particles that are born at the start of `frame`, when the tools are at
/// `frames`; says how many had to be kept in the domain. What they were before does not
/// matter.
pub fn give_birth<T: Real>(
    world: &World<T>,
    frames: &Frames<T>,
    frame: usize,
    duration: T,
    state: &mut State<T>,
) -> usize {
    let mut held = 0;
    for injector in &world.injectors {
        let on = frame_of(frames, injector);
        for (slot, particle) in newborn(world, injector, slots(&state.order, injector), frame) {
            let (x, mut v) = injector.birth(particle, on, duration);
            let (x, kept) = hold(&world.lattice, &x);
            for axis in (0..3).filter(|&axis| world.locked[axis]) {
                v[axis] = T::zero();
            }
            held += usize::from(kept.contains(&true));
            let motion = Motion::new(&x, &v, &nalgebra::Matrix3::zeros());
            match injector.matter {
                Matter::Liquid(_) => put(&mut state.particles.liquid, slot, motion),
                Matter::Solid(_) => put(&mut state.particles.solid, slot, motion),
            }
        }
    }
    held
}

fn take<T: Real, S: Strain<T>>(cloud: &mut Cloud<T, S>, slot: usize) -> Motion<T> {
    cloud.strain[slot] = S::zero();
    std::mem::replace(&mut cloud.motion[slot], Motion::zero())
}

/// Pulls the cotangents of the particles that [`give_birth`] let out back to the nozzles, one
/// sum for each, and leaves zeros in their place.
pub fn give_birth_vjp<T: Real>(
    world: &World<T>,
    frames: &Frames<T>,
    frame: usize,
    duration: T,
    order: &Order,
    bars: &mut Particles<T>,
) -> Vec<Option<BirthBar<T>>> {
    let each = |injector: &Injector<T>| {
        let on = frame_of(frames, injector);
        let mut sum: Option<BirthBar<T>> = None;
        for (slot, particle) in newborn(world, injector, slots(order, injector), frame) {
            let bar = match injector.matter {
                Matter::Liquid(_) => take(&mut bars.liquid, slot),
                Matter::Solid(_) => take(&mut bars.solid, slot),
            };
            let (mut x_bar, mut v_bar) = (bar.x(), bar.v());
            let (_, kept) = hold(&world.lattice, &injector.birth(particle, on, duration).0);
            for axis in 0..3 {
                if kept[axis] {
                    x_bar[axis] = T::zero();
                }
                if world.locked[axis] {
                    v_bar[axis] = T::zero();
                }
            }
            let part = injector.birth_vjp(particle, on, duration, &(x_bar, v_bar));
            match &mut sum {
                None => sum = Some(part),
                Some(sum) => {
                    sum.pose += part.pose;
                    sum.velocity += part.velocity;
                    sum.frame += part.frame;
                    sum.twist += part.twist;
                }
            }
        }
        sum
    };
    world.injectors.iter().map(each).collect()
}
