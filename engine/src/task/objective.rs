//! A scene as an objective of the optimisers.

use std::{
    cell::{Cell, RefCell},
    sync::{Mutex, PoisonError},
};

use backflow_diff::{Real, memory::Plan};
use backflow_optim::{Evaluation, Objective};
use backflow_sim::{
    Compiled, gas,
    loss::{Frame, FrameBar},
    particle::Particles,
    rollout::{
        Gradient, State,
        batch::side_by_side,
        forward::{Rollout, Scratch},
        frame::Criterion,
        reverse::{Pass, Progress},
        store::{RunError, plan},
    },
    scene::{GasScene, Scene},
    world::World,
};

use super::{
    binding::{Binding, Setup},
    criterion::{Judge, metrics},
};

/// Called for every substep; `false` stops the run.
pub type OnStep<'a> = Box<dyn FnMut(Pass, usize) -> bool + Send + 'a>;

/// The loss of a scene over the flat vector of its variables, simulated in scalar `T`.
pub struct RolloutObjective<'a, T: Compiled> {
    scene: &'a Scene,
    binding: &'a Binding,
    judge: &'a Judge,
    memory: Option<usize>,
    on_step: OnStep<'a>,
    /// Memory of the runs so far.
    scratch: Scratch<T>,
}

/// Name of the metric that is the loss without the terms that only guide the optimiser, where there
/// are such terms.
pub const UNGUIDED: &str = "unguided loss";

/// A judge that also notes the scene's metrics at the end of the run, and the loss without its guides.
pub(super) struct Watch<'a> {
    judge: &'a Judge,
    scene: &'a Scene,
    last: usize,
    metrics: RefCell<Vec<(String, f64)>>,
    unguided: Cell<f64>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(judge: &'a Judge, scene: &'a Scene) -> Self {
        let last = scene.world.clock.frames.saturating_sub(1);
        Self {
            judge,
            scene,
            last,
            metrics: RefCell::default(),
            unguided: Cell::new(0.0),
        }
    }

    pub(super) fn into_metrics(self) -> Vec<(String, f64)> {
        let mut metrics = self.metrics.into_inner();
        if self.judge.guides() {
            metrics.push((UNGUIDED.to_owned(), self.unguided.get()));
        }
        metrics
    }
}

impl Criterion<f64> for Watch<'_> {
    fn reads(&self, frame: usize) -> bool {
        frame == self.last || self.judge.reads(frame)
    }

    fn reads_tools(&self, frame: usize) -> bool {
        self.judge.reads_tools(frame)
    }

    fn reads_reactions(&self) -> bool {
        self.judge.reads_reactions()
    }

    fn value(&self, frame: &Frame<f64>) -> f64 {
        if frame.index == self.last {
            self.metrics.replace(metrics(self.scene, frame));
        }
        if self.judge.guides() {
            let unguided = self.unguided.get() + self.judge.unguided(frame);
            self.unguided.set(unguided);
        }
        self.judge.value(frame)
    }

    fn value_vjp(&self, frame: &Frame<f64>, bars: &mut FrameBar<f64>) {
        self.judge.value_vjp(frame, bars);
    }
}

impl<'a, T: Compiled<Wide = f64>> RolloutObjective<'a, T> {
    /// The objective of `scene` with the variables of `binding`; `memory` is the budget of
    /// a gradient in bytes.
    pub fn new(
        scene: &'a Scene,
        binding: &'a Binding,
        judge: &'a Judge,
        memory: Option<usize>,
        on_step: OnStep<'a>,
    ) -> Self {
        Self {
            scene,
            binding,
            judge,
            memory,
            on_step,
            scratch: Scratch::default(),
        }
    }

    /// The checkpoint plan of a gradient: of substeps, or of the frames of a gas.
    ///
    /// # Errors
    /// A budget too small.
    pub fn plan(&self) -> Result<Plan, RunError> {
        let world = self.scene.world.cast::<T>();
        let state = State::new(&world, self.scene.particles.cast::<T>());
        if let Some(gas) = &self.scene.gas {
            if is_alone(&self.scene.world, &self.scene.particles) {
                return Ok(gas::rollout::plan::<T>(&gas.model, gas.clock, self.memory)?);
            }
            let model = gas.model.cast::<T>();
            return gas::coupled::plan(&model, &world, &state, gas.clock, self.memory);
        }
        let clock = &world.clock;
        plan(&world, &state, clock.frames * clock.substeps, self.memory)
    }

    /// Value at `x` with the scene's metrics at the end.
    ///
    /// # Errors
    /// A run that fails, see [`RunError`].
    pub fn judged(&mut self, x: &[f64]) -> Result<Judged, RunError> {
        let run = Run {
            scene: self.scene,
            binding: self.binding,
            judge: self.judge,
        };
        run.judged(x, &mut self.scratch, &mut *self.on_step)
    }
}

/// A value, and the scene's metrics at the end of the run.
pub type Judged = (f64, Vec<(String, f64)>);

/// What runs of an objective share.
#[derive(Clone, Copy)]
struct Run<'a> {
    scene: &'a Scene,
    binding: &'a Binding,
    judge: &'a Judge,
}

