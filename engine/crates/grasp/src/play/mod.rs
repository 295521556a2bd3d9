//! Grasps in scenes: a hand as an articulated tool that closes about something soft, presses
//! and lifts it, for the simulation to refine.

mod around;
mod settings;
pub mod tool;

use backflow_sim::{
    pose::{Pose, log},
    scene::spec::{
        Action, Axis, Body, Bookmark, Collider, Domain, Law, Loss, Material, Motion, Sampling,
        Shape, Spec, Stroke, Substep, Term, Time, VERSION, Velocity, Walls, When,
    },
    transfer::grid_update::MAX_COLLIDERS,
};
use nalgebra::{Rotation3, Vector3};

use crate::{
    GraspError,
    hand::{Hand, kinematics::Posture},
    object::{Object, distance::distance},
    set::{GraspEntry, GraspSet, pose},
};
use around::around;
pub use settings::Settings;

/// Names of the tool and of the body.
pub const NAMES: [&str; 2] = ["hand", "object"];

/// A scene with a grasp.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// The scene.
    pub spec: Spec<()>,
    /// Solids of the hand that are too far from the object to matter.
    pub far: usize,
}

/// A posture of the hand, its root in the world of the scene.
struct Key {
    root: Pose<f64>,
    joints: Vec<f64>,
}

/// The scene in which a hand closes about an object that is soft, presses and lifts it.
///
/// The object lies on the floor, turned so that the hand grips from above; what stands about it
/// turns along. The hand starts at the pregrasp; solids of it that come near the object are
/// colliders, at most [`MAX_COLLIDERS`] with the surroundings, the nearest first. The loss is one as long as the object lies and zero
/// when it is where the lift ends. `file` is the mesh that the object is filled from, as it is
/// seen from the scene.
///
/// # Errors
/// A joint of the set that the hand does not have, or one of the hand that it does not name; a
/// setting or surroundings that make no sense.
pub fn play(
    hand: &Hand,
    set: &GraspSet,
    grasp: &GraspEntry,
    object: &Object,
    file: &str,
    settings: &Settings,
) -> Result<Played, GraspError> {
    settings.check()?;
    let order = set.order(hand)?;
    let keys = keys(hand, set, grasp, object, &order);
    let body = keys.body;
    let [low, high] = bounds(object, &body);
    let cell = settings.cell.unwrap_or((high - low).max() / CELLS_ALONG);
    let law = Law::Coulomb(set.object.friction[0]);
    let around = around(&set.object.surroundings, &body, law)?;
    let most = MAX_COLLIDERS.saturating_sub(around.len());
    let (parts, far) = near(hand, object, &keys, settings.within, most);
    let width = settings.width * cell;
    let colliders = parts
        .iter()
        .map(|part| tool::collider(hand, NAMES[0], part, law, width));
    let mut tool = tool::tool(hand, NAMES[0], &keys.keys[0].root, &keys.keys[0].joints);
    let strokes = strokes(&keys.keys, settings);
    let frames = strokes.iter().map(|stroke| stroke.frames).sum();
    tool.motion = Motion::Strokes(strokes);
    let start = body.apply(&object.centre);
    let target = start + Vector3::y() * settings.lift;
    let volume = object.field.extent().volume;
    Ok(Played {
        spec: Spec {
            version: VERSION,
            name: format!("{}-{}", hand.spec.name, object.name),
            about: format!(
                "The hand {} closes about a soft {}, presses and lifts it.",
                hand.spec.name, object.name
            ),
            domain: domain(&low, &high, cell, settings.lift),
            gravity: [0.0, -9.81, 0.0],
            volume_rate: 0.0,
            time: Time {
                frames,
                frame: settings.frame,
                substep: Substep::Auto,
            },
            materials: [(
                "soft".to_owned(),
                Material::NeoHookean {
                    density: set.object.mass / volume,
                    young: settings.young,
                    poisson: settings.poisson,
                },
            )]
            .into(),
            bodies: vec![Body {
                name: NAMES[1].to_owned(),
                material: "soft".to_owned(),
                shape: Shape::Mesh {
                    file: file.to_owned(),
                    scale: object.scale,
                    stretch: [1.0; 3],
                    resolution: backflow_sim::mesh::distance::RESOLUTION,
                },
                position: body.position.into(),
                rotation: log(&body.rotation).into(),
                velocity: [0.0; 3],
                spin: [0.0; 3],
                particles: Sampling::default(),
                gravity: None,
                constants: [].into(),
                activation: backflow_sim::scene::spec::Activation::default(),
            }],
            gas: None,
            forces: Vec::new(),
            colliders: named(colliders.chain(around)),
            rigids: Vec::new(),
            tools: vec![tool],
            injectors: Vec::new(),
            collectors: Vec::new(),
            losses: vec![Loss {
                term: Term::CentreOfMass {
                    body: NAMES[1].to_owned(),
                    target: target.into(),
                    axes: Axis::ALL.to_vec(),
                },
                weight: settings.lift.powi(-2),
                when: When::End,
                guide: false,
            }],
            metrics: Vec::new(),
            views: vec![Bookmark {
                name: "grasp".to_owned(),
                target: start.into(),
                yaw: 0.6,
                pitch: 0.3,
                distance: 5.0 * object.length,
            }],
            optimize: None,
        },
        far,
    })
}

