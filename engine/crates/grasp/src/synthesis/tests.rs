use backflow_sim::mesh::generate;

use super::*;
use crate::{
    force::interior::Friction,
    hand::library,
    object::Fineness,
    testing::{ball, table},
};

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
            // Fingers press inwards and open outwards, without running into anything.
            let mut workspace = Workspace::new(&hand);
            let motors = hand.motors.iter();
            let motors = motors.map(|motor| {
                motor
                    .joints
                    .iter()
                    .map(|&joint| grasp.pregrasp[joint])
                    .sum()
            });
            let before = Stance {
                motors: motors.collect(),
                ..grasp.stance.clone()
            };
            workspace.place(&hand, &object, &before);
            let (depth, crossing) = score::depths(&hand, &object, &workspace);
            assert!(
                depth.max(crossing) < 1e-3,
                "{}: {depth} {crossing}",
                hand.spec.name
            );
            assert!(grasp.squeeze != grasp.grasp && grasp.pregrasp != grasp.grasp);
        }
    }
}

#[test]
fn hands_stay_above_the_table_that_an_object_lies_on() {
    let (hand, free) = (library::named("allegro").unwrap(), ball(0.035));
    let mut lying = free.clone();
    lying.surroundings = table(-0.035);
    // How deep the hand is in the table, for all that its score says.
    let depths = |object: &Object| -> Vec<f64> {
        let grasps = synthesize(&hand, object, 4, &quick()).unwrap();
        let depth = |grasp: &Grasp| {
            let mut workspace = Workspace::new(&hand);
            workspace.place(&hand, object, &grasp.stance);
            let links = 0..hand.links.len();
            let below = links
                .filter_map(|link| avoidance::deepest(&hand, &lying, &workspace.frames, link, 0.0));
            below.map(|at| at.overlap).fold(0.0, f64::max)
        };
        grasps.iter().map(depth).collect()
    };
    let worst = |depths: Vec<f64>| depths.into_iter().fold(0.0, f64::max);
    let (with, without) = (worst(depths(&lying)), worst(depths(&free)));
    assert!(with < 1e-3 && without > 0.01, "{with} {without}");
}

#[test]
fn what_solves_the_forces_makes_little_difference() {
    let (hand, object) = (library::named("allegro").unwrap(), ball(0.035));
    let best = |solver: Solver| {
        let settings = Settings {
            solver,
            candidates: 1,
            ..quick()
        };
        synthesize(&hand, &object, 2, &settings).unwrap()[0]
            .score
            .total
    };
    let [fast, pyramid, cone] = [
        Solver::Multipliers,
        Solver::Interior(Friction::Pyramid),
        Solver::Interior(Friction::Cone),
    ]
    .map(best);
    assert!(
        fast < 0.06 && pyramid < 0.06 && cone < 0.06,
        "{fast} {pyramid} {cone}"
    );
    assert!(fast != pyramid && pyramid != cone);
}

