//! Hands in MJCF, by the parser mjcf-rs.
//!
//! Sites named `palm` (its z axis is the approach) and `pad FINGER` (its size is the radius), and a
//! keyframe named `rest`, are what [`crate::set::mjcf`] writes; where there are none, fingers and
//! palm are guessed.

mod grip;
mod numbers;
mod shape;

use std::path::Path;

use mjcf_rs::{Model, Pose, body::JointType};
use nalgebra::{Isometry3, UnitQuaternion, Vector3};

use super::{
    Imported,
    body::{Body, BodyJoint, links},
    checked, fault, gripping,
};
use crate::{
    GraspError,
    hand::spec::{FingerSpec, HandSpec, JointKind, PalmSpec},
};
use numbers::numbers;

/// Reads a hand.
///
/// # Errors
/// The file cannot be read or is not MJCF; elements that a hand cannot have, named with what
/// they hold.
pub fn read(path: &Path) -> Result<Imported, GraspError> {
    let text = std::fs::read_to_string(path).map_err(|source| GraspError::File {
        path: path.to_owned(),
        source,
    })?;
    numbers(path, &text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let model =
        Model::from_str(&text, folder).map_err(|error| fault(path, "a model in MJCF", error))?;
    let mut reader = Reader {
        path,
        model: &model,
        remarks: Vec::new(),
    };
    let (bodies, ids) = reader.bodies()?;
    let links = links(&bodies);
    let mut spec = HandSpec {
        name: model.name.clone().unwrap_or_else(|| "hand".to_owned()),
        source: format!(
            "read from {}",
            path.file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        ),
        tendons: reader.tendons(&bodies),
        fingers: reader.pads(&bodies, &ids),
        may_overlap: reader.excludes(&bodies),
        palm: PalmSpec {
            centre: [0.0; 3],
            approach: [0.0, 0.0, 1.0],
        },
        pressures: Vec::new(),
        stiffness: 0.0,
        strongest: 0.0,
        links,
    };
    (spec.stiffness, spec.strongest) = reader.motors();
    if spec.fingers.is_empty() {
        spec.fingers = gripping::fingers(&spec.links);
        reader.remark(format!(
            "fingers were guessed: {}",
            names(&spec.fingers).join(", ")
        ));
    }
    spec.pressures = vec![(names(&spec.fingers), 1.0)];
    match reader.palm(&bodies, &ids) {
        Some(palm) => spec.palm = palm,
        None => {
            spec.palm = gripping::palm(&spec);
            reader.remark("the palm was guessed".to_owned());
        }
    }
    checked(spec, reader.remarks)
}

fn names(fingers: &[FingerSpec]) -> Vec<String> {
    fingers.iter().map(|finger| finger.name.clone()).collect()
}

/// A pose of the parser.
fn isometry(pose: &Pose) -> Isometry3<f64> {
    let (t, r) = (pose.translation, pose.rotation);
    let turn = UnitQuaternion::from_quaternion(nalgebra::Quaternion::new(r.w, r.x, r.y, r.z));
    Isometry3::from_parts(Vector3::new(t.x, t.y, t.z).into(), turn)
}

struct Reader<'a> {
    path: &'a Path,
    model: &'a Model,
    remarks: Vec<String>,
}

