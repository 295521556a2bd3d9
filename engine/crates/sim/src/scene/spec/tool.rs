//! The tool and how it moves.

use serde::{Deserialize, Serialize};

/// The rigid tool: the moving frame of every collider with `on: Tool`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Where its origin starts (m). Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How it is turned at the start: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// How it moves; an optimisation starts from here. Default: Hold.
    #[serde(default)]
    pub motion: Motion,
}

/// How a tool moves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Motion {
    /// Not at all.
    #[default]
    Hold,
    /// At one velocity.
    Constant {
        /// Velocity of its origin (m/s). Default: (0, 0, 0).
        #[serde(default)]
        linear: [f64; 3],
        /// Angular velocity in world axes (rad/s). Default: (0, 0, 0).
        #[serde(default)]
        angular: [f64; 3],
    },
    /// At one velocity a frame; after the last of them it holds still.
    Frames(Vec<Velocity>),
}

/// The velocity of a tool during a frame.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Velocity {
    /// Velocity of its origin (m/s). Default: (0, 0, 0).
    #[serde(default)]
    pub linear: [f64; 3],
    /// Angular velocity in world axes (rad/s). Default: (0, 0, 0).
    #[serde(default)]
    pub angular: [f64; 3],
}

impl Motion {
    /// The velocities that are given.
    pub fn distinct(&self) -> Vec<Velocity> {
        match self {
            Self::Frames(given) => given.clone(),
            _ => self.velocities(1),
        }
    }

    /// The velocity of each of the first `frames` frames.
    pub fn velocities(&self, frames: usize) -> Vec<Velocity> {
        match self {
            Self::Hold => vec![Velocity::default(); frames],
            &Self::Constant { linear, angular } => vec![Velocity { linear, angular }; frames],
            Self::Frames(given) => {
                let mut velocities = given.clone();
                velocities.resize(frames, Velocity::default());
                velocities
            }
        }
    }
}
