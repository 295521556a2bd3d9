//! Hands: links, joints, motors, shapes.

pub mod batch;
pub mod kinematics;
pub mod library;
mod motors;
pub mod shape;
pub mod spec;

use std::ops::Range;

use nalgebra::{Matrix3, Quaternion, UnitQuaternion, Vector3};

use crate::GraspError;
use kinematics::Frames;
use shape::{Ball, Block, Segment};
use spec::{HandSpec, JointKind};

/// A hand that is ready for use.
#[derive(Debug, Clone, PartialEq)]
pub struct Hand {
    /// What the file says.
    pub spec: HandSpec,
    /// Links, each after its parent.
    pub links: Vec<Link>,
    /// Joints, in the order of their links.
    pub joints: Vec<Joint>,
    /// Motors, in the order of their first joints.
    pub motors: Vec<Motor>,
    /// Fingers.
    pub fingers: Vec<Finger>,
    /// Pairs of links that must not overlap, the first the lower.
    pub pairs: Vec<(usize, usize)>,
    /// Least sums of the normal forces of some fingers.
    pub pressures: Vec<(Vec<usize>, f64)>,
}

/// A rigid part.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Index of the parent.
    pub parent: Option<usize>,
    /// Origin in the frame of the parent (m).
    pub position: Vector3<f64>,
    /// Turn in the frame of the parent.
    pub rotation: Matrix3<f64>,
    /// Index of the joint that moves it.
    pub joint: Option<usize>,
    /// Balls that cover it, some of them a little larger than it.
    pub balls: Vec<Ball>,
    /// Parts of them, each with a ball around it.
    pub clusters: Vec<Patch>,
    /// Segments with a radius, which stand for it among the other links, but for its boxes.
    pub segments: Vec<Segment>,
    /// Its boxes.
    pub blocks: Vec<Block>,
    /// Points on its surface, or balls inside that reach it, fine enough to touch with.
    pub surface: Vec<Ball>,
    /// Parts of the surface, each with a ball around it.
    pub patches: Vec<Patch>,
    /// Centre (m) and radius (m) of a ball around it all.
    pub bound: Ball,
}

/// Some of the balls of a link that lie side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// A ball around them.
    pub bound: Ball,
    /// Which they are.
    pub balls: Range<usize>,
}

/// A joint.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    /// Index of the link that it moves.
    pub link: usize,
    /// Turns or slides.
    pub kind: JointKind,
    /// Unit axis in the frame of the link.
    pub axis: Vector3<f64>,
    /// Least and largest angle (rad) or way (m).
    pub range: (f64, f64),
}

/// A motor with its joints, outermost first.
#[derive(Debug, Clone, PartialEq)]
pub struct Motor {
    /// Indices of its joints.
    pub joints: Vec<usize>,
    /// Least and largest sum of their angles.
    pub range: (f64, f64),
    /// Where it starts.
    pub rest: f64,
    /// The finger that it moves, if one alone.
    pub finger: Option<usize>,
}

/// A finger.
#[derive(Debug, Clone, PartialEq)]
pub struct Finger {
    /// Index of its outermost link.
    pub link: usize,
    /// The ball that stands for its pad.
    pub pad: Ball,
    /// Its links, outermost first, without those that it shares with another finger.
    pub links: Vec<usize>,
}

