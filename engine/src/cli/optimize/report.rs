//! What came out of an optimisation, as a file and on the screen.

use std::collections::BTreeMap;

use backflow_optim::{Outcome, Stop};
use serde_json::json;

use super::super::{
    Failure,
    options::seconds,
    out::{Watch, say, say_json},
};
use crate::task::{Task, binding::Binding, folder::RunFolder};

/// What came out of one.
pub struct Finished {
    /// Of the driver.
    pub outcome: Outcome,
    /// The stage it ended in, from 1.
    pub stage: usize,
    /// How many there are.
    pub stages: usize,
    /// Metrics of the start.
    pub first_metrics: Vec<(String, f64)>,
    /// Metrics of the best.
    pub best_metrics: Vec<(String, f64)>,
}

/// Slices of a flat vector by name; as values of the scene where `as_values`.
pub fn named(binding: &Binding, x: &[f64], as_values: bool) -> BTreeMap<String, Vec<f64>> {
    let values = if as_values {
        binding.as_values(x)
    } else {
        x.to_vec()
    };
    let slices = binding.layout().slices();
    slices
        .iter()
        .map(|slice| (slice.name.clone(), values[slice.range.clone()].to_vec()))
        .collect()
}

/// Writes what came out into the run folder and says it, as JSON or as text.
pub fn report(
    task: &Task,
    binding: &Binding,
    folder: &RunFolder,
    finished: &Finished,
    json: bool,
    watch: &Watch,
) -> Result<(), Failure> {
    let Finished {
        outcome,
        first_metrics,
        best_metrics,
        ..
    } = finished;
    let shares =
        |metrics: &[(String, f64)]| -> BTreeMap<String, f64> { metrics.iter().cloned().collect() };
    let report = json!({
        "scene": task.spec.name,
        "command": "optimize",
        "run": folder.path().display().to_string(),
        "particles": task.scene.particles.len(),
        "variables": binding.layout().dimension(),
        "iterations": outcome.iterations,
        "stage": finished.stage,
        "stages": finished.stages,
        "stop": format!("{:?}", outcome.stop),
        "first_loss": outcome.first_value,
        "best_loss": outcome.best_value,
        "best_iteration": outcome.best_iteration,
        "first_metrics": shares(first_metrics),
        "best_metrics": shares(best_metrics),
        "best": named(binding, &outcome.best_x, true),
        "clamped": outcome.counters.clamped,
        "clipped": outcome.counters.clipped,
        "backoffs": outcome.counters.backoffs,
        "seconds": watch.seconds(),
    });
    let text = serde_json::to_string_pretty(&report).map_err(Failure::work)?;
    folder.write("report.json", &text).map_err(Failure::work)?;
    if json {
        say_json(&report);
        return Ok(());
    }
    let gain = 100.0 * (1.0 - outcome.best_value / outcome.first_value);
    say(&format!(
        "{}: loss {:.4e} -> {:.4e} ({gain:.1} % less) in {} iterations, {}",
        task.spec.name,
        outcome.first_value,
        outcome.best_value,
        outcome.iterations,
        seconds(watch)
    ));
    for ((name, first), (_, best)) in first_metrics.iter().zip(best_metrics) {
        say(&format!(
            "  {name}: {:.1} % -> {:.1} %",
            100.0 * first,
            100.0 * best
        ));
    }
    for (name, values) in named(binding, &outcome.best_x, true) {
        if values.len() <= 6 {
            let values: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
            say(&format!("  {name} = {}", values.join(", ")));
        }
    }
    if outcome.counters.backoffs > 0 {
        say(&format!(
            "  backed off {} times from numbers that were not finite",
            outcome.counters.backoffs
        ));
    }
    if outcome.stop == Stop::Observer {
        let path = folder.path().display();
        say(&format!(
            "  interrupted: go on with `backflow optimize --resume {path}`"
        ));
    }
    say(&format!("  saved in {}", folder.path().display()));
    Ok(())
}
