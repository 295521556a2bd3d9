//! Hands and what they hold.

use backflow::grasp::{
    hand::library,
    set::{FORMAT, GraspEntry, GraspSet, HandEntry, ObjectEntry, json},
};

use crate::{
    command::{pictures, root},
    picture::{Picture, blue, vermilion},
};

/// A set of one grasp: a hand that comes down on a cup from above.
fn set() -> GraspSet {
    let hand = library::named("allegro").unwrap();
    let angles = |angle: f64| vec![angle; hand.joints.len()];
    GraspSet {
        format: FORMAT.to_owned(),
        hand: HandEntry {
            name: Some("allegro".to_owned()),
            ..HandEntry::new("allegro.xml")
        },
        object: ObjectEntry::new(
            root().join("assets/meshes/cup.obj").display().to_string(),
            1.0,
        ),
        joint_names: hand
            .joint_names()
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        grasps: vec![GraspEntry {
            pos: [0.0, 0.3, 0.0],
            quat: [0.0, 1.0, 0.0, 0.0],
            pregrasp: angles(0.0),
            grasp: angles(0.4),
            squeeze: angles(0.5),
            pregrasp_pose: Some([0.0, 0.6, 0.0, 0.0, 1.0, 0.0, 0.0]),
            squeeze_pose: None,
            score: None,
        }],
    }
}

#[test]
fn the_hand_of_a_set_of_grasps_comes_to_its_object() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grasps.json");
    json::write(&path, &set()).unwrap();
    let more = ["--view", "front"];
    let found = pictures(&path, &folder.path().join("out"), &more);
    assert_eq!(found.len(), 3);
    let seen = |picture: &Picture| [picture.find(blue), picture.find(vermilion)];
    let [before, at] = [seen(&found[0]), seen(&found[1])];
    for [hand, object] in [before, at] {
        assert!(hand.0 > 60 && object.0 > 60, "{hand:?} {object:?}");
    }
    let height = |[hand, object]: [(usize, [f64; 2]); 2]| object.1[1] - hand.1[1];
    assert!(height(before) > height(at) + 0.1, "{before:?} {at:?}");
    assert!(
        (before[1].1[1] - at[1].1[1]).abs() < 0.03,
        "{before:?} {at:?}"
    );
}
