//! A scene that runs in a thread of its own.
//!
//! The thread makes frames as long as the queue has room, and rests otherwise: the window is
//! never waited for, and never waits. Commands go the other way. Each frame knows the stage that
//! it was made on, so that nothing is ever drawn with the wrong one.

mod flow;
mod run;
mod worker;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use backflow::{
    sim::scene::{Fault, SceneError, Spec, spec::Velocity},
    task::{OptimizeSpec, Task, TaskError},
};
use nalgebra::Vector3;

use crate::frame::{Field, Frame};
use worker::Worker;

/// Frames that wait to be shown, at most: a frame more of delay for what is steered.
const QUEUE: usize = 2;

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
    /// Other values of what is optimised.
    Choose(Vec<f64>),
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

    /// Starts over with other values of what is optimised: the flat vector of an evaluation.
    pub fn choose(&self, x: Vec<f64>) {
        self.tell(|inner| inner.commands.push_back(Command::Choose(x)));
        self.restart();
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

#[cfg(test)]
mod tests;
