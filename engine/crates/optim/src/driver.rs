//! Runs update x schedule x estimator to a stop.
//!
//! An iteration: evaluate at `x`; back off if anything is not finite; keep the best; stop at
//! the target or a short gradient; clip; let the update move `x`; project onto the bounds;
//! stop on a plateau; report.

use crate::context::Context;
use crate::error::{RunError, SettingsError, StartError};
use crate::estimator::Estimator;
use crate::guard::{Backoff, Trouble};
use crate::objective::{Evaluation, Objective};
use crate::observer::Observer;
use crate::parameters::Layout;
use crate::record::{Counters, Event, Outcome, Record};
use crate::schedule::Schedule;
use crate::settings::Settings;
use crate::state::{Best, DriverState};
use crate::stop::{PlateauMemory, Stop};
use crate::update::{Step, Update};
use crate::vector::norm;

/// What an evaluation gave, if the objective did not fail for good.
enum Answer<E> {
    /// Finite numbers.
    Finite(Evaluation),
    /// Something else, with the objective's error if there was one.
    Trouble(Trouble, Evaluation, Option<E>),
}

/// Checked settings and the layout of the parameters; everything that changes is in
/// [`DriverState`].
#[derive(Clone, Debug)]
pub struct Driver {
    settings: Settings,
    layout: Layout,
}

impl Driver {
    /// Checks the settings, all at once.
    pub fn new(settings: Settings, layout: Layout) -> Result<Self, SettingsError> {
        let faults = settings.faults();
        if !faults.is_empty() {
            return Err(SettingsError { faults });
        }
        Ok(Self { settings, layout })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The layout.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The state before the first evaluation, at `x` projected onto the bounds; what was
    /// projected is in its counters.
    pub fn start(&self, x: &[f64]) -> Result<DriverState, StartError> {
        let expected = self.layout.dimension();
        if x.len() != expected {
            let found = x.len();
            return Err(StartError::Length { expected, found });
        }
        if let Some(trouble) = Trouble::of_point(x, &self.layout) {
            return Err(StartError::NotFinite(trouble));
        }
        let mut x = x.to_vec();
        let projection = self.layout.project(&mut x);
        Ok(DriverState {
            iteration: 0,
            stage: 0,
            carried: None,
            slices: self.layout.slices().to_vec(),
            update: self.settings.update.build(x.len()),
            estimator: self.settings.estimator.build(),
            x,
            best: None,
            first_value: None,
            curvature: None,
            plateau: PlateauMemory::default(),
            backoff: Backoff::default(),
            counters: Counters {
                clamped: projection.clamped,
                ..Counters::default()
            },
            stop: None,
        })
    }

    /// Goes on from `state` to a stop. A state that ended at a final stop ends there again.
    ///
    /// On an error the state is that before the failing iteration, still fit to be saved.
    pub fn run<O: Objective + ?Sized>(
        &self,
        state: &mut DriverState,
        objective: &mut O,
        observer: &mut impl Observer,
    ) -> Result<Outcome, RunError<O::Error>> {
        state.admit(&self.settings, &self.layout)?;
        loop {
            if let Some(outcome) = self.finished(state) {
                return Ok(outcome);
            }
            let record = self.advance(state, objective)?;
            let asked = observer.observe(&record, state).is_break();
            if asked && state.stop.is_none() && state.iteration < self.settings.iterations {
                state.stop = Some(Stop::Observer);
                if let Some(outcome) = outcome(state, Stop::Observer) {
                    return Ok(outcome);
                }
            }
        }
    }

    /// The outcome, if `state` has nothing left to do under these settings.
    #[must_use]
    pub fn finished(&self, state: &DriverState) -> Option<Outcome> {
        match state.stop {
            Some(stop) if stop.is_final() => outcome(state, stop),
            _ if state.iteration >= self.settings.iterations => outcome(state, Stop::Iterations),
            _ => None,
        }
    }

    /// Makes one iteration, for callers that own the loop. On an error `state` is unchanged but
    /// for the estimator's memory.
    pub fn advance<O: Objective + ?Sized>(
        &self,
        state: &mut DriverState,
        objective: &mut O,
    ) -> Result<Record, RunError<O::Error>> {
        state.admit(&self.settings, &self.layout)?;
        state.stop = None;
        self.measure(state, objective)?;
        let record = match self.ask(state, objective)? {
            Answer::Finite(evaluation) => self.take(state, evaluation),
            Answer::Trouble(trouble, ..) if state.update.endures() && state.best.is_some() => {
                self.reject(state, trouble)
            }
            Answer::Trouble(trouble, evaluation, source) => {
                self.back_off(state, trouble, evaluation, source)?
            }
        };
        state.iteration += 1;
        Ok(record)
    }

    /// Rate of the state's iteration: base x schedule x backoff.
    fn rate(&self, state: &DriverState) -> f64 {
        let schedule = &self.settings.schedule;
        let factor = schedule.factor(state.iteration, self.settings.iterations);
        let unit = state.curvature.map_or(1.0, |largest| 2.0 / largest);
        self.settings.update.rate() * unit * factor * state.backoff.scale
    }

    /// Measures the curvature at the start, where the settings ask for it. Where there is none,
    /// the rate keeps its unit.
    fn measure<O: Objective + ?Sized>(
        &self,
        state: &mut DriverState,
        objective: &mut O,
    ) -> Result<(), RunError<O::Error>> {
        let Some(lanczos) = self.settings.lanczos else {
            return Ok(());
        };
        if state.iteration > 0 || state.curvature.is_some() {
            return Ok(());
        }
        let ritz = lanczos.ritz(objective, &state.x);
        let largest = ritz.map_err(|source| RunError::Objective {
            iteration: state.iteration,
            source,
        })?;
        let largest = largest.largest();
        state.curvature = (largest.is_finite() && largest > 0.0).then_some(largest);
        Ok(())
    }

    /// A candidate that is not finite, told to the update as infinitely bad.
    fn reject(&self, state: &mut DriverState, trouble: Trouble) -> Record {
        let context = self.context(state);
        let rate = context.rate;
        let worst = Evaluation::new(f64::INFINITY, vec![0.0; state.x.len()]);
        state.update.step(&mut state.x, &worst, &context);
        let projection = self.layout.project(&mut state.x);
        state.counters.rejected += 1;
        state.counters.clamped += projection.clamped;
        Record {
            rate,
            clamped: projection.clamped,
            clamped_largest: projection.largest,
            ..self.blank(state, Event::Rejected(trouble))
        }
    }

    /// What the update and the estimator are told of the state's iteration.
    fn context(&self, state: &DriverState) -> Context<'_> {
        Context {
            iteration: state.iteration,
            rate: self.rate(state),
            layout: &self.layout,
        }
    }

