//! Runs that are recorded in their folder, frame by frame, and opened again.

use std::sync::Arc;

use backflow_sim::{
    Compiled, gas,
    io::write_png,
    rollout::{State, forward::Rollout, frame::Criterion},
};

use super::{Failure, gas::Along, options::Precision};
use crate::task::{
    Task,
    binding::Setup,
    criterion::{Judge, metrics, world_index},
    folder::{RunFolder, RunOptions},
    frames::{
        Felt, bodies, felt, picture, read_checkpoint, read_felt, read_rigids, read_tools, time_of,
        tools, write_checkpoint, write_frame,
    },
    objective::is_alone,
    taken::{read_taken, taken_arrays},
};

/// Size of pictures (pixels).
pub const PICTURE: [usize; 2] = [960, 640];

/// A run that is being recorded.
pub struct Recording<'a> {
    /// The task.
    pub task: &'a Task,
    /// What the run starts from.
    pub setup: &'a Setup,
    /// What judges it.
    pub judge: &'a Judge,
    /// Where it is written.
    pub folder: &'a RunFolder,
    /// Frames to run at most.
    pub frames: usize,
    /// Says how it is coming along; `false` stops it.
    pub on_frame: &'a mut dyn FnMut(usize) -> bool,
}

/// What a recorded run came to.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Loss over the frames done, those of earlier sessions included.
    pub value: f64,
    /// Metrics of the scene at the last frame.
    pub metrics: Vec<(String, f64)>,
    /// Frames done in all.
    pub frames: usize,
    /// How often a particle was kept from leaving the domain in this session.
    pub held: usize,
    /// Frames in which a limit held a tool back.
    pub tools_held: usize,
    /// The greatest mean force (N) and torque (N m) of a frame on each wall, collider and tool.
    pub felt: std::collections::BTreeMap<String, [f64; 2]>,
    /// How the steps of the gas went in this session.
    pub gas: gas::rollout::Frame,
}

impl Recorded {
    /// Takes note of what was felt in a frame.
    fn note(&mut self, felt: &[Felt]) {
        for Felt { name, wrench } in felt {
            let most = self.felt.entry(name.clone()).or_default();
            let now = [wrench.force.norm(), wrench.torque.norm()];
            for (most, now) in most.iter_mut().zip(now) {
                *most = most.max(now);
            }
        }
    }
}

impl Recording<'_> {
    /// Runs from the checkpoint in the folder, or from the start.
    ///
    /// # Errors
    /// A run that fails, or a file that cannot be written.
    pub fn run<T: Compiled<Wide = f64>>(self, resume: bool) -> Result<Recorded, Failure> {
        if let Some(scene) = &self.setup.gas
            && is_alone(&self.setup.world, &self.setup.particles)
        {
            return super::gas::record::<T>(self, scene, resume);
        }
        let Self {
            task,
            setup,
            judge,
            folder,
            frames,
            on_frame,
        } = self;
        let world = setup.world.cast::<T>();
        let checkpoint = folder.file("checkpoint.npz");
        // A policy's decisions are not kept: such a run begins again.
        let resume = resume && world.policies.is_empty();
        let (start, particles) = if resume && checkpoint.is_file() {
            read_checkpoint::<T>(&checkpoint, &setup.particles).map_err(Failure::input)?
        } else {
            (0, setup.particles.cast::<T>())
        };
        let rigids = (start > 0)
            .then(|| read_rigids(&checkpoint, &task.scene.world))
            .transpose()
            .map_err(Failure::input)?;
        let mut recorded = earlier::<T>(task, setup, judge, folder, start)?;
        let model = setup.gas.as_ref().map(|gas| gas.model.cast::<T>());
        let gas = setup.gas.as_ref().zip(model.as_ref());
        let gas = gas.map(|(scene, model)| {
            let checkpoint = (start > 0).then_some(&*checkpoint);
            Along::open(scene, model, checkpoint)
        });
        let mut gas = gas.transpose()?;
        let mut state = State::new(&world, particles);
        if let Some(rigids) = rigids {
            state.rigids = rigids;
            let taken = read_taken(&checkpoint, &task.scene.world).map_err(Failure::input)?;
            state.taken = Arc::new(taken);
        }
        let mut rollout = Rollout::new(&world, &setup.programs);
        rollout.record_reactions(start * world.clock.substeps);
        let last = frames.min(world.clock.frames);
        folder.make_frames().map_err(Failure::work)?;
        for frame in start..last {
            match &mut gas {
                Some(gas) => {
                    let went = gas.advance(&mut rollout, &mut state, frame)?;
                    recorded.gas = recorded.gas.joined(&went);
                }
                None => rollout
                    .advance_frame(&mut state, frame)
                    .map_err(Failure::work)?,
            }
            let step = (frame + 1) * world.clock.substeps;
            state.check(&world, step).map_err(Failure::work)?;
            let read = rollout.read(&state, frame, true);
            if judge.reads_tools(frame) {
                recorded.value += judge.value(&read);
            }
            recorded.metrics = metrics(&task.scene, &read);
            let rows = bodies(&task.scene, &world, &state, frame);
            let tools = tools(&rollout, step);
            let felt = felt(&task.scene, &read.reactions);
            recorded.note(&felt);
            let time = time_of(&task.scene, frame);
            let path = folder.frame(frame);
            let (scene, rigids) = (&task.scene, &state.rigids);
            let taken = taken_arrays(&scene.world, &state.taken);
            let mut more = gas.as_ref().map(Along::arrays).unwrap_or_default();
            more.extend(taken.iter().cloned());
            write_frame(
                &path,
                time,
                &rows,
                &tools,
                &felt,
                &scene.world,
                rigids,
                &more,
            )
            .map_err(Failure::work)?;
            let mut more = gas.as_ref().map(Along::checkpoint).unwrap_or_default();
            more.extend(taken);
            write_checkpoint(&checkpoint, frame + 1, &world, scene, &state, &more)
                .map_err(Failure::work)?;
            recorded.frames = frame + 1;
            if !on_frame(frame + 1) {
                break;
            }
        }
        recorded.value += gas.map_or(0.0, |gas| gas.value());
        recorded.held = rollout.held;
        let trajectories = rollout.trajectories.iter();
        recorded.tools_held = trajectories.map(|trajectory| trajectory.held()).sum();
        Ok(recorded)
    }
}

