//! `backflow grasp report`: how good sets of grasps seem.

use std::path::PathBuf;

use backflow_grasp::{
    set::{GraspEntry, diversity, json},
    synthesis::Score,
};
use clap::Args;
use serde_json::json;

use crate::cli::{
    Failure,
    out::{say, say_json},
};

/// Says how good sets of grasps seem by their own scores, and how diverse they are.
///
/// Nothing is simulated: `force` is what forces miss of a unit load, mean over six loads.
#[derive(Debug, Args)]
#[command(after_help = "Example: backflow grasp report runs/grasps/*.json")]
pub struct Report {
    /// Sets in JSON.
    #[arg(required = true, value_name = "SET")]
    sets: Vec<PathBuf>,
    /// Print one JSON object a set instead of a table.
    #[arg(long)]
    json: bool,
}

impl Report {
    /// Runs the command.
    ///
    /// # Errors
    /// A set that cannot be read.
    pub fn run(&self) -> Result<(), Failure> {
        let mut all: Vec<GraspEntry> = Vec::new();
        if !self.json {
            say(
                "set | grasps | force | squeeze | gap mm | penetration mm | self mm | first PCA share",
            );
        }
        for path in &self.sets {
            let set = json::read(path).map_err(Failure::input)?;
            self.tell(&path.display().to_string(), &set.grasps);
            all.extend(set.grasps);
        }
        if self.sets.len() > 1 {
            self.tell("all", &all);
        }
        Ok(())
    }

    fn tell(&self, name: &str, grasps: &[GraspEntry]) {
        let scores: Vec<&Score> = grasps
            .iter()
            .filter_map(|grasp| grasp.score.as_ref())
            .collect();
        let mean = |part: &dyn Fn(&Score) -> f64| {
            let sum: f64 = scores.iter().map(|score| part(score)).sum();
            sum / scores.len().max(1) as f64
        };
        let share = diversity(grasps.iter());
        let parts = [
            mean(&|score| score.force),
            mean(&|score| score.squeeze),
            1e3 * mean(&|score| score.gap),
            1e3 * mean(&|score| score.penetration),
            1e3 * mean(&|score| score.overlap),
        ];
        if self.json {
            say_json(&json!({
                "set": name,
                "grasps": grasps.len(),
                "scored": scores.len(),
                "force": parts[0],
                "squeeze": parts[1],
                "gap_mm": parts[2],
                "penetration_mm": parts[3],
                "self_penetration_mm": parts[4],
                "pca_share_first5": share,
            }));
        } else {
            let numbers = parts.map(|part| format!("{part:.3}")).join(" | ");
            let share = share.map_or_else(
                || "-".to_owned(),
                |share| format!("{:.1} %", 100.0 * share[0]),
            );
            say(&format!("{name} | {} | {numbers} | {share}", grasps.len()));
        }
    }
}
