//! `backflow validate`: the physics against theory and experiment.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use backflow_sim::io::write_atomic;
use clap::Args;
use serde_json::json;

use super::{
    Failure,
    options::on_threads,
    out::{Progress, say, say_json},
};
use crate::validate::{CASES, Case, Outcome, Tier, page, table};

/// Compares the physics with theory and experiment.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow validate
  backflow validate --full F3 S11 --out runs/validation
  backflow validate --list")]
pub struct Validate {
    /// Cases to run, by name; all by default.
    cases: Vec<String>,
    /// Finer grids: minutes a case instead of seconds.
    #[arg(long)]
    full: bool,
    /// Folder for report.json and the plots.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File for the results as a page of Markdown.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Lists the cases and runs none.
    #[arg(long)]
    list: bool,
    /// Threads to use; as many as there are cores by default. Results do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object a case instead of text.
    #[arg(long)]
    json: bool,
}

impl Validate {
    /// Runs the command.
    ///
    /// # Errors
    /// An unknown case, a run that fails, or a number beyond its tolerance.
    pub fn run(&self) -> Result<(), Failure> {
        on_threads(self.threads, || self.validate())
    }

    fn validate(&self) -> Result<(), Failure> {
        if self.list {
            for case in CASES {
                say(&format!("{:<8} {}", case.id, case.about));
            }
            return Ok(());
        }
        let known = || {
            CASES
                .iter()
                .map(|case| case.id)
                .collect::<Vec<_>>()
                .join(", ")
        };
        for name in &self.cases {
            if CASES.iter().all(|case| case.id != name) {
                let message = format!("case = {name:?}: expected one of {}", known());
                return Err(Failure::Input(message));
            }
        }
        let wanted =
            |case: &&Case| self.cases.is_empty() || self.cases.iter().any(|name| name == case.id);
        let cases: Vec<&Case> = CASES.iter().filter(wanted).collect();
        let tier = if self.full { Tier::Full } else { Tier::Fast };
        let mut progress = Progress::new(cases.len(), "cases", self.json);
        let mut results = Vec::new();
        for (done, case) in cases.into_iter().enumerate() {
            progress.at(done, case.id);
            let outcome = case
                .run(tier)
                .map_err(|error| Failure::Work(format!("{}: {error}", case.id)))?;
            if self.json {
                say_json(&describe(case, &outcome));
            } else {
                say(&table(case, &outcome));
            }
            results.push((case, outcome));
        }
        progress.end();
        self.write(tier, &results)?;
        let short: Vec<_> = results
            .iter()
            .filter(|(_, outcome)| !outcome.holds())
            .map(|(case, _)| case.id)
            .collect();
        if short.is_empty() {
            Ok(())
        } else {
            let names = short.join(", ");
            Err(Failure::Work(format!("beyond their tolerance: {names}")))
        }
    }

    fn write(&self, tier: Tier, results: &[(&Case, Outcome)]) -> Result<(), Failure> {
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::work(format!("{}: {error}", folder.display())))?;
            let all: Vec<_> = results
                .iter()
                .map(|(case, outcome)| describe(case, outcome))
                .collect();
            let text = format!("{:#}\n", json!(all));
            save(&folder.join("report.json"), &text)?;
            for (case, outcome) in results {
                for (number, plot) in outcome.plots.iter().enumerate() {
                    let name = format!("{}-{}.svg", case.id, number + 1);
                    save(&folder.join(name), &plot.svg())?;
                }
            }
        }
        if let Some(path) = &self.page {
            save(path, &page(tier, results))?;
        }
        Ok(())
    }
}

fn save(path: &Path, text: &str) -> Result<(), Failure> {
    write_atomic(path, |file| file.write_all(text.as_bytes())).map_err(Failure::work)
}

fn describe(case: &Case, outcome: &Outcome) -> serde_json::Value {
    json!({
        "case": case.id,
        "about": case.about,
        "holds": outcome.holds(),
        "order": outcome.order,
        "rows": outcome.rows,
    })
}
