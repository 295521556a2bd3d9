//! A scene with every kind of part, for the tests of this folder.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Fault, Places, SceneError, Spec, check, parse};

/// A scene that is sound.
pub(super) const THROW: &str = r#"// A jelly and a jet of water over a cup on a tool.
(
    version: 1,
    name: "throw",
    about: "A cup throws water at a jelly",
    domain: (
        min: (-0.2, 0, 0),
        size: (1.2, 0.8, 0.4),
        cell: 0.05,
        walls: (default: Slip, y_min: Coulomb(0.4)),
    ),
    time: (frames: 50, frame: 0.02),
    materials: {
        "water": Liquid(density: 1000, bulk_modulus: 2e4, viscosity: 1e-3),
        "jelly": NeoHookean(density: 1100, young: 2e4, poisson: 0.3),
        "clay": BoxPlastic(density: 1800, young: 1e5, poisson: 0.2, compression: 0.02, extension: 0.01),
        "rubber": FixedCorotated(density: 1000, young: 5e4, poisson: 0.4),
    },
    bodies: [
        (name: "drop", material: "water", shape: Sphere(radius: 0.1), position: (0.1, 0.3, 0.2)),
        (
            name: "block", material: "jelly",
            shape: Box(half: (0.06, 0.05, 0.08)),
            position: (0.7, 0.2, 0.2), rotation: (0, 0, 0.3),
            velocity: (0.5, 0, 0), spin: (0, 0, 2),
            particles: Jittered(per_cell: 8, seed: 1),
        ),
    ],
    colliders: [
        (name: "cup", shape: Box(half: (0.15, 0.02, 0.15)), position: (0, -0.15, 0), on: Tool("thrower"), law: Coulomb(0.3)),
        (name: "ground", shape: Plane, position: (0, 0.05, 0), law: Sticky, width: 0.01),
    ],
    tools: [(name: "thrower", position: (0.1, 0.3, 0.2), motion: Constant(linear: (0.2, 0.1, 0)))],
    losses: [
        (term: TargetSdf(body: "drop", shape: Cylinder(radius: 0.1, half_height: 0.1), position: (0.6, 0.2, 0.2))),
        (term: CentreOfMass(body: "block", target: (0.5, 0.2, 0.2), axes: [X, Y]), weight: 0.5, when: Every),
        (term: ControlEffort(linear: 1e-3), when: Frames(3, 9)),
        (term: PairedL2(body: "block", target: Twin(materials: {"jelly": NeoHookean(density: 1100, young: 3e4, poisson: 0.3)}))),
        (term: Chamfer(body: "drop", target: Shape(shape: Sphere(radius: 0.1), position: (0.6, 0.2, 0.2))), when: Frame(7)),
        (term: GridDensity(body: "drop", shape: Sphere(radius: 0.1), position: (0.6, 0.2, 0.2))),
    ],
    metrics: [(name: "in box", body: "drop", shape: Box(half: (0.1, 0.1, 0.1)), position: (0.6, 0.2, 0.2))],
    optimize: (steps: 30),
)
"#;

/// What a crate above might add.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Optimize {
    pub steps: u32,
}

/// [`THROW`] with pieces of text replaced, each of which must be there.
pub(super) fn throw_with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(THROW.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

/// The specification of a text that parses.
pub(super) fn spec_of(text: &str) -> Spec<Optimize> {
    parse(text, "throw.ron")
        .unwrap_or_else(|error| panic!("{error}"))
        .0
}

/// All that is wrong with a text, as an error would say it.
pub(super) fn faults_of(text: &str) -> Vec<String> {
    match parse::<Optimize>(text, "throw.ron") {
        Ok((spec, mut faults)) => {
            faults.extend(check(&spec, Path::new("/nowhere")));
            let places = Places::of(text);
            let placed = |fault: Fault| {
                let fault = fault.placed(&places);
                assert!(fault.place.is_some(), "{fault}");
                fault.to_string()
            };
            faults.into_iter().map(placed).collect()
        }
        Err(error @ SceneError::Syntax { .. }) => vec![error.to_string()],
        Err(error) => panic!("{error}"),
    }
}
