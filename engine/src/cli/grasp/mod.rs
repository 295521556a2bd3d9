//! `backflow grasp`: finds grasps, writes them in other formats, says how good they seem.

mod export;
mod report;
mod synthesize;

use std::path::{Component, Path, PathBuf};

use backflow_grasp::{Hand, hand::library};
use clap::Subcommand;

use super::Failure;

/// Grasps of multi-fingered hands.
#[derive(Debug, Subcommand)]
pub enum Grasp {
    /// Finds grasps of objects by bilevel optimisation.
    Synthesize(synthesize::Synthesize),
    /// Writes a set of grasps as NPZ, or as scenes for MuJoCo.
    Export(export::Export),
    /// Says how good sets of grasps seem, and how diverse they are.
    Report(report::Report),
}

impl Grasp {
    /// Runs the command.
    ///
    /// # Errors
    /// Those of its commands.
    pub fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Synthesize(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Report(command) => command.run(),
        }
    }
}

/// A hand by its name, or that of a RON file.
fn hand(name: &str) -> Result<Hand, Failure> {
    let path = Path::new(name);
    if path.extension().is_some() {
        library::read(path).map_err(Failure::input)
    } else {
        library::named(name).map_err(Failure::input)
    }
}

/// `target` as it is seen from `folder`.
fn seen_from(folder: &Path, target: &Path) -> Result<String, Failure> {
    let absolute = |path: &Path| {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        path.canonicalize()
            .map_err(|error| Failure::input(format!("{}: {error}", path.display())))
    };
    let (folder, target) = (absolute(folder)?, absolute(target)?);
    let parts = |path: &Path| {
        path.components()
            .map(|part| part.as_os_str().to_owned())
            .collect::<Vec<_>>()
    };
    let (from, to) = (parts(&folder), parts(&target));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(
        Component::ParentDir.as_os_str().to_owned(),
        from.len() - shared,
    );
    let way: PathBuf = up.chain(to[shared..].iter().cloned()).collect();
    Ok(way.display().to_string())
}
