//! The table of a run, `metrics.csv`: a line an iteration.

use std::path::Path;

use backflow_optim::{Record, ScheduleSettings, Settings, UpdateSettings, schedule::refine};

use super::super::Failure;

/// Its first line.
pub fn header(record: &Record) -> String {
    let metrics: String = record
        .metrics
        .iter()
        .map(|(name, _)| format!(",{}", name.replace(',', " ")))
        .collect();
    format!("iteration,loss,best,gradient_norm,rate,event{metrics}\n")
}

/// The line of an iteration.
pub fn line(record: &Record) -> String {
    let metrics: String = record
        .metrics
        .iter()
        .map(|(_, share)| format!(",{share}"))
        .collect();
    format!(
        "{},{:e},{:e},{:e},{:e},{}{metrics}\n",
        record.iteration,
        record.value,
        record.best,
        record.gradient_norm,
        record.rate,
        format!("{:?}", record.event)
            .split('(')
            .next()
            .unwrap_or_default(),
    )
}

/// The schedule that the gradients of a run call for.
pub fn refined(run: &Path, settings: &Settings) -> Result<ScheduleSettings, Failure> {
    let path = run.join("metrics.csv");
    let wrong = |what: &str| Failure::Input(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error.to_string()))?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let column = head.split(',').position(|name| name == "gradient_norm");
    let column =
        column.ok_or_else(|| wrong("no column `gradient_norm`; expected a run's table"))?;
    let norms = lines.map(|line| line.split(',').nth(column)?.parse::<f64>().ok());
    let sound = |norm: &f64| norm.is_finite() && *norm > 0.0;
    let norms: Vec<f64> = norms.flatten().filter(sound).collect();
    if norms.len() < 2 {
        return Err(wrong(
            "fewer than two gradients in it; expected a run by gradients",
        ));
    }
    let power = match settings.update {
        UpdateSettings::Sgd { .. } => 2.0,
        _ => 1.0,
    };
    Ok(ScheduleSettings::Refined {
        factors: refine(&norms, power),
    })
}
