//! Bodies with any number of joints, as links with at most one.

use nalgebra::{Isometry3, UnitQuaternion, Vector3};

use crate::hand::spec::{JointKind, JointSpec, LinkSpec, ShapeSpec};

/// A rigid part with the joints by which it moves against its parent, the first outermost.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub name: String,
    /// Index of the parent, which comes before; none for the root.
    pub parent: Option<usize>,
    /// Frame in that of the parent.
    pub pose: Isometry3<f64>,
    pub joints: Vec<BodyJoint>,
    /// Mass (kg).
    pub mass: f64,
    pub shapes: Vec<ShapeSpec>,
}

/// A joint in the frame of its body.
#[derive(Debug, Clone)]
pub(super) struct BodyJoint {
    pub name: String,
    pub kind: JointKind,
    /// A point of the axis (m).
    pub anchor: Vector3<f64>,
    pub axis: Vector3<f64>,
    pub range: (f64, f64),
    /// Where it starts.
    pub rest: f64,
}

/// Mass (kg) of links that carry nothing: enough not to be none.
const NO_MASS: f64 = 1e-6;

/// Shortest way (m) that counts as one.
const NEAR: f64 = 1e-12;

/// The links of bodies. A body becomes one link if it has one joint at most, through its origin;
/// else a link for each joint, and one that carries its shapes, which has its name.
pub(super) fn links(bodies: &[Body]) -> Vec<LinkSpec> {
    let mut links = Vec::new();
    for body in bodies {
        let mut parent = body.parent.map(|parent| bodies[parent].name.clone());
        let turn = body.pose.rotation;
        // Where the next link starts, in the frame of the link before it.
        let mut at = body.pose.translation.vector;
        let mut rotation = turn;
        let mut before = Vector3::zeros();
        for (index, joint) in body.joints.iter().enumerate() {
            let anchor = match joint.kind {
                JointKind::Hinge => joint.anchor,
                JointKind::Slide => before, // anywhere will do
            };
            let place = at + rotation * (anchor - before);
            let last = index + 1 == body.joints.len() && anchor.norm() < NEAR;
            let name = if last {
                body.name.clone()
            } else {
                format!("{}_{}", body.name, joint.name)
            };
            links.push(LinkSpec {
                name: name.clone(),
                parent: parent.clone(),
                position: place.into(),
                rotation: quaternion(&rotation),
                joint: Some(JointSpec {
                    name: joint.name.clone(),
                    kind: joint.kind,
                    axis: joint.axis.into(),
                    range: joint.range,
                    rest: joint.rest,
                }),
                mass: if last { body.mass } else { NO_MASS },
                shapes: if last {
                    body.shapes.clone()
                } else {
                    Vec::new()
                },
            });
            parent = Some(name);
            (at, rotation, before) = (Vector3::zeros(), UnitQuaternion::identity(), anchor);
            if last {
                before = Vector3::zeros();
            }
        }
        let done = links
            .last()
            .is_some_and(|link: &LinkSpec| link.name == body.name);
        if !done {
            let place = at + rotation * -before;
            links.push(LinkSpec {
                name: body.name.clone(),
                parent,
                position: place.into(),
                rotation: quaternion(&rotation),
                joint: None,
                mass: body.mass,
                shapes: body.shapes.clone(),
            });
        }
    }
    // The pose of the root is that of the hand.
    if let Some(root) = links.first_mut() {
        root.position = [0.0; 3];
        root.rotation = [1.0, 0.0, 0.0, 0.0];
    }
    links
}

/// `[w, x, y, z]`.
pub(super) fn quaternion(turn: &UnitQuaternion<f64>) -> [f64; 4] {
    [turn.w, turn.i, turn.j, turn.k]
}
