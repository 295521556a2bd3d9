//! Why a run cannot start or go on.

use crate::fault::Fault;
use crate::guard::Trouble;

/// Settings with bad numbers, all of them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", list(.faults))]
pub struct SettingsError {
    /// Field, value and expectation of each.
    pub faults: Vec<Fault>,
}

/// One line a fault.
fn list(faults: &[Fault]) -> String {
    let line =
        |(field, value, expected): &Fault| format!("{field} is {value}; expected {expected}");
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A starting point that does not fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StartError {
    /// Wrong number of parameters.
    #[error("the starting point has {found} parameters; the layout has {expected}")]
    Length {
        /// Entries of the layout.
        expected: usize,
        /// Entries given.
        found: usize,
    },
    /// A NaN or infinite parameter.
    #[error("at the starting point, {0}; expected finite numbers")]
    NotFinite(Trouble),
}

/// A saved state that is not one of this run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StateError {
    /// Other slices than the layout's.
    #[error("the saved state has slices {found}; this run has {expected}")]
    Slices {
        /// Slices of the layout.
        expected: String,
        /// Slices of the state.
        found: String,
    },
    /// Vectors of another length than the layout's: a damaged file.
    #[error("{what} of the saved state does not have {expected} entries")]
    Damaged {
        /// Which part.
        what: &'static str,
        /// Entries of the layout.
        expected: usize,
    },
    /// Another method than the settings name.
    #[error("the saved state holds another {what} than the settings, which say {expected}")]
    Method {
        /// `update` or `estimator`.
        what: &'static str,
        /// The settings' choice.
        expected: String,
    },
}

/// Why a run failed. The state is as it was before the failing iteration.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E: std::error::Error + 'static> {
    /// The objective failed for a reason that no other point would cure.
    #[error("iteration {iteration}: the objective failed")]
    Objective {
        /// Number of the evaluation.
        iteration: usize,
        /// Its error.
        #[source]
        source: E,
    },
    /// Non-finite numbers, and no halving of the rate left.
    #[error("iteration {iteration}: {trouble}, after {halvings} halvings of the rate in a row{}",
        if *.iteration == 0 { " (at the starting point)" } else { "" })]
    NotFinite {
        /// Number of the evaluation.
        iteration: usize,
        /// What was not finite: the value, or an entry of its slice.
        trouble: Trouble,
        /// Halvings in a row before it.
        halvings: usize,
        /// The objective's error, if it diverged.
        #[source]
        source: Option<E>,
    },
    /// A gradient of the wrong length.
    #[error("iteration {iteration}: the gradient has {found} entries; expected {expected}")]
    GradientLength {
        /// Number of the evaluation.
        iteration: usize,
        /// Entries of the layout.
        expected: usize,
        /// Entries returned.
        found: usize,
    },
    /// A saved state that is not one of this run.
    #[error(transparent)]
    State(#[from] StateError),
}
