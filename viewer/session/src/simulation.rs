//! A scene that runs in a thread of its own.
//!
//! The thread makes frames as long as the queue has room, and rests otherwise: the window is
//! never waited for, and never waits. Commands go the other way. Each frame knows the stage that
//! it was made on, so that nothing is ever drawn with the wrong one.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use backflow::{
    sim::{
        particle::Particles,
        pose::Twist,
        rollout::{State, forward::Rollout, forward::Scratch},
        scene::{Fault, SceneError, Spec, spec::Velocity},
        tool::{Command as Order, Drive, Program, Rate, Trajectory},
        world::World,
    },
    task::{OptimizeSpec, Task, TaskError},
};
use nalgebra::Vector3;

use crate::{
    frame::{Field, Frame, carried},
    stage::Stage,
};

/// Frames that wait to be shown, at most: a frame more of delay for what is steered.
const QUEUE: usize = 2;

/// Share of a cell that a steered tool may move in a substep, at most (1).
const STRIDE: f64 = 0.25;

/// Where a scene comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A scene file, on a grid so many times finer.
    File(PathBuf, f64),
    /// A specification whose files are relative to a folder.
    Spec(Box<Spec<OptimizeSpec>>, PathBuf),
}

/// What a thread is told.
enum Command {
    /// Build a scene anew; keep what goes on where the flag says so.
    Build(Origin, bool),
    /// Back to the start.
    Restart,
    /// Read the current state again, with another field.
    Read,
    /// What each tool is told to do from the next start on.
    Programs(Vec<Program<f64>>),
}

/// Where a steered tool is to go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    /// Index of the tool.
    pub tool: usize,
    /// Position of its origin (m).
    pub position: Vector3<f64>,
    /// Angular velocity in world axes (rad/s).
    pub spin: Vector3<f64>,
}

/// What became of the last scene that was to be built.
#[derive(Debug, Clone, Default)]
pub enum Condition {
    /// It is being built.
    #[default]
    Building,
    /// It can run.
    Ready,
    /// It is not sound; the one before goes on.
    Refused(Arc<Refusal>),
    /// It ran into numbers that are not finite.
    Failed(String),
}

/// Why a scene was refused.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// The faults that have a field.
    pub faults: Vec<Fault>,
    /// All that is wrong as text.
    pub text: String,
}

impl From<&TaskError> for Refusal {
    fn from(error: &TaskError) -> Self {
        let faults = match error {
            TaskError::Scene(SceneError::Faults { faults, .. }) => faults.clone(),
            _ => Vec::new(),
        };
        Self {
            faults,
            text: error.to_string(),
        }
    }
}

/// Refuses what cannot be shown: gas.
fn shown(task: Task) -> Result<Task, TaskError> {
    if task.scene.gas.is_none() {
        return Ok(task);
    }
    let expected = "a scene without gas, which the viewer does not show yet";
    let faults = vec![Fault::new("gas", "(...)", expected)];
    let origin = format!("scene {:?}", task.spec.name);
    Err(SceneError::Faults { origin, faults }.into())
}

#[derive(Default)]
struct Inner {
    frames: VecDeque<Arc<Frame>>,
    commands: VecDeque<Command>,
    /// Whether frames are made as long as there is room.
    running: bool,
    /// Frames to be made besides.
    steps: usize,
    /// The last frame to be made.
    last: usize,
    /// Where the tool is to go, while it is steered.
    aim: Option<Aim>,
    /// The tools that have been steered since the start.
    steered: Vec<usize>,
    /// Velocity of each tool in each frame since the start.
    driven: Vec<Vec<Velocity>>,
    field: Field,
    condition: Condition,
    task: Option<Arc<Task>>,
    /// Frames made since the thread began.
    made: u64,
    /// Whether the thread is at work.
    busy: bool,
    quit: bool,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle on a thread that runs scenes. Dropping it ends the thread.
pub struct Simulation {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Simulation {
    /// Starts a thread with a scene.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(origin: Origin) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared
            .lock()
            .commands
            .push_back(Command::Build(origin, false));
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("simulation".to_owned())
            .spawn(move || Worker::new(theirs).work())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    fn tell(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.shared.lock());
        self.shared.wake.notify_all();
    }

    /// Builds another scene, or the same one changed. Where `keep`, bodies that are still there
    /// go on from where they are.
    pub fn build(&self, origin: Origin, keep: bool) {
        self.tell(|inner| {
            inner
                .commands
                .retain(|command| !matches!(command, Command::Build(..)));
            inner.commands.push_back(Command::Build(origin, keep));
            if !keep {
                inner.frames.clear();
            }
            inner.condition = Condition::Building;
        });
    }