impl Hand {
    /// The hand of a description.
    ///
    /// # Errors
    /// Everything that does not fit: unknown or repeated names, parents that come later,
    /// limits the wrong way round, axes of no length, numbers that are not finite.
    pub fn new(spec: HandSpec) -> Result<Self, GraspError> {
        let fault = |field: String, found: String, expected: &'static str| GraspError::Hand {
            hand: spec.name.clone(),
            field,
            found,
            expected,
        };
        let find = |field: String, name: &str| {
            let at = spec.links.iter().position(|link| link.name == name);
            at.ok_or_else(|| fault(field, name.to_owned(), "the name of a link"))
        };
        let mut links: Vec<Link> = Vec::with_capacity(spec.links.len());
        let mut joints = Vec::new();
        let mut joint_names: Vec<&str> = Vec::new();
        let mut rest = Vec::new();
        for (index, link) in spec.links.iter().enumerate() {
            let field = |name: &str| format!("links[{index}] ({}).{name}", link.name);
            if spec.links[..index]
                .iter()
                .any(|other| other.name == link.name)
            {
                return Err(fault(field("name"), link.name.clone(), "a name of its own"));
            }
            let parent = match (&link.parent, index) {
                (None, 0) => None,
                (None, _) => {
                    return Err(fault(
                        field("parent"),
                        "none".to_owned(),
                        "the name of a link before it; only the first has none",
                    ));
                }
                (Some(name), _) => {
                    let parent = find(field("parent"), name)?;
                    if parent >= index {
                        return Err(fault(
                            field("parent"),
                            name.clone(),
                            "the name of a link before it",
                        ));
                    }
                    Some(parent)
                }
            };
            let position = finite(&link.position).ok_or_else(|| {
                fault(
                    field("position"),
                    format!("{:?}", link.position),
                    "three finite numbers",
                )
            })?;
            let rotation = turn(&link.rotation).ok_or_else(|| {
                fault(
                    field("rotation"),
                    format!("{:?}", link.rotation),
                    "a quaternion with a length",
                )
            })?;
            let joint = match &link.joint {
                None => None,
                Some(joint) => {
                    if joint_names.contains(&joint.name.as_str()) {
                        return Err(fault(
                            field("joint.name"),
                            joint.name.clone(),
                            "a name of its own",
                        ));
                    }
                    let axis = finite(&joint.axis)
                        .and_then(|axis| axis.try_normalize(1e-12))
                        .ok_or_else(|| {
                            fault(
                                field("joint.axis"),
                                format!("{:?}", joint.axis),
                                "a direction",
                            )
                        })?;
                    let (low, high) = joint.range;
                    if !(low.is_finite() && high.is_finite() && low < high) {
                        return Err(fault(
                            field("joint.range"),
                            format!("{:?}", joint.range),
                            "finite limits, the lower first",
                        ));
                    }
                    if !(low..=high).contains(&joint.rest) {
                        return Err(fault(
                            field("joint.rest"),
                            joint.rest.to_string(),
                            "a number within its range",
                        ));
                    }
                    joint_names.push(&joint.name);
                    rest.push(joint.rest);
                    joints.push(Joint {
                        link: index,
                        kind: joint.kind,
                        axis,
                        range: joint.range,
                    });
                    Some(joints.len() - 1)
                }
            };
            for (at, shape) in link.shapes.iter().enumerate() {
                if !shape::sound(shape) {
                    return Err(fault(
                        field(&format!("shapes[{at}]")),
                        format!("{shape:?}"),
                        "finite lengths, with positive sizes",
                    ));
                }
            }
            let balls: Vec<Ball> = link.shapes.iter().flat_map(shape::balls).collect();
            let surface: Vec<Ball> = link.shapes.iter().flat_map(shape::surface).collect();
            links.push(Link {
                parent,
                position,
                rotation,
                joint,
                bound: shape::bound(balls.iter().copied()),
                clusters: patches(&balls),
                balls,
                segments: link.shapes.iter().flat_map(shape::segments).collect(),
                blocks: link.shapes.iter().filter_map(shape::block).collect(),
                patches: patches(&surface),
                surface,
            });
        }
        let joint_at = |field: String, name: &str| {
            let at = joint_names.iter().position(|&joint| joint == name);
            at.ok_or_else(|| fault(field, name.to_owned(), "the name of a joint"))
        };
        let mut driven = vec![false; joints.len()];
        let mut motors = Vec::new();
        for (index, tendon) in spec.tendons.iter().enumerate() {
            let mut pulled = Vec::new();
            for name in &tendon.joints {
                let joint = joint_at(format!("tendons[{index}].joints"), name)?;
                if driven[joint] {
                    return Err(fault(
                        format!("tendons[{index}].joints"),
                        name.clone(),
                        "joints that no other tendon pulls",
                    ));
                }
                driven[joint] = true;
                pulled.push(joint);
            }
            motors.push(pulled);
        }
        motors.extend(
            (0..joints.len())
                .filter(|&joint| !driven[joint])
                .map(|joint| vec![joint]),
        );
        motors.sort_by_key(|pulled| pulled.iter().min().copied());
        let mut fingers = Vec::new();
        for (index, finger) in spec.fingers.iter().enumerate() {
            let link = find(format!("fingers[{index}].link"), &finger.link)?;
            let centre = finite(&finger.pad)
                .filter(|_| finger.radius > 0.0)
                .ok_or_else(|| {
                    fault(
                        format!("fingers[{index}].pad"),
                        format!("{:?}", finger.pad),
                        "three finite numbers",
                    )
                })?;
            fingers.push(Finger {
                link,
                pad: Ball {
                    centre,
                    radius: finger.radius,
                },
                links: Vec::new(),
            });
        }
        let chains: Vec<Vec<usize>> = fingers
            .iter()
            .map(|finger| chain(&links, finger.link))
            .collect();
        for (index, finger) in fingers.iter_mut().enumerate() {
            let shared = |link: &usize| {
                chains
                    .iter()
                    .enumerate()
                    .any(|(other, links)| other != index && links.contains(link))
            };
            finger.links = chains[index]
                .iter()
                .filter(|link| !shared(link))
                .copied()
                .collect();
        }
        let motors = motors
            .into_iter()
            .map(|pulled| Motor {
                range: pulled.iter().fold((0.0, 0.0), |(low, high), &joint| {
                    (low + joints[joint].range.0, high + joints[joint].range.1)
                }),
                rest: pulled.iter().map(|&joint| rest[joint]).sum(),
                finger: fingers.iter().position(|finger| {
                    pulled
                        .iter()
                        .all(|&joint| finger.links.contains(&joints[joint].link))
                }),
                joints: pulled,
            })
            .collect();
        let mut apart = Vec::new();
        for (index, (a, b)) in spec.may_overlap.iter().enumerate() {
            let a = find(format!("may_overlap[{index}]"), a)?;
            let b = find(format!("may_overlap[{index}]"), b)?;
            apart.push((a.min(b), a.max(b)));
        }
        let mut pairs = Vec::new();
        for b in 0..links.len() {
            for a in 0..b {
                let kin = body(&links, b) == body(&links, a)
                    || links[body(&links, b)]
                        .parent
                        .map(|parent| body(&links, parent))
                        == Some(body(&links, a));
                if !kin
                    && !apart.contains(&(a, b))
                    && !links[a].balls.is_empty()
                    && !links[b].balls.is_empty()
                {
                    pairs.push((a, b));
                }
            }
        }
        let mut pressures = Vec::new();
        for (index, (names, least)) in spec.pressures.iter().enumerate() {
            let mut some = Vec::new();
            for name in names {
                let at = spec.fingers.iter().position(|finger| finger.name == *name);
                some.push(at.ok_or_else(|| {
                    fault(
                        format!("pressures[{index}]"),
                        name.clone(),
                        "the name of a finger",
                    )
                })?);
            }
            pressures.push((some, *least));
        }
        if fingers.len() < 2 || fingers.len() > crate::force::CONTACTS {
            return Err(fault(
                "fingers".to_owned(),
                format!("{} of them", fingers.len()),
                "2 to 5 fingers",
            ));
        }
        if !(spec.stiffness > 0.0 && spec.strongest > 0.0) {
            return Err(fault(
                "stiffness and strongest".to_owned(),
                format!("{} and {}", spec.stiffness, spec.strongest),
                "positive numbers",
            ));
        }
        Ok(Self {
            links,
            joints,
            motors,
            fingers,
            pairs,
            pressures,
            spec,
        })
    }

    /// Names of the joints, in order.
    pub fn joint_names(&self) -> Vec<&str> {
        let joints = self
            .spec
            .links
            .iter()
            .filter_map(|link| link.joint.as_ref());
        joints.map(|joint| joint.name.as_str()).collect()
    }

    /// Frames for a posture of this hand, to be overwritten.
    pub fn frames<T: backflow_diff::Real>(&self) -> Frames<T> {
        Frames::new(self.links.len(), self.joints.len())
    }
}