#[test]
fn a_hand_that_starts_in_itself_does_not_end_so() {
    let (hand, object) = (library::named("allegro").unwrap(), ball(0.035));
    // All fingers bent all the way: they cross the thumb and the palm.
    let fist = |stance: Stance<f64>| Stance {
        motors: hand.motors.iter().map(|motor| motor.range.1).collect(),
        ..stance
    };
    let settings = quick();
    let starts: Vec<_> = (0..settings.scouts as u64)
        .map(|index| fist(start::start(&hand, &object, &settings, index)))
        .collect();
    let crossing = |stance: &Stance<f64>| {
        let mut workspace = Workspace::new(&hand);
        workspace.place(&hand, &object, stance);
        score::depths(&hand, &object, &workspace).1
    };
    assert!(crossing(&starts[0]) > 0.005);
    let mut ends = descend::descend(&hand, &object, &settings, &starts);
    close::close(&hand, &object, &settings, &mut ends);
    assert!(crossing(&ends[0]) < 1e-3, "{}", crossing(&ends[0]));
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
    let fineness = Fineness {
        resolution: 24,
        margin: 0.1,
    };
    let cube = Object::of_mesh("cube", generate::cuboid([2.0; 3]), &fineness).unwrap();
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

/// A gripper about a ball of radius 0.03 m, its pads touching it.
fn gripped() -> (Hand, Object, Stance<f64>) {
    let hand = library::named("gripper").unwrap();
    let way = 0.05 - 0.0075 - 0.03;
    let stance = Stance {
        position: nalgebra::Vector3::new(0.0, 0.0, -0.045),
        rotation: nalgebra::Matrix3::identity(),
        motors: vec![way, way],
    };
    (hand, ball(0.03), stance)
}

#[test]
fn a_gripper_yields_and_slips_as_its_springs_and_friction_say() {
    let (hand, object, stance) = gripped();
    let settings = Settings::default();
    let mut workspace = Workspace::new(&hand);
    workspace.place(&hand, &object, &stance);
    let touches = score::touches(&hand, &object, &workspace);
    let press = &squeeze::press(&hand, &object, std::slice::from_ref(&touches), &settings)[0];
    let hold = hold::Hold::of(
        &hand,
        &object,
        &workspace,
        &stance.motors,
        &touches,
        press,
        &settings,
    );
    // Along the slides two springs with a touch each; across them the touches alone.
    let shift = 0.5 * settings.load * (1.0 / hand.spec.stiffness + 2e-5);
    // Four loads across: half of each at either pad, which presses with half of the squeeze.
    let slip = 4.0 / 6.0 * settings.load / (settings.bears.0 * settings.squeeze);
    // The distance is a spline: pads touch within its error.
    assert!(
        (hold.shift - shift).abs() < 0.02 * shift,
        "{hold:?} {shift}"
    );
    assert!((hold.slip - slip).abs() < 0.05 * slip, "{hold:?} {slip}");
    assert!(hold.turn < 1e-3, "{hold:?}");
}

#[test]
fn a_gripper_closes_its_gaps() {
    let (hand, object, mut stance) = gripped();
    stance.motors = vec![0.0, 0.004];
    let stances = std::slice::from_mut(&mut stance);
    close::close(&hand, &object, &Settings::default(), stances);
    let mut workspace = Workspace::new(&hand);
    workspace.place(&hand, &object, &stance);
    for touch in score::touches(&hand, &object, &workspace) {
        assert!(touch.gap.abs() < 1e-4, "{touch:?}");
    }
    let settings = Settings {
        candidates: 16,
        ..Settings::default()
    };
    let grasps = synthesize(&hand, &object, 1, &settings).unwrap();
    assert!(grasps[0].score.total < 0.05, "{:?}", grasps[0].score);
}

#[test]
fn good_grasps_that_are_alike_are_not_all_kept() {
    let (_, _, stance) = gripped();
    let grasp = |index: u64, total: f64, angle: f64| Grasp {
        index,
        stance: Stance {
            rotation: nalgebra::Rotation3::from_scaled_axis(nalgebra::Vector3::x() * angle)
                .into_inner(),
            ..stance.clone()
        },
        pregrasp: Vec::new(),
        grasp: Vec::new(),
        squeeze: Vec::new(),
        score: Score {
            total,
            force: 0.0,
            squeeze: 0.0,
            gap: 0.0,
            penetration: 0.0,
            overlap: 0.0,
            slip: 0.0,
            shift: 0.0,
            turn: 0.0,
        },
    };
    let all = || {
        vec![
            grasp(0, 0.03, 3.0),
            grasp(1, 0.02, 0.1),
            grasp(2, 0.01, 0.0),
            grasp(3, 0.5, 1.5),
        ]
    };
    let kept = |diversity: f64| -> Vec<u64> {
        let kept = choose::choose(all(), 2, diversity);
        kept.iter().map(|grasp| grasp.index).collect()
    };
    assert_eq!(kept(0.0), [2, 1]);
    // One that is alike costs 0.1 more, one that is worse by 0.02 is taken, by 0.49 not.
    assert_eq!(kept(0.1), [2, 0]);
}
