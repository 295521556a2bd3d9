//! The gas of a scene: numbers, names, and what they make together.

use std::collections::BTreeMap;

use super::{Faults, parts::placed, tools};
use crate::{
    gas::{
        boundary::Side,
        diffuse::stable,
        divergence::inflow,
        opening::{Openings, openings},
        poisson::{Pockets, Poisson},
        source::covered,
    },
    scene::{
        fault::{number, vector},
        gas::{build, grid},
        locate::child,
        meshes::Meshes,
        spec::{
            Gas, GasLoss, GasSide, GasSides, GasSplitting, GasTerm, Motion, PairTarget, Shape,
            Spec, Term, Weight,
        },
    },
};

/// Steps of a frame, at most.
const STEPS: usize = 4096;

pub(super) fn check(spec: &Spec<()>, meshes: &Meshes, faults: &mut Faults) {
    let Some(gas) = &spec.gas else { return };
    numbers(gas, faults);
    sides(gas, faults);
    parts(spec, gas, faults);
    for (index, loss) in gas.losses.iter().enumerate() {
        self::loss(spec, gas, loss, &format!("gas.losses[{index}]"), faults);
    }
    if has_matter(spec) {
        with_matter(spec, gas, faults);
    } else {
        without_matter(spec, faults);
        if gas.coupling.is_some() {
            faults.add("gas.coupling", "", "a scene with matter");
        }
    }
    if faults.sound(&["gas", "domain", "time", "gravity"]) {
        together(spec, gas, meshes, faults);
    }
}

/// Whether there is matter in the gas.
fn has_matter(spec: &Spec<()>) -> bool {
    !(spec.bodies.is_empty() && spec.injectors.is_empty() && spec.rigids.is_empty())
}

/// Where gas is by itself, what acts on matter or reads it would do nothing.
fn without_matter(spec: &Spec<()>, faults: &mut Faults) {
    let parts = [
        ("forces", spec.forces.len()),
        ("colliders", spec.colliders.len()),
        ("tools", spec.tools.len()),
        ("losses", spec.losses.len()),
        ("metrics", spec.metrics.len()),
    ];
    for (path, count) in parts {
        if count > 0 {
            let expected = "none where there is gas without matter";
            faults.add(path, format!("[{count} entries]"), expected);
        }
    }
}

/// What gas and matter have to do with each other.
fn with_matter(spec: &Spec<()>, gas: &Gas, faults: &mut Faults) {
    for (index, loss) in spec.losses.iter().enumerate() {
        if let Term::PairedL2 { target, .. } = &loss.term
            && !matches!(target, PairTarget::File(_))
        {
            let path = format!("losses[{index}].term.target");
            faults.add(path, "", "one from a file: a run for a goal has no gas");
        }
    }
    let Some(coupling) = &gas.coupling else {
        return;
    };
    faults.nonnegative("gas.coupling.drag", coupling.drag, "kg/(m^3 s)");
    let inside = coupling.share > 0.0 && coupling.share < 1.0;
    let expected = "above 0 and below 1";
    faults.within("gas.coupling.share", coupling.share, inside, expected);
    if gas.splitting == GasSplitting::Reflected {
        let expected = "Projected, where matter and gas push each other";
        faults.add("gas.splitting", "Reflected", expected);
    }
    // Matter is pushed explicitly: in a frame it may at most take the velocity of the gas.
    let bodies = spec.bodies.iter().filter_map(|body| spec.material_of(body));
    let injected = spec.injectors.iter();
    let injected = injected.filter_map(|own| spec.materials.get(&own.material).copied());
    let matter = bodies.chain(injected).map(|material| material.density());
    let rigid = spec.rigids.iter().filter_map(|body| match body.weight {
        Weight::Density(density) => Some(density),
        Weight::Mass(_) => None,
    });
    let lightest = matter.chain(rigid).fold(f64::INFINITY, f64::min);
    if coupling.drag * spec.time.frame > lightest {
        let most = number(lightest / spec.time.frame);
        let expected = format!("at most {most}, density of the lightest body over `time.frame`");
        faults.add("gas.coupling.drag", number(coupling.drag), expected);
    }
}

