//! An optimisation through the stages of its scheme.

use std::{cell::Cell, ops::ControlFlow};

use backflow_optim::{
    Best, Bounds, Driver, DriverState, Layout, LayoutError, MemberError, Outcome, Record,
    RunError as DriverError, Settings, SettingsError, StartError,
};
use backflow_sim::{Compiled, rollout::store::RunError};

use super::{
    Task, TaskError,
    binding::Binding,
    meter::Metered,
    objective::OnStep,
    scenarios::{Cases, ScenarioError},
    scheme::{Scheme, Stage},
};

/// Why an optimisation cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum StagedError {
    /// The scene of a stage is not sound.
    #[error("stage {stage}: {source}")]
    Task {
        /// Number of the stage, from 0.
        stage: usize,
        /// What is wrong.
        #[source]
        source: Box<TaskError>,
    },
    /// Scenarios that do not fit.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Variables that clash.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Bad settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A start that does not fit.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A stage with other variables than the scene.
    #[error(
        "stage {stage}: optimize.scheme.quality {quality} gives {found} variables; expected the {expected} \
         of the scene: variables of particles go with one quality alone"
    )]
    Unlike {
        /// Number of the stage, from 0.
        stage: usize,
        /// Its quality.
        quality: f64,
        /// Its variables.
        found: usize,
        /// Those of the scene.
        expected: usize,
    },
    /// A stage that no loss is read in.
    #[error(
        "optimize.scheme.horizon: no loss is read in the first {frames} frames; expected one that is \
         read in every stage, such as `when: Every`"
    )]
    Unread {
        /// Frames of the stage.
        frames: usize,
    },
    /// The optimisation failed.
    #[error(transparent)]
    Run(Box<DriverError<MemberError<RunError>>>),
}

/// An optimisation of a task.
pub struct Staged<'a> {
    task: &'a Task,
    settings: Settings,
    scheme: Scheme,
    stages: Vec<Stage>,
    start: Vec<f64>,
    layout: Layout,
}

/// What an observer is: told of every iteration, it may stop the run.
pub type OnIteration<'o> = &'o mut dyn FnMut(&Record, &DriverState) -> ControlFlow<()>;

impl<'a> Staged<'a> {
    /// The optimisation of `task` with these settings and the scheme of the scene.
    ///
    /// # Errors
    /// Variables that clash.
    pub fn new(task: &'a Task, settings: Settings) -> Result<Self, StagedError> {
        let scheme = task.spec.optimize.as_ref().map(|o| o.scheme.clone());
        Self::with(task, settings, scheme.unwrap_or_default())
    }

    /// The optimisation of `task` with these settings and this scheme.
    ///
    /// # Errors
    /// Variables that clash.
    pub fn with(task: &'a Task, settings: Settings, scheme: Scheme) -> Result<Self, StagedError> {
        let binding = Binding::new(&task.spec, &task.scene)?;
        Ok(Self {
            task,
            settings,
            stages: scheme.stages(task.scene.world.clock.frames),
            scheme,
            start: binding.guess(),
            layout: binding.layout().clone(),
        })
    }

    /// The same from another start.
    #[must_use]
    pub fn beginning_at(self, start: Vec<f64>) -> Self {
        Self { start, ..self }
    }

    /// Where it begins.
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    /// The state that it begins with.
    ///
    /// # Errors
    /// Bad settings, or a start that does not fit.
    pub fn begin(&self) -> Result<DriverState, StagedError> {
        let driver = Driver::new(self.settings.clone(), self.layout.clone())?;
        Ok(driver.start(&self.start)?)
    }

    /// Iterations of all stages together.
    pub fn iterations(&self) -> usize {
        self.settings.iterations
    }

    /// What the driver is told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How the problem changes on the way.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// How many stages there are.
    pub fn stages(&self) -> usize {
        self.stages.len()
    }

