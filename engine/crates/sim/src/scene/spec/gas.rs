//! Gas and all that acts on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Motion, Shape, When, unique_names};

/// Gas that fills the domain, on the cells of the domain. Matter moves in it if there is any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gas {
    /// Mass density (kg/m^3), which counts where matter is pushed. Default: 1.2.
    #[serde(default = "air")]
    pub density: f64,
    /// Kinematic viscosity (m^2/s). Default: none.
    pub viscosity: Option<f64>,
    /// Vorticity confinement (1). Default: none.
    pub confinement: Option<f64>,
    /// Velocity at the start (m/s). Default: (0, 0, 0).
    #[serde(default)]
    pub velocity: [f64; 3],
    /// What the gas carries, by name: temperature, smoke or anything else. Default: {}.
    #[serde(default, deserialize_with = "unique_names")]
    pub scalars: BTreeMap<String, GasScalar>,
    /// The sides of the box. Default: (default: Slip).
    #[serde(default)]
    pub sides: GasSides,
    /// Solids that gas flows around, at least two cells thick. Default: [].
    #[serde(default)]
    pub obstacles: Vec<GasObstacle>,
    /// Jets, like air conditioners. Default: [].
    #[serde(default)]
    pub jets: Vec<GasJet>,
    /// Regions in which something is added: heaters, smoke, fans. Default: [].
    #[serde(default)]
    pub sources: Vec<GasSource>,
    /// Regions in which a scalar starts with another value. Default: [].
    #[serde(default)]
    pub blobs: Vec<GasBlob>,
    /// How quantities are carried along. Default: MacCormack.
    #[serde(default)]
    pub scheme: GasScheme,
    /// Whether scalars are carried by fluxes between cells, so that what leaves one enters its
    /// neighbour and their sums are kept, and not by `scheme`. Default: false.
    #[serde(default)]
    pub conservative: bool,
    /// How transport and pressure follow one another. Default: Projected.
    #[serde(default)]
    pub splitting: GasSplitting,
    /// What speeds the pressure up. Default: Multigrid.
    #[serde(default)]
    pub pressure: GasPressure,
    /// Greatest divergence that the pressure leaves: max |div u| dx / max |u| (1). Default: 1e-6.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// Cells that gas may cross in a step (1). Default: 2.
    #[serde(default = "courant")]
    pub courant: f64,
    /// Steps of a frame; chosen by `courant` and diffusion at the start of each by default.
    /// Default: none.
    pub steps: Option<usize>,
    /// How matter and gas push each other; without it they pass through each other. Default: none.
    pub coupling: Option<GasCoupling>,
    /// What the gas is judged by, besides `losses`. Default: [].
    #[serde(default)]
    pub losses: Vec<GasLoss>,
}

/// A quantity that gas carries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GasScalar {
    /// Its value at the start. Default: that of `reference`.
    pub initial: Option<f64>,
    /// Its value where gas is as heavy as the surroundings. Default: 0.
    #[serde(default)]
    pub reference: f64,
    /// Diffusivity (m^2/s). Default: none.
    pub diffusivity: Option<f64>,
    /// Relative loss of density a unit: 1/T for a temperature, negative for what is heavier than
    /// the gas. Default: 0.
    #[serde(default)]
    pub lift: f64,
}

/// What is at the sides of the box.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GasSides {
    /// What is at every side that has none of its own. Default: Slip.
    #[serde(default)]
    pub default: GasSide,
    /// What is at the lower end of x. Default: that of `default`.
    pub x_min: Option<GasSide>,
    /// What is at the upper end of x. Default: that of `default`.
    pub x_max: Option<GasSide>,
    /// What is at the floor. Default: that of `default`.
    pub y_min: Option<GasSide>,
    /// What is at the ceiling. Default: that of `default`.
    pub y_max: Option<GasSide>,
    /// What is at the lower end of z. Default: that of `default`.
    pub z_min: Option<GasSide>,
    /// What is at the upper end of z. Default: that of `default`.
    pub z_max: Option<GasSide>,
}

