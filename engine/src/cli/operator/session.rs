//! A training in its folder: what `train` and `compare` share.

use std::path::{Path, PathBuf};

use backflow_operator::{
    decode::Kernel,
    train::{Card, Origin, Trainer, Training},
};
use backflow_sim::io::write_atomic;

use super::failure;
use crate::cli::Failure;

/// A folder with `training.ron`, `checkpoint.npz` and, after each validation, `metrics.csv` and the best operator so
/// far, `operator.ron` with `operator.npz`.
pub(super) struct Session {
    folder: PathBuf,
    material: String,
    origin: Option<Origin>,
}

impl Session {
    /// The settings that a folder has noted, if there are any.
    pub(super) fn noted(folder: &Path) -> Result<Option<Training>, Failure> {
        let path = folder.join("training.ron");
        if path.is_file() {
            Training::read(&path).map(Some).map_err(failure)
        } else {
            Ok(None)
        }
    }

    /// Opens a folder for a training with these settings, and notes them.
    ///
    /// # Errors
    /// A folder that has noted others, or cannot be written to.
    pub(super) fn open(
        folder: &Path,
        material: &str,
        origin: Option<Origin>,
        settings: &Training,
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::work(format!("{}: {error}", folder.display())))?;
        match Self::noted(folder)? {
            Some(there) if there != *settings => {
                let message = format!(
                    "{}: settings of another training; expected those given; take another folder",
                    folder.join("training.ron").display()
                );
                return Err(Failure::Input(message));
            }
            Some(_) => {}
            None => {
                let text = Trainer::settings_text(settings).map_err(failure)?;
                save(&folder.join("training.ron"), &text)?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            material: material.to_owned(),
            origin,
        })
    }

    fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint.npz")
    }

    /// Brings a training to where it stood when it was stopped, if it ever was.
    pub(super) fn resume(&self, trainer: &mut Trainer) -> Result<(), Failure> {
        let checkpoint = self.checkpoint();
        if checkpoint.is_file() {
            trainer.resume(&checkpoint).map_err(failure)?;
        }
        Ok(())
    }

    /// Writes where the training stands.
    pub(super) fn stop(&self, trainer: &Trainer) -> Result<(), Failure> {
        trainer.save(&self.checkpoint()).map_err(failure)
    }

    /// Writes the best operator, what validations found, and where the training stands.
    pub(super) fn keep(&self, trainer: &Trainer, kernel: Option<&Kernel>) -> Result<(), Failure> {
        let operator = trainer.operator().map_err(failure)?;
        let card = Card {
            origin: self.origin,
            ..trainer.card(&self.material)
        };
        card.write(&self.folder.join("operator.ron"), &operator, kernel)
            .map_err(failure)?;
        let mut text =
            "iteration,loss,validation_mse,validation_last,validation_relative\n".to_owned();
        for at in &trainer.state.log {
            let score = at.validation;
            let numbers = [at.loss, score.mse, score.last, score.relative];
            let numbers = numbers.map(|number| format!("{number:e}")).join(",");
            text += &format!("{},{numbers}\n", at.iteration);
        }
        save(&self.folder.join("metrics.csv"), &text)?;
        self.stop(trainer)
    }
}

/// Writes a text file at once.
pub(super) fn save(path: &Path, text: &str) -> Result<(), Failure> {
    write_atomic(path, |file| {
        std::io::Write::write_all(file, text.as_bytes())
    })
    .map_err(Failure::work)
}