/// How an obstacle or a jet moves: at velocities.
fn moves(path: &str, motion: &Motion, frames: usize, faults: &mut Faults) {
    let path = format!("{path}.motion");
    match motion {
        Motion::Hold | Motion::Constant { .. } | Motion::Frames(_) => {
            tools::motion(&path, motion, 0, frames, faults);
        }
        Motion::Poses(_) => faults.add(path, "Poses", "Hold, Constant or Frames"),
        Motion::Strokes(_) => faults.add(path, "Strokes", "Hold, Constant or Frames"),
    }
}

fn numbers(gas: &Gas, faults: &mut Faults) {
    faults.positive("gas.density", gas.density, "kg/m^3");
    let optional = [
        ("gas.viscosity", gas.viscosity, "m^2/s"),
        ("gas.confinement", gas.confinement, "1"),
    ];
    for (path, value, unit) in optional {
        if let Some(value) = value {
            faults.nonnegative(path, value, unit);
        }
    }
    faults.vector("gas.velocity", &gas.velocity, "m/s");
    for (name, scalar) in &gas.scalars {
        let path = child("gas.scalars", name);
        faults.finite(
            &format!("{path}.reference"),
            scalar.reference,
            "its own unit",
        );
        faults.finite(&format!("{path}.lift"), scalar.lift, "1 over its unit");
        if let Some(initial) = scalar.initial {
            faults.finite(&format!("{path}.initial"), initial, "its own unit");
        }
        if let Some(diffusivity) = scalar.diffusivity {
            faults.nonnegative(&format!("{path}.diffusivity"), diffusivity, "m^2/s");
        }
    }
    let inside = gas.tolerance >= 1e-14 && gas.tolerance < 1.0;
    faults.within(
        "gas.tolerance",
        gas.tolerance,
        inside,
        "from 1e-14, which rounding allows, to below 1",
    );
    faults.positive("gas.courant", gas.courant, "1");
    if gas.steps.is_some_and(|steps| !(1..=STEPS).contains(&steps)) {
        let expected = format!("1 to {STEPS} steps");
        faults.add("gas.steps", gas.steps.unwrap_or(0), expected);
    }
}

/// Values by the name of a scalar.
fn named(gas: &Gas, path: &str, values: &BTreeMap<String, f64>, faults: &mut Faults) {
    for (name, value) in values {
        let path = child(path, name);
        scalar(gas, &path, name, faults);
        faults.finite(&path, *value, "its own unit");
    }
}

fn scalar(gas: &Gas, path: &str, name: &str, faults: &mut Faults) {
    if !gas.scalars.contains_key(name) {
        let known: Vec<&String> = gas.scalars.keys().collect();
        faults.add(
            path,
            format!("{name:?}"),
            format!("one of the scalars {known:?}"),
        );
    }
}

fn sides(gas: &Gas, faults: &mut Faults) {
    let all = gas.sides.all();
    for axis in 0..3 {
        for side in 0..2 {
            let path = format!("gas.sides.{}", GasSides::NAMES[axis][side]);
            match all[axis][side] {
                GasSide::Wall { velocity, scalars } | GasSide::Inflow { velocity, scalars } => {
                    faults.vector(&format!("{path}.velocity"), velocity, "m/s");
                    named(gas, &format!("{path}.scalars"), scalars, faults);
                }
                GasSide::Open { scalars } => {
                    named(gas, &format!("{path}.scalars"), scalars, faults);
                }
                GasSide::Periodic if *all[axis][1 - side] != GasSide::Periodic => {
                    faults.add(path, "Periodic", "the same at the opposite side");
                }
                _ => {}
            }
        }
    }
}

