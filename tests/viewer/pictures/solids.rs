//! Rigid bodies, tools with joints and nozzles: seen where they are, turned as they are.

use crate::{
    command::{pictures, root, scene},
    picture::{Picture, amber, blue, vermilion, violet},
};

/// The first and the last picture from the front.
fn ends(path: &std::path::Path, frames: &str) -> [Picture; 2] {
    let out = tempfile::tempdir().unwrap();
    let more = ["--view", "front", "--frames", frames, "--every", frames];
    let mut found = pictures(path, out.path(), &more);
    assert_eq!(found.len(), 2, "{}", path.display());
    let last = found.pop().unwrap();
    [found.pop().unwrap(), last]
}

#[test]
fn the_rigid_cube_floats_half_in_the_pool() {
    let [_, last] = ends(&root().join("scenes/rigid/float.ron"), "20");
    let (pool, cube) = (last.find(blue), last.find(vermilion));
    assert!(pool.0 > 1500 && cube.0 > 150, "{pool:?} {cube:?}");
    assert!((cube.1[0] - pool.1[0]).abs() < 0.02, "{pool:?} {cube:?}");
    assert!(cube.1[1] < pool.1[1] - 0.02, "{pool:?} {cube:?}");
}

#[test]
fn the_flap_turns_under_the_water_that_falls_on_it() {
    let [first, last] = ends(&root().join("scenes/rigid/paddle_wheel.ron"), "12");
    let slope = |picture: &Picture| {
        let [left, right] = [false, true].map(|right| picture.half(right).find(vermilion));
        assert!(left.0 > 60 && right.0 > 60, "{left:?} {right:?}");
        right.1[1] - left.1[1]
    };
    let (before, after) = (slope(&first), slope(&last));
    assert!(
        before.abs() < 0.02 && after > before + 0.05,
        "{before} {after}"
    );
}

#[test]
fn the_paddle_pushes_the_rigid_box_to_the_right() {
    let path = root().join("scenes/rigid/push_box.ron");
    let [first, last] = ends(&path, "30");
    let (before, after) = (first.find(vermilion), last.find(vermilion));
    assert!(before.0 > 100 && after.0 > 100, "{before:?} {after:?}");
    assert!(after.1[0] > before.1[0] + 0.03, "{before:?} {after:?}");
    let (from, to) = (first.find(amber), last.find(amber));
    assert!(from.0 > 100 && to.1[0] > from.1[0] + 0.1, "{from:?} {to:?}");
    // The tool stays behind what it pushes.
    assert!(to.1[0] < after.1[0], "{to:?} {after:?}");
}

/// An arm whose hinge turns by a right angle in twenty frames, and a ball on a slider of its own.
const JOINTS: &str = r#"(
    version: 1,
    name: "joints",
    domain: (size: (0.8, 0.48, 0.16), cell: 0.04),
    gravity: (0, 0, 0),
    time: (frames: 20, frame: 0.02),
    materials: {"jelly": NeoHookean(density: 1000, young: 1e4, poisson: 0.3)},
    bodies: [(name: "crumb", material: "jelly", shape: Sphere(radius: 0.03), position: (0.06, 0.06, 0.08))],
    colliders: [
        (name: "forearm", shape: Box(half: (0.08, 0.015, 0.02)), position: (0.08, 0, 0), on: Part("arm", "elbow")),
        (name: "ball", shape: Sphere(radius: 0.04), on: Part("lift", "rail")),
    ],
    tools: [
        (
            name: "arm", position: (0.2, 0.24, 0.08),
            joints: [(name: "elbow", kind: Hinge, axis: (0, 0, 1))],
            motion: Constant(joints: [3.92699]),
        ),
        (
            name: "lift", position: (0.64, 0.12, 0.08),
            joints: [(name: "rail", kind: Slider, axis: (0, 1, 0))],
            motion: Constant(joints: [0.5]),
        ),
    ],
)"#;

#[test]
fn parts_on_joints_of_several_tools_are_where_their_joints_put_them() {
    let folder = tempfile::tempdir().unwrap();
    let [first, last] = ends(&scene(folder.path(), JOINTS), "20");
    let arm = |picture: &Picture| picture.half(false).find(amber);
    let (flat, upright) = (arm(&first), arm(&last));
    assert!(flat.0 > 100 && upright.0 > 100, "{flat:?} {upright:?}");
    // The middle of the forearm has gone from right of the hinge to above it.
    assert!(upright.1[0] < flat.1[0] - 0.1, "{flat:?} {upright:?}");
    assert!(upright.1[1] < flat.1[1] - 0.1, "{flat:?} {upright:?}");
    let ball = |picture: &Picture| picture.half(true).find(amber);
    let (low, high) = (ball(&first), ball(&last));
    assert!(low.0 > 60 && high.1[1] < low.1[1] - 0.2, "{low:?} {high:?}");
    assert!((high.1[0] - low.1[0]).abs() < 0.02, "{low:?} {high:?}");
}

const TAP: &str = r#"(
    version: 1,
    name: "tap",
    domain: (size: (0.4, 0.4, 0.4), cell: 0.04),
    time: (frames: 10, frame: 0.02),
    materials: {"water": Liquid(density: 1000, bulk_modulus: 1e4)},
    bodies: [],
    injectors: [(
        name: "stream", material: "water", position: (0.2, 0.34, 0.2),
        nozzle: Disc(radius: 0.05), velocity: (0, -1, 0), flux: 0.006,
    )],
)"#;

#[test]
fn water_comes_out_of_the_nozzle() {
    let folder = tempfile::tempdir().unwrap();
    let [first, last] = ends(&scene(folder.path(), TAP), "10");
    let (nozzle, none) = (first.find(violet), first.find(blue));
    // The axis z is blue, too.
    assert!(nozzle.0 > 20 && none.0 < 60, "{nozzle:?} {none:?}");
    let stream = last.find(blue);
    assert!(stream.0 > none.0 + 200, "{stream:?}");
    assert!(
        (stream.1[0] - nozzle.1[0]).abs() < 0.08,
        "{stream:?} {nozzle:?}"
    );
    assert!(stream.1[1] > nozzle.1[1] + 0.05, "{stream:?} {nozzle:?}");
}
