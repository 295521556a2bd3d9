//! `backflow gradcheck`.

use serde_json::{Value, json};

use crate::{
    harness::{Folder, Ran, changed},
    scene::{DROP, FLIGHT},
};

fn gradcheck(scene: &str, arguments: &[&str]) -> Ran {
    let folder = Folder::with(&[("scene.ron", scene)]);
    folder.run(
        &[
            &["gradcheck", "scene.ron", "--substeps", "20"][..],
            arguments,
        ]
        .concat(),
    )
}

/// Verdict by slice.
fn verdicts(object: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let slices = object["slices"].as_array().unwrap();
    let verdict = |slice: &Value| (text(&slice["slice"]), text(&slice["verdict"]));
    slices.iter().map(verdict).collect()
}

#[test]
fn every_slice_of_a_sound_gradient_passes_and_has_its_row() {
    let object = gradcheck(DROP, &["--json"]).exits(0).object();
    assert_eq!(object["scene"], json!("drop"));
    let verdicts = verdicts(&object);
    let names: Vec<&str> = verdicts.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "gravity",
        "pool.velocity",
        "pool.particles.x",
        "pool.particles.v",
        "pool.particles.c",
        "pool.particles.f",
        "block.velocity",
        "block.particles.x",
        "block.particles.v",
        "block.particles.c",
        "block.particles.f",
        "jelly.density",
        "jelly.young",
        "jelly.poisson",
        "water.density",
        "water.bulk_modulus",
        "water.viscosity",
        "ball.friction",
        "collider.ball.position",
        "collider.ball.rotation",
        "walls.y_min.friction",
        "tool.arm.controls",
        "tool.arm.position",
        "tool.arm.rotation",
    ];
    assert_eq!(names, expected);
    for (name, verdict) in &verdicts {
        let fine = ["second order", "exact", "to round-off", "no effect"];
        assert!(fine.contains(&verdict.as_str()), "{name}: {verdict}");
    }
    let of = |name: &str| &verdicts.iter().find(|(slice, _)| slice == name).unwrap().1;
    for name in ["gravity", "block.velocity", "tool.arm.controls"] {
        assert_ne!(of(name), "no effect", "{name}");
    }
    // The rate is said wherever there is an order.
    for slice in object["slices"].as_array().unwrap() {
        let second = slice["verdict"] == json!("second order");
        assert_eq!(
            slice["rate"].as_f64().is_some_and(|rate| rate >= 1.9),
            second
        );
    }
}

#[test]
fn the_table_is_printed_row_by_row() {
    let ran = gradcheck(FLIGHT, &["--only", "block.velocity"]).exits(0);
    for piece in ["h", "without gradient", "with gradient", "rate"] {
        assert!(ran.stdout.contains(piece), "{piece}\n{ran}");
    }
    let rows = ran.stdout.lines().filter(|line| {
        let first = line.split_whitespace().next();
        first.is_some_and(|h| h.parse::<f64>().is_ok()) && line.contains("e-")
    });
    assert!(rows.count() >= 10, "{ran}");
    let summary = ran.stdout.lines().last().unwrap().trim();
    assert!(summary.starts_with("block.velocity"), "{ran}");
}

#[test]
fn what_cancels_but_for_round_off_has_no_effect() {
    // In flight, the centre of mass does not depend on what is inside of the block.
    let object = gradcheck(FLIGHT, &["--json"]).exits(0).object();
    for (name, verdict) in verdicts(&object) {
        let inside = name.starts_with("jelly") || name.ends_with(".f") || name.ends_with(".c");
        assert_eq!(inside, verdict == "no effect", "{name}: {verdict}");
    }
}

#[test]
fn a_broken_adjoint_is_noticed() {
    let ran = gradcheck(DROP, &["--json", "--broken"]).exits(1);
    let verdicts = verdicts(&ran.object());
    let failed: Vec<&str> = verdicts
        .iter()
        .filter(|(_, verdict)| verdict == "FAILED")
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(!failed.is_empty(), "{ran}");
    let complaint = format!("the gradient fails for {}", failed.join(", "));
    ran.complains(&[&complaint]);
}

#[test]
fn a_loss_that_depends_on_nothing_does_not_pass() {
    let without = changed(
        FLIGHT,
        &[(
            "CentreOfMass(body: \"block\", target: (0.4, 0.45, 0.2))",
            "TargetSdf(body: \"block\", shape: Box(half: (0.4, 0.4, 0.2)), position: (0.4, 0.4, 0.2))",
        )],
    );
    gradcheck(&without, &[])
        .exits(1)
        .complains(&["nothing was checked"]);
}

#[test]
fn an_unknown_slice_is_answered_with_those_that_there_are() {
    gradcheck(FLIGHT, &["--only", "wind"]).exits(2).complains(&[
        "--only wind",
        "gravity",
        "block.velocity",
        "jelly.young",
    ]);
}

#[test]
fn other_directions_pass_as_well() {
    for seed in ["2", "3"] {
        gradcheck(FLIGHT, &["--seed", seed]).exits(0);
    }
}

/// A square of edge 0.3 in the plane y = 0, open: two triangles that face opposite ways.
const SQUARE: &str =
    "v -0.15 0 -0.15\nv 0.15 0 -0.15\nv 0.15 0 0.15\nv -0.15 0 0.15\nf 1 2 3\nf 1 4 3\n";

#[test]
fn a_sheet_that_carries_matter_passes_whatever_the_stage_of_contact() {
    let ball = r#"(name: "ball", shape: Sphere(radius: 0.05), law: Coulomb(0.4), on: Tool("arm"))"#;
    for stage in ["Grid", "Shell"] {
        let sheet = format!(
            r#"(name: "tray", shape: Sheet(file: "square.obj", thickness: 0.04), position: (0, -0.12, 0),
                law: Coulomb(0.4), on: Tool("arm"), stage: {stage})"#
        );
        let tray = changed(DROP, &[(ball, &sheet)]);
        let folder = Folder::with(&[("scene.ron", &tray), ("square.obj", SQUARE)]);
        let arguments = ["gradcheck", "scene.ron", "--substeps", "20", "--json"];
        let object = folder.run(&arguments).exits(0).object();
        let felt = verdicts(&object);
        for slice in ["tool.arm.controls", "collider.tray.position"] {
            let verdict = felt.iter().find(|(name, _)| name == slice);
            assert!(
                verdict.is_some_and(|(_, verdict)| verdict != "no effect"),
                "{felt:?}"
            );
        }
    }
}
