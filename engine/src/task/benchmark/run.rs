//! One method on one task: a run that can be killed at any instant and goes on to the same bits.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use backflow_optim::{Driver, DriverState, Objective, Settings};
use backflow_sim::io::{FileError, write_atomic};
use serde::{Deserialize, Serialize};

use super::meter::Metered;
use crate::task::folder::{FolderError, read_ron};

/// The folder of a run: `<out>/<task>/<method>-<seed>`.
///
/// | file | what it holds |
/// |---|---|
/// | `settings.ron` | what the driver was told |
/// | `curve.csv` | one line an iteration: substeps spent, seconds, value, best |
/// | `state.ron` | the optimiser and what it has spent, after its last whole iteration |
/// | `finished.ron` | what came out |
#[derive(Debug, Clone)]
pub struct Run {
    folder: PathBuf,
}

/// A line of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Number of the iteration, from 0.
    pub iteration: usize,
    /// Substeps spent by the end of it.
    pub substeps: u64,
    /// Seconds that the run has taken by then, over all its sessions.
    pub seconds: f64,
    /// Value at the point.
    pub value: f64,
    /// Least value so far.
    pub best: f64,
}

/// What came out of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Name of the task.
    pub task: String,
    /// Name of the method.
    pub method: String,
    /// Seed.
    pub seed: u64,
    /// Substeps that could be spent.
    pub budget: u64,
    /// Substeps that were.
    pub spent: u64,
    /// Value at the start.
    pub first: f64,
    /// Least value.
    pub best: f64,
    /// Iteration that found it.
    pub best_iteration: usize,
    /// Iterations.
    pub iterations: usize,
    /// Point of the least value.
    pub x: Vec<f64>,
}

/// What a run goes on from.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    spent: u64,
    driver: DriverState,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// A file.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The run has other settings than when it was begun.
    #[error(
        "{}: begun with other settings, another scene or another budget; remove it or choose \
         another folder", path.display()
    )]
    Changed {
        /// Its settings.
        path: PathBuf,
    },
    /// Settings or start do not fit.
    #[error("{0}")]
    Setup(String),
    /// The optimisation failed.
    #[error("{0}")]
    Failed(String),
}

/// What a run is of.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Name of the task.
    pub task: &'a str,
    /// Name of the method.
    pub method: &'a str,
    /// Seed.
    pub seed: u64,
    /// Substeps that may be spent.
    pub budget: u64,
    /// Where it starts.
    pub start: &'a [f64],
    /// Value there.
    pub first: f64,
}

impl Run {
    /// The run of a task, a method and a seed below `out`.
    pub fn new(out: &Path, task: &str, method: &str, seed: u64) -> Self {
        Self {
            folder: out.join(task).join(format!("{method}-{seed}")),
        }
    }

