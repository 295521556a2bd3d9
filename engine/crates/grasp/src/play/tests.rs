//! The hand of a scene against the kinematics of the hand itself.

use std::path::Path;

use backflow_sim::{
    collider::SignedDistance,
    io::obj_text,
    scene::{Meshes, Scene, build_with, check_with},
    tool::Trajectory,
};

use super::*;
use crate::{
    hand::{library, spec::ShapeSpec},
    object::surroundings::{HalfSpace, Surroundings, SurroundingsSpec},
    set::{HandEntry, ObjectEntry},
    testing::{ball, noise},
};

const FILE: &str = "ball.obj";

/// A set with one grasp: postures of a hand that hovers about a ball, in no sensible way.
fn hovering(hand: &Hand, seed: u64) -> (GraspSet, GraspEntry) {
    let joints = |seed: u64| -> Vec<f64> {
        let of = |(joint, index): (&crate::hand::Joint, u64)| {
            let (low, high) = joint.range;
            low + (high - low) * (0.5 + 0.4 * noise(seed + index).x)
        };
        hand.joints.iter().zip(0..).map(of).collect()
    };
    let root = |seed: u64| -> [f64; 7] {
        let place = Vector3::new(0.0, 0.0, 1.0) + noise(seed) * 0.1;
        let (turn, more) = (noise(seed + 1), noise(seed + 2));
        [
            place.x,
            place.y,
            place.z,
            1.0 + turn.x,
            turn.y,
            turn.z,
            more.x,
        ]
    };
    let [x, y, z, w, i, j, k] = root(seed + 10);
    let grasp = GraspEntry {
        pos: [x, y, z],
        quat: [w, i, j, k],
        pregrasp: joints(seed + 100),
        grasp: joints(seed + 200),
        squeeze: joints(seed + 300),
        pregrasp_pose: Some(root(seed + 20)),
        squeeze_pose: Some(root(seed + 30)),
        score: None,
    };
    let object = ObjectEntry {
        pose: [0.1, -0.2, 0.3, 1.0, 0.2, -0.3, 0.4],
        ..ObjectEntry::new(FILE, 1.0)
    };
    let set = GraspSet {
        grasps: vec![grasp.clone()],
        ..GraspSet::new(hand, HandEntry::new("hand.xml"), object, &[])
    };
    (set, grasp)
}

/// Settings in which all of the hand is near.
fn all() -> Settings {
    Settings {
        within: f64::INFINITY,
        cell: Some(0.01),
        ..Settings::default()
    }
}

fn built(folder: &Path, object: &Object, spec: &Spec<()>) -> Scene {
    std::fs::write(folder.join(FILE), obj_text(&object.pieces[0])).unwrap();
    build_with(spec, &Meshes::new(folder)).unwrap()
}

#[test]
fn solids_of_every_hand_are_where_its_kinematics_put_them() {
    let (object, folder) = (ball(0.04), tempfile::tempdir().unwrap());
    for (hand, seed) in library::all().unwrap().iter().zip(0..) {
        let (set, grasp) = hovering(hand, 1000 * seed);
        let settings = all();
        let played = play(hand, &set, &grasp, &object, FILE, &settings).unwrap();
        let scene = built(folder.path(), &object, &played.spec);
        let order = set.order(hand).unwrap();
        let keys = keys(hand, &set, &grasp, &object, &order);
        let (parts, far) = near(hand, &object, &keys, settings.within, MAX_COLLIDERS);
        assert_eq!(parts.len() + far, tool::parts(hand).len());
        assert_eq!(parts.len(), scene.world.colliders.len());
        let way = Trajectory::new(
            scene.world.tools[0].clone(),
            &scene.programs[0],
            settings.frame,
        );
        let ends = played.spec.tools[0].motion.clone();
        let Motion::Strokes(strokes) = ends else {
            panic!("strokes")
        };
        let mut frames = hand.frames();
        let mut frame = 0;
        for (key, stroke) in keys.keys.iter().zip(&strokes) {
            let posture = Posture {
                position: key.root.position,
                rotation: key.root.rotation,
                joints: key.joints.clone(),
            };
            hand.place(&posture, &mut frames);
            let links = way.links(frame, 0.0);
            for (part, collider) in parts.iter().zip(&scene.world.colliders) {
                let known = Pose {
                    position: frames.position[part.link],
                    rotation: frames.rotation[part.link],
                }
                .compose(&part.place);
                let mount = collider.mount.unwrap();
                let found = links[mount.link].0.compose(&collider.pose);
                let (off, turned) = (
                    (known.position - found.position).norm(),
                    (known.rotation - found.rotation).norm(),
                );
                let name = &hand.spec.name;
                assert!(
                    off < 1e-9 && turned < 1e-9,
                    "{name} {frame} {}",
                    collider.name
                );
            }
            frame += stroke.frames;
        }
        assert_eq!(frame, played.spec.time.frames);
    }
}

