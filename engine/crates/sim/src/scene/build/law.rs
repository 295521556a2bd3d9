//! Laws of materials and of contact, from their specification.

use crate::{
    contact::ContactLaw,
    material::{
        BoxPlastic, DruckerPrager, Elasticity, FixedCorotated, HerschelBulkley, Liquid, Muscle,
        NeoHookean, Rigid, Snow, Solid, VonMises, Yielding,
    },
    scene::spec::{self, Material},
};

/// The law of a material, by its kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// Of a liquid.
    Liquid(Liquid<f64>),
    /// Of a solid.
    Solid(Solid<f64>),
}

impl Law {
    /// Names of the parameters that have a gradient, and their values.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, f64)> {
        use crate::material::Law;
        let (names, values) = match self {
            Self::Liquid(law) => (law.parameter_names(), law.parameters()),
            Self::Solid(law) => (law.parameter_names(), law.parameters()),
        };
        names.iter().copied().zip(values)
    }

    /// The law of a material.
    pub fn of(material: &Material) -> Self {
        match material.resolved() {
            // No preset is resolved to another.
            Material::Rigid { .. } | Material::Preset(_) => Self::Solid(Solid::Rigid(Rigid)),
            Material::Liquid {
                bulk_modulus,
                viscosity,
                exponent,
                tension,
                ..
            } => Self::Liquid(Liquid {
                bulk_modulus,
                viscosity,
                exponent,
                tension,
            }),
            Material::NeoHookean { young, poisson, .. } => {
                let elasticity = Elasticity::new(young, poisson);
                Self::Solid(Solid::NeoHookean(NeoHookean { elasticity }))
            }
            Material::FixedCorotated { young, poisson, .. } => {
                let elasticity = Elasticity::new(young, poisson);
                Self::Solid(Solid::FixedCorotated(FixedCorotated { elasticity }))
            }
            Material::BoxPlastic {
                young,
                poisson,
                compression,
                extension,
                ..
            } => {
                let elastic = FixedCorotated {
                    elasticity: Elasticity::new(young, poisson),
                };
                Self::Solid(Solid::BoxPlastic(BoxPlastic {
                    elastic,
                    compression,
                    extension,
                }))
            }
            Material::VonMises {
                young,
                poisson,
                yield_stress,
                hardening,
                ..
            } => Self::Solid(Solid::VonMises(Yielding(VonMises {
                elasticity: Elasticity::new(young, poisson),
                yield_stress,
                hardening,
            }))),
            Material::DruckerPrager {
                young,
                poisson,
                friction_angle,
                cohesion,
                ..
            } => Self::Solid(Solid::DruckerPrager(Yielding(DruckerPrager {
                elasticity: Elasticity::new(young, poisson),
                friction_angle,
                cohesion,
            }))),
            Material::HerschelBulkley {
                young,
                poisson,
                yield_stress,
                consistency,
                exponent,
                cohesion,
                ..
            } => Self::Solid(Solid::HerschelBulkley(Yielding(HerschelBulkley {
                elasticity: Elasticity::new(young, poisson),
                yield_stress,
                consistency,
                cohesion: cohesion.unwrap_or(yield_stress),
                exponent,
            }))),
            Material::Snow {
                young,
                poisson,
                compression,
                extension,
                hardening,
                ..
            } => {
                let elastic = FixedCorotated {
                    elasticity: Elasticity::new(young, poisson),
                };
                Self::Solid(Solid::Snow(Snow {
                    elastic,
                    compression,
                    extension,
                    hardening,
                }))
            }
            Material::Muscle {
                young,
                poisson,
                strength,
                azimuth,
                elevation,
                ..
            } => {
                let passive = NeoHookean {
                    elasticity: Elasticity::new(young, poisson),
                };
                Self::Solid(Solid::Muscle(Muscle {
                    passive,
                    strength,
                    azimuth,
                    elevation,
                }))
            }
        }
    }
}

impl spec::Law {
    /// The law and its friction coefficient (1).
    pub const fn contact(self) -> (ContactLaw, f64) {
        match self {
            Self::Sticky => (ContactLaw::Sticky, 0.0),
            Self::Slip => (ContactLaw::Slip, 0.0),
            Self::Separating => (ContactLaw::Separating, 0.0),
            Self::Coulomb(friction) => (ContactLaw::Coulomb, friction),
        }
    }
}
