//! The numbers of every body, collider, loss and metric by themselves.

use super::{
    Faults, injectors,
    numbers::{law, materials},
    tools,
};
use crate::{
    mesh::distance::RESOLUTIONS,
    scene::{
        fault::{number, vector},
        locate::child,
        spec::{
            Body, ChamferTarget, Collider, Loss, PairTarget, Sampling, Shape, Spec, Term, When,
        },
    },
    transfer::grid_update::MAX_COLLIDERS,
};

/// Bodies of a scene, at most: particles know theirs by 16 bits.
const BODIES: usize = 1 << 16;

pub(super) fn check(spec: &Spec<()>, faults: &mut Faults) {
    if spec.bodies.is_empty() && spec.injectors.is_empty() && spec.gas.is_none() {
        faults.add("bodies", "[]", "at least one body");
    }
    if spec.bodies.len() > BODIES {
        let count = format!("[{} bodies]", spec.bodies.len());
        faults.add("bodies", count, format!("at most {BODIES} bodies"));
    }
    for (index, body) in spec.bodies.iter().enumerate() {
        self::body(&format!("bodies[{index}]"), body, faults);
    }
    if spec.colliders.len() > MAX_COLLIDERS {
        let count = format!("[{} colliders]", spec.colliders.len());
        faults.add(
            "colliders",
            count,
            format!("at most {MAX_COLLIDERS} colliders"),
        );
    }
    for (index, collider) in spec.colliders.iter().enumerate() {
        self::collider(&format!("colliders[{index}]"), collider, faults);
    }
    tools::check(spec, faults);
    injectors::check(spec, faults);
    for (index, loss) in spec.losses.iter().enumerate() {
        self::loss(&format!("losses[{index}]"), spec, loss, faults);
    }
    for (index, metric) in spec.metrics.iter().enumerate() {
        let path = format!("metrics[{index}]");
        placed(
            &path,
            &metric.shape,
            &metric.position,
            &metric.rotation,
            faults,
        );
    }
}

/// A shape and its placement.
pub(super) fn placed(
    path: &str,
    shape: &Shape,
    position: &[f64; 3],
    rotation: &[f64; 3],
    faults: &mut Faults,
) {
    faults.vector(&format!("{path}.position"), position, "m");
    faults.vector(&format!("{path}.rotation"), rotation, "rad");
    let at = |field: &str| format!("{path}.shape.{field}");
    match shape {
        Shape::Sphere { radius } => faults.positive(&at("radius"), *radius, "m"),
        Shape::Box { half, rounding } => {
            faults.vector(&at("half"), half, "m");
            if half.iter().any(|&half| half <= 0.0) {
                faults.add(at("half"), vector(half), "three positive numbers (m)");
            }
            faults.nonnegative(&at("rounding"), *rounding, "m");
            let least = half.iter().copied().fold(f64::INFINITY, f64::min);
            if *rounding > least && least > 0.0 {
                let expected = format!("at most {}, the least of `half` (m)", number(least));
                faults.add(at("rounding"), number(*rounding), expected);
            }
        }
        Shape::Capsule {
            radius,
            half_length,
        } => {
            faults.positive(&at("radius"), *radius, "m");
            faults.nonnegative(&at("half_length"), *half_length, "m");
        }
        Shape::Cylinder {
            radius,
            half_height,
        } => {
            faults.positive(&at("radius"), *radius, "m");
            faults.positive(&at("half_height"), *half_height, "m");
        }
        Shape::Plane => {}
        Shape::Torus { radius, tube } => {
            faults.positive(&at("radius"), *radius, "m");
            faults.positive(&at("tube"), *tube, "m");
            if *tube >= *radius && *radius > 0.0 {
                let expected = format!("less than {}, the `radius` (m)", number(*radius));
                faults.add(at("tube"), number(*tube), expected);
            }
        }
        Shape::Mesh {
            scale,
            stretch,
            resolution,
            ..
        }
        | Shape::Sheet {
            scale,
            stretch,
            resolution,
            ..
        } => {
            if let Shape::Sheet { thickness, .. } = shape {
                faults.positive(&at("thickness"), *thickness, "m");
            }
            faults.positive(&at("scale"), *scale, "1");
            faults.vector(&at("stretch"), stretch, "1");
            if stretch.iter().any(|&factor| factor <= 0.0) {
                faults.add(at("stretch"), vector(stretch), "three positive numbers (1)");
            }
            if !RESOLUTIONS.contains(resolution) {
                let expected = format!("{} to {} cells", RESOLUTIONS.start(), RESOLUTIONS.end());
                faults.add(at("resolution"), resolution, expected);
            }
        }
    }
}

/// A shape that is not a half space.
pub(super) fn bounded(path: &str, shape: &Shape, what: &str, faults: &mut Faults) {
    if *shape == Shape::Plane {
        let expected = format!("a shape of finite size for {what}");
        faults.add(format!("{path}.shape"), "Plane", expected);
    }
}

