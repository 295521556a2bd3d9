//! Names, what refers to them, and files.

use std::{collections::BTreeSet, path::Path};

use super::{
    super::spec::{Attachment, ChamferTarget, PairTarget, Shape, Source, Spec, Term, Tool, Walls},
    Faults,
};
use crate::scene::{locate::child, policy::weights};

pub(super) fn check(spec: &Spec<()>, directory: &Path, faults: &mut Faults) {
    if spec.name.trim().is_empty() {
        faults.add(
            "name",
            format!("{:?}", spec.name),
            "a name that is not empty",
        );
    } else if spec.name.contains(['/', '\\', '\0']) || spec.name.starts_with('.') {
        let expected = "a name that a folder can have: without slashes, not starting with a dot";
        faults.add("name", format!("{:?}", spec.name), expected);
    }
    unique("bodies", spec.bodies.iter().map(|body| &*body.name), faults);
    unique(
        "injectors",
        spec.injectors.iter().map(|injector| &*injector.name),
        faults,
    );
    unique(
        "collectors",
        spec.collectors.iter().map(|collector| &*collector.name),
        faults,
    );
    unique(
        "colliders",
        spec.colliders.iter().map(|collider| &*collider.name),
        faults,
    );
    unique("tools", spec.tools.iter().map(|tool| &*tool.name), faults);
    unique(
        "metrics",
        spec.metrics.iter().map(|metric| &*metric.name),
        faults,
    );

    unique(
        "forces",
        spec.forces.iter().map(|force| &*force.name),
        faults,
    );
    unique("views", spec.views.iter().map(|view| &*view.name), faults);
    let materials: Vec<&str> = spec.materials.keys().map(String::as_str).collect();
    let mut bodies: Vec<&str> = spec.bodies.iter().map(|body| &*body.name).collect();
    for (index, injector) in spec.injectors.iter().enumerate() {
        let (path, name) = (format!("injectors[{index}]"), &*injector.name);
        if bodies.contains(&name) {
            faults.add(
                format!("{path}.name"),
                format!("{name:?}"),
                "a name that no body has",
            );
        }
        refers(
            &format!("{path}.material"),
            &injector.material,
            "material",
            &materials,
            faults,
        );
        attached(&format!("{path}.on"), spec, &injector.on, faults);
        bodies.push(name);
    }
    let tools: Vec<&str> = spec.tools.iter().map(|tool| &*tool.name).collect();
    for (index, tool) in spec.tools.iter().enumerate() {
        self::tool(&format!("tools[{index}]"), tool, &bodies, faults);
    }
    for (index, body) in spec.bodies.iter().enumerate() {
        let path = format!("bodies[{index}]");
        refers(
            &format!("{path}.material"),
            &body.material,
            "material",
            &materials,
            faults,
        );
        mesh(&path, &body.shape, directory, faults);
    }
    for (index, force) in spec.forces.iter().enumerate() {
        for name in force.on.iter().flatten() {
            refers(
                &format!("forces[{index}].on"),
                name,
                "body",
                &bodies,
                faults,
            );
        }
    }
    for (index, collider) in spec.colliders.iter().enumerate() {
        mesh(
            &format!("colliders[{index}]"),
            &collider.shape,
            directory,
            faults,
        );
        attached(
            &format!("colliders[{index}].on"),
            spec,
            &collider.on,
            faults,
        );
    }
    for (index, metric) in spec.metrics.iter().enumerate() {
        mesh(
            &format!("metrics[{index}]"),
            &metric.shape,
            directory,
            faults,
        );
        refers(
            &format!("metrics[{index}].body"),
            &metric.body,
            "body",
            &bodies,
            faults,
        );
    }
    for (index, loss) in spec.losses.iter().enumerate() {
        let path = &format!("losses[{index}].term");
        if let Some(body) = loss.term.body() {
            refers(&format!("{path}.body"), body, "body", &bodies, faults);
        }
        match &loss.term {
            Term::PairedL2 {
                target: PairTarget::Twin { materials: others },
                ..
            } => {
                let path = &format!("{path}.target.materials");
                for (name, other) in others {
                    let path = child(path, name);
                    if let Some(own) = spec.materials.get(name) {
                        if own.is_liquid() != other.is_liquid() {
                            let [kind, found] = [own, other].map(|material| {
                                if material.is_liquid() {
                                    "a liquid"
                                } else {
                                    "a solid"
                                }
                            });
                            faults.add(&path, found, format!("{kind}, as in the scene"));
                        }
                    } else {
                        faults.add(&path, "", one_of("material", &materials));
                    }
                }
            }
            Term::PairedL2 {
                target: PairTarget::File(goal),
                ..
            }
            | Term::Chamfer {
                target: ChamferTarget::File(goal),
                ..
            } => {
                file(&format!("{path}.target"), goal, directory, faults);
            }
            Term::GridDensity { shape, .. } | Term::TargetSdf { shape, .. } => {
                mesh(path, shape, directory, faults)
            }
            Term::Chamfer {
                target: ChamferTarget::Shape { shape, .. },
                ..
            } => {
                mesh(&format!("{path}.target"), shape, directory, faults);
            }
            Term::Uncollected { collector, .. } => {
                let collectors = spec.collectors.iter().map(|known| &*known.name);
                let collectors: Vec<_> = collectors.collect();
                let path = format!("{path}.collector");
                refers(&path, collector, "collector", &collectors, faults);
            }
            Term::ControlEffort { tool, .. } => {
                if spec.tool(tool).is_none() {
                    refers(&format!("{path}.tool"), tool, "tool", &tools, faults);
                }
            }
            Term::Reaction { of, .. } | Term::Overload { of, .. } => {
                let path = &format!("{path}.of");
                let colliders = spec.colliders.iter().map(|collider| &*collider.name);
                match of {
                    Source::Wall(wall) => {
                        refers(path, wall, "wall", Walls::NAMES.as_flattened(), faults);
                    }
                    Source::Collider(name) => {
                        refers(
                            path,
                            name,
                            "collider",
                            &colliders.collect::<Vec<_>>(),
                            faults,
                        );
                    }
                    Source::Tool(tool) => refers(path, tool, "tool", &tools, faults),
                }
            }
            Term::PairedL2 {
                target: PairTarget::Demo { motions },
                ..
            } => {
                let path = &format!("{path}.target.motions");
                for tool in motions.keys() {
                    refers(&child(path, tool), tool, "tool", &tools, faults);
                }
            }
            Term::MeanDistance { other, .. } => {
                refers(&format!("{path}.other"), other, "body", &bodies, faults);
            }
            Term::Approach { tool, .. } => {
                if spec.tool(tool).is_none() {
                    refers(&format!("{path}.tool"), tool, "tool", &tools, faults);
                } else if !spec
                    .colliders
                    .iter()
                    .any(|collider| collider.is_on(spec, tool))
                {
                    let expected = "a tool that a collider is fixed to";
                    faults.add(format!("{path}.tool"), format!("{tool:?}"), expected);
                }
            }
            Term::CentreOfMass { .. }
            | Term::Point { .. }
            | Term::Displacement { .. }
            | Term::RigidPosition { .. }
            | Term::RigidRotation { .. }
            | Term::RigidVelocity { .. } => {}
        }
    }
}

