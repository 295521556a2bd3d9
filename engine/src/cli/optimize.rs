//! `backflow optimize`: improves what a scene's `optimize` part lets change.

mod report;
mod session;
pub(super) mod table;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use backflow_sim::scene::load::to_text;
use clap::Args;

pub(super) use self::report::named;
use self::{report::report, session::Session, table::refined};
use super::{
    Failure,
    options::{RunArguments, stamp, with_scalar},
    out::Watch,
    recording::reopen,
};
use crate::task::{binding::Binding, criterion::Judge, folder::RunFolder, staged::Staged};

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
                memory: self.run.memory,
                quiet: self.run.json,
            };
            session.run::<T>()?
        });
        report(&task, &binding, &folder, &finished, self.run.json, &watch)
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
