//! Straight-through gradients of on/off switches that sharpen as the run goes on.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::gate::rectify;
use crate::objective::{Evaluation, Objective};

/// Exponent of the end by default.
pub(super) fn default_exponent() -> f64 {
    3.0
}

/// Iterations of its growth by default.
pub(super) fn default_over() -> usize {
    100
}

/// ReSTE (Wu et al. 2023, "Estimator meets equilibrium perspective: a rectified straight through
/// estimator", eq. 8): the objective switches its gates by the sign of their parameters and hands
/// the gradient straight through; here the entries of the listed slices are multiplied by
/// [`rectify`] with an exponent that grows from 1, the plain straight-through estimator,
/// to `exponent` over the first `over` iterations. Has no memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rectified {
    /// Names of the slices that are gates.
    pub slices: Vec<String>,
    /// Exponent of the end, at least 1 (default: 3).
    pub exponent: f64,
    /// Iterations over which it grows (default: 100).
    pub over: usize,
}

impl Rectified {
    /// The exponent of an iteration.
    #[must_use]
    pub fn exponent(&self, iteration: usize) -> f64 {
        let share = iteration as f64 / self.over.max(1) as f64;
        1.0 + (self.exponent - 1.0) * share.min(1.0)
    }
}

impl Estimator for Rectified {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        context: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        let mut evaluation = objective.gradient(x)?;
        let exponent = self.exponent(context.iteration);
        for slice in context.layout.slices() {
            if self.slices.contains(&slice.name) {
                for i in slice.range.clone() {
                    evaluation.gradient[i] *= rectify(x[i], exponent);
                }
            }
        }
        Ok(evaluation)
    }
}
