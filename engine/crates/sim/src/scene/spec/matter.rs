//! Matter: what it is made of and where it starts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Preset, Shape};
use crate::particle::sample::Pattern;

/// A constitutive law and its constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Material {
    /// Weakly compressible Newtonian liquid.
    Liquid {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Bulk modulus (Pa). Sound travels at sqrt(K / density): ten times the fastest
        /// flow keeps the density within one percent.
        bulk_modulus: f64,
        /// Shear viscosity (Pa s). Default: 0.
        #[serde(default)]
        viscosity: f64,
        /// Exponent of the equation of state (1): 1 is linear, 7 is water's. Default: 7.
        #[serde(default = "water_exponent")]
        exponent: f64,
        /// Whether an expanded liquid pulls. Default: false.
        #[serde(default)]
        tension: bool,
    },
    /// Compressible neo-Hookean solid.
    NeoHookean {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Young's modulus (Pa).
        young: f64,
        /// Poisson's ratio (1), above -1 and below 0.5.
        poisson: f64,
    },
    /// Fixed corotated elastic solid.
    FixedCorotated {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Young's modulus (Pa).
        young: f64,
        /// Poisson's ratio (1), above -1 and below 0.5.
        poisson: f64,
    },
    /// Fixed corotated solid that flows where a principal stretch leaves
    /// `[1 - compression, 1 + extension]`.
    BoxPlastic {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Young's modulus (Pa).
        young: f64,
        /// Poisson's ratio (1), above -1 and below 0.5.
        poisson: f64,
        /// Critical compression (1), above 0 and below 1.
        compression: f64,
        /// Critical extension (1).
        extension: f64,
    },
    /// Metal or clay: Hencky's elasticity, von Mises' yield condition, linear hardening.
    VonMises {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Young's modulus (Pa).
        young: f64,
        /// Poisson's ratio (1), above -1 and below 0.5.
        poisson: f64,
        /// Yield stress in uniaxial tension (Pa).
        yield_stress: f64,
        /// Hardening modulus: how much the yield stress grows with the plastic strain (Pa).
        /// Default: 0.
        #[serde(default)]
        hardening: f64,
    },
    /// Sand or soil: Hencky's elasticity, Drucker and Prager's yield condition without
    /// dilatancy; what has come apart closes before it presses again.
    DruckerPrager {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Young's modulus (Pa).
        young: f64,
        /// Poisson's ratio (1), above -1 and below 0.5.
        poisson: f64,
        /// Friction angle in triaxial compression (rad), above 0 and below pi/2.
        friction_angle: f64,
        /// Mean tension at which it comes apart (Pa). Default: 0.
        #[serde(default)]
        cohesion: f64,
    },
    /// Paste, ice cream, mud: elastic below a yield stress, a liquid of shear stress
    /// `yield_stress + consistency rate^exponent` above (Herschel and Bulkley; Bingham with
    /// exponent 1).
    HerschelBulkley {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Young's modulus (Pa).
        young: f64,
        /// Poisson's ratio (1), above -1 and below 0.5.
        poisson: f64,
        /// Yield stress in simple shear (Pa).
        yield_stress: f64,
        /// Consistency (Pa s^exponent): with exponent 1, the viscosity.
        consistency: f64,
        /// Flow index (1): below 1 it thins as it shears. Default: 1.
        #[serde(default = "one")]
        exponent: f64,
        /// Mean tension at which it comes apart (Pa). Default: the yield stress.
        cohesion: Option<f64>,
    },
    /// Snow: elastic within a box of stretches, harder where it was compacted.
    Snow {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Young's modulus of fresh snow (Pa).
        young: f64,
        /// Poisson's ratio (1), above -1 and below 0.5.
        poisson: f64,
        /// Critical compression (1), above 0 and below 1. Default: 0.025.
        #[serde(default = "critical_compression")]
        compression: f64,
        /// Critical extension (1). Default: 0.0075.
        #[serde(default = "critical_extension")]
        extension: f64,
        /// Hardening coefficient (1): compacted to a volume ratio J, snow is
        /// `exp(hardening (1 - J))` times as stiff, at most 8 times. Default: 10.
        #[serde(default = "snow_hardening")]
        hardening: f64,
    },
    /// Muscle: a neo-Hookean solid whose fibres pull with the stress `activation strength`.
    Muscle {
        /// Density at rest (kg/m^3).
        density: f64,
        /// Young's modulus (Pa).
        young: f64,
        /// Poisson's ratio (1), above -1 and below 0.5.
        poisson: f64,
        /// Stress of full activation along an unstretched fibre (Pa).
        strength: f64,
        /// Direction of the fibres at the start: angle about y, from x towards -z (rad). Default: 0.
        #[serde(default)]
        azimuth: f64,
        /// Direction of the fibres at the start: angle above the plane of x and z (rad). Default: 0.
        #[serde(default)]
        elevation: f64,
    },
    /// Rigid matter made of particles: each body of it moves as one.
    Rigid {
        /// Density (kg/m^3).
        density: f64,
    },
    /// A material of the library.
    Preset(Preset),
}

