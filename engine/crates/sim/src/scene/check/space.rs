//! What the numbers make together: grid, particles, overlaps, substep.

use super::{
    super::spec::{Attachment, Axis, ChamferTarget, PairTarget, Sampling, Spec, Term},
    Faults,
};
use crate::{
    grid::{
        Lattice,
        block::{BLOCK, BlockNodes},
        layout::PADDING,
    },
    particle::sample::{Bounds, Region},
    scene::{
        build::{lattice, mount, unusable},
        fault::{number, rounded, vector},
        meshes::Meshes,
        motion,
        overlap::overlap,
        solid::{Form, Solid, placement},
        substep::clock,
    },
    tool::{Mount, Rate, links},
};

/// What makes the grid.
const BOX: [&str; 3] = ["domain.min", "domain.size", "domain.cell"];

/// Cells along an axis that is free, at least.
const FEWEST: f64 = 4.0;

/// Nodes along an axis, at most.
const NODES: f64 = 1024.0;

/// Memory of all blocks of the grid in single precision (B), at most.
const MEMORY: f64 = 2e9;

/// Particles of a scene, at most.
const PARTICLES: f64 = 50e6;

/// Places that are looked at to fill a solid, at most.
const PLACES: f64 = 1e9;

/// How far a body may reach out of the domain (relative to a cell): round-off.
const SLACK: f64 = 1e-6;

pub(super) fn check(spec: &Spec<()>, meshes: &Meshes, faults: &mut Faults) {
    grids(spec, meshes, faults);
    if faults.sound(&[
        "domain",
        "gravity",
        "time",
        "materials",
        "bodies",
        "colliders",
        "rigids",
        "tools",
    ]) {
        bound(spec, meshes, faults);
    }
    if faults.sound(&["domain.size", "domain.cell"]) {
        grid(spec, faults);
    }
    if let Some(lattice) = lattice(&spec.domain).filter(|_| faults.sound(&BOX)) {
        let bodies = bodies(spec, meshes, &lattice, faults);
        targets(spec, meshes, &lattice, faults);
        super::rigid::places(spec, meshes, &lattice, faults);
        overlaps(spec, meshes, &bodies, &lattice, faults);
    }
}

/// Meshes that are asked for a signed distance have one.
fn grids(spec: &Spec<()>, meshes: &Meshes, faults: &mut Faults) {
    let colliders = spec.colliders.iter().enumerate();
    let colliders = colliders.map(|(index, collider)| {
        (
            format!("colliders[{index}]"),
            &collider.shape,
            collider.width,
        )
    });
    let targets = spec
        .losses
        .iter()
        .enumerate()
        .filter_map(|(index, loss)| match &loss.term {
            Term::TargetSdf { shape, .. } => Some((format!("losses[{index}].term"), shape, 0.0)),
            _ => None,
        });
    let metrics = spec.metrics.iter().enumerate();
    let metrics = metrics.map(|(index, metric)| (format!("metrics[{index}]"), &metric.shape, 0.0));
    for (path, shape, margin) in colliders.chain(targets).chain(metrics) {
        if !faults.under(&path)
            && let Err(error) = shape.signed(margin, meshes)
        {
            faults.list.push(unusable(&path, shape, &error));
        }
    }
}

/// The substep, of the scene and of its twins.
fn bound(spec: &Spec<()>, meshes: &Meshes, faults: &mut Faults) {
    faults.list.extend(clock(spec, meshes).err());
    for (index, loss) in spec.losses.iter().enumerate() {
        let Term::PairedL2 {
            target: PairTarget::Twin { materials },
            ..
        } = &loss.term
        else {
            continue;
        };
        let path = format!("losses[{index}]");
        if !faults.under(&path)
            && let Err(fault) = clock(&spec.twin(materials), meshes)
        {
            let path = format!("{path}.term.target");
            let value = format!("Twin, whose {} = {}", fault.path, fault.value);
            faults.add(path, value, fault.expected);
        }
    }
}

