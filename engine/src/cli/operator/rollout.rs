//! `backflow operator rollout`: runs an operator and saves where all particles are.

use std::path::PathBuf;

use backflow_operator::{
    data::{DataSet, Trajectory},
    decode::Decoder,
    evaluate::judge,
    train::{Card, Trained},
};
use clap::Args;
use serde_json::json;

use super::{Part, failure};
use crate::cli::{
    Failure,
    options::{on_threads, seconds},
    out::{Watch, say, say_json},
};

/// Runs an operator from the start of a trajectory of a data set and saves where all particles are, as a
/// trajectory of the same format. Its first positions, as many as the operator sees, are the true ones.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: backflow operator rollout runs/jelly/operator.ron runs/small --number 1 --out jelly.npz"
)]
pub struct Rollout {
    /// Operator: the `.ron` file.
    operator: PathBuf,
    /// Data set.
    data: PathBuf,
    /// Which of its trajectories.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    split: Part,
    /// Number of the trajectory.
    #[arg(long, default_value_t = 0, value_name = "N")]
    number: usize,
    /// Samples to run; as many as it was trained with by default.
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Threads to use; as many as there are cores by default. Results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Rollout {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or numbers that are not finite.
    pub fn run(&self) -> Result<(), Failure> {
        on_threads(self.threads, || self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let Trained {
            card,
            operator,
            kernel,
        } = Card::read(&self.operator).map_err(failure)?;
        let data = DataSet::open(&self.data).map_err(failure)?;
        let material = data.material(Some(&card.material)).map_err(failure)?;
        let path = DataSet::path(&data.folder, material, self.split.split(), self.number);
        let trajectory = Trajectory::read(&path).map_err(failure)?;
        let watch = Watch::start();
        let samples = self.samples.unwrap_or(card.samples);
        let judged = judge(&operator, &trajectory, samples).map_err(failure)?;
        let rest = &judged.track.x[0];
        let start = trajectory.positions(0);
        let decoder = Decoder::new(rest, start, kernel.as_ref()).map_err(failure)?;
        let first = trajectory.frames() - judged.rolled.len();
        let mut x = trajectory.x[..first * start.len()].to_vec();
        for rolled in &judged.rolled {
            let moved = decoder.apply(&(rolled - rest)).map_err(failure)?;
            x.extend(moved.iter().zip(start).map(|(u, x)| u + x));
        }
        let rolled = Trajectory { x, ..trajectory };
        rolled.write(&self.out).map_err(failure)?;
        if self.json {
            say_json(&json!({
                "out": self.out.display().to_string(),
                "steps": judged.rolled.len(),
                "samples": samples,
                "particles": rolled.count,
                "mse": judged.score.mse,
                "seconds": watch.seconds(),
            }));
        } else {
            say(&format!(
                "{} steps of {} samples, {} particles, mean square error {:.3e} m^2, {} in {}",
                judged.rolled.len(),
                samples,
                rolled.count,
                judged.score.mse,
                seconds(&watch),
                self.out.display()
            ));
        }
        Ok(())
    }
}
