//! Scores, curves and pictures of what has been run, for `backflow task report`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backflow_sim::io::write_atomic;
use clap::Args;
use serde_json::json;

use crate::{
    cli::{
        Failure,
        out::{say, say_json},
    },
    task::benchmark::{
        Point, Run,
        plot::{Curve, plot},
        table::{Entry, compared, of, page, tasks},
    },
};

/// Where runs are and what is made of them.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// Folder of the runs.
    #[arg(long, default_value = "runs/tasks", value_name = "DIR")]
    out: PathBuf,
    /// Page to write; plots and pictures go to the folder `plots` beside it.
    #[arg(long, default_value = "docs/benchmark.md", value_name = "FILE")]
    to: PathBuf,
    /// Text about how the runs were made, which goes before the tables.
    #[arg(long, value_name = "FILE")]
    notes: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut entries = Vec::new();
        gather(&self.out, &mut entries)?;
        if entries.is_empty() {
            return Err(Failure::Input(format!(
                "{}: no finished run in it; expected what `backflow task run` wrote",
                self.out.display()
            )));
        }
        let folder = self.to.parent().unwrap_or(Path::new(""));
        let plots = folder.join("plots");
        fs::create_dir_all(&plots)
            .map_err(|error| Failure::Work(format!("{}: {error}", plots.display())))?;
        for task in tasks(&entries) {
            for (of_seconds, what) in [(false, "substeps"), (true, "seconds")] {
                let curves: Vec<Curve> = compared(&entries)
                    .into_iter()
                    .filter_map(|method| curve(&of(&entries, task, method), method, of_seconds))
                    .collect();
                let title = format!("{task}: least loss so far");
                let name = format!("{}-{what}.svg", task.replace('/', "-"));
                let svg = plot(&title, what, "loss", &curves);
                put(&plots.join(name), &svg)?;
            }
        }
        for entry in &entries {
            for name in ["last.png", "goal.png"] {
                let drawn = entry.folder.join(name);
                if drawn.is_file() {
                    let to = plots.join(entry.picture(name));
                    fs::copy(&drawn, &to)
                        .map_err(|error| Failure::Work(format!("{}: {error}", to.display())))?;
                }
            }
        }
        let notes = self.notes.as_ref().map(fs::read_to_string).transpose();
        let notes = notes.map_err(Failure::input)?.unwrap_or_default();
        put(&self.to, &page(&entries, &notes, "plots"))?;
        if self.json {
            say_json(&json!({"page": self.to.display().to_string(), "runs": entries.len()}));
        } else {
            say(&format!("{} runs in {}", entries.len(), self.to.display()));
        }
        Ok(())
    }
}

/// The curve of the run in the middle by its least loss.
fn curve(entries: &[&Entry], method: &str, of_seconds: bool) -> Option<Curve> {
    let mut order: Vec<&&Entry> = entries.iter().collect();
    order.sort_by(|a, b| a.finished.best.total_cmp(&b.finished.best));
    let entry = order.get(order.len().saturating_sub(1) / 2)?;
    let point = |point: &Point| {
        let x = if of_seconds {
            point.seconds
        } else {
            point.substeps as f64
        };
        (x, point.best)
    };
    Some(Curve {
        name: method.to_owned(),
        points: entry.curve.iter().map(point).collect(),
    })
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    write_atomic(path, |file| {
        use std::io::Write;
        file.write_all(text.as_bytes())
    })
    .map_err(Failure::work)
}

/// Adds the finished runs below `folder`, which are `<task>/<method>-<seed>` there.
fn gather(folder: &Path, entries: &mut Vec<Entry>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Input(format!("{}: {error}; expected a folder", folder.display()))
    };
    let mut below = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        below.push(entry.map_err(unreadable)?.path());
    }
    below.sort();
    for path in below.into_iter().filter(|path| path.is_dir()) {
        let run = Run::at(&path);
        match run.finished().map_err(Failure::input)? {
            Some(finished) => entries.push(Entry {
                finished,
                curve: run.curve(),
                folder: path,
            }),
            None => gather(&path, entries)?,
        }
    }
    Ok(())
}