    /// Evaluates at the state's point, unless that is itself not finite.
    fn ask<O: Objective + ?Sized>(
        &self,
        state: &mut DriverState,
        objective: &mut O,
    ) -> Result<Answer<O::Error>, RunError<O::Error>> {
        let iteration = state.iteration;
        let nothing = Evaluation::new(f64::NAN, Vec::new());
        if let Some(trouble) = Trouble::of_point(&state.x, &self.layout) {
            return Ok(Answer::Trouble(trouble, nothing, None));
        }
        let context = self.context(state);
        let evaluation = match state.estimator.estimate(objective, &state.x, &context) {
            Ok(evaluation) => evaluation,
            Err(source) if objective.diverged(&source) => {
                let trouble = Trouble::of_error(&source);
                return Ok(Answer::Trouble(trouble, nothing, Some(source)));
            }
            Err(source) => return Err(RunError::Objective { iteration, source }),
        };
        let (expected, found) = (self.layout.dimension(), evaluation.gradient.len());
        if found != expected {
            return Err(RunError::GradientLength {
                iteration,
                expected,
                found,
            });
        }
        Ok(match Trouble::of_evaluation(&evaluation, &self.layout) {
            None => Answer::Finite(evaluation),
            Some(trouble) => Answer::Trouble(trouble, evaluation, None),
        })
    }

