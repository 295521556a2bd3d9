//! `backflow grasp`: finds grasps, simulates them, writes them in other formats, says how good
//! they seem.

mod chart;
mod convert;
mod evaluate;
mod export;
mod objects;
mod report;
mod scene;
mod synthesize;

use std::path::{Component, Path, PathBuf};

use backflow_grasp::Hand;
use clap::Subcommand;

use super::Failure;

/// Grasps of multi-fingered hands.
#[derive(Debug, Subcommand)]
pub enum Grasp {
    /// Finds grasps of objects by bilevel optimisation.
    Synthesize(synthesize::Synthesize),
    /// Simulates grasps in MuJoCo and says which of them hold.
    Evaluate(evaluate::Evaluate),
    /// Reads a hand in RON, MJCF or URDF and writes it as RON or MJCF.
    Hand(convert::Convert),
    /// Makes objects for data sets, or cuts meshes into convex pieces.
    Objects(objects::Objects),
    /// Writes a set of grasps as NPZ, for DexGraspBench, or as scenes for MuJoCo or Backflow.
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
            Self::Evaluate(command) => command.run(),
            Self::Hand(command) => command.run(),
            Self::Objects(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Report(command) => command.run(),
        }
    }
}

/// A hand by its name, or of a file in RON, MJCF or URDF.
fn hand(name: &str) -> Result<Hand, Failure> {
    Hand::new(convert::read(name)?.spec).map_err(Failure::input)
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
