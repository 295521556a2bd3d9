//! The memory of a run: plain data, complete between two iterations.

use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::estimator::{AnyEstimator, Estimator};
use crate::guard::Backoff;
use crate::parameters::{Layout, Slice};
use crate::record::Counters;
use crate::settings::Settings;
use crate::stop::{PlateauMemory, Stop};
use crate::update::{AnyUpdate, Update};

/// The best point so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// f there.
    pub value: f64,
    /// The point.
    pub x: Vec<f64>,
    /// The gradient there, from which a backoff steps.
    pub gradient: Vec<f64>,
    /// Iteration that evaluated it.
    pub iteration: usize,
}

/// All that the next iteration depends on besides settings, layout and objective.
///
/// Saved after an iteration and resumed, a run goes on to the same bits, provided that the
/// format keeps floats exactly: RON does, infinities included; serde_json does with its feature
/// `float_roundtrip`, for finite numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriverState {
    /// Evaluations made, which is the number of the next one.
    pub iteration: usize,
    /// Stages begun before this one; see [`DriverState::enter`].
    #[serde(default)]
    pub stage: usize,
    /// Best point of other starts, where several are tried.
    #[serde(default)]
    pub carried: Option<Best>,
    /// Slices of the layout it was made for.
    pub slices: Vec<Slice>,
    /// Next point to evaluate.
    pub x: Vec<f64>,
    /// The update's memory.
    pub update: AnyUpdate,
    /// The estimator's memory.
    pub estimator: AnyEstimator,
    /// Best point so far; none before the first evaluation.
    pub best: Option<Best>,
    /// Value at the start; none before the first evaluation.
    pub first_value: Option<f64>,
    /// Largest curvature in size at the start, where the settings measure it.
    #[serde(default)]
    pub curvature: Option<f64>,
    /// The plateau test's memory.
    pub plateau: PlateauMemory,
    /// The guard's memory.
    pub backoff: Backoff,
    /// What happened how often.
    pub counters: Counters,
    /// Why the run ended, if it did. Clear it to go on under other settings.
    pub stop: Option<Stop>,
}

impl DriverState {
    /// Goes on to another stage of a problem that changes on its way, at `x`. What was best so
    /// far was so of another value and is forgotten, as is what stopped the run; the update
    /// keeps its memory unless it compares values.
    pub fn enter(&mut self, x: Vec<f64>) {
        self.x = x;
        self.stage += 1;
        self.best = None;
        self.stop = None;
        self.plateau = PlateauMemory::default();
        self.backoff = Backoff::default();
        if self.update.endures() || matches!(self.update, AnyUpdate::Lbfgs(_)) {
            // the second time in a row it forgets the curvature, too
            self.update.restart();
            self.update.restart();
        }
    }

    /// Checks that the state belongs to a run of these settings and this layout, and gives its
    /// methods the numbers of the settings.
    pub(crate) fn admit(&mut self, settings: &Settings, layout: &Layout) -> Result<(), StateError> {
        if self.slices != layout.slices() {
            let names = |slices: &[Slice]| {
                let name = |s: &Slice| format!("{} ({})", s.name, s.range.len());
                slices.iter().map(name).collect::<Vec<_>>().join(", ")
            };
            return Err(StateError::Slices {
                expected: names(layout.slices()),
                found: names(&self.slices),
            });
        }
        let expected = layout.dimension();
        let best = |best: &Best| best.x.len() == expected && best.gradient.len() == expected;
        let parts = [
            ("x", self.x.len() == expected),
            ("best", self.best.as_ref().is_none_or(best)),
            ("update", self.update.fits(expected)),
            ("estimator", self.estimator.fits(expected)),
        ];
        if let Some((what, _)) = parts.into_iter().find(|(_, fits)| !fits) {
            return Err(StateError::Damaged { what, expected });
        }
        if !settings.update.configure(&mut self.update) {
            let (what, expected) = ("update", format!("{:?}", settings.update));
            return Err(StateError::Method { what, expected });
        }
        if !settings.estimator.configure(&mut self.estimator) {
            let (what, expected) = ("estimator", format!("{:?}", settings.estimator));
            return Err(StateError::Method { what, expected });
        }
        Ok(())
    }
}
