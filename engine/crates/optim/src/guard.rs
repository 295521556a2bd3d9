//! Keeps non-finite numbers out of the update.
//!
//! A value or gradient that is not finite, a point that is not finite, or an error that the
//! objective calls a divergence sends the run back to its best point with the rate halved.
//! Every such backoff is counted and reported; too many in a row end the run.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults};
use crate::objective::Evaluation;
use crate::parameters::Layout;

/// How the guard acts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Halvings of the rate in a row before the run ends with an error (default: 5, to 1/32).
    pub halvings: usize,
    /// Finite iterations in a row after which a halved rate is doubled again, up to the
    /// scheduled one; 0 never does (default: 10).
    pub recover: usize,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            halvings: 5,
            recover: 10,
        }
    }
}

impl Guard {
    /// Bad numbers, under `guard`. The limit is where 2^-n leaves the normal numbers.
    pub(crate) fn faults(&self, list: &mut Vec<Fault>) {
        let mut faults = Faults::new("guard", list);
        let sane = self.halvings <= 1000;
        faults.require(sane, "halvings", self.halvings, "a count <= 1000");
    }
}

/// What the guard remembers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Factor on the rate, a power of 1/2.
    pub scale: f64,
    /// Non-finite iterations in a row.
    pub in_a_row: usize,
    /// Finite iterations since the scale last changed.
    pub calm: usize,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            scale: 1.0,
            in_a_row: 0,
            calm: 0,
        }
    }
}

impl Backoff {
    /// Takes in a finite iteration.
    pub(crate) fn calm(&mut self, guard: &Guard) {
        self.in_a_row = 0;
        if self.scale < 1.0 {
            self.calm += 1;
            if guard.recover > 0 && self.calm >= guard.recover {
                self.scale = (2.0 * self.scale).min(1.0);
                self.calm = 0;
            }
        }
    }

    /// Takes in a non-finite iteration; false if no halving is left.
    pub(crate) fn halve(&mut self, guard: &Guard) -> bool {
        self.calm = 0;
        if self.in_a_row >= guard.halvings {
            return false;
        }
        self.in_a_row += 1;
        self.scale *= 0.5;
        true
    }
}

/// What was not finite at a point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Trouble {
    /// The value.
    Value {
        /// The value: NaN or infinite.
        value: f64,
    },
    /// An entry of the gradient, the first of several.
    Gradient {
        /// Index in the flat vector.
        index: usize,
        /// The entry by name, e.g. `velocity[2]`.
        entry: String,
        /// Its derivative: NaN or infinite.
        value: f64,
        /// How many entries are not finite.
        count: usize,
    },
    /// An entry of the point itself, the first of several: the update overflowed.
    Parameter {
        /// Index in the flat vector.
        index: usize,
        /// The entry by name.
        entry: String,
        /// Its value: NaN or infinite.
        value: f64,
    },
    /// The objective failed in a way that it calls a divergence.
    Diverged {
        /// The error with its causes.
        message: String,
    },
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value { value } => write!(f, "the value is {value}"),
            Self::Gradient {
                entry,
                value,
                count,
                ..
            } => {
                write!(f, "the gradient of {entry} is {value}")?;
                match count {
                    1 => Ok(()),
                    _ => write!(f, " (the first of {count} entries)"),
                }
            }
            Self::Parameter { entry, value, .. } => write!(f, "parameter {entry} is {value}"),
            Self::Diverged { message } => write!(f, "the objective diverged: {message}"),
        }
    }
}

impl Trouble {
    /// The trouble with an evaluation, if any.
    pub(crate) fn of_evaluation(evaluation: &Evaluation, layout: &Layout) -> Option<Self> {
        if !evaluation.value.is_finite() {
            let value = evaluation.value;
            return Some(Self::Value { value });
        }
        let gradient = &evaluation.gradient;
        let index = gradient.iter().position(|g| !g.is_finite())?;
        Some(Self::Gradient {
            index,
            entry: layout.describe(index),
            value: gradient[index],
            count: gradient.iter().filter(|g| !g.is_finite()).count(),
        })
    }

    /// The trouble with a point, if any.
    pub(crate) fn of_point(x: &[f64], layout: &Layout) -> Option<Self> {
        let index = x.iter().position(|x| !x.is_finite())?;
        Some(Self::Parameter {
            index,
            entry: layout.describe(index),
            value: x[index],
        })
    }

    /// A divergence, with the chain of its causes in one line.
    pub(crate) fn of_error(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(&format!(": {error}"));
            cause = error.source();
        }
        Self::Diverged { message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::layout;

    #[test]
    fn trouble_names_the_first_entry_and_counts_the_rest() {
        let evaluation = Evaluation::new(1.0, vec![0.0, f64::NAN, f64::INFINITY]);
        let trouble = Trouble::of_evaluation(&evaluation, &layout(3)).unwrap();
        let text = trouble.to_string();
        assert_eq!(text, "the gradient of x[1] is NaN (the first of 2 entries)");
        let fine = Evaluation::new(1.0, vec![0.0; 3]);
        assert_eq!(Trouble::of_evaluation(&fine, &layout(3)), None);
    }

    #[test]
    fn the_rate_is_halved_a_limited_number_of_times_and_recovers() {
        let guard = Guard {
            halvings: 2,
            recover: 3,
        };
        let mut backoff = Backoff::default();
        assert!(backoff.halve(&guard) && backoff.halve(&guard));
        assert_eq!(backoff.scale, 0.25);
        assert!(!backoff.halve(&guard));
        let mut scales = Vec::new();
        for _ in 0..7 {
            backoff.calm(&guard);
            scales.push(backoff.scale);
        }
        assert_eq!(scales, [0.25, 0.25, 0.5, 0.5, 0.5, 1.0, 1.0]);
    }
}