    /// Back to the start.
    pub fn restart(&self) {
        self.tell(|inner| {
            inner.frames.clear();
            inner.steps = 0;
            inner.commands.push_back(Command::Restart);
        });
    }

    /// Starts or stops making frames.
    pub fn run(&self, running: bool) {
        self.tell(|inner| inner.running = running);
    }

    /// Makes one frame more.
    pub fn step(&self) {
        self.tell(|inner| inner.steps += 1);
    }

    /// Makes frames up to this one and no further.
    pub fn until(&self, last: usize) {
        self.tell(|inner| inner.last = last);
    }

    /// Steers the tool, or lets it rest where it is.
    pub fn steer(&self, aim: Option<Aim>) {
        self.tell(|inner| {
            if let Some(aim) = aim
                && !inner.steered.contains(&aim.tool)
            {
                inner.steered.push(aim.tool);
            }
            inner.aim = aim;
        });
    }

    /// Replaces what each tool is told to do from the next start on.
    pub fn control(&self, programs: Vec<Program<f64>>) {
        self.tell(|inner| inner.commands.push_back(Command::Programs(programs)));
    }

    /// Chooses the field that frames come with.
    pub fn show(&self, field: Field) {
        self.tell(|inner| {
            inner.field = field;
            inner.commands.push_back(Command::Read);
        });
    }

    /// The next frame, if there is one.
    pub fn take(&self) -> Option<Arc<Frame>> {
        let frame = self.shared.lock().frames.pop_front();
        self.shared.wake.notify_all();
        frame
    }

    /// The next frame, if it is no later than one that was taken.
    pub fn take_up_to(&self, index: usize) -> Option<Arc<Frame>> {
        let mut inner = self.shared.lock();
        let known = inner.frames.front().filter(|next| next.index <= index);
        known.is_some().then(|| inner.frames.pop_front()).flatten()
    }

