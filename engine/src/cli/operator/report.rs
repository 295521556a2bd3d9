//! `backflow operator report`: trainings and evaluations in one page.

use std::{fmt::Write, path::PathBuf};

use backflow_sim::io::write_atomic;
use clap::Args;
use serde_json::Value;

use crate::cli::{Failure, out::say};

/// Puts evaluations together in one page of Markdown.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: backflow operator report runs/jelly/evaluation.json runs/sand/evaluation.json --out operators.md"
)]
pub struct Report {
    /// What `evaluate --out` has written.
    #[arg(required = true, value_name = "EVALUATION")]
    evaluations: Vec<PathBuf>,
    /// File to write instead of the output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const HEAD: &str = "| material | operator | samples | rollout m^2 | relative | constant velocity m^2 | free fall m^2 | all of true samples, least squares | all of true samples | all rolled | beyond walls m | ms a step | engine ms a step | engine with as few, all | its particles |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

impl Report {
    /// Runs the command.
    ///
    /// # Errors
    /// A file that cannot be read, or is no evaluation.
    pub fn run(&self) -> Result<(), Failure> {
        let mut page = HEAD.to_owned();
        for path in &self.evaluations {
            let wrong = |error: String| Failure::Input(format!("{}: {error}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            let found: Value =
                serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            let rows = rows(&found).ok_or_else(|| {
                wrong("expected what `backflow operator evaluate --out` writes".to_owned())
            })?;
            page += &rows;
        }
        match &self.out {
            Some(path) => write_atomic(path, |file| {
                std::io::Write::write_all(file, page.as_bytes())
            })
            .map_err(Failure::work)?,
            None => say(page.trim_end()),
        }
        Ok(())
    }
}

/// The lines of an evaluation.
fn rows(found: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (material, operator) = (text(&found["material"])?, text(&found["operator"])?);
    let baseline = |name: &str| found["baselines"][name]["mse"].as_f64();
    let (velocity, fall) = (baseline("constant velocity")?, baseline("free fall")?);
    let engine = found["engine_ms_per_step"].as_f64();
    let engine = engine.map_or_else(|| "-".to_owned(), |time| format!("{time:.3}"));
    let coarse = &found["coarse_engine"];
    let few = coarse["full"]["relative"]
        .as_f64()
        .zip(coarse["particles"].as_u64());
    let few = few.map_or_else(
        || "- | -".to_owned(),
        |(error, count)| format!("{error:.3} | {count}"),
    );
    let mut lines = String::new();
    for row in found["samples"].as_array()? {
        let number = |part: &str, name: &str| row[part][name].as_f64();
        let samples = row["samples"].as_u64()?;
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "| {material} | {operator} | {samples} | {:.3e} | {:.3} | {velocity:.3e} | {fall:.3e} | {:.4} | {:.4} | {:.3} | {:.1e} | {:.3} | {engine} | {few} |",
            number("rollout", "mse")?,
            number("rollout", "relative")?,
            number("reconstructed_by_least_squares", "relative")?,
            number("reconstructed", "relative")?,
            number("full", "relative")?,
            row["beyond_walls"].as_f64()?,
            row["ms_per_step"].as_f64()?,
        );
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_evaluation_is_a_line_for_each_number_of_samples() {
        let score = json!({"mse": 1e-4, "last": 2e-4, "relative": 0.1});
        let row = json!({
            "samples": 64, "rollout": score, "reconstructed": score,
            "reconstructed_by_least_squares": score, "full": score,
            "beyond_walls": 0.0, "ms_per_step": 1.5,
        });
        let found = json!({
            "material": "jelly", "operator": "a.ron", "engine_ms_per_step": null,
            "baselines": {"constant velocity": score, "free fall": score},
            "samples": [row, row],
        });
        let lines = rows(&found).unwrap();
        assert_eq!(lines.lines().count(), 2);
        assert!(
            lines.starts_with("| jelly | a.ron | 64 | 1.000e-4 | 0.100 |"),
            "{lines}"
        );
        let columns = |line: &str| line.matches('|').count();
        assert_eq!(
            columns(lines.lines().next().unwrap()),
            columns(HEAD.lines().next().unwrap())
        );
        assert!(rows(&json!({"material": "jelly"})).is_none());
    }
}
