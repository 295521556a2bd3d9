//! Hands in URDF, by the parser urdf-rs.

use std::path::{Path, PathBuf};

use backflow_sim::mesh;
use nalgebra::{Isometry3, UnitQuaternion, Vector3};
use urdf_rs::{Geometry, JointType, Link, Robot};

use super::{
    Imported, STIFFNESS, STRONGEST,
    body::{Body, BodyJoint, links},
    checked, fault, fit, gripping,
};
use crate::{
    GraspError,
    hand::spec::{HandSpec, JointKind, PalmSpec, ShapeSpec},
};

/// Reads a hand. Torques come from the limits of the joints (the median), stiffness is not in
/// the file; friction and damping are left out.
///
/// # Errors
/// The file cannot be read or is not URDF; elements that a hand cannot have, named with what
/// they hold.
pub fn read(path: &Path) -> Result<Imported, GraspError> {
    let text = std::fs::read_to_string(path).map_err(|source| GraspError::File {
        path: path.to_owned(),
        source,
    })?;
    let robot =
        urdf_rs::read_from_string(&text).map_err(|error| fault(path, "a robot in URDF", error))?;
    of(&robot, path)
}

/// The hand of a robot; `path` is where it was read from, which its meshes are seen from.
///
/// # Errors
/// As [`read`].
pub fn of(robot: &Robot, path: &Path) -> Result<Imported, GraspError> {
    let mut remarks = Vec::new();
    let bodies = bodies(robot, path, &mut remarks)?;
    let links = links(&bodies);
    let mut efforts: Vec<f64> = robot
        .joints
        .iter()
        .filter(|joint| moves(&joint.joint_type))
        .map(|joint| joint.limit.effort)
        .filter(|effort| *effort > 0.0 && effort.is_finite())
        .collect();
    efforts.sort_by(f64::total_cmp);
    let strongest = efforts.get(efforts.len() / 2).copied().unwrap_or(STRONGEST);
    if efforts.is_empty() {
        remarks.push(format!("joints have no effort: {STRONGEST} was taken"));
    }
    remarks.push(format!(
        "a stiffness of {STIFFNESS} was taken for all motors"
    ));
    let fingers = gripping::fingers(&links);
    let names: Vec<String> = fingers.iter().map(|finger| finger.name.clone()).collect();
    remarks.push(format!("fingers were guessed: {}", names.join(", ")));
    let mut spec = HandSpec {
        name: robot.name.clone(),
        source: format!(
            "read from {}",
            path.file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        ),
        links,
        tendons: Vec::new(),
        fingers,
        may_overlap: Vec::new(),
        palm: PalmSpec {
            centre: [0.0; 3],
            approach: [0.0, 0.0, 1.0],
        },
        pressures: vec![(names, 1.0)],
        stiffness: STIFFNESS,
        strongest,
    };
    spec.palm = gripping::palm(&spec);
    remarks.push("the palm was guessed".to_owned());
    checked(spec, remarks)
}

/// Whether a joint moves.
fn moves(kind: &JointType) -> bool {
    matches!(
        kind,
        JointType::Revolute | JointType::Continuous | JointType::Prismatic
    )
}

/// A pose: roll, pitch and yaw about fixed axes.
fn isometry(pose: &urdf_rs::Pose) -> Isometry3<f64> {
    let [roll, pitch, yaw] = *pose.rpy;
    Isometry3::from_parts(
        Vector3::from(*pose.xyz).into(),
        UnitQuaternion::from_euler_angles(roll, pitch, yaw),
    )
}

/// Links with the joints above them, each after its parent.
fn bodies(robot: &Robot, path: &Path, remarks: &mut Vec<String>) -> Result<Vec<Body>, GraspError> {
    let above = |link: &str| robot.joints.iter().find(|joint| joint.child.link == link);
    for joint in &robot.joints {
        for name in [&joint.parent.link, &joint.child.link] {
            if !robot.links.iter().any(|link| link.name == *name) {
                return Err(fault(
                    path,
                    "joints between links of the robot",
                    format!("<joint name=\"{}\"> with link {name}", joint.name),
                ));
            }
        }
    }
    let roots: Vec<&Link> = robot
        .links
        .iter()
        .filter(|link| above(&link.name).is_none())
        .collect();
    let [root] = roots.as_slice() else {
        let names: Vec<&str> = roots.iter().map(|link| link.name.as_str()).collect();
        return Err(fault(
            path,
            "one link that no joint has as its child",
            format!("{} of them: {}", names.len(), names.join(", ")),
        ));
    };
    let mut bodies: Vec<Body> = Vec::new();
    let mut waiting = vec![(*root, None)];
    while let Some((link, parent)) = waiting.pop() {
        let joint = above(&link.name);
        let mut joints = Vec::new();
        if let Some(joint) = joint.filter(|joint| joint.joint_type != JointType::Fixed) {
            joints.push(moving(joint, path, remarks)?);
        }
        bodies.push(Body {
            name: link.name.clone(),
            parent,
            pose: joint.map_or_else(Isometry3::identity, |joint| isometry(&joint.origin)),
            joints,
            mass: link.inertial.mass.value,
            shapes: shapes(link, path, remarks)?,
        });
        let index = bodies.len() - 1;
        for below in robot
            .joints
            .iter()
            .rev()
            .filter(|joint| joint.parent.link == link.name)
        {
            let child = robot
                .links
                .iter()
                .find(|link| link.name == below.child.link);
            waiting.extend(child.map(|child| (child, Some(index))));
        }
        if bodies.len() > robot.links.len() {
            return Err(fault(path, "joints that form a tree", "a ring of links"));
        }
    }
    if bodies.len() < robot.links.len() {
        return Err(fault(
            path,
            "joints that form a tree",
            format!(
                "{} links that hang on themselves",
                robot.links.len() - bodies.len()
            ),
        ));
    }
    Ok(bodies)
}

