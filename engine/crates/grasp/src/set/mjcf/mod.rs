//! Hands and scenes as MJCF, MuJoCo's format.

pub(crate) mod geom;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use super::{GraspEntry, GraspSet};
use crate::{
    GraspError,
    hand::{
        Hand,
        spec::{HandSpec, JointKind, JointSpec, LinkSpec},
    },
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

/// A scene with a hand at a grasp, its object and what stands about it, free of gravity: keyframes
/// `pregrasp`, `grasp` and `squeeze`. `meshes` are the files of the object's convex parts as MuJoCo is to
/// find them.
///
/// # Errors
/// A joint of the set that the hand does not have, or one of the hand that it does not name.
pub fn scene(
    hand: &Hand,
    set: &GraspSet,
    grasp: &GraspEntry,
    meshes: &[String],
) -> Result<String, GraspError> {
    let order = set.order(hand)?;
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
            &format!(
                r#"<mesh name="object{index}" file="{}" scale="{s} {s} {s}"/>"#,
                escaped(mesh)
            ),
        );
    }
    line(&mut text, 1, "</asset>");
    line(&mut text, 1, "<keyframe>");
    let ([x, y, z], [w, i, j, k]) = (grasp.pos, grasp.quat);
    let root = [x, y, z, w, i, j, k];
    for (name, other, angles) in [
        ("pregrasp", grasp.pregrasp_pose, &grasp.pregrasp),
        ("grasp", None, &grasp.grasp),
        ("squeeze", grasp.squeeze_pose, &grasp.squeeze),
    ] {
        let joints = order.iter().filter_map(|&place| angles.get(place));
        let root = other.unwrap_or(root);
        let numbers: Vec<f64> = root
            .iter()
            .chain(joints)
            .chain(&object.pose)
            .copied()
            .collect();
        line(
            &mut text,
            2,
            &format!(r#"<key name="{name}" qpos="{}"/>"#, spaced(&numbers)),
        );
    }
    line(&mut text, 1, "</keyframe>");
    line(&mut text, 0, "</mujoco>");
    Ok(text)
}

/// Everything but the head and what only scenes have.
fn parts(text: &mut String, hand: &Hand, object: Option<(&super::ObjectEntry, &[String])>) {
    let spec = &hand.spec;
    line(text, 1, "<asset>");
    for (index, link) in spec.links.iter().enumerate() {
        for (at, shape) in link.shapes.iter().enumerate() {
            geom::mesh(text, shape, &format!("loft{index}_{at}"));
        }
    }
    if let Some((object, _)) = object {
        for (at, shape) in object.surroundings.shapes.iter().enumerate() {
            geom::mesh(text, shape, &format!("surrounding{at}"));
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
        surroundings(text, object);
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

/// What stands about the object, as a body that does not move where the object starts.
fn surroundings(text: &mut String, object: &super::ObjectEntry) {
    let around = &object.surroundings;
    if around.is_empty() {
        return;
    }
    let [x, y, z, w, i, j, k] = object.pose;
    line(
        text,
        2,
        &format!(r#"<body name="surroundings" pos="{x} {y} {z}" quat="{w} {i} {j} {k}">"#),
    );
    let planes = around.planes.iter().map(geom::plane);
    let shapes = around.shapes.iter().enumerate();
    let shapes = shapes.map(|(at, shape)| geom::attributes(shape, &format!("surrounding{at}")));
    let [slide, turn] = object.friction;
    for geom in planes.chain(shapes) {
        line(
            text,
            3,
            &format!(r#"<geom {geom} condim="4" friction="{slide} {turn} 0.0001"/>"#),
        );
    }
    line(text, 2, "</body>");
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
        let geom = geom::attributes(shape, &format!("loft{index}_{at}"));
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
        line(
            text,
            depth,
            &format!(
                r#"<site name="palm" pos="{}" quat="{}" size="0.005"/>"#,
                spaced(&spec.palm.centre),
                spaced(&geom::upright(&spec.palm.approach))
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

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('"', "&quot;")
}

fn spaced(numbers: &[f64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
    numbers.join(" ")
}
