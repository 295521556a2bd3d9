//! Scenes of the gallery, and small ones for what they do not show.

use std::path::PathBuf;

use crate::{
    command::{pictures, root, run, scene, viewer},
    picture::{Picture, blue, green, orange},
};

/// The first and a later picture of a scene of the gallery.
fn ends(name: &str, every: &str, frames: &str, more: &[&str]) -> [Picture; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = root().join("scenes").join(name);
    let mut arguments = vec!["--frames", frames, "--every", every];
    arguments.extend(more);
    let mut found = pictures(&path, folder.path(), &arguments);
    assert_eq!(found.len(), 2, "{name}");
    let last = found.pop().unwrap();
    [found.pop().unwrap(), last]
}

#[test]
fn the_thrown_blob_flies_from_left_to_right() {
    let [first, last] = ends("fluid/throw.ron", "15", "15", &[]);
    let (count, at) = first.find(blue);
    assert!(count > 150 && at[0] < 0.45, "{count} {at:?}");
    let (later, to) = last.find(blue);
    assert!(
        later > 150 && to[0] > at[0] + 0.05,
        "{later} {to:?} after {at:?}"
    );
    assert!(first.differs(&last, 24) > 0.01);
}

#[test]
fn the_dam_breaks_and_runs_out() {
    let [first, last] = ends("fluid/dam_break.ron", "12", "12", &["--quality", "0.5"]);
    let (before, after) = (first.find(blue), last.find(blue));
    assert!(before.0 > 400, "{before:?}");
    assert!(after.1[0] > before.1[0] + 0.02, "{before:?} {after:?}");
    assert!(after.1[1] > before.1[1], "{before:?} {after:?}");
}

#[test]
fn the_block_floats_on_the_pool_beside_the_paddle() {
    let [first, _] = ends("fluid/push.ron", "2", "2", &["--view", "front"]);
    let (pool, block) = (first.find(blue), first.find(orange));
    assert!(pool.0 > 1500 && block.0 > 60, "{pool:?} {block:?}");
    // Above the middle of the pool.
    assert!(block.1[1] < pool.1[1] - 0.03, "{pool:?} {block:?}");
}

#[test]
fn the_lump_lies_left_of_its_target() {
    let [first, last] = ends("solid/reach.ron", "2", "2", &["--view", "front"]);
    for picture in [&first, &last] {
        let (count, at) = picture.find(blue);
        assert!(count > 50 && at[0] < 0.5, "{count} {at:?}");
    }
}

#[test]
fn the_bar_of_unknown_stiffness_is_seen() {
    let [first, last] = ends("solid/identify.ron", "8", "8", &[]);
    assert!(first.find(blue).0 > 200, "{:?}", first.find(blue));
    assert!(first.differs(&last, 16) > 0.002);
}

/// Three balls of three materials fall on a torus made from a mesh.
const BALLS: &str = r#"(
    version: 1,
    name: "balls",
    domain: (size: (0.8, 0.4, 0.4), cell: 0.04),
    time: (frames: 10, frame: 0.02),
    materials: {
        "water": Liquid(density: 1000, bulk_modulus: 1e4),
        "jelly": NeoHookean(density: 1000, young: 1e4, poisson: 0.3),
        "sand": DruckerPrager(density: 1600, young: 2e4, poisson: 0.2, friction_angle: 0.6),
    },
    bodies: [
        (name: "a", material: "water", shape: Sphere(radius: 0.07), position: (0.15, 0.25, 0.2)),
        (name: "b", material: "jelly", shape: Sphere(radius: 0.07), position: (0.4, 0.25, 0.2)),
        (name: "c", material: "sand", shape: Sphere(radius: 0.07), position: (0.65, 0.25, 0.2)),
    ],
    colliders: [
        (name: "ring", shape: Torus(radius: 0.1, tube: 0.03), position: (0.4, 0.05, 0.2)),
        (name: "ball", shape: Sphere(radius: 0.06), position: (0.15, 0.03, 0.2)),
        (name: "pill", shape: Capsule(radius: 0.03, half_length: 0.04), position: (0.65, 0.04, 0.2), rotation: (0, 0, 1.57)),
    ],
)"#;

