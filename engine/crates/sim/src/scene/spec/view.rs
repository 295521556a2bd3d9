//! Places that a scene is looked at from.

use serde::{Deserialize, Serialize};

/// A place to look from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bookmark {
    /// Its name, unique among views.
    pub name: String,
    /// What is in the middle of the picture (m).
    pub target: [f64; 3],
    /// Angle about the vertical from the z axis to the eye (rad).
    pub yaw: f64,
    /// Angle of the eye above the horizon (rad).
    pub pitch: f64,
    /// Distance of the eye from what it looks at (m).
    pub distance: f64,
}
