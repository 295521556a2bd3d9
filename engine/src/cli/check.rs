//! `backflow check`: says everything that is wrong with scenes.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{
    Failure, bytes, gas,
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
            let checked = match self.run.load(path) {
                Ok(task) => self.describe(path, &task),
                Err(failure) => Err(failure),
            };
            if let Err(Failure::Input(message) | Failure::Work(message)) = checked {
                if self.run.json {
                    say_json(&json!({ "file": path.display().to_string(), "error": message }));
                }
                wrong.push(message);
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Failure::Input(wrong.join("\n")))
        }
    }

    fn describe(&self, path: &Path, task: &Task) -> Result<(), Failure> {
        let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
        if let Some(scene) = &task.scene.gas {
            let variables = binding.layout().dimension();
            let how = (self.run.memory, self.run.json);
            return with_scalar!(self.run.precision, T => {
                gas::describe::<T>(path, task, scene, variables, how)
            });
        }
        let clock = &task.scene.world.clock;
        let steps = clock.frames * clock.substeps;
        let (footprint, plan) = with_scalar!(self.run.precision, T => {
            let world = task.scene.world.cast::<T>();
            let state = State::new(&world, task.scene.particles.cast::<T>());
            let plan = store::plan(&world, &state, steps, Some(self.run.memory));
            (
                store::Footprint::of(&world, &state),
                plan.map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?,
            )
        });
        let nodes = task.scene.world.lattice.nodes;
        let particles = task.scene.particles.len();
        if self.run.json {
            say_json(&json!({
                "file": path.display().to_string(),
                "scene": task.spec.name,
                "nodes": nodes,
                "particles": particles,
                "frames": clock.frames,
                "substeps": clock.substeps,
                "dt": clock.dt,
                "variables": binding.layout().dimension(),
                "state_bytes": footprint.state,
                "working_bytes": footprint.working,
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
            bytes::show(footprint.working),
            bytes::show(footprint.state),
        ));
        Ok(())
    }
}
