//! Tools and how they move.

use serde::{Deserialize, Serialize};

/// A tool: a moving frame that colliders are fixed to, with further parts on joints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name, unique among tools.
    pub name: String,
    /// Where its origin starts (m). Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How it is turned at the start: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// Joints that carry further parts, each after the one that it hangs on; at most 24.
    /// Default: [].
    #[serde(default)]
    pub joints: Vec<Joint>,
    /// How it moves; an optimisation starts from here. Default: Hold.
    #[serde(default)]
    pub motion: Motion,
    /// What steers it besides: a network that adds to what it is told, by what it sees at the
    /// start of each frame. Default: none.
    pub policy: Option<Policy>,
    /// How fast and how far it may go; what it is told beyond is cut off and counted.
    /// Default: ().
    #[serde(default)]
    pub limits: Limits,
}

/// A network with one hidden layer that adds to what a tool is told in each frame. It sees the
/// time, of each body the centre from the tool and the mean velocity, where the tool is, and its
/// joints; its weights are what an optimisation changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Names of the bodies of particles that it sees; all of them for none. Default: [].
    #[serde(default)]
    pub sees: Vec<String>,
    /// The most that it adds along each axis to the velocity of the tool's origin (m/s), or to its
    /// position where the tool is told poses (m); it leaves alone what is zero. Default: (0, 0, 0).
    #[serde(default)]
    pub linear: [f64; 3],
    /// The same of its angular velocity (rad/s) or its rotation vector (rad).
    /// Default: (0, 0, 0).
    #[serde(default)]
    pub angular: [f64; 3],
    /// The same of the rates (rad/s, m/s) or positions (rad, m) of its joints; of no joint, or of
    /// all. Default: [].
    #[serde(default)]
    pub joints: Vec<f64>,
    /// Hidden units. Default: 16.
    #[serde(default = "sixteen")]
    pub hidden: usize,
    /// Unit of the lengths that it sees (m). Default: 0.1.
    #[serde(default = "tenth")]
    pub length: f64,
    /// Unit of the speeds that it sees (m/s). Default: 1.
    #[serde(default = "one")]
    pub speed: f64,
    /// Seed of its first weights, with which it adds nothing yet. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// Its weights, those of the first layer row by row, then those of the second; none for first
    /// weights. Default: [].
    #[serde(default)]
    pub weights: Vec<f64>,
}

/// A joint between two parts of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    /// Its name, unique among the joints of the tool.
    pub name: String,
    /// How it moves.
    pub kind: JointKind,
    /// Name of the joint whose part it hangs on. Default: none.
    pub on: Option<String>,
    /// Where it is in the frame of what it hangs on (m): the origin of the part that it
    /// carries. Default: (0, 0, 0).
    #[serde(default)]
    pub anchor: [f64; 3],
    /// Direction of its axis in that frame. Default: (1, 0, 0).
    #[serde(default = "along_x")]
    pub axis: [f64; 3],
    /// Its position at the start (rad, m). Default: 0.
    #[serde(default)]
    pub position: f64,
    /// Least and greatest position (rad, m). Default: none.
    pub range: Option<[f64; 2]>,
    /// Greatest rate (rad/s, m/s). Default: none.
    pub speed: Option<f64>,
}

/// How a joint moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JointKind {
    /// It turns about its axis.
    Hinge,
    /// It slides along its axis.
    Slider,
}

/// How fast and how far a tool may go.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Greatest speed of its origin along each axis (m/s). Default: none.
    pub linear: Option<f64>,
    /// Greatest angular velocity about each axis (rad/s). Default: none.
    pub angular: Option<f64>,
    /// Where its origin may be at the end of a frame. Default: none.
    pub workspace: Option<Workspace>,
}

/// A box that the origin of a tool stays in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its lower corner (m).
    pub min: [f64; 3],
    /// Its upper corner (m).
    pub max: [f64; 3],
}

