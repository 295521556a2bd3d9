//! Matter: what it is made of and where it starts.

use serde::{Deserialize, Serialize};

use super::Shape;
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

impl Default for Sampling {
    fn default() -> Self {
        Self::Lattice { per_axis: 2 }
    }
}

impl Material {
    /// Density at rest (kg/m^3).
    pub const fn density(&self) -> f64 {
        match *self {
            Self::Liquid { density, .. }
            | Self::NeoHookean { density, .. }
            | Self::FixedCorotated { density, .. }
            | Self::BoxPlastic { density, .. }
            | Self::VonMises { density, .. }
            | Self::DruckerPrager { density, .. }
            | Self::HerschelBulkley { density, .. } => density,
        }
    }

    /// Whether its particles remember their volume ratio alone.
    pub const fn is_liquid(&self) -> bool {
        matches!(self, Self::Liquid { .. })
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
