//! A hand as an articulated tool: its joints, and the solids that they carry.
//!
//! The frames of a tool have no turn of their own at position zero, those of the links of a
//! hand have. So the frame that joint `j` carries is the one at the origin of its link that is
//! parallel to the root when all joints are at zero. With the rotation `R_l^0` and the origin
//! `x_l^0` of a link at zero, in the frame of the root, and the frame `F` of the joint that
//! carries it, the link is at `R_l = F R_l^0`, whatever the joints: `R^0 exp(a q) = exp(R^0 a q)
//! R^0`.

use backflow_sim::{
    pose::{Pose, log},
    scene::spec::{
        Attachment, Collider, Joint, JointKind, Law, Limits, Motion, Shape, Stage, Tool,
    },
};
use nalgebra::{Matrix3, Rotation3, Vector3};

use crate::hand::{
    Hand,
    kinematics::{Frames, Posture},
    shape::{Block, Segment},
    spec,
};

/// A solid of a link.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Index of the link.
    pub link: usize,
    /// The solid.
    pub shape: Shape,
    /// Where it is in the frame of the link.
    pub place: Pose<f64>,
    /// Points of it in the frame of the link (m), ends or corners and what is between.
    pub points: Vec<Vector3<f64>>,
    /// How far its surface is from the points at most (m).
    pub reach: f64,
}

/// The solids of all links: boxes, and segments with a radius as capsules or balls. What is a
/// loft in the hand is segments here, see [`Link::segments`](crate::hand::Link::segments).
pub fn parts(hand: &Hand) -> Vec<Part> {
    let mut parts = Vec::new();
    for (link, part) in hand.links.iter().enumerate() {
        let blocks = part.blocks.iter().map(|block| of_block(link, block));
        parts.extend(blocks);
        parts.extend(part.segments.iter().map(|given| of_segment(link, given)));
    }
    parts
}

fn of_segment(link: usize, segment: &Segment) -> Part {
    let (shape, place) = segment_solid(segment);
    Part {
        link,
        shape,
        points: vec![segment.from, place.position, segment.to],
        place,
        reach: segment.radius,
    }
}

/// A segment with a radius as a capsule, or as a ball if it has no length.
pub(super) fn segment_solid(segment: &Segment) -> (Shape, Pose<f64>) {
    let (way, radius) = (segment.to - segment.from, segment.radius);
    let half_length = 0.5 * way.norm();
    let position = (segment.from + segment.to) * 0.5;
    if half_length == 0.0 {
        let rotation = Matrix3::identity();
        return (Shape::Sphere { radius }, Pose { position, rotation });
    }
    // Capsules lie along y; of opposite directions any turn will do.
    let turn = Rotation3::rotation_between(&Vector3::y(), &way)
        .unwrap_or_else(|| Rotation3::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI));
    let place = Pose {
        position,
        rotation: turn.into_inner(),
    };
    let shape = Shape::Capsule {
        radius,
        half_length,
    };
    (shape, place)
}

fn of_block(link: usize, block: &Block) -> Part {
    let (shape, place) = block_solid(block);
    let lattice = (0..27).map(|index: u32| {
        let step = |unit: u32| f64::from(index / unit % 3) - 1.0;
        let steps = Vector3::new(step(1), step(3), step(9));
        place.apply(&block.half.component_mul(&steps))
    });
    Part {
        link,
        shape,
        points: lattice.collect(),
        reach: 0.0,
        place,
    }
}

/// A box.
pub(super) fn block_solid(block: &Block) -> (Shape, Pose<f64>) {
    let place = Pose {
        position: block.centre,
        rotation: block.rotation,
    };
    let shape = Shape::Box {
        half: block.half.into(),
        rounding: 0.0,
    };
    (shape, place)
}

/// The frames of the links in that of the root when all joints are at zero.
fn at_zero(hand: &Hand) -> Frames<f64> {
    let mut frames = hand.frames();
    let posture = Posture {
        position: Vector3::zeros(),
        rotation: Matrix3::identity(),
        joints: vec![0.0; hand.joints.len()],
    };
    hand.place(&posture, &mut frames);
    frames
}

/// The joint that a link moves with: its own, or that of the first above it that has one.
fn carrier(hand: &Hand, link: usize) -> Option<usize> {
    let mut chain = std::iter::successors(Some(link), |&link| hand.links[link].parent);
    chain.find_map(|link| hand.links[link].joint)
}

/// The hand as a tool of this name that starts at a pose of its root and at joint positions
/// (rad, m), in the hand's order. It holds still.
///
/// Tendons are left out: every joint moves on its own, within its range.
pub fn tool(hand: &Hand, name: &str, root: &Pose<f64>, positions: &[f64]) -> Tool {
    let (zero, names) = (at_zero(hand), hand.joint_names());
    let joint = |(index, joint): (usize, &crate::hand::Joint)| {
        let above = hand.links[joint.link]
            .parent
            .and_then(|parent| carrier(hand, parent));
        let origin = above.map_or(Vector3::zeros(), |above| {
            zero.position[hand.joints[above].link]
        });
        let position = positions.get(index).copied().unwrap_or_default();
        Joint {
            name: names[index].to_owned(),
            kind: match joint.kind {
                spec::JointKind::Hinge => JointKind::Hinge,
                spec::JointKind::Slide => JointKind::Slider,
            },
            on: above.map(|above| names[above].to_owned()),
            anchor: (zero.position[joint.link] - origin).into(),
            axis: (zero.rotation[joint.link] * joint.axis).into(),
            position,
            // A start beyond a limit, by round-off or by another's file, stays where it is.
            range: Some([joint.range.0.min(position), joint.range.1.max(position)]),
            speed: None,
        }
    };
    Tool {
        name: name.to_owned(),
        position: root.position.into(),
        rotation: log(&root.rotation).into(),
        joints: hand.joints.iter().enumerate().map(joint).collect(),
        motion: Motion::Hold,
        policy: None,
        limits: Limits::default(),
    }
}

/// A solid of a hand on the tool of this name, which holds matter by `law` within `width` (m).
pub fn collider(hand: &Hand, tool: &str, part: &Part, law: Law, width: f64) -> Collider {
    let zero = at_zero(hand);
    let joint = carrier(hand, part.link);
    let origin = joint.map_or(Vector3::zeros(), |joint| {
        zero.position[hand.joints[joint].link]
    });
    let link = Pose {
        position: zero.position[part.link] - origin,
        rotation: zero.rotation[part.link],
    };
    let place = link.compose(&part.place);
    Collider {
        name: hand.spec.links[part.link].name.clone(),
        shape: part.shape.clone(),
        position: place.position.into(),
        rotation: log(&place.rotation).into(),
        law,
        width,
        pins: false,
        on: match joint {
            Some(joint) => Attachment::Part(tool.to_owned(), hand.joint_names()[joint].to_owned()),
            None => Attachment::Tool(tool.to_owned()),
        },
        stage: Stage::Grid,
    }
}
