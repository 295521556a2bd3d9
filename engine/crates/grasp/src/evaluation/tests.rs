//! Simulated grasps whose outcome follows from statics.

use std::path::Path;

use mujoco_rs::wrappers::mj_data::MjData;
use nalgebra::{UnitQuaternion, Vector3};

use super::{Lost, Protocol, Verdict, evaluate, scene::Scene};
use crate::{
    Hand,
    hand::{
        kinematics::Posture,
        library,
        spec::{SectionSpec, ShapeSpec},
    },
    object::surroundings::{HalfSpace, SurroundingsSpec},
    set::{FORMAT, GraspEntry, GraspSet, HandEntry, ObjectEntry, mjcf},
};

/// Half of the edge of the cube (m), and where the jaws of the gripper touch it.
const HALF: f64 = 0.02;
const CLOSED: f64 = 0.05 - 0.0075 - HALF;
/// Stiffness of the jaws (N/m).
const STIFFNESS: f64 = 200.0;

const CUBE: &str =
    "v -1 -1 -1\nv 1 -1 -1\nv 1 1 -1\nv -1 1 -1\nv -1 -1 1\nv 1 -1 1\nv 1 1 1\nv -1 1 1
f 1 4 3 2\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n";

/// A set of a hand with the cube, in this folder.
fn set(hand: &Hand, folder: &Path) -> GraspSet {
    std::fs::write(folder.join("hand.xml"), mjcf::hand(hand)).unwrap();
    std::fs::write(folder.join("cube.obj"), CUBE).unwrap();
    GraspSet {
        format: FORMAT.to_owned(),
        hand: HandEntry::new("hand.xml"),
        object: ObjectEntry::new("cube.obj", HALF),
        joint_names: hand.joint_names().into_iter().map(str::to_owned).collect(),
        grasps: Vec::new(),
    }
}

/// The gripper about the cube: jaws at `at` before and in the grasp, at `pressed` in the squeeze.
fn jaws(at: f64, pressed: f64) -> GraspEntry {
    GraspEntry {
        pos: [0.0, 0.0, -0.045],
        quat: [1.0, 0.0, 0.0, 0.0],
        pregrasp: vec![at; 2],
        grasp: vec![at; 2],
        squeeze: vec![pressed; 2],
        pregrasp_pose: None,
        squeeze_pose: None,
        score: None,
    }
}

fn verdicts(change: impl Fn(&mut GraspSet), grasps: Vec<GraspEntry>) -> Vec<Verdict> {
    let folder = tempfile::tempdir().unwrap();
    let mut set = set(&library::named("gripper").unwrap(), folder.path());
    (set.hand.kp, set.hand.kv) = (Some(STIFFNESS), Some(5.0));
    set.hand.joint_damping = Some(0.05);
    set.grasps = grasps;
    change(&mut set);
    evaluate(&set, folder.path(), &Protocol::default(), &|| ()).unwrap()
}

#[test]
fn two_jaws_hold_what_their_friction_can_carry() {
    // Two jaws that press with N each carry 2 mu N along their faces: with mu = 0.6 and a pull of
    // 1 N, N must be more than 0.83 N.
    let pressed = |force: f64| jaws(CLOSED, CLOSED + force / STIFFNESS);
    let rows = verdicts(|_| (), vec![pressed(1.1), pressed(0.6), pressed(1.1)]);
    assert!(rows[0].held && rows[2].held, "{rows:?}");
    assert_eq!(rows[1].lost, Some(Lost::LetGo), "{rows:?}");
    // Across the jaws it is carried by the jaws themselves.
    assert!(
        rows[1].directions[..2] == [true, true] && !rows[1].directions[2],
        "{rows:?}"
    );
    // From rest, whatever was simulated before.
    assert_eq!(rows[0], rows[2]);
    // With half of the friction it slips, with a third of the mass it does not.
    let less = verdicts(|set| set.object.friction[0] = 0.3, vec![pressed(1.1)]);
    assert_eq!(less[0].lost, Some(Lost::LetGo));
    let light = verdicts(|set| set.object.mass = 0.03, vec![pressed(0.6)]);
    assert!(light[0].held, "{light:?}");
}

#[test]
fn distances_are_those_of_the_drawing() {
    let rows = verdicts(
        |_| (),
        vec![
            jaws(CLOSED - 0.001, CLOSED),
            jaws(CLOSED + 0.003, CLOSED),
            jaws(0.0, 0.0),
        ],
    );
    assert!(
        (rows[0].contact_distance - 0.001).abs() < 1e-6,
        "{:?}",
        rows[0]
    );
    assert_eq!((rows[0].touching_links, rows[0].penetration), (2, 0.0));
    assert!((rows[1].penetration - 0.003).abs() < 1e-6, "{:?}", rows[1]);
    assert!((rows[1].start_penetration - 0.003).abs() < 1e-6);
    assert_eq!(rows[1].contact_distance, 0.0);
    // Farther than it is measured.
    assert!((rows[2].contact_distance - 0.01).abs() < 1e-9 && rows[2].touching_links == 0);
    assert!(!rows[2].held);
}

