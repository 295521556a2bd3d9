//! Hands, objects and settings that grasps cannot be found for: a clear message, or a clear
//! result where nothing can be held.

use backflow_sim::{
    io::obj_text,
    mesh::{Mesh, generate},
};
use serde_json::json;

use crate::harness::{Folder, Ran, changed};

const QUICK: &str = "(iterations: 40, balance: 4, scouts: 1)";

fn cup() -> Mesh {
    generate::cup(0.03, 0.08, 0.006, 24)
}

fn synthesize(folder: &Folder, hand: &str, object: &str, more: &[&str]) -> Ran {
    let mut arguments = vec!["grasp", "synthesize", "--hand", hand, "--object", object];
    for [name, value] in [
        ["--settings", "quick.ron"],
        ["--count", "2"],
        ["--candidates", "2"],
    ] {
        if !more.contains(&name) {
            arguments.extend([name, value]);
        }
    }
    arguments.extend(more);
    folder.run(&arguments)
}

#[test]
fn a_cube_of_two_metres_is_said_not_to_seem_to_be_held() {
    let folder = Folder::with(&[
        ("quick.ron", QUICK),
        ("cube.obj", &obj_text(&generate::cuboid([2.0; 3]))),
    ]);
    let ran = synthesize(&folder, "allegro", "cube.obj", &["--json", "--out", "a"]).exits(0);
    assert_eq!(ran.object()["seem_to_hold"], json!(0), "{ran}");
    assert_eq!(ran.object()["thin"], json!(false), "{ran}");
    let ran = synthesize(&folder, "allegro", "cube.obj", &["--out", "b"]).exits(0);
    assert!(ran.stdout.contains("no grasp seems to hold"), "{ran}");
}

#[test]
fn a_needle_that_is_thinner_than_a_cell_spoils_no_number() {
    let folder = Folder::with(&[
        ("quick.ron", QUICK),
        (
            "needle.obj",
            &obj_text(&generate::cuboid([0.0004, 0.0004, 0.1])),
        ),
    ]);
    let ran = synthesize(&folder, "allegro", "needle.obj", &["--json"]).exits(0);
    assert_eq!(ran.object()["thin"], json!(true), "{ran}");
    let file = ran.object()["set"].as_str().unwrap().to_owned();
    let set: serde_json::Value = serde_json::from_str(&folder.text(file)).unwrap();
    assert_eq!(set["grasps"].as_array().unwrap().len(), 2);
    // What is not finite is null in JSON.
    assert!(!set["grasps"].to_string().contains("null"), "{set}");
    // Its scores may be good for all that; the command says what they are worth.
    let ran = synthesize(&folder, "allegro", "needle.obj", &["--out", "b"]).exits(0);
    assert!(ran.stdout.contains("scores mean little"), "{ran}");
}

#[test]
fn objects_that_are_no_solids_are_refused() {
    let mut open = cup();
    open.triangles.truncate(open.triangles.len() - 40);
    let folder = Folder::with(&[
        ("quick.ron", QUICK),
        ("empty.obj", ""),
        ("open.obj", &obj_text(&open)),
        ("cup.obj", &obj_text(&cup())),
        ("parts/one.obj", &obj_text(&cup())),
        ("parts/two.obj", &obj_text(&open)),
        ("nothing/readme", ""),
    ]);
    for (object, file) in [
        ("empty.obj", "empty.obj"),
        ("open.obj", "open.obj"),
        ("parts", "two.obj"),
        ("nothing", "nothing"),
        ("absent.obj", "absent.obj"),
    ] {
        synthesize(&folder, "allegro", object, &[])
            .exits(2)
            .complains(&[file, "expected"]);
    }
    for scale in ["0", "-1", "nan"] {
        let scale = format!("--scale={scale}");
        synthesize(&folder, "allegro", "cup.obj", &[&scale])
            .exits(2)
            .complains(&["scale", "a positive number"]);
    }
    // Nothing is half written.
    assert_eq!(folder.list("runs/grasps"), ["allegro.xml"]);
}

#[test]
fn hands_and_settings_that_make_no_sense_are_refused() {
    let hand = include_str!("../../assets/hands/shadow.ron");
    let folder = Folder::with(&[
        ("quick.ron", QUICK),
        ("cup.obj", &obj_text(&cup())),
        (
            "wrong.ron",
            &changed(
                hand,
                &[("\"rh_FFJ1\", \"rh_FFJ2\"", "\"rh_FFJ1\", \"FFJ2\"")],
            ),
        ),
        ("unknown.ron", "(iterationen: 3)"),
        ("zero.ron", "(iterations: 0)"),
        (
            "flat.ron",
            "(planes: [(point: (0, 0, 0), normal: (0, 0, 0))])",
        ),
    ]);
    synthesize(&folder, "octopus", "cup.obj", &[])
        .exits(2)
        .complains(&["octopus", "shadow"]);
    synthesize(&folder, "wrong.ron", "cup.obj", &[])
        .exits(2)
        .complains(&["tendons[0].joints", "FFJ2", "the name of a joint"]);
    synthesize(&folder, "shadow", "cup.obj", &["--settings", "unknown.ron"])
        .exits(2)
        .complains(&["unknown.ron", "iterationen"]);
    synthesize(&folder, "shadow", "cup.obj", &["--settings", "zero.ron"])
        .exits(2)
        .complains(&["iterations"]);
    synthesize(
        &folder,
        "shadow",
        "cup.obj",
        &["--surroundings", "flat.ron"],
    )
    .exits(2)
    .complains(&["flat.ron", "surroundings.planes", "a normal"]);
    for (text, said) in [
        (
            "(planes: [(point: (0, 0, 0), normal: (0, 0, 1))])",
            "planes[0]",
        ),
        (
            "(shapes: [Sphere(centre: (0.03, 0, 0), radius: 0.01)])",
            "shapes[0]",
        ),
        (
            "(shapes: [Sphere(centre: (1, 0, 0), radius: -0.01)])",
            "surroundings.shapes",
        ),
        ("(tables: [(0, 0, 0)])", "surroundings.tables"),
        ("(desks: [])", "desks"),
    ] {
        folder.write("around.ron", text);
        synthesize(
            &folder,
            "shadow",
            "cup.obj",
            &["--surroundings", "around.ron"],
        )
        .exits(2)
        .complains(&["around.ron", said]);
    }
    synthesize(&folder, "shadow", "cup.obj", &["--candidates", "0"])
        .exits(2)
        .complains(&["candidates"]);
    synthesize(&folder, "shadow", "cup.obj", &["--count", "0"])
        .exits(2)
        .complains(&["count"]);
}
