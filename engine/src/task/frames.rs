//! Frames of a run as files and pictures.

use std::path::Path;

use backflow_diff::Real;
use backflow_sim::{
    Compiled,
    io::{
        Array, Ball, FileError, GREY, Image, Npz, NpzError, PALETTE, ParticleRow, Picture, Solid,
        View, write_npz,
    },
    loss::Reactions,
    material::Deformation,
    particle::{Motion, Particles},
    pose::{Pose, Twist},
    rigid::{RigidBody, RigidState},
    rollout::{State, forward::Rollout},
    scene::{BodyRef, Kind, Scene, spec::Walls, target::Measure},
    tool::{Mount, injector::Matter},
    transfer::reaction::Wrench,
    world::World,
};
use nalgebra::{Matrix3, SMatrix, UnitQuaternion, Vector3};

/// Positions (m) and velocities (m/s) of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyRows {
    /// Name of the body.
    pub name: String,
    /// Positions, one after the other.
    pub x: Vec<f64>,
    /// Velocities, one after the other.
    pub v: Vec<f64>,
}

/// The entries of vectors or matrices, column by column, one after the other.
fn flat<T: Real, const R: usize, const C: usize>(
    matrices: impl Iterator<Item = SMatrix<T, R, C>>,
) -> Vec<f64> {
    matrices
        .flat_map(<[[T; R]; C]>::from)
        .flatten()
        .map(|value| value.to_f64())
        .collect()
}

fn rows<T: Real>(
    scene: &Scene,
    particles: &Particles<T>,
    body: &BodyRef,
    frame: usize,
) -> BodyRows {
    let matter = match body.kind {
        Kind::Liquid => Matter::Liquid(body.index),
        Kind::Solid => Matter::Solid(body.index),
    };
    let motion = match body.kind {
        Kind::Liquid => &particles.liquid.motion,
        Kind::Solid => &particles.solid.motion,
    };
    let motion = &motion[scene.world.born(matter, frame)];
    BodyRows {
        name: body.name.clone(),
        x: flat(motion.iter().map(Motion::x)),
        v: flat(motion.iter().map(Motion::v)),
    }
}

/// The bodies of a state at the end of `frame`, in the order of the scene, with the particles
/// that are born by then.
pub fn bodies<T: Real>(
    scene: &Scene,
    world: &World<T>,
    state: &State<T>,
    frame: usize,
) -> Vec<BodyRows> {
    let particles = state.canonical(world);
    scene
        .bodies
        .iter()
        .map(|body| rows(scene, &particles, body, frame))
        .collect()
}

/// Where the parts of a tool are in a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRows {
    /// Name of the tool.
    pub name: String,
    /// Pose of its own frame and of what each joint carries.
    pub links: Vec<Pose<f64>>,
    /// Positions of its joints (rad, m).
    pub joints: Vec<f64>,
}

/// The tools at the start of substep `step`.
pub fn tools<T: Compiled>(rollout: &Rollout<'_, T>, step: usize) -> Vec<ToolRows> {
    let frames = rollout.frames(step);
    let pose = |pose: &Pose<T>| Pose {
        position: pose.position.map(Real::to_f64),
        rotation: pose.rotation.map(Real::to_f64),
    };
    let clock = &rollout.world.clock;
    let rows = rollout.trajectories.iter().zip(&frames);
    rows.map(|(trajectory, links)| {
        let time = T::Wide::of((step % clock.substeps) as f64) * clock.dt.widen();
        let stance = trajectory.stance(step / clock.substeps, time);
        ToolRows {
            name: trajectory.tool().name.clone(),
            links: links.iter().map(|(link, _)| pose(link)).collect(),
            joints: stance.joints.iter().map(|q| q.to_f64()).collect(),
        }
    })
    .collect()
}

/// The mean force (N) and torque (N m) that matter exerts on a wall, a collider or a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Felt {
    /// `walls.<name>`, `colliders.<name>` or `tools.<name>`.
    pub name: String,
    /// Force and torque.
    pub wrench: Wrench<f64>,
}

/// What every wall, collider and tool feels, by name.
pub fn felt(scene: &Scene, reactions: &Reactions<f64>) -> Vec<Felt> {
    let walls = Walls::NAMES.as_flattened().iter();
    let walls = walls.map(|name| format!("walls.{name}"));
    let colliders = scene.world.colliders.iter();
    let colliders = colliders.map(|collider| format!("colliders.{}", collider.name));
    let tools = scene.world.tools.iter();
    let tools = tools.map(|tool| format!("tools.{}", tool.name));
    let wrenches = reactions.walls.as_flattened().iter();
    let wrenches = wrenches.chain(&reactions.colliders).chain(&reactions.tools);
    let names = walls.chain(colliders).chain(tools);
    names
        .zip(wrenches)
        .map(|(name, &wrench)| Felt { name, wrench })
        .collect()
}

