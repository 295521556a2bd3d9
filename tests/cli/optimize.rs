//! `backflow optimize`.

use serde_json::{Value, json};

use crate::{
    harness::{Folder, changed, least_budget},
    scene::{DROP, FLIGHT},
};

/// Optimises a scene in a new folder; returns it with the run folder.
fn optimized(scene: &str, arguments: &[&str]) -> (Folder, String) {
    let folder = Folder::with(&[("scene.ron", scene)]);
    let all = [&["optimize", "scene.ron"][..], arguments].concat();
    folder.run(&all).exits(0);
    let run = folder.only_run();
    (folder, run)
}

/// What an optimisation leaves that its bits show in.
pub fn marks(folder: &Folder, run: &str) -> [String; 3] {
    ["state.ron", "best.ron", "metrics.csv"].map(|name| folder.text(format!("{run}/{name}")))
}

#[test]
fn a_quadratic_loss_falls_to_nothing_in_a_few_iterations() {
    let folder = Folder::with(&[("flight.ron", FLIGHT)]);
    let report = folder
        .run(&["optimize", "flight.ron", "--json"])
        .exits(0)
        .object();
    let (first, best) = (&report["first_loss"], &report["best_loss"]);
    let (first, best) = (first.as_f64().unwrap(), best.as_f64().unwrap());
    // Single precision knows the distance to about 1e-7 m.
    assert!(best < 1e-6 * first, "{report}");
    let run = folder.only_run();
    let saved: Value = serde_json::from_slice(&folder.read(format!("{run}/report.json"))).unwrap();
    assert_eq!(saved, report);
    assert_eq!(report["run"], json!(run));
    assert_eq!(report["command"], json!("optimize"));
    assert_eq!(report["variables"], json!(2));
    // Free flight: the mark is as far as the velocity of 0.1 s and the fall bring it.
    let velocity = &report["best"]["block.velocity"];
    let x = velocity[0].as_f64().unwrap();
    assert!((x - 1.0).abs() < 1e-2, "{velocity}");
    let files = [
        "best.png",
        "best.ron",
        "checkpoint.npz",
        "first.png",
        "frames",
        "metrics.csv",
        "report.json",
        "run.ron",
        "scene.ron",
        "state.ron",
    ];
    assert_eq!(folder.list(&run), files);
    assert_eq!(folder.list(format!("{run}/frames")).len(), 5);
}

#[test]
fn metrics_have_a_line_an_iteration_and_the_best_never_rises() {
    let (folder, run) = optimized(DROP, &[]);
    let table = folder.text(format!("{run}/metrics.csv"));
    let mut lines = table.lines();
    assert_eq!(
        lines.next().unwrap(),
        "iteration,loss,best,gradient_norm,rate,event,in the left half"
    );
    let mut least = f64::INFINITY;
    let mut count = 0;
    for (index, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), 7, "{line}");
        assert_eq!(cells[0], index.to_string());
        let (loss, best): (f64, f64) = (cells[1].parse().unwrap(), cells[2].parse().unwrap());
        least = least.min(loss);
        assert_eq!(best, least, "{line}");
        count += 1;
    }
    assert_eq!(count, 6);
    let report: Value = serde_json::from_slice(&folder.read(format!("{run}/report.json"))).unwrap();
    assert_eq!(report["best_loss"].as_f64().unwrap(), least);
    assert_eq!(report["iterations"], json!(6));
    assert!(report["best_loss"].as_f64() < report["first_loss"].as_f64());
}

