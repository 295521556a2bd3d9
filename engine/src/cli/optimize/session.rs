//! One run of an optimisation: it goes on from what is saved, and saves itself.

use std::{
    cell::Cell,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use backflow_optim::{DriverState, MemberError, Record, RunError as DriverError};
use backflow_sim::{Compiled, rollout::store::RunError};

use super::{
    super::{
        Failure,
        best::BestFile,
        bytes,
        out::{Progress, say},
        recording::{PICTURE, Recording, draw_frame},
    },
    report::{Finished, named},
    table::{header, line},
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

/// What an optimisation works with.
pub struct Session<'a> {
    /// The scene.
    pub task: &'a Task,
    /// Its variables.
    pub binding: &'a Binding,
    /// Its losses.
    pub judge: &'a Judge,
    /// Where everything is saved.
    pub folder: &'a RunFolder,
    /// The driver.
    pub staged: Staged<'a>,
    /// Raised by Ctrl-C.
    pub stopped: Arc<AtomicBool>,
    /// Memory of a gradient (bytes).
    pub memory: usize,
    /// Whether nothing is said on the way.
    pub quiet: bool,
}

impl Session<'_> {
    /// Runs to a stop, and saves every iteration.
    pub fn run<T: Compiled<Wide = f64>>(&self) -> Result<Finished, Failure> {
        let quiet = self.quiet;
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
        let memory = Some(self.memory);
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
                bytes::show(self.memory),
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

/// The scenario that failed, unless it is the scene itself.
fn within(name: &str) -> String {
    if name == THE_SCENE {
        String::new()
    } else {
        format!("scenario \"{name}\": ")
    }
}
