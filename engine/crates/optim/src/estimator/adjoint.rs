//! The objective's own gradient.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};

/// Asks the objective; exact up to its own arithmetic. Has no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjoint;

impl Estimator for Adjoint {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        _: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        objective.gradient(x)
    }
}