fn body(path: &str, body: &Body, faults: &mut Faults) {
    placed(path, &body.shape, &body.position, &body.rotation, faults);
    bounded(path, &body.shape, "a body", faults);
    faults.vector(&format!("{path}.velocity"), &body.velocity, "m/s");
    faults.vector(&format!("{path}.spin"), &body.spin, "rad/s");
    match body.particles {
        Sampling::Lattice { per_axis } if !(1..=16).contains(&per_axis) => {
            let path = format!("{path}.particles.per_axis");
            faults.add(path, per_axis, "1 to 16 particles along the edge of a cell");
        }
        Sampling::Jittered { per_cell, .. } if !(1..=4096).contains(&per_cell) => {
            faults.add(
                format!("{path}.particles.per_cell"),
                per_cell,
                "1 to 4096 particles",
            );
        }
        _ => {}
    }
}

fn collider(path: &str, collider: &Collider, faults: &mut Faults) {
    placed(
        path,
        &collider.shape,
        &collider.position,
        &collider.rotation,
        faults,
    );
    law(&format!("{path}.law"), collider.law, faults);
    faults.nonnegative(&format!("{path}.width"), collider.width, "m");
}

fn loss(path: &str, spec: &Spec<()>, loss: &Loss, faults: &mut Faults) {
    let frames = spec.time.frames;
    faults.finite(&format!("{path}.weight"), loss.weight, "1");
    let [first, last] = loss.when.ends(frames);
    if frames > 0 && (first > last || last >= frames) {
        let value = match loss.when {
            When::Frames(first, last) => format!("Frames({first}, {last})"),
            _ => format!("Frame({first})"),
        };
        let expected = format!(
            "frames from 0 to {}, the first not after the last",
            frames - 1
        );
        faults.add(format!("{path}.when"), value, expected);
    }
    let path = &format!("{path}.term");
    match &loss.term {
        Term::PairedL2 {
            target: PairTarget::Twin { materials: others },
            ..
        } => {
            if others.is_empty() {
                let expected = "at least one material that differs from the scene's";
                faults.add(format!("{path}.target.materials"), "{}", expected);
            }
            materials(&format!("{path}.target.materials"), others, faults);
        }
        Term::PairedL2 {
            target: PairTarget::File(_),
            ..
        }
        | Term::Chamfer {
            target: ChamferTarget::File(_),
            ..
        } => {}
        Term::GridDensity {
            shape,
            position,
            rotation,
            ..
        } => {
            placed(path, shape, position, rotation, faults);
            bounded(path, shape, "a target that is filled", faults);
        }
        Term::TargetSdf {
            shape,
            position,
            rotation,
            ..
        } => {
            placed(path, shape, position, rotation, faults);
        }
        Term::Chamfer {
            target:
                ChamferTarget::Shape {
                    shape,
                    position,
                    rotation,
                },
            ..
        } => {
            let path = &format!("{path}.target");
            placed(path, shape, position, rotation, faults);
            bounded(path, shape, "a target that is filled", faults);
        }
        Term::PairedL2 {
            target: PairTarget::Demo { motions },
            ..
        } => {
            if motions.is_empty() {
                let expected = "at least one tool that moves in another way";
                faults.add(format!("{path}.target.motions"), "{}", expected);
            }
            for (name, motion) in motions {
                let path = child(&format!("{path}.target.motions"), name);
                let joints = spec
                    .tool(name)
                    .map_or(0, |tool| spec.tools[tool].joints.len());
                tools::motion(&path, motion, joints, frames, faults);
            }
        }
        Term::MeanDistance { .. } | Term::Displacement { .. } | Term::Approach { .. } => {}
        Term::Uncollected { width, .. } => {
            faults.positive(&format!("{path}.width"), *width, "m");
        }
        Term::CentreOfMass { target, axes, .. } | Term::Point { target, axes, .. } => {
            faults.vector(&format!("{path}.target"), target, "m");
            if axes.is_empty() {
                faults.add(format!("{path}.axes"), "[]", "at least one axis");
            }
        }
        // Judged with the rigid bodies.
        Term::RigidPosition { .. } | Term::RigidRotation { .. } | Term::RigidVelocity { .. } => {}
        Term::ControlEffort {
            linear,
            angular,
            joints,
            ..
        } => {
            faults.nonnegative(&format!("{path}.linear"), *linear, "s^2/m^2");
            faults.nonnegative(&format!("{path}.angular"), *angular, "s^2/rad^2");
            faults.nonnegative(&format!("{path}.joints"), *joints, "s^2/rad^2, s^2/m^2");
        }
        Term::Reaction {
            force,
            torque,
            force_weight,
            torque_weight,
            ..
        } => {
            faults.vector(&format!("{path}.force"), force, "N");
            faults.vector(&format!("{path}.torque"), torque, "N m");
            faults.nonnegative(&format!("{path}.force_weight"), *force_weight, "1/N^2");
            faults.nonnegative(
                &format!("{path}.torque_weight"),
                *torque_weight,
                "1/(N m)^2",
            );
        }
        Term::Overload { force, torque, .. } => {
            if force.is_none() && torque.is_none() {
                faults.add(path, "Overload", "a limit: `force`, `torque` or both");
            }
            if let Some(force) = force {
                faults.positive(&format!("{path}.force"), *force, "N");
            }
            if let Some(torque) = torque {
                faults.positive(&format!("{path}.torque"), *torque, "N m");
            }
        }
    }
}
