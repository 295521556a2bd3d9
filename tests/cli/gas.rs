//! Gas through the commands.

use crate::harness::Folder;

/// A draught around a ball that carries smoke.
const DRAUGHT: &str = r#"(
    version: 1,
    name: "draught",
    domain: (size: (0.8, 0.4, 0.4), cell: 0.1),
    time: (frames: 4, frame: 0.05),
    gas: (
        scalars: {"smoke": (lift: -0.05)},
        sides: (default: Slip, x_min: Inflow(velocity: (0.5, 0, 0), scalars: {"smoke": 1}), x_max: Outflow),
        obstacles: [(name: "ball", shape: Sphere(radius: 0.11), position: (0.4, 0.2, 0.2))],
        losses: [(term: Scalar(scalar: "smoke", target: 0.5))],
    ),
    optimize: (
        variables: [Gas(Side(side: "x_min"))],
        settings: (iterations: 3, update: Adam(rate: 0.1)),
    ),
)"#;

#[test]
fn a_run_that_is_resumed_has_the_bytes_of_a_whole_one() {
    let folder = Folder::with(&[("draught.ron", DRAUGHT)]);
    folder
        .run(&["simulate", "draught.ron", "--runs", "whole", "--json"])
        .exits(0);
    let cut = [
        "simulate",
        "draught.ron",
        "--runs",
        "cut",
        "--frames",
        "2",
        "--json",
    ];
    let run = folder.run(&cut).exits(0).object()["run"]
        .as_str()
        .unwrap()
        .to_owned();
    folder
        .run(&["simulate", "--resume", &run, "--json"])
        .exits(0);
    let whole = format!("whole/{}", folder.list("whole")[0]);
    for file in ["frames/0003.npz", "checkpoint.npz", "last.png"] {
        let (a, b) = (
            folder.read(format!("{whole}/{file}")),
            folder.read(format!("{run}/{file}")),
        );
        assert!(a == b, "{file}");
    }
}

#[test]
fn frames_leave_as_image_data_arrays_and_pictures() {
    let folder = Folder::with(&[("draught.ron", DRAUGHT)]);
    folder.run(&["check", "draught.ron"]).exits(0);
    folder
        .run(&["simulate", "draught.ron", "--frames", "2"])
        .exits(0);
    let run = folder.only_run();
    for (format, files) in [
        ("vtk", &["gas-0000.vti", "gas-0001.vti", "gas.pvd"][..]),
        ("npz", &["gas.npz"]),
        ("png", &["0000.png", "0001.png"]),
    ] {
        folder
            .run(&["export", &run, "--format", format, "--out", format])
            .exits(0);
        assert_eq!(folder.list(format), files);
    }
    let ran = folder.run(&["export", &run, "--format", "ply"]).exits(2);
    assert!(
        ran.stderr.contains("expected vtk, npz or png for gas"),
        "{}",
        ran.stderr
    );
}

#[test]
fn gas_is_optimised() {
    let folder = Folder::with(&[("draught.ron", DRAUGHT)]);
    let report = folder
        .run(&["optimize", "draught.ron", "--json"])
        .exits(0)
        .object();
    let (first, best) = (report["first_loss"].as_f64(), report["best_loss"].as_f64());
    assert!(best < first, "{report}");
}

#[test]
fn faults_of_gas_are_told_all_at_once() {
    let text = DRAUGHT
        .replace("Side(side: \"x_min\")", "Side(side: \"x_max\")")
        .replace("\"smoke\": 1}", "\"dust\": 1}")
        .replace("position: (0.4, 0.2, 0.2)", "position: (0.4, 0.2, 1e99)");
    let folder = Folder::with(&[("draught.ron", &text)]);
    let said = folder.run(&["check", "draught.ron"]).exits(2).stderr;
    for part in [
        "one of the scalars [\"smoke\"]",
        "gas.obstacles[0].position",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for (from, to, fault) in [
        (
            "radius: 0.11",
            "radius: 2",
            "obstacles that leave some of the domain to the gas",
        ),
        (
            "x_max: Outflow",
            "x_max: Slip",
            "an Outflow where what comes in can go out",
        ),
        (
            "lift: -0.05",
            "diffusivity: -1",
            "gas.scalars.smoke.diffusivity = -1",
        ),
        ("obstacles:", "tolerance: 1e-20, obstacles:", "from 1e-14"),
        (
            "obstacles:",
            "sources: [(name: \"dot\", shape: Sphere(radius: 1e-9), width: 1e-9, position: (0.1, 0.1, 0.1))], obstacles:",
            "a region that covers the centre of a cell",
        ),
        (
            "Side(side: \"x_min\")",
            "Side(side: \"x_max\")",
            "a side with inflow",
        ),
    ] {
        let folder = Folder::with(&[("draught.ron", &DRAUGHT.replace(from, to))]);
        let said = folder.run(&["check", "draught.ron"]).exits(2).stderr;
        assert!(said.contains(fault), "{fault}: {said}");
    }
}

#[test]
fn a_search_direction_that_was_trained_is_read_again() {
    let folder = Folder::with(&[]);
    let train = [
        "train-pressure",
        "--cells",
        "8",
        "--filters",
        "2",
        "--iterations",
        "3",
        "--compare",
        "2",
        "--out",
        "pressure.npz",
        "--json",
    ];
    let trained = folder.run(&train).exits(0).object();
    let again = [
        "train-pressure",
        "--cells",
        "8",
        "--compare",
        "2",
        "--from",
        "pressure.npz",
        "--json",
    ];
    let read = folder.run(&again).exits(0).object();
    let iterations = |object: &serde_json::Value| -> Vec<f64> {
        let solvers = object["solvers"].as_array().unwrap();
        solvers
            .iter()
            .map(|solver| solver["iterations"].as_f64().unwrap())
            .collect()
    };
    assert_eq!(iterations(&trained), iterations(&read));
    assert!(iterations(&read).iter().all(|count| *count > 0.0));
    let wrong = ["train-pressure", "--cells", "2", "--out", "pressure.npz"];
    folder.run(&wrong).exits(2).complains(&["--cells"]);
}

#[test]
fn networks_of_smoke_that_were_trained_are_read_again() {
    let folder = Folder::with(&[]);
    let small = ["--cells", "8", "--json"];
    let train = [
        "train-smoke",
        "--filters",
        "2",
        "--iterations",
        "2",
        "--batch",
        "2",
        "--runs",
        "1",
        "--out",
        "smoke.npz",
    ];
    let errors = |object: &serde_json::Value| -> Vec<f64> {
        let networks = object["networks"].as_array().unwrap();
        networks
            .iter()
            .map(|network| network["relative_error"].as_f64().unwrap())
            .collect()
    };
    let trained = errors(&folder.run(&[&train[..], &small].concat()).exits(0).object());
    let again = ["train-smoke", "--from", "smoke.npz"];
    let read = errors(&folder.run(&[&again[..], &small].concat()).exits(0).object());
    // The whole box, and its parts, which are what was saved.
    assert_eq!(trained.len(), 2);
    assert_eq!(read, trained[1..]);
    assert!(read[0] > 0.0, "{read:?}");
    folder
        .run(&["train-smoke", "--cells", "7", "--out", "smoke.npz"])
        .exits(2)
        .complains(&["--cells"]);
}
