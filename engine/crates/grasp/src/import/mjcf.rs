//! Hands in MJCF, by the parser mjcf-rs.
//!
//! Sites named `palm` (its z axis is the approach) and `pad FINGER` (its size is the radius), and a
//! keyframe named `rest`, are what [`crate::set::mjcf`] writes; where there are none, fingers and
//! palm are guessed.

use std::path::Path;

use backflow_sim::mesh;
use mjcf_rs::{
    Model, Pose,
    body::{Geom, GeomType, JointType},
    extras::{Actuator, ActuatorKind},
};
use nalgebra::{Isometry3, Point3, UnitQuaternion, Vector3};

use super::{
    Imported, STIFFNESS, STRONGEST,
    body::{Body, BodyJoint, links},
    checked, fault, fit, gripping,
};
use crate::{
    GraspError,
    hand::spec::{FingerSpec, HandSpec, JointKind, PalmSpec, ShapeSpec, TendonSpec},
};

/// Density (kg/m^3) of geoms that give none: MuJoCo's.
const DENSITY: f64 = 1000.0;

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

/// Attributes that hold numbers, wherever they stand.
const NUMBERS: [&str; 12] = [
    "pos",
    "quat",
    "axis",
    "range",
    "size",
    "fromto",
    "euler",
    "axisangle",
    "xyaxes",
    "zaxis",
    "mass",
    "scale",
];

