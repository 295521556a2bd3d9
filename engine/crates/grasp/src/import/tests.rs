//! Hands that come back from other formats, and faults of files.

use std::path::Path;

use nalgebra::{Matrix3, Vector3};

use super::{Imported, read};
use crate::{
    Hand,
    hand::{
        kinematics::Posture,
        library,
        spec::{JointKind, ShapeSpec},
    },
    set::mjcf,
};

/// Frames of the links of both hands by name, where their joints are somewhere.
fn same_kinematics(one: &Hand, other: &Hand, tolerance: f64) {
    let angles = |hand: &Hand| -> Vec<f64> {
        hand.joints
            .iter()
            .zip(0_u64..)
            .map(|(joint, index)| {
                let t = crate::random::uniform(11, index);
                joint.range.0 + t * (joint.range.1 - joint.range.0)
            })
            .collect()
    };
    assert_eq!(one.joint_names(), other.joint_names());
    let place = |hand: &Hand| {
        let mut frames = hand.frames();
        let posture = Posture {
            position: Vector3::new(0.1, 0.2, -0.1),
            rotation: Matrix3::identity(),
            joints: angles(hand),
        };
        hand.place(&posture, &mut frames);
        frames
    };
    let (first, second) = (place(one), place(other));
    for (index, link) in one.spec.links.iter().enumerate() {
        let at = other
            .spec
            .links
            .iter()
            .position(|l| l.name == link.name)
            .unwrap();
        let off = (first.position[index] - second.position[at]).norm();
        let turn = (first.rotation[index] - second.rotation[at]).norm();
        assert!(
            off < tolerance && turn < tolerance,
            "{}: {off} {turn}",
            link.name
        );
    }
}

