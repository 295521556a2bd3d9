//! Rigid bodies: their numbers, names, and places.

use super::{
    super::spec::{Rigid, Shape, Spec, Support, Term, Weight},
    Faults,
    names::{mesh, refers, unique},
    numbers::law,
    parts::{bounded, placed},
    space::inside,
};
use crate::{
    grid::Lattice,
    scene::{
        build::unusable,
        fault::{number, vector},
        meshes::Meshes,
    },
};

/// Rigid bodies of a scene, at most.
const RIGIDS: usize = 64;

pub(super) fn check(spec: &Spec<()>, meshes: &Meshes, faults: &mut Faults) {
    if spec.rigids.len() > RIGIDS {
        let count = format!("[{} rigid bodies]", spec.rigids.len());
        faults.add("rigids", count, format!("at most {RIGIDS} rigid bodies"));
    }
    let names: Vec<&str> = spec.rigids.iter().map(|rigid| &*rigid.name).collect();
    unique("rigids", names.iter().copied(), faults);
    if !spec.rigids.is_empty() && !spec.domain.locked.is_empty() {
        let value = format!("{:?}", spec.domain.locked);
        faults.add("domain.locked", value, "no locked axis beside rigid bodies");
    }
    for (index, rigid) in spec.rigids.iter().enumerate() {
        let path = format!("rigids[{index}]");
        numbers(&path, rigid, faults);
        mesh(&path, &rigid.shape, meshes.directory(), faults);
        if spec.bodies.iter().any(|body| body.name == rigid.name) {
            let expected = "a name that no body has";
            faults.add(
                format!("{path}.name"),
                format!("{:?}", rigid.name),
                expected,
            );
        }
    }
    for (index, loss) in spec.losses.iter().enumerate() {
        let path = format!("losses[{index}].term");
        match &loss.term {
            Term::RigidPosition { body, target, axes } => {
                refers(&format!("{path}.body"), body, "rigid body", &names, faults);
                faults.vector(&format!("{path}.target"), target, "m");
                if axes.is_empty() {
                    faults.add(format!("{path}.axes"), "[]", "at least one axis");
                }
            }
            Term::RigidRotation { body, target } => {
                refers(&format!("{path}.body"), body, "rigid body", &names, faults);
                faults.vector(&format!("{path}.target"), target, "rad");
            }
            Term::RigidVelocity {
                body,
                linear,
                angular,
            } => {
                refers(&format!("{path}.body"), body, "rigid body", &names, faults);
                for (field, target, unit) in
                    [("linear", linear, "m/s"), ("angular", angular, "rad/s")]
                {
                    if let Some(target) = target {
                        faults.vector(&format!("{path}.{field}"), target, unit);
                    }
                }
                if linear.is_none() && angular.is_none() {
                    faults.add(&path, "RigidVelocity", "`linear`, `angular`, or both");
                }
            }
            _ => {}
        }
    }
}

/// Whether the rigid bodies are inside the domain.
pub(super) fn places(
    spec: &Spec<()>,
    meshes: &Meshes,
    lattice: &Lattice<f64>,
    faults: &mut Faults,
) {
    for (index, rigid) in spec.rigids.iter().enumerate() {
        let path = format!("rigids[{index}]");
        if faults.under(&path) {
            continue;
        }
        // Distance and mass both: a mesh that only has an inside does not do.
        if let Err(error) = rigid.shape.signed(rigid.width, meshes) {
            faults.list.push(unusable(&path, &rigid.shape, &error));
            continue;
        }
        if let Ok(solid) = rigid.shape.placed(rigid.position, rigid.rotation, meshes) {
            inside(&path, &rigid.position, &solid, lattice, faults);
        }
    }
}

fn numbers(path: &str, rigid: &Rigid, faults: &mut Faults) {
    placed(path, &rigid.shape, &rigid.position, &rigid.rotation, faults);
    bounded(path, &rigid.shape, "a rigid body", faults);
    if let Shape::Sheet { file, .. } = &rigid.shape {
        let expected = "a shape with an inside for a rigid body";
        faults.add(
            format!("{path}.shape"),
            format!("Sheet of {file:?}"),
            expected,
        );
    }
    let (at, value, unit) = match rigid.weight {
        Weight::Density(value) => ("weight", value, "kg/m^3"),
        Weight::Mass(value) => ("weight", value, "kg"),
    };
    faults.positive(&format!("{path}.{at}"), value, unit);
    faults.vector(&format!("{path}.velocity"), &rigid.velocity, "m/s");
    faults.vector(&format!("{path}.spin"), &rigid.spin, "rad/s");
    law(&format!("{path}.law"), rigid.law, faults);
    faults.nonnegative(&format!("{path}.width"), rigid.width, "m");
    let coefficient = "the friction coefficient";
    faults.nonnegative(&format!("{path}.friction"), rigid.friction, coefficient);
    let share = rigid.restitution;
    let held = (0.0..=1.0).contains(&share);
    faults.within(&format!("{path}.restitution"), share, held, "from 0 to 1");
    match rigid.joint {
        Support::Free | Support::Fixed => {}
        Support::Hinge { axis, anchor } => {
            direction(&format!("{path}.joint.axis"), &axis, faults);
            faults.vector(&format!("{path}.joint.anchor"), &anchor, "m");
        }
        Support::Slider { axis } => direction(&format!("{path}.joint.axis"), &axis, faults),
    }
}

/// A vector that has a direction.
fn direction(path: &str, axis: &[f64; 3], faults: &mut Faults) {
    faults.vector(path, axis, "1");
    let length = axis.iter().map(|part| part * part).sum::<f64>().sqrt();
    if !faults.under(path) && length < 1e-9 {
        let expected = format!("a direction, not one of length {}", number(length));
        faults.add(path, vector(axis), expected);
    }
}