/// Activation of a muscle: 1 contracts its fibres with all of its strength.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Activation {
    /// None.
    #[default]
    Slack,
    /// The same in every frame (1), from -1 to 1.
    Constant(f64),
    /// One a frame (1), from -1 to 1; after the last of them the muscle is slack.
    Frames(Vec<f64>),
}

impl Activation {
    /// What is given of it.
    pub fn given(&self) -> &[f64] {
        match self {
            Self::Slack => &[],
            Self::Constant(activation) => std::slice::from_ref(activation),
            Self::Frames(given) => given,
        }
    }

    /// The activation in each of the first `frames` frames.
    pub fn frames(&self, frames: usize) -> Vec<f64> {
        match self {
            Self::Constant(activation) => vec![*activation; frames],
            Self::Slack | Self::Frames(_) => {
                let mut all = self.given().to_vec();
                all.resize(frames, 0.0);
                all
            }
        }
    }
}

/// A piece of matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Its name, unique among bodies.
    pub name: String,
    /// Name of its material.
    pub material: String,
    /// Its solid at the start.
    pub shape: Shape,
    /// Where the origin of the shape is (m). Default: (0, 0, 0).
    #[serde(default)]
    pub position: [f64; 3],
    /// How the shape is turned: rotation vector (rad). Default: (0, 0, 0).
    #[serde(default)]
    pub rotation: [f64; 3],
    /// Initial velocity of the origin of the shape (m/s). Default: (0, 0, 0).
    #[serde(default)]
    pub velocity: [f64; 3],
    /// Initial angular velocity about the origin of the shape (rad/s). Default: (0, 0, 0).
    #[serde(default)]
    pub spin: [f64; 3],
    /// How it is filled with particles. Default: Lattice(per_axis: 2).
    #[serde(default)]
    pub particles: Sampling,
    /// Share of gravity that acts on it (1). Default: 1.
    pub gravity: Option<f64>,
    /// Constants of its material that are others for this body, by name. Default: {}.
    #[serde(default)]
    pub constants: BTreeMap<String, f64>,
    /// How it is activated, if its material is a muscle. Default: Slack.
    #[serde(default)]
    pub activation: Activation,
}

/// How a solid is filled with particles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sampling {
    /// A cubic lattice, aligned with the cells of the grid.
    Lattice {
        /// Particles along each edge of a cell, 1 to 16.
        per_axis: u32,
    },
    /// One particle at a random place of each part of a cell. Numbers that are products
    /// of three like factors (1, 8, 12, 27, 64) give parts that are nearly cubes.
    Jittered {
        /// Particles a cell, 1 to 4096.
        per_cell: u32,
        /// Seed of the random places. Default: 0.
        #[serde(default)]
        seed: u64,
    },
}

fn water_exponent() -> f64 {
    7.0
}

fn one() -> f64 {
    1.0
}

/// Stomakhin et al. 2013, table 2, as the next two.
fn critical_compression() -> f64 {
    2.5e-2
}

fn critical_extension() -> f64 {
    7.5e-3
}

fn snow_hardening() -> f64 {
    10.0
}

impl Default for Sampling {
    fn default() -> Self {
        Self::Lattice { per_axis: 2 }
    }
}

impl Material {
    /// Itself, or what is meant where it is one of the library.
    #[must_use]
    pub const fn resolved(&self) -> Self {
        match *self {
            Self::Preset(preset) => preset.material(),
            given => given,
        }
    }

