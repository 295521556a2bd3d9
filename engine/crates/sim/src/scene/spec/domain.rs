//! The box that matter lives in.

use serde::{Deserialize, Serialize};

use super::Law;

/// The box that matter lives in, cut into cubic cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Lower corner (m). Default: (0, 0, 0).
    #[serde(default)]
    pub min: [f64; 3],
    /// Edge lengths (m), each a whole number of cells.
    pub size: [f64; 3],
    /// Edge of a cell of the grid (m).
    pub cell: f64,
    /// How the six walls hold matter. Default: (default: Separating).
    #[serde(default)]
    pub walls: Walls,
    /// Axes along which nothing moves: with one of them the scene is a plane problem in
    /// a slab. Other axes have at least 4 cells. Default: [].
    #[serde(default)]
    pub locked: Vec<Axis>,
}

/// How the six walls of the domain hold matter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Walls {
    /// The law of every wall that has none of its own. Default: Separating.
    #[serde(default)]
    pub default: Law,
    /// The law of the wall at the lower end of x. Default: that of `default`.
    pub x_min: Option<Law>,
    /// The law of the wall at the upper end of x. Default: that of `default`.
    pub x_max: Option<Law>,
    /// The law of the floor. Default: that of `default`.
    pub y_min: Option<Law>,
    /// The law of the ceiling. Default: that of `default`.
    pub y_max: Option<Law>,
    /// The law of the wall at the lower end of z. Default: that of `default`.
    pub z_min: Option<Law>,
    /// The law of the wall at the upper end of z. Default: that of `default`.
    pub z_max: Option<Law>,
    /// Whether the nodes beyond a wall of law Slip or Sticky move as images of those within
    /// instead of standing still. Walls of other laws stay as they are. Default: false.
    #[serde(default)]
    pub mirror: bool,
}

/// An axis of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Axis {
    /// To the right.
    X,
    /// Up.
    Y,
    /// Towards the viewer.
    Z,
}

impl Axis {
    /// All axes.
    pub const ALL: [Self; 3] = [Self::X, Self::Y, Self::Z];

    /// 0, 1 or 2.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl Default for Walls {
    fn default() -> Self {
        Self {
            default: Law::Separating,
            x_min: None,
            x_max: None,
            y_min: None,
            y_max: None,
            z_min: None,
            z_max: None,
            mirror: false,
        }
    }
}

impl Walls {
    /// Names of the walls, `[axis][0: lower, 1: upper]`.
    pub const NAMES: [[&'static str; 2]; 3] =
        [["x_min", "x_max"], ["y_min", "y_max"], ["z_min", "z_max"]];

    /// The laws that were given, `[axis][0: lower, 1: upper]`.
    pub const fn given(&self) -> [[Option<Law>; 2]; 3] {
        [
            [self.x_min, self.x_max],
            [self.y_min, self.y_max],
            [self.z_min, self.z_max],
        ]
    }

    /// The laws that hold, `[axis][0: lower, 1: upper]`.
    pub fn laws(&self) -> [[Law; 2]; 3] {
        self.given()
            .map(|sides| sides.map(|law| law.unwrap_or(self.default)))
    }
}

impl Domain {
    /// By how much a size may differ from a whole number of cells (1, relative): what
    /// decimal numbers lose in binary, and no more.
    pub const SLACK: f64 = 1e-6;

    /// Cells along each axis; `None` where the size is not a multiple of the cell.
    pub fn cells(&self) -> Option<[usize; 3]> {
        let counts = self.size.map(|size| size / self.cell);
        let whole = |count: &f64| {
            let rounded = count.round();
            (1.0..1e9).contains(&rounded) && (count - rounded).abs() <= Self::SLACK * rounded
        };
        counts
            .iter()
            .all(whole)
            .then(|| counts.map(|count| count.round() as usize))
    }

    /// Whether nothing moves along each axis.
    pub fn locks(&self) -> [bool; 3] {
        Axis::ALL.map(|axis| self.locked.contains(&axis))
    }
}
