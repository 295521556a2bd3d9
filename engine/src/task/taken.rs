//! What collectors have taken, in frames and checkpoints.

use std::path::Path;

use backflow_sim::{
    io::{Npz, NpzError},
    rollout::Taken,
    world::World,
};

/// `taken.liquid` and `taken.solid`: of each particle, in the order of the scene, the number of the
/// collector that has it, counted from 1, or 0; empty before anything is taken, and left out of
/// scenes without collectors.
pub fn taken_arrays(world: &World<f64>, taken: &Taken) -> Vec<(String, Vec<usize>, Vec<f64>)> {
    if world.collectors.is_empty() {
        return Vec::new();
    }
    let kinds = [("liquid", &taken.liquid), ("solid", &taken.solid)];
    let array = |(kind, of): (&str, &Vec<u16>)| {
        let values = of.iter().map(|&by| f64::from(by));
        (format!("taken.{kind}"), vec![of.len()], values.collect())
    };
    kinds.map(array).into()
}

/// Reads what [`taken_arrays`] gave to a frame or a checkpoint.
///
/// # Errors
/// The file is damaged or lacks an array.
pub fn read_taken(path: &Path, world: &World<f64>) -> Result<Taken, NpzError> {
    let mut taken = Taken::default();
    if world.collectors.is_empty() {
        return Ok(taken);
    }
    let mut file = Npz::open(path)?;
    for (kind, of) in [("liquid", &mut taken.liquid), ("solid", &mut taken.solid)] {
        let (_, values) = file.f64(&format!("taken.{kind}"), &[None])?;
        *of = values.iter().map(|&by| by as u16).collect();
    }
    Ok(taken)
}
