//! Options that commands share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Failure, bytes, out::Watch};
use crate::task::{Task, TaskError, folder::RunOptions};

/// How a scene is run.
#[derive(Debug, Clone, Args)]
pub struct RunArguments {
    /// Threads to use; as many as there are cores by default. Results do not depend on it.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Scalar of the simulation.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub precision: Precision,
    /// Scales the number of cells along each axis, and particles with it.
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR", value_parser = quality)]
    pub quality: f64,
    /// Memory that a gradient may take, such as 512MiB; 1GiB by default.
    #[arg(long, value_parser = bytes::parse, default_value = "1GiB", value_name = "BYTES")]
    pub memory: usize,
    /// Folder in which the distance grids of meshes are kept, so that they are built once.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Scalar of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Precision {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// From its name in files.
    pub fn named(name: &str) -> Option<Self> {
        [Self::F32, Self::F64]
            .into_iter()
            .find(|precision| precision.name() == name)
    }
}

/// Runs `$body` with `$scalar` standing for the type of a [`Precision`].
macro_rules! with_scalar {
    ($precision:expr, $scalar:ident => $body:expr) => {
        match $precision {
            $crate::cli::options::Precision::F32 => {
                type $scalar = f32;
                $body
            }
            $crate::cli::options::Precision::F64 => {
                type $scalar = f64;
                $body
            }
        }
    };
}
pub(super) use with_scalar;

fn quality(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(quality) if quality > 0.0 && quality.is_finite() => Ok(quality),
        _ => Err("expected a positive number".to_owned()),
    }
}

impl RunArguments {
    /// Runs `work` on as many threads as asked for.
    ///
    /// # Errors
    /// The threads cannot be started, or what `work` returns.
    pub fn on_threads<R: Send>(
        &self,
        work: impl FnOnce() -> Result<R, Failure> + Send,
    ) -> Result<R, Failure> {
        on_threads(self.threads, work)
    }

    /// Reads a scene at the quality asked for.
    ///
    /// # Errors
    /// Everything that is wrong with the scene.
    pub fn load(&self, scene: &Path) -> Result<Task, Failure> {
        Task::load_cached(scene, self.quality, self.cache.as_deref()).map_err(task_failure)
    }

    /// What a run folder notes.
    pub fn noted(&self, command: &str, task: &Task) -> RunOptions {
        RunOptions {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.to_owned(),
            precision: self.precision.name().to_owned(),
            directory: absolute(&task.directory),
        }
    }
}

/// Runs `work` on so many threads, on as many as there are cores if `None`.
///
/// # Errors
/// No threads, threads that cannot be started, or what `work` returns.
pub fn on_threads<R: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<R, Failure> + Send,
) -> Result<R, Failure> {
    if threads == Some(0) {
        return Err(Failure::input("--threads 0: expected at least 1"));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .build()
        .map_err(Failure::work)?;
    pool.install(work)
}

fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A scene that cannot be used is wrong input.
pub fn task_failure(error: TaskError) -> Failure {
    Failure::input(error)
}

/// The time for the name of a run folder, in UTC.
pub fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string()
}

/// Seconds with one digit.
pub fn seconds(watch: &Watch) -> String {
    format!("{:.1} s", watch.seconds())
}
