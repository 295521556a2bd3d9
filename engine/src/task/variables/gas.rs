//! What an optimisation may change of gas and of all that acts on it.

use backflow_sim::scene::spec::Axis;
use serde::{Deserialize, Serialize};

use super::{Freedom, all_axes, one, unit};

/// Something of the gas of a scene that an optimisation may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum GasVariable {
    /// Velocity of a jet or obstacle in every frame.
    Motion {
        /// Name of the jet or obstacle.
        of: String,
        /// Degrees of freedom that are free, but for joints; the others stay as in the scene.
        axes: Vec<Freedom>,
        /// Largest absolute value (m/s, rad/s); none by default.
        #[serde(default)]
        limit: Option<f64>,
        /// Frames that share one value (1 by default).
        #[serde(default = "one")]
        hold: usize,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Acceleration of the gas at the centre of a jet in every frame (m/s^2).
    Strength {
        /// Name of the jet.
        jet: String,
        /// Least value; none by default.
        #[serde(default)]
        lower: Option<f64>,
        /// Greatest value; none by default.
        #[serde(default)]
        upper: Option<f64>,
        /// Frames that share one value (1 by default).
        #[serde(default = "one")]
        hold: usize,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Radius of a jet in every frame (m).
    Radius {
        /// Name of the jet.
        jet: String,
        /// Least value; none by default.
        #[serde(default)]
        lower: Option<f64>,
        /// Greatest value; none by default.
        #[serde(default)]
        upper: Option<f64>,
        /// Frames that share one value (1 by default).
        #[serde(default = "one")]
        hold: usize,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Where a jet, obstacle or source is at the start (m).
    Position {
        /// Name of the jet, obstacle or source.
        of: String,
        /// Free axes.
        #[serde(default = "all_axes")]
        axes: Vec<Axis>,
        /// Least value along each free axis; none by default.
        #[serde(default)]
        lower: Option<f64>,
        /// Greatest value along each free axis; none by default.
        #[serde(default)]
        upper: Option<f64>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// How a jet, obstacle or source is turned: a rotation vector (rad) applied to the scene's.
    Rotation {
        /// Name of the jet, obstacle or source.
        of: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// What a source adds to a scalar a second.
    Rate {
        /// Name of the source.
        source: String,
        /// Name of the scalar.
        scalar: String,
        /// Least value; none by default.
        #[serde(default)]
        lower: Option<f64>,
        /// Greatest value; none by default.
        #[serde(default)]
        upper: Option<f64>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Acceleration of the gas by a source, in its frame (m/s^2).
    Push {
        /// Name of the source.
        source: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// A number of the gas: `viscosity`, `confinement`, `diffusivity` or `lift` of a scalar.
    Parameter {
        /// Which number.
        name: GasParameter,
        /// Name of the scalar; none for what is not one's.
        #[serde(default)]
        scalar: Option<String>,
        /// Least value; none by default.
        #[serde(default)]
        lower: Option<f64>,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Velocity of the gas that comes in, or of a wall (m/s).
    Side {
        /// Name of the side, such as `x_min`.
        side: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// Velocity on every face at the start (m/s).
    StartVelocity {
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
    /// A scalar in every cell at the start.
    StartScalar {
        /// Name of the scalar.
        scalar: String,
        /// Unit of the flat vector (1 by default).
        #[serde(default = "unit")]
        scale: f64,
    },
}

/// A number of the gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GasParameter {
    /// Kinematic viscosity (m^2/s).
    Viscosity,
    /// Vorticity confinement (1).
    Confinement,
    /// Diffusivity of a scalar (m^2/s).
    Diffusivity,
    /// Loss of density a unit of a scalar.
    Lift,
}

impl GasVariable {
    /// Name of its slice of the flat vector.
    pub fn name(&self) -> String {
        match self {
            Self::Motion { of, .. } => format!("gas.{of}.motion"),
            Self::Strength { jet, .. } => format!("gas.{jet}.strength"),
            Self::Radius { jet, .. } => format!("gas.{jet}.radius"),
            Self::Position { of, .. } => format!("gas.{of}.position"),
            Self::Rotation { of, .. } => format!("gas.{of}.rotation"),
            Self::Rate { source, scalar, .. } => format!("gas.{source}.rate.{scalar}"),
            Self::Push { source, .. } => format!("gas.{source}.push"),
            Self::Parameter { name, scalar, .. } => {
                let name = format!("{name:?}").to_lowercase();
                match scalar {
                    Some(scalar) => format!("gas.{name}.{scalar}"),
                    None => format!("gas.{name}"),
                }
            }
            Self::Side { side, .. } => format!("gas.{side}"),
            Self::StartVelocity { .. } => "gas.start.velocity".to_owned(),
            Self::StartScalar { scalar, .. } => format!("gas.start.{scalar}"),
        }
    }

    /// Unit of the flat vector.
    pub fn scale(&self) -> f64 {
        match self {
            Self::Motion { scale, .. }
            | Self::Strength { scale, .. }
            | Self::Radius { scale, .. }
            | Self::Position { scale, .. }
            | Self::Rotation { scale, .. }
            | Self::Rate { scale, .. }
            | Self::Push { scale, .. }
            | Self::Parameter { scale, .. }
            | Self::Side { scale, .. }
            | Self::StartVelocity { scale }
            | Self::StartScalar { scale, .. } => *scale,
        }
    }

    /// Frames that share one value.
    pub fn hold(&self) -> usize {
        match self {
            Self::Motion { hold, .. } | Self::Strength { hold, .. } | Self::Radius { hold, .. } => {
                *hold
            }
            _ => 1,
        }
    }

    /// Least and greatest value.
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Motion { limit, .. } => (limit.map(|limit| -limit), *limit),
            Self::Strength { lower, upper, .. }
            | Self::Radius { lower, upper, .. }
            | Self::Position { lower, upper, .. }
            | Self::Rate { lower, upper, .. } => (*lower, *upper),
            Self::Parameter { lower, .. } => (*lower, None),
            _ => (None, None),
        }
    }
}
