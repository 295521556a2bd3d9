//! How good grasps are when they are simulated: MuJoCo (Todorov, Erez and Tassa 2012) closes
//! the hand and pulls at the object.
//!
//! What a simulation says about one grasp is a [`Verdict`], about many a [`Summary`]; both can be
//! read without MuJoCo. [`evaluate`] needs the feature `mujoco`; [`analytic`](fn@analytic) simulates nothing.

#[cfg(not(feature = "mujoco"))]
mod absent;
pub mod analytic;
#[cfg(feature = "mujoco")]
mod around;
#[cfg(feature = "mujoco")]
mod measure;
pub mod protocol;
#[cfg(feature = "mujoco")]
mod scene;
pub mod summary;
#[cfg(test)]
#[cfg(feature = "mujoco")]
mod tests;
#[cfg(feature = "mujoco")]
mod trial;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    GraspError,
    set::{GraspSet, HandEntry, ObjectEntry},
};
#[cfg(not(feature = "mujoco"))]
use absent::{all, version};
pub use analytic::{Analytic, analytic};
pub use protocol::Protocol;
#[cfg(feature = "mujoco")]
use scene::version;
pub use summary::Summary;
#[cfg(feature = "mujoco")]
use trial::all;

/// What a simulation says about a grasp; lengths in metres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the object was held in all six directions.
    pub held: bool,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// Whether it was held along -x, +x, -y, +y, -z, +z, as far as that was tried.
    pub directions: Vec<bool>,
    /// The farthest that the object went (m); none if nothing was simulated.
    pub shift: Option<f64>,
    /// The farthest that it turned (rad).
    pub turn: Option<f64>,
    /// Depth of the hand in the object at the grasp.
    pub penetration: f64,
    /// Depth of the hand in itself at the grasp.
    pub self_penetration: f64,
    /// Depth of the hand in what stands about the object at the grasp.
    #[serde(default)]
    pub around_penetration: f64,
    /// Depth of any of these, and of the object in what stands about it, at the pregrasp.
    pub start_penetration: f64,
    /// Links whose surface is at the object's at the grasp.
    pub touching_links: usize,
    /// Distance of a finger from the object, mean over the fingers.
    pub contact_distance: f64,
    /// Largest less least signed distance of a finger.
    pub contact_spread: f64,
}

/// Why a grasp failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lost {
    /// The hand is in the object, in what stands about it or in itself before it closes, or the
    /// object is in what stands about it.
    StartsInside,
    /// The object moved or turned too far.
    LetGo,
}

impl Lost {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::StartsInside => "penetrates at the start",
            Self::LetGo => "let go",
        }
    }
}

/// What simulations say about a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The file of the set.
    pub set: String,
    /// The hand and the object that were simulated.
    pub hand: HandEntry,
    /// See `hand`.
    pub object: ObjectEntry,
    /// Version of MuJoCo.
    pub simulator: String,
    /// How the grasps were tried.
    pub protocol: Protocol,
    /// All of it in a few numbers.
    pub summary: Summary,
    /// One verdict a grasp.
    pub verdicts: Vec<Verdict>,
}

/// Version of the library that is linked, or why there is none.
///
/// # Errors
/// This was built without MuJoCo, or another version is linked than it was built for.
pub fn simulator() -> Result<String, GraspError> {
    version()
}

/// Simulates every grasp of a set, on all threads of the pool; the order of the verdicts, and
/// their bits, do not depend on their number. Paths in the set are seen from `folder`.
/// `progress` is told of each grasp that is done, from any thread.
///
/// # Errors
/// There is no MuJoCo; a model that MuJoCo cannot read; joints that the hand does not have.
pub fn evaluate(
    set: &GraspSet,
    folder: &Path,
    protocol: &Protocol,
    progress: &(dyn Fn() + Sync),
) -> Result<Vec<Verdict>, GraspError> {
    version()?;
    all(set, folder, protocol, progress)
}
