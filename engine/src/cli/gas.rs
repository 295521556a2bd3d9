//! What commands do where there is gas.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use backflow_sim::{
    Compiled,
    gas::{self, Gas, Model, coupled::CoupledRollout, rollout::Footprint},
    io::{Array, write_npz, write_png, write_pvd, write_vti},
    rollout::{State, forward::Rollout},
    scene::GasScene,
};
use serde_json::json;

use super::{
    Failure, bytes,
    export::Format,
    out::{Progress, say, say_json},
    recording::{PICTURE, Recorded, Recording},
};
use crate::task::{
    Task,
    folder::RunFolder,
    frames::{read_frame, read_rigids},
    gas::{GasRows, Named, checkpoint, read_checkpoint, time_of, write_checkpoint},
    objective::is_alone,
};

/// Runs gas from the checkpoint in the folder, or from the start; writes its frames.
///
/// # Errors
/// A run that fails, or a file that cannot be written.
pub fn record<T: Compiled<Wide = f64>>(
    recording: Recording<'_>,
    scene: &GasScene,
    resume: bool,
) -> Result<Recorded, Failure> {
    let Recording {
        folder,
        frames,
        on_frame,
        ..
    } = recording;
    let (model, mut gas) = (scene.model.cast::<T>(), scene.initial.cast::<T>());
    let checkpoint = folder.file("checkpoint.npz");
    let mut recorded = Recorded::default();
    if resume && checkpoint.is_file() {
        let found = read_checkpoint(&checkpoint, &mut gas).map_err(Failure::input)?;
        (recorded.frames, recorded.value) = found;
    }
    let mut rollout = gas::Rollout::new(&model, &scene.course, scene.clock);
    folder.make_frames().map_err(Failure::work)?;
    for frame in recorded.frames..frames.min(scene.clock.frames) {
        let went = rollout.advance(&mut gas, frame).map_err(Failure::work)?;
        recorded.gas = recorded.gas.joined(&went);
        recorded.value += gas::rollout::judge(&model, &scene.terms, &gas, frame);
        recorded.frames = frame + 1;
        let rows = GasRows::of(&model, &gas, &rollout.workspace().openings().open);
        let (path, time) = (folder.frame(frame), time_of(scene, frame));
        rows.write(&path, scene, time).map_err(Failure::work)?;
        write_checkpoint(&checkpoint, frame + 1, recorded.value, &gas).map_err(Failure::work)?;
        if !on_frame(frame + 1) {
            break;
        }
    }
    Ok(recorded)
}

/// The gas of a run of gas and matter that is recorded.
pub struct Along<'a, T: Compiled<Wide = f64>> {
    scene: &'a GasScene,
    rollout: CoupledRollout<'a, T>,
    gas: Arc<Gas<T>>,
    value: f64,
}

impl<'a, T: Compiled<Wide = f64>> Along<'a, T> {
    /// The gas at the start, or from the checkpoint of a run.
    ///
    /// # Errors
    /// The checkpoint is damaged.
    pub fn open(
        scene: &'a GasScene,
        model: &'a Model<T>,
        checkpoint: Option<&Path>,
    ) -> Result<Self, Failure> {
        let (mut gas, mut value) = (scene.initial.cast::<T>(), 0.0);
        if let Some(path) = checkpoint {
            (_, value) = read_checkpoint(path, &mut gas).map_err(Failure::input)?;
        }
        Ok(Self {
            scene,
            rollout: scene.among(model),
            gas: Arc::new(gas),
            value,
        })
    }

    /// The loss of the gas over the frames done.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Advances gas and matter through a frame.
    ///
    /// # Errors
    /// A run that fails.
    pub fn advance(
        &mut self,
        matter: &mut Rollout<'_, T>,
        state: &mut State<T>,
        frame: usize,
    ) -> Result<gas::rollout::Frame, Failure> {
        let went = self.rollout.advance(matter, state, &mut self.gas, frame);
        let (model, terms) = (self.rollout.model, &self.scene.terms);
        self.value += gas::rollout::judge(model, terms, &self.gas, frame);
        went.map_err(Failure::work)
    }

    /// The arrays of a frame.
    pub fn arrays(&self) -> Vec<Named> {
        let open = &self.rollout.workspace().openings().open;
        GasRows::of(self.rollout.model, &self.gas, open).arrays(self.scene)
    }

    /// Arrays for a checkpoint.
    pub fn checkpoint(&self) -> Vec<Named> {
        checkpoint(&self.gas, self.value)
    }
}

/// Draws a frame of a run with gas, with so many pixels along its longer side.
///
/// # Errors
/// The frame cannot be read or the picture not be written.
pub fn draw(
    task: &Task,
    scene: &GasScene,
    folder: &RunFolder,
    frame: usize,
    name: &str,
    side: usize,
) -> Result<(), Failure> {
    picture(task, scene, &folder.frame(frame), &folder.file(name), side)
}

