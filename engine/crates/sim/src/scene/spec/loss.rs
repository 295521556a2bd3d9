//! What a run is judged by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Axis, Material, Motion, Shape, unique_names};

/// A term of the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// What it measures.
    pub term: Term,
    /// Its factor in the sum (1). Default: 1.
    #[serde(default = "one")]
    pub weight: f64,
    /// After which frames it is read. Default: End.
    #[serde(default)]
    pub when: When,
    /// Whether it only guides the optimiser, as an attraction does: scores leave it out.
    /// Default: false.
    #[serde(default)]
    pub guide: bool,
}

/// After which frames a term is read. Frames count from 0; a frame is read at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum When {
    /// The last one.
    #[default]
    End,
    /// All of them.
    Every,
    /// This one.
    Frame(usize),
    /// From the first to the last, both included.
    Frames(usize, usize),
}

/// What a term measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Term {
    /// Mean square distance of the particles of a body from those of a target with the
    /// same numbers (m^2).
    PairedL2 {
        /// Name of the body.
        body: String,
        /// Where its particles should be.
        target: PairTarget,
    },
    /// Difference of the mass on the grid from that of a shape filled with the body.
    GridDensity {
        /// Name of the body.
        body: String,
        /// The solid to fill.
        shape: Shape,
        /// Where its origin is (m). Default: (0, 0, 0).
        #[serde(default)]
        position: [f64; 3],
        /// How it is turned: rotation vector (rad). Default: (0, 0, 0).
        #[serde(default)]
        rotation: [f64; 3],
    },
    /// Distance of the particles of a body from a shape, zero inside.
    TargetSdf {
        /// Name of the body.
        body: String,
        /// The solid to reach.
        shape: Shape,
        /// Where its origin is (m). Default: (0, 0, 0).
        #[serde(default)]
        position: [f64; 3],
        /// How it is turned: rotation vector (rad). Default: (0, 0, 0).
        #[serde(default)]
        rotation: [f64; 3],
    },
    /// Chamfer distance between the particles of a body and a cloud of points (m^2).
    Chamfer {
        /// Name of the body.
        body: String,
        /// The cloud of points.
        target: ChamferTarget,
    },
    /// Square distance of the centre of mass of a body from a point (m^2).
    CentreOfMass {
        /// Name of the body.
        body: String,
        /// The point (m).
        target: [f64; 3],
        /// Axes that count. Default: [X, Y, Z].
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
    },
    /// Square distance of the centre of mass of a rigid body from a point (m^2).
    RigidPosition {
        /// Name of the rigid body.
        body: String,
        /// The point (m).
        target: [f64; 3],
        /// Axes that count. Default: [X, Y, Z].
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
    },
    /// Twice one minus the cosine of the angle by which a rigid body is turned against a target:
    /// the square of a small angle (rad^2).
    RigidRotation {
        /// Name of the rigid body.
        body: String,
        /// How its shape should be turned: rotation vector (rad).
        target: [f64; 3],
    },
    /// Square distance of the velocities of a rigid body from a target (m^2/s^2, rad^2/s^2).
    RigidVelocity {
        /// Name of the rigid body.
        body: String,
        /// The velocity of its centre of mass (m/s). Default: not judged.
        linear: Option<[f64; 3]>,
        /// Its angular velocity (rad/s). Default: not judged.
        angular: Option<[f64; 3]>,
    },
    /// Mean distance of the particles of a body from a point, summed over axes (m).
    Point {
        /// Name of the body.
        body: String,
        /// The point (m).
        target: [f64; 3],
        /// Axes that count. Default: [X, Y, Z].
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
    },
    /// Mean distance of the particles of a body from where they started, summed over axes (m).
    Displacement {
        /// Name of the body.
        body: String,
    },
    /// Mean distance between the particles of a body and those of another, summed over axes
    /// (m): attraction; of a body with itself and a negative weight, how far it is spread.
    MeanDistance {
        /// Name of the body.
        body: String,
        /// Name of the other, or of the same.
        other: String,
    },
    /// Mean square distance of the colliders on a tool from the nearest particle of a body
    /// (m^2), zero once all touch it.
    Approach {
        /// Name of the body.
        body: String,
        /// Name of the tool. Default: that of the first.
        #[serde(default)]
        tool: String,
    },
    /// Share of the mass that a collector does not have (1): what it has taken counts nothing, any
    /// other particle of its bodies by a smooth window of its distance from the volume.
    Uncollected {
        /// Name of the collector.
        collector: String,
        /// Width of the window (m).
        width: f64,
    },
    /// Mean square velocity of a tool. Read after every frame, unless `when` says otherwise.
    ControlEffort {
        /// Name of the tool. Default: that of the first.
        #[serde(default)]
        tool: String,
        /// Factor of the square linear velocity (s^2/m^2). Default: 1.
        #[serde(default = "one")]
        linear: f64,
        /// Factor of the square angular velocity (s^2/rad^2). Default: 0.
        #[serde(default)]
        angular: f64,
        /// Factor of the square rates of its joints (s^2/rad^2, s^2/m^2). Default: 0.
        #[serde(default)]
        joints: f64,
    },
    /// Square difference of the mean force and torque that matter exerts in a frame from
    /// given ones. Torques are about the origin of the collider or tool, of walls about that
    /// of the world.
    Reaction {
        /// What feels them.
        of: Source,
        /// The force (N). Default: (0, 0, 0).
        #[serde(default)]
        force: [f64; 3],
        /// The torque (N m). Default: (0, 0, 0).
        #[serde(default)]
        torque: [f64; 3],
        /// Factor of the square difference of the force (1/N^2). Default: 1.
        #[serde(default = "one")]
        force_weight: f64,
        /// Factor of the square difference of the torque (1/(N m)^2). Default: 0.
        #[serde(default)]
        torque_weight: f64,
    },
    /// By how much the mean force and torque that matter exerts in a frame exceed limits,
    /// squared, relative to the limits.
    Overload {
        /// What feels them.
        of: Source,
        /// Greatest force (N). Default: none.
        force: Option<f64>,
        /// Greatest torque (N m). Default: none.
        torque: Option<f64>,
    },
}

