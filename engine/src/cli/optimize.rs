//! `backflow optimize`: improves what a scene's `optimize` part lets change.

use std::{
    cell::Cell,
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use backflow_optim::{
    DriverState, MemberError, Outcome, Record, RunError as DriverError, ScheduleSettings, Settings,
    Stop, UpdateSettings, schedule::refine,
};
use backflow_sim::{Compiled, rollout::store::RunError, scene::load::to_text};
use clap::Args;
use serde_json::json;

use super::{
    Failure, bytes,
    options::{RunArguments, seconds, stamp, with_scalar},
    out::{Progress, Watch, say, say_json},
    simulate::{BestFile, PICTURE, Recording, draw_frame, reopen},
};
use crate::task::{
    Task,
    binding::Binding,
    criterion::Judge,
    folder::RunFolder,
    objective::{OnStep, RolloutObjective},
    scenarios::THE_SCENE,
    staged::{Staged, StagedError},
};

/// Improves what the scene's `optimize` part lets change, and saves the best.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow optimize scenes/fluid/throw.ron
  backflow optimize scenes/solid/identify.ron --precision f64 --memory 256MiB
  backflow optimize scenes/fluid/throw.ron --refine runs/throw-20261124-101500
  backflow optimize --resume runs/throw-20261124-101500")]
pub struct Optimize {
    /// Scene file.
    #[arg(required_unless_present = "resume")]
    scene: Option<PathBuf>,
    /// Go on with an interrupted run.
    #[arg(long, value_name = "RUN", conflicts_with = "scene")]
    resume: Option<PathBuf>,
    /// Evaluations of value and gradient; as the scene says by default.
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    /// Take the schedule that the gradients of an earlier run call for, instead of the scene's.
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    refine: Option<PathBuf>,
    /// Folder that run folders are made in.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    #[command(flatten)]
    run: RunArguments,
}

/// What an optimisation works with.
struct Session<'a> {
    task: &'a Task,
    binding: &'a Binding,
    judge: &'a Judge,
    folder: &'a RunFolder,
    staged: Staged<'a>,
    stopped: Arc<AtomicBool>,
    arguments: &'a Optimize,
}

/// What came out of one.
struct Finished {
    outcome: Outcome,
    /// The stage it ended in, from 1, and how many there are.
    stage: usize,
    stages: usize,
    first_metrics: Vec<(String, f64)>,
    best_metrics: Vec<(String, f64)>,
}

