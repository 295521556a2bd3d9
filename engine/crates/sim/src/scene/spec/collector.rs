//! Collectors: volumes that take matter out.

use serde::{Deserialize, Serialize};

use super::{Attachment, Shape};

/// A volume that takes particles out of the run, or counts those inside. A particle that is inside
/// at the start of a frame is taken: it rests where it was, feels nothing and acts on nothing from
/// then on; losses and files still see it there. The share of the mass that was taken or is inside
/// is reported under the collector's name, as a metric is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collector {
    /// Its name, unique among collectors and metrics.
    pub name: String,
    /// The volume.
    pub shape: Shape,
    /// Where its origin is (m), in the frame of `on`. Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How it is turned: rotation vector (rad), in the frame of `on`. Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// What it is fixed to. Default: World.
    #[serde(default)]
    pub on: Attachment,
    /// Names of the bodies and injectors whose matter it takes or counts. Default: all that are
    /// not of the material Rigid.
    pub bodies: Option<Vec<String>>,
    /// Whether it takes particles out; otherwise it only counts. Default: true.
    #[serde(default = "yes")]
    pub removes: bool,
    /// First frame in which it takes particles. Default: 0.
    #[serde(default)]
    pub from: usize,
    /// Last frame in which it takes particles. Default: that of the run.
    pub to: Option<usize>,
}

const fn yes() -> bool {
    true
}