/// A joint that moves.
fn moving(
    joint: &urdf_rs::Joint,
    path: &Path,
    remarks: &mut Vec<String>,
) -> Result<BodyJoint, GraspError> {
    let name = &joint.name;
    if let Some(mimic) = &joint.mimic {
        remarks.push(format!(
            "joint {name} moves on its own: that it mimics {} was left out",
            mimic.joint
        ));
    }
    let (kind, range) = match joint.joint_type {
        JointType::Revolute => (JointKind::Hinge, (joint.limit.lower, joint.limit.upper)),
        JointType::Prismatic => (JointKind::Slide, (joint.limit.lower, joint.limit.upper)),
        JointType::Continuous => {
            remarks.push(format!("joint {name} has no limits: -pi to pi were taken"));
            let half = std::f64::consts::PI;
            (JointKind::Hinge, (-half, half))
        }
        ref other => {
            return Err(fault(
                path,
                "joints of type revolute, continuous, prismatic or fixed",
                format!("<joint name=\"{name}\" type=\"{other:?}\">"),
            ));
        }
    };
    if !(range.0 < range.1 && range.0.is_finite() && range.1.is_finite()) {
        return Err(fault(
            path,
            "finite limits, the lower first",
            format!(
                "<joint name=\"{name}\"> with <limit lower=\"{}\" upper=\"{}\">",
                range.0, range.1
            ),
        ));
    }
    Ok(BodyJoint {
        name: name.clone(),
        kind,
        anchor: Vector3::zeros(),
        axis: Vector3::from(*joint.axis.xyz),
        range,
        rest: 0.0_f64.clamp(range.0, range.1),
    })
}

/// What a link collides with.
fn shapes(
    link: &Link,
    path: &Path,
    remarks: &mut Vec<String>,
) -> Result<Vec<ShapeSpec>, GraspError> {
    let mut shapes = Vec::new();
    for collision in &link.collision {
        let frame = isometry(&collision.origin);
        shapes.push(match &collision.geometry {
            Geometry::Box { size } => fit::cuboid(&frame, size.0.map(|edge| 0.5 * edge)),
            Geometry::Sphere { radius } => fit::sphere(&frame, *radius),
            // The length of the axis, without the caps.
            Geometry::Capsule { radius, length } => fit::capsule(&frame, *radius, 0.5 * length),
            Geometry::Cylinder { radius, length } => {
                remarks.push(format!(
                    "link {}: a capsule or a box stands for the cylinder",
                    link.name
                ));
                fit::cylinder(&frame, *radius, 0.5 * length)
            }
            Geometry::Mesh { filename, scale } => {
                let file = mesh_file(filename, path).ok_or_else(|| {
                    fault(
                        path,
                        "meshes that are there",
                        format!("<mesh filename=\"{filename}\"> of link {}", link.name),
                    )
                })?;
                let scale =
                    scale.map_or_else(|| Vector3::repeat(1.0), |scale| Vector3::from(*scale));
                let mesh = mesh::read(&file)
                    .map_err(|source| GraspError::Mesh { path: file, source })?
                    .scaled(&scale);
                match fit::around(&frame, &mesh.vertices) {
                    Some(shape) => {
                        remarks.push(format!("link {}: a box stands for the mesh", link.name));
                        shape
                    }
                    None => {
                        remarks.push(format!("link {}: a flat mesh was left out", link.name));
                        continue;
                    }
                }
            }
        });
    }
    Ok(shapes)
}

/// The file of a mesh: as it is named, from the folder of the robot, or for `package://NAME/REST`
/// as `REST` or `NAME/REST` from that folder or one above it.
fn mesh_file(name: &str, path: &Path) -> Option<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let plain = name.strip_prefix("file://").unwrap_or(name);
    let Some(rest) = name.strip_prefix("package://") else {
        return Some(folder.join(plain)).filter(|file| file.is_file());
    };
    let within = rest.split_once('/').map_or(rest, |(_, within)| within);
    let folder = std::path::absolute(folder).ok()?;
    folder
        .ancestors()
        .flat_map(|folder| [folder.join(within), folder.join(rest)])
        .find(|file| file.is_file())
}
