//! Hands and scenes as MJCF, MuJoCo's format.

use std::{f64::consts::PI, fmt::Write};

use nalgebra::{UnitQuaternion, Vector3};

use super::{GraspEntry, GraspSet};
use crate::hand::{
    Hand,
    shape::Ball,
    spec::{HandSpec, JointKind, JointSpec, LinkSpec, ShapeSpec},
};

/// Damping (N m s / rad), dry friction (N m) and rotor inertia (kg m^2) of hinges, which hand
/// files do not give: those that MuJoCo Menagerie uses for the Shadow hand.
const HINGE: &str = r#"damping="0.05" armature="0.0002" frictionloss="0.01""#;
/// Damping (N s / m) and inertia (kg) of slides: about critical for jaws of 0.05 kg on springs
/// of 2 N / mm.
const SLIDE: &str = r#"damping="20" armature="0.01""#;

/// The model of a hand: bodies, joints, shapes, tendons and position motors; sites for palm and
/// pads, and where it starts as the keyframe `rest`.
pub fn hand(hand: &Hand) -> String {
    let mut text = String::new();
    let spec = &hand.spec;
    line(&mut text, 0, &format!(r#"<mujoco model="{}">"#, spec.name));
    line(
        &mut text,
        1,
        r#"<compiler angle="radian" autolimits="true"/>"#,
    );
    line(&mut text, 1, r#"<option cone="elliptic" impratio="10"/>"#);
    parts(&mut text, hand, None);
    let joints = spec.links.iter().filter_map(|link| link.joint.as_ref());
    let rest: Vec<f64> = joints.map(|joint| joint.rest).collect();
    line(&mut text, 1, "<keyframe>");
    line(
        &mut text,
        2,
        &format!(r#"<key name="rest" qpos="{}"/>"#, spaced(&rest)),
    );
    line(&mut text, 1, "</keyframe>");
    line(&mut text, 0, "</mujoco>");
    text
}

/// A scene with a hand at a grasp and its object, free of gravity: keyframes `pregrasp`,
/// `grasp` and `squeeze`. `meshes` are the files of the object's convex parts as MuJoCo is to
/// find them.
pub fn scene(hand: &Hand, set: &GraspSet, grasp: &GraspEntry, meshes: &[String]) -> String {
    let mut text = String::new();
    let (object, s) = (&set.object, set.object.scale);
    line(
        &mut text,
        0,
        &format!(r#"<mujoco model="{} and object">"#, hand.spec.name),
    );
    line(
        &mut text,
        1,
        r#"<compiler angle="radian" autolimits="true"/>"#,
    );
    line(
        &mut text,
        1,
        r#"<option timestep="0.004" integrator="implicitfast" gravity="0 0 0" cone="elliptic" impratio="10" noslip_iterations="2"/>"#,
    );
    parts(&mut text, hand, Some((object, meshes)));
    line(&mut text, 1, "<asset>");
    for (index, mesh) in meshes.iter().enumerate() {
        line(
            &mut text,
            2,
            &format!(r#"<mesh name="object{index}" file="{mesh}" scale="{s} {s} {s}"/>"#),
        );
    }
    line(&mut text, 1, "</asset>");
    line(&mut text, 1, "<keyframe>");
    for (name, angles) in [
        ("pregrasp", &grasp.pregrasp),
        ("grasp", &grasp.grasp),
        ("squeeze", &grasp.squeeze),
    ] {
        let root = grasp.pos.iter().chain(&grasp.quat);
        let numbers: Vec<f64> = root.chain(angles).chain(&object.pose).copied().collect();
        line(
            &mut text,
            2,
            &format!(r#"<key name="{name}" qpos="{}"/>"#, spaced(&numbers)),
        );
    }
    line(&mut text, 1, "</keyframe>");
    line(&mut text, 0, "</mujoco>");
    text
}

/// Everything but the head and what only scenes have.
fn parts(text: &mut String, hand: &Hand, object: Option<(&super::ObjectEntry, &[String])>) {
    let spec = &hand.spec;
    line(text, 1, "<asset>");
    for (index, link) in spec.links.iter().enumerate() {
        let lofts = link
            .shapes
            .iter()
            .enumerate()
            .filter(|(_, shape)| matches!(shape, ShapeSpec::Loft { .. }));
        for (at, shape) in lofts {
            let points: Vec<f64> = crate::hand::shape::surface(shape)
                .iter()
                .flat_map(|Ball { centre, .. }| [centre.x, centre.y, centre.z])
                .collect();
            line(
                text,
                2,
                &format!(
                    r#"<mesh name="loft{index}_{at}" vertex="{}"/>"#,
                    spaced(&points)
                ),
            );
        }
    }
    line(text, 1, "</asset>");
    line(text, 1, "<worldbody>");
    body(text, hand, 0, 2, object.is_some());
    if let Some((object, meshes)) = object {
        let [x, y, z, w, i, j, k] = object.pose;
        line(
            text,
            2,
            &format!(r#"<body name="object" pos="{x} {y} {z}" quat="{w} {i} {j} {k}">"#),
        );
        line(text, 3, r#"<freejoint name="object_free"/>"#);
        let [slide, turn] = object.friction;
        for index in 0..meshes.len() {
            let mass = object.mass / meshes.len() as f64;
            line(
                text,
                3,
                &format!(
                    r#"<geom type="mesh" mesh="object{index}" mass="{mass}" condim="4" friction="{slide} {turn} 0.0001"/>"#
                ),
            );
        }
        line(text, 2, "</body>");
    }
    line(text, 1, "</worldbody>");
    line(text, 1, "<contact>");
    for (a, b) in &spec.may_overlap {
        line(text, 2, &format!(r#"<exclude body1="{a}" body2="{b}"/>"#));
    }
    line(text, 1, "</contact>");
    line(text, 1, "<tendon>");
    for tendon in &spec.tendons {
        line(text, 2, &format!(r#"<fixed name="{}">"#, tendon.name));
        for joint in &tendon.joints {
            line(text, 3, &format!(r#"<joint joint="{joint}" coef="1"/>"#));
        }
        line(text, 2, "</fixed>");
    }
    line(text, 1, "</tendon>");
    line(text, 1, "<actuator>");
    let pulled = |name: &str| {
        spec.tendons
            .iter()
            .any(|tendon| tendon.joints.iter().any(|joint| joint == name))
    };
    let own = hand.joint_names().into_iter().filter(|name| !pulled(name));
    let motors = own.map(|name| ("joint", name)).chain(
        spec.tendons
            .iter()
            .map(|tendon| ("tendon", tendon.name.as_str())),
    );
    for (kind, name) in motors {
        let (kp, most) = (spec.stiffness, spec.strongest);
        line(
            text,
            2,
            &format!(
                r#"<position name="{name}_motor" {kind}="{name}" kp="{kp}" forcerange="-{most} {most}"/>"#
            ),
        );
    }
    line(text, 1, "</actuator>");
}

/// A link with all that hangs on it.
fn body(text: &mut String, hand: &Hand, index: usize, depth: usize, free: bool) {
    let link: &LinkSpec = &hand.spec.links[index];
    line(
        text,
        depth,
        &format!(
            r#"<body name="{}" pos="{}" quat="{}">"#,
            link.name,
            spaced(&link.position),
            spaced(&link.rotation)
        ),
    );
    if index == 0 && free {
        line(text, depth + 1, r#"<freejoint name="hand_free"/>"#);
    }
    if let Some(JointSpec {
        name,
        kind,
        axis,
        range,
        ..
    }) = &link.joint
    {
        let (kind, rest) = match kind {
            JointKind::Hinge => ("hinge", HINGE),
            JointKind::Slide => ("slide", SLIDE),
        };
        line(
            text,
            depth + 1,
            &format!(
                r#"<joint name="{name}" type="{kind}" axis="{}" range="{} {}" {rest}/>"#,
                spaced(axis),
                range.0,
                range.1
            ),
        );
    }
    if link.shapes.is_empty() {
        line(
            text,
            depth + 1,
            &format!(
                r#"<inertial pos="0 0 0" mass="{}" diaginertia="1e-6 1e-6 1e-6"/>"#,
                link.mass
            ),
        );
    }
    for (at, shape) in link.shapes.iter().enumerate() {
        let geom = match shape {
            ShapeSpec::Sphere { centre, radius } => {
                format!(r#"type="sphere" pos="{}" size="{radius}""#, spaced(centre))
            }
            ShapeSpec::Capsule { from, to, radius } => {
                format!(
                    r#"type="capsule" fromto="{} {}" size="{radius}""#,
                    spaced(from),
                    spaced(to)
                )
            }
            ShapeSpec::Cuboid {
                centre,
                half,
                rotation,
            } => format!(
                r#"type="box" pos="{}" quat="{}" size="{}""#,
                spaced(centre),
                spaced(rotation),
                spaced(half)
            ),
            // Its points are in the frame of the link.
            ShapeSpec::Loft { .. } => format!(r#"type="mesh" mesh="loft{index}_{at}""#),
        };
        let mass = link.mass / link.shapes.len() as f64;
        line(text, depth + 1, &format!(r#"<geom {geom} mass="{mass}"/>"#));
    }
    sites(text, &hand.spec, index, depth + 1);
    for child in 0..hand.links.len() {
        if hand.links[child].parent == Some(index) {
            body(text, hand, child, depth + 1, free);
        }
    }
    line(text, depth, "</body>");
}

/// What [`crate::import`] finds pads and palm by.
fn sites(text: &mut String, spec: &HandSpec, index: usize, depth: usize) {
    if index == 0 {
        let approach = Vector3::from(spec.palm.approach);
        let turn = UnitQuaternion::rotation_between(&Vector3::z(), &approach)
            .unwrap_or_else(|| UnitQuaternion::from_axis_angle(&Vector3::x_axis(), PI));
        line(
            text,
            depth,
            &format!(
                r#"<site name="palm" pos="{}" quat="{}" size="0.005"/>"#,
                spaced(&spec.palm.centre),
                spaced(&[turn.w, turn.i, turn.j, turn.k])
            ),
        );
    }
    let link = &spec.links[index].name;
    for finger in spec.fingers.iter().filter(|finger| finger.link == *link) {
        line(
            text,
            depth,
            &format!(
                r#"<site name="pad {}" pos="{}" size="{}"/>"#,
                finger.name,
                spaced(&finger.pad),
                finger.radius
            ),
        );
    }
}

fn line(text: &mut String, depth: usize, content: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{:width$}{content}", "", width = 2 * depth);
}

fn spaced(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
    numbers.join(" ")
}

#[cfg(test)]
mod tests {
    use crate::hand::library;

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
}
