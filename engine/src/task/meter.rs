//! What an evaluation costs, in simulated substeps.

use std::cell::Cell;

use backflow_optim::{Evaluation, Objective};

/// Substeps that a gradient counts for each substep of the run: forward, once more for what was
/// not kept, and back. What it really takes depends on the budget of memory; this does not.
pub const GRADIENT: u64 = 3;

/// An objective that counts the substeps it was asked for.
pub struct Metered<'m, O> {
    /// The objective.
    pub objective: O,
    /// Substeps of one run of one scenario.
    pub substeps: u64,
    /// Substeps so far.
    pub spent: &'m Cell<u64>,
}

impl<O: Objective> Metered<'_, O> {
    fn spend(&self, substeps: u64) {
        self.spent.set(self.spent.get() + substeps);
    }

    /// Substeps of a value.
    fn value_cost(&self) -> u64 {
        self.substeps * self.objective.scenarios() as u64
    }
}

impl<O: Objective> Objective for Metered<'_, O> {
    type Error = O::Error;

    fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error> {
        self.spend(self.value_cost());
        self.objective.value(x)
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Self::Error> {
        self.spend(GRADIENT * self.value_cost());
        self.objective.gradient(x)
    }

    fn scenarios(&self) -> usize {
        self.objective.scenarios()
    }

    fn scenario(&mut self, scenario: usize, x: &[f64]) -> Result<Evaluation, Self::Error> {
        self.spend(GRADIENT * self.substeps);
        self.objective.scenario(scenario, x)
    }

    fn diverged(&self, error: &Self::Error) -> bool {
        self.objective.diverged(error)
    }
}
