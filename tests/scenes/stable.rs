//! The first frames of every scene.

use std::{path::Path, sync::Arc};

use backflow::{sim::Compiled, task::Task};
use backflow_sim::{
    gas,
    particle::{Motion, Particles},
    rollout::{State, forward::Rollout},
    world::World,
};

use crate::files::{QUALITY, each};

/// Frames that are run.
const FRAMES: usize = 4;

fn runs<T: Compiled<Wide = f64>>(path: &Path) -> Result<(), String> {
    let task = Task::load(path, QUALITY).map_err(|error| error.to_string())?;
    if let Some(scene) = &task.scene.gas {
        let model = scene.model.cast::<T>();
        if task.scene.particles.is_empty() && task.scene.world.rigids.is_empty() {
            let mut state = scene.initial.cast::<T>();
            let mut rollout = gas::Rollout::new(&model, &scene.course, scene.clock);
            for frame in 0..FRAMES.min(scene.clock.frames) {
                let went = rollout.advance(&mut state, frame);
                went.map_err(|error| error.to_string())?;
            }
            return Ok(());
        }
        let mut gas = Arc::new(scene.initial.cast::<T>());
        let world = task.scene.world.cast::<T>();
        let mut state = State::new(&world, task.scene.particles.cast::<T>());
        let mut matter = Rollout::new(&world, &task.scene.programs);
        let mut among = scene.among(&model);
        for frame in 0..FRAMES.min(scene.clock.frames) {
            let went = among.advance(&mut matter, &mut state, &mut gas, frame);
            went.map_err(|error| error.to_string())?;
        }
        return inside(&world, &state);
    }
    let world = task.scene.world.cast::<T>();
    let mut state = State::new(&world, task.scene.particles.cast::<T>());
    let before = (state.particles.liquid.len(), state.particles.solid.len());
    let mut rollout = Rollout::new(&world, &task.scene.programs);
    let steps = FRAMES.min(world.clock.frames) * world.clock.substeps;
    for step in 0..steps {
        rollout
            .advance(&mut state, step)
            .map_err(|error| error.to_string())?;
    }
    state
        .check(&world, steps)
        .map_err(|error| error.to_string())?;
    let particles = state.canonical(&world);
    let after = (particles.liquid.len(), particles.solid.len());
    if after != before {
        return Err(format!("{after:?} particles; expected {before:?}"));
    }
    inside(&world, &state)
}

/// Whether all particles are in the domain.
fn inside<T: Compiled>(world: &World<T>, state: &State<T>) -> Result<(), String> {
    let particles = state.canonical(world);
    let (min, max) = (world.lattice.min(), world.lattice.max());
    let Particles { liquid, solid } = &particles;
    let motion = liquid.motion.iter().chain(&solid.motion);
    for (index, x) in motion.map(Motion::x).enumerate() {
        if (0..3).any(|axis| x[axis] < min[axis] || x[axis] > max[axis]) {
            return Err(format!(
                "particle {index} at {x:?}; expected it in the domain"
            ));
        }
    }
    Ok(())
}

#[test]
fn every_scene_keeps_its_particles_finite_and_in_the_domain() {
    each(runs::<f32>);
    each(runs::<f64>);
}
