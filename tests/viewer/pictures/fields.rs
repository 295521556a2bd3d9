//! Colours of fields.

use crate::{
    command::{pictures, scene},
    picture::{violet, yellow},
};

/// A ball that moves to the right, and one that rests.
const TWO: &str = r#"(
    version: 1,
    name: "two",
    domain: (size: (0.8, 0.4, 0.4), cell: 0.04),
    gravity: (0, 0, 0),
    time: (frames: 4, frame: 0.01),
    materials: {"jelly": NeoHookean(density: 1000, young: 1e4, poisson: 0.3)},
    bodies: [
        (name: "rests", material: "jelly", shape: Sphere(radius: 0.08), position: (0.2, 0.2, 0.2)),
        (name: "moves", material: "jelly", shape: Sphere(radius: 0.08), position: (0.55, 0.2, 0.2), velocity: (1, 0, 0)),
    ],
)"#;

/// The dark end of the colour map.
fn dark(pixel: [u8; 3]) -> bool {
    violet(pixel) && i32::from(pixel[0]) - i32::from(pixel[1]) > 15
}

#[test]
fn speed_is_yellow_where_it_is_fast_and_violet_where_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), TWO);
    let more = ["--view", "front", "--colour", "speed", "--frames", "2"];
    for picture in pictures(&path, &folder.path().join("out"), &more) {
        let (fast, slow) = (picture.find(yellow), picture.find(dark));
        assert!(fast.0 > 200 && slow.0 > 200, "{fast:?} {slow:?}");
        assert!(fast.1[0] > slow.1[0] + 0.2, "{fast:?} {slow:?}");
    }
}