/// Cells along the longest edge of the box around an object.
const CELLS_ALONG: f64 = 14.0;
/// Cells around the object that its matter may get into.
const AROUND: f64 = 6.0;
/// What the object is above the floor at the start (cells).
const ABOVE: f64 = 0.01;

/// The postures of a grasp and the pose of the object, in the world of the scene.
struct Keys {
    keys: [Key; 3],
    body: Pose<f64>,
}

fn keys(hand: &Hand, set: &GraspSet, grasp: &GraspEntry, object: &Object, order: &[usize]) -> Keys {
    let [x, y, z] = grasp.pos;
    let [w, i, j, k] = grasp.quat;
    let root = [x, y, z, w, i, j, k];
    let approach = pose(&root).rotation * Vector3::from(hand.spec.palm.approach);
    // Half a turn about any level axis where the hand comes from straight below.
    let turn = Rotation3::rotation_between(&approach, &-Vector3::y())
        .unwrap_or_else(|| Rotation3::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI));
    let turned = Pose {
        position: Vector3::zeros(),
        rotation: turn.into_inner(),
    };
    let lying = turned.compose(&pose(&set.object.pose));
    let [low, high] = bounds(object, &lying);
    let middle = (low + high) * 0.5;
    let world = Pose {
        position: -Vector3::new(middle.x, low.y, middle.z),
        ..turned
    };
    let joints = |given: &[f64]| order.iter().map(|&place| given[place]).collect();
    let key = |root: &[f64; 7], given: &[f64]| Key {
        root: world.compose(&pose(root)),
        joints: joints(given),
    };
    Keys {
        keys: [
            key(
                grasp.pregrasp_pose.as_ref().unwrap_or(&root),
                &grasp.pregrasp,
            ),
            key(&root, &grasp.grasp),
            key(grasp.squeeze_pose.as_ref().unwrap_or(&root), &grasp.squeeze),
        ],
        body: world.compose(&pose(&set.object.pose)),
    }
}

/// The box around an object at a pose (m).
fn bounds(object: &Object, pose: &Pose<f64>) -> [Vector3<f64>; 2] {
    let vertices = object.pieces.iter().flat_map(|piece| &piece.vertices);
    let none = Vector3::repeat(f64::INFINITY);
    vertices.fold([none, -none], |[low, high], vertex| {
        let at = pose.apply(vertex);
        [low.inf(&at), high.sup(&at)]
    })
}