    /// Density at rest (kg/m^3).
    pub const fn density(&self) -> f64 {
        match self.resolved() {
            Self::Liquid { density, .. }
            | Self::NeoHookean { density, .. }
            | Self::FixedCorotated { density, .. }
            | Self::BoxPlastic { density, .. }
            | Self::VonMises { density, .. }
            | Self::DruckerPrager { density, .. }
            | Self::HerschelBulkley { density, .. }
            | Self::Snow { density, .. }
            | Self::Muscle { density, .. }
            | Self::Rigid { density } => density,
            // No preset is resolved to another.
            Self::Preset(_) => f64::NAN,
        }
    }

    /// Whether its particles remember their volume ratio alone.
    pub const fn is_liquid(&self) -> bool {
        matches!(self.resolved(), Self::Liquid { .. })
    }

    /// The constants of its law that have a gradient, by name, and density, to be changed;
    /// a preset has none until it is resolved.
    pub fn constants_mut(&mut self) -> Vec<(&'static str, &mut f64)> {
        match self {
            Self::Liquid {
                density,
                bulk_modulus,
                viscosity,
                ..
            } => vec![
                ("density", density),
                ("bulk_modulus", bulk_modulus),
                ("viscosity", viscosity),
            ],
            Self::NeoHookean {
                density,
                young,
                poisson,
            }
            | Self::FixedCorotated {
                density,
                young,
                poisson,
            } => vec![("density", density), ("young", young), ("poisson", poisson)],
            Self::BoxPlastic {
                density,
                young,
                poisson,
                compression,
                extension,
            } => vec![
                ("density", density),
                ("young", young),
                ("poisson", poisson),
                ("compression", compression),
                ("extension", extension),
            ],
            Self::VonMises {
                density,
                young,
                poisson,
                yield_stress,
                hardening,
            } => vec![
                ("density", density),
                ("young", young),
                ("poisson", poisson),
                ("yield_stress", yield_stress),
                ("hardening", hardening),
            ],
            Self::DruckerPrager {
                density,
                young,
                poisson,
                friction_angle,
                cohesion,
            } => vec![
                ("density", density),
                ("young", young),
                ("poisson", poisson),
                ("friction_angle", friction_angle),
                ("cohesion", cohesion),
            ],
            Self::HerschelBulkley {
                density,
                young,
                poisson,
                yield_stress,
                consistency,
                cohesion,
                ..
            } => vec![
                ("density", density),
                ("young", young),
                ("poisson", poisson),
                ("cohesion", cohesion.get_or_insert(*yield_stress)),
                ("yield_stress", yield_stress),
                ("consistency", consistency),
            ],
            Self::Snow {
                density,
                young,
                poisson,
                compression,
                extension,
                hardening,
            } => vec![
                ("density", density),
                ("young", young),
                ("poisson", poisson),
                ("compression", compression),
                ("extension", extension),
                ("hardening", hardening),
            ],
            Self::Muscle {
                density,
                young,
                poisson,
                strength,
                azimuth,
                elevation,
            } => vec![
                ("density", density),
                ("young", young),
                ("poisson", poisson),
                ("strength", strength),
                ("azimuth", azimuth),
                ("elevation", elevation),
            ],
            Self::Rigid { density } => vec![("density", density)],
            Self::Preset(_) => Vec::new(),
        }
    }

    /// The same material, resolved, with other constants; names that it does not have change
    /// nothing.
    #[must_use]
    pub fn with(&self, constants: &BTreeMap<String, f64>) -> Self {
        let mut material = self.resolved();
        // A cohesion that is not given follows the yield stress.
        let free = matches!(material, Self::HerschelBulkley { cohesion: None, .. });
        for (name, constant) in material.constants_mut() {
            if let Some(value) = constants.get(name) {
                *constant = *value;
            }
        }
        if let Self::HerschelBulkley { cohesion, .. } = &mut material
            && free
            && !constants.contains_key("cohesion")
        {
            *cohesion = None;
        }
        material
    }
}

impl Sampling {
    /// How it fills a cell.
    pub fn pattern(self) -> Pattern {
        match self {
            Self::Lattice { per_axis } => Pattern::lattice(per_axis),
            Self::Jittered { per_cell, seed } => Pattern::jittered(per_cell, seed),
        }
    }
}

impl std::fmt::Display for Sampling {
    /// As in a scene.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lattice { per_axis } => write!(f, "Lattice(per_axis: {per_axis})"),
            Self::Jittered { per_cell, seed } => {
                write!(f, "Jittered(per_cell: {per_cell}, seed: {seed})")
            }
        }
    }
}