#[test]
fn the_best_replays_to_the_same_loss() {
    for precision in ["f32", "f64"] {
        let (folder, run) = optimized(DROP, &["--precision", precision]);
        let report: Value =
            serde_json::from_slice(&folder.read(format!("{run}/report.json"))).unwrap();
        let best = format!("{run}/best.ron");
        let replay = folder.run(&[
            "simulate",
            "scene.ron",
            "--controls",
            &best,
            "--json",
            "--precision",
            precision,
        ]);
        let replay = replay.exits(0).object();
        let (expected, found) = (&report["best_loss"], &replay["loss"]);
        assert_eq!(found.as_f64().unwrap(), expected.as_f64().unwrap());
        assert_eq!(replay["metrics"], report["best_metrics"]);
        // And to other than the start does.
        let start = folder.run(&["simulate", "scene.ron", "--json", "--precision", precision]);
        let start = start.exits(0).object();
        assert_eq!(start["loss"], report["first_loss"]);
        assert_ne!(start["loss"], replay["loss"]);
        // The recorded frames are those of the best.
        let other = replay["run"].as_str().unwrap();
        for frame in folder.list(format!("{run}/frames")) {
            let recorded = folder.read(format!("{run}/frames/{frame}"));
            assert!(recorded == folder.read(format!("{other}/frames/{frame}")));
        }
    }
}

#[test]
fn more_iterations_of_a_finished_run_go_on_to_the_bits_of_one_run() {
    let expected = {
        let (folder, run) = optimized(DROP, &["--iterations", "6"]);
        marks(&folder, &run)
    };
    let (folder, run) = optimized(DROP, &["--iterations", "3"]);
    assert_ne!(marks(&folder, &run), expected);
    folder
        .run(&["optimize", "--resume", &run, "--iterations", "6"])
        .exits(0);
    assert_eq!(marks(&folder, &run), expected);
    assert_eq!(folder.list("runs").len(), 1);
}

#[test]
fn optimisation_has_the_same_bits_for_any_memory_and_number_of_threads() {
    let few = ["--iterations", "3"];
    let (folder, run) = optimized(DROP, &few);
    let expected = marks(&folder, &run);
    let ran = folder.run(&["optimize", "scene.ron", "--memory", "1kB"]);
    let least = least_budget(&ran.exits(2));
    // One kept state, and a few.
    for memory in [least, least + least / 2].map(|bytes| bytes.to_string()) {
        let (folder, run) = optimized(DROP, &[&few[..], &["--memory", &memory]].concat());
        assert_eq!(marks(&folder, &run), expected, "{memory} bytes");
    }
    for threads in ["1", "3"] {
        let (folder, run) = optimized(DROP, &[&few[..], &["--threads", threads]].concat());
        assert_eq!(marks(&folder, &run), expected, "{threads} threads");
    }
}

#[test]
fn the_number_of_iterations_that_was_asked_for_holds_for_a_resume() {
    let (folder, run) = optimized(DROP, &["--iterations", "2"]);
    let before = marks(&folder, &run);
    folder.run(&["optimize", "--resume", &run]).exits(0);
    assert_eq!(marks(&folder, &run), before);
}

#[test]
fn quality_is_that_of_the_resume_as_well() {
    let (folder, run) = optimized(DROP, &["--quality", "0.5", "--iterations", "2"]);
    let report = folder
        .run(&["optimize", "--resume", &run, "--iterations", "3", "--json"])
        .exits(0)
        .object();
    assert_eq!(report["particles"], json!(768 / 8));
    assert_eq!(report["iterations"], json!(3));
}

#[test]
fn scenes_without_anything_to_optimize_exit_with_2() {
    let text = changed(FLIGHT, &[("optimize: (", "metrics: [], nothing: (")]);
    let end = text.find("metrics: [], nothing").unwrap();
    let folder = Folder::with(&[("scene.ron", &(text[..end].to_owned() + ")"))]);
    folder.run(&["check", "scene.ron"]).exits(0);
    folder.run(&["optimize", "scene.ron"]).exits(2).complains(&[
        "scene.ron",
        "optimize",
        "expected",
    ]);
    assert!(folder.list("runs").is_empty());
}

#[test]
fn a_run_of_another_command_is_not_resumed() {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    folder
        .run(&["simulate", "drop.ron", "--frames", "1"])
        .exits(0);
    let run = folder.only_run();
    folder
        .run(&["optimize", "--resume", &run])
        .exits(2)
        .complains(&[&run, "simulate", "optimize"]);
}
