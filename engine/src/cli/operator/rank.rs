//! `backflow operator rank`: which settings promise most, before anything is trained.

use std::path::PathBuf;

use backflow_operator::{
    OperatorError,
    data::{DataSet, Split},
    train::{Trainer, Training},
};
use clap::Args;
use serde_json::json;

use super::failure;
use crate::cli::{
    Failure,
    options::on_threads,
    out::{say, say_json},
};

/// Ranks settings by `GradSign` (Zhang & Jia 2022): by how far excerpts of the data agree, at the first weights, on
/// which way each weight should go. It takes as long as so many excerpts of a training.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: backflow operator rank runs/small narrow.ron wide.ron --material jelly"
)]
pub struct Rank {
    /// Data set: a folder that `generate` has filled.
    data: PathBuf,
    /// Settings of trainings, in RON.
    #[arg(required = true, value_name = "SETTINGS")]
    settings: Vec<PathBuf>,
    /// Material of the data set to learn; not needed where it has one.
    #[arg(long, value_name = "NAME")]
    material: Option<String>,
    /// Excerpts to ask.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    excerpts: u32,
    /// Threads to use; as many as there are cores by default. Results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object a line instead of text, the best first.
    #[arg(long)]
    json: bool,
}

/// Settings and what they promise.
struct Candidate {
    path: String,
    weights: usize,
    score: f64,
}

impl Rank {
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
        let train = data.read(material, Split::Train).map_err(failure)?;
        let candidate = |path: &PathBuf| -> Result<Candidate, OperatorError> {
            let settings = Training::read(path)?;
            let trainer = Trainer::new(settings, &train, &[])?;
            Ok(Candidate {
                path: path.display().to_string(),
                weights: trainer.state.weights.len(),
                score: trainer.grad_sign(self.excerpts as usize)?,
            })
        };
        let found: Result<Vec<_>, _> = self.settings.iter().map(candidate).collect();
        let mut found = found.map_err(failure)?;
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        for Candidate {
            path,
            weights,
            score,
        } in found
        {
            // 1 where all excerpts agree on all weights.
            let agreement = score / (weights as f64 * f64::from(self.excerpts));
            if self.json {
                say_json(&json!({
                    "settings": path,
                    "weights": weights,
                    "score": score,
                    "agreement": agreement,
                }));
            } else {
                say(&format!(
                    "{path}: {score:.0}, {weights} weights, agreement {agreement:.3}"
                ));
            }
        }
        Ok(())
    }
}
