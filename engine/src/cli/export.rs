//! `backflow export`: turns the frames of a run into other formats.

use std::path::PathBuf;

use backflow_sim::io::{Array, write_npz, write_ply, write_png, write_pvd, write_vtp};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{
    Failure, gas,
    out::{Progress, say, say_json},
    recording::{PICTURE, reopen},
};
use crate::task::{
    Task,
    folder::{RunFolder, RunOptions},
    frames::{particle_rows, picture, read_frame, read_rigids, read_tools},
    objective::is_alone,
};

/// Turns the frames of a run into files for other programs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow export runs/throw-20261124-101500 --format vtk      # ParaView: open particles.pvd
  backflow export runs/throw-20261124-101500 --format npz      # numpy.load('trajectory.npz')")]
pub struct Export {
    /// Run folder.
    run: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    format: Format,
    /// Folder to write to; `<RUN>/export` by default.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Formats of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One NumPy file: `time`, and `<body>.x`, `<body>.v` of shape (frames, particles, 3); of gas
    /// `gas.<scalar>` of shape (frames, z, y, x) and `gas.velocity`.
    Npz,
    /// A binary PLY file a frame.
    Ply,
    /// A VTK file a frame and a ParaView collection.
    Vtk,
    /// A picture a frame.
    Png,
}

impl Export {
    /// Runs the command.
    ///
    /// # Errors
    /// A run folder that is damaged, or files that cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        let folder = RunFolder::open(&self.run).map_err(Failure::input)?;
        let options: RunOptions = folder.read_ron("run.ron").map_err(Failure::input)?;
        let (_, task, _) = reopen(&self.run, &options.command)?;
        let frames = folder.frames();
        if frames.is_empty() {
            return Err(Failure::Input(format!(
                "{}: no frames; expected a run that was simulated",
                self.run.display()
            )));
        }
        let out = self.out.clone().unwrap_or_else(|| folder.file("export"));
        std::fs::create_dir_all(&out)
            .map_err(|error| Failure::Work(format!("{}: {error}", out.display())))?;
        let mut progress = Progress::new(frames.len(), "frames", self.json);
        let written = match (self.format, &task.scene.gas) {
            (format, Some(scene)) => {
                let of_gas = gas::export(&task, scene, &frames, &out, format, &mut progress)?;
                let alone = is_alone(&task.scene.world, &task.scene.particles);
                of_gas
                    + match format {
                        // A picture shows both.
                        Format::Png => 0,
                        _ if alone => 0,
                        Format::Npz => trajectory(&task, &frames, &out)?,
                        format => each(&task, &frames, &out, format, &mut progress)?,
                    }
            }
            (Format::Npz, None) => trajectory(&task, &frames, &out)?,
            (format, None) => each(&task, &frames, &out, format, &mut progress)?,
        };
        progress.end();
        if self.json {
            say_json(&json!({
                "run": self.run.display().to_string(),
                "frames": frames.len(),
                "files": written,
                "out": out.display().to_string(),
            }));
        } else {
            say(&format!(
                "{written} files of {} frames in {}",
                frames.len(),
                out.display()
            ));
        }
        Ok(())
    }
}

fn names(task: &Task) -> Vec<String> {
    task.scene
        .bodies
        .iter()
        .map(|body| body.name.clone())
        .collect()
}

fn trajectory(
    task: &Task,
    frames: &[(usize, PathBuf)],
    out: &std::path::Path,
) -> Result<usize, Failure> {
    let names = names(task);
    let mut times = Vec::new();
    let mut x: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    let mut v = x.clone();
    let rigids = &task.scene.world.rigids;
    let mut motions: Vec<[Vec<f64>; 4]> = vec![Default::default(); rigids.len()];
    for (_, path) in frames {
        let states = read_rigids(path, &task.scene.world).map_err(Failure::input)?;
        for (motion, state) in motions.iter_mut().zip(&states) {
            motion[0].extend(state.pose.position.iter());
            motion[1].extend(state.pose.rotation.transpose().iter());
            motion[2].extend(state.twist.linear.iter());
            motion[3].extend(state.twist.angular.iter());
        }
        let (time, bodies) = read_frame(path, &names).map_err(Failure::input)?;
        times.push(time);
        for (index, body) in bodies.into_iter().enumerate() {
            x[index].extend(body.x);
            v[index].extend(body.v);
        }
    }
    let labels: Vec<(String, String)> = names
        .iter()
        .map(|name| (format!("{name}.x"), format!("{name}.v")))
        .collect();
    let count = frames.len();
    let mut arrays = vec![("time", Array::F64(vec![count], &times))];
    for (index, (x_label, v_label)) in labels.iter().enumerate() {
        let shape = vec![count, x[index].len() / (3 * count), 3];
        arrays.push((x_label, Array::F64(shape.clone(), &x[index])));
        arrays.push((v_label, Array::F64(shape, &v[index])));
    }
    let fields = ["position", "rotation", "velocity", "spin"];
    let names: Vec<[String; 4]> = rigids
        .iter()
        .map(|body| fields.map(|field| format!("rigid.{}.{field}", body.name)))
        .collect();
    for (names, motion) in names.iter().zip(&motions) {
        for (name, values) in names.iter().zip(motion) {
            let shape = match values.len() / count {
                9 => vec![count, 3, 3],
                _ => vec![count, 3],
            };
            arrays.push((name, Array::F64(shape, values)));
        }
    }
    write_npz(&out.join("trajectory.npz"), &arrays).map_err(Failure::work)?;
    Ok(1)
}

fn each(
    task: &Task,
    frames: &[(usize, PathBuf)],
    out: &std::path::Path,
    format: Format,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    let names = names(task);
    let (mut written, mut collection) = (0, Vec::new());
    for (done, (index, path)) in frames.iter().enumerate() {
        let (time, bodies) = read_frame(path, &names).map_err(Failure::input)?;
        match format {
            Format::Ply => {
                let path = out.join(format!("{index:04}.ply"));
                write_ply(&path, &particle_rows(&bodies)).map_err(Failure::work)?;
            }
            Format::Vtk => {
                let name = format!("{index:04}.vtp");
                write_vtp(&out.join(&name), &particle_rows(&bodies)).map_err(Failure::work)?;
                collection.push((time, name));
            }
            Format::Png | Format::Npz => {
                let tools = read_tools(path, &task.scene).map_err(Failure::input)?;
                let rigids = read_rigids(path, &task.scene.world).map_err(Failure::input)?;
                let image = picture(&task.scene, &bodies, &tools, &rigids, PICTURE);
                if let Some(image) = image {
                    let path = out.join(format!("{index:04}.png"));
                    write_png(&path, &image).map_err(Failure::work)?;
                }
            }
        }
        written += 1;
        progress.at(done + 1, "");
    }
    if !collection.is_empty() {
        write_pvd(&out.join("particles.pvd"), &collection).map_err(Failure::work)?;
        written += 1;
    }
    Ok(written)
}