/// Draws the frame `from` into the picture `to`.
fn picture(
    task: &Task,
    scene: &GasScene,
    from: &Path,
    to: &Path,
    side: usize,
) -> Result<(), Failure> {
    let (_, rows) = GasRows::read(from, scene).map_err(Failure::input)?;
    let bodies = task.scene.bodies.iter().map(|body| body.name.clone());
    let (_, bodies) = read_frame(from, &bodies.collect::<Vec<_>>()).map_err(Failure::input)?;
    let mut points: Vec<f64> = bodies.into_iter().flat_map(|body| body.x).collect();
    let rigids = read_rigids(from, &task.scene.world).map_err(Failure::input)?;
    for (state, filling) in rigids.iter().zip(&scene.fillings) {
        let own = filling.points.iter().map(|point| state.pose.apply(point));
        points.extend(own.flat_map(<[f64; 3]>::from));
    }
    if let Some(image) = rows.picture(scene, &points, side) {
        write_png(to, &image).map_err(Failure::work)?;
    }
    Ok(())
}

/// Says what a scene with gas will cost.
///
/// # Errors
/// A budget too small.
pub fn describe<T: Compiled<Wide = f64>>(
    path: &Path,
    task: &Task,
    scene: &GasScene,
    variables: usize,
    (memory, json): (usize, bool),
) -> Result<(), Failure> {
    let model = scene.model.cast::<T>();
    let footprint = if is_alone(&task.scene.world, &task.scene.particles) {
        Footprint::of(&model)
    } else {
        let world = task.scene.world.cast::<T>();
        let state = State::new(&world, task.scene.particles.cast::<T>());
        gas::coupled::footprint(&model, &world, &state)
    };
    let plan = footprint
        .plan(scene.clock.frames, memory)
        .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    let cells = scene.model.grid.cells;
    if json {
        say_json(&json!({
            "file": path.display().to_string(),
            "scene": task.spec.name,
            "cells": cells,
            "particles": task.scene.particles.len(),
            "frames": scene.clock.frames,
            "variables": variables,
            "state_bytes": footprint.state,
            "working_bytes": footprint.working,
            "forward_passes": plan.forward_passes(),
        }));
        return Ok(());
    }
    say(&format!(
        "{}: gas in {}x{}x{} cells of {} m, {} particles, {} frames of {} s, {variables} variables",
        task.spec.name,
        cells[0],
        cells[1],
        cells[2],
        scene.model.grid.dx,
        task.scene.particles.len(),
        scene.clock.frames,
        scene.clock.frame,
    ));
    say(&format!(
        "  gradient: {} to work in, {} a state kept; {} of {} frames kept, {:.2} forward passes",
        bytes::show(footprint.working),
        bytes::show(footprint.state),
        plan.kept(),
        plan.steps(),
        plan.forward_passes(),
    ));
    Ok(())
}

/// Turns frames of gas into files for other programs; returns how many were written.
///
/// # Errors
/// Frames that are damaged, files that cannot be written, a format that holds no gas.
pub fn export(
    task: &Task,
    scene: &GasScene,
    frames: &[(usize, PathBuf)],
    out: &Path,
    format: Format,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    match format {
        Format::Npz => series(scene, frames, out, progress),
        Format::Vtk | Format::Png => each(task, scene, frames, out, format, progress),
        // Particles alone.
        Format::Ply if !is_alone(&task.scene.world, &task.scene.particles) => Ok(0),
        Format::Ply => Err(Failure::input(
            "--format ply: expected vtk, npz or png for gas",
        )),
    }
}

/// All frames as one NumPy file.
fn series(
    scene: &GasScene,
    frames: &[(usize, PathBuf)],
    out: &Path,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    let (mut times, mut series) = (Vec::new(), Vec::new());
    for (done, (_, path)) in frames.iter().enumerate() {
        let (time, rows) = GasRows::read(path, scene).map_err(Failure::input)?;
        times.push(time);
        let arrays = rows.arrays(scene);
        if series.is_empty() {
            series = arrays;
        } else {
            for ((_, _, all), (_, _, values)) in series.iter_mut().zip(arrays) {
                all.extend(values);
            }
        }
        progress.at(done + 1, "");
    }
    let count = times.len();
    let mut arrays = vec![("time", Array::F64(vec![count], &times))];
    for (name, shape, values) in &series {
        let shape = std::iter::once(count).chain(shape.iter().copied());
        arrays.push((name, Array::F64(shape.collect(), values)));
    }
    write_npz(&out.join("gas.npz"), &arrays).map_err(Failure::work)?;
    Ok(1)
}

/// A file a frame.
fn each(
    task: &Task,
    scene: &GasScene,
    frames: &[(usize, PathBuf)],
    out: &Path,
    format: Format,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    let (grid, mut collection, mut written) = (&scene.model.grid, Vec::new(), 0);
    for (done, (index, path)) in frames.iter().enumerate() {
        if format == Format::Vtk {
            let (time, rows) = GasRows::read(path, scene).map_err(Failure::input)?;
            let name = format!("gas-{index:04}.vti");
            let (path, arrays) = (out.join(&name), rows.cell_arrays());
            write_vti(&path, grid.origin.into(), grid.dx, grid.cells, &arrays)
                .map_err(Failure::work)?;
            collection.push((time, name));
        } else {
            let name = format!("{index:04}.png");
            picture(task, scene, path, &out.join(name), PICTURE[0])?;
        }
        written += 1;
        progress.at(done + 1, "");
    }
    if !collection.is_empty() {
        write_pvd(&out.join("gas.pvd"), &collection).map_err(Failure::work)?;
        written += 1;
    }
    Ok(written)
}
