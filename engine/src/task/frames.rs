//! Frames of a run as files and pictures.

use std::path::Path;

use backflow_diff::Real;
use backflow_sim::{
    io::{
        Array, Ball, FileError, GREY, Image, Npz, NpzError, PALETTE, ParticleRow, Picture, Solid,
        View, write_npz,
    },
    material::Deformation,
    particle::{Motion, Particles},
    pose::Pose,
    rollout::State,
    scene::{BodyRef, Kind, Scene, target::Measure},
    world::World,
};
use nalgebra::{Matrix3, SMatrix, Vector3};

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

fn rows<T: Real>(scene: &Scene, particles: &Particles<T>, body: &BodyRef) -> BodyRows {
    let motion = match body.kind {
        Kind::Liquid => &particles.liquid.motion,
        Kind::Solid => &particles.solid.motion,
    };
    let motion = &motion[scene.range(body)];
    BodyRows {
        name: body.name.clone(),
        x: flat(motion.iter().map(Motion::x)),
        v: flat(motion.iter().map(Motion::v)),
    }
}

/// The bodies of a state, in the order of the scene.
pub fn bodies<T: Real>(scene: &Scene, world: &World<T>, state: &State<T>) -> Vec<BodyRows> {
    let particles = state.canonical(world);
    scene
        .bodies
        .iter()
        .map(|body| rows(scene, &particles, body))
        .collect()
}

/// Writes a frame: `time` (s), `<body>.x`, `<body>.v`, and `tool.position`,
/// `tool.rotation` (row by row) where there is a tool.
///
/// # Errors
/// The file cannot be written.
pub fn write_frame(
    path: &Path,
    time: f64,
    bodies: &[BodyRows],
    tool: Option<&Pose<f64>>,
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
    let pose = tool.map(|pose| {
        (
            pose.position.as_slice().to_vec(),
            pose.rotation.transpose().as_slice().to_vec(),
        )
    });
    if let Some((position, rotation)) = &pose {
        arrays.push(("tool.position", Array::F64(vec![3], position)));
        arrays.push(("tool.rotation", Array::F64(vec![3, 3], rotation)));
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

/// Reads the placement of the tool of a frame.
///
/// # Errors
/// The file is damaged.
pub fn read_tool(path: &Path) -> Result<Option<Pose<f64>>, NpzError> {
    let mut file = Npz::open(path)?;
    if !file.names().iter().any(|name| name == "tool.position") {
        return Ok(None);
    }
    let (_, position) = file.f64("tool.position", &[Some(3)])?;
    let (_, rotation) = file.f64("tool.rotation", &[Some(3), Some(3)])?;
    Ok(Some(Pose {
        position: Vector3::from_column_slice(&position),
        rotation: Matrix3::from_row_slice(&rotation),
    }))
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

/// Opacity of colliders in pictures.
const COLLIDER_ALPHA: f64 = 0.14;

/// A picture of a frame: particles, colliders, the tool, targets.
pub fn picture(
    scene: &Scene,
    bodies: &[BodyRows],
    tool: Option<&Pose<f64>>,
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
        let pose = match (collider.on_tool, tool) {
            (true, Some(tool)) => tool.compose(&collider.pose),
            _ => collider.pose,
        };
        let shape = collider.shape.clone();
        solids.push(Solid {
            shape,
            pose,
            rgb: GREY,
            alpha: COLLIDER_ALPHA,
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

/// Writes the particles after a whole frame, all that a run needs to go on.
///
/// # Errors
/// The file cannot be written.
pub fn write_checkpoint<T: Real>(
    path: &Path,
    frame: usize,
    world: &World<T>,
    state: &State<T>,
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