impl Optimize {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or an optimisation that fails.
    pub fn run(&self) -> Result<(), Failure> {
        self.run.on_threads(|| self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let watch = Watch::start();
        let (folder, task, precision) = match (&self.resume, &self.scene) {
            (Some(path), _) => reopen(path, "optimize")?,
            (None, Some(path)) => {
                let mut task = self.run.load(path)?;
                let Some(optimize) = &mut task.spec.optimize else {
                    return Err(Failure::Input(format!(
                        "{}: optimize: expected what may change and how, to optimise the scene",
                        path.display()
                    )));
                };
                // The saved scene is what a resume goes by.
                if let Some(iterations) = self.iterations {
                    optimize.settings.iterations = iterations;
                }
                if let Some(run) = &self.refine {
                    optimize.settings.schedule = refined(run, &optimize.settings)?;
                }
                let folder = RunFolder::create(&self.runs, &task.spec.name, &stamp())
                    .map_err(Failure::work)?;
                let text = to_text(&task.spec).map_err(Failure::work)?;
                folder.write("scene.ron", &text).map_err(Failure::work)?;
                let noted = self.run.noted("optimize", &task);
                folder.write_ron("run.ron", &noted).map_err(Failure::work)?;
                (folder, task, self.run.precision)
            }
            (None, None) => return Err(Failure::input("expected a scene or --resume")),
        };
        let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
        let mut settings = task
            .spec
            .optimize
            .as_ref()
            .map(|spec| spec.settings.clone())
            .unwrap_or_default();
        if let Some(iterations) = self.iterations {
            settings.iterations = iterations;
        }
        let staged = Staged::new(&task, settings).map_err(Failure::input)?;
        let finished = with_scalar!(precision, T => {
            let judge = Judge::new::<T>(&task.scene).map_err(Failure::input)?;
            let session = Session {
                task: &task,
                binding: &binding,
                judge: &judge,
                folder: &folder,
                staged,
                stopped: interrupts(),
                arguments: self,
            };
            session.run::<T>()?
        });
        self.report(&task, &binding, &folder, &finished, &watch)
    }

    fn report(
        &self,
        task: &Task,
        binding: &Binding,
        folder: &RunFolder,
        finished: &Finished,
        watch: &Watch,
    ) -> Result<(), Failure> {
        let Finished {
            outcome,
            first_metrics,
            best_metrics,
            ..
        } = finished;
        let shares = |metrics: &[(String, f64)]| -> BTreeMap<String, f64> {
            metrics.iter().cloned().collect()
        };
        let report = json!({
            "scene": task.spec.name,
            "command": "optimize",
            "run": folder.path().display().to_string(),
            "particles": task.scene.particles.len(),
            "variables": binding.layout().dimension(),
            "iterations": outcome.iterations,
            "stage": finished.stage,
            "stages": finished.stages,
            "stop": format!("{:?}", outcome.stop),
            "first_loss": outcome.first_value,
            "best_loss": outcome.best_value,
            "best_iteration": outcome.best_iteration,
            "first_metrics": shares(first_metrics),
            "best_metrics": shares(best_metrics),
            "best": named(binding, &outcome.best_x, true),
            "clamped": outcome.counters.clamped,
            "clipped": outcome.counters.clipped,
            "backoffs": outcome.counters.backoffs,
            "seconds": watch.seconds(),
        });
        let text = serde_json::to_string_pretty(&report).map_err(Failure::work)?;
        folder.write("report.json", &text).map_err(Failure::work)?;
        if self.run.json {
            say_json(&report);
            return Ok(());
        }
        let gain = 100.0 * (1.0 - outcome.best_value / outcome.first_value);
        say(&format!(
            "{}: loss {:.4e} -> {:.4e} ({gain:.1} % less) in {} iterations, {}",
            task.spec.name,
            outcome.first_value,
            outcome.best_value,
            outcome.iterations,
            seconds(watch)
        ));
        for ((name, first), (_, best)) in first_metrics.iter().zip(best_metrics) {
            say(&format!(
                "  {name}: {:.1} % -> {:.1} %",
                100.0 * first,
                100.0 * best
            ));
        }
        for (name, values) in named(binding, &outcome.best_x, true) {
            if values.len() <= 6 {
                let values: Vec<String> =
                    values.iter().map(|value| format!("{value:.4}")).collect();
                say(&format!("  {name} = {}", values.join(", ")));
            }
        }
        if outcome.counters.backoffs > 0 {
            say(&format!(
                "  backed off {} times from numbers that were not finite",
                outcome.counters.backoffs
            ));
        }
        if outcome.stop == Stop::Observer {
            let path = folder.path().display();
            say(&format!(
                "  interrupted: go on with `backflow optimize --resume {path}`"
            ));
        }
        say(&format!("  saved in {}", folder.path().display()));
        Ok(())
    }
}

/// A flag that Ctrl-C raises.
pub(super) fn interrupts() -> Arc<AtomicBool> {
    let stopped = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stopped);
    // Where the handler cannot be set, Ctrl-C ends the process, which loses one iteration.
    let _ = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    });
    stopped
}

/// Slices of a flat vector by name; as values of the scene where `as_values`.
fn named(binding: &Binding, x: &[f64], as_values: bool) -> BTreeMap<String, Vec<f64>> {
    let values = if as_values {
        binding.as_values(x)
    } else {
        x.to_vec()
    };
    let slices = binding.layout().slices();
    slices
        .iter()
        .map(|slice| (slice.name.clone(), values[slice.range.clone()].to_vec()))
        .collect()
}

