//! How far an update may go as the run goes on: one file a law.

pub mod constant;
pub mod cosine;
pub mod linear;
pub mod refined;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults};

pub use constant::Constant;
pub use cosine::Cosine;
pub use linear::Linear;
pub use refined::{Refined, refine};

/// A factor on the update's base rate.
pub trait Schedule {
    /// Factor in `[0, 1]` of iteration `iteration`, from 0 to `iterations - 1`. A pure function
    /// of its arguments, so that a resumed run needs no memory of it.
    fn factor(&self, iteration: usize, iterations: usize) -> f64;
}

/// Choice of a schedule in a scene (default: `Constant`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ScheduleSettings {
    /// The base rate throughout.
    #[default]
    Constant,
    /// A straight line from the base rate down to `floor` times it.
    Linear {
        /// Factor of the last iteration, in `[0, 1]` (default: 0).
        #[serde(default)]
        floor: f64,
        /// Iterations of linear growth before the full rate is reached (default: 0).
        #[serde(default)]
        warmup: usize,
    },
    /// Half a cosine from the base rate down to `floor` times it.
    Cosine {
        /// Factor of the last iteration, in `[0, 1]` (default: 0).
        #[serde(default)]
        floor: f64,
        /// Iterations of linear growth before the full rate is reached (default: 0).
        #[serde(default)]
        warmup: usize,
    },
    /// What the gradients of an earlier run call for, see [`Refined`].
    Refined {
        /// A factor in `[0, 1]` an iteration of it, as [`refine`] gives them.
        factors: Vec<f64>,
    },
}

impl ScheduleSettings {
    /// Bad numbers, under `schedule`.
    pub(crate) fn faults(&self, iterations: usize, list: &mut Vec<Fault>) {
        let mut faults = Faults::new("schedule", list);
        match self {
            Self::Constant => {}
            &Self::Linear { floor, warmup } | &Self::Cosine { floor, warmup } => {
                let unit = (0.0..=1.0).contains(&floor);
                faults.require(unit, "floor", floor, "a number in [0, 1]");
                let expected = format!("less than iterations ({iterations})");
                let short = warmup < iterations || warmup == 0;
                faults.require(short, "warmup", warmup, &expected);
            }
            Self::Refined { factors } => {
                let bad = factors.iter().find(|factor| !(0.0..=1.0).contains(*factor));
                let found = bad.map_or("[]".to_owned(), f64::to_string);
                let fine = bad.is_none() && !factors.is_empty();
                faults.require(fine, "factors", found, "numbers in [0, 1], at least one");
            }
        }
    }
}

impl Schedule for ScheduleSettings {
    fn factor(&self, iteration: usize, iterations: usize) -> f64 {
        match self {
            Self::Constant => Constant.factor(iteration, iterations),
            &Self::Linear { floor, warmup } => {
                Linear { floor, warmup }.factor(iteration, iterations)
            }
            &Self::Cosine { floor, warmup } => {
                Cosine { floor, warmup }.factor(iteration, iterations)
            }
            Self::Refined { factors } => Refined { factors }.factor(iteration, iterations),
        }
    }
}

/// Where a schedule with warm-up stands.
enum Phase {
    /// Growing; the factor is `(iteration + 1) / (warmup + 1)`, reaching 1 as the warm-up ends.
    Warmup(f64),
    /// Decaying; the share of the decay that is behind, 0 at its first iteration, 1 at the last.
    Decay(f64),
}

/// Splits a run into warm-up and decay. Iterations past the last one stay at its end.
fn phase(iteration: usize, iterations: usize, warmup: usize) -> Phase {
    if iteration < warmup {
        return Phase::Warmup((iteration + 1) as f64 / (warmup + 1) as f64);
    }
    let length = iterations.saturating_sub(1 + warmup);
    let behind = (iteration - warmup).min(length);
    Phase::Decay(if length == 0 {
        0.0
    } else {
        behind as f64 / length as f64
    })
}
