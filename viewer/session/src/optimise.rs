//! An optimisation that runs in a thread of its own: it can be paused, given other methods, and
//! shows what it is at: losses, gradients, trajectories.

use std::{
    cell::RefCell,
    ops::ControlFlow,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use backflow::{
    optim::{
        Driver, DriverState, Evaluation, Objective, Record, RunError as DriverError, Settings,
    },
    sim::{
        loss::{Frame as LossFrame, FrameBar},
        rollout::{
            Gradient, State,
            forward::{Rollout, Scratch},
            frame::Criterion,
            reverse::Pass,
            store::{RunError, plan},
        },
        scene::{Kind, Scene},
        tool::Program,
    },
    task::{
        Task,
        binding::{Binding, Setup},
        criterion::{Judge, metrics, world_index},
        objective::RolloutObjective,
    },
};
use nalgebra::Vector3;

use crate::threads::{background, step_back};

/// Particles of a ghost, at most.
const GHOST: usize = 4000;

/// Memory of a gradient (bytes).
const MEMORY: usize = 1 << 30;

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
                let work = || work(&task, settings, &theirs);
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

/// Runs to a stop; what went wrong as text.
fn work(task: &Task, settings: Settings, shared: &Arc<Shared>) -> Result<(), String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let binding = Binding::new(&task.spec, &task.scene).map_err(|error| say(&error))?;
    let judge = Judge::new::<f32>(&task.scene).map_err(|error| say(&error))?;
    let layout = binding.layout().clone();
    let mut driver = Driver::new(settings, layout.clone()).map_err(|error| say(&error))?;
    let mut state = driver
        .start(&binding.guess())
        .map_err(|error| say(&error))?;
    let mut objective = Watched {
        scene: &task.scene,
        binding: &binding,
        judge: &judge,
        shared,
        scratch: Scratch::default(),
        latest: None,
    };
    loop {
        if let Some(settings) = wait(shared) {
            driver = Driver::new(settings, layout.clone()).map_err(|error| say(&error))?;
            let best = state.best.take();
            let (iteration, x) = (state.iteration, state.x.clone());
            state = driver.start(&x).map_err(|error| say(&error))?;
            (state.iteration, state.best) = (iteration, best);
        }
        if shared.lock().quit {
            return Ok(());
        }
        if let Some(outcome) = driver.finished(&state) {
            let stop = format!("{:?}", outcome.stop);
            shared.lock().activity = Activity::Finished(stop);
            shared.wake.notify_all();
            // Other settings may go on from here.
            if rest(shared).is_break() {
                return Ok(());
            }
            state.stop = None;
            continue;
        }
        match driver.advance(&mut state, &mut objective) {
            Ok(record) => publish(shared, &record, &state, objective.latest.take()),
            Err(DriverError::Objective {
                source: RunError::Interrupted,
                ..
            }) => return Ok(()),
            Err(error) => return Err(say(&error)),
        }
    }
}

/// Waits while it is to rest; the settings to go on with, if there are others.
fn wait(shared: &Shared) -> Option<Settings> {
    let mut inner = shared.lock();
    while inner.pause && !inner.quit {
        inner.activity = Activity::Paused;
        shared.wake.notify_all();
        inner = shared
            .wake
            .wait(inner)
            .unwrap_or_else(PoisonError::into_inner);
    }
    inner.activity = Activity::Running;
    inner.settings.take()
}

/// Waits for other settings after the end.
fn rest(shared: &Shared) -> ControlFlow<()> {
    let mut inner = shared.lock();
    while inner.settings.is_none() && !inner.quit {
        inner = shared
            .wake
            .wait(inner)
            .unwrap_or_else(PoisonError::into_inner);
    }
    if inner.quit {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

fn publish(shared: &Shared, record: &Record, state: &DriverState, latest: Option<Iteration>) {
    let mut inner = shared.lock();
    inner.points.push(Point {
        iteration: record.iteration,
        loss: record.value,
        best: state.best.as_ref().map_or(record.value, |best| best.value),
        gradient_norm: record.gradient_norm,
        scores: record.metrics.clone(),
    });
    if let Some(mut latest) = latest {
        latest.index = record.iteration;
        let latest = Arc::new(latest);
        inner.previous = inner.latest.replace(Arc::clone(&latest));
        let better = inner
            .best
            .as_ref()
            .is_none_or(|best| latest.loss < best.loss);
        if better {
            inner.best = Some(latest);
        }
    }
    drop(inner);
    shared.wake.notify_all();
}

/// The loss of a scene that keeps what its gradient came from.
struct Watched<'a> {
    scene: &'a Scene,
    binding: &'a Binding,
    judge: &'a Judge,
    shared: &'a Shared,
    scratch: Scratch<f32>,
    latest: Option<Iteration>,
}

/// A judge that keeps positions of every frame and the metrics of the last.
struct Ghost<'a> {
    scene: &'a Scene,
    judge: &'a Judge,
    last: usize,
    frames: RefCell<Vec<Vec<[f32; 3]>>>,
    metrics: RefCell<Vec<(String, f64)>>,
}

impl<'a> Ghost<'a> {
    fn new(scene: &'a Scene, judge: &'a Judge) -> Self {
        Self {
            scene,
            judge,
            last: scene.world.clock.frames.saturating_sub(1),
            frames: RefCell::default(),
            metrics: RefCell::default(),
        }
    }
}

