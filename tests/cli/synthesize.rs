//! `backflow grasp synthesize`.

use backflow_sim::{io::obj_text, mesh::generate};
use serde_json::json;

use crate::harness::Folder;

/// A cup 6 cm wide, and settings that take no time.
fn cup() -> Folder {
    Folder::with(&[
        ("cup.obj", &obj_text(&generate::cup(0.03, 0.08, 0.006, 24))),
        ("quick.ron", "(iterations: 40, balance: 4, scouts: 1)"),
    ])
}

const SYNTHESIZE: [&str; 13] = [
    "grasp",
    "synthesize",
    "--hand",
    "allegro",
    "--object",
    "cup.obj",
    "--settings",
    "quick.ron",
    "--candidates",
    "2",
    "--json",
    "--count",
    "3",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SYNTHESIZE.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn every_scale_has_its_set_and_the_hand_its_model() {
    let folder = cup();
    let ran = folder
        .run(&with(&["--scale", "0.8", "1", "--out", "a"]))
        .exits(0);
    let objects = ran.objects();
    assert_eq!(objects.len(), 2);
    for (object, scale) in objects.iter().zip([json!(0.8), json!(1.0)]) {
        assert_eq!(object["grasps"], json!(3));
        let set: serde_json::Value =
            serde_json::from_str(&folder.text(object["set"].as_str().unwrap())).unwrap();
        assert_eq!(set["object"]["scale"], scale);
        assert_eq!(set["joint_names"].as_array().unwrap().len(), 16);
        assert_eq!(set["grasps"].as_array().unwrap().len(), 3);
    }
    let files = ["allegro-cup-0.8.json", "allegro-cup-1.json", "allegro.xml"];
    assert_eq!(folder.list("a"), files);
    // The same on one thread, bit for bit.
    let one = with(&["--scale", "0.8", "--out", "b", "--threads", "1"]);
    folder.run(&one).exits(0);
    assert!(folder.read("a/allegro-cup-0.8.json") == folder.read("b/allegro-cup-0.8.json"));
}

#[test]
fn a_set_that_is_there_is_kept_and_goes_with_what_is_asked_for() {
    let folder = cup();
    folder.run(&with(&[])).exits(0);
    let (first, before) = ("runs/grasps/allegro-cup-1.json", 3);
    let text = folder.text(first);
    let ran = folder.run(&with(&["--scale", "1", "0.9"])).exits(0);
    let objects = ran.objects();
    assert_eq!(objects[0]["kept"], json!(true));
    assert_eq!(objects[0]["grasps"], json!(before));
    assert_eq!(objects[1].get("kept"), None);
    assert!(text == folder.text(first));
    let mut more = with(&[]);
    more[12] = "4";
    folder
        .run(&more)
        .exits(2)
        .complains(&[first, "3 grasps already", "--count"]);
    // A set that was cut off is no set.
    folder.write(first, &text[..text.len() / 2]);
    folder.run(&with(&[])).exits(2).complains(&[first]);
}

#[test]
fn sets_record_what_stood_about_each_object_and_runs_go_on_with_the_same_alone() {
    let folder = cup();
    folder.write("table.ron", "(tables: [(0, 0, 2)])");
    let lying = with(&["--scale", "0.8", "1", "--surroundings", "table.ron"]);
    for object in folder.run(&lying).exits(0).objects() {
        let set: serde_json::Value =
            serde_json::from_str(&folder.text(object["set"].as_str().unwrap())).unwrap();
        let scale = set["object"]["scale"].as_f64().unwrap();
        let around = &set["object"]["surroundings"];
        // The cup of the test goes from z = -0.03 to 0.03: a table for each scale.
        let plane = &around["planes"][0];
        let height = plane["point"][2].as_f64().unwrap();
        assert!((height + 0.03 * scale).abs() < 1e-9, "{around}");
        assert_eq!(plane["normal"], json!([0.0, 0.0, 1.0]));
        assert_eq!(around.get("tables"), None);
    }
    // A run that goes on keeps them; without the table, or with another one, they are others.
    let again = folder.run(&lying).exits(0).objects();
    assert!(again.iter().all(|object| object["kept"] == json!(true)));
    folder.run(&with(&["--scale", "0.8"])).exits(2).complains(&[
        "allegro-cup-0.8.json",
        "surroundings",
        "--out",
    ]);
    folder.write("table.ron", "(tables: [(0, 1, 0)])");
    folder
        .run(&lying)
        .exits(2)
        .complains(&["allegro-cup-0.8.json", "surroundings"]);
    // So they are with another mass.
    let heavy = with(&["--scale", "0.8", "--mass", "0.5"]);
    folder
        .run(&heavy)
        .exits(2)
        .complains(&["0.1 kg", "0.5 kg", "--mass"]);
}
