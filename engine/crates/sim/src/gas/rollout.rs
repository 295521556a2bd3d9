//! A run of gas, forward and back.

use backflow_diff::{
    Real,
    memory::{Lost, Plan, PlanError, sweep},
};

use super::{
    clock::{Clock, steps},
    compiled::Compiled,
    course::{Course, CourseBar, CourseGradient},
    exchange::CouplingBar,
    loss::Term,
    model::{Gas, Model, ModelBar, Moment, MomentBar},
    projector::{PressureError, Projected},
    step::Workspace,
};
use crate::rollout::reverse::{Pass, Progress};

/// Why a run of gas ended early.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunError {
    /// No pressure.
    #[error("gas, frame {frame}, step {step}: {source}")]
    Pressure {
        /// The frame, from 0.
        frame: usize,
        /// The step of the frame, from 0.
        step: usize,
        /// Why.
        source: PressureError,
    },
    /// A number is infinite or NaN.
    #[error(
        "gas, frame {frame}: {what} is not a finite number; expected a smaller time step or weaker forces"
    )]
    NotFinite {
        /// The frame, from 0.
        frame: usize,
        /// Which quantity.
        what: &'static str,
    },
    /// The memory does not suffice.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan does not fit itself.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// Someone asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What a run depends on, as cotangents of its loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient<T: Real> {
    /// Of the gas at the start.
    pub gas: Gas<T>,
    /// Of what the gas is.
    pub model: ModelBar,
    /// Of all that acts on it.
    pub course: CourseGradient,
    /// Of how it and matter push each other.
    pub coupling: CouplingBar,
}

impl<T: Real> Gradient<T> {
    /// The same gradient in `f64`.
    pub fn widen(self) -> Gradient<f64> {
        Gradient {
            gas: self.gas.cast(),
            model: self.model,
            course: self.course,
            coupling: self.coupling,
        }
    }
}

/// Memory that a gradient takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes to work in: the fields between the stages of a step with their cotangents, the
    /// points that are traced, the matrix with its preconditioner, and the steps of a frame.
    pub working: usize,
    /// Bytes of a kept gas.
    pub state: usize,
}

/// Steps of a frame that the working memory is counted for; frames with more take more.
const STEPS: usize = 4;

impl Footprint {
    /// Of a gradient of `model`.
    pub fn of<T: Real>(model: &Model<T>) -> Self {
        let (state, cells) = (Gas::bytes(model), model.grid.count());
        // Twelve sets of fields of a step, four sets of points, and of each cell about thirty
        // numbers of the solver and of its adjoint.
        let points = 4 * cells * size_of::<[T; 3]>();
        Self {
            working: (12 + STEPS) * state + points + 30 * cells * size_of::<f64>(),
            state,
        }
    }

    /// The plan of a run of `frames` frames in `budget` bytes.
    ///
    /// # Errors
    /// Not even one gas fits beside the working memory.
    pub fn plan(&self, frames: usize, budget: usize) -> Result<Plan, PlanError> {
        let Self { working, state } = *self;
        let kept = budget.saturating_sub(working) / state.max(1);
        if kept == 0 {
            return Err(PlanError::Budget {
                steps: frames,
                budget: budget as u64,
                state: (working + state) as u64,
            });
        }
        Plan::new(frames, kept)
    }
}

/// The checkpoint plan of a gradient of `model` in scalar `T`, over frames.
///
/// # Errors
/// Not even one gas fits into the budget.
pub fn plan<T: Real>(
    model: &Model<f64>,
    clock: Clock,
    budget: Option<usize>,
) -> Result<Plan, RunError> {
    let footprint = Footprint::of(&model.cast::<T>());
    Ok(footprint.plan(clock.frames, budget.unwrap_or(usize::MAX))?)
}

/// How a frame went.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Frame {
    /// Steps.
    pub steps: usize,
    /// Iterations of the pressure over all of them.
    pub iterations: usize,
    /// The worst of its steps: see [`Projected`].
    pub residual: f64,
    /// The largest inflow into a closed pocket that nothing could balance (m/s).
    pub unbalanced: f64,
}

impl Frame {
    /// Of one step.
    pub fn of(projected: &Projected) -> Self {
        Self {
            steps: 1,
            iterations: projected.iterations,
            residual: projected.residual,
            unbalanced: projected.unbalanced,
        }
    }

    /// How this frame went together with another.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            iterations: self.iterations + other.iterations,
            residual: self.residual.max(other.residual),
            unbalanced: self.unbalanced.max(other.unbalanced),
        }
    }
}

/// A run of gas. In each step everything that acts stands where it is half-way through it.
#[derive(Debug)]
pub struct Rollout<'a, T: Compiled> {
    /// The gas.
    pub model: &'a Model<T>,
    /// All that acts on it.
    pub course: &'a Course<T::Wide>,
    /// The time.
    pub clock: Clock,
    workspace: Workspace<T>,
    moment: Moment<T>,
    moment_bar: MomentBar,
}

/// What the reverse pass gathers.
struct Back<T: Compiled> {
    bars: Gas<T>,
    model: ModelBar,
    course: CourseBar<T::Wide>,
    value: f64,
}

impl<'a, T: Compiled> Rollout<'a, T> {
    /// A run that has not begun.
    pub fn new(model: &'a Model<T>, course: &'a Course<T::Wide>, clock: Clock) -> Self {
        Self {
            model,
            course,
            clock,
            workspace: Workspace::new(model),
            moment: Moment::still(),
            moment_bar: MomentBar::zero(model),
        }
    }

    /// What is kept of a run between its steps, and the openings of the last of them.
    pub fn workspace(&self) -> &Workspace<T> {
        &self.workspace
    }

