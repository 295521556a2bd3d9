//! Planning on an operator and verifying in the engine, by turns.

use std::ops::ControlFlow;

use backflow_optim::{Driver, DriverState, Record, SettingsError, StartError};
use backflow_sim::{Compiled, rollout::store::RunError};

use super::{
    super::{Task, binding::Binding, criterion::Judge},
    objective::{PlanError, Planned},
    verify::{Verified, verify},
};

/// A round: what was planned, what the operator made of it and what the engine did.
#[derive(Debug, Clone)]
pub struct Round {
    /// The flat vector of the plan.
    pub x: Vec<f64>,
    /// Evaluations on the operator.
    pub iterations: usize,
    /// Loss and metrics that the operator predicts.
    pub predicted: (f64, Vec<(String, f64)>),
    /// What the engine finds.
    pub found: Verified,
}

/// What planning came to.
#[derive(Debug, Clone)]
pub struct Planning {
    /// The scene as it stands, in the engine.
    pub start: Verified,
    /// The plan and its refinements.
    pub rounds: Vec<Round>,
    /// Steps of the operator.
    pub steps: usize,
    /// Coordinates and samples that walls and obstacles held back in them.
    pub held: usize,
}

/// Why planning ended.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The optimiser cannot be set up.
    #[error("optimize.settings: {0}")]
    Settings(#[from] SettingsError),
    /// It cannot begin where it should.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The operator failed on the way.
    #[error("on the operator: {source}{}", because(source.as_ref()))]
    Driver {
        /// Its error.
        #[from]
        source: Box<backflow_optim::RunError<PlanError>>,
    },
    /// The operator failed at a point.
    #[error(transparent)]
    Operator(#[from] PlanError),
    /// The engine failed.
    #[error("in the engine: {0}")]
    Engine(#[from] RunError),
}

/// What an error comes from, to be said behind it.
fn because(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(String::new, |source| format!(": {source}"))
}

impl Planning {
    /// The round that the engine finds best.
    pub fn best(&self) -> Option<&Round> {
        let by_loss = |a: &&Round, b: &&Round| a.found.value.total_cmp(&b.found.value);
        self.rounds.iter().min_by(by_loss)
    }

    /// Substeps that the engine took in all.
    pub fn substeps(&self) -> usize {
        let rounds = self.rounds.iter().map(|round| round.found.substeps);
        self.start.substeps + rounds.sum::<usize>()
    }
}

/// Plans with the optimiser of the scene, verifies the plan, and does so `refinements` times more: each time the
/// operator is corrected by what the engine has found with the plan before, see [`Planned::correct`], and goes on
/// from there. The engine runs forward alone, `2 + refinements` times. `on_record` sees each iteration.
///
/// # Errors
/// An operator or an engine that fails.
pub fn plan<T: Compiled<Wide = f64>>(
    task: &Task,
    binding: &Binding,
    judge: &Judge,
    mut planned: Planned<'_>,
    refinements: usize,
    on_record: &mut dyn FnMut(&Record),
) -> Result<Planning, RoundError> {
    let settings = task.spec.optimize.as_ref().map(|own| own.settings.clone());
    let driver = Driver::new(settings.unwrap_or_default(), binding.layout().clone())?;
    let engine = |x: &[f64]| verify::<T>(&task.scene, binding, judge, x);
    let start = engine(&binding.start())?;
    let mut from = binding.guess();
    let mut rounds: Vec<Round> = Vec::new();
    for _ in 0..=refinements {
        if let Some(last) = rounds.last() {
            planned.correct(&last.x, &last.found)?;
            from.clone_from(&last.x);
        }
        let mut state = driver.start(&from)?;
        let mut observer = |record: &Record, _: &DriverState| {
            on_record(record);
            ControlFlow::Continue(())
        };
        let outcome = driver
            .run(&mut state, &mut planned, &mut observer)
            .map_err(Box::new)?;
        let predicted = planned.predict(&outcome.best_x)?;
        rounds.push(Round {
            found: engine(&outcome.best_x)?,
            x: outcome.best_x,
            iterations: outcome.iterations,
            predicted,
        });
    }
    Ok(Planning {
        start,
        rounds,
        steps: planned.steps,
        held: planned.held,
    })
}
