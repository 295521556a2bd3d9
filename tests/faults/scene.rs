//! A sound scene for the tests to spoil.

/// Water beside a block that falls; each fault is a change of this.
pub const SOUND: &str = r#"(
    version: 1,
    name: "sound",
    domain: (size: (0.8, 0.4, 0.4), cell: 0.05),
    time: (frames: 3, frame: 0.01),
    materials: {
        "water": Liquid(density: 1000, bulk_modulus: 1e4),
        "jelly": FixedCorotated(density: 1100, young: 1e4, poisson: 0.3),
    },
    bodies: [
        (
            name: "pool", material: "water",
            shape: Box(half: (0.1, 0.1, 0.1)), position: (0.2, 0.1, 0.2),
        ),
        (
            name: "block", material: "jelly",
            shape: Sphere(radius: 0.1), position: (0.6, 0.2, 0.2),
        ),
    ],
    losses: [(term: CentreOfMass(body: "block", target: (0.5, 0.1, 0.2)))],
    optimize: (
        variables: [
            Velocity(body: "block"),
            Material(material: "jelly", parameter: "young", lower: 1e3, log: true),
        ],
        settings: (iterations: 3, update: Adam(rate: 0.1)),
    ),
)
"#;

#[test]
fn the_sound_scene_has_no_fault() {
    let folder = crate::harness::Folder::with(&[("scene.ron", SOUND)]);
    folder.run(&["check", "scene.ron"]).exits(0);
}
