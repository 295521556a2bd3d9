//! Forces that come from nothing that is simulated.

use serde::{Deserialize, Serialize};

/// A force on the particles of some bodies, before each substep and in the order of the scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Force {
    /// Its name, unique among forces.
    pub name: String,
    /// What it does.
    pub law: ForceLaw,
    /// Names of the bodies that it acts on. Default: all of them.
    pub on: Option<Vec<String>>,
}

/// What a force does to a particle at x with velocity v.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum ForceLaw {
    /// The same acceleration everywhere.
    Constant {
        /// Acceleration (m/s^2).
        acceleration: [f64; 3],
    },
    /// Air that takes matter along: `dv/dt = rate (velocity - v)`.
    Wind {
        /// Velocity of the air (m/s).
        velocity: [f64; 3],
        /// Rate at which matter comes to it (1/s).
        rate: f64,
    },
    /// Resistance to all motion: `dv/dt = -(linear + quadratic |v|) v`.
    Drag {
        /// Linear coefficient (1/s). Default: 0.
        #[serde(default)]
        linear: f64,
        /// Quadratic coefficient (1/m). Default: 0.
        #[serde(default)]
        quadratic: f64,
    },
    /// A whirl: `dv/dt = swirl x r / (1 + |r|^2 / radius^2)` with `r = x - centre`.
    Vortex {
        /// Axis, and strength by its length (1/s^2).
        swirl: [f64; 3],
        /// A point of its axis, where it is strongest about (m).
        centre: [f64; 3],
        /// Distance at which it is strongest (m).
        radius: f64,
    },
    /// Attraction by a point: `dv/dt = strength r / (|r|^2 + radius^2)^(3/2)` with
    /// `r = centre - x`; a negative strength repels.
    Point {
        /// The point (m).
        centre: [f64; 3],
        /// Strength (m^3/s^2).
        strength: f64,
        /// Radius within which it is soft (m).
        radius: f64,
    },
}
