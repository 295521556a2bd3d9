//! Rigid bodies of mass and inertia.

use serde::{Deserialize, Serialize};

use super::{Law, Shape};

/// A rigid body of mass and inertia, which matter pushes and which pushes matter. No matter is
/// put where it is at the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rigid {
    /// Its name, unique among rigid bodies.
    pub name: String,
    /// Its solid, of an even density.
    pub shape: Shape,
    /// How heavy it is.
    pub weight: Weight,
    /// Where the origin of the shape is (m). Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How the shape is turned: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// Initial velocity of the centre of mass (m/s). Default: (0, 0, 0).
    #[serde(default)]
    pub velocity: [f64; 3],
    /// Initial angular velocity (rad/s). Default: (0, 0, 0).
    #[serde(default)]
    pub spin: [f64; 3],
    /// What holds it in the world; motion that it does not allow is left out at the start.
    /// Default: Free.
    #[serde(default)]
    pub joint: Support,
    /// How its surface holds matter. Default: Separating.
    #[serde(default)]
    pub law: Law,
    /// Distance over which contact with matter fades in outside the surface (m); 0 is hard.
    /// Default: 0.
    #[serde(default)]
    pub width: f64,
    /// Coulomb coefficient against walls and colliders; against another rigid body the mean of
    /// both (1). Default: 0.
    #[serde(default)]
    pub friction: f64,
    /// Ratio of the speeds after and before it bounces off a wall or collider; against another
    /// rigid body the mean of both (1). Default: 0.
    #[serde(default)]
    pub restitution: f64,
}

/// How heavy a rigid body is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Weight {
    /// By its density (kg/m^3).
    Density(f64),
    /// By its mass (kg).
    Mass(f64),
}

/// What holds a rigid body in the world.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Support {
    /// Nothing.
    #[default]
    Free,
    /// It does not move.
    Fixed,
    /// It turns about a line that stands still.
    Hinge {
        /// Direction of the line, of any length.
        axis: [f64; 3],
        /// A point of the line (m).
        anchor: [f64; 3],
    },
    /// It slides along a direction without turning.
    Slider {
        /// The direction, of any length.
        axis: [f64; 3],
    },
}
