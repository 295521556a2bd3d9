//! Solids by their dimensions.

use serde::{Deserialize, Serialize};

/// A solid about the origin of its frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// A ball.
    Sphere {
        /// Radius (m).
        radius: f64,
    },
    /// A box with edges along its axes.
    Box {
        /// Half of its edges (m).
        half: [f64; 3],
        /// Radius of its edges (m), at most the least of `half`. Default: 0.
        #[serde(default)]
        rounding: f64,
    },
    /// All points within a distance of a segment of the y axis.
    Capsule {
        /// Radius (m).
        radius: f64,
        /// Half of the length of the segment (m).
        half_length: f64,
    },
    /// A cylinder about the y axis.
    Cylinder {
        /// Radius (m).
        radius: f64,
        /// Half of the height (m).
        half_height: f64,
    },
    /// Everything below the plane y = 0 of the frame. No body is as large.
    Plane,
    /// The inside of a mesh, for bodies and for targets that are filled with points.
    Mesh {
        /// OBJ file (m), relative to the folder of the scene.
        file: String,
        /// Factor on its coordinates (1). Default: 1.
        #[serde(default = "one")]
        scale: f64,
    },
}

fn one() -> f64 {
    1.0
}