/// What feels a force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A wall of the domain: x_min, x_max, y_min, y_max, z_min or z_max.
    Wall(String),
    /// The collider of this name.
    Collider(String),
    /// The tool of this name, with all that is fixed to it.
    Tool(String),
}

/// Where the particles of a body should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PairTarget {
    /// Where they are in the same scene with other materials, frame by frame.
    Twin {
        /// The other materials by name; the rest stay as they are.
        #[serde(deserialize_with = "unique_names")]
        materials: BTreeMap<String, Material>,
    },
    /// Where they are in the same scene with tools that move in other ways, frame by frame: a
    /// demonstration.
    Demo {
        /// The other motions by the names of the tools; the rest stay as they are.
        #[serde(deserialize_with = "unique_names")]
        motions: BTreeMap<String, Motion>,
    },
    /// Where this NPZ file says, relative to the folder of the scene.
    File(String),
}

/// A cloud of points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ChamferTarget {
    /// A solid filled with points, two along each edge of a cell.
    Shape {
        /// The solid.
        shape: Shape,
        /// Where its origin is (m). Default: (0, 0, 0).
        #[serde(default)]
        position: [f64; 3],
        /// How it is turned: rotation vector (rad). Default: (0, 0, 0).
        #[serde(default)]
        rotation: [f64; 3],
    },
    /// The points of this NPZ file, relative to the folder of the scene.
    File(String),
}

/// A figure of how well a body fills a shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, unique among metrics.
    pub name: String,
    /// Name of the body.
    pub body: String,
    /// The solid.
    pub shape: Shape,
    /// Where its origin is (m). Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How it is turned: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// What is said. Default: Share.
    #[serde(default)]
    pub says: Figure,
}

/// What a metric says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Figure {
    /// The share of the mass of the body that is inside the shape.
    #[default]
    Share,
    /// The score of PlasticineLab: the soft intersection over union of the densities of body
    /// and shape on the grid, from 0 as at the start to 1 as of the shape with itself.
    SoftIou,
}

fn one() -> f64 {
    1.0
}

fn all_axes() -> Vec<Axis> {
    Axis::ALL.to_vec()
}

impl Term {
    /// Name of the body of particles that it reads, if it reads one.
    pub fn body(&self) -> Option<&str> {
        match self {
            Self::PairedL2 { body, .. }
            | Self::GridDensity { body, .. }
            | Self::TargetSdf { body, .. }
            | Self::Chamfer { body, .. }
            | Self::CentreOfMass { body, .. }
            | Self::Point { body, .. }
            | Self::Displacement { body }
            | Self::MeanDistance { body, .. }
            | Self::Approach { body, .. } => Some(body),
            Self::Uncollected { .. }
            | Self::RigidPosition { .. }
            | Self::RigidRotation { .. }
            | Self::RigidVelocity { .. }
            | Self::ControlEffort { .. }
            | Self::Reaction { .. }
            | Self::Overload { .. } => None,
        }
    }
}

impl When {
    /// First and last of the frames that it names, of a run of `frames`.
    pub const fn ends(self, frames: usize) -> [usize; 2] {
        let last = frames.saturating_sub(1);
        match self {
            Self::End => [last, last],
            Self::Every => [0, last],
            Self::Frame(frame) => [frame, frame],
            Self::Frames(first, last) => [first, last],
        }
    }

    /// Names the last frame instead of one that a run of `frames` frames does not have.
    pub fn shorten(&mut self, frames: usize) {
        let late = match *self {
            Self::Frame(frame) => frame >= frames,
            Self::Frames(_, last) => last >= frames,
            Self::End | Self::Every => false,
        };
        if late {
            *self = Self::End;
        }
    }
}
