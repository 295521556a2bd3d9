//! `backflow operator plan`: plans a scene on an operator and verifies it in the engine.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use backflow_operator::train::Card;
use backflow_optim::Record;
use backflow_sim::scene::load::to_text;
use clap::Args;
use serde_json::{Value, json};

use super::failure;
use crate::{
    cli::{
        Failure,
        best::BestFile,
        optimize::{
            named,
            table::{header, line},
        },
        options::{RunArguments, seconds, stamp, with_scalar},
        out::{Progress, Watch, say, say_json},
    },
    task::{
        Task,
        binding::Binding,
        criterion::Judge,
        folder::RunFolder,
        plan::{Planned, Planning, Round, plan, unfit},
    },
};

/// Plans what the `optimize` part of a scene lets change on an operator, with the losses and the optimiser of the
/// scene, and verifies the plan in the engine.
///
/// The engine runs forward alone: once from the start, once with the plan, and once more for each round of
/// refinement, in which the operator is corrected by what the engine has found and plans again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow operator plan assets/operators/cream.ron scenes/fluid/throw.ron
  backflow operator plan runs/cream/operator.ron scenes/fluid/throw.ron --rounds 0 --out runs/plan
  backflow simulate scenes/fluid/throw.ron --controls runs/plan/best.ron")]
pub struct Plan {
    /// Operator: the `.ron` file.
    operator: PathBuf,
    /// Scene file, whose variables are velocities or positions of its one body.
    scene: PathBuf,
    /// Samples to plan with; as many as the operator was trained with by default.
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// Evaluations of value and gradient on the operator in each round; as the scene says by default.
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    /// Rounds of refinement, each of which takes one more run of the engine.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: usize,
    /// Folder to write to; one in `runs`, of the name of the scene and the time, by default.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    run: RunArguments,
}

