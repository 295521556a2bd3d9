//! A run of gas and matter that push each other.

#[cfg(test)]
mod tests;
mod tick;

use std::sync::Arc;

use backflow_diff::{
    Real,
    memory::{Plan, sweep},
};

use super::{
    clock::{Clock, steps},
    course::{Course, CourseBar},
    exchange::{Coupling, CouplingBar},
    loss::Term,
    model::{Gas, Model, ModelBar},
    rigid::Filling,
    rollout::{
        Footprint as GasFootprint, Frame as Went, Gradient as GasGradient, RunError as GasError,
        judge,
    },
    step::Workspace,
};
use crate::{
    Compiled,
    rollout::{
        Gradient, State,
        back::Back,
        forward::Rollout,
        frame::Criterion,
        reverse::{Pass, Progress},
        store::{Footprint, RunError},
    },
    transfer::substep::Grid as KnownGrid,
    world::World,
};

/// What changes during a run of gas and matter.
#[derive(Debug)]
pub struct Both<T: Real> {
    /// The matter.
    pub matter: State<T>,
    /// The gas, which states between two of its steps share.
    pub gas: Arc<Gas<T>>,
}

impl<T: Real> Clone for Both<T> {
    fn clone(&self) -> Self {
        Self {
            matter: self.matter.clone(),
            gas: Arc::clone(&self.gas),
        }
    }

    fn clone_from(&mut self, other: &Self) {
        self.matter.copy_from(&other.matter);
        self.gas = Arc::clone(&other.gas);
    }
}

/// The gas of a run of gas and matter, which advances both: the run of the matter is given to each
/// call.
///
/// In a frame the gas takes as many steps as its own clock says, raised to a number that divides
/// the substeps of the matter or is a multiple of them. So a frame is cut into equal pieces of
/// time, in each of which one of the two takes a single step and the other some: the gas first,
/// which sees particles and rigid bodies where they are ([`exchange`](super::exchange)) and pushes
/// them, then the matter. Both are at the same time at the end of each piece.
pub struct CoupledRollout<'a, T: Compiled> {
    /// The gas.
    pub model: &'a Model<T>,
    /// All that acts on it.
    pub course: &'a Course<T::Wide>,
    /// Its time.
    pub clock: Clock,
    /// How the two push each other; they pass through each other if it is `None`.
    pub coupling: Option<Coupling<T>>,
    /// What stands for each rigid body in the gas.
    pub fillings: &'a [Filling],
    workspace: Workspace<T>,
}

/// States of matter that are kept within a frame, at most.
const KEPT: usize = 24;

/// Memory of a gradient of gas and matter, for each frame kept.
pub fn footprint<T: Real>(model: &Model<T>, world: &World<T>, state: &State<T>) -> GasFootprint {
    let (gas, matter) = (GasFootprint::of(model), Footprint::of(world, state));
    let both = matter.state + gas.state;
    GasFootprint {
        working: gas.working + matter.working + KEPT * both,
        state: both,
    }
}

/// The checkpoint plan of a gradient of gas and matter, over frames.
///
/// # Errors
/// Not even one frame fits into the budget.
pub fn plan<T: Real>(
    model: &Model<T>,
    world: &World<T>,
    state: &State<T>,
    clock: Clock,
    budget: Option<usize>,
) -> Result<Plan, RunError> {
    let plan = footprint(model, world, state).plan(clock.frames, budget.unwrap_or(usize::MAX));
    Ok(plan.map_err(GasError::from)?)
}

/// What a gradient gathers, besides that of the matter.
struct Sums<T: Compiled> {
    bars: Gas<T>,
    model: ModelBar,
    course: CourseBar<T::Wide>,
    coupling: CouplingBar,
    value: f64,
}

/// What the steps of a frame have in common.
struct Parts<'a, T: Compiled> {
    model: &'a Model<T>,
    course: &'a Course<T::Wide>,
    coupling: Option<Coupling<T>>,
    fillings: &'a [Filling],
    frame: usize,
    /// Steps of the gas in the frame, and the length of each (s).
    count: usize,
    dt: f64,
    /// Substeps of the matter in the frame.
    substeps: usize,
}

/// A part of a frame.
enum Part {
    /// A step of the gas, by its number in the frame.
    Gas(usize),
    /// A substep of the matter, by its number in the run.
    Matter(usize),
}