    /// The run in a folder.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        write_atomic(&self.file(name), |file| file.write_all(text.as_bytes()))?;
        Ok(())
    }

    fn write_ron(&self, name: &str, value: &impl Serialize) -> Result<(), FolderError> {
        let text = ron::to_string(value).map_err(|error| FolderError::Damaged {
            path: self.file(name),
            message: error.to_string(),
            expected: "a value that RON can hold",
        })?;
        self.write(name, &text)
    }

    /// What came out, if it has ended.
    ///
    /// # Errors
    /// A damaged file.
    pub fn finished(&self) -> Result<Option<Finished>, FolderError> {
        let path = self.file("finished.ron");
        path.is_file().then(|| read_ron(&path)).transpose()
    }

    /// Its curve so far; lines that are not whole are left out.
    pub fn curve(&self) -> Vec<Point> {
        let text = fs::read_to_string(self.file("curve.csv")).unwrap_or_default();
        text.lines().skip(1).filter_map(read_point).collect()
    }

    /// Makes sure that a run that is gone on with is the same as was begun.
    fn begin(&self, settings: &Settings, job: &Job<'_>) -> Result<(), BenchmarkError> {
        let path = self.file("settings.ron");
        let note = (settings.clone(), job.budget, job.start.to_vec());
        if path.is_file() {
            let known: (Settings, u64, Vec<f64>) = read_ron(&path)?;
            if known != note {
                return Err(BenchmarkError::Changed { path });
            }
            return Ok(());
        }
        fs::create_dir_all(&self.folder)
            .map_err(FileError::of("create", &self.folder))
            .map_err(FolderError::from)?;
        self.write_ron("settings.ron", &note)?;
        Ok(())
    }

    /// Goes on to the end of the budget. `seconds` is the time since this session began, and `watch`
    /// sees every point of the curve; where it says so, the run stops, to be gone on with.
    ///
    /// # Errors
    /// See [`BenchmarkError`].
    pub fn go_on<O: Objective>(
        &self,
        driver: &Driver,
        job: &Job<'_>,
        objective: &mut Metered<O>,
        seconds: &dyn Fn() -> f64,
        watch: &mut dyn FnMut(&Point) -> bool,
    ) -> Result<Option<Finished>, BenchmarkError> {
        self.begin(driver.settings(), job)?;
        if let Some(finished) = self.finished()? {
            return Ok(Some(finished));
        }
        let path = self.file("state.ron");
        let mut state = if path.is_file() {
            let saved: Saved = read_ron(&path)?;
            objective.spent = saved.spent;
            saved.driver
        } else {
            objective.spent = 0;
            let start = driver.start(job.start);
            start.map_err(|error| BenchmarkError::Setup(error.to_string()))?
        };
        // The line of an iteration is written before the state that knows of it.
        let mut curve = self.curve();
        curve.truncate(state.iteration);
        let before = curve.last().map_or(0.0, |point| point.seconds);
        while driver.finished(&state).is_none() && objective.spent < job.budget {
            let iteration = state.iteration;
            let record = driver.advance(&mut state, objective);
            let record = record.map_err(|error| {
                let cause = std::error::Error::source(&error);
                let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
                BenchmarkError::Failed(format!("iteration {iteration}: {error}{cause}"))
            })?;
            let point = Point {
                iteration,
                substeps: objective.spent,
                seconds: before + seconds(),
                value: record.value,
                best: state.best.as_ref().map_or(f64::NAN, |best| best.value),
            };
            curve.push(point);
            self.write("curve.csv", &write_curve(&curve))?;
            self.write_ron(
                "state.ron",
                &Saved {
                    spent: objective.spent,
                    driver: state.clone(),
                },
            )?;
            if !watch(&point) {
                return Ok(None);
            }
        }
        let Some(best) = &state.best else {
            return Err(BenchmarkError::Setup("a budget of no iteration".to_owned()));
        };
        let finished = Finished {
            task: job.task.to_owned(),
            method: job.method.to_owned(),
            seed: job.seed,
            budget: job.budget,
            spent: objective.spent,
            first: job.first,
            best: best.value,
            best_iteration: best.iteration,
            iterations: state.iteration,
            x: best.x.clone(),
        };
        self.write_ron("finished.ron", &finished)?;
        Ok(Some(finished))
    }
}

fn write_curve(curve: &[Point]) -> String {
    let mut text = "iteration,substeps,seconds,value,best\n".to_owned();
    for point in curve {
        let Point {
            iteration,
            substeps,
            seconds,
            value,
            best,
        } = point;
        text.push_str(&format!(
            "{iteration},{substeps},{seconds:.3},{value:e},{best:e}\n"
        ));
    }
    text
}

fn read_point(line: &str) -> Option<Point> {
    let mut parts = line.split(',');
    let point = Point {
        iteration: parts.next()?.parse().ok()?,
        substeps: parts.next()?.parse().ok()?,
        seconds: parts.next()?.parse().ok()?,
        value: parts.next()?.parse().ok()?,
        best: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(point)
}
