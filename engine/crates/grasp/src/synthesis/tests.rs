use super::*;
use crate::{hand::library, object::Fineness, testing::ball};

fn quick() -> Settings {
    Settings {
        iterations: 150,
        candidates: 3,
        ..Settings::default()
    }
}

#[test]
fn a_ball_is_held_by_every_hand_of_many_fingers() {
    let object = ball(0.035);
    for name in ["allegro", "leap", "shadow"] {
        let hand = library::named(name).unwrap();
        let grasps = synthesize(&hand, &object, 2, &quick()).unwrap();
        for grasp in &grasps {
            let Score {
                force,
                squeeze,
                gap,
                penetration,
                overlap,
                ..
            } = grasp.score;
            assert!(
                gap < 1e-3 && penetration < 1e-3 && overlap < 1e-3,
                "{}: {grasp:?}",
                hand.spec.name
            );
            // Nothing at all would miss a load of 0.2 by 0.2^2 / 2 = 0.02, and pressure on one
            // side alone by more.
            assert!(
                squeeze < 0.3 && force < 0.1,
                "{}: {squeeze} {force}",
                hand.spec.name
            );
            for (joint, angle) in hand.joints.iter().zip(&grasp.grasp) {
                assert!((joint.range.0..=joint.range.1).contains(angle));
            }
            // Fingers press inwards and open outwards.
            assert!(grasp.squeeze != grasp.grasp && grasp.pregrasp != grasp.grasp);
        }
    }
}

#[test]
fn grasps_do_not_depend_on_threads() {
    let (hand, object) = (library::named("allegro").unwrap(), ball(0.035));
    let settings = Settings {
        iterations: 60,
        ..quick()
    };
    let [one, three] = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| synthesize(&hand, &object, 5, &settings).unwrap())
    });
    assert_eq!(one, three);
}

#[test]
fn what_cannot_be_held_has_a_bad_score() {
    let hand = library::named("allegro").unwrap();
    let half = 1.0;
    let corner = |index: u32| {
        nalgebra::Vector3::from_fn(|axis, _| if index >> axis & 1 == 1 { half } else { -half })
    };
    let cube = backflow_sim::mesh::Mesh {
        vertices: (0..8).map(corner).collect(),
        triangles: vec![
            [0, 2, 1],
            [1, 2, 3],
            [4, 5, 6],
            [5, 7, 6],
            [0, 1, 4],
            [1, 5, 4],
            [2, 6, 3],
            [3, 6, 7],
            [0, 4, 2],
            [2, 4, 6],
            [1, 3, 5],
            [3, 7, 5],
        ],
    };
    let fineness = Fineness {
        resolution: 24,
        margin: 0.1,
    };
    let cube = Object::of_mesh("cube", cube, &fineness).unwrap();
    let settings = Settings {
        iterations: 60,
        candidates: 1,
        ..Settings::default()
    };
    let grasps = synthesize(&hand, &cube, 8, &settings).unwrap();
    let best = grasps[0].score;
    assert!(best.squeeze > 0.3 && best.total > 0.3, "{best:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (hand, object) = (library::named("gripper").unwrap(), ball(0.03));
    let settings = Settings {
        squeeze: -1.0,
        ..quick()
    };
    let error = synthesize(&hand, &object, 1, &settings).unwrap_err();
    assert!(error.to_string().contains("squeeze is -1"), "{error}");
    let error = Object::of_mesh(
        "nothing",
        backflow_sim::mesh::Mesh::default(),
        &Fineness::default(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("a mesh with triangles"),
        "{error}"
    );
    let error = library::named("octopus").unwrap_err();
    assert!(error.to_string().contains("octopus"), "{error}");
    let text = "(name: \"x\", source: \"\", links: [(name: \"a\"), (name: \"b\", parent: Some(\"c\"))], fingers: [], palm: (centre: (0, 0, 0), approach: (0, 0, 1)), stiffness: 1, strongest: 1)";
    let error = library::parse("x.ron", text).unwrap_err();
    assert!(
        error.to_string().contains("links[1] (b).parent is c"),
        "{error}"
    );
}