    /// The next frame; waits for it as long as one is being made.
    pub fn wait(&self) -> Option<Arc<Frame>> {
        let mut inner = self.shared.lock();
        loop {
            if let Some(frame) = inner.frames.pop_front() {
                self.shared.wake.notify_all();
                return Some(frame);
            }
            let stuck = matches!(
                inner.condition,
                Condition::Refused(_) | Condition::Failed(_)
            );
            let idle =
                !inner.busy && !inner.running && inner.steps == 0 && inner.commands.is_empty();
            if stuck || (idle && matches!(inner.condition, Condition::Ready)) || inner.quit {
                return None;
            }
            inner = self
                .shared
                .wake
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What became of the last scene.
    pub fn condition(&self) -> Condition {
        self.shared.lock().condition.clone()
    }

    /// The task that runs.
    pub fn task(&self) -> Option<Arc<Task>> {
        self.shared.lock().task.clone()
    }

    /// Velocity of each tool in each frame since the start.
    pub fn driven(&self) -> Vec<Vec<Velocity>> {
        self.shared.lock().driven.clone()
    }

    /// Frames that wait, and frames made since the thread began.
    pub fn pulse(&self) -> (usize, u64) {
        let inner = self.shared.lock();
        (inner.frames.len(), inner.made)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.tell(|inner| inner.quit = true);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

/// A scene at some point of its run.
struct Run {
    task: Arc<Task>,
    stage: Arc<Stage>,
    world: World<f32>,
    state: State<f32>,
    /// How each tool has moved so far.
    trajectories: Vec<Trajectory<f64>>,
    /// What each tool does unless it is steered.
    programs: Vec<Program<f64>>,
    /// Frames done.
    frame: usize,
}

impl Run {
    fn new(task: Task) -> Self {
        let world: World<f32> = task.scene.world.cast();
        let state = State::new(&world, task.scene.particles.cast());
        Self {
            stage: Arc::new(Stage::of(&task)),
            trajectories: Rollout::new(&world, &[]).trajectories,
            programs: task.scene.programs.clone(),
            frame: 0,
            task: Arc::new(task),
            world,
            state,
        }
    }

    fn restart(&mut self) {
        self.state = State::new(&self.world, self.task.scene.particles.cast());
        self.trajectories = Rollout::new(&self.world, &[]).trajectories;
        self.frame = 0;
    }

    /// The changed scene, with what goes on.
    fn changed(&self, task: Task) -> Self {
        let particles = self.particles();
        let carried = carried((&self.task.scene, &particles), &task.scene);
        let mut run = Self::new(task);
        run.state = State::new(&run.world, carried);
        run.frame = self.frame;
        let same = |tool: &Trajectory<f64>| {
            let mut known = self.trajectories.iter();
            known.find(|known| {
                let (known, tool) = (known.tool(), tool.tool());
                known.name == tool.name && known.joints.len() == tool.joints.len()
            })
        };
        for trajectory in &mut run.trajectories {
            match same(trajectory) {
                Some(known) => *trajectory = known.clone(),
                // A new tool has held still until now.
                None => (0..self.frame).for_each(|_| hold(trajectory)),
            }
        }
        run
    }

    fn particles(&self) -> Particles<f32> {
        self.state.canonical(&self.world)
    }

    fn read(&self, field: Field) -> Frame {
        let time = self.stage.frame_time * self.frame as f64;
        let links = |trajectory: &Trajectory<f64>| {
            let links = trajectory.links(self.frame, 0.0);
            links.iter().map(|(pose, _)| *pose).collect()
        };
        Frame::read(
            &self.stage,
            &self.task.scene,
            &self.world,
            &self.particles(),
            field,
            (self.frame, time),
            self.trajectories.iter().map(links).collect(),
        )
    }

    /// The velocity that brings a tool to its aim by the end of a frame, as far as the grid lets
    /// it go.
    fn towards(&self, aim: &Aim) -> Twist<f64> {
        let clock = &self.task.scene.world.clock;
        let most = STRIDE * self.stage.cell / clock.dt;
        let at = self.trajectories.get(aim.tool);
        let way = at.map_or(Vector3::zeros(), |tool| {
            aim.position - tool.stance(self.frame, 0.0).pose.position
        });
        let linear = way / self.stage.frame_time;
        let speed = linear.norm();
        Twist {
            linear: linear * if speed > most { most / speed } else { 1.0 },
            angular: aim.spin,
        }
    }

    /// Tells every tool what to do in the next frame: to go to its aim, to rest where it was left,
    /// or what the scene says.
    fn command(&mut self, aim: Option<Aim>, steered: &[usize]) {
        let aimed = aim.map(|aim| (aim.tool, self.towards(&aim)));
        for (index, trajectory) in self.trajectories.iter_mut().enumerate() {
            let program = self.programs.get(index);
            let told = program.filter(|program| self.frame < program.frames());
            match (aimed, told) {
                (Some((tool, twist)), _) if tool == index => {
                    let mut values = vec![0.0; trajectory.tool().freedoms()];
                    values[..3].copy_from_slice(twist.linear.as_slice());
                    values[3..6].copy_from_slice(twist.angular.as_slice());
                    trajectory.push(VELOCITY, &values);
                }
                (_, Some(program)) if !steered.contains(&index) => {
                    trajectory.push(program.commands[self.frame], program.at(self.frame));
                }
                _ => hold(trajectory),
            }
        }
    }

    /// How each tool moves in a frame.
    fn velocities(&self, frame: usize) -> impl Iterator<Item = Velocity> {
        self.trajectories.iter().map(move |trajectory| {
            let Rate { twist, joints } = trajectory.rate(frame);
            Velocity {
                linear: twist.linear.into(),
                angular: twist.angular.into(),
                joints: joints.to_vec(),
            }
        })
    }

    /// Makes the next frame, for which the tools have been told what to do; `go_on` is asked
    /// before each substep. Returns whether it was finished.
    fn advance(
        &mut self,
        scratch: &mut Scratch<f32>,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<bool, String> {
        let substeps = self.world.clock.substeps;
        let mut rollout = Rollout::new(&self.world, &[]).with_scratch(std::mem::take(scratch));
        std::mem::swap(&mut rollout.trajectories, &mut self.trajectories);
        let mut outcome = Ok(true);
        for step in self.frame * substeps..(self.frame + 1) * substeps {
            if !go_on() {
                outcome = Ok(false);
                break;
            }
            if let Err(error) = rollout.advance(&mut self.state, step) {
                outcome = Err(format!("frame {}: {error}", self.frame));
                break;
            }
        }
        std::mem::swap(&mut rollout.trajectories, &mut self.trajectories);
        *scratch = rollout.into_scratch();
        if outcome == Ok(true) {
            let step = (self.frame + 1) * substeps;
            if let Err(error) = self.state.check(&self.world, step) {
                return Err(format!("frame {}: {error}", self.frame));
            }
            self.frame += 1;
        }
        outcome
    }
}

/// A velocity for a frame, such as a hand gives.
const VELOCITY: Order = Order {
    drive: Drive::Velocity,
    free: true,
};

/// Lets a tool rest for a frame.
fn hold(trajectory: &mut Trajectory<f64>) {
    let still = vec![0.0; trajectory.tool().freedoms()];
    trajectory.push(VELOCITY, &still);
}

/// What the thread does.
struct Worker {
    shared: Arc<Shared>,
    run: Option<Run>,
    scratch: Scratch<f32>,
}

/// What is next.
enum Next {
    Command(Command),
    Frame(Option<Aim>, Vec<usize>),
    Quit,
}

impl Worker {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            run: None,
            scratch: Scratch::default(),
        }
    }

    fn work(mut self) {
        loop {
            match self.next() {
                Next::Quit => break,
                Next::Command(command) => self.obey(command),
                Next::Frame(aim, steered) => self.frame(aim, &steered),
            }
        }
        self.shared.wake.notify_all();
    }

    /// Waits for something to do.
    fn next(&self) -> Next {
        let frame = self.run.as_ref().map(|run| run.frame);
        let mut inner = self.shared.lock();
        inner.busy = false;
        self.shared.wake.notify_all();
        loop {
            if inner.quit {
                return Next::Quit;
            }
            if let Some(command) = inner.commands.pop_front() {
                inner.busy = true;
                return Next::Command(command);
            }
            let sound = !matches!(inner.condition, Condition::Failed(_));
            let due = frame.is_some_and(|frame| frame < inner.last);
            let room = inner.frames.len() < QUEUE;
            let asked = inner.running || inner.steps > 0;
            if sound && due && room && asked {
                inner.busy = true;
                return Next::Frame(inner.aim, inner.steered.clone());
            }
            if !due && frame.is_some() && inner.steps > 0 {
                inner.steps = 0;
                self.shared.wake.notify_all();
            }
            if !due && frame.is_some() && inner.running {
                inner.running = false;
                self.shared.wake.notify_all();
            }
            inner = self
                .shared
                .wake
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Build(origin, keep) => {
                let built = match origin {
                    Origin::File(path, quality) => Task::load(&path, quality),
                    Origin::Spec(spec, directory) => Task::new(*spec, directory),
                };
                match built.and_then(shown) {
                    Ok(task) => {
                        let before = self.run.take().filter(|_| keep);
                        let run = match before {
                            Some(before) => before.changed(task),
                            None => Run::new(task),
                        };
                        let mut inner = self.shared.lock();
                        inner.task = Some(Arc::clone(&run.task));
                        inner.condition = Condition::Ready;
                        inner.last = run.stage.frames;
                        if run.frame == 0 {
                            inner.driven.clear();
                            inner.steered.clear();
                            inner.aim = None;
                        }
                        drop(inner);
                        self.run = Some(run);
                        self.publish();
                    }
                    Err(error) => {
                        let refusal = Arc::new(Refusal::from(&error));
                        self.shared.lock().condition = Condition::Refused(refusal);
                    }
                }
            }
            Command::Restart => {
                if let Some(run) = &mut self.run {
                    run.restart();
                    let mut inner = self.shared.lock();
                    inner.driven.clear();
                    inner.steered.clear();
                    inner.aim = None;
                    inner.condition = Condition::Ready;
                    drop(inner);
                    self.publish();
                }
            }
            Command::Read => self.publish(),
            Command::Programs(programs) => {
                if let Some(run) = &mut self.run {
                    run.programs = programs;
                }
            }
        }
        self.shared.wake.notify_all();
    }

    /// Shows the state as it is.
    fn publish(&self) {
        if let Some(run) = &self.run {
            let field = self.shared.lock().field;
            let frame = Arc::new(run.read(field));
            self.shared.lock().frames.push_back(frame);
        }
    }

    fn frame(&mut self, aim: Option<Aim>, steered: &[usize]) {
        let Some(run) = &mut self.run else { return };
        run.command(aim, steered);
        let shared = &self.shared;
        let go_on = || !shared.lock().quit;
        match run.advance(&mut self.scratch, go_on) {
            Ok(true) => {
                let field = shared.lock().field;
                let frame = Arc::new(run.read(field));
                let mut inner = shared.lock();
                // A restart while the frame was made has made it void.
                let void = inner
                    .commands
                    .iter()
                    .any(|command| matches!(command, Command::Restart | Command::Build(_, false)));
                if !void {
                    inner.frames.push_back(frame);
                    inner.driven.resize(run.trajectories.len(), Vec::new());
                    let velocities = run.velocities(run.frame - 1);
                    for (driven, velocity) in inner.driven.iter_mut().zip(velocities) {
                        driven.push(velocity);
                    }
                    inner.made += 1;
                    inner.steps = inner.steps.saturating_sub(1);
                }
            }
            Ok(false) => {}
            Err(error) => shared.lock().condition = Condition::Failed(error),
        }
        shared.wake.notify_all();
    }
}

#[cfg(test)]
mod tests;
