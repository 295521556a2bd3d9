//! `backflow operator generate`: data sets from rollouts of the engine.

use std::path::PathBuf;

use backflow_operator::data::{Recipe, generate};
use clap::Args;
use serde_json::json;

use super::failure;
use crate::cli::{
    Failure,
    options::{on_threads, seconds},
    out::{Progress, Watch, say, say_json},
};

/// Makes a data set from rollouts of the engine. What is there already is kept, so that it can be
/// stopped and started again.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: backflow operator generate assets/operators/small.ron --out runs/small"
)]
pub struct Generate {
    /// Recipe of the data set.
    recipe: PathBuf,
    /// Folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Threads to use; as many as there are cores by default. Results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Generate {
    /// Runs the command.
    ///
    /// # Errors
    /// A wrong recipe, or a rollout that fails.
    pub fn run(&self) -> Result<(), Failure> {
        on_threads(self.threads, || self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let recipe = Recipe::read(&self.recipe).map_err(failure)?;
        let watch = Watch::start();
        let mut progress: Option<Progress> = None;
        let mut made = 0;
        generate(&recipe, &self.out, &mut |done, total| {
            let progress =
                progress.get_or_insert_with(|| Progress::new(total, "trajectories", self.json));
            progress.at(done, "");
            made = done;
            true
        })
        .map_err(failure)?;
        if let Some(progress) = &progress {
            progress.end();
        }
        if self.json {
            say_json(&json!({
                "out": self.out.display().to_string(),
                "trajectories": made,
                "materials": recipe.materials.keys().collect::<Vec<_>>(),
                "seconds": watch.seconds(),
            }));
        } else {
            let (out, time) = (self.out.display(), seconds(&watch));
            say(&format!("{made} trajectories in {out} after {time}"));
        }
        Ok(())
    }
}