#[test]
fn a_hand_that_starts_in_the_object_is_not_simulated() {
    let rows = verdicts(|_| (), vec![jaws(CLOSED + 0.012, CLOSED + 0.012)]);
    assert_eq!(rows[0].lost, Some(Lost::StartsInside));
    assert!(rows[0].directions.is_empty() && rows[0].shift.is_none());
}

#[test]
fn a_hand_that_starts_in_itself_is_not_simulated() {
    // Jaws 12 mm in each other, far from the cube.
    let through = 0.05 - 0.0015;
    let rows = verdicts(|set| set.object.pose[2] = 0.3, vec![jaws(through, through)]);
    assert_eq!(rows[0].lost, Some(Lost::StartsInside));
    assert!(
        (rows[0].self_penetration - 0.012).abs() < 1e-5 && rows[0].penetration == 0.0,
        "{:?}",
        rows[0]
    );
    assert!(rows[0].directions.is_empty());
}

/// Something about the cube.
fn around(change: impl Fn(&mut SurroundingsSpec)) -> SurroundingsSpec {
    let mut around = SurroundingsSpec::default();
    change(&mut around);
    around
}

fn plane(point: [f64; 3], normal: [f64; 3]) -> HalfSpace {
    HalfSpace { point, normal }
}

#[test]
fn a_table_bears_what_friction_does_not() {
    // Jaws that press too little for a pull along their faces, 0.6 N where 0.83 N are needed.
    let weak = || vec![jaws(CLOSED, CLOSED + 0.6 / STIFFNESS)];
    let every = Protocol {
        every_direction: true,
        ..Protocol::default()
    };
    let directions = |around: SurroundingsSpec, turn: [f64; 4]| {
        let folder = tempfile::tempdir().unwrap();
        let mut set = set(&library::named("gripper").unwrap(), folder.path());
        (set.hand.kp, set.hand.kv) = (Some(STIFFNESS), Some(5.0));
        set.hand.joint_damping = Some(0.05);
        set.object.pose[3..].copy_from_slice(&turn);
        set.object.surroundings = around;
        set.grasps = weak();
        evaluate(&set, folder.path(), &every, &|| ())
            .unwrap()
            .remove(0)
    };
    let none = [1.0, 0.0, 0.0, 0.0];
    // Along -z the palm is there.
    let alone = directions(around(|_| ()), none);
    assert_eq!(alone.directions, [true, true, false, false, true, false]);
    // A table whose upper face is the cube's upper one: the pull along +z goes into it.
    let table = |normal: [f64; 3]| {
        around(|around| around.planes = vec![plane(normal.map(|x| -HALF * x), normal)])
    };
    let above = directions(table([0.0, 0.0, -1.0]), none);
    assert_eq!(above.directions, [true, true, false, false, true, true]);
    // It stands in the frame of the cube: with that a quarter turn about x, its -y face is up.
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let turned = directions(table([0.0, 1.0, 0.0]), [half, -half, 0.0, 0.0]);
    assert_eq!(turned.directions, [true, true, false, false, true, true]);
}

#[test]
fn every_solid_about_the_object_stops_a_hand_that_starts_in_it() {
    // Where the left jaw is at the pregrasp: the gripper's jaws are at x = +-0.05 less their way.
    let at = |set: &mut GraspSet, make: &dyn Fn(&mut SurroundingsSpec)| {
        set.object.surroundings = around(make);
    };
    let jaw = 0.05 - CLOSED;
    let one = || vec![jaws(CLOSED, CLOSED + 1.1 / STIFFNESS)];
    let free = verdicts(|_| (), one());
    assert_eq!((free[0].held, free[0].around_penetration), (true, 0.0));
    let sphere = ShapeSpec::Sphere {
        centre: [jaw, 0.0, 0.0],
        radius: 0.015,
    };
    let capsule = ShapeSpec::Capsule {
        from: [jaw, -0.1, 0.0],
        to: [jaw, 0.1, 0.0],
        radius: 0.015,
    };
    let cuboid = ShapeSpec::Cuboid {
        centre: [jaw, 0.0, 0.0],
        half: [0.02, 0.1, 0.02],
        rotation: [1.0, 0.0, 0.0, 0.0],
    };
    let section = |z: f64| SectionSpec {
        z,
        middle: 0.0,
        radii: vec![0.02; 5],
    };
    let loft = ShapeSpec::Loft {
        position: [jaw, 0.0, -0.02],
        rotation: [1.0, 0.0, 0.0, 0.0],
        sections: vec![section(0.0), section(0.04)],
    };
    for shape in [sphere, capsule, cuboid, loft] {
        let make = |around: &mut SurroundingsSpec| around.shapes = vec![shape.clone()];
        let rows = verdicts(|set| at(set, &make), one());
        assert_eq!(rows[0].lost, Some(Lost::StartsInside), "{shape:?} {rows:?}");
        assert!(
            rows[0].around_penetration > 0.01 && rows[0].start_penetration > 0.01,
            "{rows:?}"
        );
        // Far away it is nothing to the hand.
        let rows = verdicts(
            |set| {
                at(set, &make);
                for shape in &mut set.object.surroundings.shapes {
                    match shape {
                        ShapeSpec::Sphere { centre, .. } | ShapeSpec::Cuboid { centre, .. } => {
                            centre[1] = 1.0;
                        }
                        ShapeSpec::Capsule { from, to, .. } => (from[1], to[1]) = (1.0, 1.2),
                        ShapeSpec::Loft { position, .. } => position[1] = 1.0,
                    }
                }
            },
            one(),
        );
        assert!(rows[0].held, "{shape:?} {rows:?}");
    }
    let wall = |around: &mut SurroundingsSpec| {
        around.planes = vec![plane([0.0, 0.0, -0.03], [0.0, 0.0, 1.0])];
    };
    let rows = verdicts(|set| at(set, &wall), one());
    assert_eq!(rows[0].lost, Some(Lost::StartsInside), "{rows:?}");
    // So does a table that the object is in, and the hand is not.
    let above = |around: &mut SurroundingsSpec| {
        around.planes = vec![plane([0.0, 0.0, 0.005], [0.0, 0.0, -1.0])];
    };
    let low = || {
        let grasp = jaws(CLOSED, CLOSED + 1.1 / STIFFNESS);
        vec![GraspEntry {
            pos: [0.0, 0.0, -0.061],
            ..grasp
        }]
    };
    let rows = verdicts(|set| at(set, &above), low());
    assert_eq!(rows[0].around_penetration, 0.0);
    assert!((rows[0].start_penetration - 0.015).abs() < 1e-6, "{rows:?}");
    assert_eq!(rows[0].lost, Some(Lost::StartsInside));
}

