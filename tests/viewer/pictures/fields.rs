//! Colours of fields.

use crate::{
    command::{pictures, scene},
    picture::yellow,
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
fn violet([r, g, b]: [u8; 3]) -> bool {
    i32::from(b) - i32::from(g) > 25 && i32::from(r) - i32::from(g) > 15
}

#[test]
fn speed_is_yellow_where_it_is_fast_and_violet_where_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), TWO);
    let more = ["--view", "front", "--colour", "speed", "--frames", "2"];
    for picture in pictures(&path, &folder.path().join("out"), &more) {
        let (fast, slow) = (picture.find(yellow), picture.find(violet));
        assert!(fast.0 > 200 && slow.0 > 200, "{fast:?} {slow:?}");
        assert!(fast.1[0] > slow.1[0] + 0.2, "{fast:?} {slow:?}");
    }
}

/// A pool at rest.
const POOL: &str = r#"(
    version: 1,
    name: "pool",
    domain: (size: (0.4, 0.4, 0.16), cell: 0.04, walls: (default: Slip)),
    time: (frames: 20, frame: 0.02),
    materials: {"water": Liquid(density: 1000, bulk_modulus: 1e4, viscosity: 2)},
    bodies: [(name: "pool", material: "water", shape: Box(half: (0.2, 0.14, 0.08)), position: (0.2, 0.14, 0.08))],
)"#;

#[test]
fn pressure_and_strain_are_greatest_at_the_bottom_of_a_pool() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), POOL);
    for field in ["pressure", "strain"] {
        let more = [
            "--view", "front", "--colour", field, "--frames", "16", "--every", "16",
        ];
        let found = pictures(&path, &folder.path().join(field), &more);
        let last = found.last().unwrap();
        let light = |[r, g, b]: [u8; 3]| g > 95 && i32::from(g) - i32::from(b) > 20 && g > r;
        let (bottom, top) = (last.find(light), last.find(violet));
        assert!(bottom.0 > 100 && top.0 > 100, "{field}: {bottom:?} {top:?}");
        assert!(bottom.1[1] > top.1[1] + 0.08, "{field}: {bottom:?} {top:?}");
    }
}
