//! `backflow simulate`: runs a scene forward and saves its frames.

use std::path::PathBuf;

use backflow_sim::{gas, scene::load::to_text};
use clap::Args;
use serde_json::json;

use super::{
    Failure,
    best::BestFile,
    options::{RunArguments, seconds, stamp, with_scalar},
    out::{Progress, Watch, say, say_json},
    recording::{PICTURE, Recording, draw_frame, reopen},
};
use crate::task::{
    binding::Binding,
    criterion::Judge,
    folder::{RunFolder, read_ron},
    objective::is_alone,
};

/// Runs a scene forward and saves its frames in a run folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow simulate scenes/fluid/dam_break.ron
  backflow simulate scenes/fluid/throw.ron --controls runs/throw-20261124-101500/best.ron
  backflow simulate --resume runs/dam_break-20261124-101500")]
pub struct Simulate {
    /// Scene file.
    #[arg(required_unless_present = "resume")]
    scene: Option<PathBuf>,
    /// Run with these variables: the `best.ron` of an optimisation.
    #[arg(long, value_name = "FILE")]
    controls: Option<PathBuf>,
    /// Go on with an interrupted run.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["scene", "controls"])]
    resume: Option<PathBuf>,
    /// Stop after this many frames; the run can be resumed.
    #[arg(long, value_name = "N")]
    frames: Option<usize>,
    /// Folder that run folders are made in.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    #[command(flatten)]
    run: RunArguments,
}

impl Simulate {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or a run that fails.
    pub fn run(&self) -> Result<(), Failure> {
        self.run.on_threads(|| self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let watch = Watch::start();
        let (folder, task, precision) = match (&self.resume, &self.scene) {
            (Some(path), _) => reopen(path, "simulate")?,
            (None, Some(path)) => {
                let task = self.run.load(path)?;
                let folder = RunFolder::create(&self.runs, &task.spec.name, &stamp())
                    .map_err(Failure::work)?;
                let text = to_text(&task.spec).map_err(Failure::work)?;
                folder.write("scene.ron", &text).map_err(Failure::work)?;
                if let Some(path) = &self.controls {
                    let best: BestFile = read_ron(path).map_err(Failure::input)?;
                    folder.write_ron("best.ron", &best).map_err(Failure::work)?;
                }
                let noted = self.run.noted("simulate", &task);
                folder.write_ron("run.ron", &noted).map_err(Failure::work)?;
                (folder, task, self.run.precision)
            }
            (None, None) => return Err(Failure::input("expected a scene or --resume")),
        };
        let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
        let x = if folder.file("best.ron").is_file() {
            let best: BestFile = folder.read_ron("best.ron").map_err(Failure::input)?;
            best.flat(&binding)?
        } else {
            binding.start()
        };
        let setup = binding.setup(&x);
        let total = task.scene.world.clock.frames;
        let frames = self.frames.unwrap_or(total).min(total);
        let mut progress = Progress::new(frames, "frames", self.run.json);
        let mut on_frame = |done: usize| {
            progress.at(done, "");
            true
        };
        let (judge, recorded) = with_scalar!(precision, T => {
            let judge = Judge::new::<T>(&task.scene).map_err(Failure::input)?;
            let recording = Recording {
                task: &task,
                setup: &setup,
                judge: &judge,
                folder: &folder,
                frames,
                on_frame: &mut on_frame,
            };
            let recorded = recording.run::<T>(self.resume.is_some())?;
            (judge, recorded)
        });
        drop(judge);
        progress.end();
        if recorded.frames > 0 {
            draw_frame(&task, &folder, recorded.frames - 1, "last.png", PICTURE)?;
        }
        let particles = task.scene.particles.len();
        let alone = task.scene.gas.is_some() && is_alone(&task.scene.world, &task.scene.particles);
        let report = json!({
            "scene": task.spec.name,
            "command": "simulate",
            "run": folder.path().display().to_string(),
            "particles": particles,
            "frames": recorded.frames,
            "frames_of_run": total,
            "substeps": (!alone).then_some(task.scene.world.clock.substeps),
            "gas": task.scene.gas.is_some().then(|| json!({
                "steps": recorded.gas.steps,
                "iterations": recorded.gas.iterations,
                "residual": recorded.gas.residual,
                "unbalanced": recorded.gas.unbalanced,
            })),
            "loss": recorded.value,
            "metrics": recorded.metrics.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "held": recorded.held,
            "tools_held": recorded.tools_held,
            "felt": recorded.felt,
            "seconds": watch.seconds(),
        });
        let text = serde_json::to_string_pretty(&report).map_err(Failure::work)?;
        folder.write("report.json", &text).map_err(Failure::work)?;
        if self.run.json {
            say_json(&report);
            return Ok(());
        }
        say(&format!(
            "{}: {} of {total} frames, {particles} particles, loss {:.6e}, {}",
            task.spec.name,
            recorded.frames,
            recorded.value,
            seconds(&watch)
        ));
        if recorded.gas.steps > 0 {
            let gas::rollout::Frame {
                steps, iterations, ..
            } = recorded.gas;
            say(&format!(
                "  {steps} steps of gas, {:.1} iterations of the pressure each",
                iterations as f64 / steps as f64
            ));
        }
        for (name, share) in &recorded.metrics {
            say(&format!("  {name}: {:.1} %", 100.0 * share));
        }
        if recorded.held > 0 {
            say(&format!(
                "  particles kept in the domain: {} times",
                recorded.held
            ));
        }
        if recorded.tools_held > 0 {
            let frames = recorded.tools_held;
            say(&format!(
                "  tools held back by their limits: in {frames} frames"
            ));
        }
        for (name, [force, torque]) in &recorded.felt {
            if *force > 0.0 {
                say(&format!(
                    "  {name} feels up to {force:.4} N and {torque:.4} N m"
                ));
            }
        }
        say(&format!("  saved in {}", folder.path().display()));
        Ok(())
    }
}
