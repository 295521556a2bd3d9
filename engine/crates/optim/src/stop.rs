//! Why a run ends, and the test for a plateau.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults};

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// All iterations were used.
    Iterations,
    /// No significant improvement for as long as [`Plateau`] allows.
    Plateau,
    /// The value reached the target.
    Target,
    /// The projected gradient became as short as asked.
    GradientNorm,
    /// The update found no descent down to round-off.
    Stalled,
    /// The observer asked for it; resuming goes on.
    Observer,
}

impl Stop {
    /// Whether a run that ended so has nothing left to do, whatever the number of iterations.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Iterations | Self::Observer)
    }
}

/// Stops a run that no longer improves (off unless given).
///
/// An improvement is significant if it exceeds `max(absolute, relative |reference|)`, where the
/// reference is the value at the last significant improvement. Trials of a line search and
/// non-finite iterations are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plateau {
    /// Iterations in a row without significant improvement that end the run (default: 10).
    pub patience: usize,
    /// Significant share of the reference value (default: 1e-3).
    pub relative: f64,
    /// Significant difference, in units of the value (default: 0).
    pub absolute: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self {
            patience: 10,
            relative: 1e-3,
            absolute: 0.0,
        }
    }
}

impl Plateau {
    /// Bad numbers, under `plateau`.
    pub(crate) fn faults(&self, list: &mut Vec<Fault>) {
        let mut faults = Faults::new("plateau", list);
        faults.at_least_one("patience", self.patience);
        faults.not_negative("relative", self.relative);
        faults.not_negative("absolute", self.absolute);
    }
}

/// What [`Plateau`] remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlateauMemory {
    /// Value at the last significant improvement.
    pub reference: Option<f64>,
    /// Accepted iterations since then.
    pub waited: usize,
}

impl PlateauMemory {
    /// Takes in an accepted value; true once patience is used up.
    pub(crate) fn tell(&mut self, plateau: &Plateau, value: f64) -> bool {
        let improved = self.reference.is_none_or(|reference| {
            let significant = plateau.absolute.max(plateau.relative * reference.abs());
            reference - value > significant
        });
        if improved {
            self.reference = Some(value);
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        self.waited >= plateau.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(plateau: Plateau, values: &[f64]) -> Vec<usize> {
        let mut memory = PlateauMemory::default();
        let told = values.iter().map(|value| {
            memory.tell(&plateau, *value);
            memory.waited
        });
        told.collect()
    }

    #[test]
    fn small_improvements_add_up_to_a_significant_one() {
        let plateau = Plateau {
            patience: 3,
            relative: 0.1,
            absolute: 0.0,
        };
        assert_eq!(
            waits(plateau, &[1.0, 0.95, 0.89, 0.85, 0.81]),
            [0, 1, 0, 1, 2]
        );
    }

    #[test]
    fn the_larger_of_both_thresholds_counts() {
        let plateau = Plateau {
            patience: 3,
            relative: 0.01,
            absolute: 0.5,
        };
        assert_eq!(waits(plateau, &[10.0, 9.6, 9.4, 9.4]), [0, 1, 0, 1]);
        // without improvement beyond it, an equal value is a wait even at threshold zero
        let strict = Plateau {
            patience: 2,
            relative: 0.0,
            absolute: 0.0,
        };
        assert_eq!(waits(strict, &[1.0, 1.0, 1.0]), [0, 1, 2]);
    }
}