/// The number of cells.
fn grid(spec: &Spec<()>, faults: &mut Faults) {
    let domain = &spec.domain;
    let counts = domain.size.map(|size| size / domain.cell);
    let (size, cell) = (vector(&domain.size), number(domain.cell));
    let mut too_many = false;
    for axis in Axis::ALL {
        let (count, name) = (counts[axis.index()], format!("{axis:?}").to_lowercase());
        let nodes = count.round() + (1 + 2 * PADDING) as f64;
        let whole = (count - count.round()).abs() <= count * crate::scene::spec::Domain::SLACK;
        let locked = domain.locked.contains(&axis);
        let fewest = if locked { 1.0 } else { FEWEST };
        if nodes > NODES {
            too_many = true;
            let expected = format!(
                "at most {NODES} nodes along an axis, not {} along {name} with cells of {cell} m",
                number(nodes)
            );
            faults.add("domain.size", &size, expected);
        } else if count.round() < fewest {
            let expected = format!(
                "at least {fewest} cells of {cell} m along {name}{}, not {}",
                if locked { "" } else { ", unless it is locked" },
                rounded(count)
            );
            faults.add("domain.size", &size, expected);
        } else if !whole {
            let expected = format!(
                "a whole number of cells of {cell} m along {name}, such as {} m",
                rounded(count.round() * domain.cell)
            );
            faults.add("domain.size", &size, expected);
        }
    }
    let blocks = |count: f64| ((count + (1 + 2 * PADDING) as f64) / BLOCK as f64).ceil();
    let memory = counts.iter().map(|&count| blocks(count)).product::<f64>()
        * size_of::<BlockNodes<f32>>() as f64;
    if memory > MEMORY && !too_many {
        let expected = format!(
            "a grid of at most {MEMORY:e} bytes, not {} with cells of {cell} m",
            rounded(memory)
        );
        faults.add("domain.size", size, expected);
    }
}

/// Bodies in the domain, with particles but not too many. Returns those whose numbers
/// are sound, by index.
fn bodies(
    spec: &Spec<()>,
    meshes: &Meshes,
    lattice: &Lattice<f64>,
    faults: &mut Faults,
) -> Vec<Option<Solid>> {
    let mut total = 0.0;
    let mut solids = Vec::with_capacity(spec.bodies.len());
    for (index, body) in spec.bodies.iter().enumerate() {
        let path = format!("bodies[{index}]");
        let parts = ["shape", "position", "rotation", "particles"];
        let mut solid = None;
        if parts
            .iter()
            .all(|part| !faults.under(&format!("{path}.{part}")))
        {
            match body.shape.placed(body.position, body.rotation, meshes) {
                Ok(placed) => solid = Some(placed),
                Err(error) => faults.list.push(unusable(&path, &body.shape, &error)),
            }
        }
        if let Some(solid) = &solid {
            let inside = inside(&path, &body.position, solid, lattice, faults);
            let pattern = body.particles.pattern();
            let candidates = pattern.candidates(lattice, &solid.bounds());
            let volume = solid.volume().unwrap_or(0.0);
            let count = volume / pattern.volume(lattice.dx);
            total += count.min(candidates);
            // Beyond, looking at all places would take longer than running the scene.
            if candidates > PLACES {
                let expected = format!(
                    "a shape that fills more of its bounding box, which has {} places for \
                     particles",
                    rounded(candidates)
                );
                faults.add(format!("{path}.shape"), "", expected);
            } else if inside && count <= PARTICLES && !pattern.fills(lattice, solid) {
                let expected = format!(
                    "a body that gets a particle: cells are {} m and it has {} m^3",
                    number(lattice.dx),
                    rounded(volume)
                );
                faults.add(format!("{path}.particles"), body.particles, expected);
            }
        }
        solids.push(solid);
    }
    if total > PARTICLES {
        let expected = format!("at most {PARTICLES:e} particles, not {}", rounded(total));
        faults.add("bodies", "", expected);
    }
    solids
}

