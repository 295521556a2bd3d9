//! Sets of grasps of one hand and one object, and their files.

pub mod dexgraspbench;
pub mod json;
pub mod mjcf;
pub mod npz;

use backflow_sim::pose::Pose;
use nalgebra::{Quaternion, Rotation3, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

use crate::{
    GraspError,
    evaluation::summary,
    hand::Hand,
    object::surroundings::SurroundingsSpec,
    synthesis::{Grasp, Score},
};

/// Name and version of the format.
pub const FORMAT: &str = "grasp-set/1";

/// Grasps of an object by a hand; lengths in metres, angles in radians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraspSet {
    /// [`FORMAT`].
    pub format: String,
    /// The hand.
    pub hand: HandEntry,
    /// The object.
    pub object: ObjectEntry,
    /// Names of the joints, in the order of the angles.
    pub joint_names: Vec<String>,
    /// The grasps, the best first.
    pub grasps: Vec<GraspEntry>,
}

/// A hand in a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandEntry {
    /// The model for MuJoCo: an MJCF or URDF file, as seen from the set.
    pub model: String,
    /// Its name in Backflow, or the file that describes it.
    #[serde(default)]
    pub name: Option<String>,
    /// Stiffness of the motors (N m / rad); that of the model if there is none.
    #[serde(default)]
    pub kp: Option<f64>,
    /// Damping of the motors (N m s / rad); that of the model if there is none.
    #[serde(default)]
    pub kv: Option<f64>,
    /// Damping of the joints (N m s / rad); that of the model if there is none.
    #[serde(default)]
    pub joint_damping: Option<f64>,
    /// Dry friction of the joints (N m); that of the model if there is none.
    #[serde(default)]
    pub joint_friction: Option<f64>,
    /// Limits of the motors (N m); those of the model if there are none.
    #[serde(default)]
    pub forcerange: Option<[f64; 2]>,
    /// The body that poses are of; the first one if there is none.
    #[serde(default)]
    pub root_body: Option<String>,
}

impl HandEntry {
    /// A model for MuJoCo as it is: without a name, with its own motors, joints and root.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            name: None,
            kp: None,
            kv: None,
            joint_damping: None,
            joint_friction: None,
            forcerange: None,
            root_body: None,
        }
    }
}

/// An object in a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectEntry {
    /// Its mesh, or the folder of its convex parts, as seen from the set.
    pub mesh: String,
    /// Factor of the mesh (1).
    pub scale: f64,
    /// Mass (kg).
    pub mass: f64,
    /// Sliding (1) and torsional (m) friction.
    pub friction: [f64; 2],
    /// Where its frame is: position (m) and quaternion `[w, x, y, z]`.
    #[serde(default = "at_origin")]
    pub pose: [f64; 7],
    /// What stood about it when the grasps were found, in its frame (m); nothing by default.
    #[serde(default, skip_serializing_if = "SurroundingsSpec::is_empty")]
    pub surroundings: SurroundingsSpec,
}

impl ObjectEntry {
    /// A mesh at a scale (1) alone at the origin, of 0.1 kg with the friction of DexGraspBench, 0.6 and
    /// 0.02 m.
    pub fn new(mesh: impl Into<String>, scale: f64) -> Self {
        Self {
            mesh: mesh.into(),
            scale,
            mass: 0.1,
            friction: [0.6, 0.02],
            pose: at_origin(),
            surroundings: SurroundingsSpec::default(),
        }
    }
}

fn at_origin() -> [f64; 7] {
    [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
}

/// A grasp in a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraspEntry {
    /// Position of the root of the hand (m).
    pub pos: [f64; 3],
    /// Its turn as a quaternion `[w, x, y, z]`.
    pub quat: [f64; 4],
    /// Joint angles before the grasp (rad).
    pub pregrasp: Vec<f64>,
    /// Joint angles of the grasp (rad).
    pub grasp: Vec<f64>,
    /// Joint angles that motors are told to press with (rad).
    pub squeeze: Vec<f64>,
    /// Pose of the root before the grasp, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pregrasp_pose: Option<[f64; 7]>,
    /// Pose of the root when it presses, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub squeeze_pose: Option<[f64; 7]>,
    /// How good Backflow thinks it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
}

