//! The file of a frame.

use std::path::Path;

use backflow_sim::{
    io::{Array, FileError, Npz, NpzError, write_npz},
    loss::Reactions,
    pose::{Pose, Twist},
    rigid::{RigidBody, RigidState},
    scene::Scene,
    transfer::reaction::Wrench,
    world::World,
};
use nalgebra::{Matrix3, UnitQuaternion, Vector3};

use super::rows::{BodyRows, Felt, ToolRows, felt};

/// Arrays of a rigid body: name, shape, values.
pub(super) type RigidArrays = Vec<(String, Vec<usize>, Vec<f64>)>;

/// `rigid.<name>.position`, `.rotation` (row by row), `.quaternion` (w, x, y, z), `.velocity`,
/// `.spin`: the centre of mass and the principal axes of each rigid body, in world axes.
pub(super) fn rigid_arrays(world: &World<f64>, states: &[RigidState<f64>]) -> RigidArrays {
    let of = |(body, state): (&RigidBody<f64>, &RigidState<f64>)| {
        let RigidState { pose, twist } = state;
        let turn = UnitQuaternion::from_matrix(&pose.rotation);
        let named = |field: &str| format!("rigid.{}.{field}", body.name);
        let vector = |v: &Vector3<f64>| v.as_slice().to_vec();
        [
            (named("position"), vec![3], vector(&pose.position)),
            (
                named("rotation"),
                vec![3, 3],
                pose.rotation.transpose().as_slice().to_vec(),
            ),
            (
                named("quaternion"),
                vec![4],
                vec![turn.w, turn.i, turn.j, turn.k],
            ),
            (named("velocity"), vec![3], vector(&twist.linear)),
            (named("spin"), vec![3], vector(&twist.angular)),
        ]
    };
    world.rigids.iter().zip(states).flat_map(of).collect()
}

/// Reads the rigid bodies of a frame or of a checkpoint, in the order of the world.
///
/// # Errors
/// The file is damaged or lacks a body.
pub fn read_rigids(path: &Path, world: &World<f64>) -> Result<Vec<RigidState<f64>>, NpzError> {
    let mut states = Vec::with_capacity(world.rigids.len());
    if world.rigids.is_empty() {
        return Ok(states);
    }
    let mut file = Npz::open(path)?;
    for body in &world.rigids {
        let mut read = |field: &str, shape: &[Option<usize>]| {
            let (_, values) = file.f64(&format!("rigid.{}.{field}", body.name), shape)?;
            Ok::<_, NpzError>(values)
        };
        let three = Some(3);
        let position = Vector3::from_column_slice(&read("position", &[three])?);
        let rotation = Matrix3::from_row_slice(&read("rotation", &[three, three])?);
        let linear = Vector3::from_column_slice(&read("velocity", &[three])?);
        let angular = Vector3::from_column_slice(&read("spin", &[three])?);
        states.push(RigidState {
            pose: Pose { position, rotation },
            twist: Twist { linear, angular },
        });
    }
    Ok(states)
}

/// Writes a frame: `time` (s), `<body>.x`, `<body>.v`, for each tool `<tool>.position` and
/// `<tool>.rotation` (row by row) of its own frame and then of what each joint carries, and
/// `<tool>.joints`; and `<name>.force` (N) and `<name>.torque` (N m) of what walls, colliders
/// and tools feel; and the arrays of the rigid bodies of
/// `world`, `rigid.<name>.position`, `.rotation` (row by row), `.quaternion` (w, x, y, z),
/// `.velocity` and `.spin`; and `more` arrays with their names and shapes.
///
/// # Errors
/// The file cannot be written.
pub fn write_frame(
    path: &Path,
    time: f64,
    bodies: &[BodyRows],
    tools: &[ToolRows],
    felt: &[Felt],
    world: &World<f64>,
    rigids: &[RigidState<f64>],
    more: &[(String, Vec<usize>, Vec<f64>)],
) -> Result<(), FileError> {
    let named: Vec<(String, &Vec<f64>)> = bodies
        .iter()
        .flat_map(|body| {
            [
                (format!("{}.x", body.name), &body.x),
                (format!("{}.v", body.name), &body.v),
            ]
        })
        .collect();
    let time = [time];
    let mut arrays = vec![("time", Array::F64(vec![], &time))];
    for (name, values) in &named {
        arrays.push((name.as_str(), Array::F64(vec![values.len() / 3, 3], values)));
    }
    let parts: Vec<(String, Vec<usize>, Vec<f64>)> = tools
        .iter()
        .flat_map(|tool| {
            let links = tool.links.iter();
            let position = links
                .clone()
                .flat_map(|pose| <[f64; 3]>::from(pose.position));
            let rotation = links.flat_map(|pose| pose.rotation.transpose().as_slice().to_vec());
            let (name, count) = (&tool.name, tool.links.len());
            [
                (
                    format!("{name}.position"),
                    vec![count, 3],
                    position.collect(),
                ),
                (
                    format!("{name}.rotation"),
                    vec![count, 3, 3],
                    rotation.collect(),
                ),
                (
                    format!("{name}.joints"),
                    vec![tool.joints.len()],
                    tool.joints.clone(),
                ),
            ]
        })
        .collect();
    let wrenches = felt.iter().flat_map(|felt| {
        let [force, torque] = [felt.wrench.force, felt.wrench.torque];
        [("force", force), ("torque", torque)].map(|(what, vector)| {
            let name = format!("{}.{what}", felt.name);
            (name, vec![3], vector.as_slice().to_vec())
        })
    });
    let parts: Vec<_> = parts.into_iter().chain(wrenches).collect();
    for (name, shape, values) in &parts {
        arrays.push((name.as_str(), Array::F64(shape.clone(), values)));
    }
    let rigids = rigid_arrays(world, rigids);
    for (name, shape, values) in rigids.iter().chain(more) {
        arrays.push((name, Array::F64(shape.clone(), values)));
    }
    write_npz(path, &arrays)
}

