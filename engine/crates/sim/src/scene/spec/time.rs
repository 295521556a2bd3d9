//! The time of a run.

use serde::{Deserialize, Serialize};

/// How long a run is and how it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// Number of frames: controls are constant and losses are read once a frame.
    pub frames: usize,
    /// Duration of a frame (s).
    pub frame: f64,
    /// How the substep is chosen. Default: Auto.
    #[serde(default)]
    pub substep: Substep,
}

/// The share of the stability bound that `Auto` takes: the bound is that of the
/// undeformed material at the fastest speed that the scene shows beforehand, and
/// compressed matter is stiffer.
pub const SAFETY: f64 = 0.6;

/// How the substep is chosen. Every choice is shortened so that a frame is a whole
/// number of substeps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Substep {
    /// 0.6 of the stability bound of sound, motion and viscosity.
    #[default]
    Auto,
    /// Another share of the stability bound.
    AutoWith {
        /// The share (1), above 0 and at most 1.
        safety: f64,
    },
    /// This long (s); longer than the stability bound is an error.
    Fixed(f64),
}