/// What is at a side of the box.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum GasSide {
    /// A wall that gas slides along.
    #[default]
    Slip,
    /// A wall that gas sticks to.
    Wall {
        /// Its velocity (m/s). Default: (0, 0, 0).
        #[serde(default)]
        velocity: [f64; 3],
        /// Scalars that have a value at it; nothing goes through of the others. Default: {}.
        #[serde(default, deserialize_with = "unique_names")]
        scalars: BTreeMap<String, f64>,
    },
    /// Gas comes in.
    Inflow {
        /// Its velocity (m/s).
        velocity: [f64; 3],
        /// Its scalars; those not given have their `reference`. Default: {}.
        #[serde(default, deserialize_with = "unique_names")]
        scalars: BTreeMap<String, f64>,
    },
    /// Gas goes where it wants, at the pressure of the surroundings; what comes in is what is there.
    Outflow,
    /// Gas goes where it wants, at the pressure of the surroundings, and gas of the surroundings
    /// comes in, from rest.
    Open {
        /// Its scalars; those not given have their `reference`. Default: {}.
        #[serde(default, deserialize_with = "unique_names")]
        scalars: BTreeMap<String, f64>,
    },
    /// The opposite side, which says so as well.
    Periodic,
}

/// A solid that gas flows around.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GasObstacle {
    /// Its name, unique among obstacles.
    pub name: String,
    /// Its solid.
    pub shape: Shape,
    /// Where its origin is (m). Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How it is turned: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// How it moves: Hold, Constant or Frames. Default: Hold.
    #[serde(default)]
    pub motion: Motion,
}

/// A jet blows and mixes in gas of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GasJet {
    /// Its name, unique among jets.
    pub name: String,
    /// Where it is at the start (m).
    pub position: [f64; 3],
    /// How it is turned at the start: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// Direction that it blows in, in its own frame. Default: (1, 0, 0).
    #[serde(default = "along_x")]
    pub direction: [f64; 3],
    /// Acceleration of gas at its centre (m/s^2).
    pub strength: f64,
    /// Distance over which it falls off by a factor of e (m).
    pub radius: f64,
    /// What it blows in of each scalar; nothing of those not given. Default: {}.
    #[serde(default, deserialize_with = "unique_names")]
    pub scalars: BTreeMap<String, f64>,
    /// How fast gas at its centre becomes that of the jet (1/s). Default: 30.
    #[serde(default = "mixing")]
    pub mixing: f64,
    /// How it moves: Hold, Constant or Frames. Default: Hold.
    #[serde(default)]
    pub motion: Motion,
}

/// A region in which something is added to the gas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GasSource {
    /// Its name, unique among sources.
    pub name: String,
    /// Its solid.
    pub shape: Shape,
    /// Where its origin is (m). Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How it is turned: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// Distance on either side of its surface over which it fades (m). Default: that of a cell.
    pub width: Option<f64>,
    /// What is added to scalars a second. Default: {}.
    #[serde(default, deserialize_with = "unique_names")]
    pub rates: BTreeMap<String, f64>,
    /// Acceleration of the gas in the frame of the source (m/s^2): a fan. Default: (0, 0, 0).
    #[serde(default)]
    pub push: [f64; 3],
}

/// A region in which a scalar starts with another value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GasBlob {
    /// Name of the scalar.
    pub scalar: String,
    /// Its value in the region.
    pub value: f64,
    /// The region.
    pub shape: Shape,
    /// Where its origin is (m). Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How it is turned: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
}

/// How quantities are carried along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum GasScheme {
    /// First order: smears, never overshoots.
    SemiLagrangian,
    /// Second order, between the least and the greatest value around.
    #[default]
    MacCormack,
    /// Second order without limits.
    Unlimited,
}