/// Arrays of a rigid body: name, shape, values.
type RigidArrays = Vec<(String, Vec<usize>, Vec<f64>)>;

/// `rigid.<name>.position`, `.rotation` (row by row), `.quaternion` (w, x, y, z), `.velocity`,
/// `.spin`: the centre of mass and the principal axes of each rigid body, in world axes.
fn rigid_arrays(world: &World<f64>, states: &[RigidState<f64>]) -> RigidArrays {
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

/// Rows of a particle file.
pub fn particle_rows(bodies: &[BodyRows]) -> Vec<ParticleRow> {
    let row = |body: usize, x: &[f64], v: &[f64]| ParticleRow {
        x: std::array::from_fn(|axis| x[axis] as f32),
        v: std::array::from_fn(|axis| v[axis] as f32),
        body: body as u32,
    };
    bodies
        .iter()
        .enumerate()
        .flat_map(|(index, body)| {
            body.x
                .chunks_exact(3)
                .zip(body.v.chunks_exact(3))
                .map(move |(x, v)| row(index, x, v))
        })
        .collect()
}

/// Opacity of the targets of losses in pictures.
const TARGET_ALPHA: f64 = 0.15;

/// Opacity of rigid bodies in pictures.
const RIGID_ALPHA: f64 = 0.9;

/// Opacity of colliders in pictures.
const COLLIDER_ALPHA: f64 = 0.14;

/// A picture of a frame: particles, rigid bodies, colliders, the tools, targets.
pub fn picture(
    scene: &Scene,
    bodies: &[BodyRows],
    tools: &[ToolRows],
    rigids: &[RigidState<f64>],
    size: [usize; 2],
) -> Option<Image> {
    let world = &scene.world;
    let volume = |body: &BodyRef| match body.kind {
        Kind::Liquid => world.liquids.get(body.index).map(|body| body.volume),
        Kind::Solid => world.solids.get(body.index).map(|body| body.volume),
    };
    let mut balls = Vec::new();
    for (index, (rows, body)) in bodies.iter().zip(&scene.bodies).enumerate() {
        let radius = 0.5 * volume(body)?.cbrt();
        let rgb = PALETTE[index % PALETTE.len()];
        balls.extend(rows.x.chunks_exact(3).map(|x| Ball {
            centre: Vector3::from_column_slice(x),
            radius,
            rgb,
        }));
    }
    let mut solids = Vec::new();
    for collider in &world.colliders {
        let link = |mount: Mount| tools.get(mount.tool)?.links.get(mount.link);
        let pose = match collider.mount.and_then(link) {
            Some(link) => link.compose(&collider.pose),
            None => collider.pose,
        };
        let shape = collider.shape.clone();
        solids.push(Solid {
            shape,
            pose,
            rgb: GREY,
            alpha: COLLIDER_ALPHA,
        });
    }
    for (index, (body, state)) in world.rigids.iter().zip(rigids).enumerate() {
        solids.push(Solid {
            shape: body.collider.shape.clone(),
            pose: state.pose.compose(&body.collider.pose),
            rgb: PALETTE[(bodies.len() + index) % PALETTE.len()],
            alpha: RIGID_ALPHA,
        });
    }
    for loss in &scene.losses {
        if let Measure::TargetSdf { shape, pose, .. } = &loss.measure {
            let (shape, pose) = (shape.clone(), *pose);
            solids.push(Solid {
                shape,
                pose,
                rgb: PALETTE[2],
                alpha: TARGET_ALPHA,
            });
        }
    }
    let bounds = [world.lattice.min(), world.lattice.max()];
    let [width, height] = size;
    Picture {
        width,
        height,
        bounds,
        view: View::default(),
        balls,
        solids,
    }
    .render()
    .ok()
}

/// Writes particles and rigid bodies after a whole frame, all that a run needs to go on, and `more`
/// arrays with their names and shapes.
///
/// # Errors
/// The file cannot be written.
pub fn write_checkpoint<T: Real<Wide = f64>>(
    path: &Path,
    frame: usize,
    world: &World<T>,
    scene: &Scene,
    state: &State<T>,
    more: &[(String, Vec<usize>, Vec<f64>)],
) -> Result<(), FileError> {
    let Particles { liquid, solid } = state.canonical(world);
    let x = |motion: &[Motion<T>]| flat(motion.iter().map(Motion::x));
    let v = |motion: &[Motion<T>]| flat(motion.iter().map(Motion::v));
    let c = |motion: &[Motion<T>]| flat(motion.iter().map(Motion::c));
    let j: Vec<f64> = liquid.strain.iter().map(|j| j.to_f64()).collect();
    let f = flat(solid.strain.iter().map(Deformation::f));
    let history: Vec<f64> = solid.strain.iter().map(|f| f.history().to_f64()).collect();
    let arrays = [
        ("liquid.x", vec![liquid.len(), 3], x(&liquid.motion)),
        ("liquid.v", vec![liquid.len(), 3], v(&liquid.motion)),
        ("liquid.c", vec![liquid.len(), 3, 3], c(&liquid.motion)),
        ("liquid.j", vec![liquid.len()], j),
        ("solid.x", vec![solid.len(), 3], x(&solid.motion)),
        ("solid.v", vec![solid.len(), 3], v(&solid.motion)),
        ("solid.c", vec![solid.len(), 3, 3], c(&solid.motion)),
        ("solid.f", vec![solid.len(), 3, 3], f),
        ("solid.history", vec![solid.len()], history),
    ];
    let frame = [frame as i64];
    let mut named = vec![("frame", Array::I64(vec![], &frame))];
    named.extend(
        arrays
            .iter()
            .map(|(name, shape, values)| (*name, Array::F64(shape.clone(), values))),
    );
    let rigids = rigid_arrays(&scene.world, &state.rigids);
    for (name, shape, values) in rigids.iter().chain(more) {
        named.push((name, Array::F64(shape.clone(), values)));
    }
    write_npz(path, &named)
}

/// Reads the arrays `x`, `v` and `c` of the particles of a kind from a checkpoint.
fn read_motion<T: Real>(
    file: &mut Npz,
    kind: &str,
    motion: &mut [Motion<T>],
) -> Result<(), NpzError> {
    let (count, three) = (Some(motion.len()), Some(3));
    let (_, x) = file.f64(&format!("{kind}.x"), &[count, three])?;
    let (_, v) = file.f64(&format!("{kind}.v"), &[count, three])?;
    let (_, c) = file.f64(&format!("{kind}.c"), &[count, three, three])?;
    let rows = x.chunks_exact(3).zip(v.chunks_exact(3));
    for (motion, ((x, v), c)) in motion.iter_mut().zip(rows.zip(c.chunks_exact(9))) {
        *motion = Motion::new(
            &Vector3::from_column_slice(x).map(T::of),
            &Vector3::from_column_slice(v).map(T::of),
            &Matrix3::from_column_slice(c).map(T::of),
        );
    }
    Ok(())
}

/// Reads what [`write_checkpoint`] wrote: the frame and the particles.
///
/// # Errors
/// The file is damaged or holds other particles.
pub fn read_checkpoint<T: Real>(
    path: &Path,
    like: &Particles<f64>,
) -> Result<(usize, Particles<T>), NpzError> {
    let mut file = Npz::open(path)?;
    let (_, frame) = file.i64("frame", &[])?;
    let mut particles = Particles::zeros(like.liquid.len(), like.solid.len());
    let (liquids, solids) = (Some(like.liquid.len()), Some(like.solid.len()));
    fn fill<'a, T: Real>(entries: impl Iterator<Item = &'a mut T>, values: &[f64]) {
        for (entry, value) in entries.zip(values) {
            *entry = T::of(*value);
        }
    }
    let three = Some(3);
    let (liquid, solid) = (&mut particles.liquid, &mut particles.solid);
    read_motion(&mut file, "liquid", &mut liquid.motion)?;
    let (_, values) = file.f64("liquid.j", &[liquids])?;
    fill(liquid.strain.iter_mut(), &values);
    read_motion(&mut file, "solid", &mut solid.motion)?;
    let (_, values) = file.f64("solid.f", &[solids, three, three])?;
    let (_, history) = file.f64("solid.history", &[solids])?;
    let rows = values.chunks_exact(9).zip(history);
    for (strain, (f, history)) in solid.strain.iter_mut().zip(rows) {
        *strain = Deformation::new(&Matrix3::from_column_slice(f).map(T::of), T::of(history));
    }
    Ok((
        frame.first().map_or(0, |&frame| frame.max(0) as usize),
        particles,
    ))
}

/// Time (s) at the end of a frame.
pub fn time_of(scene: &Scene, frame: usize) -> f64 {
    let clock = &scene.world.clock;
    clock.dt * clock.substeps as f64 * (frame + 1) as f64
}
