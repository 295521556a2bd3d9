//! `backflow simulate`: runs a scene forward and saves its frames.

use std::{path::PathBuf, sync::Arc};

use backflow_sim::{
    Compiled, gas,
    io::write_png,
    rollout::{State, forward::Rollout, frame::Criterion},
    scene::load::to_text,
};
use clap::Args;
use serde_json::json;

use super::{
    Failure,
    gas::Along,
    options::{Precision, RunArguments, seconds, stamp, with_scalar},
    out::{Progress, Watch, say, say_json},
};
use crate::task::{
    Task,
    binding::{Binding, Setup},
    criterion::{Judge, metrics, world_index},
    folder::{RunFolder, RunOptions, read_ron},
    frames::{
        Felt, bodies, felt, picture, read_checkpoint, read_felt, read_rigids, read_tools, time_of,
        tools, write_checkpoint, write_frame,
    },
    objective::is_alone,
    taken::{read_taken, taken_arrays},
};

/// Runs a scene forward and saves its frames in a run folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow simulate scenes/fluid/dam_break.ron
  backflow simulate scenes/fluid/throw.ron --controls runs/throw-20261124-101500/best.ron
  backflow simulate --resume runs/dam_break-20261124-101500")]
pub struct Simulate {
    /// Scene file.
    #[arg(required_unless_present = "resume")]
    scene: Option<PathBuf>,
    /// Run with these variables: the `best.ron` of an optimisation.
    #[arg(long, value_name = "FILE")]
    controls: Option<PathBuf>,
    /// Go on with an interrupted run.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["scene", "controls"])]
    resume: Option<PathBuf>,
    /// Stop after this many frames; the run can be resumed.
    #[arg(long, value_name = "N")]
    frames: Option<usize>,
    /// Folder that run folders are made in.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    #[command(flatten)]
    run: RunArguments,
}

/// Size of pictures (pixels).
pub const PICTURE: [usize; 2] = [960, 640];

/// Variables of a scene by name, as `best.ron` holds them.
pub type NamedVariables = std::collections::BTreeMap<String, Vec<f64>>;

/// What `best.ron` holds.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct BestFile {
    /// Name of the scene.
    pub scene: String,
    /// Its loss.
    pub value: f64,
    /// Iteration that found it.
    pub iteration: usize,
    /// The variables, in the units of the flat vector of the optimiser.
    pub variables: NamedVariables,
}

impl BestFile {
    /// The flat vector for a scene.
    ///
    /// # Errors
    /// A slice is missing or has another length.
    pub fn flat(&self, binding: &Binding) -> Result<Vec<f64>, Failure> {
        let mut flat = Vec::new();
        for slice in binding.layout().slices() {
            match self.variables.get(&slice.name) {
                Some(values) if values.len() == slice.range.len() => flat.extend(values),
                found => {
                    return Err(Failure::Input(format!(
                        "variable `{}` has {} values in the file; expected {}",
                        slice.name,
                        found.map_or(0, Vec::len),
                        slice.range.len()
                    )));
                }
            }
        }
        Ok(flat)
    }
}

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

