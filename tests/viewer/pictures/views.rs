//! Surfaces of liquids, places to look from, films that fly, and runs side by side.

use crate::{
    command::{pictures, run, scene},
    picture::{Picture, blue, orange, yellow},
};

/// A ball of water over a ball of jelly, with two places to look from.
const DROP: &str = r#"(
    version: 1,
    name: "drop",
    domain: (size: (0.4, 0.4, 0.4), cell: 0.04),
    time: (frames: 8, frame: 0.01),
    materials: {
        "water": Liquid(density: 1000, bulk_modulus: 1e4),
        "jelly": NeoHookean(density: 1000, young: 1e4, poisson: 0.3),
    },
    bodies: [
        (name: "drop", material: "water", shape: Sphere(radius: 0.1), position: (0.14, 0.26, 0.2)),
        (name: "jelly", material: "jelly", shape: Sphere(radius: 0.07), position: (0.3, 0.08, 0.2)),
    ],
    views: [
        (name: "near", target: (0.14, 0.26, 0.2), yaw: 0, pitch: 0, distance: 0.9),
        (name: "behind", target: (0.2, 0.2, 0.2), yaw: 3.14159, pitch: 0, distance: 1.6),
    ],
)"#;

fn shown(more: &[&str]) -> Vec<Picture> {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), DROP);
    pictures(&path, &folder.path().join("out"), more)
}

#[test]
fn a_surface_covers_what_the_balls_of_a_liquid_cover() {
    let [balls, skin] =
        [&["--frames", "0"][..], &["--frames", "0", "--surface"]].map(|more| shown(more).remove(0));
    let (of_balls, of_skin) = (balls.find(blue), skin.find(blue));
    assert!(of_balls.0 > 300, "{of_balls:?}");
    let ratio = of_skin.0 as f64 / of_balls.0 as f64;
    assert!((0.75..1.3).contains(&ratio), "{of_skin:?} {of_balls:?}");
    for axis in 0..2 {
        let apart = (of_skin.1[axis] - of_balls.1[axis]).abs();
        assert!(apart < 0.02, "{of_skin:?} {of_balls:?}");
    }
    // It is even, as balls are not; the jelly is drawn as before.
    let [even, rough] = [&skin, &balls].map(|picture| picture.roughness(blue));
    assert!(even < 0.6 * rough, "{even} {rough}");
    let jelly = [skin.find(orange).0, balls.find(orange).0];
    assert!(
        jelly[0] > 50 && jelly[0].abs_diff(jelly[1]) <= 3,
        "{jelly:?}"
    );
}

#[test]
fn a_surface_has_the_colours_of_the_particles() {
    let more = "--view front --frames 8 --every 8 --colour speed --surface".split(' ');
    let found = shown(&more.collect::<Vec<_>>());
    // At the end the drop, on the left, is the fastest; at the start all is at rest.
    let (fast, [across, _]) = found[1].find(yellow);
    assert!(fast > 300 && across < 0.5, "{fast} {across}");
    assert!(found[0].find(yellow).0 < fast / 10);
}

#[test]
fn surfaces_are_written_as_meshes() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), DROP);
    let out = folder.path().join("out");
    let output = run(&path, &out, &["--frames", "1", "--meshes"]);
    assert!(output.status.success());
    let mesh = backflow::sim::mesh::read(&out.join("0001-drop.obj")).unwrap();
    assert!(mesh.triangles.len() > 200);
    let middle = mesh.vertices.iter().sum::<nalgebra::Vector3<f64>>() / mesh.vertices.len() as f64;
    let expected = nalgebra::Vector3::new(0.14, 0.26, 0.2);
    assert!((middle - expected).norm() < 0.01, "{middle}");
    assert!(!out.join("0001-jelly.obj").exists());
}

#[test]
fn the_views_of_a_scene_are_looked_from() {
    let [near, behind] = ["near", "behind"].map(|view| {
        let picture = shown(&["--frames", "0", "--view", view]).remove(0);
        picture.find(blue)
    });
    // In the middle and large, or on the other side and smaller.
    assert!(
        (near.1[0] - 0.5).abs() < 0.02 && (near.1[1] - 0.5).abs() < 0.03,
        "{near:?}"
    );
    assert!(
        behind.1[0] > 0.53 && near.0 > 2 * behind.0,
        "{near:?} {behind:?}"
    );
}

