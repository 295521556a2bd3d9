//! `backflow simulate`.

use backflow_sim::io::Npz;
use serde_json::{Value, json};

use crate::{
    harness::{Folder, changed},
    scene::DROP,
};

/// Runs a scene in a new folder; returns it with the run folder.
fn simulated(arguments: &[&str]) -> (Folder, String) {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    let all = [&["simulate", "drop.ron"][..], arguments].concat();
    folder.run(&all).exits(0);
    let run = folder.only_run();
    (folder, run)
}

/// Names and contents of the frames of a run.
fn frames(folder: &Folder, run: &str) -> Vec<(String, Vec<u8>)> {
    let names = folder.list(format!("{run}/frames"));
    let read = |name: String| {
        let content = folder.read(format!("{run}/frames/{name}"));
        (name, content)
    };
    names.into_iter().map(read).collect()
}

/// Positions of the block at the end of a frame.
fn block(folder: &Folder, run: &str, frame: usize) -> Vec<f64> {
    let path = folder.path(format!("{run}/frames/{frame:04}.npz"));
    let shape = [None, Some(3)];
    Npz::open(&path).unwrap().f64("block.x", &shape).unwrap().1
}

#[test]
fn a_run_folder_is_complete_and_its_report_is_what_is_printed() {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    let report = folder
        .run(&["simulate", "drop.ron", "--json"])
        .exits(0)
        .object();
    let run = folder.only_run();
    assert_eq!(report["run"], json!(run));
    assert!(run.starts_with("runs/drop-2"), "{run}");
    let files = [
        "checkpoint.npz",
        "frames",
        "last.png",
        "report.json",
        "run.ron",
        "scene.ron",
    ];
    assert_eq!(folder.list(&run), files);
    let frames = ["0000.npz", "0001.npz", "0002.npz", "0003.npz"];
    assert_eq!(folder.list(format!("{run}/frames")), frames);
    let saved: Value = serde_json::from_slice(&folder.read(format!("{run}/report.json"))).unwrap();
    assert_eq!(saved, report);
    assert_eq!(report["command"], json!("simulate"));
    assert_eq!(report["scene"], json!("drop"));
    assert_eq!(report["particles"], json!(768));
    assert_eq!(report["frames"], json!(4));
    assert!(report["loss"].as_f64().unwrap() > 0.0);
    let share = report["metrics"]["in the left half"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&share));
    // The saved scene is a scene, and the same one.
    folder.run(&["check", &format!("{run}/scene.ron")]).exits(0);
    let picture = folder.read(format!("{run}/last.png"));
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let first = pixels[..3].to_vec();
    assert!(
        pixels.chunks_exact(3).any(|pixel| *pixel != first),
        "the picture shows something"
    );
}

#[test]
fn a_frame_holds_time_bodies_tool_and_forces() {
    let (folder, run) = simulated(&["--precision", "f64"]);
    for frame in 0..4 {
        let path = folder.path(format!("{run}/frames/{frame:04}.npz"));
        let mut file = Npz::open(&path).unwrap();
        let names = [
            "arm.joints",
            "arm.position",
            "arm.rotation",
            "block.v",
            "block.x",
            "colliders.ball.force",
            "colliders.ball.torque",
            "pool.v",
            "pool.x",
            "time",
            "tools.arm.force",
            "tools.arm.torque",
        ];
        let of_wall = |name: &String| name.starts_with("walls.");
        let (walls, rest): (Vec<_>, Vec<_>) = file.names().into_iter().partition(of_wall);
        assert_eq!((walls.len(), rest), (12, names.map(str::to_owned).to_vec()));
        let time = 0.02 * f64::from(frame + 1);
        let found = file.f64("time", &[]).unwrap().1[0];
        assert!((found - time).abs() < 1e-12, "{found} {time}");
        let position = file.f64("arm.position", &[Some(1), Some(3)]).unwrap().1;
        assert!((position[1] - (0.5 - 2.0 * time)).abs() < 1e-12);
        let x = file.f64("block.x", &[Some(512), Some(3)]).unwrap().1;
        assert!(x.iter().all(|x| x.is_finite()));
    }
}

