//! Schemes: problems that grow to that of the scene while they are solved.

use std::{cell::Cell, ops::ControlFlow, process::Stdio, thread::sleep, time::Duration};

use backflow::{
    optim::{DriverState, Record},
    task::{Task, objective::OnStep, staged::Staged},
};

use crate::{
    harness::{Folder, changed},
    scene::TINY,
};

/// `TINY` with a tool, four frames, sixteen iterations and a scheme.
fn scene(scheme: &str) -> String {
    let tool = r#"colliders: [(name: "ball", shape: Sphere(radius: 0.05), on: Tool("arm"))],
        tools: [(name: "arm", position: (0.2, 0.31, 0.2), motion: Constant(linear: (0, -0.5, 0)))],
        losses: ["#;
    let settings = "settings: (iterations: 12,";
    let more = format!("scheme: ({scheme}), settings: (iterations: 16,");
    let variables = "axes: [X, Y])],";
    changed(
        TINY,
        &[
            ("frames: 2", "frames: 4"),
            ("losses: [", tool),
            (settings, &more),
            (variables, "axes: [X, Y]), Controls(axes: [X, Y])],"),
        ],
    )
}

/// Every iteration of a run: stage it ended in, and the point after it; and the substeps of all of
/// them, in whole runs.
fn iterations(scheme: &str) -> (Vec<(usize, Vec<f64>)>, f64) {
    let folder = Folder::with(&[("scene.ron", &scene(scheme))]);
    let task = Task::load(&folder.path("scene.ron"), 1.0).unwrap();
    let settings = task.spec.optimize.as_ref().unwrap().settings.clone();
    let staged = Staged::new(&task, settings).unwrap();
    let mut state = staged.begin().unwrap();
    let mut seen = Vec::new();
    let mut watch = |_: &Record, state: &DriverState| {
        seen.push((state.stage, state.x.clone()));
        ControlFlow::Continue(())
    };
    let spent = Cell::new(0);
    let always = || -> OnStep<'static> { Box::new(|_, _| true) };
    let outcome = staged
        .run::<f32>(&mut state, None, &always, &spent, &mut watch)
        .unwrap();
    assert_eq!(outcome.iterations, 16);
    let clock = &task.scene.world.clock;
    (
        seen,
        spent.get() as f64 / (clock.frames * clock.substeps) as f64,
    )
}

#[test]
fn horizon_grows_and_controls_of_old_frames_are_frozen() {
    // 4 frames: horizons of 1, 2, 3 and 4 frames, of which the last two are free
    let (seen, runs) =
        iterations("horizon: (start: 1, step: 1, freeze: 2), plateau: (patience: 99)");
    // a gradient counts thrice, and four iterations have a quarter of the frames, four the half, ...
    assert_eq!(runs, 3.0 * (1.0 + 2.0 + 3.0 + 4.0));
    let stages: Vec<_> = seen.iter().map(|(stage, _)| *stage).collect();
    assert_eq!(stages, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    // the vector is the velocity of the block and then two velocities of the tool a frame
    let control = |iteration: usize, frame: usize| &seen[iteration].1[2 + 2 * frame..4 + 2 * frame];
    // frame 0 is frozen from the third stage on, frame 1 in the last
    assert_ne!(control(3, 0), control(6, 0));
    for iteration in 8..16 {
        assert_eq!(control(iteration, 0), control(8, 0));
    }
    assert_ne!(control(9, 1), control(11, 1));
    for iteration in 12..16 {
        assert_eq!(control(iteration, 1), control(12, 1));
    }
    // the velocity of the block is no control of a frame, and never frozen
    assert_ne!(seen[12].1[..2], seen[15].1[..2]);
}

#[test]
fn stages_end_early_at_a_plateau() {
    // nothing is significant: a stage is its first iteration and two of patience
    let (seen, runs) =
        iterations("contact: (width: 0.02, stages: 2), plateau: (patience: 2, relative: 1e9)");
    assert_eq!(runs, 3.0 * 16.0);
    let first = seen.iter().filter(|(stage, _)| *stage == 0).count();
    assert_eq!(first, 3);
}

#[test]
fn every_part_of_a_scheme_improves_and_resumes_to_the_same_bits() {
    for scheme in [
        "horizon: (start: 2, step: 1, freeze: 2), contact: (width: 0.02)",
        "quality: [0.8, 1], plateau: (patience: 2)",
        "starts: (count: 3, spread: 0.5)",
    ] {
        let text = scene(scheme);
        let folder = Folder::with(&[("scene.ron", &text)]);
        let whole = folder
            .run(&["optimize", "scene.ron", "--json"])
            .exits(0)
            .object();
        assert!(
            whole["best_loss"].as_f64() < whole["first_loss"].as_f64(),
            "{scheme}: {whole}"
        );
        assert_eq!(whole["stage"], whole["stages"]);
        let killed = Folder::with(&[("scene.ron", &text)]);
        let mut run = String::new();
        for kill in 0..5_u64 {
            let resume = ["optimize", "--resume", &run];
            let arguments: &[&str] = if run.is_empty() {
                &["optimize", "scene.ron"]
            } else {
                &resume
            };
            let mut command = killed.command(arguments);
            let mut child = command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while killed.list("runs").is_empty() {
                sleep(Duration::from_millis(2));
            }
            let begun = killed.path(format!("{}/run.ron", killed.only_run()));
            while !begun.exists() {
                sleep(Duration::from_millis(2));
            }
            sleep(Duration::from_millis(10 + 31 * kill));
            child.kill().unwrap();
            child.wait().unwrap();
            run = killed.only_run();
        }
        let ended = killed
            .run(&["optimize", "--resume", &run, "--json"])
            .exits(0)
            .object();
        assert_eq!(ended["best_loss"], whole["best_loss"], "{scheme}");
        let state = |folder: &Folder| folder.text(format!("{}/state.ron", folder.only_run()));
        assert_eq!(state(&killed), state(&folder), "{scheme}");
    }
}

#[test]
fn unsound_schemes_are_refused() {
    let refused = |scheme: &str, what: &str| {
        let folder = Folder::with(&[("scene.ron", &scene(scheme))]);
        let ran = folder.run(&["optimize", "scene.ron"]).exits(2);
        assert!(ran.stderr.contains(what), "{ran}");
    };
    refused("horizon: (start: 4, step: 1)", "scheme.horizon.start");
    refused("quality: [1, 0.5]", "scheme.quality");
    refused("starts: (count: 1)", "scheme.starts.count");
    // the loss of the scene as it was is read in the last frame alone
    let end = changed(
        &scene("horizon: (start: 2, step: 1)"),
        &[(", when: Every)", ")")],
    );
    let folder = Folder::with(&[("scene.ron", &end)]);
    let ran = folder.run(&["optimize", "scene.ron"]).exits(2);
    assert!(ran.stderr.contains("no loss is read"), "{ran}");
}

#[test]
fn schedule_can_be_refined_by_an_earlier_run() {
    let folder = Folder::with(&[("scene.ron", TINY)]);
    folder.run(&["optimize", "scene.ron"]).exits(0);
    let first = folder.only_run();
    let again = [
        "optimize",
        "scene.ron",
        "--refine",
        &first,
        "--runs",
        "again",
    ];
    folder.run(&again).exits(0);
    let run = format!("again/{}", folder.list("again")[0]);
    assert!(folder.text(format!("{run}/scene.ron")).contains("Refined("));
    let table = folder.text(format!("{run}/metrics.csv"));
    let rate = |line: &str| line.split(',').nth(4).unwrap().parse::<f64>().unwrap();
    let rates: Vec<f64> = table.lines().skip(1).map(rate).collect();
    assert!(rates[0] > 0.0 && rates[11] == 0.0, "{rates:?}");
    let ran = folder
        .run(&["optimize", "scene.ron", "--refine", "again"])
        .exits(2);
    assert!(ran.stderr.contains("metrics.csv"), "{ran}");
}
