//! The library of materials.

use serde::{Deserialize, Serialize};

use super::Material;

/// A material of the library, see [`Preset::material`] for its numbers. Sources that work in
/// units of their own (FluidLab, PlasticineLab: a domain of size 1, water of density 1) are
/// taken in metres and with water of 1000 kg/m^3: stresses times 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preset {
    /// Water at 20 C: density and viscosity as measured (IAPWS 2008), sound slowed to 20 m/s.
    Water,
    /// Glycerol at 20 C: density and viscosity as measured (Segur & Oberstar 1951), sound
    /// slowed to 20 m/s.
    Glycerol,
    /// Snow as in Stomakhin et al. 2013, table 2.
    Snow,
    /// FluidLab's WATER, a linear liquid that pulls.
    FluidLabWater,
    /// FluidLab's MILK.
    FluidLabMilk,
    /// FluidLab's COFFEE.
    FluidLabCoffee,
    /// FluidLab's MILK_VIS and COFFEE_VIS, whose viscosity is `mu dt` at its step of 2e-4.
    FluidLabViscous,
    /// FluidLab's VISCOUS_DEMO, whose viscosity is `mu dt` at its step of 2e-4.
    FluidLabViscousDemo,
    /// FluidLab's INVISCID_DEMO.
    FluidLabInviscidDemo,
    /// FluidLab's ELASTIC.
    FluidLabElastic,
    /// FluidLab's ELASTIC_DEMO.
    FluidLabElasticDemo,
    /// FluidLab's PLASTIC_DEMO.
    FluidLabPlasticDemo,
    /// FluidLab's ICECREAM.
    FluidLabIceCream,
    /// FluidLab's ICECREAM1.
    FluidLabSoftIceCream,
    /// FluidLab's RIGID.
    FluidLabRigid,
    /// FluidLab's RIGID_HEAVY.
    FluidLabHeavyRigid,
    /// FluidLab's RIGID_LIGHT.
    FluidLabLightRigid,
    /// PlasticineLab's plasticine with its least yield stress.
    Plasticine,
    /// Genesis' default MPM liquid.
    GenesisLiquid,
    /// Genesis' default MPM elastic solid.
    GenesisElastic,
    /// Genesis' default MPM elasto-plastic solid.
    GenesisElastoPlastic,
    /// Genesis' default MPM sand.
    GenesisSand,
    /// Genesis' default MPM snow.
    GenesisSnow,
    /// Genesis' default MPM muscle; its strength is chosen here.
    GenesisMuscle,
}

/// Bulk modulus of FluidLab's liquids (Pa).
const FLUID_LAB_BULK: f64 = 277.78e3;

