//! Injectors: matter that comes out of a nozzle.

use serde::{Deserialize, Serialize};

use super::Attachment;

/// A nozzle that matter comes out of. What comes out is a body of the injector's name, after
/// those of the scene. Particles come out at even intervals, one in several frames where the flux is
/// small, and at least one in all. On a tool, with a velocity, it is a jet: it pushes what it hits,
/// where the tool takes and turns it; with a collector on the same tool, FluidLab's jet bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Injector {
    /// Its name, unique among bodies and injectors.
    pub name: String,
    /// Name of the material.
    pub material: String,
    /// Where the nozzle is (m), in the frame of `on`. Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How it is turned: rotation vector (rad), in the frame of `on`. Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// What it is fixed to. Default: World.
    #[serde(default)]
    pub on: Attachment,
    /// Where particles come out.
    pub nozzle: Nozzle,
    /// Velocity of what comes out, against the nozzle and in its frame (m/s).
    /// Default: (0, 0, 0).
    #[serde(default)]
    pub velocity: [f64; 3],
    /// Volume that comes out (m^3/s).
    pub flux: f64,
    /// First frame in which it is open. Default: 0.
    #[serde(default)]
    pub from: usize,
    /// Last frame in which it is open. Default: that of the run.
    pub to: Option<usize>,
    /// Particles a cell that the flux counts on. Default: 8.
    #[serde(default = "eight")]
    pub per_cell: u32,
    /// Seed of the random places. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

/// Where particles come out, about the origin of the nozzle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Nozzle {
    /// In a box.
    Cube {
        /// Half of its edges (m).
        half: [f64; 3],
    },
    /// In a ball.
    Ball {
        /// Its radius (m).
        radius: f64,
    },
    /// On a disc about the y axis.
    Disc {
        /// Its radius (m).
        radius: f64,
    },
}

fn eight() -> u32 {
    8
}
