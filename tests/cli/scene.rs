//! Tiny scenes that tests write.

/// Water, a block of jelly that is thrown at it, and a ball on a tool: some hundred
/// particles and some ten substeps a frame.
pub const DROP: &str = r#"(
    version: 1,
    name: "drop",
    domain: (
        size: (0.8, 0.8, 0.4),
        cell: 0.05,
        walls: (default: Separating, y_min: Coulomb(0.3)),
    ),
    time: (frames: 4, frame: 0.02),
    materials: {
        "water": Liquid(density: 1000, bulk_modulus: 1e4, viscosity: 0.1),
        "jelly": NeoHookean(density: 1000, young: 1e4, poisson: 0.3),
    },
    bodies: [
        (
            name: "pool", material: "water",
            shape: Box(half: (0.1, 0.05, 0.1)), position: (0.2, 0.1, 0.2),
        ),
        (
            name: "block", material: "jelly",
            shape: Box(half: (0.1, 0.1, 0.1)), position: (0.5, 0.25, 0.2),
            velocity: (-1, -1, 0),
        ),
    ],
    colliders: [
        (name: "ball", shape: Sphere(radius: 0.05), law: Coulomb(0.4), on: Tool("arm")),
    ],
    tools: [(name: "arm", position: (0.4, 0.5, 0.2), motion: Constant(linear: (0, -2, 0)))],
    losses: [
        (term: CentreOfMass(body: "block", target: (0.4, 0.3, 0.2))),
        (term: ControlEffort(linear: 1e-4)),
    ],
    metrics: [
        (
            name: "in the left half", body: "block",
            shape: Box(half: (0.2, 0.4, 0.2)), position: (0.2, 0.4, 0.2),
        ),
    ],
    optimize: (
        variables: [
            Velocity(body: "block", axes: [X, Y], limit: 5),
            Controls(axes: [X, Y]),
        ],
        settings: (iterations: 6, update: Adam(rate: 0.2)),
    ),
)
"#;

/// A block of jelly in free flight towards a mark: the loss is a parabola of its velocity.
pub const FLIGHT: &str = r#"(
    version: 1,
    name: "flight",
    domain: (size: (0.8, 0.8, 0.4), cell: 0.05),
    time: (frames: 5, frame: 0.02),
    materials: {"jelly": NeoHookean(density: 1000, young: 1e4, poisson: 0.3)},
    bodies: [
        (
            name: "block", material: "jelly",
            shape: Box(half: (0.075, 0.075, 0.075)), position: (0.3, 0.4, 0.2),
        ),
    ],
    losses: [(term: CentreOfMass(body: "block", target: (0.4, 0.45, 0.2)))],
    optimize: (
        variables: [Velocity(body: "block", axes: [X, Y])],
        settings: (iterations: 8, update: Lbfgs()),
    ),
)
"#;

/// Eight bits of jelly for two frames: a run takes milliseconds. A ball on a tool comes near them.
pub const TINY: &str = r#"(
    version: 1,
    name: "tiny",
    domain: (size: (0.4, 0.4, 0.4), cell: 0.05),
    time: (frames: 2, frame: 0.01),
    materials: {"jelly": NeoHookean(density: 1000, young: 1e3, poisson: 0.3)},
    bodies: [
        (
            name: "block", material: "jelly",
            shape: Box(half: (0.03, 0.03, 0.03)), position: (0.2, 0.2, 0.2),
        ),
    ],
    losses: [(term: CentreOfMass(body: "block", target: (0.22, 0.21, 0.2)), when: Every)],
    optimize: (
        variables: [Velocity(body: "block", axes: [X, Y])],
        settings: (iterations: 12, update: Adam(rate: 0.5)),
    ),
)
"#;
