//! Recorded runs are played back, and animations leave.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use backflow::{
    sim::rollout::{State, forward::Rollout},
    task::{
        Task,
        frames::{bodies, time_of, write_frame},
    },
};

use crate::{
    command::{pictures, run, run_folder, scene},
    picture::blue,
};

const DROP: &str = r#"(
    version: 1,
    name: "drop",
    domain: (size: (0.4, 0.4, 0.4), cell: 0.04),
    time: (frames: 6, frame: 0.02),
    materials: {"water": Liquid(density: 1000, bulk_modulus: 1e4)},
    bodies: [(name: "drop", material: "water", shape: Sphere(radius: 0.08), position: (0.2, 0.25, 0.2))],
)"#;

/// A run folder of a scene, as `backflow simulate` writes it.
fn recorded(folder: &Path, path: &Path) -> PathBuf {
    let task = Task::load(path, 1.0).unwrap();
    let run = run_folder(folder, &task);
    let world = task.scene.world.cast::<f32>();
    let mut state = State::new(&world, task.scene.particles.cast());
    let mut rollout = Rollout::new(&world, &[]);
    for step in 0..rollout.steps() {
        rollout.advance(&mut state, step).unwrap();
        if let Some(frame) = rollout.frame_ended(step) {
            let rows = bodies(&task.scene, &world, &state, frame);
            let time = time_of(&task.scene, frame);
            write_frame(
                &run.frame(frame),
                time,
                &rows,
                &[],
                &[],
                &task.scene.world,
                &state.rigids,
                &[],
            )
            .unwrap();
        }
    }
    run.path().to_owned()
}

#[test]
fn a_run_folder_plays_as_the_scene_did() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), DROP);
    let live = pictures(&path, &folder.path().join("live"), &[]);
    let run = recorded(folder.path(), &path);
    let played = pictures(&run, &folder.path().join("played"), &[]);
    // A run is saved from the end of its first frame on.
    assert_eq!((live.len(), played.len()), (7, 6));
    for (live, played) in live[1..].iter().zip(&played) {
        let share = live.differs(played, 8);
        assert!(share < 0.001, "{share}");
    }
    let (count, _) = played[0].find(blue);
    assert!(count > 200, "{count}");
}

#[test]
fn an_animation_is_written_and_a_video_or_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), DROP);
    let out = folder.path().join("out");
    let output = run(&path, &out, &["--gif", "--mp4"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let gif = std::fs::read(out.join("animation.gif")).unwrap();
    assert!(gif.starts_with(b"GIF89a") && gif.len() > 5000);
    if Command::new("ffmpeg").arg("-version").output().is_ok() {
        assert!(output.status.success(), "{said}");
        assert!(out.join("video.mp4").metadata().unwrap().len() > 1000);
    } else {
        assert!(
            !output.status.success() && said.contains("ffmpeg"),
            "{said}"
        );
    }
    let output = Command::new(env!("CARGO_BIN_EXE_backflow-viewer"))
        .args([
            "--headless",
            "--frames",
            "1",
            "--size",
            "64x64",
            "--mp4",
            "--out",
        ])
        .arg(folder.path().join("without"))
        .arg(&path)
        .env("PATH", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("ffmpeg"),
        "{said}"
    );
}
