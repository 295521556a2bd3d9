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
    /// A ring about the y axis.
    Torus {
        /// Radius of the circle in the middle of its tube (m).
        radius: f64,
        /// Radius of its tube (m), less than `radius`.
        tube: f64,
    },
    /// Everything below the plane y = 0 of the frame. No body is as large.
    Plane,
    /// The inside of a closed mesh. Bodies and targets that are filled with points bear holes
    /// and triangles that cross; all others take its signed distance and do not.
    Mesh {
        /// OBJ, STL, PLY, glTF or GLB file (m), relative to the folder of the scene.
        file: String,
        /// Factor on its coordinates (1). Default: 1.
        #[serde(default = "one")]
        scale: f64,
        /// Factors along its axes, besides `scale` (1). Default: (1, 1, 1).
        #[serde(default = "ones")]
        stretch: [f64; 3],
        /// Cells of the grid of its signed distance along its longest edge; finer than the
        /// walls that have to hold. Default: 64.
        #[serde(default = "resolution")]
        resolution: u32,
    },
    /// All points within half a thickness of the triangles of a mesh, which may be open: a sheet, a
    /// tray or a bowl drawn as one surface. It has two sides and holds matter on both: as a collider
    /// on `Shell` it loses nothing that moves less than half its thickness in a substep. No rigid
    /// body is one.
    Sheet {
        /// OBJ, STL, PLY, glTF or GLB file (m), relative to the folder of the scene.
        file: String,
        /// Thickness (m), at least three cells of the grid of its signed distance; half a cell of
        /// the domain is enough.
        thickness: f64,
        /// Factor on the coordinates of the mesh (1). Default: 1.
        #[serde(default = "one")]
        scale: f64,
        /// Factors along its axes, besides `scale` (1). Default: (1, 1, 1).
        #[serde(default = "ones")]
        stretch: [f64; 3],
        /// Cells of the grid of its signed distance along its longest edge. Default: 64.
        #[serde(default = "resolution")]
        resolution: u32,
    },
}

fn one() -> f64 {
    1.0
}

fn ones() -> [f64; 3] {
    [1.0; 3]
}

fn resolution() -> u32 {
    crate::mesh::distance::RESOLUTION
}
