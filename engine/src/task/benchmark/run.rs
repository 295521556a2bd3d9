//! One method on one task: a run that can be killed at any instant and goes on to the same bits.

use std::{
    cell::Cell,
    fs,
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use backflow_optim::{DriverState, MemberError, Record, Settings};
use backflow_sim::{
    Compiled,
    io::{FileError, write_atomic},
    rollout::store::RunError,
};
use serde::{Deserialize, Serialize};

use crate::task::{
    folder::{FolderError, read_ron},
    objective::{OnStep, UNGUIDED},
    scheme::Scheme,
    staged::{Staged, StagedError},
};

/// The folder of a run: `<out>/<task>/<method>-<seed>`.
///
/// | file | what it holds |
/// |---|---|
/// | `settings.ron` | what the optimisation was told |
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
    /// Least value of the whole problem so far; not a number in earlier stages.
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
    /// Value of the scene as it stands.
    pub first: f64,
    /// Value where the methods begin.
    pub guess: f64,
    /// What the value can at least be.
    pub bound: f64,
    /// Least value.
    pub best: f64,
    /// Iteration that found it.
    pub best_iteration: usize,
    /// Iterations.
    pub iterations: usize,
    /// Metrics of the scene at that point.
    pub metrics: Vec<(String, f64)>,
    /// Point of the least value.
    pub x: Vec<f64>,
}

/// What a run goes on from.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    spent: u64,
    best: Option<Best>,
    driver: DriverState,
}

/// The best point so far by the loss without guides.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Best {
    value: f64,
    iteration: usize,
    x: Vec<f64>,
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
    /// A budget that ends before the whole problem is met.
    #[error("a budget of {budget} substeps ends before the last stage; expected a greater one")]
    Short {
        /// The budget.
        budget: u64,
    },
    /// The optimisation failed.
    #[error(transparent)]
    Failed(#[from] StagedError),
    /// What came out cannot be run.
    #[error("the best point: {0}")]
    Best(Box<WrongBest>),
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
    /// Value of the scene as it stands.
    pub first: f64,
    /// Value where the methods begin.
    pub guess: f64,
    /// What the value can at least be.
    pub bound: f64,
    /// Memory of a gradient (bytes).
    pub memory: Option<usize>,
}

/// What a run asks of the one who started it.
pub struct Company<'a> {
    /// Seconds since this session began.
    pub seconds: &'a dyn Fn() -> f64,
    /// Sees every point of the curve; where it says so, the run stops, to be gone on with.
    pub watch: &'a mut dyn FnMut(&Point) -> bool,
    /// The value and the metrics of the scene itself at a point.
    pub judge: &'a mut dyn FnMut(&[f64]) -> Result<Judged, WrongBest>,
}

/// Value and metrics.
pub type Judged = (f64, Vec<(String, f64)>);

/// Why a point has no value.
pub type WrongBest = MemberError<RunError>;

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
    fn begin(&self, staged: &Staged<'_>, job: &Job<'_>) -> Result<(), BenchmarkError> {
        let path = self.file("settings.ron");
        let (settings, scheme) = (staged.settings().clone(), staged.scheme().clone());
        let note = (settings, scheme, job.budget, staged.start().to_vec());
        if path.is_file() {
            let known: (Settings, Scheme, u64, Vec<f64>) = read_ron(&path)?;
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

    /// Goes on to the end of the budget; none if it was asked to stop.
    ///
    /// # Errors
    /// See [`BenchmarkError`].
    pub fn go_on<T: Compiled<Wide = f64>>(
        &self,
        staged: &Staged<'_>,
        job: &Job<'_>,
        company: Company<'_>,
    ) -> Result<Option<Finished>, BenchmarkError> {
        self.begin(staged, job)?;
        if let Some(finished) = self.finished()? {
            return Ok(Some(finished));
        }
        let path = self.file("state.ron");
        let saved: Option<Saved> = path.is_file().then(|| read_ron(&path)).transpose()?;
        let (spent, mut best, mut state) = match saved {
            Some(saved) => (saved.spent, saved.best, saved.driver),
            None => (0, None, staged.begin()?),
        };
        let spent = Cell::new(spent);
        // The line of an iteration is written before the state that knows of it.
        let mut curve = self.curve();
        curve.truncate(state.iteration);
        let before = curve.last().map_or(0.0, |point| point.seconds);
        let (mut asked, mut failure) = (false, None);
        let last = staged.stages() - 1;
        let mut asked_for = state.x.clone();
        let mut observe = |record: &Record, state: &DriverState| {
            let value = unguided(record);
            if state.stage >= last {
                note(&mut best, value, record, state, &asked_for);
            }
            asked_for.clone_from(&state.x);
            let point = Point {
                iteration: record.iteration,
                substeps: spent.get(),
                seconds: before + (company.seconds)(),
                value: value.unwrap_or(record.value),
                best: best.as_ref().map_or(f64::NAN, |best| best.value),
            };
            curve.push(point);
            let saved = Saved {
                spent: spent.get(),
                best: best.clone(),
                driver: state.clone(),
            };
            let written = self.write("curve.csv", &write_curve(&curve));
            failure = written
                .and_then(|()| self.write_ron("state.ron", &saved))
                .err();
            asked = !(company.watch)(&point);
            if asked || failure.is_some() || spent.get() >= job.budget {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        if spent.get() < job.budget {
            let on_step = || -> OnStep<'static> { Box::new(|_, _| true) };
            staged.run::<T>(&mut state, job.memory, &on_step, &spent, &mut observe)?;
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        if asked {
            return Ok(None);
        }
        let budget = job.budget;
        let best = best.ok_or(BenchmarkError::Short { budget })?;
        let judged = (company.judge)(&best.x);
        let (value, metrics) = judged.map_err(|error| BenchmarkError::Best(Box::new(error)))?;
        let finished = Finished {
            task: job.task.to_owned(),
            method: job.method.to_owned(),
            seed: job.seed,
            budget,
            spent: spent.get(),
            first: job.first,
            guess: job.guess,
            bound: job.bound,
            best: value,
            best_iteration: best.iteration,
            iterations: state.iteration,
            metrics,
            x: best.x.clone(),
        };
        self.write_ron("finished.ron", &finished)?;
        Ok(Some(finished))
    }
}

/// The loss of an iteration without the terms that only guide, where there are such terms.
fn unguided(record: &Record) -> Option<f64> {
    let mut metrics = record.metrics.iter();
    metrics
        .find(|(name, _)| name == UNGUIDED)
        .map(|(_, value)| *value)
}

/// Keeps the best point: that of the driver, or where there are guides the one of the least `value`
/// without them.
fn note(
    best: &mut Option<Best>,
    value: Option<f64>,
    record: &Record,
    state: &DriverState,
    asked_for: &[f64],
) {
    let driven = state.best.as_ref();
    let Some(value) = value else {
        *best = driven.map(|driven| Best {
            value: driven.value,
            iteration: driven.iteration,
            x: driven.x.clone(),
        });
        return;
    };
    if value.is_finite() && best.as_ref().is_none_or(|best| value < best.value) {
        // the first point of a stage is not the one that the stage before went to
        let driven = driven.filter(|driven| driven.iteration == record.iteration);
        *best = Some(Best {
            value,
            iteration: record.iteration,
            x: driven.map_or(asked_for, |driven| &driven.x).to_vec(),
        });
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
