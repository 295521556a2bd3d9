//! What an optimisation may change, as one flat vector with named slices.

pub mod gas;
pub mod knots;

use backflow_sim::scene::spec::{Axis, Tool};
use serde::{Deserialize, Serialize};

use self::{gas::GasVariable, knots::Shape};

/// Something in a scene that an optimisation may change.
///
/// Each entry of the flat vector is `value / scale`, or `ln(value) / scale` where `log`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Variable {
    /// What a tool is told in its free frames, from the scene's motion on: velocities (m/s,
    /// rad/s), or poses (m, rad) where its motion gives poses.
    Controls {
        /// Name of the tool; that of the first by default.
        #[serde(default)]
        tool: String,
        /// Degrees of freedom that are free; the others stay as in the scene.
        axes: Vec<Freedom>,
        /// Largest absolute value (m/s, rad/s); none by default.
        #[serde(default)]
        limit: Option<f64>,
        /// Free frames from one knot to the next (1 by default).
        #[serde(default = "one")]
        hold: usize,
        /// What happens between knots (Steps by default).
        #[serde(default)]
        knots: Shape,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Initial position of a tool (m).
    ToolPosition {
        /// Name of the tool; that of the first by default.
        #[serde(default)]
        tool: String,
        /// Free axes.
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Initial orientation of a tool: a rotation vector (rad) applied to the scene's.
    ToolRotation {
        /// Name of the tool; that of the first by default.
        #[serde(default)]
        tool: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Initial positions of all joints of a tool (rad, m).
    ToolJoints {
        /// Name of the tool; that of the first by default.
        #[serde(default)]
        tool: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// The weights of the policy of a tool.
    Policy {
        /// Name of the tool; that of the first by default.
        #[serde(default)]
        tool: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Uniform initial velocity of a body, or of the centre of mass of a rigid body (m/s).
    Velocity {
        /// Name of the body.
        body: String,
        /// Free axes.
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
        /// Largest absolute value (m/s); none by default.
        #[serde(default)]
        limit: Option<f64>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Initial position of a body, or of the centre of mass of a rigid body (m). A joint stays
    /// where it is.
    Position {
        /// Name of the body.
        body: String,
        /// Free axes.
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Initial orientation of a rigid body: a rotation vector (rad) applied to the scene's.
    Rotation {
        /// Name of the rigid body.
        body: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Initial angular velocity of a rigid body (rad/s).
    Spin {
        /// Name of the rigid body.
        body: String,
        /// Free axes.
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
        /// Largest absolute value (rad/s); none by default.
        #[serde(default)]
        limit: Option<f64>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Mass of a rigid body (kg); its moments of inertia grow alike.
    Mass {
        /// Name of the rigid body.
        body: String,
        /// Least value; none by default.
        #[serde(default)]
        lower: Option<f64>,
        /// Greatest value; none by default.
        #[serde(default)]
        upper: Option<f64>,
        /// Whether the logarithm is optimised.
        #[serde(default)]
        log: bool,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// A parameter of a material: `density`, `young`, `poisson`, `bulk_modulus`, `viscosity`.
    Material {
        /// Name of the material.
        material: String,
        /// Name of the parameter.
        parameter: String,
        /// Least value; none by default.
        #[serde(default)]
        lower: Option<f64>,
        /// Greatest value; none by default.
        #[serde(default)]
        upper: Option<f64>,
        /// Whether the logarithm is optimised, as suits positive numbers of unknown size.
        #[serde(default)]
        log: bool,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Activation of a muscle in every frame (1), from the scene's on; within `limit`.
    Activation {
        /// Name of the body.
        body: String,
        /// Largest absolute value (1), at most 1 (the default).
        #[serde(default = "unit")]
        limit: f64,
        /// Frames that share one value (1 by default).
        #[serde(default = "one")]
        hold: usize,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// A parameter of a force: as in the scene, e.g. `velocity` or `rate` of a wind.
    Force {
        /// Name of the force.
        force: String,
        /// Name of the parameter, a number or a vector.
        parameter: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Share of gravity that acts on a body (1), which the scene must give.
    GravityShare {
        /// Name of the body.
        body: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Gravity (m/s^2).
    Gravity {
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Friction of a collider, or of a rigid body against walls, colliders and rigid bodies (1).
    Friction {
        /// Name of the collider or the rigid body.
        collider: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Friction of a wall of the domain (1).
    WallFriction {
        /// `x_min`, `x_max`, `y_min`, `y_max`, `z_min` or `z_max`.
        wall: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Position of a collider (m) in the world or in the frame that it is fixed to.
    ColliderPosition {
        /// Name of the collider.
        collider: String,
        /// Free axes.
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Orientation of a collider: a rotation vector (rad) applied to the scene's, in the world
    /// or in the frame that it is fixed to.
    ColliderRotation {
        /// Name of the collider.
        collider: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Velocity of what comes out of an injector, in the frame of its nozzle (m/s).
    NozzleVelocity {
        /// Name of the injector.
        injector: String,
        /// Free axes.
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
        /// Largest absolute value (m/s); none by default.
        #[serde(default)]
        limit: Option<f64>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// One field of every particle of a body at the start.
    Particles {
        /// Name of the body.
        body: String,
        /// The field.
        field: Field,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Something of the gas.
    Gas(GasVariable),
}

/// A degree of freedom of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Freedom {
    /// Along x.
    X,
    /// Along y.
    Y,
    /// Along z.
    Z,
    /// About x.
    Rx,
    /// About y.
    Ry,
    /// About z.
    Rz,
    /// Of the joint of this name.
    Joint(String),
}

/// A field of a particle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Field {
    /// Position (m).
    X,
    /// Velocity (m/s).
    V,
    /// Affine velocity matrix (1/s), column by column.
    C,
    /// Deformation gradient, column by column, or volume ratio (1).
    F,
}

fn one() -> usize {
    1
}

fn unit() -> f64 {
    1.0
}

fn all_axes() -> Vec<Axis> {
    vec![Axis::X, Axis::Y, Axis::Z]
}

impl Freedom {
    /// All of a rigid tool.
    pub const RIGID: [Self; 6] = [Self::X, Self::Y, Self::Z, Self::Rx, Self::Ry, Self::Rz];

    /// Its place among the numbers of a command of a tool; `None` for a joint that the tool
    /// does not have.
    pub fn entry(&self, tool: &Tool) -> Option<usize> {
        match self {
            Self::Joint(name) => tool.joint(name).map(|joint| 6 + joint),
            _ => self.of_rigid(),
        }
    }

    /// Its place among the six numbers of a rigid motion; `None` for a joint.
    pub fn of_rigid(&self) -> Option<usize> {
        Self::RIGID.iter().position(|freedom| freedom == self)
    }
}

/// What the slices of a tool start with.
fn slice_of(tool: &str) -> String {
    if tool.is_empty() {
        "tool".to_owned()
    } else {
        format!("tool.{tool}")
    }
}

impl Variable {
    /// Name of its slice of the flat vector.
    pub fn name(&self) -> String {
        match self {
            Self::Controls { tool, .. } if tool.is_empty() => "controls".to_owned(),
            Self::Controls { tool, .. } => format!("tool.{tool}.controls"),
            Self::ToolPosition { tool, .. } => format!("{}.position", slice_of(tool)),
            Self::ToolRotation { tool, .. } => format!("{}.rotation", slice_of(tool)),
            Self::ToolJoints { tool, .. } => format!("{}.joints", slice_of(tool)),
            Self::Policy { tool, .. } => format!("{}.policy", slice_of(tool)),
            Self::Velocity { body, .. } => format!("{body}.velocity"),
            Self::Position { body, .. } => format!("{body}.position"),
            Self::Rotation { body, .. } => format!("{body}.rotation"),
            Self::Spin { body, .. } => format!("{body}.spin"),
            Self::Mass { body, .. } => format!("{body}.mass"),
            Self::Material {
                material,
                parameter,
                ..
            } => format!("{material}.{parameter}"),
            Self::Activation { body, .. } => format!("{body}.activation"),
            Self::Force {
                force, parameter, ..
            } => format!("{force}.{parameter}"),
            Self::GravityShare { body, .. } => format!("{body}.gravity"),
            Self::Gravity { .. } => "gravity".to_owned(),
            Self::Friction { collider, .. } => format!("{collider}.friction"),
            Self::WallFriction { wall, .. } => format!("walls.{wall}.friction"),
            Self::ColliderPosition { collider, .. } => format!("collider.{collider}.position"),
            Self::ColliderRotation { collider, .. } => format!("collider.{collider}.rotation"),
            Self::NozzleVelocity { injector, .. } => format!("{injector}.nozzle"),
            Self::Particles { body, field, .. } => {
                format!("{body}.particles.{}", format!("{field:?}").to_lowercase())
            }
            Self::Gas(variable) => variable.name(),
        }
    }

    /// Unit of the flat vector.
    pub fn scale(&self) -> f64 {
        match self {
            Self::Controls { scale, .. }
            | Self::ToolPosition { scale, .. }
            | Self::ToolRotation { scale, .. }
            | Self::ToolJoints { scale, .. }
            | Self::Policy { scale, .. }
            | Self::Velocity { scale, .. }
            | Self::Position { scale, .. }
            | Self::Rotation { scale, .. }
            | Self::Spin { scale, .. }
            | Self::Mass { scale, .. }
            | Self::Material { scale, .. }
            | Self::Activation { scale, .. }
            | Self::Force { scale, .. }
            | Self::GravityShare { scale, .. }
            | Self::Gravity { scale }
            | Self::Friction { scale, .. }
            | Self::WallFriction { scale, .. }
            | Self::ColliderPosition { scale, .. }
            | Self::ColliderRotation { scale, .. }
            | Self::NozzleVelocity { scale, .. }
            | Self::Particles { scale, .. } => *scale,
            Self::Gas(variable) => variable.scale(),
        }
    }

    /// Least and greatest value.
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Controls { limit, .. }
            | Self::Velocity { limit, .. }
            | Self::Spin { limit, .. }
            | Self::NozzleVelocity { limit, .. } => (limit.map(|limit| -limit), *limit),
            Self::Material { lower, upper, .. } | Self::Mass { lower, upper, .. } => {
                (*lower, *upper)
            }
            Self::Activation { limit, .. } => (Some(-limit), Some(*limit)),
            Self::Friction { .. } | Self::WallFriction { .. } => (Some(0.0), None),
            Self::Gas(variable) => variable.bounds(),
            _ => (None, None),
        }
    }

    /// Whether the logarithm of the value is optimised.
    pub fn log(&self) -> bool {
        matches!(
            self,
            Self::Material { log: true, .. } | Self::Mass { log: true, .. }
        )
    }
}
