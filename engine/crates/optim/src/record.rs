//! What a run reports: one record an iteration, one outcome at the end.

use serde::{Deserialize, Serialize};

use crate::guard::Trouble;
use crate::stop::Stop;

/// What became of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Event {
    /// It became the iterate, and the update moved on from it.
    Accepted,
    /// It was a trial of a line search that goes on.
    Probe,
    /// It met a stop (target or gradient norm); nothing moved.
    Final,
    /// The update found no descent; nothing moved.
    Stalled,
    /// It was not finite: back to the best point at half the rate.
    BackedOff(Trouble),
    /// It was not finite, and the worst of candidates to an update that compares them.
    Rejected(Trouble),
}

/// One iteration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Number of the evaluation, from 0 (the start).
    pub iteration: usize,
    /// f at the evaluated point; NaN if it could not be had.
    pub value: f64,
    /// Norm of the gradient there, before clipping; NaN if not finite.
    pub gradient_norm: f64,
    /// The same without the entries that only a bound holds back: what the stop looks at.
    pub projected_norm: f64,
    /// Rate of the move made after it.
    pub rate: f64,
    /// Lowest value so far.
    pub best: f64,
    /// Iteration that found it.
    pub best_iteration: usize,
    /// Whether this is the one.
    pub improved: bool,
    /// What else the objective measured at the evaluated point.
    pub metrics: Vec<(String, f64)>,
    /// Gradient entries changed by the clip.
    pub clipped: usize,
    /// Parameters that the move would have taken out of their bounds.
    pub clamped: usize,
    /// Farthest of them from its bound, in its own unit.
    pub clamped_largest: f64,
    /// What became of it.
    pub event: Event,
}

/// What happened how often, over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Evaluations that became iterates.
    pub accepted: usize,
    /// Trials of line searches.
    pub probes: usize,
    /// Backoffs from non-finite numbers.
    pub backoffs: usize,
    /// Candidates that were not finite.
    #[serde(default)]
    pub rejected: usize,
    /// Iterations whose gradient was clipped.
    pub clipped: usize,
    /// Parameters put back onto their bounds, the start included.
    pub clamped: usize,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Point of the lowest value.
    pub best_x: Vec<f64>,
    /// Lowest value.
    pub best_value: f64,
    /// Iteration that found it.
    pub best_iteration: usize,
    /// Value at the start.
    pub first_value: f64,
    /// Evaluations made, over all sessions of a resumed run.
    pub iterations: usize,
    /// Why it ended.
    pub stop: Stop,
    /// What happened how often.
    pub counters: Counters,
}