#[test]
fn a_film_flies_from_view_to_view() {
    let flown = shown(&["--frames", "4", "--every", "2", "--fly", "near,behind"]);
    let [first, middle, last] = flown.as_slice() else {
        panic!("{} pictures", flown.len());
    };
    let still = |view: &str, frame: usize| {
        let more = ["--frames", "4", "--every", "4", "--view", view];
        shown(&more).remove(frame)
    };
    assert!(first.differs(&still("near", 0), 8) < 0.001);
    assert!(last.differs(&still("behind", 1), 8) < 0.001);
    assert!(middle.differs(first, 24) > 0.05 && middle.differs(last, 24) > 0.05);
}

#[test]
fn a_run_beside_another_is_on_its_right_and_moves_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = scene(folder.path(), DROP);
    let other = folder.path().join("other.ron");
    std::fs::write(
        &other,
        DROP.replace(
            "name: \"drop\",\n    domain",
            "name: \"two\",\n    gravity: (0, -30, 0),\n    domain",
        ),
    )
    .unwrap();
    let more = [
        "--view", "front", "--frames", "8", "--every", "8", "--beside",
    ];
    let more = [&more[..], &[other.to_str().unwrap()]].concat();
    let found = pictures(&path, &folder.path().join("out"), &more);
    let half = |picture: &Picture, right: bool| picture.half(right).find(blue);
    let ends = [&found[0], &found[1]].map(|picture| [half(picture, false), half(picture, true)]);
    for [left, right] in &ends {
        assert!(left.0 > 60 && right.0 > 60, "{left:?} {right:?}");
    }
    let [[left, right], [fallen, further]] = ends;
    // Side by side at the same height; the one under more gravity falls further.
    assert!((left.1[1] - right.1[1]).abs() < 0.02, "{left:?} {right:?}");
    assert!(fallen.1[1] > left.1[1] + 0.01, "{left:?} {fallen:?}");
    assert!(further.1[1] > fallen.1[1] + 0.02, "{fallen:?} {further:?}");
}

/// A ball of particles that has fallen so far (m) by each frame, in a box, as operators write it.
fn falling(path: &std::path::Path, fallen: &[f32]) {
    let along = || (-4..=4).map(|n| n as f32 * 0.02);
    let ball = || {
        let all = along().flat_map(|x| along().flat_map(move |y| along().map(move |z| [x, y, z])));
        all.filter(|x| x.iter().map(|x| x * x).sum::<f32>() < 0.0065)
    };
    let at = |fallen: f32| ball().flat_map(move |[x, y, z]| [0.2 + x, 0.3 + y - fallen, 0.2 + z]);
    backflow::operator::data::Trajectory {
        count: ball().count(),
        x: fallen.iter().flat_map(|&fallen| at(fallen)).collect(),
        frame: 0.04,
        bounds: [[0.0; 3], [0.4; 3]],
        gravity: [0.0, -9.81, 0.0],
        substeps: 1,
    }
    .write(path)
    .unwrap();
}

#[test]
fn what_an_operator_has_made_is_seen_beside_what_the_engine_has() {
    let folder = tempfile::tempdir().unwrap();
    let [engine, operator] = ["engine.npz", "operator.npz"].map(|name| folder.path().join(name));
    falling(&engine, &[0.0, 0.05, 0.15]);
    falling(&operator, &[0.0, 0.02, 0.05]);
    let other = operator.display().to_string();
    let more = ["--view", "front", "--colour", "speed", "--beside", &other];
    let found = pictures(&engine, &folder.path().join("out"), &more);
    assert_eq!(found.len(), 3);
    // All of each is as fast as its fastest.
    let [left, right] = [false, true].map(|right| found[2].half(right).find(yellow));
    assert!(left.0 > 60 && right.0 > 60, "{left:?} {right:?}");
    assert!(left.1[1] > right.1[1] + 0.1, "{left:?} {right:?}");
}