    /// Goes on from `state` to the end of the last stage, or to where `observer` stops it. The
    /// outcome is that of the stage it ends in. Substeps that are simulated are added to `spent`.
    ///
    /// # Errors
    /// See [`StagedError`].
    pub fn run<T: Compiled<Wide = f64>>(
        &self,
        state: &mut DriverState,
        memory: Option<usize>,
        on_step: &dyn Fn() -> OnStep<'static>,
        spent: &Cell<u64>,
        observer: OnIteration<'_>,
    ) -> Result<Outcome, StagedError> {
        loop {
            let number = state.stage.min(self.stages.len() - 1);
            let (stage, last) = (&self.stages[number], number + 1 == self.stages.len());
            let cases = self.cases::<T>(number)?;
            let objective = cases.objective::<T>(memory, &|| -> OnStep<'_> { on_step() })?;
            let mut objective = Metered {
                objective,
                substeps: cases.substeps(),
                spent,
            };
            let driver = self.driver(stage, last, &state.x)?;
            let limit = self.settings.iterations * (number + 1) / self.stages.len();
            // the same stage, ended where its share of the iterations is
            let share = Settings {
                iterations: limit,
                ..driver.settings().clone()
            };
            let ended = Driver::new(share, driver.layout().clone());
            let ended = ended.ok().and_then(|driver| driver.finished(state));
            let mut asked = false;
            let mut watch = |record: &Record, state: &DriverState| {
                asked = observer(record, state).is_break();
                let used = !last && state.iteration >= limit;
                if asked || used {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            let outcome = match ended.filter(|_| !last) {
                Some(outcome) => outcome,
                None => driver
                    .run(state, &mut objective, &mut watch)
                    .map_err(|error| StagedError::Run(Box::new(error)))?,
            };
            let more = outcome.iterations < self.settings.iterations;
            if last || asked || !more {
                return Ok(outcome);
            }
            let next = self.next(state, stage, self.stages[number + 1].start, &outcome);
            state.enter(next);
        }
    }

    /// The scenarios of a stage.
    fn cases<T: Compiled<Wide = f64>>(&self, number: usize) -> Result<Cases, StagedError> {
        let stage = &self.stages[number];
        let coarse = (stage.quality != 1.0).then(|| {
            let spec = self.task.spec.at_quality(stage.quality);
            Task::new(spec, self.task.directory.clone())
        });
        let coarse = coarse.transpose().map_err(|error| StagedError::Task {
            stage: number,
            source: Box::new(error),
        })?;
        let task = coarse.as_ref().unwrap_or(self.task);
        let found = Binding::new(&task.spec, &task.scene)?.layout().dimension();
        if found != self.layout.dimension() {
            return Err(StagedError::Unlike {
                stage: number,
                quality: stage.quality,
                found,
                expected: self.layout.dimension(),
            });
        }
        let cases = Cases::new::<T>(task)?;
        if self.stages.len() == 1 {
            return Ok(cases);
        }
        if !cases.reads_within(stage.frames) {
            return Err(StagedError::Unread {
                frames: stage.frames,
            });
        }
        Ok(cases.at(&task.spec, stage)?)
    }

    /// The driver of a stage.
    fn driver(&self, stage: &Stage, last: bool, x: &[f64]) -> Result<Driver, StagedError> {
        let mut settings = self.settings.clone();
        if !last {
            settings.plateau = Some(self.scheme.plateau.of_driver());
            settings.target = None;
        }
        Ok(Driver::new(settings, self.layout(stage, x)?)?)
    }

    /// The layout of a stage: what is frozen stays where it is.
    fn layout(&self, stage: &Stage, x: &[f64]) -> Result<Layout, StagedError> {
        let mut layout = self.layout.clone();
        if stage.frozen == 0 {
            return Ok(layout);
        }
        let binding = Binding::new(&self.task.spec, &self.task.scene)?;
        let acting = binding.acting();
        let past = |index: usize| {
            let range = acting[index].as_ref();
            range.is_some_and(|range| range.end <= stage.frozen)
        };
        for slice in self.layout.slices() {
            for index in slice.range.clone().filter(|index| past(*index)) {
                let bounds = Bounds::between(x[index], x[index]);
                layout.bound_entry(&slice.name, index - slice.range.start, bounds)?;
            }
        }
        Ok(layout)
    }

    /// Where the next stage begins.
    fn next(
        &self,
        state: &mut DriverState,
        stage: &Stage,
        start: Option<usize>,
        outcome: &Outcome,
    ) -> Vec<f64> {
        if stage.start.is_some() {
            let better = |best: &Best| best.value <= outcome.best_value;
            if !state.carried.as_ref().is_some_and(better) {
                state.carried.clone_from(&state.best);
            }
        }
        match (start, state.carried.take()) {
            (Some(index), carried) => {
                state.carried = carried;
                self.scheme.beginning(index, &self.start)
            }
            (None, Some(carried)) => carried.x,
            (None, None) => outcome.best_x.clone(),
        }
    }
}
