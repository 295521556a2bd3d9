//! `backflow check`.

use serde_json::json;

use crate::{
    harness::{Folder, changed},
    scene::{DROP, FLIGHT},
};

#[test]
fn sound_scenes_exit_with_0_and_say_what_they_cost() {
    let folder = Folder::with(&[("drop.ron", DROP), ("flight.ron", FLIGHT)]);
    let ran = folder.run(&["check", "drop.ron", "flight.ron"]).exits(0);
    assert!(ran.stderr.is_empty(), "{ran}");
    for piece in [
        "drop: 768 particles, 21x21x13 nodes of 0.05 m, 4 frames",
        "flight: 216 particles, 21x21x13 nodes of 0.05 m, 5 frames",
        "2 variables",
        "10 variables",
    ] {
        assert!(ran.stdout.contains(piece), "{piece}\n{ran}");
    }
    assert_eq!(folder.list("").len(), 2, "nothing was written");
}

#[test]
fn json_is_one_object_a_scene() {
    let bad = changed(DROP, &[("density: 1000", "density: -1")]);
    let folder = Folder::with(&[
        ("drop.ron", DROP),
        ("bad.ron", &bad),
        ("flight.ron", FLIGHT),
    ]);
    let ran = folder.run(&["check", "--json", "drop.ron", "flight.ron"]);
    let objects = ran.exits(0).objects();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["scene"], json!("drop"));
    assert_eq!(objects[0]["particles"], json!(768));
    // One more than cells, and two more on each side for the reach of particles.
    assert_eq!(objects[0]["nodes"], json!([21, 21, 13]));
    assert_eq!(objects[0]["variables"], json!(10));
    assert_eq!(objects[1]["scene"], json!("flight"));
    let files = ["drop.ron", "bad.ron", "none.ron", "flight.ron"];
    let ran = folder.run(&[&["check", "--json"][..], &files].concat());
    let objects = ran.exits(2).objects();
    assert_eq!(objects.len(), files.len());
    for (object, file) in objects.iter().zip(files) {
        assert_eq!(object["file"], json!(file));
    }
    let fault = objects[1]["error"].as_str().unwrap();
    assert!(fault.starts_with("bad.ron:11:"), "{fault}");
    assert!(objects[2]["error"].is_string());
    assert_eq!(objects[3]["scene"], json!("flight"));
}

#[test]
fn faults_of_several_scenes_come_in_one_go() {
    let density = changed(DROP, &[("density: 1000", "density: -1")]);
    let radius = changed(DROP, &[("radius: 0.05", "radius: 0")]);
    let folder = Folder::with(&[
        ("density.ron", &density),
        ("drop.ron", DROP),
        ("radius.ron", &radius),
    ]);
    let files = ["check", "density.ron", "drop.ron", "radius.ron", "none.ron"];
    let ran = folder.run(&files).exits(2).complains(&[
        "density.ron:11:",
        "density = -1",
        "radius.ron:",
        "radius = 0",
        "none.ron",
    ]);
    assert!(ran.stdout.contains("drop: 768 particles"), "{ran}");
}

#[test]
fn quality_halves_the_cells_and_takes_an_eighth_of_the_particles() {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    let at = |quality: &str| {
        let ran = folder.run(&["check", "drop.ron", "--json", "--quality", quality]);
        ran.exits(0).object()
    };
    // One more than cells, and two more on each side.
    assert_eq!(at("0.5")["nodes"], json!([13, 13, 9]));
    assert_eq!(at("0.5")["particles"], json!(768 / 8));
    assert_eq!(at("2")["nodes"], json!([37, 37, 21]));
    assert_eq!(at("2")["particles"], json!(768 * 8));
}

#[test]
fn double_precision_takes_more_memory() {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    let bytes = |precision: &str| {
        let ran = folder.run(&["check", "drop.ron", "--json", "--precision", precision]);
        ran.exits(0).object()["state_bytes"].as_u64().unwrap()
    };
    assert!(bytes("f64") > bytes("f32"));
}

#[test]
fn smaller_budgets_take_more_forward_passes() {
    let folder = Folder::with(&[("drop.ron", DROP)]);
    let check = |memory: &str| folder.run(&["check", "drop.ron", "--json", "--memory", memory]);
    let least = crate::harness::least_budget(&check("1kB").exits(2));
    let passes = |memory: &str| check(memory).exits(0).object()["forward_passes"].clone();
    let (least, most) = (passes(&least.to_string()), passes("1GiB"));
    assert!(least.as_f64() > most.as_f64(), "{least} {most}");
}
