//! `backflow check`: says everything that is wrong with scenes.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{
    Failure, bytes,
    options::{RunArguments, with_scalar},
    out::{say, say_json},
};
use crate::task::{Task, binding::Binding};
use backflow_sim::rollout::{State, store};

/// Says everything that is wrong with scenes, and what they will cost.
#[derive(Debug, Args)]
#[command(after_help = "Example: backflow check scenes/fluid/*.ron")]
pub struct Check {
    /// Scene files.
    #[arg(required = true)]
    scenes: Vec<PathBuf>,
    #[command(flatten)]
    run: RunArguments,
}

impl Check {
    /// Runs the command.
    ///
    /// # Errors
    /// What is wrong with the scenes, of all of them at once.
    pub fn run(&self) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        for path in &self.scenes {
            match self.run.load(path) {
                Ok(task) => match self.describe(&task) {
                    Ok(()) => {}
                    Err(Failure::Input(message) | Failure::Work(message)) => wrong.push(message),
                },
                Err(Failure::Input(message) | Failure::Work(message)) => wrong.push(message),
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Failure::Input(wrong.join("\n")))
        }
    }

    fn describe(&self, task: &Task) -> Result<(), Failure> {
        let clock = &task.scene.world.clock;
        let steps = clock.frames * clock.substeps;
        let (state, working, plan) = with_scalar!(self.run.precision, T => {
            let world = task.scene.world.cast::<T>();
            let state = State::new(&world, task.scene.particles.cast::<T>());
            let plan = store::plan(&world, &state, steps, Some(self.run.memory));
            (
                store::state_bytes(&world, &state),
                store::working_bytes(&world, &state),
                plan.map_err(Failure::input)?,
            )
        });
        let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
        let nodes = task.scene.world.lattice.nodes;
        let particles = task.scene.particles.len();
        if self.run.json {
            say_json(&json!({
                "scene": task.spec.name,
                "nodes": nodes,
                "particles": particles,
                "frames": clock.frames,
                "substeps": clock.substeps,
                "dt": clock.dt,
                "variables": binding.layout().dimension(),
                "state_bytes": state,
                "working_bytes": working,
                "forward_passes": plan.forward_passes(),
            }));
            return Ok(());
        }
        say(&format!(
            "{}: {particles} particles, {}x{}x{} nodes of {} m, {} frames of {} substeps of {:.3e} s, \
             {} variables",
            task.spec.name,
            nodes[0],
            nodes[1],
            nodes[2],
            task.scene.world.lattice.dx,
            clock.frames,
            clock.substeps,
            clock.dt,
            binding.layout().dimension(),
        ));
        say(&format!(
            "  gradient: {} to work in, {} a state kept; {plan}",
            bytes::show(working),
            bytes::show(state),
        ));
        Ok(())
    }
}