impl Preset {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 24] = [
        Self::Water,
        Self::Glycerol,
        Self::Snow,
        Self::FluidLabWater,
        Self::FluidLabMilk,
        Self::FluidLabCoffee,
        Self::FluidLabViscous,
        Self::FluidLabViscousDemo,
        Self::FluidLabInviscidDemo,
        Self::FluidLabElastic,
        Self::FluidLabElasticDemo,
        Self::FluidLabPlasticDemo,
        Self::FluidLabIceCream,
        Self::FluidLabSoftIceCream,
        Self::FluidLabRigid,
        Self::FluidLabHeavyRigid,
        Self::FluidLabLightRigid,
        Self::Plasticine,
        Self::GenesisLiquid,
        Self::GenesisElastic,
        Self::GenesisElastoPlastic,
        Self::GenesisSand,
        Self::GenesisSnow,
        Self::GenesisMuscle,
    ];

    /// Its law and constants.
    pub const fn material(self) -> Material {
        match self {
            // 20 m/s: ten times the flow of a dam of 0.4 m.
            Self::Water => liquid(998.2, 4.0e5, 1.0016e-3, 7.0, false),
            Self::Glycerol => liquid(1261.0, 5.0e5, 1.412, 7.0, false),
            Self::Snow => snow(400.0, 1.4e5, 7.5e-3),
            Self::FluidLabWater | Self::FluidLabCoffee => fluid_lab(1000.0, 0.0),
            Self::FluidLabMilk => fluid_lab(500.0, 0.0),
            Self::FluidLabViscous => fluid_lab(1000.0, 40.0),
            Self::FluidLabViscousDemo => fluid_lab(5000.0, 160.0),
            Self::FluidLabInviscidDemo => fluid_lab(5000.0, 0.0),
            Self::FluidLabElastic => corotated(1000.0, 1.0e6, 0.2),
            Self::FluidLabElasticDemo => corotated(1000.0, 29.091e3, 0.454_55),
            Self::FluidLabPlasticDemo => boxed(1000.0, 421.51e3, 0.317_26),
            Self::FluidLabIceCream => boxed(500.0, 1.0e6, 0.2),
            Self::FluidLabSoftIceCream => boxed(500.0, 555.07e3, 0.280_9),
            Self::FluidLabRigid => Material::Rigid { density: 1000.0 },
            Self::FluidLabHeavyRigid => Material::Rigid { density: 10_000.0 },
            Self::FluidLabLightRigid => Material::Rigid { density: 500.0 },
            Self::Plasticine => von_mises(5.0e6, 5.0e4),
            Self::GenesisLiquid => liquid(1000.0, 277.78e3, 0.0, 1.0, true),
            Self::GenesisElastic => corotated(1000.0, 3.0e5, 0.2),
            Self::GenesisElastoPlastic => von_mises(1.0e6, 1.0e4),
            Self::GenesisSand => Material::DruckerPrager {
                density: 1000.0,
                young: 1.0e6,
                poisson: 0.2,
                friction_angle: std::f64::consts::FRAC_PI_4,
                cohesion: 0.0,
            },
            Self::GenesisSnow => snow(1000.0, 1.0e6, 4.5e-3),
            Self::GenesisMuscle => Material::Muscle {
                density: 1000.0,
                young: 1.0e6,
                poisson: 0.2,
                strength: 1.0e5,
                azimuth: 0.0,
                elevation: 0.0,
            },
        }
    }
}

const fn liquid(
    density: f64,
    bulk_modulus: f64,
    viscosity: f64,
    exponent: f64,
    tension: bool,
) -> Material {
    Material::Liquid {
        density,
        bulk_modulus,
        viscosity,
        exponent,
        tension,
    }
}

const fn fluid_lab(density: f64, viscosity: f64) -> Material {
    liquid(density, FLUID_LAB_BULK, viscosity, 1.0, true)
}

const fn corotated(density: f64, young: f64, poisson: f64) -> Material {
    Material::FixedCorotated {
        density,
        young,
        poisson,
    }
}

/// With FluidLab's limits of the stretches.
const fn boxed(density: f64, young: f64, poisson: f64) -> Material {
    Material::BoxPlastic {
        density,
        young,
        poisson,
        compression: 2e-3,
        extension: 3e-3,
    }
}

const fn von_mises(young: f64, yield_stress: f64) -> Material {
    Material::VonMises {
        density: 1000.0,
        young,
        poisson: 0.2,
        yield_stress,
        hardening: 0.0,
    }
}

const fn snow(density: f64, young: f64, extension: f64) -> Material {
    Material::Snow {
        density,
        young,
        poisson: 0.2,
        compression: 2.5e-2,
        extension,
        hardening: 10.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::Elasticity;

    #[test]
    fn constants_of_fluid_lab_are_its_lame_constants_in_pascals() {
        for (preset, mu, lambda) in [
            (Preset::FluidLabElastic, 416.67, 277.78),
            (Preset::FluidLabElasticDemo, 10.0, 100.0),
            (Preset::FluidLabPlasticDemo, 160.0, 277.78),
            (Preset::FluidLabIceCream, 416.67, 277.78),
            (Preset::FluidLabSoftIceCream, 216.67, 277.78),
        ] {
            let (Material::FixedCorotated { young, poisson, .. }
            | Material::BoxPlastic { young, poisson, .. }) = preset.material()
            else {
                panic!("{preset:?} is elastic");
            };
            let found = Elasticity::new(young, poisson);
            let near = |found: f64, expected: f64| {
                assert!((found / expected - 1e3).abs() < 1.0, "{preset:?} {found}");
            };
            near(found.mu, mu);
            near(found.lambda, lambda);
        }
    }

    #[test]
    fn every_preset_is_listed_once() {
        for (index, preset) in Preset::ALL.into_iter().enumerate() {
            assert_eq!(preset as usize, index);
        }
    }
}