impl Session<'_> {
    fn run<T: Compiled<Wide = f64>>(&self) -> Result<Finished, Failure> {
        let quiet = self.arguments.run.json;
        let mut state = if self.folder.file("state.ron").is_file() {
            let mut state: DriverState =
                self.folder.read_ron("state.ron").map_err(Failure::input)?;
            // A run that was interrupted, or has more iterations now, goes on; what ended a stage
            // did so for good.
            if state.stage + 1 >= self.staged.stages() {
                state.stop = None;
            }
            state
        } else {
            self.staged.begin().map_err(Failure::input)?
        };
        let stopped = Arc::clone(&self.stopped);
        let memory = Some(self.arguments.run.memory);
        let (scene, judge) = (&self.task.scene, self.judge);
        let on_step = || -> OnStep<'static> {
            let stopped = Arc::clone(&stopped);
            Box::new(move |_, _| !stopped.load(Ordering::Relaxed))
        };
        let mut objective =
            RolloutObjective::<T>::new(scene, self.binding, judge, memory, on_step());
        let plan = objective.plan().map_err(Failure::input)?;
        if !quiet {
            let plan = match &scene.gas {
                Some(_) => format!("{} of {} frames kept", plan.kept(), plan.steps()),
                None => plan.to_string(),
            };
            say(&format!(
                "{}: {} particles, {} variables; gradient in {}: {plan}",
                self.task.spec.name,
                scene.particles.len(),
                self.binding.layout().dimension(),
                bytes::show(self.arguments.run.memory),
            ));
        }
        let (first_value, first_metrics) = objective
            .judged(&self.binding.start())
            .map_err(Failure::work)?;
        let total = self.staged.iterations();
        let mut progress = Progress::new(total, "iterations", quiet);
        let mut table = self.read_table(state.iteration);
        let mut failure = None;
        let mut observer = |record: &Record, state: &DriverState| {
            if table.is_empty() {
                table.push_str(&header(record));
            }
            table.push_str(&line(record));
            let shares: Vec<String> = record
                .metrics
                .iter()
                .map(|(name, share)| format!("{name} {:.1} %", 100.0 * share))
                .collect();
            let message = format!(
                "loss {:.4e} best {:.4e} {}",
                record.value,
                record.best,
                shares.join(", ")
            );
            progress.at(record.iteration + 1, &message);
            if let Err(error) = self.save(record, state, &table) {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            if self.stopped.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let result =
            self.staged
                .run::<T>(&mut state, memory, &on_step, &Cell::new(0), &mut observer);
        progress.end();
        if let Some(failure) = failure {
            return Err(failure);
        }
        let mut outcome = match result {
            Ok(outcome) => outcome,
            Err(StagedError::Run(error)) => return Err(self.failure(&error)),
            Err(error) => return Err(Failure::input(error)),
        };
        if self.staged.stages() > 1 {
            // the first stage began with another loss than the scene's
            outcome.first_value = first_value;
        }
        self.driver_state_on_disk(&state)?;
        self.stopped.store(false, Ordering::Relaxed);
        let best_metrics = self.record::<T>(&outcome.best_x)?;
        Ok(Finished {
            outcome,
            stage: state.stage + 1,
            stages: self.staged.stages(),
            first_metrics,
            best_metrics,
        })
    }

    /// The lines of earlier sessions of this run, up to what the saved state knows of: it is
    /// written last, and the iteration of a further line is done again.
    fn read_table(&self, iterations: usize) -> String {
        let text = std::fs::read_to_string(self.folder.file("metrics.csv")).unwrap_or_default();
        text.split_inclusive('\n').take(1 + iterations).collect()
    }

    /// What an error of the driver means for the command.
    fn failure(&self, error: &DriverError<MemberError<RunError>>) -> Failure {
        let path = self.folder.path().display();
        match error {
            DriverError::State(error) => {
                let file = self.folder.file("state.ron");
                Failure::Input(format!("{}: {error}", file.display()))
            }
            DriverError::Objective {
                source:
                    MemberError::Failed {
                        source: RunError::Interrupted,
                        ..
                    },
                ..
            } => Failure::Work(format!(
                "interrupted: go on with `backflow optimize --resume {path}`"
            )),
            DriverError::Objective {
                source: MemberError::Failed { name, source },
                ..
            } => Failure::Work(format!(
                "{error}: {}{source}; the last good state is in {path}",
                within(name)
            )),
            _ => Failure::Work(format!("{error}; the last good state is in {path}")),
        }
    }

    fn driver_state_on_disk(&self, state: &DriverState) -> Result<(), Failure> {
        self.folder
            .write_ron("state.ron", state)
            .map_err(Failure::work)
    }

    /// Saves an iteration: the table, the best, and last what a resume starts from.
    fn save(&self, record: &Record, state: &DriverState, table: &str) -> Result<(), Failure> {
        self.folder
            .write("metrics.csv", table)
            .map_err(Failure::work)?;
        if let Some(best) = state.best.as_ref().filter(|_| record.improved) {
            let best = BestFile {
                scene: self.task.spec.name.clone(),
                value: best.value,
                iteration: best.iteration,
                variables: named(self.binding, &best.x, false),
            };
            self.folder
                .write_ron("best.ron", &best)
                .map_err(Failure::work)?;
        }
        self.driver_state_on_disk(state)
    }

    /// Runs the best once more and saves its frames and pictures.
    fn record<T: Compiled<Wide = f64>>(&self, best: &[f64]) -> Result<Vec<(String, f64)>, Failure> {
        let frames = self.task.scene.world.clock.frames;
        let mut metrics = Vec::new();
        for (x, name) in [
            (self.binding.start(), "first.png"),
            (best.to_vec(), "best.png"),
        ] {
            let setup = self.binding.setup(&x);
            let recording = Recording {
                task: self.task,
                setup: &setup,
                judge: self.judge,
                folder: self.folder,
                frames,
                on_frame: &mut |_| true,
            };
            metrics = recording.run::<T>(false)?.metrics;
            draw_frame(self.task, self.folder, frames - 1, name, PICTURE)?;
        }
        Ok(metrics)
    }
}

