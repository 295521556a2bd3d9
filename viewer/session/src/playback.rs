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
        gas::GasRows,
    },
};
use nalgebra::Vector3;

use crate::{
    frame::Frame,
    gas::GasFrame,
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
                task.scene.gas.as_ref(),
                index + 1,
            ),
            gas: match &task.scene.gas {
                Some(gas) => Some(GasFrame::recorded(&GasRows::read(&path, gas)?.1)),
                None => None,
            },
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

/// What a trajectory says besides where particles are.
struct Course {
    /// Positions that there are of each particle.
    count: usize,
    /// Time of each (s).
    times: Vec<f64>,
    /// Lower and upper corner of the domain (m).
    bounds: Option<[Vector3<f64>; 2]>,
}

/// A body of a trajectory.
struct Part {
    name: String,
    particles: usize,
    /// Positions (m), frame by frame.
    x: Vec<f64>,
    /// Velocities (m/s), frame by frame; empty where there are none.
    v: Vec<f64>,
}

impl Part {
    /// The numbers of a frame, three a particle.
    fn frame<'a>(&self, values: &'a [f64], index: usize) -> &'a [f64] {
        let size = 3 * self.particles;
        values.get(index * size..(index + 1) * size).unwrap_or(&[])
    }

    /// Speed of each particle in a frame (m/s): where there are no velocities, by how far it went
    /// since the frame before, or goes to the next one.
    fn speeds(&self, index: usize, times: &[f64]) -> Vec<f32> {
        if !self.v.is_empty() {
            let v = triples(self.frame(&self.v, index));
            return v.map(|v| Vector3::from(v).norm()).collect();
        }
        let [from, to] = match index {
            0 => [0, 1],
            _ => [index - 1, index],
        };
        let (Some(start), Some(end)) = (times.get(from), times.get(to)) else {
            return vec![0.0; self.particles];
        };
        let [from, to] = [from, to].map(|index| self.frame(&self.x, index).chunks_exact(3));
        let way = from
            .zip(to)
            .map(|(a, b)| (Vector3::from_column_slice(b) - Vector3::from_column_slice(a)).norm());
        way.map(|way| (way / (end - start)) as f32).collect()
    }
}

/// A trajectory: `<body>.x`, perhaps `<body>.v`, of shape (frames, particles, 3); perhaps `time`
/// (frames), or `frame`, the time from one to the next; perhaps `bounds`, the corners of the domain.
fn trajectory(path: &Path) -> Result<Vec<Arc<Frame>>, PlaybackError> {
    let mut file = Npz::open(path)?;
    let nothing = |what, expected| PlaybackError::Nothing {
        path: path.to_owned(),
        what,
        expected,
    };
    let names = file.names();
    let has = |name: &str| names.iter().any(|known| known == name);
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
    let (mut count, mut parts) = (usize::MAX, Vec::new());
    for body in bodies {
        let prefix = if body.is_empty() {
            String::new()
        } else {
            format!("{body}.")
        };
        let (shape, x) = file.f64(&format!("{prefix}x"), &[None, None, Some(3)])?;
        let v = match has(&format!("{prefix}v")) {
            true => {
                let shape: Vec<_> = shape.iter().copied().map(Some).collect();
                file.f64(&format!("{prefix}v"), &shape)?.1
            }
            false => Vec::new(),
        };
        count = count.min(shape[0]);
        parts.push(Part {
            name: body.to_owned(),
            particles: shape[1],
            x,
            v,
        });
    }
    if count == 0 {
        return Err(nothing("frames", "at least one"));
    }
    let even = |duration: f64| (0..count).map(|index| index as f64 * duration).collect();
    let times: Vec<f64> = if has("time") {
        file.f64("time", &[None])?.1
    } else if has("frame") {
        even(file.f64("frame", &[])?.1.first().copied().unwrap_or(USUAL))
    } else {
        even(USUAL)
    };
    let bounds = match has("bounds") {
        true => match file.f64("bounds", &[Some(2), Some(3)])?.1.as_slice() {
            [a, b, c, d, e, f] => Some([Vector3::new(*a, *b, *c), Vector3::new(*d, *e, *f)]),
            _ => None,
        },
        false => None,
    };
    let course = Course {
        count,
        times,
        bounds,
    };
    let stage = Arc::new(bare_stage(path, &course, &parts));
    let frames = (0..count).map(|index| {
        let (mut x, mut speed) = (Vec::new(), Vec::new());
        for part in &parts {
            x.extend(triples(part.frame(&part.x, index)));
            speed.extend(part.speeds(index, &course.times));
        }
        Arc::new(Frame {
            index,
            time: course.times.get(index).copied().unwrap_or_default(),
            x,
            speed,
            extra: None,
            counts: parts.iter().map(|part| part.particles).collect(),
            poses: Poses::default(),
            gas: None,
            stage: Arc::clone(&stage),
        })
    });
    Ok(frames.collect())
}

/// Time from one frame to the next where none is said (s).
const USUAL: f64 = 1.0 / 50.0;

/// What can be known of the scene of a trajectory: where it does not say its domain, the box around
/// all positions.
fn bare_stage(path: &Path, course: &Course, parts: &[Part]) -> Stage {
    let points = || {
        let all = parts.iter().flat_map(|part| part.x.chunks_exact(3));
        all.map(Vector3::from_column_slice)
    };
    let min = points().fold(Vector3::repeat(f64::INFINITY), |min, x| min.inf(&x));
    let max = points().fold(Vector3::repeat(f64::NEG_INFINITY), |max, x| max.sup(&x));
    let particles: usize = parts.iter().map(|part| part.particles).sum();
    // As if the matter of the first frame filled the box around it.
    let first = parts
        .iter()
        .flat_map(|part| part.frame(&part.x, 0).chunks_exact(3))
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
        bounds: course
            .bounds
            .unwrap_or([min.add_scalar(-radius), max.add_scalar(radius)]),
        cell: 2.0 * radius,
        bodies: parts
            .iter()
            .map(|part| StageBody {
                name: part.name.clone(),
                count: part.particles,
                radius,
                liquid: false,
            })
            .collect(),
        solids: Vec::new(),
        start: Poses::default(),
        frames: course.count.saturating_sub(1),
        frame_time: match course.times.as_slice() {
            [first, second, ..] if second > first => second - first,
            _ => USUAL,
        },
        gas: None,
        optimizable: false,
        views: Vec::new(),
    }
}