fn written(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn our_hands_come_back_from_mjcf() {
    for hand in library::all().unwrap() {
        let (_folder, path) = written("hand.xml", &mjcf::hand(&hand));
        let Imported { spec, remarks } = read(&path).unwrap();
        let back = Hand::new(spec.clone()).unwrap();
        same_kinematics(&hand, &back, 1e-12);
        assert_eq!(back.joints, hand.joints, "{}", hand.spec.name);
        let motors = |hand: &Hand| -> Vec<Vec<usize>> {
            hand.motors
                .iter()
                .map(|motor| motor.joints.clone())
                .collect()
        };
        assert_eq!(motors(&back), motors(&hand));
        assert_eq!(back.pairs, hand.pairs);
        assert_eq!(spec.may_overlap, hand.spec.may_overlap);
        assert_eq!(
            (spec.stiffness, spec.strongest),
            (hand.spec.stiffness, hand.spec.strongest)
        );
        // What the format holds exactly comes back exactly, but for rounding.
        let mut boxes = 0;
        for (link, old) in spec.links.iter().zip(&hand.spec.links) {
            assert!((link.mass - old.mass).abs() < 1e-12, "{}", link.name);
            assert_eq!(link.shapes.len(), old.shapes.len(), "{}", link.name);
            for (shape, old) in link.shapes.iter().zip(&old.shapes) {
                boxes += same_shape(shape, old, &link.name);
            }
        }
        let replaced = remarks
            .iter()
            .filter(|remark| remark.contains("stands for"))
            .count();
        assert_eq!(boxes, replaced, "{remarks:?}");
    }
}

/// Whether a shape is as it was; 1 for a loft, for which there is a box.
fn same_shape(shape: &ShapeSpec, old: &ShapeSpec, link: &str) -> usize {
    let near = |a: &[f64; 3], b: &[f64; 3]| (Vector3::from(*a) - Vector3::from(*b)).norm() < 1e-12;
    match (shape, old) {
        (
            ShapeSpec::Sphere { centre, radius },
            ShapeSpec::Sphere {
                centre: at,
                radius: wide,
            },
        ) => assert!(near(centre, at) && radius == wide, "{link}"),
        (
            ShapeSpec::Capsule { from, to, radius },
            ShapeSpec::Capsule {
                from: first,
                to: last,
                radius: wide,
            },
        ) => assert!(
            near(from, first) && near(to, last) && radius == wide,
            "{link}: {shape:?} {old:?}"
        ),
        (
            ShapeSpec::Cuboid { centre, half, .. },
            ShapeSpec::Cuboid {
                centre: at,
                half: wide,
                ..
            },
        ) => assert!(near(centre, at) && half == wide, "{link}"),
        (ShapeSpec::Cuboid { .. }, ShapeSpec::Loft { .. }) => return 1,
        _ => panic!("{link}: {shape:?} was {old:?}"),
    }
    0
}

#[test]
fn fingers_palm_and_rest_come_back_from_mjcf() {
    for hand in library::all().unwrap() {
        let (_folder, path) = written("hand.xml", &mjcf::hand(&hand));
        let Imported { spec, remarks } = read(&path).unwrap();
        assert!(
            !remarks.iter().any(|remark| remark.contains("guessed")),
            "{remarks:?}"
        );
        assert_eq!(spec.fingers.len(), hand.spec.fingers.len());
        for finger in &hand.spec.fingers {
            let back = spec
                .fingers
                .iter()
                .find(|other| other.name == finger.name)
                .unwrap();
            assert_eq!(back, finger);
        }
        let off =
            Vector3::from(spec.palm.approach) - Vector3::from(hand.spec.palm.approach).normalize();
        assert!(off.norm() < 1e-12 && spec.palm.centre == hand.spec.palm.centre);
        for (link, old) in spec.links.iter().zip(&hand.spec.links) {
            let rest =
                |joint: &Option<crate::hand::spec::JointSpec>| joint.as_ref().map(|j| j.rest);
            assert_eq!(rest(&link.joint), rest(&old.joint), "{}", link.name);
        }
    }
}

/// A URDF of the links, joints and simple shapes of a hand.
fn urdf(hand: &Hand) -> String {
    let mut text = format!("<robot name=\"{}\">\n", hand.spec.name);
    let rpy = |rotation: &[f64; 4]| {
        let turn = crate::hand::turn(rotation).unwrap();
        let (r, p, y) = nalgebra::Rotation3::from_matrix_unchecked(turn).euler_angles();
        format!("{r} {p} {y}")
    };
    let spaced = |v: &[f64; 3]| format!("{} {} {}", v[0], v[1], v[2]);
    for link in &hand.spec.links {
        text += &format!(
            "<link name=\"{}\"><inertial><mass value=\"{}\"/><inertia ixx=\"1e-6\" ixy=\"0\" ixz=\"0\" iyy=\"1e-6\" iyz=\"0\" izz=\"1e-6\"/></inertial>\n",
            link.name, link.mass
        );
        for shape in &link.shapes {
            match shape {
                ShapeSpec::Sphere { centre, radius } => {
                    text += &format!(
                        "<collision><origin xyz=\"{}\"/><geometry><sphere radius=\"{radius}\"/></geometry></collision>\n",
                        spaced(centre)
                    );
                }
                ShapeSpec::Cuboid {
                    centre,
                    half,
                    rotation,
                } => {
                    text += &format!(
                        "<collision><origin xyz=\"{}\" rpy=\"{}\"/><geometry><box size=\"{}\"/></geometry></collision>\n",
                        spaced(centre),
                        rpy(rotation),
                        spaced(&half.map(|h| 2.0 * h))
                    );
                }
                ShapeSpec::Capsule { .. } | ShapeSpec::Loft { .. } => {}
            }
        }
        text += "</link>\n";
        if let Some(parent) = &link.parent {
            let (kind, more) = match &link.joint {
                None => ("fixed", String::new()),
                Some(joint) => (
                    if joint.kind == JointKind::Hinge {
                        "revolute"
                    } else {
                        "prismatic"
                    },
                    format!(
                        "<axis xyz=\"{}\"/><limit lower=\"{}\" upper=\"{}\" effort=\"{}\" velocity=\"1\"/>",
                        spaced(&joint.axis),
                        joint.range.0,
                        joint.range.1,
                        hand.spec.strongest
                    ),
                ),
            };
            let name = link
                .joint
                .as_ref()
                .map_or_else(|| format!("to_{}", link.name), |joint| joint.name.clone());
            text += &format!(
                "<joint name=\"{name}\" type=\"{kind}\"><origin xyz=\"{}\" rpy=\"{}\"/><parent link=\"{parent}\"/><child link=\"{}\"/>{more}</joint>\n",
                spaced(&link.position),
                rpy(&link.rotation),
                link.name
            );
        }
    }
    text + "</robot>\n"
}

#[test]
fn our_hands_come_back_from_urdf() {
    for name in ["gripper", "allegro", "leap"] {
        let hand = library::named(name).unwrap();
        let (_folder, path) = written("hand.urdf", &urdf(&hand));
        let Imported { spec, .. } = read(&path).unwrap();
        let back = Hand::new(spec).unwrap();
        // Pitches of a right angle come out of an arc sine, with half of the digits.
        same_kinematics(&hand, &back, 1e-7);
        assert_eq!(back.spec.strongest, hand.spec.strongest);
        for (link, old) in back.spec.links.iter().zip(&hand.spec.links) {
            let kept = |shape: &&ShapeSpec| {
                matches!(shape, ShapeSpec::Sphere { .. } | ShapeSpec::Cuboid { .. })
            };
            let old_shapes: Vec<&ShapeSpec> = old.shapes.iter().filter(kept).collect();
            assert_eq!(link.shapes.len(), old_shapes.len());
            assert_eq!(link.mass, old.mass);
        }
    }
}

#[test]
fn a_palm_that_is_guessed_faces_where_the_fingers_close() {
    for name in ["allegro", "leap", "shadow"] {
        let hand = library::named(name).unwrap();
        let text = mjcf::hand(&hand);
        let plain: String = text
            .lines()
            .filter(|line| !line.contains("<site"))
            .map(|line| format!("{line}\n"))
            .collect();
        let (_folder, path) = written("hand.xml", &plain);
        let Imported { spec, remarks } = read(&path).unwrap();
        assert!(
            remarks
                .iter()
                .any(|remark| remark.contains("palm was guessed"))
        );
        assert_eq!(
            spec.fingers.len(),
            hand.spec.fingers.len(),
            "{name}: {remarks:?}"
        );
        let cosine = Vector3::from(spec.palm.approach)
            .dot(&Vector3::from(hand.spec.palm.approach).normalize());
        // Within 60 degrees.
        assert!(cosine > 0.5, "{name}: {:?} {cosine}", spec.palm);
    }
}

#[test]
fn bodies_with_several_joints_and_anchors_become_links() {
    let text = r#"<mujoco model="two"><compiler angle="radian"/><worldbody><body name="palm">
        <geom type="box" size=".03 .03 .01"/>
        <body name="a" pos="0 .02 0"><joint name="a1" pos="0 0 .01" axis="1 0 0" range="-1 1"/>
            <joint name="a2" pos="0 .01 0" axis="0 0 1" range="-1 1"/>
            <geom type="capsule" fromto="0 0 0 0 .05 0" size=".01"/></body>
        <body name="b" pos="0 -.02 0"><joint name="b1" axis="1 0 0" range="-1 1"/>
            <geom type="cylinder" size=".01 .03" pos="0 -.03 0"/></body>
        </body></worldbody></mujoco>"#;
    let (_folder, path) = written("hand.xml", text);
    let Imported { spec, remarks } = read(&path).unwrap();
    assert!(
        remarks.iter().any(|remark| remark.contains("cylinder")),
        "{remarks:?}"
    );
    let hand = Hand::new(spec).unwrap();
    assert_eq!(hand.joint_names(), ["a1", "a2", "b1"]);
    // The origin of `a` by hand: turned about the second axis first, then about the first.
    let (a1, a2) = (0.4, -0.7);
    let mut frames = hand.frames();
    let posture = Posture {
        position: Vector3::zeros(),
        rotation: Matrix3::identity(),
        joints: vec![a1, a2, 0.0],
    };
    hand.place(&posture, &mut frames);
    let about = |axis: Vector3<f64>, angle: f64, anchor: Vector3<f64>, p: Vector3<f64>| {
        nalgebra::Rotation3::from_scaled_axis(axis * angle) * (p - anchor) + anchor
    };
    let inner = about(
        Vector3::z(),
        a2,
        Vector3::new(0.0, 0.01, 0.0),
        Vector3::zeros(),
    );
    let outer = about(Vector3::x(), a1, Vector3::new(0.0, 0.0, 0.01), inner);
    let expected = outer + Vector3::new(0.0, 0.02, 0.0);
    let at = hand
        .spec
        .links
        .iter()
        .position(|link| link.name == "a")
        .unwrap();
    assert!(
        (frames.position[at] - expected).norm() < 1e-12,
        "{:?}",
        frames.position[at]
    );
}

#[test]
fn faults_of_files_name_element_and_value() {
    let says = |name: &str, text: &str, words: &[&str]| {
        let (_folder, path) = written(name, text);
        let error = read(Path::new(&path)).unwrap_err().to_string();
        for word in words.iter().chain(&[name]) {
            assert!(error.contains(word), "{error}");
        }
    };
    says("a.xml", "<mujoco><worldbody>", &["MJCF"]);
    says("b.xml", "<mujoco><worldbody/></mujoco>", &["<worldbody>"]);
    says(
        "c.xml",
        r#"<mujoco><worldbody><body name="p"><body name="q"><joint name="w" type="ball"/></body></body></worldbody></mujoco>"#,
        &["w", "Ball"],
    );
    says(
        "d.xml",
        r#"<mujoco><worldbody><body name="p"><body name="q">
<joint name="w" axis="1 z 0"/></body></body></worldbody></mujoco>"#,
        &["line 2", "joint", "w", "axis", "1 z 0"],
    );
    says("e.urdf", "<robot>", &["URDF"]);
    let chain = |joint: &str| {
        format!(
            r#"<robot name="r"><link name="p"/><link name="q"/><joint name="j" {joint}</joint></robot>"#
        )
    };
    let ends = r#"<parent link="p"/><child link="q"/>"#;
    says(
        "f.urdf",
        &chain(&format!(r#"type="floating">{ends}"#)),
        &["j", "Floating"],
    );
    says(
        "g.urdf",
        &chain(&format!(
            r#"type="revolute">{ends}<limit lower="1" upper="-1" effort="1" velocity="1"/>"#
        )),
        &["j", "lower=\"1\""],
    );
    says(
        "h.urdf",
        &chain(r#"type="fixed"><parent link="p"/><child link="gone"/>"#),
        &["j", "gone"],
    );
    says(
        "i.urdf",
        r#"<robot name="r"><link name="p"/><link name="q"/></robot>"#,
        &["p, q"],
    );
    says(
        "k.urdf",
        r#"<robot name="r"><link name="p"><collision><geometry><mesh filename="gone.stl"/></geometry></collision></link></robot>"#,
        &["gone.stl", "p"],
    );
}