/// Names of the bodies of a task, as frames list them.
fn names(task: &Task) -> Vec<String> {
    let bodies = task.scene.bodies.iter();
    bodies.map(|body| body.name.clone()).collect()
}

/// What the first `frames` frames of a run came to, which earlier sessions have saved.
fn earlier<T: Compiled<Wide = f64>>(
    task: &Task,
    setup: &Setup,
    judge: &Judge,
    folder: &RunFolder,
    frames: usize,
) -> Result<Recorded, Failure> {
    let names = names(task);
    let world = setup.world.cast::<T>();
    let mut state = State::new(&world, setup.particles.cast::<T>());
    let rollout = Rollout::new(&world, &setup.programs);
    let mut recorded = Recorded {
        frames,
        ..Recorded::default()
    };
    for frame in 0..frames {
        let path = folder.frame(frame);
        let reactions = read_felt(&path, &task.scene).map_err(Failure::input)?;
        recorded.note(&felt(&task.scene, &reactions));
        let last = frame + 1 == frames;
        if !last && !judge.reads_tools(frame) {
            continue;
        }
        state.taken = Arc::new(read_taken(&path, &task.scene.world).map_err(Failure::input)?);
        let mut read = rollout.read(&state, frame, true);
        read.reactions = reactions;
        let (_, rows) = crate::task::frames::read_frame(&path, &names).map_err(Failure::input)?;
        read.rigids = read_rigids(&path, &task.scene.world).map_err(Failure::input)?;
        for (index, rows) in rows.into_iter().enumerate() {
            let body = &mut read.bodies[world_index(&task.scene, index)];
            if rows.x.len() != 3 * body.x.len() {
                return Err(Failure::Input(format!(
                    "{}, array `{}.x`: {} particles; expected {}",
                    path.display(),
                    rows.name,
                    rows.x.len() / 3,
                    body.x.len()
                )));
            }
            for (x, row) in body.x.iter_mut().zip(rows.x.chunks_exact(3)) {
                x.copy_from_slice(row);
            }
        }
        if judge.reads_tools(frame) {
            recorded.value += judge.value(&read);
        }
        recorded.metrics = metrics(&task.scene, &read);
    }
    Ok(recorded)
}

/// Draws a frame of a run in a picture of so many pixels.
///
/// # Errors
/// The frame cannot be read or the picture not be written.
pub fn draw_frame(
    task: &Task,
    folder: &RunFolder,
    frame: usize,
    name: &str,
    size: [usize; 2],
) -> Result<(), Failure> {
    if let Some(scene) = &task.scene.gas {
        return super::gas::draw(task, scene, folder, frame, name, size[0]);
    }
    let names = names(task);
    let path = folder.frame(frame);
    let (_, rows) = crate::task::frames::read_frame(&path, &names).map_err(Failure::work)?;
    let tools = read_tools(&path, &task.scene).map_err(Failure::work)?;
    let rigids = read_rigids(&path, &task.scene.world).map_err(Failure::work)?;
    if let Some(image) = picture(&task.scene, &rows, &tools, &rigids, size) {
        write_png(&folder.file(name), &image).map_err(Failure::work)?;
    }
    Ok(())
}

/// Opens a run folder of `command` with its task and precision.
///
/// # Errors
/// It is not such a folder.
pub fn reopen(
    path: &std::path::Path,
    command: &str,
) -> Result<(RunFolder, Task, Precision), Failure> {
    let folder = RunFolder::open(path).map_err(Failure::input)?;
    let options: RunOptions = folder.read_ron("run.ron").map_err(Failure::input)?;
    if options.command != command {
        return Err(Failure::Input(format!(
            "{}: a run of `{}`; expected one of `{command}`",
            path.display(),
            options.command
        )));
    }
    let precision = Precision::named(&options.precision).ok_or_else(|| {
        Failure::Input(format!(
            "run.ron: precision {:?}; expected f32 or f64",
            options.precision
        ))
    })?;
    let text = folder.file("scene.ron");
    let task = Task::reload(&text, &options.directory).map_err(Failure::input)?;
    Ok((folder, task, precision))
}