/// Balls of a patch, at most.
const PATCH: usize = 12;

/// Balls in patches of some that follow one another.
fn patches(all: &[Ball]) -> Vec<Patch> {
    (0..all.len())
        .step_by(PATCH)
        .map(|first| {
            let balls = first..(first + PATCH).min(all.len());
            Patch {
                bound: shape::bound(all[balls.clone()].iter().copied()),
                balls,
            }
        })
        .collect()
}

/// The link that moves when a link does: itself, or the first above it that has a joint.
fn body(links: &[Link], mut link: usize) -> usize {
    while links[link].joint.is_none() {
        match links[link].parent {
            Some(parent) => link = parent,
            None => break,
        }
    }
    link
}

/// A link and all above it.
fn chain(links: &[Link], link: usize) -> Vec<usize> {
    std::iter::successors(Some(link), |&link| links[link].parent).collect()
}

/// Three numbers as a vector, if they are finite.
pub(crate) fn finite(numbers: &[f64; 3]) -> Option<Vector3<f64>> {
    Some(Vector3::from(*numbers)).filter(|v| v.iter().all(|x| x.is_finite()))
}

/// The rotation of a quaternion `[w, x, y, z]`, if it has a length.
pub(crate) fn turn(&[w, x, y, z]: &[f64; 4]) -> Option<Matrix3<f64>> {
    let turn = UnitQuaternion::try_new(Quaternion::new(w, x, y, z), 1e-12)?;
    Some(turn.to_rotation_matrix().into_inner()).filter(|turn| turn.iter().all(|x| x.is_finite()))
}