impl GraspEntry {
    /// A grasp as it stands in a set.
    pub fn of(grasp: &Grasp) -> Self {
        let [x, y, z, w, i, j, k] = numbers(&Pose {
            position: grasp.stance.position,
            rotation: grasp.stance.rotation,
        });
        Self {
            pos: [x, y, z],
            quat: [w, i, j, k],
            pregrasp: grasp.pregrasp.clone(),
            grasp: grasp.grasp.clone(),
            squeeze: grasp.squeeze.clone(),
            pregrasp_pose: None,
            squeeze_pose: None,
            score: Some(grasp.score),
        }
    }
}

impl GraspSet {
    /// The set of some grasps; `model` and `mesh` as they are seen from its file.
    pub fn new(hand: &Hand, model: HandEntry, object: ObjectEntry, grasps: &[Grasp]) -> Self {
        Self {
            format: FORMAT.to_owned(),
            hand: model,
            object,
            joint_names: hand.joint_names().into_iter().map(str::to_owned).collect(),
            grasps: grasps.iter().map(GraspEntry::of).collect(),
        }
    }

    /// The same set elsewhere: hand, object and what stands about it, moved by a pose of the world.
    #[must_use]
    pub fn moved(&self, by: &Pose<f64>) -> Self {
        let place = |at: &[f64; 7]| numbers(&by.compose(&pose(at)));
        let entry = |grasp: &GraspEntry| {
            let ([x, y, z], [w, i, j, k]) = (grasp.pos, grasp.quat);
            let [x, y, z, w, i, j, k] = place(&[x, y, z, w, i, j, k]);
            GraspEntry {
                pos: [x, y, z],
                quat: [w, i, j, k],
                pregrasp_pose: grasp.pregrasp_pose.as_ref().map(place),
                squeeze_pose: grasp.squeeze_pose.as_ref().map(place),
                ..grasp.clone()
            }
        };
        Self {
            object: ObjectEntry {
                pose: place(&self.object.pose),
                ..self.object.clone()
            },
            grasps: self.grasps.iter().map(entry).collect(),
            ..self.clone()
        }
    }

    /// For every joint of a hand its place among the angles of the set.
    ///
    /// # Errors
    /// A joint of the set that the hand does not have, or one of the hand that it does not name.
    pub fn order(&self, hand: &Hand) -> Result<Vec<usize>, GraspError> {
        let fault = |found: String, expected| GraspError::Parse {
            what: "joint_names".to_owned(),
            expected,
            found,
        };
        let names = hand.joint_names();
        for name in &self.joint_names {
            if !names.contains(&name.as_str()) {
                return Err(fault(name.clone(), "joints of the hand alone"));
            }
        }
        let places = names.into_iter().map(|name| {
            let place = self.joint_names.iter().position(|other| other == name);
            place.ok_or_else(|| fault(format!("a set without {name}"), "all joints of the hand"))
        });
        places.collect()
    }
}

/// A position and a quaternion `[x, y, z, w, i, j, k]`, of any length but zero, as a pose.
pub(crate) fn pose(&[x, y, z, w, i, j, k]: &[f64; 7]) -> Pose<f64> {
    let turn = UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k));
    Pose {
        position: Vector3::new(x, y, z),
        rotation: turn.to_rotation_matrix().into_inner(),
    }
}

/// A pose as position and quaternion `[x, y, z, w, i, j, k]`.
pub(crate) fn numbers(pose: &Pose<f64>) -> [f64; 7] {
    let rotation = Rotation3::from_matrix_unchecked(pose.rotation);
    let turn = UnitQuaternion::from_rotation_matrix(&rotation);
    let [x, y, z] = pose.position.into();
    [x, y, z, turn.w, turn.i, turn.j, turn.k]
}

/// Shares of the variance (1) that the leading one, two, .. five principal components of
/// pose and angles explain, as DexGraspBench measures diversity: the lower, the more diverse.
/// `None` for less than three grasps.
pub fn diversity<'a>(grasps: impl Iterator<Item = &'a GraspEntry>) -> Option<[f64; 5]> {
    let rows: Vec<Vec<f64>> = grasps
        .map(|grasp| summary::features(grasp, &at_origin()))
        .collect();
    summary::diversity(&rows)
}