/// Reads the time and the bodies of a frame, in the order of `names`.
///
/// # Errors
/// The file is damaged or lacks a body.
pub fn read_frame(path: &Path, names: &[String]) -> Result<(f64, Vec<BodyRows>), NpzError> {
    let mut file = Npz::open(path)?;
    let (_, time) = file.f64("time", &[])?;
    let mut bodies = Vec::with_capacity(names.len());
    for name in names {
        let (shape, x) = file.f64(&format!("{name}.x"), &[None, Some(3)])?;
        let (_, v) = file.f64(&format!("{name}.v"), &[Some(shape[0]), Some(3)])?;
        bodies.push(BodyRows {
            name: name.clone(),
            x,
            v,
        });
    }
    Ok((time.first().copied().unwrap_or(0.0), bodies))
}

/// Reads the tools of a frame, in the order of the scene.
///
/// # Errors
/// The file is damaged or lacks a tool.
pub fn read_tools(path: &Path, scene: &Scene) -> Result<Vec<ToolRows>, NpzError> {
    let mut file = Npz::open(path)?;
    let mut tools = Vec::with_capacity(scene.world.tools.len());
    for tool in &scene.world.tools {
        let (name, links) = (&tool.name, tool.joints.len() + 1);
        let three = Some(3);
        let (_, position) = file.f64(&format!("{name}.position"), &[Some(links), three])?;
        let (_, rotation) = file.f64(&format!("{name}.rotation"), &[Some(links), three, three])?;
        let (_, joints) = file.f64(&format!("{name}.joints"), &[Some(links - 1)])?;
        let pairs = position.chunks_exact(3).zip(rotation.chunks_exact(9));
        let pose = |(position, rotation): (&[f64], &[f64])| Pose {
            position: Vector3::from_column_slice(position),
            rotation: Matrix3::from_row_slice(rotation),
        };
        tools.push(ToolRows {
            name: name.clone(),
            links: pairs.map(pose).collect(),
            joints,
        });
    }
    Ok(tools)
}

/// Reads what walls, colliders and tools feel in a frame.
///
/// # Errors
/// The file is damaged or lacks one of them.
pub fn read_felt(path: &Path, scene: &Scene) -> Result<Reactions<f64>, NpzError> {
    let mut file = Npz::open(path)?;
    let world = &scene.world;
    let mut found = Reactions::zero(world.colliders.len(), world.tools.len());
    let names = felt(scene, &found);
    let walls = found.walls.as_flattened_mut().iter_mut();
    let wrenches = walls.chain(&mut found.colliders).chain(&mut found.tools);
    for (Felt { name, .. }, wrench) in names.iter().zip(wrenches) {
        let (_, force) = file.f64(&format!("{name}.force"), &[Some(3)])?;
        let (_, torque) = file.f64(&format!("{name}.torque"), &[Some(3)])?;
        *wrench = Wrench {
            force: Vector3::from_column_slice(&force),
            torque: Vector3::from_column_slice(&torque),
        };
    }
    Ok(found)
}
