//! The file that a run goes on from.

use std::path::Path;

use backflow_diff::Real;
use backflow_sim::{
    io::{Array, FileError, Npz, NpzError, write_npz},
    material::Deformation,
    particle::{Motion, Particles},
    rollout::State,
    scene::Scene,
    world::World,
};
use nalgebra::{Matrix3, Vector3};

use super::{file::rigid_arrays, rows::flat};

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