fn unique<'a>(path: &str, names: impl Iterator<Item = &'a str>, faults: &mut Faults) {
    let names: Vec<&str> = names.collect();
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() || names[..index].contains(name) {
            let path = format!("{path}[{index}].name");
            faults.add(path, format!("{name:?}"), "a name of its own");
        }
    }
}

fn parts(spec: &Spec<()>, gas: &Gas, faults: &mut Faults) {
    unique(
        "gas.obstacles",
        gas.obstacles.iter().map(|part| &*part.name),
        faults,
    );
    unique("gas.jets", gas.jets.iter().map(|part| &*part.name), faults);
    unique(
        "gas.sources",
        gas.sources.iter().map(|part| &*part.name),
        faults,
    );
    let frames = spec.time.frames;
    for (index, obstacle) in gas.obstacles.iter().enumerate() {
        let path = format!("gas.obstacles[{index}]");
        placed(
            &path,
            &obstacle.shape,
            &obstacle.position,
            &obstacle.rotation,
            faults,
        );
        moves(&path, &obstacle.motion, frames, faults);
    }
    for (index, jet) in gas.jets.iter().enumerate() {
        let path = format!("gas.jets[{index}]");
        faults.vector(&format!("{path}.position"), &jet.position, "m");
        faults.vector(&format!("{path}.rotation"), &jet.rotation, "rad");
        faults.vector(&format!("{path}.direction"), &jet.direction, "1");
        if jet.direction == [0.0; 3] {
            faults.add(
                format!("{path}.direction"),
                vector(&jet.direction),
                "a direction",
            );
        }
        faults.finite(&format!("{path}.strength"), jet.strength, "m/s^2");
        faults.positive(&format!("{path}.radius"), jet.radius, "m");
        faults.nonnegative(&format!("{path}.mixing"), jet.mixing, "1/s");
        named(gas, &format!("{path}.scalars"), &jet.scalars, faults);
        moves(&path, &jet.motion, frames, faults);
    }
    for (index, source) in gas.sources.iter().enumerate() {
        let path = format!("gas.sources[{index}]");
        placed(
            &path,
            &source.shape,
            &source.position,
            &source.rotation,
            faults,
        );
        if let Some(width) = source.width {
            faults.positive(&format!("{path}.width"), width, "m");
        }
        faults.vector(&format!("{path}.push"), &source.push, "m/s^2");
        named(gas, &format!("{path}.rates"), &source.rates, faults);
    }
    for (index, blob) in gas.blobs.iter().enumerate() {
        let path = format!("gas.blobs[{index}]");
        placed(&path, &blob.shape, &blob.position, &blob.rotation, faults);
        scalar(gas, &format!("{path}.scalar"), &blob.scalar, faults);
        faults.finite(&format!("{path}.value"), blob.value, "its own unit");
    }
}

fn loss(spec: &Spec<()>, gas: &Gas, loss: &GasLoss, path: &str, faults: &mut Faults) {
    faults.finite(&format!("{path}.weight"), loss.weight, "1");
    let (frames, [first, last]) = (spec.time.frames, loss.when.ends(spec.time.frames));
    if frames > 0 && (first > last || last >= frames) {
        let expected = format!(
            "frames from 0 to {}, the first not after the last",
            frames - 1
        );
        faults.add(format!("{path}.when"), format!("{:?}", loss.when), expected);
    }
    let path = format!("{path}.term");
    let region = |shape: &Option<Shape>, position: &[f64; 3], faults: &mut Faults| {
        if let Some(shape) = shape {
            placed(&path, shape, position, &[0.0; 3], faults);
        }
    };
    match &loss.term {
        GasTerm::Sensors {
            scalar: name,
            points,
            target,
        } => {
            scalar(gas, &format!("{path}.scalar"), name, faults);
            faults.finite(&format!("{path}.target"), *target, "its own unit");
            if points.is_empty() {
                faults.add(format!("{path}.points"), "[]", "at least one point");
            }
            let inside = |point: &[f64; 3]| {
                (0..3).all(|axis| {
                    let low = spec.domain.min[axis];
                    (low..=low + spec.domain.size[axis]).contains(&point[axis])
                })
            };
            for (index, point) in points.iter().enumerate() {
                if !inside(point) {
                    let path = format!("{path}.points[{index}]");
                    faults.add(path, vector(point), "a point in the domain (m)");
                }
            }
        }
        GasTerm::Scalar {
            scalar: name,
            target,
            shape,
            position,
        } => {
            scalar(gas, &format!("{path}.scalar"), name, faults);
            faults.finite(&format!("{path}.target"), *target, "its own unit");
            region(shape, position, faults);
        }
        GasTerm::Velocity {
            target,
            shape,
            position,
        } => {
            faults.vector(&format!("{path}.target"), target, "m/s");
            region(shape, position, faults);
        }
    }
}

