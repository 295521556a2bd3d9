//! The numbers of the domain, of time and of materials by themselves.

use std::collections::BTreeMap;

use super::Faults;
use crate::scene::{
    fault::vector,
    locate::child,
    spec::{Axis, Domain, Law, Material, Spec, Substep, Time, VERSION, Walls},
};

/// Frames of a run, at most.
const FRAMES: usize = 1_000_000;

pub(super) fn check(spec: &Spec<()>, faults: &mut Faults) {
    if spec.version != VERSION {
        faults.add(
            "version",
            spec.version,
            format!("{VERSION}, the version that is read here"),
        );
    }
    domain(&spec.domain, faults);
    faults.vector("gravity", &spec.gravity, "m/s^2");
    time(&spec.time, faults);
    materials("materials", &spec.materials, faults);
}

fn domain(domain: &Domain, faults: &mut Faults) {
    faults.vector("domain.min", &domain.min, "m");
    faults.vector("domain.size", &domain.size, "m");
    if domain.size.iter().any(|&size| size <= 0.0) {
        faults.add(
            "domain.size",
            vector(&domain.size),
            "three positive numbers (m)",
        );
    }
    faults.positive("domain.cell", domain.cell, "m");
    law("domain.walls.default", domain.walls.default, faults);
    for (names, laws) in Walls::NAMES
        .iter()
        .flatten()
        .zip(domain.walls.given().iter().flatten())
    {
        if let Some(given) = laws {
            law(&format!("domain.walls.{names}"), *given, faults);
        }
    }
    for axis in Axis::ALL {
        if domain
            .locked
            .iter()
            .filter(|&&locked| locked == axis)
            .count()
            > 1
        {
            faults.add(
                "domain.locked",
                format!("{:?}", domain.locked),
                "each axis once",
            );
            break;
        }
    }
    if domain.locks() == [true; 3] {
        faults.add(
            "domain.locked",
            format!("{:?}", domain.locked),
            "an axis that is free",
        );
    }
}

pub(super) fn law(path: &str, law: Law, faults: &mut Faults) {
    if let Law::Coulomb(friction) = law {
        faults.nonnegative(path, friction, "the friction coefficient");
    }
}

fn time(time: &Time, faults: &mut Faults) {
    if !(1..=FRAMES).contains(&time.frames) {
        faults.add("time.frames", time.frames, format!("1 to {FRAMES} frames"));
    }
    faults.positive("time.frame", time.frame, "s");
    match time.substep {
        Substep::Auto => {}
        Substep::AutoWith { safety } => {
            let inside = safety > 0.0 && safety <= 1.0;
            faults.within(
                "time.substep.safety",
                safety,
                inside,
                "above 0 and at most 1",
            );
        }
        Substep::Fixed(dt) => faults.positive("time.substep", dt, "s"),
    }
}

pub(super) fn materials(path: &str, materials: &BTreeMap<String, Material>, faults: &mut Faults) {
    for (name, material) in materials {
        let path = child(path, name);
        if name.is_empty() {
            faults.add(&path, "", "a name that is not empty");
        }
        let at = |field: &str| format!("{path}.{field}");
        faults.positive(&at("density"), material.density(), "kg/m^3");
        match *material {
            Material::Liquid {
                bulk_modulus,
                viscosity,
                exponent,
                ..
            } => {
                faults.positive(&at("bulk_modulus"), bulk_modulus, "Pa");
                faults.nonnegative(&at("viscosity"), viscosity, "Pa s");
                let inside = (1.0..=100.0).contains(&exponent);
                faults.within(&at("exponent"), exponent, inside, "from 1 to 100");
            }
            Material::NeoHookean { young, poisson, .. }
            | Material::FixedCorotated { young, poisson, .. } => {
                elasticity(&path, young, poisson, faults);
            }
            Material::BoxPlastic {
                young,
                poisson,
                compression,
                extension,
                ..
            } => {
                elasticity(&path, young, poisson, faults);
                let inside = compression > 0.0 && compression < 1.0;
                faults.within(
                    &at("compression"),
                    compression,
                    inside,
                    "above 0 and below 1",
                );
                faults.positive(&at("extension"), extension, "1");
            }
            Material::VonMises {
                young,
                poisson,
                yield_stress,
                hardening,
                ..
            } => {
                elasticity(&path, young, poisson, faults);
                faults.positive(&at("yield_stress"), yield_stress, "Pa");
                faults.nonnegative(&at("hardening"), hardening, "Pa");
            }
            Material::DruckerPrager {
                young,
                poisson,
                friction_angle,
                cohesion,
                ..
            } => {
                elasticity(&path, young, poisson, faults);
                let inside = friction_angle > 0.0 && friction_angle < std::f64::consts::FRAC_PI_2;
                let expected = "above 0 and below pi/2 (rad)";
                faults.within(&at("friction_angle"), friction_angle, inside, expected);
                faults.nonnegative(&at("cohesion"), cohesion, "Pa");
            }
            Material::HerschelBulkley {
                young,
                poisson,
                yield_stress,
                consistency,
                exponent,
                cohesion,
                ..
            } => {
                elasticity(&path, young, poisson, faults);
                faults.nonnegative(&at("yield_stress"), yield_stress, "Pa");
                faults.nonnegative(&at("consistency"), consistency, "Pa s^exponent");
                let inside = (0.1..=3.0).contains(&exponent);
                faults.within(&at("exponent"), exponent, inside, "from 0.1 to 3");
                faults.nonnegative(&at("cohesion"), cohesion.unwrap_or(0.0), "Pa");
            }
        }
    }
}

fn elasticity(path: &str, young: f64, poisson: f64, faults: &mut Faults) {
    faults.positive(&format!("{path}.young"), young, "Pa");
    let inside = poisson > -1.0 && poisson < 0.5;
    faults.within(
        &format!("{path}.poisson"),
        poisson,
        inside,
        "above -1 and below 0.5",
    );
}