/// Targets that are filled with points: some, but not too many.
fn targets(spec: &Spec<()>, meshes: &Meshes, lattice: &Lattice<f64>, faults: &mut Faults) {
    for (index, loss) in spec.losses.iter().enumerate() {
        let path = format!("losses[{index}].term");
        let (path, shape, position, rotation) = match &loss.term {
            Term::GridDensity {
                shape,
                position,
                rotation,
                ..
            } => (path, shape, position, rotation),
            Term::Chamfer {
                target:
                    ChamferTarget::Shape {
                        shape,
                        position,
                        rotation,
                    },
                ..
            } => (path + ".target", shape, position, rotation),
            _ => continue,
        };
        if faults.under(&path) {
            continue;
        }
        let pattern = Sampling::default().pattern();
        match shape.placed(*position, *rotation, meshes) {
            Err(error) => faults.list.push(unusable(&path, shape, &error)),
            Ok(solid) => {
                let candidates = pattern.candidates(lattice, &solid.bounds());
                let count = solid.volume().unwrap_or(0.0) / pattern.volume(lattice.dx);
                if count.min(candidates) > PARTICLES || candidates > PLACES {
                    let count = rounded(count.min(candidates));
                    let expected = format!("at most {PARTICLES:e} points to fill it, not {count}");
                    faults.add(format!("{path}.shape"), "", expected);
                } else if !pattern.fills(lattice, &solid) {
                    let expected = "a target that holds points of the domain";
                    faults.add(format!("{path}.position"), vector(position), expected);
                }
            }
        }
    }
}

/// Whether a body is in the domain, and how far it reaches out.
pub(super) fn inside(
    path: &str,
    position: &[f64; 3],
    solid: &Solid,
    lattice: &Lattice<f64>,
    faults: &mut Faults,
) -> bool {
    let Bounds { min, max } = solid.bounds();
    let (low, high) = (lattice.min(), lattice.max());
    let mut beyond = Vec::new();
    for axis in Axis::ALL {
        let (name, at) = (format!("{axis:?}").to_lowercase(), axis.index());
        for (end, over) in [("min", low[at] - min[at]), ("max", max[at] - high[at])] {
            if over > SLACK * lattice.dx || over.is_nan() {
                beyond.push(format!("{} m over {name}_{end}", rounded(over)));
            }
        }
    }
    if !beyond.is_empty() {
        let expected = format!("a body inside the domain, not {}", beyond.join(" and "));
        faults.add(format!("{path}.position"), vector(position), expected);
    }
    beyond.is_empty()
}

/// Bodies that overlap one another or a collider at the start, unless that pins them.
fn overlaps(
    spec: &Spec<()>,
    meshes: &Meshes,
    bodies: &[Option<Solid>],
    lattice: &Lattice<f64>,
    faults: &mut Faults,
) {
    let colliders: Vec<_> = spec
        .colliders
        .iter()
        .enumerate()
        .map(|(index, collider)| {
            let path = format!("colliders[{index}]");
            let mounted = collider.on != Attachment::World;
            if collider.pins || faults.under(&path) || (mounted && faults.under("tools")) {
                return None;
            }
            let shape = collider.shape.signed(collider.width, meshes).ok()?;
            let mut solid = Solid {
                form: Form::Shape(shape),
                pose: placement(collider.position, collider.rotation),
            };
            if let Some(Mount { tool, link }) = mount(spec, &collider.on) {
                let tool = motion::tool(&spec.tools[tool]);
                let still = Rate::zero(tool.joints.len());
                let links = links(&tool.joints, &tool.start, &still);
                solid.pose = links[link].0.compose(&solid.pose);
            }
            Some(solid)
        })
        .collect();
    for (index, body) in bodies.iter().enumerate() {
        let Some(body) = body else { continue };
        let position = vector(&spec.bodies[index].position);
        let path = format!("bodies[{index}].position");
        let others = bodies.iter().zip(&spec.bodies).take(index);
        let others = others.map(|(solid, body)| ("body", &body.name, solid));
        let walls = colliders.iter().zip(&spec.colliders);
        let walls = walls.map(|(solid, collider)| ("collider", &collider.name, solid));
        for (what, name, other) in others.chain(walls) {
            let common = other
                .as_ref()
                .and_then(|other| overlap(body, other, lattice));
            if let Some(point) = common {
                let point = [point.x, point.y, point.z].map(rounded).join(", ");
                let expected =
                    format!("no overlap with {what} {name:?}, which also holds ({point})");
                faults.add(&path, &position, expected);
            }
        }
    }
}
