//! An optimisation that runs in a thread of its own: it can be paused, given other methods, and
//! shows what it is at: losses, gradients, trajectories.

mod watched;
mod worker;

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use backflow::{optim::Settings, task::Task};
use nalgebra::Vector3;

use crate::threads::{background, step_back};

/// One evaluation with its gradient, as it is drawn.
#[derive(Debug, Clone)]
pub struct Iteration {
    /// Number of the evaluation, from 0.
    pub index: usize,
    /// The loss.
    pub loss: f64,
    /// The flat vector that was evaluated.
    pub x: Vec<f64>,
    /// Positions of some particles at the end of each frame (m).
    pub ghost: Vec<Vec<[f32; 3]>>,
    /// Position of the first tool at the start of each frame (m).
    pub way: Vec<Vector3<f64>>,
    /// Gradient of the loss with respect to the first three numbers of each command of the first
    /// tool, its velocity or position.
    pub controls_bar: Vec<Vector3<f64>>,
    /// Gradient of the loss with respect to the initial position of each particle (1/m), in the
    /// order of the bodies of the scene.
    pub particles_bar: Vec<[f32; 3]>,
}

/// A point of the plots.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Number of the evaluation, from 0.
    pub iteration: usize,
    /// The loss.
    pub loss: f64,
    /// The lowest loss so far.
    pub best: f64,
    /// Norm of the gradient.
    pub gradient_norm: f64,
    /// The scene's metrics.
    pub scores: Vec<(String, f64)>,
}

/// What an optimisation is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Activity {
    /// It is getting ready.
    #[default]
    Starting,
    /// It iterates.
    Running,
    /// It waits to be told to go on.
    Paused,
    /// It has come to a stop, for this reason.
    Finished(String),
    /// It failed of this.
    Failed(String),
}

#[derive(Default)]
struct Inner {
    activity: Activity,
    points: Vec<Point>,
    latest: Option<Arc<Iteration>>,
    previous: Option<Arc<Iteration>>,
    best: Option<Arc<Iteration>>,
    pause: bool,
    settings: Option<Settings>,
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

/// A handle on an optimisation. Dropping it ends the thread.
pub struct Optimisation {
    /// Its name in plots.
    pub name: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Optimisation {
    /// Starts an optimisation of a task.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(name: String, task: Arc<Task>, settings: Settings) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("optimisation".to_owned())
            .spawn(move || {
                step_back();
                let work = || worker::work(&task, settings, &theirs);
                let worked = match background() {
                    Some(threads) => threads.install(work),
                    None => work(),
                };
                if let Err(failure) = worked {
                    theirs.lock().activity = Activity::Failed(failure);
                }
                theirs.wake.notify_all();
            })?;
        Ok(Self {
            name,
            shared,
            thread: Some(thread),
        })
    }

    fn tell(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.shared.lock());
        self.shared.wake.notify_all();
    }

    /// Rests after the present iteration, or goes on.
    pub fn pause(&self, pause: bool) {
        self.tell(|inner| inner.pause = pause);
    }

    /// Goes on with other methods from the present point; their memory is new.
    pub fn configure(&self, settings: Settings) {
        self.tell(|inner| inner.settings = Some(settings));
    }

    /// What it is doing.
    pub fn activity(&self) -> Activity {
        self.shared.lock().activity.clone()
    }

    /// The plots so far.
    pub fn points(&self) -> Vec<Point> {
        self.shared.lock().points.clone()
    }

    /// The latest evaluation.
    pub fn latest(&self) -> Option<Arc<Iteration>> {
        self.shared.lock().latest.clone()
    }

    /// The one before.
    pub fn previous(&self) -> Option<Arc<Iteration>> {
        self.shared.lock().previous.clone()
    }

    /// The best one.
    pub fn best(&self) -> Option<Arc<Iteration>> {
        self.shared.lock().best.clone()
    }

    /// Waits until it neither starts nor runs.
    pub fn wait(&self) -> Activity {
        let mut inner = self.shared.lock();
        while matches!(inner.activity, Activity::Starting | Activity::Running) {
            inner = self
                .shared
                .wake
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
        inner.activity.clone()
    }
}

impl Drop for Optimisation {
    fn drop(&mut self) {
        self.tell(|inner| inner.quit = true);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}