/// The schedule that the gradients of a run call for.
fn refined(run: &Path, settings: &Settings) -> Result<ScheduleSettings, Failure> {
    let path = run.join("metrics.csv");
    let wrong = |what: &str| Failure::Input(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error.to_string()))?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let column = head.split(',').position(|name| name == "gradient_norm");
    let column =
        column.ok_or_else(|| wrong("no column `gradient_norm`; expected a run's table"))?;
    let norms = lines.map(|line| line.split(',').nth(column)?.parse::<f64>().ok());
    let sound = |norm: &f64| norm.is_finite() && *norm > 0.0;
    let norms: Vec<f64> = norms.flatten().filter(sound).collect();
    if norms.len() < 2 {
        return Err(wrong(
            "fewer than two gradients in it; expected a run by gradients",
        ));
    }
    let power = match settings.update {
        UpdateSettings::Sgd { .. } => 2.0,
        _ => 1.0,
    };
    Ok(ScheduleSettings::Refined {
        factors: refine(&norms, power),
    })
}

/// The scenario that failed, unless it is the scene itself.
fn within(name: &str) -> String {
    if name == THE_SCENE {
        String::new()
    } else {
        format!("scenario \"{name}\": ")
    }
}

fn header(record: &Record) -> String {
    let metrics: String = record
        .metrics
        .iter()
        .map(|(name, _)| format!(",{}", name.replace(',', " ")))
        .collect();
    format!("iteration,loss,best,gradient_norm,rate,event{metrics}\n")
}

fn line(record: &Record) -> String {
    let metrics: String = record
        .metrics
        .iter()
        .map(|(_, share)| format!(",{share}"))
        .collect();
    format!(
        "{},{:e},{:e},{:e},{:e},{}{metrics}\n",
        record.iteration,
        record.value,
        record.best,
        record.gradient_norm,
        record.rate,
        format!("{:?}", record.event)
            .split('(')
            .next()
            .unwrap_or_default(),
    )
}
