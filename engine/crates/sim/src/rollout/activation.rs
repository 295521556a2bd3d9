//! Muscles: at the start of each frame their particles learn their activation.

use backflow_diff::Real;

use super::State;
use crate::{
    material::{Deformation, Solid},
    particle::{Order, Particles},
    world::World,
};

/// The frame that starts with substep `step`, if one does and there are muscles.
fn starting<T: Real>(world: &World<T>, step: usize) -> Option<usize> {
    let muscles = world
        .solids
        .iter()
        .any(|body| matches!(body.law, Solid::Muscle(_)));
    (muscles && step.is_multiple_of(world.clock.substeps)).then(|| step / world.clock.substeps)
}

/// Number of the activation of each solid body; `None` for those that are no muscles, and
/// `Some(None)` for muscles that nothing activates.
fn activation_of<T: Real>(world: &World<T>) -> Vec<Option<Option<usize>>> {
    let find = |index: usize| world.activations.iter().position(|a| a.body == index);
    let bodies = world.solids.iter().enumerate();
    bodies
        .map(|(index, body)| matches!(body.law, Solid::Muscle(_)).then(|| find(index)))
        .collect()
}

/// Tells the particles of every muscle their activation where substep `step` starts a frame.
pub fn activate<T: Real>(world: &World<T>, step: usize, state: &mut State<T>) {
    let Some(frame) = starting(world, step) else {
        return;
    };
    let activation_of = activation_of(world);
    let bodies = &state.order.solid.bodies;
    for (strain, &body) in state.particles.solid.strain.iter_mut().zip(bodies) {
        if let Some(number) = activation_of[usize::from(body)] {
            let frames = number.map(|number| &world.activations[number].frames);
            let activation = frames.and_then(|frames| frames.get(frame).copied());
            *strain = Deformation::new(&strain.f(), activation.unwrap_or_else(T::zero));
        }
    }
}

/// Adds the cotangents of [`activate`] to those of the activations; what the particles had
/// learned before counts no more.
pub fn activate_vjp<T: Real>(
    world: &World<T>,
    step: usize,
    order: &Order,
    bars: &mut Particles<T>,
    activations: &mut [Vec<f64>],
) {
    let Some(frame) = starting(world, step) else {
        return;
    };
    let activation_of = activation_of(world);
    for (bar, &body) in bars.solid.strain.iter_mut().zip(&order.solid.bodies) {
        if let Some(number) = activation_of[usize::from(body)] {
            if let Some(sum) = number.and_then(|number| activations[number].get_mut(frame)) {
                *sum += bar.history().to_f64();
            }
            *bar = Deformation::new(&bar.f(), T::zero());
        }
    }
}