/// How a tool moves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Motion {
    /// Not at all: velocities of zero, for an optimisation to change.
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
        /// Rate of each joint (rad/s, m/s). Default: [].
        #[serde(default)]
        joints: Vec<f64>,
    },
    /// At one velocity a frame; after the last of them it holds still.
    Frames(Vec<Velocity>),
    /// To one pose a frame; from the last of them on it stays there. Without any it stays
    /// where it starts. An optimisation changes poses.
    Poses(Vec<Placement>),
    /// By strokes, one after the other, over and over until the run ends. An optimisation
    /// changes those that are `free`.
    Strokes(Vec<Stroke>),
}

/// The velocity of a tool during a frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Velocity {
    /// Velocity of its origin (m/s). Default: (0, 0, 0).
    #[serde(default)]
    pub linear: [f64; 3],
    /// Angular velocity in world axes (rad/s). Default: (0, 0, 0).
    #[serde(default)]
    pub angular: [f64; 3],
    /// Rate of each joint (rad/s, m/s). Default: [].
    #[serde(default)]
    pub joints: Vec<f64>,
}

/// Where a tool should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Position of its origin (m).
    pub position: [f64; 3],
    /// How it is turned: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// Position of each joint (rad, m). Default: that of the start.
    #[serde(default)]
    pub joints: Vec<f64>,
}

/// A part of a motion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stroke {
    /// How many frames it takes; at least 1.
    pub frames: usize,
    /// What the tool does in them. Default: Move(()).
    #[serde(default)]
    pub action: Action,
    /// Whether an optimisation may change it. Default: false.
    #[serde(default)]
    pub free: bool,
}

/// What a tool does in a stroke.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// It moves at this velocity.
    Move(Velocity),
    /// It goes to this pose, straight and evenly from where it is.
    Go(Placement),
}

fn sixteen() -> usize {
    16
}

fn tenth() -> f64 {
    0.1
}

fn one() -> f64 {
    1.0
}

fn along_x() -> [f64; 3] {
    [1.0, 0.0, 0.0]
}

impl Default for Action {
    fn default() -> Self {
        Self::Move(Velocity::default())
    }
}

impl Motion {
    /// Whether poses are among what it tells the tool.
    pub fn poses(&self) -> bool {
        match self {
            Self::Poses(_) => true,
            Self::Strokes(strokes) => {
                let mut actions = strokes.iter().map(|stroke| &stroke.action);
                actions.any(|action| matches!(action, Action::Go(_)))
            }
            Self::Hold | Self::Constant { .. } | Self::Frames(_) => false,
        }
    }

    /// Leaves out what comes after `frames` frames.
    pub fn shorten(&mut self, frames: usize) {
        match self {
            Self::Frames(given) => given.truncate(frames),
            Self::Poses(given) => given.truncate(frames),
            Self::Hold | Self::Constant { .. } | Self::Strokes(_) => {}
        }
    }
}

impl Policy {
    /// The most that it adds to each number of a command of a tool with so many joints.
    pub fn reach(&self, joints: usize) -> Vec<f64> {
        let own = self.linear.iter().chain(&self.angular);
        let joints = (0..joints).map(|joint| self.joints.get(joint).copied().unwrap_or(0.0));
        own.copied().chain(joints).collect()
    }
}

impl Tool {
    /// Index of a joint.
    pub fn joint(&self, name: &str) -> Option<usize> {
        self.joints.iter().position(|joint| joint.name == name)
    }

    /// Where it starts.
    pub fn start(&self) -> Placement {
        Placement {
            position: self.position,
            rotation: self.rotation,
            joints: self.joints.iter().map(|joint| joint.position).collect(),
        }
    }
}

impl<O> super::Spec<O> {
    /// Index of a tool by its name; of the first for no name.
    pub fn tool(&self, name: &str) -> Option<usize> {
        if name.is_empty() {
            return (!self.tools.is_empty()).then_some(0);
        }
        self.tools.iter().position(|tool| tool.name == name)
    }
}
