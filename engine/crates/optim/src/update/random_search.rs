//! Points drawn at random: what any method has to beat.

use serde::{Deserialize, Serialize};

use super::consensus::draw;
use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::random::Random;

/// Spread by default, in parameter units.
pub(super) fn default_spread() -> f64 {
    1.0
}

/// Pure random search: the start, then points drawn about it, each on its own. Needs values
/// alone (estimator `Values`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomSearch {
    /// Standard deviation in parameter units; 0: uniform within the bounds, for entries that have
    /// both (default: 1).
    pub spread: f64,
    /// Seed of the points (default: 0).
    pub seed: u64,
    /// The start, once evaluated.
    pub start: Option<Vec<f64>>,
}

impl Default for RandomSearch {
    fn default() -> Self {
        Self {
            spread: default_spread(),
            seed: 0,
            start: None,
        }
    }
}

impl Update for RandomSearch {
    fn step(&mut self, x: &mut [f64], _: &Evaluation, context: &Context<'_>) -> Step {
        let start = self.start.get_or_insert_with(|| x.to_vec());
        let mut random = Random::new(self.seed, &[context.iteration as u64]);
        x.copy_from_slice(&draw(start, self.spread, &mut random, context));
        Step::Accepted
    }

    fn restart(&mut self) {}

    fn endures(&self) -> bool {
        true
    }

    fn fits(&self, dimension: usize) -> bool {
        self.start.iter().all(|start| start.len() == dimension)
    }
}
