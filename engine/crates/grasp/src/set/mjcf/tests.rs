//! Models and scenes as text.

use super::*;
use crate::{
    hand::{
        library,
        spec::{SectionSpec, ShapeSpec},
    },
    object::surroundings::{HalfSpace, SurroundingsSpec},
    set::{HandEntry, ObjectEntry},
};

#[test]
fn every_link_joint_and_motor_is_in_the_model() {
    for hand in library::all().unwrap() {
        let text = super::hand(&hand);
        for link in &hand.spec.links {
            assert_eq!(
                text.matches(&format!(r#"<body name="{}""#, link.name))
                    .count(),
                1
            );
        }
        for joint in hand.joint_names() {
            assert_eq!(
                text.matches(&format!(r#"<joint name="{joint}""#)).count(),
                1
            );
        }
        assert_eq!(text.matches("<position ").count(), hand.motors.len());
        assert_eq!(
            text.matches("<body ").count(),
            text.matches("</body>").count()
        );
        assert_eq!(hand.spec.links[0].position, [0.0; 3]);
    }
}

/// A shape of each kind.
pub(crate) fn shapes() -> Vec<ShapeSpec> {
    let section = |z: f64| SectionSpec {
        z,
        middle: 0.0,
        radii: vec![0.02; 3],
    };
    vec![
        ShapeSpec::Sphere {
            centre: [0.3, 0.0, 0.0],
            radius: 0.02,
        },
        ShapeSpec::Capsule {
            from: [0.0, 0.3, 0.0],
            to: [0.0, 0.3, 0.1],
            radius: 0.02,
        },
        ShapeSpec::Cuboid {
            centre: [0.0, -0.3, 0.0],
            half: [0.1, 0.02, 0.1],
            rotation: [1.0, 0.0, 0.0, 0.2],
        },
        ShapeSpec::Loft {
            position: [-0.3, 0.0, 0.0],
            rotation: [1.0, 0.0, 0.0, 0.0],
            sections: vec![section(0.0), section(0.1)],
        },
    ]
}

#[test]
fn a_scene_has_what_stands_about_the_object() {
    let hand = library::named("gripper").unwrap();
    let entry = entry();
    let mut object = ObjectEntry::new("cube.obj", 0.02);
    object.pose = [0.5, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let mut set = GraspSet::new(&hand, HandEntry::new("hand.xml"), object, &[]);
    let meshes = ["cube.obj".to_owned()];
    let without = scene(&hand, &set, &entry, &meshes).unwrap();
    assert!(!without.contains("surrounding"));
    set.object.surroundings = SurroundingsSpec {
        planes: vec![HalfSpace {
            point: [0.0, 0.0, -0.02],
            normal: [0.0, 0.0, 3.0],
        }],
        shapes: shapes(),
        ..SurroundingsSpec::default()
    };
    let with = scene(&hand, &set, &entry, &meshes).unwrap();
    let body = with.split(r#"<body name="surroundings" "#).nth(1).unwrap();
    let body = body.split("</body>").next().unwrap();
    assert!(
        body.starts_with(r#"pos="0.5 0 0" quat="0 1 0 0">"#),
        "{body}"
    );
    for kind in ["plane", "sphere", "capsule", "box", "mesh"] {
        let word = format!(r#"<geom type="{kind}""#);
        assert_eq!(body.matches(&word).count(), 1, "{kind}: {body}");
    }
    assert!(with.contains(r#"<mesh name="surrounding3" vertex=""#));
    assert_eq!(
        with.matches("<body ").count(),
        with.matches("</body>").count()
    );
}

/// A grasp whose every number is another one.
fn entry() -> GraspEntry {
    GraspEntry {
        pos: [0.1, 0.2, 0.3],
        quat: [1.0, 0.0, 0.0, 0.0],
        pregrasp: vec![0.01, 0.02],
        grasp: vec![0.03, 0.04],
        squeeze: vec![0.05, 0.06],
        pregrasp_pose: Some([0.7, 0.8, 0.9, 0.0, 1.0, 0.0, 0.0]),
        squeeze_pose: None,
        score: None,
    }
}

#[test]
fn keyframes_have_the_joints_of_the_hand_in_its_order_and_the_root_where_it_is() {
    let hand = library::named("gripper").unwrap();
    let object = ObjectEntry::new("a&b.obj", 0.02);
    let mut set = GraspSet::new(&hand, HandEntry::new("hand.xml"), object, &[]);
    set.joint_names.reverse();
    let text = scene(&hand, &set, &entry(), &["a&b.obj".to_owned()]).unwrap();
    let here = "0 0 0 1 0 0 0";
    for key in [
        format!(r#"<key name="pregrasp" qpos="0.7 0.8 0.9 0 1 0 0 0.02 0.01 {here}"/>"#),
        format!(r#"<key name="grasp" qpos="0.1 0.2 0.3 1 0 0 0 0.04 0.03 {here}"/>"#),
        format!(r#"<key name="squeeze" qpos="0.1 0.2 0.3 1 0 0 0 0.06 0.05 {here}"/>"#),
    ] {
        assert!(text.contains(&key), "{key} {text}");
    }
    assert!(text.contains(r#"file="a&amp;b.obj""#));
    set.joint_names[0] = "thumb".to_owned();
    let said = scene(&hand, &set, &entry(), &[]).unwrap_err().to_string();
    assert!(
        said.contains("thumb") && said.contains("joint_names"),
        "{said}"
    );
}