impl Run<'_> {
    fn judged<T: Compiled<Wide = f64>>(
        self,
        x: &[f64],
        scratch: &mut Scratch<T>,
        progress: Progress<'_>,
    ) -> Result<Judged, RunError> {
        let Setup {
            world,
            particles,
            programs,
            gas,
        } = self.binding.setup(x);
        if let Some(gas) = gas.as_ref().filter(|_| is_alone(&world, &particles)) {
            return Ok((value_of_gas::<T>(gas, progress)?, Vec::new()));
        }
        let world = world.cast::<T>();
        let mut state = State::new(&world, particles.cast::<T>());
        let watch = Watch::new(self.judge, self.scene);
        let mut rollout = Rollout::new(&world, &programs).with_scratch(std::mem::take(scratch));
        let value = match &gas {
            Some(gas) => {
                let (model, mut both) = (gas.model.cast::<T>(), gas.with(state));
                let mut among = gas.among(&model);
                among.value(&mut rollout, &mut both, &gas.terms, &watch, progress)
            }
            None => rollout.value(&mut state, &watch, progress),
        };
        *scratch = rollout.into_scratch();
        Ok((value?, watch.into_metrics()))
    }
}

/// Whether there is no matter.
pub fn is_alone<T: Real>(world: &World<T>, particles: &Particles<T>) -> bool {
    particles.is_empty() && world.rigids.is_empty()
}

/// The loss of a run of gas.
fn value_of_gas<T: Compiled<Wide = f64>>(
    gas: &GasScene,
    progress: Progress<'_>,
) -> Result<f64, RunError> {
    let (model, mut state) = (gas.model.cast::<T>(), gas.initial.cast::<T>());
    let mut rollout = gas::Rollout::new(&model, &gas.course, gas.clock);
    Ok(rollout.value(&mut state, &gas.terms, progress)?)
}

/// The loss of a run of gas and its gradient.
fn gradient_of_gas<T: Compiled<Wide = f64>>(
    gas: &GasScene,
    plan: &Plan,
    progress: Progress<'_>,
) -> Result<(f64, Gradient<f64>), RunError> {
    let (model, state) = (gas.model.cast::<T>(), gas.initial.cast::<T>());
    let mut rollout = gas::Rollout::new(&model, &gas.course, gas.clock);
    let (value, gradient) = rollout.gradient(&state, &gas.terms, plan, progress)?;
    Ok((value, Gradient::of_gas(gradient.widen())))
}

impl<T: Compiled<Wide = f64>> Objective for RolloutObjective<'_, T> {
    type Error = RunError;

    fn value(&mut self, x: &[f64]) -> Result<f64, RunError> {
        self.judged(x).map(|(value, _)| value)
    }

    /// Where there are as many points as threads, each runs on a thread of its own.
    fn values(&mut self, points: &[Vec<f64>]) -> Vec<Result<f64, RunError>> {
        let run = Run {
            scene: self.scene,
            binding: self.binding,
            judge: self.judge,
        };
        let on_step = Mutex::new(&mut self.on_step);
        let value = |scratch: &mut Scratch<T>, x: &Vec<f64>| {
            let mut progress = |pass, step| {
                let mut on_step = on_step.lock().unwrap_or_else(PoisonError::into_inner);
                on_step(pass, step)
            };
            let judged = run.judged(x, scratch, &mut progress);
            judged.map(|(value, _)| value)
        };
        let jobs: Vec<_> = points.iter().collect();
        side_by_side(jobs, Scratch::default, value)
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, RunError> {
        let plan = self.plan()?;
        let Setup {
            world,
            particles,
            programs,
            gas,
        } = self.binding.setup(x);
        if let Some(gas) = gas.as_ref().filter(|_| is_alone(&world, &particles)) {
            let (value, gradient) = gradient_of_gas::<T>(gas, &plan, &mut *self.on_step)?;
            return Ok(Evaluation::new(value, self.binding.pull(x, &gradient)));
        }
        let world = world.cast::<T>();
        let state = State::new(&world, particles.cast::<T>());
        let watch = Watch::new(self.judge, self.scene);
        let scratch = std::mem::take(&mut self.scratch);
        let mut rollout = Rollout::new(&world, &programs).with_scratch(scratch);
        let on_step = &mut *self.on_step;
        let found = match &gas {
            Some(gas) => {
                let (model, both) = (gas.model.cast::<T>(), gas.with(state));
                let mut among = gas.among(&model);
                among.gradient(&mut rollout, &both, &gas.terms, &watch, &plan, on_step)
            }
            None => rollout.gradient(&state, &watch, None, &plan, on_step),
        };
        self.scratch = rollout.into_scratch();
        let (value, gradient) = found?;
        let mut evaluation = Evaluation::new(value, self.binding.pull(x, &gradient.widen()));
        evaluation.metrics = watch.into_metrics();
        Ok(evaluation)
    }

    fn diverged(&self, error: &RunError) -> bool {
        matches!(
            error,
            RunError::NonFinite(_) | RunError::Gas(gas::rollout::RunError::NotFinite { .. })
        )
    }
}