impl Criterion<f64> for Ghost<'_> {
    fn reads(&self, _frame: usize) -> bool {
        true
    }

    fn reads_tools(&self, frame: usize) -> bool {
        self.judge.reads_tools(frame)
    }

    fn reads_reactions(&self) -> bool {
        self.judge.reads_reactions()
    }

    fn value(&self, frame: &LossFrame<f64>) -> f64 {
        let every = self.scene.particles.len().div_ceil(GHOST).max(1);
        let bodies = (0..self.scene.bodies.len())
            .filter_map(|body| frame.bodies.get(world_index(self.scene, body)));
        let positions = bodies
            .flat_map(|body| &body.x)
            .step_by(every)
            .map(|x| <[f32; 3]>::from(x.map(|x| x as f32)))
            .collect();
        self.frames.borrow_mut().push(positions);
        if frame.index == self.last {
            self.metrics.replace(metrics(self.scene, frame));
        }
        if self.counts(frame.index) {
            self.judge.value(frame)
        } else {
            0.0
        }
    }

    fn value_vjp(&self, frame: &LossFrame<f64>, bars: &mut FrameBar<f64>) {
        if self.counts(frame.index) {
            self.judge.value_vjp(frame, bars);
        }
    }
}

impl Ghost<'_> {
    /// Whether the judge reads a frame, its matter or its tools.
    fn counts(&self, frame: usize) -> bool {
        self.judge.reads(frame) || self.judge.reads_tools(frame)
    }
}

/// Cotangents of the first three numbers of each command of the first tool.
fn controls_bar(programs: &[Program<f64>], gradient: &Gradient<f64>) -> Vec<Vector3<f64>> {
    let (Some(program), Some(bar)) = (programs.first(), gradient.tools.first()) else {
        return Vec::new();
    };
    bar.commands
        .chunks_exact(program.freedoms.max(3))
        .map(|bar| Vector3::new(bar[0], bar[1], bar[2]))
        .collect()
}

impl Watched<'_> {
    fn go_on(&self) -> bool {
        !self.shared.lock().quit
    }

    /// The objective of the command, which knows gas.
    fn with_gas(&self) -> RolloutObjective<'_, f32> {
        let shared = self.shared;
        let on_step = Box::new(|_: Pass, _: usize| !shared.lock().quit);
        RolloutObjective::new(self.scene, self.binding, self.judge, Some(MEMORY), on_step)
    }

    /// A gradient of a scene with gas, of which no trajectory is drawn.
    fn gradient_with_gas(&mut self, x: &[f64]) -> Result<Evaluation, RunError> {
        let evaluation = self.with_gas().gradient(x)?;
        self.latest = Some(Iteration {
            index: 0,
            loss: evaluation.value,
            x: x.to_vec(),
            ghost: Vec::new(),
            way: Vec::new(),
            controls_bar: Vec::new(),
            particles_bar: Vec::new(),
        });
        Ok(evaluation)
    }
}

impl Objective for Watched<'_> {
    type Error = RunError;

    fn value(&mut self, x: &[f64]) -> Result<f64, RunError> {
        if self.scene.gas.is_some() {
            return self.with_gas().value(x);
        }
        let Setup {
            world,
            particles,
            programs,
            ..
        } = self.binding.setup(x);
        let world = world.cast::<f32>();
        let mut state = State::new(&world, particles.cast());
        let scratch = std::mem::take(&mut self.scratch);
        let mut rollout = Rollout::new(&world, &programs).with_scratch(scratch);
        let mut on_step = |_: Pass, _: usize| self.go_on();
        let value = rollout.value(&mut state, self.judge, &mut on_step);
        self.scratch = rollout.into_scratch();
        value
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, RunError> {
        if self.scene.gas.is_some() {
            return self.gradient_with_gas(x);
        }
        let Setup {
            world,
            particles,
            programs,
            ..
        } = self.binding.setup(x);
        let world = world.cast::<f32>();
        let state = State::new(&world, particles.cast());
        let ghost = Ghost::new(self.scene, self.judge);
        let steps = world.clock.frames * world.clock.substeps;
        let plan = plan(&world, &state, steps, Some(MEMORY))?;
        let scratch = std::mem::take(&mut self.scratch);
        let mut rollout = Rollout::new(&world, &programs).with_scratch(scratch);
        let mut on_step = |_: Pass, _: usize| self.go_on();
        let found = rollout.gradient(&state, &ghost, None, &plan, &mut on_step);
        let way = (0..world.clock.frames)
            .filter_map(|frame| {
                let frames = rollout.frames(frame * world.clock.substeps);
                let (pose, _) = frames.first()?.first()?;
                Some(pose.position.map(f64::from))
            })
            .collect();
        self.scratch = rollout.into_scratch();
        let (loss, gradient) = found?;
        let gradient = gradient.widen();
        let mut evaluation = Evaluation::new(loss, self.binding.pull(x, &gradient));
        evaluation.metrics = ghost.metrics.into_inner();
        let particles_bar = self
            .scene
            .bodies
            .iter()
            .flat_map(|body| {
                let range = self.scene.range(body);
                match body.kind {
                    Kind::Liquid => &gradient.particles.liquid.motion[range],
                    Kind::Solid => &gradient.particles.solid.motion[range],
                }
            })
            .map(|bar| <[f32; 3]>::from(bar.x().map(|x| x as f32)))
            .collect();
        self.latest = Some(Iteration {
            index: 0,
            loss,
            x: x.to_vec(),
            ghost: ghost.frames.into_inner(),
            controls_bar: controls_bar(&programs, &gradient),
            way,
            particles_bar,
        });
        Ok(evaluation)
    }

    fn diverged(&self, error: &RunError) -> bool {
        matches!(error, RunError::NonFinite(_))
    }
}