#[test]
fn every_body_has_a_colour_of_its_own_and_they_fall_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), BALLS);
    let view = ["--view", "front", "--frames", "8", "--every", "8"];
    let found = pictures(&path, &folder.path().join("out"), &view);
    for picture in &found {
        let places = [
            picture.find(blue),
            picture.find(orange),
            picture.find(green),
        ];
        assert!(places.iter().all(|(count, _)| *count > 120), "{places:?}");
        let [a, b, c] = places.map(|(_, at)| at[0]);
        assert!(a < b - 0.1 && b < c - 0.1, "{a} {b} {c}");
    }
    let height = |picture: &Picture| picture.find(blue).1[1];
    assert!(height(&found[1]) > height(&found[0]) + 0.05);
}

#[test]
fn colliders_are_seen_and_matter_casts_a_shadow() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), BALLS);
    let with = pictures(&path, &folder.path().join("with"), &["--frames", "0"]);
    let text = BALLS.split("    colliders").next().unwrap().to_owned() + ")";
    let path = scene(folder.path(), &text);
    let without = pictures(&path, &folder.path().join("without"), &["--frames", "0"]);
    let share = with[0].differs(&without[0], 6);
    assert!(share > 0.01 && share < 0.3, "{share}");
}

#[test]
fn light_and_dark_differ_in_the_background_and_not_in_the_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), BALLS);
    let dark = pictures(&path, &folder.path().join("dark"), &["--frames", "0"]);
    let light = pictures(
        &path,
        &folder.path().join("light"),
        &["--frames", "0", "--light"],
    );
    assert!(dark[0].rgb[0].iter().all(|&c| c < 60) && light[0].rgb[0].iter().all(|&c| c > 200));
    for hue in [blue, orange, green] {
        let [(before, a), (after, b)] = [dark[0].find(hue), light[0].find(hue)];
        assert!(before > 80 && after > 80, "{before} {after}");
        assert!((a[0] - b[0]).abs() < 0.03, "{a:?} {b:?}");
    }
}

#[test]
fn the_same_command_gives_the_same_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), BALLS);
    let [one, two] = ["one", "two"].map(|name| {
        pictures(
            &path,
            &folder.path().join(name),
            &["--frames", "4", "--turn", "30"],
        )
    });
    assert_eq!((one.len(), two.len()), (5, 5));
    for (index, (one, two)) in one.iter().zip(&two).enumerate() {
        assert!(one == two, "picture {index} differs");
    }
    assert!(one[0].differs(&one[4], 16) > 0.02);
}

#[test]
fn a_view_from_the_top_shows_what_is_behind() {
    let folder = tempfile::tempdir().unwrap();
    let text = BALLS
        .replace("position: (0.65, 0.25, 0.2)", "position: (0.15, 0.25, 0.1)")
        .replace("position: (0.15, 0.25, 0.2)", "position: (0.15, 0.25, 0.3)");
    let path = scene(folder.path(), &text);
    let found = pictures(
        &path,
        &folder.path().join("out"),
        &["--frames", "0", "--view", "top"],
    );
    let (front, back) = (found[0].find(blue), found[0].find(green));
    assert!(front.0 > 100 && back.0 > 100, "{front:?} {back:?}");
    assert!(back.1[1] < front.1[1] - 0.1, "{front:?} {back:?}");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let path = scene(folder.path(), &BALLS.replace("cell: 0.04", "cell: -1"));
    for (path, more, words) in [
        (path, vec![], "domain.cell"),
        (PathBuf::from("nowhere.ron"), vec![], "nowhere.ron"),
        (
            root().join("scenes/fluid/throw.ron"),
            vec!["--view", "moon"],
            "three quarters",
        ),
    ] {
        let output = run(&path, &out, &more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn without_a_driver_it_is_said_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), BALLS);
    let output = viewer(&path, &folder.path().join("out"), &["--frames", "0"])
        .env("VK_DRIVER_FILES", folder.path().join("none"))
        .env("VK_ICD_FILENAMES", folder.path().join("none"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("mesa-vulkan-drivers"), "{said}");
}