impl Reader<'_> {
    fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// The bodies of the hand, and the index of each in the model.
    fn bodies(&mut self) -> Result<(Vec<Body>, Vec<usize>), GraspError> {
        let entries = &self.model.bodies;
        // The root of each body: its ancestor in the world.
        let mut root = vec![0; entries.len()];
        for (id, entry) in entries.iter().enumerate().skip(1) {
            root[id] = match entry.parent {
                None | Some(0) => id,
                Some(parent) => root[parent],
            };
        }
        let jointed = |of: usize| {
            (1..entries.len())
                .any(|id| root[id] == of && id != of && !entries[id].body.joints.is_empty())
        };
        let tops: Vec<usize> = (1..entries.len()).filter(|&id| root[id] == id).collect();
        let Some(&top) = tops.iter().find(|&&top| jointed(top)) else {
            return Err(fault(
                self.path,
                "a body in <worldbody> with jointed bodies in it",
                "none",
            ));
        };
        for &other in tops.iter().filter(|&&other| other != top) {
            self.remark(format!(
                "<body name=\"{}\"> is not of the hand",
                name_of(self.model, other)
            ));
        }
        let mut bodies: Vec<Body> = Vec::new();
        let mut ids = Vec::new();
        for id in (1..entries.len()).filter(|&id| root[id] == top) {
            let entry = &entries[id];
            let parent = match entry.parent {
                Some(parent) if id != top => ids.iter().position(|&known| known == parent),
                _ => None,
            };
            let name = name_of(self.model, id);
            let joints = self.joints(id, &name, id == top)?;
            let (shapes, weight) = self.shapes(id, &name)?;
            bodies.push(Body {
                mass: entry
                    .body
                    .inertial
                    .as_ref()
                    .map_or(weight, |inertial| inertial.mass),
                pose: isometry(&entry.body.pose),
                name,
                parent,
                joints,
                shapes,
            });
            ids.push(id);
        }
        Ok((bodies, ids))
    }

    fn joints(&mut self, id: usize, body: &str, root: bool) -> Result<Vec<BodyJoint>, GraspError> {
        let mut joints = Vec::new();
        for (index, joint) in self.model.bodies[id].body.joints.iter().enumerate() {
            let name = joint
                .name
                .clone()
                .unwrap_or_else(|| format!("{body}_joint{index}"));
            let kind = match joint.type_ {
                JointType::Hinge => JointKind::Hinge,
                JointType::Slide => JointKind::Slide,
                JointType::Free if root => continue,
                other => {
                    return Err(fault(
                        self.path,
                        "joints of type hinge or slide",
                        format!("<joint name=\"{name}\" type=\"{other:?}\">"),
                    ));
                }
            };
            if joint.ref_ != 0.0 {
                return Err(fault(
                    self.path,
                    "joints without ref",
                    format!("<joint name=\"{name}\" ref=\"{}\">", joint.ref_),
                ));
            }
            let limited = joint
                .limited
                .resolve(self.model.compiler.autolimits, joint.range.is_some());
            let range = match joint.range {
                Some([low, high]) if limited => (low, high),
                _ if kind == JointKind::Hinge => {
                    self.remark(format!("joint {name} has no limits: -pi to pi were taken"));
                    (-std::f64::consts::PI, std::f64::consts::PI)
                }
                _ => {
                    return Err(fault(
                        self.path,
                        "slides with a range",
                        format!("<joint name=\"{name}\">"),
                    ));
                }
            };
            joints.push(BodyJoint {
                rest: self
                    .rest(&name)
                    .unwrap_or(0.0)
                    .clamp(range.0.min(range.1), range.1),
                name,
                kind,
                anchor: Vector3::from(joint.pos),
                axis: Vector3::from(joint.axis),
                range,
            });
        }
        Ok(joints)
    }

    /// Where a joint is in the keyframe `rest`.
    fn rest(&self, name: &str) -> Option<f64> {
        let key = self.model.keyframes.iter();
        let key = key
            .clone()
            .find(|key| key.name.as_deref() == Some("rest"))?;
        let mut at = 0;
        for entry in &self.model.bodies {
            for joint in &entry.body.joints {
                if joint.name.as_deref() == Some(name) {
                    return key.qpos.get(at).copied();
                }
                at += match joint.type_ {
                    JointType::Free => 7,
                    JointType::Ball => 4,
                    JointType::Hinge | JointType::Slide => 1,
                };
            }
        }
        None
    }
}

/// Name of a body.
fn name_of(model: &Model, id: usize) -> String {
    let name = model.bodies[id].body.name.clone();
    name.unwrap_or_else(|| format!("body{id}"))
}
