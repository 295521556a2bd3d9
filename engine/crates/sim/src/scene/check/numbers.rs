//! The numbers of the domain, of time and of materials by themselves.

use std::collections::BTreeMap;

use super::Faults;
use crate::scene::{
    fault::vector,
    locate::child,
    spec::{
        Activation, Axis, Domain, ForceLaw, Law, Material, Spec, Substep, Time, VERSION, Walls,
    },
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
    faults.nonnegative("volume_rate", spec.volume_rate, "1/s");
    time(&spec.time, faults);
    materials("materials", &spec.materials, faults);
    bodies(spec, faults);
    forces(spec, faults);
    for (index, view) in spec.views.iter().enumerate() {
        let path = format!("views[{index}]");
        faults.vector(&format!("{path}.target"), &view.target, "m");
        faults.finite(&format!("{path}.yaw"), view.yaw, "rad");
        faults.finite(&format!("{path}.pitch"), view.pitch, "rad");
        faults.positive(&format!("{path}.distance"), view.distance, "m");
    }
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
    for (name, given) in materials {
        let path = child(path, name);
        if name.is_empty() {
            faults.add(&path, "", "a name that is not empty");
        }
        material(&path, given, faults);
    }
}

/// Constants and activation of the bodies.
fn bodies(spec: &Spec<()>, faults: &mut Faults) {
    for (index, body) in spec.bodies.iter().enumerate() {
        let path = format!("bodies[{index}]");
        if let Some(share) = body.gravity {
            let inside = share.is_finite();
            faults.within(&format!("{path}.gravity"), share, inside, "a finite number");
        }
        for activation in body.activation.given() {
            let inside = (-1.0..=1.0).contains(activation);
            let path = format!("{path}.activation");
            faults.within(&path, *activation, inside, "from -1 to 1");
        }
        let Some(own) = spec.materials.get(&body.material) else {
            continue;
        };
        let muscle = matches!(own.resolved(), Material::Muscle { .. });
        if body.activation != Activation::Slack && !muscle {
            let path = format!("{path}.activation");
            faults.add(path, "", "a body whose material is a muscle");
        }
        if body.constants.is_empty() {
            continue;
        }
        let path = format!("{path}.constants");
        let mut resolved = own.resolved();
        let names = resolved.constants_mut();
        let names: Vec<_> = names.into_iter().map(|(name, _)| name).collect();
        for name in body.constants.keys() {
            if !names.contains(&name.as_str()) {
                let expected = format!("constants of its material: {}", names.join(", "));
                faults.add(&path, format!("{name:?}"), expected);
            }
        }
        material(&path, &own.with(&body.constants), faults);
    }
}

fn forces(spec: &Spec<()>, faults: &mut Faults) {
    for (index, force) in spec.forces.iter().enumerate() {
        let at = |field: &str| format!("forces[{index}].law.{field}");
        match force.law {
            ForceLaw::Constant { acceleration } => {
                faults.vector(&at("acceleration"), &acceleration, "m/s^2");
            }
            ForceLaw::Wind { velocity, rate } => {
                faults.vector(&at("velocity"), &velocity, "m/s");
                faults.nonnegative(&at("rate"), rate, "1/s");
            }
            ForceLaw::Drag { linear, quadratic } => {
                faults.nonnegative(&at("linear"), linear, "1/s");
                faults.nonnegative(&at("quadratic"), quadratic, "1/m");
            }
            ForceLaw::Vortex {
                swirl,
                centre,
                radius,
            } => {
                faults.vector(&at("swirl"), &swirl, "1/s^2");
                faults.vector(&at("centre"), &centre, "m");
                faults.positive(&at("radius"), radius, "m");
            }
            ForceLaw::Point {
                centre,
                strength,
                radius,
            } => {
                faults.vector(&at("centre"), &centre, "m");
                let finite = strength.is_finite();
                faults.within(
                    &at("strength"),
                    strength,
                    finite,
                    "a finite number (m^3/s^2)",
                );
                faults.positive(&at("radius"), radius, "m");
            }
        }
    }
}

fn material(path: &str, material: &Material, faults: &mut Faults) {
    let at = |field: &str| format!("{path}.{field}");
    faults.positive(&at("density"), material.density(), "kg/m^3");
    match *material {
        Material::Rigid { .. } | Material::Preset(_) => {}
        Material::Snow {
            young,
            poisson,
            compression,
            extension,
            hardening,
            ..
        } => {
            elasticity(path, young, poisson, faults);
            stretches(path, compression, extension, faults);
            faults.nonnegative(&at("hardening"), hardening, "1");
        }
        Material::Muscle {
            young,
            poisson,
            strength,
            azimuth,
            elevation,
            ..
        } => {
            elasticity(path, young, poisson, faults);
            faults.nonnegative(&at("strength"), strength, "Pa");
            for (name, angle) in [("azimuth", azimuth), ("elevation", elevation)] {
                faults.within(&at(name), angle, angle.is_finite(), "a finite angle (rad)");
            }
        }
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
            elasticity(path, young, poisson, faults);
        }
        Material::BoxPlastic {
            young,
            poisson,
            compression,
            extension,
            ..
        } => {
            elasticity(path, young, poisson, faults);
            stretches(path, compression, extension, faults);
        }
        Material::VonMises {
            young,
            poisson,
            yield_stress,
            hardening,
            ..
        } => {
            elasticity(path, young, poisson, faults);
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
            elasticity(path, young, poisson, faults);
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
            elasticity(path, young, poisson, faults);
            faults.nonnegative(&at("yield_stress"), yield_stress, "Pa");
            faults.nonnegative(&at("consistency"), consistency, "Pa s^exponent");
            let inside = (0.1..=3.0).contains(&exponent);
            faults.within(&at("exponent"), exponent, inside, "from 0.1 to 3");
            faults.nonnegative(&at("cohesion"), cohesion.unwrap_or(0.0), "Pa");
        }
    }
}

fn stretches(path: &str, compression: f64, extension: f64, faults: &mut Faults) {
    faults.within(
        &format!("{path}.compression"),
        compression,
        compression > 0.0 && compression < 1.0,
        "above 0 and below 1",
    );
    faults.positive(&format!("{path}.extension"), extension, "1");
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