#[test]
fn frames_have_the_same_bytes_on_one_and_on_two_threads() {
    let (folder, run) = simulated(&["--threads", "1"]);
    let (other, other_run) = simulated(&["--threads", "2"]);
    assert!(frames(&folder, &run) == frames(&other, &other_run));
}

#[test]
fn frames_of_a_resumed_run_have_the_bytes_of_one_that_never_stopped() {
    for precision in ["f32", "f64"] {
        let (whole, whole_run) = simulated(&["--precision", precision]);
        let expected = frames(&whole, &whole_run);
        let (folder, run) = simulated(&["--precision", precision, "--frames", "2"]);
        assert!(frames(&folder, &run) == expected[..2]);
        folder.run(&["simulate", "--resume", &run]).exits(0);
        assert!(frames(&folder, &run) == expected);
    }
}

#[test]
fn report_of_a_resumed_run_is_that_of_one_that_never_stopped() {
    let scene = changed(
        DROP,
        &[("(0.4, 0.3, 0.2))),", "(0.4, 0.3, 0.2)), when: Every),")],
    );
    let report = |folder: &Folder, arguments: &[&str]| {
        let all = [&["simulate", "--json"][..], arguments].concat();
        let report = folder.run(&all).exits(0).object();
        ["loss", "metrics", "frames"].map(|key| report[key].clone())
    };
    let folder = Folder::with(&[("scene.ron", &scene)]);
    let expected = report(&folder, &["scene.ron"]);
    let folder = Folder::with(&[("scene.ron", &scene)]);
    let half = report(&folder, &["scene.ron", "--frames", "2"]);
    assert_ne!(half[0], expected[0]);
    let run = folder.only_run();
    assert_eq!(report(&folder, &["--resume", &run]), expected);
    // And of one that had nothing left to do.
    assert_eq!(report(&folder, &["--resume", &run]), expected);
    // The loss needs the frames of before.
    folder.write(format!("{run}/frames/0001.npz"), "damaged");
    folder
        .run(&["simulate", "--resume", &run])
        .exits(2)
        .complains(&["0001.npz"]);
}

#[test]
fn precision_is_noted_and_changes_no_more_than_rounding() {
    let (single, single_run) = simulated(&["--precision", "f32"]);
    let (double, double_run) = simulated(&["--precision", "f64"]);
    assert!(single.text(format!("{single_run}/run.ron")).contains("f32"));
    assert!(double.text(format!("{double_run}/run.ron")).contains("f64"));
    let (single, double) = (
        block(&single, &single_run, 3),
        block(&double, &double_run, 3),
    );
    let differences = single.iter().zip(&double).map(|(a, b)| (a - b).abs());
    let largest = differences.fold(0.0, f64::max);
    // Some fifty substeps of seven digits, of positions below one metre.
    assert!(largest > 0.0 && largest < 1e-4, "{largest}");
    assert!(single.iter().all(|&x| f64::from(x as f32) == x));
}

#[test]
fn quality_is_that_of_the_saved_scene_and_of_its_resume() {
    let (folder, run) = simulated(&["--quality", "0.5", "--frames", "1"]);
    assert_eq!(block(&folder, &run, 0).len(), 3 * 512 / 8);
    folder.run(&["simulate", "--resume", &run]).exits(0);
    assert_eq!(block(&folder, &run, 3).len(), 3 * 512 / 8);
}

#[test]
fn runs_of_the_same_second_get_folders_of_their_own() {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    for _ in 0..3 {
        folder
            .run(&["simulate", "drop.ron", "--frames", "1", "--runs", "runs"])
            .exits(0);
    }
    assert_eq!(folder.list("runs").len(), 3);
}

#[test]
fn matter_that_leaves_is_held_and_counted() {
    // Walls let nothing through, whatever the speed.
    let fast = changed(
        DROP,
        &[("velocity: (-1, -1, 0)", "velocity: (-20, -30, 0)")],
    );
    let folder = Folder::with(&[("drop.ron", &fast)]);
    let report = folder
        .run(&["simulate", "drop.ron", "--json"])
        .exits(0)
        .object();
    assert!(report["held"].is_u64(), "{report}");
    let run = folder.only_run();
    for x in block(&folder, &run, 3).chunks_exact(3) {
        let size = [0.8, 0.8, 0.4];
        assert!((0..3).all(|axis| (0.0..=size[axis]).contains(&x[axis])));
    }
}