/// Steps of the gas in a frame: at least as many as are wanted, and so many that they divide the
/// substeps of the matter or are a multiple of them.
fn fitting(wanted: usize, substeps: usize) -> usize {
    let divides = |count: &usize| substeps.is_multiple_of(*count);
    (wanted.max(1)..=substeps)
        .find(divides)
        .unwrap_or_else(|| wanted.next_multiple_of(substeps.max(1)))
}

impl<T: Compiled> Parts<'_, T> {
    /// Steps of the gas and substeps of the matter in a piece of the frame.
    fn piece(&self) -> [usize; 2] {
        let pieces = self.count.min(self.substeps).max(1);
        [self.count / pieces, self.substeps / pieces]
    }

    /// How many parts the frame has.
    fn len(&self) -> usize {
        self.count + self.substeps
    }

    /// In each piece the gas comes before the matter.
    fn part(&self, index: usize) -> Part {
        let [gas, matter] = self.piece();
        let (piece, within) = (index / (gas + matter), index % (gas + matter));
        match within.checked_sub(gas) {
            None => Part::Gas(piece * gas + within),
            Some(within) => Part::Matter(self.frame * self.substeps + piece * matter + within),
        }
    }

    /// One part of the frame.
    fn advance(
        &self,
        index: usize,
        rollout: &mut Rollout<'_, T>,
        workspace: &mut Workspace<T>,
        state: &mut State<T>,
        gas: &mut Arc<Gas<T>>,
    ) -> Result<Went, RunError> {
        match self.part(index) {
            Part::Gas(step) => self.tick(step, rollout.world, workspace, state, gas),
            Part::Matter(substep) => {
                rollout.advance(state, substep)?;
                Ok(Went::default())
            }
        }
    }

    /// Pulls the cotangents back over one part of the frame, from the state before it.
    fn advance_vjp(
        &self,
        index: usize,
        back: &mut Back<'_, '_, T>,
        sums: &mut Sums<T>,
        workspace: &mut Workspace<T>,
        state: &mut Both<T>,
        criterion: &dyn Criterion<T::Wide>,
    ) -> Result<(), RunError> {
        match self.part(index) {
            Part::Gas(step) => self.tick_vjp(step, back, sums, workspace, state),
            Part::Matter(substep) => {
                let (matter, grid) = (&mut state.matter, KnownGrid::Unknown);
                back.reverse(matter, substep, grid, criterion, false)?;
                Ok(())
            }
        }
    }
}

impl<'a, T: Compiled> CoupledRollout<'a, T> {
    /// A run that has not begun.
    pub fn new(
        model: &'a Model<T>,
        course: &'a Course<T::Wide>,
        clock: Clock,
        coupling: Option<Coupling<T>>,
        fillings: &'a [Filling],
    ) -> Self {
        Self {
            model,
            course,
            clock,
            coupling,
            fillings,
            workspace: Workspace::new(model),
        }
    }

    /// What is kept of the gas between its steps.
    pub fn workspace(&self) -> &Workspace<T> {
        &self.workspace
    }

    /// The parts of each frame, of a matter of so many substeps a frame.
    fn parts(&self, substeps: usize) -> impl Fn(&Gas<T>, usize) -> Parts<'a, T> + use<'a, T> {
        let (model, course, clock) = (self.model, self.course, self.clock);
        let (coupling, fillings) = (self.coupling, self.fillings);
        move |gas, frame| {
            let chosen = || steps(model, &course.moment(frame, 0.0), gas, clock.frame);
            let count = fitting(clock.steps.unwrap_or_else(chosen), substeps);
            Parts {
                model,
                course,
                coupling,
                fillings,
                frame,
                count,
                dt: clock.frame / count as f64,
                substeps,
            }
        }
    }

    /// Runs a frame.
    ///
    /// # Errors
    /// No pressure, or a number that is not finite.
    pub fn advance(
        &mut self,
        matter: &mut Rollout<'_, T>,
        state: &mut State<T>,
        gas: &mut Arc<Gas<T>>,
        frame: usize,
    ) -> Result<Went, RunError> {
        let parts = self.parts(matter.world.clock.substeps)(gas, frame);
        let mut went = Went::default();
        for index in 0..parts.len() {
            let workspace = &mut self.workspace;
            went = went.joined(&parts.advance(index, matter, workspace, state, gas)?);
        }
        finite(gas, frame)?;
        state.check(matter.world, (frame + 1) * parts.substeps)?;
        Ok(went)
    }

