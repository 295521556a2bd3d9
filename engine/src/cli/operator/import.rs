//! `backflow operator import`: data sets of others.

use std::path::PathBuf;

use backflow_operator::data::{Metadata, import};
use clap::Args;
use serde_json::json;

use super::{Part, failure};
use crate::cli::{
    Failure,
    out::{Progress, say, say_json},
};

/// Reads a data set of "Learning to simulate complex physics with graph networks" (Sanchez-Gonzalez et al. 2020) for
/// `train`, `rollout` and `evaluate`: one file of records at a time, with its metadata. Data of the plane lie in the
/// middle of a room; sets with obstacles are not read.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: backflow operator import WaterDrop/train.tfrecord WaterDrop/metadata.json --material water --split train --out runs/drop"
)]
pub struct Import {
    /// Records: a `.tfrecord` file.
    records: PathBuf,
    /// What belongs to them: a `metadata.json`.
    metadata: PathBuf,
    /// Name of the material.
    #[arg(long, value_name = "NAME")]
    material: String,
    /// What they are for.
    #[arg(long, value_enum)]
    split: Part,
    /// Folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Trajectories to read at most.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    /// Gravity along x, y and z, in units of the data, which say nothing of it.
    #[arg(
        long,
        value_name = "X,Y,Z",
        value_delimiter = ',',
        num_args = 1,
        default_value = "0,-9.81,0",
        allow_hyphen_values = true
    )]
    gravity: Vec<f64>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Import {
    /// Runs the command.
    ///
    /// # Errors
    /// Files that cannot be read, or are something else.
    pub fn run(&self) -> Result<(), Failure> {
        let gravity: [f64; 3] = self.gravity.as_slice().try_into().map_err(|_| {
            let found = self.gravity.len();
            Failure::Input(format!("--gravity: found {found} numbers, expected 3"))
        })?;
        let metadata = Metadata::read(&self.metadata).map_err(failure)?;
        let trajectories = metadata
            .trajectories(&self.records, gravity)
            .map_err(failure)?;
        let (split, material) = (self.split.split(), &self.material);
        let mut progress = Progress::counting("trajectories", self.json);
        let mut each = |count: usize| {
            progress.at(count, "so far");
            true
        };
        let count = import(
            &self.out,
            material,
            split,
            trajectories,
            self.limit,
            &mut each,
        );
        progress.end();
        let (count, out) = (count.map_err(failure)?, self.out.display());
        if self.json {
            say_json(&json!({ "out": out.to_string(), "trajectories": count }));
        } else {
            say(&format!("{count} trajectories in {out}"));
        }
        Ok(())
    }
}