/// How transport and pressure follow one another in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum GasSplitting {
    /// Transport, then pressure: first order in time, which smears eddies.
    #[default]
    Projected,
    /// Two halves, with the velocity mirrored at the first pressure: second order in time, twice
    /// the work.
    Reflected,
}

/// What speeds the pressure up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum GasPressure {
    /// A cycle of multigrid.
    #[default]
    Multigrid,
    /// Incomplete Cholesky factors.
    Incomplete,
    /// Nothing.
    Plain,
}

/// How matter, rigid bodies included, and gas push each other: by drag, and because matter takes up
/// room.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GasCoupling {
    /// Drag on a volume of matter for each unit of velocity that it is slower than the gas
    /// (kg/(m^3 s)).
    pub drag: f64,
    /// Greatest share of a face that matter may take (1). Default: 0.8.
    #[serde(default = "share")]
    pub share: f64,
}

/// A term of the loss that reads the gas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GasLoss {
    /// What it measures.
    pub term: GasTerm,
    /// Its factor (1). Default: 1.
    #[serde(default = "one")]
    pub weight: f64,
    /// After which frames it is read. Default: End.
    #[serde(default)]
    pub when: When,
    /// Whether frames are summed up, as FluidLab's returns are; else their mean is taken.
    /// Default: false.
    #[serde(default)]
    pub sum: bool,
}

/// What a term measures of the gas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum GasTerm {
    /// Sum over points of the distance of a scalar from a value.
    Sensors {
        /// Name of the scalar.
        scalar: String,
        /// Where it is measured (m).
        points: Vec<[f64; 3]>,
        /// What it should be.
        target: f64,
    },
    /// Mean square distance of a scalar from a value over a region.
    Scalar {
        /// Name of the scalar.
        scalar: String,
        /// What it should be.
        target: f64,
        /// The region; all of the domain without. Default: none.
        shape: Option<Shape>,
        /// Where its origin is (m). Default: (0, 0, 0).
        #[serde(default)]
        position: [f64; 3],
    },
    /// Mean square distance of the velocity from one over a region (m^2/s^2).
    Velocity {
        /// What it should be (m/s).
        target: [f64; 3],
        /// The region; all of the domain without. Default: none.
        shape: Option<Shape>,
        /// Where its origin is (m). Default: (0, 0, 0).
        #[serde(default)]
        position: [f64; 3],
    },
}

fn air() -> f64 {
    1.2
}

fn tolerance() -> f64 {
    1e-6
}

fn courant() -> f64 {
    2.0
}

fn mixing() -> f64 {
    30.0
}

fn share() -> f64 {
    0.8
}

fn one() -> f64 {
    1.0
}

fn along_x() -> [f64; 3] {
    [1.0, 0.0, 0.0]
}

impl GasSides {
    /// Names of the sides, `[axis][0: lower, 1: upper]`.
    pub const NAMES: [[&'static str; 2]; 3] = super::Walls::NAMES;

    /// What is at each side, `[axis][0: lower, 1: upper]`.
    pub fn all(&self) -> [[&GasSide; 2]; 3] {
        let given = [
            [&self.x_min, &self.x_max],
            [&self.y_min, &self.y_max],
            [&self.z_min, &self.z_max],
        ];
        given.map(|pair| pair.map(|side| side.as_ref().unwrap_or(&self.default)))
    }
}

impl Gas {
    /// Leaves out what comes after `frames` frames; losses of later ones are read at the end.
    pub fn shorten(&mut self, frames: usize) {
        for loss in &mut self.losses {
            loss.when.shorten(frames);
        }
        for obstacle in &mut self.obstacles {
            obstacle.motion.shorten(frames);
        }
        for jet in &mut self.jets {
            jet.motion.shorten(frames);
        }
    }

    /// Axes along which the box repeats itself.
    pub fn periodic(&self) -> [bool; 3] {
        self.sides
            .all()
            .map(|pair| pair.iter().all(|side| **side == GasSide::Periodic))
    }
}
