use crate::scene::testing::{faults_of, throw_with};

/// One change of the sound scene, and the faults that it causes.
#[track_caller]
fn changed(from: &str, to: &str, faults: &[&str]) {
    assert_eq!(faults_of(&throw_with(&[(from, to)])), faults);
}

#[test]
fn collectors_are_checked() {
    for (fields, faults) in [
        ("shape: Sphere(radius: 0.1)", &[][..]),
        (
            "shape: Sphere(radius: 0), bodies: [\"milk\"]",
            &[
                "collectors[0].shape.radius = 0: expected a positive number (m)",
                "collectors[0].bodies = \"milk\": expected the name of a body: \"drop\", \"block\"",
            ],
        ),
        (
            "shape: Sphere(radius: 0.1), bodies: [], on: Tool(\"spoon\")",
            &[
                "collectors[0].on = \"spoon\": expected the name of a tool: \"thrower\"",
                "collectors[0].bodies = []: expected at least one body, or none given for all",
            ],
        ),
        (
            "shape: Sphere(radius: 0.1), from: 9, to: 3",
            &["collectors[0].from = 9: expected a frame from 0 to 49, not after `to`"],
        ),
    ] {
        let list = format!("collectors: [(name: \"bin\", {fields})],\n    metrics: [");
        changed("metrics: [", &list, faults);
    }
    changed(
        "metrics: [",
        "collectors: [(name: \"in box\", shape: Plane)],\n    metrics: [",
        &["collectors[0].name = \"in box\": expected a name that no metric has"],
    );
    changed(
        "(term: ControlEffort(linear: 1e-3), when: Frames(3, 9)),",
        "(term: Uncollected(collector: \"bin\", width: 0)),",
        &[
            "losses[2].term.width = 0: expected a positive number (m)",
            "losses[2].term.collector = \"bin\": expected the name of a collector, but the scene has no collectors",
        ],
    );
}

#[test]
fn a_collector_takes_no_part_of_a_body_that_moves_as_one() {
    let rigid = "\"jelly\": Rigid(density: 1100)";
    let with = |bodies: &str| {
        let list = format!("collectors: [(name: \"bin\", shape: Plane{bodies})],\n    losses: [");
        faults_of(&throw_with(&[
            (
                "\"jelly\": NeoHookean(density: 1100, young: 2e4, poisson: 0.3),\n        \"clay\"",
                &format!("{rigid},\n        \"clay\""),
            ),
            ("losses: [", &list),
            (
                "        (term: PairedL2(body: \"block\", target: Twin(materials: {\"jelly\": NeoHookean(density: 1100, young: 3e4, poisson: 0.3)}))),\n",
                "",
            ),
        ]))
    };
    assert_eq!(with(""), Vec::<String>::new());
    let expected = "collectors[0].bodies = \"block\": expected bodies that are not of the material \
                    Rigid, whose particles move as one";
    assert_eq!(with(", bodies: [\"block\"]"), [expected]);
    assert_eq!(
        with(", bodies: [\"block\"], removes: false"),
        Vec::<String>::new()
    );
}
