//! Physics that breaks: the run ends with the particle and the substep, not with a panic.

use crate::{
    harness::{Folder, Ran, changed},
    scene::SOUND,
};

/// Variables far beyond what the substep of the scene can bear.
fn best(velocity: f64, young: f64) -> String {
    format!(
        "(scene: \"sound\", value: 1.0, iteration: 0, variables: \
         {{\"block.velocity\": [{velocity:e}, 0.0, 0.0], \"jelly.young\": [{:e}]}})",
        young.ln()
    )
}

fn names_where(ran: Ran) {
    let ran = ran.exits(1).complains(&[
        "of particle ",
        "of body `",
        "is not finite",
        "of substep ",
        "expected finite numbers",
    ]);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
}

#[test]
fn numbers_that_are_not_finite_end_a_simulation_with_body_particle_and_substep() {
    let longer = changed(SOUND, &[("frames: 3", "frames: 30")]);
    for precision in ["f32", "f64"] {
        for (velocity, young) in [(0.0, 1e30), (f64::INFINITY, 1e4)] {
            let folder = Folder::with(&[("scene.ron", &longer)]);
            folder.write("best.ron", best(velocity, young));
            let ran = folder.run(&[
                "simulate",
                "scene.ron",
                "--controls",
                "best.ron",
                "--precision",
                precision,
            ]);
            names_where(ran);
        }
    }
}

#[test]
fn frames_before_the_failure_are_kept() {
    // The material breaks in the second session, on a state that the first has saved.
    let longer = changed(SOUND, &[("frames: 3", "frames: 30")]);
    let folder = Folder::with(&[("scene.ron", &longer), ("best.ron", &best(0.0, 1e4))]);
    let simulate = ["simulate", "scene.ron", "--controls", "best.ron"];
    folder
        .run(&[&simulate[..], &["--frames", "2"]].concat())
        .exits(0);
    let run = folder.only_run();
    let checkpoint = folder.read(format!("{run}/checkpoint.npz"));
    folder.write(format!("{run}/best.ron"), best(0.0, 1e30));
    names_where(folder.run(&["simulate", "--resume", &run]));
    assert_eq!(
        folder.list(format!("{run}/frames")),
        ["0000.npz", "0001.npz"]
    );
    assert!(checkpoint == folder.read(format!("{run}/checkpoint.npz")));
    // With sound numbers it goes on.
    folder.write(format!("{run}/best.ron"), best(0.0, 1e4));
    folder.run(&["simulate", "--resume", &run]).exits(0);
}

#[test]
fn an_optimisation_backs_off_from_a_step_that_is_too_long() {
    let hasty = changed(SOUND, &[("rate: 0.1", "rate: 40")]);
    let folder = Folder::with(&[("scene.ron", &hasty)]);
    let ran = folder.run(&["optimize", "scene.ron", "--json", "--iterations", "8"]);
    let report = ran.exits(0).object();
    assert!(report["best_loss"].as_f64() <= report["first_loss"].as_f64());
    assert!(report["best_loss"].as_f64().unwrap().is_finite());
    assert!(report["backoffs"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn absurd_scenes_are_refused_or_run_but_never_panic() {
    for (from, to) in [
        ("young: 1e4", "young: 1e12"),
        ("density: 1100", "density: 1e-300"),
        ("density: 1100", "density: 1e300"),
        (
            "name: \"block\",",
            "name: \"block\", velocity: (1e5, 0, 0),",
        ),
        (
            "name: \"block\",",
            "name: \"block\", velocity: (1e300, 0, 0),",
        ),
        ("name: \"block\",", "name: \"block\", spin: (0, 1e30, 0),"),
        ("version: 1,", "version: 1, gravity: (0, 1e300, 0),"),
        ("version: 1,", "version: 1, gravity: (0, -1e6, 0),"),
        ("bulk_modulus: 1e4", "bulk_modulus: 1e-300"),
        ("bulk_modulus: 1e4", "bulk_modulus: 1e4, exponent: 100"),
        ("density: 1000", "density: 1e-30"),
        ("frame: 0.01", "frame: 1e-300"),
        ("frame: 0.01", "frame: 1e300"),
        ("cell: 0.05", "cell: 0.05, min: (1e8, 1e8, 1e8)"),
        ("cell: 0.05", "cell: 1e-9"),
        ("target: (0.5, 0.1, 0.2)", "target: (1e200, 0, 0)"),
    ] {
        let folder = Folder::with(&[("scene.ron", &changed(SOUND, &[(from, to)]))]);
        let check = folder.run(&["check", "scene.ron", "--json"]);
        if !check.stderr.is_empty() {
            check.exits(2).complains(&["scene.ron:", "expected"]);
            continue;
        }
        let costs = check.exits(0).object();
        // A frame of few substeps is enough to see how it starts.
        if costs["substeps"].as_u64().unwrap() <= 500 {
            let ran = folder.run(&["simulate", "scene.ron", "--frames", "1", "--json"]);
            if ran.stderr.is_empty() {
                ran.exits(0);
            } else {
                names_where(ran);
            }
        }
    }
}