#[test]
fn object_lies_on_the_floor_and_the_hand_grips_from_above() {
    let (object, hand) = (ball(0.04), library::named("allegro").unwrap());
    let (set, mut grasp) = hovering(&hand, 7);
    grasp.pregrasp_pose = None;
    grasp.squeeze_pose = None;
    let played = play(&hand, &set, &grasp, &object, FILE, &all()).unwrap();
    let spec = &played.spec;
    let folder = tempfile::tempdir().unwrap();
    let scene = built(folder.path(), &object, spec);
    assert_eq!(check_with(spec, &Meshes::new(folder.path())), []);
    let world = &scene.world;
    let grips = world.tools[0].start.pose.rotation * Vector3::from(hand.spec.palm.approach);
    assert!((grips.normalize() + Vector3::y()).norm() < 1e-9, "{grips}");
    let body = Pose::from_rotation_vector(
        spec.bodies[0].position.into(),
        &spec.bodies[0].rotation.into(),
    );
    let [low, high] = bounds(&object, &body);
    assert!(
        low.y.abs() < 1e-12 && (low.x + high.x).abs() < 1e-12 && (low.z + high.z).abs() < 1e-12
    );
    // Its mass is that of the set.
    let density = spec.materials["soft"].density();
    assert!((density * object.field.extent().volume / set.object.mass - 1.0).abs() < 1e-12);
    // The hand is to the object as in the set.
    let of_set = pose(&set.object.pose).inverse_apply(&Vector3::from(grasp.pos));
    let of_scene = body.inverse_apply(&world.tools[0].start.pose.position);
    assert!((of_set - of_scene).norm() < 1e-12);
}

#[test]
fn only_what_comes_near_the_object_is_a_collider() {
    let (object, hand) = (ball(0.04), library::named("gripper").unwrap());
    let (mut set, mut grasp) = hovering(&hand, 3);
    set.object.pose = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    // The pads stand about the ball, the base does not.
    grasp.pos = [0.0, 0.0, -0.045];
    grasp.quat = [1.0, 0.0, 0.0, 0.0];
    (grasp.pregrasp_pose, grasp.squeeze_pose) = (None, None);
    for joints in [&mut grasp.pregrasp, &mut grasp.grasp, &mut grasp.squeeze] {
        joints.fill(0.0);
    }
    let settings = Settings {
        within: 0.004,
        ..all()
    };
    let played = play(&hand, &set, &grasp, &object, FILE, &settings).unwrap();
    let names: Vec<&str> = played
        .spec
        .colliders
        .iter()
        .map(|collider| &*collider.name)
        .collect();
    assert_eq!(names, ["left", "right"]);
    assert_eq!(played.far, 3);
}

#[test]
fn other_joints_and_settings_without_sense_are_refused() {
    let (object, hand) = (ball(0.04), library::named("gripper").unwrap());
    let (set, grasp) = hovering(&hand, 3);
    let said = |set: &GraspSet, settings: &Settings| {
        play(&hand, set, &grasp, &object, FILE, settings)
            .unwrap_err()
            .to_string()
    };
    let mut other = set.clone();
    other.joint_names[1] = "thumb".to_owned();
    assert!(said(&other, &all()).contains("thumb"));
    other.joint_names.pop();
    assert!(said(&other, &all()).contains("right_slide"));
    for wrong in [-1.0, f64::NAN] {
        let settings = Settings {
            lift: wrong,
            ..all()
        };
        assert!(said(&set, &settings).contains("lift"));
    }
}

#[test]
fn what_stands_about_the_object_turns_along_with_it() {
    let (object, folder) = (ball(0.04), tempfile::tempdir().unwrap());
    let hand = library::named("gripper").unwrap();
    let (mut set, grasp) = hovering(&hand, 7);
    set.object.surroundings = SurroundingsSpec {
        planes: vec![HalfSpace {
            point: [0.0, -0.04, 0.0],
            normal: [0.0, 2.0, 0.0],
        }],
        shapes: vec![
            ShapeSpec::Cuboid {
                centre: [0.1, 0.0, 0.0],
                half: [0.01, 0.02, 0.03],
                rotation: [1.0, 0.5, 0.0, 0.0],
            },
            ShapeSpec::Capsule {
                from: [0.0, 0.1, 0.0],
                to: [0.05, 0.1, 0.02],
                radius: 0.01,
            },
        ],
        ..SurroundingsSpec::default()
    };
    let played = play(&hand, &set, &grasp, &object, FILE, &all()).unwrap();
    let colliders = &built(folder.path(), &object, &played.spec).world.colliders;
    let order = set.order(&hand).unwrap();
    let body = keys(&hand, &set, &grasp, &object, &order).body;
    let around = Surroundings::new(&set.object.surroundings).unwrap();
    let last = &colliders[colliders.len() - 3..];
    for seed in 0..50 {
        let local = noise(seed) * 0.15;
        let mut known = Vec::new();
        around.visit(&local, |distance, _| known.push(distance));
        // The planes first, then segments, then boxes.
        let known = [known[0], known[2], known[1]];
        for (collider, known) in last.iter().zip(known) {
            let at = collider.pose.inverse_apply(&body.apply(&local));
            let found = collider.shape.probe(&at).distance;
            // Inside a box other distances than that of the nearest face are none.
            assert!(
                (found - known).abs() < 1e-9 || known < 0.0,
                "{found} {known}"
            );
        }
    }
    set.object.surroundings.planes[0].normal = [0.0; 3];
    let said = play(&hand, &set, &grasp, &object, FILE, &all()).unwrap_err();
    assert!(said.to_string().contains("surroundings.planes"), "{said}");
}