impl Plan {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or a run that fails.
    pub fn run(&self) -> Result<(), Failure> {
        self.run.on_threads(|| self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let watch = Watch::start();
        let trained = Card::read(&self.operator).map_err(failure)?;
        let mut task = self.run.load(&self.scene)?;
        let samples = self.samples.unwrap_or(trained.card.samples);
        let faults = unfit(&task.spec, &trained.card, samples);
        if !faults.is_empty() {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return Err(Failure::Input(format!(
                "{}: {} does not fit the operator {}\n  {}",
                self.scene.display(),
                if faults.len() == 1 {
                    "a field"
                } else {
                    "what follows"
                },
                self.operator.display(),
                faults.join("\n  ")
            )));
        }
        let iterations = |task: &Task| {
            let own = task.spec.optimize.as_ref();
            own.map_or(0, |own| own.settings.iterations)
        };
        let own = iterations(&task);
        if let (Some(iterations), Some(optimize)) = (self.iterations, &mut task.spec.optimize) {
            optimize.settings.iterations = iterations;
        }
        let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
        let total = iterations(&task) * (1 + self.rounds);
        let mut progress = Progress::new(total, "iterations", self.run.json);
        let (mut lines, mut done) = (String::new(), 0);
        let mut on_record = |record: &Record| {
            if lines.is_empty() {
                lines.push_str(&header(record));
            }
            lines.push_str(&line(record));
            done += 1;
            progress.at(done, &format!("loss {:.4e}", record.value));
        };
        let planning = with_scalar!(self.run.precision, T => {
            let judge = Judge::new::<T>(&task.scene).map_err(Failure::input)?;
            if judge.reads_forces() {
                let expected = "losses of where the matter is, since an operator knows no forces";
                let path = self.scene.display();
                return Err(Failure::Input(format!("{path}: losses: expected {expected}")));
            }
            let planned = Planned::new(&task, &binding, &judge, &trained, samples);
            let planned = planned.map_err(failure)?;
            let found = plan::<T>(&task, &binding, &judge, planned, self.rounds, &mut on_record);
            found.map_err(Failure::work)?
        });
        progress.end();
        let folder = match &self.out {
            Some(path) => RunFolder::at(path),
            None => RunFolder::create(Path::new("runs"), &task.spec.name, &stamp()),
        };
        let folder = folder.map_err(Failure::work)?;
        folder.write("metrics.csv", &lines).map_err(Failure::work)?;
        self.report(&task, &binding, &folder, &planning, own, &watch)
    }

    fn report(
        &self,
        task: &Task,
        binding: &Binding,
        folder: &RunFolder,
        planning: &Planning,
        iterations: usize,
        watch: &Watch,
    ) -> Result<(), Failure> {
        let Some(best) = planning.best() else {
            return Ok(());
        };
        let clock = &task.scene.world.clock;
        let used = planning.substeps();
        // What `backflow optimize` takes at most: it runs each iteration forwards, and back, which is not counted.
        let own = iterations * clock.frames * clock.substeps;
        let share = used as f64 / own.max(1) as f64;
        let text = to_text(&task.spec).map_err(Failure::work)?;
        folder.write("scene.ron", &text).map_err(Failure::work)?;
        let noted = self.run.noted("plan", task);
        folder.write_ron("run.ron", &noted).map_err(Failure::work)?;
        let file = BestFile {
            scene: task.spec.name.clone(),
            value: best.found.value,
            iteration: planning.rounds.iter().map(|round| round.iterations).sum(),
            variables: named(binding, &best.x, false),
        };
        folder.write_ron("best.ron", &file).map_err(Failure::work)?;
        let shares = |metrics: &[(String, f64)]| -> BTreeMap<String, f64> {
            metrics.iter().cloned().collect()
        };
        let round = |round: &Round| -> Value {
            json!({
                "iterations": round.iterations,
                "variables": named(binding, &round.x, true),
                "predicted_loss": round.predicted.0,
                "predicted_metrics": shares(&round.predicted.1),
                "loss": round.found.value,
                "metrics": shares(&round.found.metrics),
            })
        };
        let report = json!({
            "scene": task.spec.name,
            "command": "plan",
            "operator": self.operator.display().to_string(),
            "run": folder.path().display().to_string(),
            "particles": task.scene.particles.len(),
            "variables": binding.layout().dimension(),
            "first_loss": planning.start.value,
            "best_loss": best.found.value,
            "first_metrics": shares(&planning.start.metrics),
            "best_metrics": shares(&best.found.metrics),
            "best": named(binding, &best.x, true),
            "rounds": planning.rounds.iter().map(round).collect::<Vec<_>>(),
            "engine_substeps": used,
            "optimize_substeps": own,
            "substeps_share": share,
            "operator_steps": planning.steps,
            "held": planning.held,
            "seconds": watch.seconds(),
        });
        let text = serde_json::to_string_pretty(&report).map_err(Failure::work)?;
        folder.write("report.json", &text).map_err(Failure::work)?;
        if self.run.json {
            say_json(&report);
            return Ok(());
        }
        say(&format!(
            "{}: loss {:.4e} -> {:.4e} in the engine, {}",
            task.spec.name,
            planning.start.value,
            best.found.value,
            seconds(watch)
        ));
        let told = |metrics: &[(String, f64)]| -> String {
            let one = |(name, share): &(String, f64)| format!(", {name} {:.1} %", 100.0 * share);
            metrics.iter().map(one).collect()
        };
        let start = &planning.start;
        say(&format!(
            "  at the start: loss {:.4e}{}",
            start.value,
            told(&start.metrics)
        ));
        for (number, round) in planning.rounds.iter().enumerate() {
            let name = match number {
                0 => "plan".to_owned(),
                number => format!("refinement {number}"),
            };
            let ((loss, metrics), found) = (&round.predicted, &round.found);
            say(&format!("  {name}, {} iterations", round.iterations));
            say(&format!(
                "    the operator predicts: loss {loss:.4e}{}",
                told(metrics)
            ));
            say(&format!(
                "    the engine finds: loss {:.4e}{}",
                found.value,
                told(&found.metrics)
            ));
        }
        for (name, values) in named(binding, &best.x, true) {
            let values: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
            say(&format!("  {name} = {}", values.join(", ")));
        }
        say(&format!(
            "  {used} substeps of the engine; `optimize` takes up to {own}, {iterations} iterations counted forwards alone: {:.1} % of them",
            100.0 * share
        ));
        say(&format!("  saved in {}", folder.path().display()));
        Ok(())
    }
}