/// Looks for what is no number where one should be: the parser would not say where.
fn numbers(path: &Path, text: &str) -> Result<(), GraspError> {
    let document =
        roxmltree::Document::parse(text).map_err(|error| fault(path, "a model in MJCF", error))?;
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        for name in NUMBERS {
            let value = node.attribute(name).unwrap_or_default();
            if value
                .split_whitespace()
                .any(|word| word.parse::<f64>().is_err())
            {
                let element = node.tag_name().name();
                let own = node.attribute("name").unwrap_or("");
                let line = document.text_pos_at(node.range().start).row;
                return Err(fault(
                    path,
                    "numbers",
                    format!("<{element} name=\"{own}\" {name}=\"{value}\"> in line {line}"),
                ));
            }
        }
    }
    Ok(())
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

    /// Shapes of a body that collide, and the mass (kg) of all of its geoms.
    fn shapes(&mut self, id: usize, body: &str) -> Result<(Vec<ShapeSpec>, f64), GraspError> {
        let mut shapes = Vec::new();
        let mut mass = 0.0;
        for (index, geom) in self.model.bodies[id].body.geoms.iter().enumerate() {
            let name = geom
                .name
                .clone()
                .unwrap_or_else(|| format!("number {index} of body {body}"));
            let collides = geom.contype != 0 || geom.conaffinity != 0;
            if !collides && geom.mass.is_none() {
                continue;
            }
            let shape = self.shape(geom, &name)?;
            let volume = shape.as_ref().map_or(0.0, fit::volume);
            mass += geom
                .mass
                .unwrap_or_else(|| geom.density.unwrap_or(DENSITY) * volume);
            if collides {
                shapes.extend(shape);
            }
        }
        Ok((shapes, mass))
    }

    fn shape(&mut self, geom: &Geom, name: &str) -> Result<Option<ShapeSpec>, GraspError> {
        let [a, b, c] = geom.size;
        let (frame, half) = match geom.fromto {
            None => (isometry(&geom.pose), b),
            Some([x, y, z, u, v, w]) => {
                let (from, to) = (Vector3::new(x, y, z), Vector3::new(u, v, w));
                let turn = UnitQuaternion::rotation_between(&Vector3::z(), &(to - from))
                    .unwrap_or_else(|| {
                        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI)
                    });
                let frame = Isometry3::from_parts(((from + to) * 0.5).into(), turn);
                (frame, (to - from).norm() * 0.5)
            }
        };
        let mut instead = |what: &str, shape: ShapeSpec| {
            self.remarks.push(format!("geom {name}: {what}"));
            Some(shape)
        };
        Ok(match geom.type_ {
            GeomType::Sphere => Some(fit::sphere(&frame, a)),
            GeomType::Capsule => Some(fit::capsule(&frame, a, half)),
            GeomType::Box if geom.fromto.is_some() => Some(fit::cuboid(&frame, [a, a, half])),
            GeomType::Box => Some(fit::cuboid(&frame, [a, b, c])),
            GeomType::Cylinder => instead(
                "a capsule or a box stands for the cylinder",
                fit::cylinder(&frame, a, half),
            ),
            GeomType::Ellipsoid => instead(
                "a capsule stands for the ellipsoid",
                fit::ellipsoid(&frame, [a, b, c]),
            ),
            GeomType::Mesh => {
                let points = self.points(geom, name)?;
                let found = fit::around(&isometry(&geom.pose), &points);
                let what = if found.is_some() {
                    "a box stands for the mesh"
                } else {
                    "was left out: its mesh is flat"
                };
                self.remark(format!("geom {name}: {what}"));
                found
            }
            GeomType::Plane | GeomType::Hfield | GeomType::Sdf => {
                self.remark(format!("geom {name} was left out: {:?}", geom.type_));
                None
            }
        })
    }

    /// Vertices of the mesh of a geom, in the frame of the geom (m).
    fn points(&self, geom: &Geom, name: &str) -> Result<Vec<Vector3<f64>>, GraspError> {
        let asset = geom
            .mesh
            .as_deref()
            .and_then(|mesh| self.model.assets.mesh(mesh));
        let Some(asset) = asset else {
            return Err(fault(
                self.path,
                "geoms with a mesh of <asset>",
                format!("geom {name} with mesh {:?}", geom.mesh),
            ));
        };
        let scale = Vector3::from(asset.scale);
        let back = isometry(&asset.refpose).inverse();
        let vertices = match &asset.inline_vertices {
            Some(numbers) => numbers
                .chunks_exact(3)
                .map(|v| Vector3::new(v[0], v[1], v[2]))
                .collect(),
            None => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                let file = self.model.resolve_mesh_file(asset, folder).ok_or_else(|| {
                    fault(
                        self.path,
                        "a file for every mesh",
                        format!("<mesh name={:?} file={:?}>", asset.name, asset.file),
                    )
                })?;
                mesh::read(&file)
                    .map_err(|source| GraspError::Mesh { path: file, source })?
                    .vertices
            }
        };
        let placed = vertices
            .iter()
            .map(|v: &Vector3<f64>| (back * Point3::from(v.component_mul(&scale))).coords);
        Ok(placed.collect())
    }

    /// Tendons that pull at joints with equal shares, the outermost joint first.
    fn tendons(&mut self, bodies: &[Body]) -> Vec<TendonSpec> {
        let order: Vec<&str> = bodies
            .iter()
            .flat_map(|body| body.joints.iter().map(|joint| joint.name.as_str()))
            .collect();
        let mut tendons = Vec::new();
        for (index, tendon) in self.model.tendons.iter().enumerate() {
            let name = tendon
                .name
                .clone()
                .unwrap_or_else(|| format!("tendon{index}"));
            let driven = self
                .model
                .actuators
                .iter()
                .any(|motor| motor.tendon.as_deref() == Some(&name));
            let equal = tendon.joints.iter().all(|joint| joint.coef == 1.0);
            let places: Option<Vec<usize>> = tendon
                .joints
                .iter()
                .map(|joint| order.iter().position(|&known| known == joint.joint))
                .collect();
            match places {
                Some(mut places) if driven && equal && !places.is_empty() => {
                    places.sort_unstable_by(|a, b| b.cmp(a));
                    tendons.push(TendonSpec {
                        name,
                        joints: places.iter().map(|&at| order[at].to_owned()).collect(),
                    });
                }
                _ => self.remark(format!(
                    "tendon {name} was left out: expected a motor, joints of the hand and coefficients of 1"
                )),
            }
        }
        tendons
    }

    /// Pairs of bodies whose contacts are left out, but for a body and its parent.
    fn excludes(&self, bodies: &[Body]) -> Vec<(String, String)> {
        let known = |name: &String| bodies.iter().any(|body| body.name == *name);
        self.model
            .contact
            .excludes
            .iter()
            .filter(|pair| known(&pair.body1) && known(&pair.body2))
            .map(|pair| (pair.body1.clone(), pair.body2.clone()))
            .collect()
    }

    /// Stiffness and largest torque of the motors: the median of each.
    fn motors(&mut self) -> (f64, f64) {
        let gain = |motor: &Actuator| match motor.kind {
            ActuatorKind::Position => Some(motor.kp.unwrap_or(1.0)),
            ActuatorKind::General => motor.gainprm.first().copied(),
            _ => None,
        };
        let mut gains: Vec<f64> = self.model.actuators.iter().filter_map(gain).collect();
        let limit = |motor: &Actuator| motor.force_range.map(|[low, high]| high.max(-low));
        let mut limits: Vec<f64> = self.model.actuators.iter().filter_map(limit).collect();
        let mut middle = |numbers: &mut Vec<f64>, otherwise: f64, what: &str| {
            numbers.retain(|number| *number > 0.0 && number.is_finite());
            numbers.sort_by(f64::total_cmp);
            match (numbers.first(), numbers.last()) {
                (Some(least), Some(most)) => {
                    let middle = numbers[numbers.len() / 2];
                    if least != most {
                        self.remarks.push(format!(
                            "motors have {what} from {least} to {most}: {middle} was taken for all"
                        ));
                    }
                    middle
                }
                _ => {
                    self.remarks
                        .push(format!("motors have no {what}: {otherwise} was taken"));
                    otherwise
                }
            }
        };
        (
            middle(&mut gains, STIFFNESS, "a stiffness"),
            middle(&mut limits, STRONGEST, "a largest torque"),
        )
    }

    /// Fingers by the sites `pad FINGER`.
    fn pads(&self, bodies: &[Body], ids: &[usize]) -> Vec<FingerSpec> {
        let mut fingers = Vec::new();
        for (body, &id) in bodies.iter().zip(ids) {
            for site in &self.model.bodies[id].body.sites {
                if let Some(name) = site
                    .name
                    .as_deref()
                    .and_then(|name| name.strip_prefix("pad "))
                {
                    fingers.push(FingerSpec {
                        name: name.to_owned(),
                        link: body.name.clone(),
                        pad: isometry(&site.pose).translation.vector.into(),
                        radius: site.size[0],
                    });
                }
            }
        }
        fingers
    }

    /// The palm by the site `palm` of the root.
    fn palm(&self, bodies: &[Body], ids: &[usize]) -> Option<PalmSpec> {
        let (_, &id) = bodies.iter().zip(ids).next()?;
        let sites = &self.model.bodies[id].body.sites;
        let site = sites
            .iter()
            .find(|site| site.name.as_deref() == Some("palm"))?;
        let frame = isometry(&site.pose);
        Some(PalmSpec {
            centre: frame.translation.vector.into(),
            approach: (frame.rotation * Vector3::z()).into(),
        })
    }
}

/// Name of a body.
fn name_of(model: &Model, id: usize) -> String {
    let name = model.bodies[id].body.name.clone();
    name.unwrap_or_else(|| format!("body{id}"))
}