/// What only shows once it is all put together: sources and losses that cover no cell,
/// obstacles that leave no gas, gas that comes in and cannot go out, steps that are not stable.
fn together(spec: &Spec<()>, gas: &Gas, meshes: &Meshes, faults: &mut Faults) {
    let Some(grid) = grid(spec, gas) else { return };
    let scene = match build(spec, gas, meshes, &[]) {
        Ok(scene) => scene,
        Err(fault) => {
            faults.list.push(fault);
            return;
        }
    };
    let model = &scene.model;
    for (index, source) in model.sources.iter().enumerate() {
        if covered(&grid, source, &scene.course.sources[index]) <= 0.0 {
            let expected = "a region that covers the centre of a cell";
            faults.add(format!("gas.sources[{index}].shape"), "", expected);
        }
    }
    for (index, term) in scene.terms.iter().enumerate() {
        if term.measure.cells(&grid) == Some(0) {
            let expected = "a region that holds the centre of a cell";
            faults.add(format!("gas.losses[{index}].term.shape"), "", expected);
        }
    }
    let moment = scene.course.moment(0, 0.0);
    let mut open = Openings::open(&grid);
    let (obstacles, places) = (&model.obstacles, &moment.obstacles);
    openings(&grid, &model.sides, obstacles, places, &mut open);
    let poisson = Poisson::from_fn(&grid, |axis, at| {
        open.open[axis].data[open.open[axis].layout.index(at)]
    });
    if poisson.diagonal.iter().all(|&d| d == 0.0) {
        let expected = "obstacles that leave some of the domain to the gas";
        faults.add(
            "gas.obstacles",
            format!("[{} obstacles]", obstacles.len()),
            expected,
        );
        return;
    }
    // What comes in through the sides of a box that is open nowhere.
    let mut b = inflow(&grid, &open.still, None);
    let speed = open.still.iter().map(|u| u.largest()).fold(0.0, f64::max);
    let flows = model
        .sides
        .iter()
        .flatten()
        .any(|side| matches!(side, Side::Inflow { .. }));
    if flows && Pockets::of(&poisson).balance(&mut b, &mut Vec::new()) > 1e-9 * speed {
        let expected = "an Outflow where what comes in can go out, or as much inflow as outflow";
        faults.add("gas.sides", "", expected);
    }
    let diffusivities = gas.scalars.values().filter_map(|scalar| scalar.diffusivity);
    let greatest = diffusivities.chain(gas.viscosity).fold(0.0, f64::max);
    if let Some(steps) = gas.steps {
        let dt = spec.time.frame / steps as f64;
        if greatest > 0.0 && dt > stable(&grid, greatest) {
            let least = (spec.time.frame / stable(&grid, greatest)).ceil();
            let expected = format!(
                "at least {} steps a frame, for diffusion to be stable",
                number(least)
            );
            faults.add("gas.steps", steps, expected);
        }
    } else if greatest > 0.0 && spec.time.frame / stable(&grid, greatest) > STEPS as f64 {
        let expected = format!("less than {STEPS} steps a frame, for diffusion to be stable");
        faults.add("time.frame", number(spec.time.frame), expected);
    }
}