/// A domain with the floor at zero and room for the object to be lifted by `lift` (m).
fn domain(low: &Vector3<f64>, high: &Vector3<f64>, cell: f64, lift: f64) -> Domain {
    let around = AROUND * cell;
    let half = high.sup(&-low).add_scalar(around);
    let cells = |length: f64| (length / cell).ceil();
    // An even number of cells, so that the middle stays at zero.
    let level = |half: f64| 2.0 * cells(half) * cell;
    let size = [
        level(half.x),
        cells(high.y + lift + around) * cell,
        level(half.z),
    ];
    Domain {
        min: [-0.5 * size[0], -ABOVE * cell, -0.5 * size[2]],
        size,
        cell,
        walls: Walls {
            y_min: Some(Law::Coulomb(0.4)),
            ..Walls::default()
        },
        locked: Vec::new(),
    }
}

/// The solids of the hand that come within so much (m) of the object in any of the postures, at
/// most so many, the nearest first, and how many others there are.
fn near(
    hand: &Hand,
    object: &Object,
    keys: &Keys,
    within: f64,
    most: usize,
) -> (Vec<tool::Part>, usize) {
    let mut frames = hand.frames();
    let parts = tool::parts(hand);
    let mut gaps = vec![f64::INFINITY; parts.len()];
    for key in &keys.keys {
        let posture = Posture {
            position: key.root.position,
            rotation: key.root.rotation,
            joints: key.joints.clone(),
        };
        hand.place(&posture, &mut frames);
        for (gap, part) in gaps.iter_mut().zip(&parts) {
            for point in &part.points {
                let local = keys.body.inverse_apply(&frames.point(part.link, point));
                *gap = gap.min(distance(&object.field, &local) - part.reach);
            }
        }
    }
    let mut order: Vec<usize> = (0..parts.len()).filter(|&at| gaps[at] <= within).collect();
    order.sort_by(|&a, &b| gaps[a].total_cmp(&gaps[b]));
    order.truncate(most);
    order.sort_unstable();
    let far = parts.len() - order.len();
    let chosen = order.into_iter().map(|at| parts[at].clone());
    (chosen.collect(), far)
}

/// Colliders with names of their own: a link's, with a number if it has several.
fn named(colliders: impl Iterator<Item = Collider>) -> Vec<Collider> {
    let mut named: Vec<Collider> = Vec::new();
    for mut collider in colliders {
        let link = collider.name.clone();
        let mut number = 1;
        while named.iter().any(|other| other.name == collider.name) {
            number += 1;
            collider.name = format!("{link} {number}");
        }
        named.push(collider);
    }
    named
}

/// Closing, pressing and lifting, each at one velocity, all free.
fn strokes(keys: &[Key; 3], settings: &Settings) -> Vec<Stroke> {
    let frames = |time: f64| (time / settings.frame).round().max(1.0);
    let go = |from: &Key, to: &Key, time: f64| {
        let time = frames(time) * settings.frame;
        let turn = to.root.rotation * from.root.rotation.transpose();
        let pairs = from.joints.iter().zip(&to.joints);
        Velocity {
            linear: ((to.root.position - from.root.position) / time).into(),
            angular: (log(&turn) / time).into(),
            joints: pairs.map(|(from, to)| (to - from) / time).collect(),
        }
    };
    let rise = settings.lift / (frames(settings.lifting) * settings.frame);
    let lift = Velocity {
        linear: [0.0, rise, 0.0],
        ..Velocity::default()
    };
    let moves = [
        (settings.closing, go(&keys[0], &keys[1], settings.closing)),
        (settings.pressing, go(&keys[1], &keys[2], settings.pressing)),
        (settings.lifting, lift),
    ];
    let stroke = |(time, velocity): (f64, Velocity)| Stroke {
        frames: frames(time) as usize,
        action: Action::Move(velocity),
        free: true,
    };
    moves.map(stroke).into()
}

#[cfg(test)]
mod tests;