/// What the first `frames` frames of a run came to, which earlier sessions have saved.
fn earlier<T: Compiled<Wide = f64>>(
    task: &Task,
    setup: &Setup,
    judge: &Judge,
    folder: &RunFolder,
    frames: usize,
) -> Result<Recorded, Failure> {
    let names: Vec<String> = task
        .scene
        .bodies
        .iter()
        .map(|body| body.name.clone())
        .collect();
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
    let names: Vec<String> = task
        .scene
        .bodies
        .iter()
        .map(|body| body.name.clone())
        .collect();
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

impl Simulate {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or a run that fails.
    pub fn run(&self) -> Result<(), Failure> {
        self.run.on_threads(|| self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let watch = Watch::start();
        let (folder, task, precision) = match (&self.resume, &self.scene) {
            (Some(path), _) => reopen(path, "simulate")?,
            (None, Some(path)) => {
                let task = self.run.load(path)?;
                let folder = RunFolder::create(&self.runs, &task.spec.name, &stamp())
                    .map_err(Failure::work)?;
                let text = to_text(&task.spec).map_err(Failure::work)?;
                folder.write("scene.ron", &text).map_err(Failure::work)?;
                if let Some(path) = &self.controls {
                    let best: BestFile = read_ron(path).map_err(Failure::input)?;
                    folder.write_ron("best.ron", &best).map_err(Failure::work)?;
                }
                let noted = self.run.noted("simulate", &task);
                folder.write_ron("run.ron", &noted).map_err(Failure::work)?;
                (folder, task, self.run.precision)
            }
            (None, None) => return Err(Failure::input("expected a scene or --resume")),
        };
        let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
        let x = if folder.file("best.ron").is_file() {
            let best: BestFile = folder.read_ron("best.ron").map_err(Failure::input)?;
            best.flat(&binding)?
        } else {
            binding.start()
        };
        let setup = binding.setup(&x);
        let total = task.scene.world.clock.frames;
        let frames = self.frames.unwrap_or(total).min(total);
        let mut progress = Progress::new(frames, "frames", self.run.json);
        let mut on_frame = |done: usize| {
            progress.at(done, "");
            true
        };
        let (judge, recorded) = with_scalar!(precision, T => {
            let judge = Judge::new::<T>(&task.scene).map_err(Failure::input)?;
            let recording = Recording {
                task: &task,
                setup: &setup,
                judge: &judge,
                folder: &folder,
                frames,
                on_frame: &mut on_frame,
            };
            let recorded = recording.run::<T>(self.resume.is_some())?;
            (judge, recorded)
        });
        drop(judge);
        progress.end();
        if recorded.frames > 0 {
            draw_frame(&task, &folder, recorded.frames - 1, "last.png", PICTURE)?;
        }
        let particles = task.scene.particles.len();
        let alone = task.scene.gas.is_some() && is_alone(&task.scene.world, &task.scene.particles);
        let report = json!({
            "scene": task.spec.name,
            "command": "simulate",
            "run": folder.path().display().to_string(),
            "particles": particles,
            "frames": recorded.frames,
            "frames_of_run": total,
            "substeps": (!alone).then_some(task.scene.world.clock.substeps),
            "gas": task.scene.gas.is_some().then(|| json!({
                "steps": recorded.gas.steps,
                "iterations": recorded.gas.iterations,
                "residual": recorded.gas.residual,
                "unbalanced": recorded.gas.unbalanced,
            })),
            "loss": recorded.value,
            "metrics": recorded.metrics.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "held": recorded.held,
            "tools_held": recorded.tools_held,
            "felt": recorded.felt,
            "seconds": watch.seconds(),
        });
        let text = serde_json::to_string_pretty(&report).map_err(Failure::work)?;
        folder.write("report.json", &text).map_err(Failure::work)?;
        if self.run.json {
            say_json(&report);
            return Ok(());
        }
        say(&format!(
            "{}: {} of {total} frames, {particles} particles, loss {:.6e}, {}",
            task.spec.name,
            recorded.frames,
            recorded.value,
            seconds(&watch)
        ));
        if recorded.gas.steps > 0 {
            let gas::rollout::Frame {
                steps, iterations, ..
            } = recorded.gas;
            say(&format!(
                "  {steps} steps of gas, {:.1} iterations of the pressure each",
                iterations as f64 / steps as f64
            ));
        }
        for (name, share) in &recorded.metrics {
            say(&format!("  {name}: {:.1} %", 100.0 * share));
        }
        if recorded.held > 0 {
            say(&format!(
                "  particles kept in the domain: {} times",
                recorded.held
            ));
        }
        if recorded.tools_held > 0 {
            let frames = recorded.tools_held;
            say(&format!(
                "  tools held back by their limits: in {frames} frames"
            ));
        }
        for (name, [force, torque]) in &recorded.felt {
            if *force > 0.0 {
                say(&format!(
                    "  {name} feels up to {force:.4} N and {torque:.4} N m"
                ));
            }
        }
        say(&format!("  saved in {}", folder.path().display()));
        Ok(())
    }
}
