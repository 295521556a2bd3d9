//! What stands for MuJoCo in builds without it.

use std::path::Path;

use super::{Protocol, Verdict};
use crate::{GraspError, set::GraspSet};

/// Says how to get it.
pub(super) fn version() -> Result<String, GraspError> {
    Err(GraspError::Simulator {
        what: "MuJoCo".to_owned(),
        found: "not part of this build; build with `--features mujoco`".to_owned(),
    })
}

/// Tries nothing.
pub(super) fn all(
    _set: &GraspSet,
    _folder: &Path,
    _protocol: &Protocol,
    _progress: &(dyn Fn() + Sync),
) -> Result<Vec<Verdict>, GraspError> {
    version().map(|_| Vec::new())
}
