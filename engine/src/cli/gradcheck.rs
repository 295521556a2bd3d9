//! `backflow gradcheck`: checks the gradient of a scene against finite differences.

mod gas;
mod inputs;
mod slice;

use std::path::PathBuf;

use backflow_optim::Objective;
use clap::Args;
use serde_json::json;

use self::{
    inputs::everything,
    slice::{NO_EFFECT, Row, direction, near},
};
use super::{
    Failure,
    options::RunArguments,
    out::{Progress, say, say_json},
};
use crate::task::{
    OptimizeSpec, Task, binding::Binding, criterion::Judge, objective::RolloutObjective,
};

/// Checks the gradient of a scene with respect to everything in it by Taylor's series:
/// `J(x + h d) - J(x) - h g.d` must shrink with the square of `h`.
///
/// Runs in double precision; exits with 1 where a rate is below 1.9.
#[derive(Debug, Args)]
#[command(after_help = "Example: backflow gradcheck scenes/fluid/push.ron --quality 0.5")]
pub struct Gradcheck {
    /// Scene file.
    scene: PathBuf,
    /// Substeps to run at most, in whole frames, of which a frame of gas counts for twenty; chaos makes longer runs unfit to check.
    #[arg(long, default_value_t = 200, value_name = "N")]
    substeps: usize,
    /// Seed of the random directions.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Check this slice alone, such as `gravity`; all by default.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Spoils a term of the adjoint, to show that the check notices.
    #[cfg(feature = "broken-vjp")]
    #[arg(long, hide = true)]
    broken: bool,
    #[command(flatten)]
    run: RunArguments,
}

/// Shortens a run to about `substeps`; losses of later frames are read at its end.
fn shortened(task: &Task, substeps: usize) -> Result<Task, Failure> {
    let each = match &task.spec.gas {
        Some(_) => gas::SUBSTEPS,
        None => task.scene.world.clock.substeps,
    };
    let mut spec = task.spec.shortened(substeps / each);
    if let Some(gas) = &mut spec.gas {
        gas.tolerance = gas.tolerance.min(gas::TOLERANCE);
    }
    spec.optimize = Some(OptimizeSpec {
        variables: everything(task),
        ..OptimizeSpec::default()
    });
    Task::new(spec, task.directory.clone()).map_err(Failure::input)
}

/// Points at which a slice is tried: near a kink there is no second order to be seen,
/// while a wrong gradient is wrong everywhere.
const POINTS: u64 = 4;

impl Gradcheck {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or a gradient that fails.
    pub fn run(&self) -> Result<(), Failure> {
        #[cfg(feature = "broken-vjp")]
        backflow_sim::transfer::p2g::spoil(self.broken);
        self.run.on_threads(|| self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let task = shortened(&self.run.load(&self.scene)?, self.substeps)?;
        let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
        let judge = Judge::new::<f64>(&task.scene).map_err(Failure::input)?;
        let memory = Some(self.run.memory);
        let always = Box::new(|_, _| true);
        let mut objective =
            RolloutObjective::<f64>::new(&task.scene, &binding, &judge, memory, always);
        objective.plan().map_err(Failure::input)?;
        let slices: Vec<_> = binding
            .layout()
            .slices()
            .iter()
            .filter(|slice| self.only.as_ref().is_none_or(|only| *only == slice.name))
            .cloned()
            .collect();
        if slices.is_empty() {
            let names: Vec<&str> = binding
                .layout()
                .slices()
                .iter()
                .map(|slice| slice.name.as_str())
                .collect();
            let only = self.only.as_deref().unwrap_or_default();
            return Err(Failure::Input(format!(
                "--only {only}: expected one of {names:?}"
            )));
        }
        let mut progress = Progress::new(slices.len(), "slices", self.run.json);
        let mut rows: Vec<Option<Row>> = vec![None; slices.len()];
        for attempt in 0..POINTS {
            if rows.iter().all(|row| row.as_ref().is_some_and(Row::passed)) {
                break;
            }
            let seed = self.seed + attempt * 1000;
            let x = near(&binding.start(), seed);
            let gradient = objective.gradient(&x).map_err(Failure::work)?.gradient;
            for (index, (slice, row)) in slices.iter().zip(&mut rows).enumerate() {
                if row.as_ref().is_some_and(Row::passed) {
                    continue;
                }
                progress.at(index, &slice.name);
                let mut part = vec![0.0; x.len()];
                part[slice.range.clone()].copy_from_slice(&gradient[slice.range.clone()]);
                let mut towards = vec![0.0; x.len()];
                towards[slice.range.clone()]
                    .copy_from_slice(&direction(seed + index as u64, &part[slice.range.clone()]));
                let value = |x: &[f64]| objective.value(x);
                let checked = Row::check(&slice.name, value, &x, &part, &towards);
                // Where nothing depends on it at one point, another may tell more, but a
                // verdict is not forgotten.
                if checked.passed() || row.is_none() || attempt + 1 == POINTS {
                    *row = Some(Row {
                        points: attempt + 1,
                        ..checked
                    });
                }
            }
        }
        progress.at(slices.len(), "");
        progress.end();
        let rows: Vec<Row> = rows.into_iter().flatten().collect();
        self.print(&task, &rows)?;
        let failed: Vec<&str> = rows
            .iter()
            .filter(|row| !row.passed())
            .map(|row| row.slice.as_str())
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            let failed = failed.join(", ");
            Err(Failure::Work(format!("the gradient fails for {failed}")))
        }
    }

    fn print(&self, task: &Task, rows: &[Row]) -> Result<(), Failure> {
        if self.run.json {
            let slices: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({
                        "slice": row.slice,
                        "verdict": row.verdict,
                        "rate": row.rate,
                        "resolution": row.resolution,
                        "points": row.points,
                    })
                })
                .collect();
            say_json(&json!({ "scene": task.spec.name, "slices": slices }));
        } else {
            for Row {
                slice,
                verdict,
                table,
                ..
            } in rows
            {
                say(&format!("{slice}: {verdict}\n{table}\n"));
            }
            let (name, clock) = (&task.spec.name, &task.scene.world.clock);
            let (frames, substeps) = (clock.frames, clock.substeps);
            say(&match &task.scene.gas {
                Some(gas) => format!("{name}: {frames} frames, {} cells", gas.model.grid.count()),
                None => format!(
                    "{name}: {frames} frames of {substeps} substeps, {} particles",
                    task.scene.particles.len()
                ),
            });
            for Row {
                slice,
                verdict,
                rate,
                resolution,
                ..
            } in rows
            {
                let rate = rate.map_or(String::new(), |rate| format!("rate {rate:.3}"));
                let sure = resolution.map_or(String::new(), |sure| format!("to {sure:.0e}"));
                say(&format!("  {slice:<28} {verdict:<14} {rate:<12} {sure}"));
            }
        }
        if rows.iter().all(|row| row.verdict == NO_EFFECT) {
            return Err(Failure::work(
                "the loss depends on nothing in the scene: nothing was checked",
            ));
        }
        Ok(())
    }
}