/// A tool, or a part of one, that something is fixed to.
pub(super) fn attached(path: &str, spec: &Spec<()>, on: &Attachment, faults: &mut Faults) {
    let tools: Vec<&str> = spec.tools.iter().map(|tool| &*tool.name).collect();
    match on {
        Attachment::World => {}
        Attachment::Tool(tool) => refers(path, tool, "tool", &tools, faults),
        Attachment::Part(tool, joint) => {
            refers(path, tool, "tool", &tools, faults);
            if let Some(at) = spec.tool(tool) {
                let joints = &spec.tools[at].joints;
                let joints: Vec<&str> = joints.iter().map(|joint| &*joint.name).collect();
                refers(path, joint, "joint", &joints, faults);
            }
        }
    }
}

/// Joints, each with a name of its own and after the one that it hangs on.
fn tool(path: &str, tool: &Tool, bodies: &[&str], faults: &mut Faults) {
    let names: Vec<&str> = tool.joints.iter().map(|joint| &*joint.name).collect();
    unique(&format!("{path}.joints"), names.iter().copied(), faults);
    for (index, joint) in tool.joints.iter().enumerate() {
        if let Some(on) = &joint.on {
            let path = format!("{path}.joints[{index}].on");
            refers(
                &path,
                on,
                "joint that comes before",
                &names[..index],
                faults,
            );
        }
    }
    let Some(policy) = &tool.policy else { return };
    for (index, name) in policy.sees.iter().enumerate() {
        let path = format!("{path}.policy.sees[{index}]");
        refers(&path, name, "body", bodies, faults);
        if policy.sees[..index].contains(name) {
            faults.add(path, format!("{name:?}"), "each body once");
        }
    }
    let seen = match policy.sees.len() {
        0 => bodies.len(),
        some => some,
    };
    let weights = weights(policy, tool.joints.len(), seen);
    if ![0, weights].contains(&policy.weights.len()) {
        let count = format!("[{} numbers]", policy.weights.len());
        let expected = format!("{weights} numbers, or none for first weights");
        faults.add(format!("{path}.policy.weights"), count, expected);
    }
}

/// Names that are not empty, each once.
pub(super) fn unique<'a>(list: &str, names: impl Iterator<Item = &'a str>, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        let path = format!("{list}[{index}].name");
        if name.trim().is_empty() {
            faults.add(path, format!("{name:?}"), "a name that is not empty");
        } else if !seen.insert(name) {
            faults.add(
                path,
                format!("{name:?}"),
                format!("a name that no other of the {list} has"),
            );
        }
    }
}

/// A reference to one of `known`.
pub(super) fn refers(path: &str, name: &str, what: &str, known: &[&str], faults: &mut Faults) {
    if !known.contains(&name) {
        faults.add(path, format!("{name:?}"), one_of(what, known));
    }
}

fn one_of(what: &str, known: &[&str]) -> String {
    /// Names that are listed, at most.
    const LISTED: usize = 12;
    let plural = match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    };
    if known.is_empty() {
        return format!("the name of a {what}, but the scene has no {plural}");
    }
    let names: Vec<_> = known
        .iter()
        .take(LISTED)
        .map(|name| format!("{name:?}"))
        .collect();
    let more = if known.len() > LISTED { ", ..." } else { "" };
    format!("the name of a {what}: {}{more}", names.join(", "))
}

pub(super) fn mesh(path: &str, shape: &Shape, directory: &Path, faults: &mut Faults) {
    if let Shape::Mesh { file: name, .. } | Shape::Sheet { file: name, .. } = shape {
        file(&format!("{path}.shape.file"), name, directory, faults);
    }
}

fn file(path: &str, name: &str, directory: &Path, faults: &mut Faults) {
    if name.is_empty() || !directory.join(name).is_file() {
        let expected = "a file that exists, relative to the folder of the scene";
        faults.add(path, format!("{name:?}"), expected);
    }
}
