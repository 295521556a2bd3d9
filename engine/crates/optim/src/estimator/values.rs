//! Values without gradients.

use serde::{Deserialize, Serialize};

use super::Estimator;
use crate::context::Context;
use crate::objective::{Evaluation, Objective};

/// One forward pass; the gradient is reported as 0. For updates that compare values alone. Has
/// no memory. No metrics are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values;

impl Estimator for Values {
    fn estimate<O: Objective + ?Sized>(
        &mut self,
        objective: &mut O,
        x: &[f64],
        _: &Context<'_>,
    ) -> Result<Evaluation, O::Error> {
        Ok(Evaluation::new(objective.value(x)?, vec![0.0; x.len()]))
    }
}
