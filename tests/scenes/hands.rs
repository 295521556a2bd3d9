//! Hands in scenes: each is the hand that it is said to be.

use backflow::{
    grasp::{
        hand::library,
        play::{NAMES, tool},
    },
    sim::{
        pose::Pose,
        scene::spec::{Law, Shape},
    },
    task::Task,
};

use crate::files::all;

/// Scenes have six digits.
const ROUNDED: f64 = 2e-6;

fn near(found: &[f64], known: &[f64]) -> bool {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < ROUNDED;
    found.len() == known.len() && found.iter().zip(known).all(near)
}

fn numbers(shape: &Shape) -> Vec<f64> {
    match shape {
        Shape::Sphere { radius } => vec![*radius],
        Shape::Capsule {
            radius,
            half_length,
        } => vec![*radius, *half_length],
        Shape::Box { half, rounding } => half.iter().chain([rounding]).copied().collect(),
        other => panic!("a hand has no {other:?}"),
    }
}

#[test]
fn hands_of_scenes_are_those_of_their_files() {
    let (hands, mut met) = (library::all().unwrap(), 0);
    let of_grasps = all()
        .into_iter()
        .filter(|path| path.parent().unwrap().ends_with("grasp"));
    for path in of_grasps {
        let spec = Task::load(&path, 1.0).unwrap().spec;
        let found = &spec.tools[0];
        let names: Vec<&str> = found.joints.iter().map(|joint| &*joint.name).collect();
        let hand = hands.iter().find(|hand| hand.joint_names() == names);
        let hand = hand.unwrap_or_else(|| panic!("{}: {names:?}", path.display()));
        let root = Pose::from_rotation_vector(found.position.into(), &found.rotation.into());
        let positions: Vec<f64> = found.joints.iter().map(|joint| joint.position).collect();
        let known = tool::tool(hand, NAMES[0], &root, &positions);
        for (found, known) in found.joints.iter().zip(&known.joints) {
            assert_eq!((&found.on, found.kind), (&known.on, known.kind));
            let numbers =
                |joint: &backflow::sim::scene::spec::Joint| [joint.anchor, joint.axis].concat();
            assert!(
                near(&numbers(found), &numbers(known)),
                "{found:?} {known:?}"
            );
            assert!(
                near(&found.range.unwrap(), &known.range.unwrap()),
                "{found:?} {known:?}"
            );
        }
        let parts = tool::parts(hand);
        for found in &spec.colliders {
            let is = |part: &&tool::Part| {
                let known = tool::collider(hand, NAMES[0], part, Law::Sticky, 0.0);
                known.on == found.on
                    && near(&numbers(&known.shape), &numbers(&found.shape))
                    && near(&known.position, &found.position)
                    && near(&known.rotation, &found.rotation)
            };
            assert!(
                parts.iter().any(|part| is(&part)),
                "{}: {found:?}",
                path.display()
            );
        }
        met += 1;
    }
    assert!(met >= 2);
}