    /// Runs to the end and returns the loss.
    ///
    /// # Errors
    /// See [`CoupledRollout::advance`].
    pub fn value(
        &mut self,
        matter: &mut Rollout<'_, T>,
        state: &mut Both<T>,
        terms: &[Term],
        criterion: &dyn Criterion<T::Wide>,
        progress: Progress<'_>,
    ) -> Result<f64, RunError> {
        matter.begin(criterion);
        let (substeps, mut value) = (matter.world.clock.substeps, 0.0);
        for frame in 0..self.clock.frames {
            self.advance(matter, &mut state.matter, &mut state.gas, frame)?;
            let ended = (frame + 1) * substeps - 1;
            value += judge(self.model, terms, &state.gas, frame);
            value += matter.judge(&state.matter, ended, criterion).to_f64();
            if !progress(Pass::Forward, frame) {
                return Err(RunError::Interrupted);
            }
        }
        Ok(value)
    }

    /// The loss of a run from `initial` and its gradient; `plan` says which frames are kept.
    ///
    /// # Errors
    /// See [`CoupledRollout::advance`].
    pub fn gradient(
        &mut self,
        matter: &mut Rollout<'_, T>,
        initial: &Both<T>,
        terms: &[Term],
        criterion: &dyn Criterion<T::Wide>,
        plan: &Plan,
        progress: Progress<'_>,
    ) -> Result<(f64, Gradient<T>), RunError> {
        matter.begin(criterion);
        let parts = self.parts(matter.world.clock.substeps);
        let (model, course) = (self.model, self.course);
        let sums = Sums {
            bars: Gas::zero(model),
            model: ModelBar::zero(model),
            course: course.zero_bar(model.species.len()),
            coupling: CouplingBar::default(),
            value: 0.0,
        };
        let back = Back::new(matter, &initial.matter, None);
        let mut context = (back, sums, &mut self.workspace, progress);
        let mut state = initial.clone();
        sweep(
            plan,
            &mut context,
            &mut state,
            |(back, sums, workspace, progress), state, frame, first| {
                let parts = parts(&state.gas, frame);
                for index in 0..parts.len() {
                    let Both { matter, gas } = state;
                    parts.advance(index, back.rollout, workspace, matter, gas)?;
                }
                finite(&state.gas, frame)?;
                if first {
                    let ended = (frame + 1) * parts.substeps - 1;
                    let matter = back.rollout.judge(&state.matter, ended, criterion);
                    sums.value += judge(model, terms, &state.gas, frame) + matter.to_f64();
                    if !progress(Pass::Forward, frame) {
                        return Err(RunError::Interrupted);
                    }
                }
                Ok(())
            },
            |(back, sums, workspace, progress), state, frame| {
                let parts = parts(&state.gas, frame);
                let length = parts.len();
                let inner = Plan::new(length, length.min(KEPT)).map_err(GasError::from)?;
                let mut working = state.clone();
                let mut context = (back, sums, workspace);
                // Pulled back first is a substep of the matter: the gas is that of the end.
                let mut ended = false;
                sweep(
                    &inner,
                    &mut context,
                    &mut working,
                    |(back, _, workspace), state, index, _| {
                        let Both { matter, gas } = state;
                        parts.advance(index, back.rollout, workspace, matter, gas)?;
                        Ok::<_, RunError>(())
                    },
                    |(back, sums, workspace), state, index| {
                        if !ended {
                            ended = true;
                            seed(model, terms, &state.gas, frame, &mut sums.bars);
                        }
                        parts.advance_vjp(index, back, sums, workspace, state, criterion)
                    },
                )?;
                if progress(Pass::Reverse, frame) {
                    Ok(())
                } else {
                    Err(RunError::Interrupted)
                }
            },
        )?;
        let (back, sums, ..) = context;
        let mut gradient = back.finish();
        gradient.gravity += sums.model.gravity;
        gradient.gas = Some(GasGradient {
            gas: sums.bars,
            model: sums.model,
            course: course.finish(sums.course),
            coupling: sums.coupling,
        });
        Ok((sums.value, gradient))
    }
}

/// Adds the cotangents of the loss of a frame.
fn seed<T: Real>(model: &Model<T>, terms: &[Term], gas: &Gas<T>, frame: usize, bars: &mut Gas<T>) {
    for term in terms.iter().filter(|term| term.frames.contains(&frame)) {
        let share = term.share();
        term.measure.value_vjp(&model.grid, gas, share, bars);
    }
}

fn finite<T: Real>(gas: &Gas<T>, frame: usize) -> Result<(), RunError> {
    match gas.not_finite() {
        Some(what) => Err(GasError::NotFinite { frame, what }.into()),
        None => Ok(()),
    }
}
