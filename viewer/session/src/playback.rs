//! Runs that were recorded: run folders, and trajectories as `backflow export` writes them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use backflow::{
    sim::io::npz::{Npz, NpzError},
    task::{
        Task, TaskError,
        folder::{FolderError, RunFolder, RunOptions},
        frames::{BodyRows, read_frame, read_rigids, read_tools},
    },
};
use nalgebra::Vector3;

use crate::{
    frame::Frame,
    grasps::{self, GraspsError},
    stage::{Poses, Stage, StageBody},
};

/// Why a run cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// The folder is damaged, or none of a run.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The scene in it is not sound.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// An array cannot be read.
    #[error(transparent)]
    Array(#[from] NpzError),
    /// A set of grasps cannot be shown.
    #[error(transparent)]
    Grasps(#[from] GraspsError),
    /// There is nothing to show.
    #[error("{}: no {what}; expected {expected}", path.display())]
    Nothing {
        /// The file or folder.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
        /// What was expected.
        expected: &'static str,
    },
}

/// Whether a path is that of a recorded run, rather than of a scene.
pub fn is_run(path: &Path) -> bool {
    let trajectory = path.extension().is_some_and(|ending| ending == "npz");
    trajectory || grasps::is_set(path) || path.join("run.ron").is_file()
}

/// The frames of a run folder, of a trajectory or of a set of grasps.
///
/// # Errors
/// It is damaged or holds no frames.
pub fn open(path: &Path) -> Result<Vec<Arc<Frame>>, PlaybackError> {
    if path.is_dir() {
        folder(path)
    } else if grasps::is_set(path) {
        Ok(grasps::open(path)?)
    } else {
        trajectory(path)
    }
}

fn folder(path: &Path) -> Result<Vec<Arc<Frame>>, PlaybackError> {
    let folder = RunFolder::open(path)?;
    let options: RunOptions = folder.read_ron("run.ron")?;
    let task = Task::reload(&folder.file("scene.ron"), &options.directory)?;
    let stage = Arc::new(Stage::of(&task));
    let names: Vec<String> = stage.bodies.iter().map(|body| body.name.clone()).collect();
    let mut frames = Vec::new();
    for (index, path) in folder.frames() {
        let (time, rows) = read_frame(&path, &names)?;
        let tools = read_tools(&path, &task.scene)?;
        let (mut x, mut speed, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for BodyRows { x: places, v, .. } in &rows {
            x.extend(triples(places));
            counts.push(places.len() / 3);
            speed.extend(triples(v).map(|v| Vector3::from(v).norm()));
        }
        frames.push(Arc::new(Frame {
            // A frame is saved at its end.
            index: index + 1,
            time,
            x,
            speed,
            extra: None,
            counts,
            poses: Poses::of(
                tools.into_iter().map(|tool| tool.links).collect(),
                &read_rigids(&path, &task.scene.world)?,
            ),
            stage: Arc::clone(&stage),
        }));
    }
    if frames.is_empty() {
        return Err(PlaybackError::Nothing {
            path: path.to_owned(),
            what: "frames",
            expected: "a run that was simulated",
        });
    }
    Ok(frames)
}

fn triples(values: &[f64]) -> impl Iterator<Item = [f32; 3]> + '_ {
    values
        .chunks_exact(3)
        .map(|x| std::array::from_fn(|axis| x[axis] as f32))
}

/// A trajectory: `time` (frames), and `<body>.x`, perhaps `<body>.v`, of shape (frames,
/// particles, 3).
fn trajectory(path: &Path) -> Result<Vec<Arc<Frame>>, PlaybackError> {
    let mut file = Npz::open(path)?;
    let nothing = |what, expected| PlaybackError::Nothing {
        path: path.to_owned(),
        what,
        expected,
    };
    let names = file.names();
    let bodies: Vec<&str> = names
        .iter()
        .filter_map(|name| name.strip_suffix(".x").or((name == "x").then_some("")))
        .collect();
    if bodies.is_empty() {
        return Err(nothing(
            "array `x` or `<body>.x`",
            "positions of shape (frames, particles, 3)",
        ));
    }
    let times = match names.iter().any(|name| name == "time") {
        true => file.f64("time", &[None])?.1,
        false => Vec::new(),
    };
    let (mut count, mut parts) = (usize::MAX, Vec::new());
    for body in bodies {
        let prefix = if body.is_empty() {
            String::new()
        } else {
            format!("{body}.")
        };
        let (shape, x) = file.f64(&format!("{prefix}x"), &[None, None, Some(3)])?;
        let v = match names.contains(&format!("{prefix}v")) {
            true => {
                let shape: Vec<_> = shape.iter().copied().map(Some).collect();
                file.f64(&format!("{prefix}v"), &shape)?.1
            }
            false => Vec::new(),
        };
        count = count.min(shape[0]);
        parts.push((body.to_owned(), shape[1], x, v));
    }
    if count == 0 {
        return Err(nothing("frames", "at least one"));
    }
    let stage = Arc::new(bare_stage(path, count, &times, &parts));
    let frames = (0..count).map(|index| {
        let (mut x, mut speed) = (Vec::new(), Vec::new());
        for (_, particles, places, v) in &parts {
            let range = index * particles * 3..(index + 1) * particles * 3;
            x.extend(triples(&places[range.clone()]));
            if let Some(v) = v.get(range) {
                speed.extend(triples(v).map(|v| Vector3::from(v).norm()));
            } else {
                speed.resize(x.len(), 0.0);
            }
        }
        Arc::new(Frame {
            index,
            time: times.get(index).copied().unwrap_or(index as f64 / 50.0),
            x,
            speed,
            extra: None,
            counts: parts.iter().map(|(_, particles, ..)| *particles).collect(),
            poses: Poses::default(),
            stage: Arc::clone(&stage),
        })
    });
    Ok(frames.collect())
}

/// What can be known of the scene of a trajectory: the box around all positions.
fn bare_stage(
    path: &Path,
    count: usize,
    times: &[f64],
    parts: &[(String, usize, Vec<f64>, Vec<f64>)],
) -> Stage {
    let points = || {
        let all = parts.iter().flat_map(|(_, _, x, _)| x.chunks_exact(3));
        all.map(Vector3::from_column_slice)
    };
    let min = points().fold(Vector3::repeat(f64::INFINITY), |min, x| min.inf(&x));
    let max = points().fold(Vector3::repeat(f64::NEG_INFINITY), |max, x| max.sup(&x));
    let particles: usize = parts.iter().map(|(_, particles, ..)| particles).sum();
    // As if the matter of the first frame filled the box around it.
    let first = parts
        .iter()
        .flat_map(|(_, particles, x, _)| x[..3 * particles].chunks_exact(3))
        .map(Vector3::from_column_slice);
    let (low, high) = first.fold((max, min), |(low, high), x: Vector3<f64>| {
        (low.inf(&x), high.sup(&x))
    });
    let volume = (high - low).iter().product::<f64>();
    let radius = 0.5 * (volume / particles.max(1) as f64).cbrt();
    let name = path
        .file_stem()
        .map_or(String::new(), |name| name.to_string_lossy().into_owned());
    Stage {
        name,
        about: "A trajectory.".to_owned(),
        bounds: [min.add_scalar(-radius), max.add_scalar(radius)],
        cell: 2.0 * radius,
        bodies: parts
            .iter()
            .map(|(name, count, ..)| StageBody {
                name: name.clone(),
                count: *count,
                radius,
                liquid: false,
            })
            .collect(),
        solids: Vec::new(),
        start: Poses::default(),
        frames: count.saturating_sub(1),
        frame_time: match times {
            [first, second, ..] if second > first => second - first,
            _ => 1.0 / 50.0,
        },
        optimizable: false,
        views: Vec::new(),
    }
}
