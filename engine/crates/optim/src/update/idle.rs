//! Doing nothing: what the scene is worth as it stands.

use serde::{Deserialize, Serialize};

use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;

/// Stays at the start and ends the run after its first evaluation. Has no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle;

impl Update for Idle {
    fn step(&mut self, _: &mut [f64], _: &Evaluation, _: &Context<'_>) -> Step {
        Step::Stalled
    }

    fn restart(&mut self) {}

    fn fits(&self, _: usize) -> bool {
        true
    }
}