#[test]
fn verdicts_do_not_depend_on_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let mut set = set(&library::named("gripper").unwrap(), folder.path());
    set.hand.kv = Some(20.0);
    set.grasps = (0..6)
        .map(|index| jaws(CLOSED, CLOSED + 1e-4 * f64::from(index)))
        .collect();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| evaluate(&set, folder.path(), &Protocol::default(), &|| ()).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn links_of_an_exported_hand_are_where_its_kinematics_puts_them() {
    for hand in library::all().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(&hand, folder.path());
        let scene = Scene::new(&set, folder.path(), &Protocol::default()).unwrap();
        let model = &scene.model;
        let turn = UnitQuaternion::from_euler_angles(0.3, -0.7, 1.9);
        let angles: Vec<f64> = hand
            .joints
            .iter()
            .enumerate()
            .map(|(index, joint)| {
                let t = crate::random::uniform(7, index as u64);
                joint.range.0 + t * (joint.range.1 - joint.range.0)
            })
            .collect();
        let mut data = MjData::new(model);
        let place = Vector3::new(0.1, -0.2, 0.3);
        let root = scene.root_at;
        data.qpos_mut()[root..root + 7]
            .copy_from_slice(&[place.x, place.y, place.z, turn.w, turn.i, turn.j, turn.k]);
        for (&at, &angle) in scene.joints_at.iter().zip(&angles) {
            data.qpos_mut()[at] = angle;
        }
        data.forward();
        let mut frames = hand.frames();
        hand.place(
            &Posture {
                position: place,
                rotation: turn.to_rotation_matrix().into_inner(),
                joints: angles,
            },
            &mut frames,
        );
        for (index, link) in hand.spec.links.iter().enumerate() {
            let body = model
                .name_to_id(
                    mujoco_rs::wrappers::mj_model::MjtObjBase::mjOBJ_BODY,
                    &link.name,
                )
                .unwrap();
            let there = Vector3::from(data.xpos()[body]);
            let off = (there - frames.position[index]).norm();
            assert!(off < 1e-9, "{} {}: {off}", hand.spec.name, link.name);
        }
        assert_eq!(scene.fingers, hand.fingers.len(), "{}", hand.spec.name);
    }
}

#[test]
fn faults_of_sets_name_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let good = set(&library::named("gripper").unwrap(), folder.path());
    let says = |change: &dyn Fn(&mut GraspSet), word: &str| {
        let mut set = good.clone();
        change(&mut set);
        let error = evaluate(&set, folder.path(), &Protocol::default(), &|| ()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    };
    says(&|set| set.joint_names[0] = "thumb".to_owned(), "thumb");
    says(&|set| set.hand.model = "gone.xml".to_owned(), "gone.xml");
    says(
        &|set| set.hand.root_body = Some("arm".to_owned()),
        "root_body is arm",
    );
    says(&|set| set.object.mesh = "gone.obj".to_owned(), "gone.obj");
    says(&|set| set.object.mass = -1.0, "mass is -1");
    says(
        &|set| set.object.surroundings = around(|it| it.planes = vec![plane([0.0; 3], [0.0; 3])]),
        "surroundings.planes",
    );
    std::fs::write(
        folder.path().join("hand.xml"),
        "<mujoco><worldbody/></mujoco>",
    )
    .unwrap();
    says(&|_| (), "has no body");
}