    /// Steps of a frame that starts with `gas`.
    fn steps(&mut self, gas: &Gas<T>, frame: usize) -> usize {
        self.clock.steps.unwrap_or_else(|| {
            self.course.set_moment(frame, 0.0, &mut self.moment);
            steps(self.model, &self.moment, gas, self.clock.frame)
        })
    }

    fn step(
        &mut self,
        gas: &mut Gas<T>,
        frame: usize,
        [step, count]: [usize; 2],
    ) -> Result<Projected, RunError> {
        let dt = self.clock.frame / count as f64;
        let (moment, workspace) = (&mut self.moment, &mut self.workspace);
        self.course
            .set_moment(frame, dt * (step as f64 + 0.5), moment);
        T::step(self.model, moment, None, gas, dt, workspace).map_err(|source| RunError::Pressure {
            frame,
            step,
            source,
        })
    }

    /// Runs a frame.
    ///
    /// # Errors
    /// No pressure, or a number that is not finite.
    pub fn advance(&mut self, gas: &mut Gas<T>, frame: usize) -> Result<Frame, RunError> {
        let count = self.steps(gas, frame);
        let mut went = Frame {
            steps: count,
            ..Frame::default()
        };
        for step in 0..count {
            let projected = self.step(gas, frame, [step, count])?;
            went.iterations += projected.iterations;
            went.residual = went.residual.max(projected.residual);
            went.unbalanced = went.unbalanced.max(projected.unbalanced);
        }
        match gas.not_finite() {
            Some(what) => Err(RunError::NotFinite { frame, what }),
            None => Ok(went),
        }
    }

    /// Runs to the end and returns the loss; `gas` is that at the end.
    ///
    /// # Errors
    /// See [`Rollout::advance`].
    pub fn value(
        &mut self,
        gas: &mut Gas<T>,
        terms: &[Term],
        progress: Progress<'_>,
    ) -> Result<f64, RunError> {
        let mut value = 0.0;
        for frame in 0..self.clock.frames {
            self.advance(gas, frame)?;
            value += judge(self.model, terms, gas, frame);
            if !progress(Pass::Forward, frame) {
                return Err(RunError::Interrupted);
            }
        }
        Ok(value)
    }

    /// The loss of a run from `initial` and its gradient; `plan` says which frames are kept.
    /// Within a frame all steps are.
    ///
    /// # Errors
    /// See [`Rollout::advance`].
    pub fn gradient(
        &mut self,
        initial: &Gas<T>,
        terms: &[Term],
        plan: &Plan,
        progress: Progress<'_>,
    ) -> Result<(f64, Gradient<T>), RunError> {
        let (model, course) = (self.model, self.course);
        let back = Back {
            bars: Gas::zero(model),
            model: ModelBar::zero(model),
            course: course.zero_bar(model.species.len()),
            value: 0.0,
        };
        let mut context = (self, back, progress);
        let mut gas = initial.clone();
        sweep(
            plan,
            &mut context,
            &mut gas,
            |(run, back, progress), gas, frame, first| {
                run.advance(gas, frame)?;
                if first {
                    back.value += judge(model, terms, gas, frame);
                    if !progress(Pass::Forward, frame) {
                        return Err(RunError::Interrupted);
                    }
                }
                Ok(())
            },
            |(run, back, progress), gas, frame| {
                run.reverse(back, terms, gas, frame)?;
                if progress(Pass::Reverse, frame) {
                    Ok(())
                } else {
                    Err(RunError::Interrupted)
                }
            },
        )?;
        let (_, back, _) = context;
        Ok((
            back.value,
            Gradient {
                gas: back.bars,
                model: back.model,
                course: course.finish(back.course),
                coupling: CouplingBar::default(),
            },
        ))
    }

    /// Pulls the cotangents back over a frame.
    fn reverse(
        &mut self,
        back: &mut Back<T>,
        terms: &[Term],
        gas: &Gas<T>,
        frame: usize,
    ) -> Result<(), RunError> {
        let count = self.steps(gas, frame);
        let plan = Plan::new(count, count)?;
        let dt = self.clock.frame / count as f64;
        let (model, course) = (self.model, self.course);
        let mut working = gas.clone();
        let mut context = (self, back);
        sweep(
            &plan,
            &mut context,
            &mut working,
            |(run, back), gas, step, _| {
                run.step(gas, frame, [step, count])?;
                if step + 1 == count {
                    for term in terms.iter().filter(|term| term.frames.contains(&frame)) {
                        let weight = term.share();
                        term.measure
                            .value_vjp(&model.grid, gas, weight, &mut back.bars);
                    }
                }
                Ok(())
            },
            |(run, back), gas, step| {
                let time = dt * (step as f64 + 0.5);
                course.set_moment(frame, time, &mut run.moment);
                run.moment_bar.clear();
                T::step_vjp(
                    model,
                    &run.moment,
                    None,
                    gas,
                    dt,
                    &mut run.workspace,
                    &mut back.bars,
                    &mut back.model,
                    &mut run.moment_bar,
                    None,
                )
                .map_err(|source| RunError::Pressure {
                    frame,
                    step,
                    source,
                })?;
                course.moment_vjp(frame, time, &run.moment_bar, &mut back.course);
                Ok(())
            },
        )
    }
}

/// The loss of a frame.
pub fn judge<T: Real>(model: &Model<T>, terms: &[Term], gas: &Gas<T>, frame: usize) -> f64 {
    terms
        .iter()
        .filter(|term| term.frames.contains(&frame))
        .map(|term| term.share() * term.measure.value(&model.grid, gas))
        .sum()
}
