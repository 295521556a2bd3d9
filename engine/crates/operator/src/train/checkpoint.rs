//! Files of operators and of trainings that go on later.

use std::path::Path;

use backflow_optim::update::AdamW;
use backflow_sim::{
    io::{Array, Npz, write_npz},
    scene::spec::Material,
};
use serde::{Deserialize, Serialize};

use super::{
    Training,
    judge::Score,
    trainer::{Progress, State, Trainer},
};
use crate::{
    decode::Kernel,
    error::OperatorError,
    model::{Config, Operator, Scales},
    text,
};

/// The version of the files of operators that this crate reads.
const VERSION: u32 = 1;

/// What the file of an operator says beside its weights, in RON. The weights are float32 in the array
/// `weights` of the `.npz` file of the same name; those of the decoder, if there is one, in `kernel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of the format: 1.
    pub version: u32,
    /// What it was trained on.
    pub material: String,
    /// Shape of the network.
    pub model: Config,
    /// Units.
    pub scales: Scales,
    /// Samples that it was trained with.
    pub samples: usize,
    /// Iterations of its weights.
    pub iteration: usize,
    /// Mean square error of rollouts of the validation trajectories (m^2).
    pub validation: f64,
    /// What the data were made from, where the engine made them. Default: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What an operator knows by heart of the engine that its data came from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The material.
    pub material: Material,
    /// Edge of a cell of the grid (m).
    pub cell: f64,
    /// Acceleration of gravity (m/s^2).
    pub gravity: [f64; 3],
}

fn vector(values: &[f32]) -> Array<'_> {
    Array::F32(vec![values.len()], values)
}

impl Card {
    /// Writes an operator: `path`, which ends in `.ron`, and its weights beside it.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(
        &self,
        path: &Path,
        operator: &Operator<f32>,
        kernel: Option<&Kernel>,
    ) -> Result<(), OperatorError> {
        let mut arrays = vec![("weights", vector(&operator.weights))];
        let kernel = kernel.map(Kernel::weights);
        if let Some(kernel) = &kernel {
            arrays.push(("kernel", vector(kernel)));
        }
        write_npz(&path.with_extension("npz"), &arrays)?;
        text::write(self, path, "an operator that can be written")
    }

    /// Reads an operator from `path`, which ends in `.ron`, and the weights beside it.
    ///
    /// # Errors
    /// A file that cannot be read, or does not hold an operator.
    pub fn read(path: &Path) -> Result<Trained, OperatorError> {
        let card: Self = text::read(path, "the card of an operator")?;
        if card.version != VERSION {
            return Err(OperatorError::setting("version", card.version, "1"));
        }
        let weights = path.with_extension("npz");
        let mut npz = Npz::open(&weights)?;
        let (_, values) = npz.f32("weights", &[None])?;
        let kernel = if npz.names().iter().any(|name| name == "kernel") {
            Some(Kernel::new(&npz.f32("kernel", &[None])?.1)?)
        } else {
            None
        };
        if !values.iter().all(|w| w.is_finite()) {
            return Err(OperatorError::NotFinite {
                what: "array `weights`",
                place: format!("in {}", weights.display()),
            });
        }
        let operator = Operator::new(card.model, card.scales, values)?;
        Ok(Trained {
            card,
            operator,
            kernel,
        })
    }
}

/// What the files of an operator hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// What is said about it.
    pub card: Card,
    /// The operator.
    pub operator: Operator<f32>,
    /// What it decodes with, if it was learned.
    pub kernel: Option<Kernel>,
}

/// Numbers of a [`Progress`] in a file.
const LOG: usize = 5;

impl Trainer {
    /// What the card of its best operator says.
    pub fn card(&self, material: &str) -> Card {
        let best = |progress: &&Progress| progress.validation.mse == self.state.best_score;
        Card {
            version: VERSION,
            material: material.to_owned(),
            model: self.settings.model,
            scales: self.scales,
            samples: self.settings.samples,
            iteration: self
                .state
                .log
                .iter()
                .find(best)
                .map_or(0, |at| at.iteration),
            validation: self.state.best_score,
            origin: None,
        }
    }

    /// Writes where the training stands, for [`Trainer::resume`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), OperatorError> {
        let State {
            weights,
            update,
            iteration,
            best,
            best_score,
            stale,
            running,
            log,
        } = &self.state;
        let shape = vec![weights.len()];
        let counters = [
            *iteration as i64,
            i64::from(update.adam.count),
            *stale as i64,
            running.1 as i64,
        ];
        let numbers = [*best_score, running.0];
        let rows: Vec<f64> = log
            .iter()
            .flat_map(|at| {
                let Score {
                    mse,
                    last,
                    relative,
                } = at.validation;
                [at.iteration as f64, at.loss, mse, last, relative]
            })
            .collect();
        write_npz(
            path,
            &[
                ("weights", Array::F64(shape.clone(), weights)),
                ("mean", Array::F64(shape.clone(), &update.adam.mean)),
                ("square", Array::F64(shape.clone(), &update.adam.square)),
                ("best", Array::F64(shape, best)),
                ("counters", Array::I64(vec![counters.len()], &counters)),
                ("numbers", Array::F64(vec![numbers.len()], &numbers)),
                ("log", Array::F64(vec![log.len(), LOG], &rows)),
            ],
        )?;
        Ok(())
    }

    /// Goes back to where [`Trainer::save`] was called, on the same data and with the same settings.
    ///
    /// # Errors
    /// A file that cannot be read, or of another network.
    pub fn resume(&mut self, path: &Path) -> Result<(), OperatorError> {
        let mut npz = Npz::open(path)?;
        let size = [Some(self.state.weights.len())];
        let mut read = |name: &str| npz.f64(name, &size).map(|array| array.1);
        let (weights, mean) = (read("weights")?, read("mean")?);
        let (square, best) = (read("square")?, read("best")?);
        let counters = npz.i64("counters", &[Some(4)])?.1;
        let numbers = npz.f64("numbers", &[Some(2)])?.1;
        let rows = npz.f64("log", &[None, Some(LOG)])?.1;
        let count = |at: usize| usize::try_from(counters[at]).unwrap_or(0);
        let mut update = AdamW {
            decay: self.settings.decay,
            ..AdamW::new(weights.len())
        };
        update.adam.count = u32::try_from(counters[1]).unwrap_or(0);
        update.adam.mean = mean;
        update.adam.square = square;
        let progress = |row: &[f64]| Progress {
            iteration: row[0] as usize,
            loss: row[1],
            validation: Score {
                mse: row[2],
                last: row[3],
                relative: row[4],
            },
        };
        self.state = State {
            weights,
            update,
            iteration: count(0),
            best,
            best_score: numbers[0],
            stale: count(2),
            running: (numbers[1], count(3)),
            log: rows.chunks_exact(LOG).map(progress).collect(),
        };
        Ok(())
    }

    /// The settings that the state belongs to, as text: resuming with others is refused by the caller.
    ///
    /// # Errors
    /// Settings that cannot be written.
    pub fn settings_text(settings: &Training) -> Result<String, OperatorError> {
        text::of(settings).map_err(|error| OperatorError::setting("settings", error, "numbers"))
    }
}
