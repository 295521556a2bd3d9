//! Gas: seen as smoke where it is, thick where there is much of it, behind and before matter.

use std::path::{Path, PathBuf};

use backflow::{
    sim::gas::Rollout,
    task::{
        Task,
        gas::{GasRows, time_of},
    },
};

use crate::{
    command::{pictures, root, run_folder, scene},
    picture::{Picture, yellow},
};

/// Smoke that rises from a hot spot in the middle of the floor.
const PLUME: &str = r#"(
    version: 1,
    name: "plume",
    domain: (size: (0.8, 0.8, 0.8), cell: 0.08),
    time: (frames: 16, frame: 0.05),
    gas: (
        scalars: {"smoke": (), "heat": (lift: 0.0033)},
        sides: (default: Wall(), y_max: Outflow),
        sources: [(name: "spot", shape: Sphere(radius: 0.12), position: (0.4, 0.1, 0.4), rates: {"heat": 150, "smoke": 2})],
    ),
)"#;

/// The pictures of frames 0, 8 and 16.
fn rising(more: &[&str]) -> Vec<Picture> {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), PLUME);
    let mut arguments = vec!["--view", "front", "--every", "8"];
    arguments.extend(more);
    let found = pictures(&path, &folder.path().join("out"), &arguments);
    assert_eq!(found.len(), 3);
    found
}

#[test]
fn smoke_rises_in_the_middle() {
    let found = rising(&[]);
    let places = [1, 2].map(|at| found[at].lighter(&found[0], 20));
    for (count, at) in places {
        assert!(count > 200 && (at[0] - 0.5).abs() < 0.05, "{places:?}");
    }
    assert!(places[1].1[1] < places[0].1[1] - 0.04, "{places:?}");
    // Little of it, at the sides none.
    let corner = |picture: &Picture| picture.rgb[100 * 320 + 60];
    assert_eq!(corner(&found[2]), corner(&found[0]));
}

#[test]
fn smoke_has_the_colours_of_what_it_is_told_to_show() {
    // Where it is warm it is green or yellow, seen through what is before it.
    let warm = |[_, g, b]: [u8; 3]| i32::from(g) - i32::from(b) > 25;
    let hot = rising(&["--smoke-colour", "heat"]);
    let (count, at) = hot[2].find(warm);
    assert!(count > 60 && (at[0] - 0.5).abs() < 0.05, "{count} {at:?}");
    let plain = rising(&[]);
    let (other, _) = plain[2].find(warm);
    assert!(other < count / 4, "{other} of {count}");
}

/// A run folder of a scene of gas, as `backflow simulate` writes it.
fn recorded(folder: &Path, path: &Path) -> PathBuf {
    let task = Task::load(path, 1.0).unwrap();
    let gas = task.scene.gas.as_ref().unwrap();
    let run = run_folder(folder, &task);
    let (model, mut state) = (gas.model.cast::<f32>(), gas.initial.cast::<f32>());
    let mut rollout = Rollout::new(&model, &gas.course, gas.clock);
    for frame in 0..6 {
        rollout.advance(&mut state, frame).unwrap();
        let rows = GasRows::of(&model, &state, &rollout.workspace().openings().open);
        rows.write(&run.frame(frame), gas, time_of(gas, frame))
            .unwrap();
    }
    run.path().to_owned()
}

#[test]
fn a_run_folder_of_gas_plays_as_the_scene_did() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), PLUME);
    let more = ["--frames", "6", "--smoke-colour", "speed"];
    let live = pictures(&path, &folder.path().join("live"), &more);
    let run = recorded(folder.path(), &path);
    let played = pictures(
        &run,
        &folder.path().join("played"),
        &["--smoke-colour", "speed"],
    );
    // A run is saved from the end of its first frame on.
    assert_eq!((live.len(), played.len()), (7, 6));
    for (live, played) in live[1..].iter().zip(&played) {
        let share = live.differs(played, 8);
        assert!(share < 0.001, "{share}");
    }
    assert!(played[5].differs(&live[0], 16) > 0.005);
}

#[test]
fn eddies_leave_the_cylinder_of_the_karman_street() {
    let folder = tempfile::tempdir().unwrap();
    let path = root().join("scenes/gas/karman.ron");
    let more = ["--view", "front", "--frames", "24", "--every", "24"];
    let found = pictures(&path, folder.path(), &more);
    let (first, last) = (&found[0], &found[1]);
    // The dye is carried to the right of where it comes from.
    let (count, at) = last.find(yellow);
    assert!(count > 100 && at[0] < 0.5, "{count} {at:?}");
    assert!(
        last.differs(first, 16) > 0.02,
        "{}",
        last.differs(first, 16)
    );
}

#[test]
fn every_scene_of_gas_plays() {
    let mut names: Vec<_> = std::fs::read_dir(root().join("scenes/gas"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert!(names.len() >= 5);
    for path in names {
        let folder = tempfile::tempdir().unwrap();
        let more = ["--frames", "6", "--every", "6", "--quality", "0.5"];
        let found = pictures(&path, folder.path(), &more);
        assert_eq!(found.len(), 2, "{}", path.display());
        let share = found[0].differs(&found[1], 8);
        assert!(share > 0.002, "{}: {share}", path.display());
    }
}
