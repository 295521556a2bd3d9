//! `backflow operator train`: trains an operator on a data set.

use std::path::PathBuf;

use backflow_operator::{
    data::{DataSet, Split},
    decode::train_kernel,
    train::{Event, Trainer, Training},
};
use clap::Args;
use serde_json::json;

use super::{failure, session::Session};
use crate::cli::{
    Failure,
    options::{on_threads, seconds},
    out::{Progress, Watch, say, say_json},
};

/// Trains an operator on a data set. The folder gets `training.ron`, `checkpoint.npz` and, after each
/// validation, `operator.ron` with `operator.npz`, the best so far, and `metrics.csv`; at the end the operator gets its decoder, too. Where the folder
/// has a checkpoint, it goes on from there to the same bits.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow operator train runs/small --material jelly --out runs/jelly
  backflow operator train runs/small --material jelly --settings training.ron --out runs/jelly --threads 1")]
pub struct Train {
    /// Data set: a folder that `generate` has filled.
    data: PathBuf,
    /// Material of the data set to learn; not needed where it has one.
    #[arg(long, value_name = "NAME")]
    material: Option<String>,
    /// Settings of the training, in RON; the defaults if not given.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Stop after this many iterations in all; the training can be gone on with.
    #[arg(long, value_name = "N")]
    stop: Option<usize>,
    /// Threads to use; as many as there are cores by default. Results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Train {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or a loss that is not finite.
    pub fn run(&self) -> Result<(), Failure> {
        on_threads(self.threads, || self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let data = DataSet::open(&self.data).map_err(failure)?;
        let material = data.material(self.material.as_deref()).map_err(failure)?;
        let settings = match &self.settings {
            Some(path) => Training::read(path).map_err(failure)?,
            None => Training::default(),
        };
        let origin = data.origin(material);
        let session = Session::open(&self.out, material, origin, &settings)?;
        let read = |split| data.read(material, split).map_err(failure);
        let (train, validation) = (read(Split::Train)?, read(Split::Validation)?);
        let mut trainer = Trainer::new(settings, &train, &validation).map_err(failure)?;
        session.resume(&mut trainer)?;
        let watch = Watch::start();
        let mut progress = Progress::new(settings.iterations, "iterations", self.json);
        let (mut message, mut fault) = (String::new(), None);
        let last = self.stop.unwrap_or(usize::MAX);
        let first = trainer.state.iteration;
        if first < last {
            let mut on_event = |trainer: &Trainer, event: Event| match event {
                Event::Iteration(iteration) => {
                    progress.at(iteration, &message);
                    iteration < last && fault.is_none()
                }
                Event::Validation(found) => {
                    let (loss, mse) = (found.loss, found.validation.mse);
                    message = format!("loss {loss:.4}, validation {mse:.3e} m^2");
                    fault = session.keep(trainer, None).err();
                    fault.is_none()
                }
            };
            trainer.run(&mut on_event).map_err(failure)?;
        }
        progress.end();
        if let Some(fault) = fault {
            return Err(fault);
        }
        session.stop(&trainer)?;
        if trainer.is_done() && settings.decoder > 0 {
            let (count, sets) = (settings.samples, settings.sets);
            let kernel = train_kernel(&train, count, sets, settings.decoder, settings.seed);
            let kernel = kernel.map_err(failure)?;
            session.keep(&trainer, Some(&kernel))?;
        }
        self.tell(&trainer, &watch);
        Ok(())
    }

    fn tell(&self, trainer: &Trainer, watch: &Watch) {
        let state = &trainer.state;
        let weights = state.weights.len();
        if self.json {
            say_json(&json!({
                "out": self.out.display().to_string(),
                "iterations": state.iteration,
                "done": trainer.is_done(),
                "weights": weights,
                "validation_mse": state.best_score.is_finite().then_some(state.best_score),
                "seconds": watch.seconds(),
            }));
        } else {
            say(&format!(
                "{} iterations, {weights} weights, validation {:.3e} m^2, {} in {}",
                state.iteration,
                state.best_score,
                seconds(watch),
                self.out.display()
            ));
        }
    }
}