    /// A finite evaluation: keeps the best, looks at the stops, moves on.
    fn take(&self, state: &mut DriverState, mut evaluation: Evaluation) -> Record {
        let (iteration, value) = (state.iteration, evaluation.value);
        state.first_value.get_or_insert(value);
        let improved = state.best.as_ref().is_none_or(|best| value < best.value);
        if improved {
            state.best = Some(Best {
                value,
                x: state.x.clone(),
                gradient: evaluation.gradient.clone(),
                iteration,
            });
        }
        state.backoff.calm(&self.settings.guard);
        let projected = self
            .layout
            .projected_gradient(&state.x, &evaluation.gradient);
        let mut record = Record {
            value,
            gradient_norm: norm(&evaluation.gradient),
            projected_norm: norm(&projected),
            metrics: std::mem::take(&mut evaluation.metrics),
            improved,
            ..self.blank(state, Event::Final)
        };
        let reached = |limit: Option<f64>, found: f64| limit.is_some_and(|limit| found <= limit);
        if reached(self.settings.target, value) {
            state.stop = Some(Stop::Target);
        } else if reached(self.settings.gradient_norm, record.projected_norm) {
            state.stop = Some(Stop::GradientNorm);
        } else {
            record.event = self.accept(state, &mut evaluation, &mut record);
        }
        record
    }

    /// Moves on from a finite evaluation, counts it, and looks for a plateau.
    fn accept(
        &self,
        state: &mut DriverState,
        evaluation: &mut Evaluation,
        record: &mut Record,
    ) -> Event {
        match self.step(state, evaluation, record) {
            Step::Accepted => {
                state.counters.accepted += 1;
                if let Some(plateau) = &self.settings.plateau
                    && state.plateau.tell(plateau, evaluation.value)
                {
                    state.stop = Some(Stop::Plateau);
                }
                Event::Accepted
            }
            Step::Probe => {
                state.counters.probes += 1;
                Event::Probe
            }
            Step::Stalled => Event::Stalled,
        }
    }

    /// Clips, lets the update move the point, and projects it.
    fn step(
        &self,
        state: &mut DriverState,
        evaluation: &mut Evaluation,
        record: &mut Record,
    ) -> Step {
        let context = self.context(state);
        record.rate = context.rate;
        record.clipped = self.settings.clip.apply(&mut evaluation.gradient);
        state.counters.clipped += usize::from(record.clipped > 0);
        let step = state.update.step(&mut state.x, evaluation, &context);
        let projection = self.layout.project(&mut state.x);
        record.clamped = projection.clamped;
        record.clamped_largest = projection.largest;
        state.counters.clamped += projection.clamped;
        if step == Step::Stalled {
            state.stop = Some(Stop::Stalled);
        }
        step
    }

    /// A non-finite evaluation: back to the best point, from where the update starts over with
    /// the rate halved.
    fn back_off<E: std::error::Error + 'static>(
        &self,
        state: &mut DriverState,
        trouble: Trouble,
        evaluation: Evaluation,
        source: Option<E>,
    ) -> Result<Record, RunError<E>> {
        let mut backoff = state.backoff;
        let halvings = backoff.in_a_row;
        let best = match &state.best {
            Some(best) if backoff.halve(&self.settings.guard) => best.clone(),
            _ => {
                return Err(RunError::NotFinite {
                    iteration: state.iteration,
                    trouble,
                    halvings,
                    source,
                });
            }
        };
        state.backoff = backoff;
        state.counters.backoffs += 1;
        state.update.restart();
        state.x = best.x;
        let mut record = Record {
            value: evaluation.value,
            gradient_norm: f64::NAN,
            projected_norm: f64::NAN,
            metrics: evaluation.metrics,
            ..self.blank(state, Event::BackedOff(trouble))
        };
        let mut known = Evaluation::new(best.value, best.gradient);
        self.step(state, &mut known, &mut record);
        Ok(record)
    }

    /// A record of the state's iteration in which nothing has been measured.
    fn blank(&self, state: &DriverState, event: Event) -> Record {
        let best = state.best.as_ref();
        Record {
            iteration: state.iteration,
            value: f64::NAN,
            gradient_norm: f64::NAN,
            projected_norm: f64::NAN,
            rate: self.rate(state),
            best: best.map_or(f64::NAN, |best| best.value),
            best_iteration: best.map_or(0, |best| best.iteration),
            improved: false,
            metrics: Vec::new(),
            clipped: 0,
            clamped: 0,
            clamped_largest: 0.0,
            event,
        }
    }
}

/// The outcome of a state that has been evaluated at least once.
fn outcome(state: &DriverState, stop: Stop) -> Option<Outcome> {
    let best = state.best.as_ref()?;
    Some(Outcome {
        best_x: best.x.clone(),
        best_value: best.value,
        best_iteration: best.iteration,
        first_value: state.first_value?,
        iterations: state.iteration,
        stop,
        counters: state.counters,
    })
}

#[cfg(test)]
mod tests;
