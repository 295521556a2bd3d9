//! What an optimisation may change, as one flat vector with named slices.

use backflow_sim::{pose::Twist, scene::spec::Axis};
use serde::{Deserialize, Serialize};

/// Something in a scene that an optimisation may change.
///
/// Each entry of the flat vector is `value / scale`, or `ln(value) / scale` where `log`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Variable {
    /// Velocity of the tool in every frame, from the scene's motion on.
    Controls {
        /// Degrees of freedom that are free; the others stay as in the scene.
        axes: Vec<Freedom>,
        /// Largest absolute value (m/s, rad/s); none by default.
        #[serde(default)]
        limit: Option<f64>,
        /// Frames that share one value (1 by default): piecewise constant controls.
        #[serde(default = "one")]
        hold: usize,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Initial position of the tool (m).
    ToolPosition {
        /// Free axes.
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Initial orientation of the tool: a rotation vector (rad) applied to the scene's.
    ToolRotation {
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Uniform initial velocity of a body (m/s).
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
    /// Initial position of a body (m).
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
    /// Gravity (m/s^2).
    Gravity {
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Friction of a collider (1).
    Friction {
        /// Name of the collider.
        collider: String,
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
}

/// A degree of freedom of the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Freedom {
    /// Velocity along x.
    X,
    /// Velocity along y.
    Y,
    /// Velocity along z.
    Z,
    /// Angular velocity about x.
    Rx,
    /// Angular velocity about y.
    Ry,
    /// Angular velocity about z.
    Rz,
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
    /// Its velocity in a twist.
    pub fn of(self, twist: &Twist<f64>) -> f64 {
        let index = self as usize;
        if index < 3 {
            twist.linear[index]
        } else {
            twist.angular[index - 3]
        }
    }

    /// Its velocity in a twist.
    pub fn of_mut(self, twist: &mut Twist<f64>) -> &mut f64 {
        let index = self as usize;
        if index < 3 {
            &mut twist.linear[index]
        } else {
            &mut twist.angular[index - 3]
        }
    }
}

impl Variable {
    /// Name of its slice of the flat vector.
    pub fn name(&self) -> String {
        match self {
            Self::Controls { .. } => "controls".to_owned(),
            Self::ToolPosition { .. } => "tool.position".to_owned(),
            Self::ToolRotation { .. } => "tool.rotation".to_owned(),
            Self::Velocity { body, .. } => format!("{body}.velocity"),
            Self::Position { body, .. } => format!("{body}.position"),
            Self::Material {
                material,
                parameter,
                ..
            } => format!("{material}.{parameter}"),
            Self::Gravity { .. } => "gravity".to_owned(),
            Self::Friction { collider, .. } => format!("{collider}.friction"),
            Self::Particles { body, field, .. } => {
                format!("{body}.particles.{}", format!("{field:?}").to_lowercase())
            }
        }
    }

    /// Unit of the flat vector.
    pub fn scale(&self) -> f64 {
        match self {
            Self::Controls { scale, .. }
            | Self::ToolPosition { scale, .. }
            | Self::ToolRotation { scale }
            | Self::Velocity { scale, .. }
            | Self::Position { scale, .. }
            | Self::Material { scale, .. }
            | Self::Gravity { scale }
            | Self::Friction { scale, .. }
            | Self::Particles { scale, .. } => *scale,
        }
    }

    /// Least and greatest value.
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Controls { limit, .. } | Self::Velocity { limit, .. } => {
                (limit.map(|limit| -limit), *limit)
            }
            Self::Material { lower, upper, .. } => (*lower, *upper),
            Self::Friction { .. } => (Some(0.0), None),
            _ => (None, None),
        }
    }

    /// Whether the logarithm of the value is optimised.
    pub fn log(&self) -> bool {
        matches!(self, Self::Material { log: true, .. })
    }
}
