//! What commands do where there is gas.

use std::path::{Path, PathBuf};

use backflow_sim::{
    Compiled,
    gas::{self, rollout::Footprint},
    io::{Array, write_npz, write_png, write_pvd, write_vti},
    scene::GasScene,
};
use serde_json::json;

use super::{
    Failure, bytes,
    export::Format,
    out::{Progress, say, say_json},
    simulate::{PICTURE, Recorded, Recording},
};
use crate::task::{
    Task,
    folder::RunFolder,
    gas::{GasRows, read_checkpoint, time_of, write_checkpoint},
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

/// Draws a frame of a run of gas, with so many pixels along its longer side.
///
/// # Errors
/// The frame cannot be read or the picture not be written.
pub fn draw(
    scene: &GasScene,
    folder: &RunFolder,
    frame: usize,
    name: &str,
    side: usize,
) -> Result<(), Failure> {
    let (_, rows) = GasRows::read(&folder.frame(frame), scene).map_err(Failure::work)?;
    picture(scene, &rows, &folder.file(name), side)
}

fn picture(scene: &GasScene, rows: &GasRows, path: &Path, side: usize) -> Result<(), Failure> {
    if let Some(image) = rows.picture(scene, side) {
        write_png(path, &image).map_err(Failure::work)?;
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
    let footprint = Footprint::of(&scene.model.cast::<T>());
    let plan = footprint
        .plan(scene.clock.frames, memory)
        .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    let cells = scene.model.grid.cells;
    if json {
        say_json(&json!({
            "file": path.display().to_string(),
            "scene": task.spec.name,
            "cells": cells,
            "frames": scene.clock.frames,
            "variables": variables,
            "state_bytes": footprint.state,
            "working_bytes": footprint.working,
            "forward_passes": plan.forward_passes(),
        }));
        return Ok(());
    }
    say(&format!(
        "{}: gas in {}x{}x{} cells of {} m, {} frames of {} s, {variables} variables",
        task.spec.name,
        cells[0],
        cells[1],
        cells[2],
        scene.model.grid.dx,
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
    scene: &GasScene,
    frames: &[(usize, PathBuf)],
    out: &Path,
    format: Format,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    match format {
        Format::Npz => series(scene, frames, out, progress),
        Format::Vtk | Format::Png => each(scene, frames, out, format, progress),
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
    scene: &GasScene,
    frames: &[(usize, PathBuf)],
    out: &Path,
    format: Format,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    let (grid, mut collection, mut written) = (&scene.model.grid, Vec::new(), 0);
    for (done, (index, path)) in frames.iter().enumerate() {
        let (time, rows) = GasRows::read(path, scene).map_err(Failure::input)?;
        if format == Format::Vtk {
            let name = format!("gas-{index:04}.vti");
            let (path, arrays) = (out.join(&name), rows.cell_arrays());
            write_vti(&path, grid.origin.into(), grid.dx, grid.cells, &arrays)
                .map_err(Failure::work)?;
            collection.push((time, name));
        } else {
            picture(
                scene,
                &rows,
                &out.join(format!("{index:04}.png")),
                PICTURE[0],
            )?;
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
