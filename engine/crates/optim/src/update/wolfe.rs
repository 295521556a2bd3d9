//! A line search for the strong Wolfe conditions, one trial at a time.
//!
//! With `phi(a) = f(x + a d)`, it looks for a step length with sufficient decrease and a flat
//! enough end (Nocedal & Wright 2006, eq. 3.7):
//!
//! ```text
//! phi(a) <= phi(0) + c1 a phi'(0)          |phi'(a)| <= c2 |phi'(0)|
//! ```
//!
//! by bracketing (algorithm 3.5) and zooming (algorithm 3.6) with cubic interpolation
//! (eq. 3.59). It is turned inside out: instead of calling the function it names the next
//! length and is told what was found there, and its memory between two trials is plain data.

use serde::{Deserialize, Serialize};

/// What a step length must satisfy, and how many trials it may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// c1: sufficient decrease, in `(0, 1/2)` (default: 1e-4).
    pub decrease: f64,
    /// c2: curvature, in `(c1, 1)` (default: 0.9).
    pub curvature: f64,
    /// Most trials of one search (default: 20).
    pub probes: usize,
}

/// One trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// a: multiple of the direction.
    pub length: f64,
    /// phi(a).
    pub value: f64,
    /// phi'(a).
    pub slope: f64,
}

/// Which of the two algorithms the search is in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    /// Lengthening until a minimum is enclosed (algorithm 3.5).
    Bracket { previous: Trial },
    /// Shrinking an interval that holds acceptable lengths (algorithm 3.6): `low` is the best
    /// length so far with sufficient decrease, `high` the other end, on either side.
    Zoom { low: Trial, high: Trial },
    /// Going back to the best length, to be taken as it is.
    Settle,
}

/// What to do after a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The length just told is the one.
    Accept,
    /// Try this length next.
    Try(f64),
    /// No length with sufficient decrease was found.
    Fail,
}

/// A line search under way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wolfe {
    origin: Trial,
    length: f64,
    told: usize,
    phase: Phase,
}

/// Trials stay this share of the interval away from its ends, so that it shrinks at least by it.
const MARGIN: f64 = 0.1;
/// While bracketing, the next length is between these multiples of the last one
/// (the upper one keeps a bad extrapolation from leaving the region where f is defined).
const GROWTH: [f64; 2] = [2.0, 10.0];

impl Wolfe {
    /// A search along a direction of slope `slope < 0` from a point of value `value`, whose
    /// first trial is `length`.
    #[must_use]
    pub fn new(value: f64, slope: f64, length: f64) -> Self {
        let origin = Trial {
            length: 0.0,
            value,
            slope,
        };
        Self {
            origin,
            length,
            told: 0,
            phase: Phase::Bracket { previous: origin },
        }
    }

    /// The length being tried.
    #[must_use]
    pub fn length(&self) -> f64 {
        self.length
    }

    /// Takes in value and slope at [`Wolfe::length`]. `predicted` is the first-order change
    /// `g(0) (x(a) - x(0))`: `a phi'(0)` on a straight line, less where bounds bend it
    /// (Bertsekas 1999, eq. 2.37).
    pub fn tell(
        &mut self,
        conditions: &Conditions,
        value: f64,
        slope: f64,
        predicted: f64,
    ) -> Verdict {
        let trial = Trial {
            length: self.length,
            value,
            slope,
        };
        self.told += 1;
        let too_high = value > self.origin.value + conditions.decrease * predicted;
        let flat = slope.abs() <= -conditions.curvature * self.origin.slope;
        match self.phase {
            Phase::Settle => return Verdict::Accept,
            Phase::Bracket { previous } => {
                if too_high || (self.told > 1 && value >= previous.value) {
                    self.zoom(previous, trial)
                } else if flat || self.told >= conditions.probes {
                    return Verdict::Accept;
                } else if slope >= 0.0 {
                    self.zoom(trial, previous)
                } else {
                    self.phase = Phase::Bracket { previous: trial };
                    let shortest = GROWTH[0] * trial.length;
                    let longest = GROWTH[1] * trial.length;
                    let minimiser = cubic_minimiser(previous, trial);
                    self.length = if minimiser > trial.length {
                        minimiser.clamp(shortest, longest)
                    } else {
                        longest
                    };
                }
            }
            Phase::Zoom { low, high } => {
                if too_high || value >= low.value {
                    self.zoom(low, trial)
                } else if flat {
                    return Verdict::Accept;
                } else if slope * (high.length - low.length) >= 0.0 {
                    self.zoom(trial, low)
                } else {
                    self.zoom(trial, high)
                }
            }
        }
        self.give_up(conditions)
            .unwrap_or(Verdict::Try(self.length))
    }

    /// Continues within the interval from `low` to `high`.
    fn zoom(&mut self, low: Trial, high: Trial) {
        let width = high.length - low.length;
        let share = (cubic_minimiser(low, high) - low.length) / width;
        let share = if share.is_finite() { share } else { 0.5 };
        self.length = low.length + width * share.clamp(MARGIN, 1.0 - MARGIN);
        self.phase = Phase::Zoom { low, high };
    }

    /// Ends a search whose trials are used up or whose interval is down to round-off: with the
    /// best length that has sufficient decrease, if there is one.
    fn give_up(&mut self, conditions: &Conditions) -> Option<Verdict> {
        let Phase::Zoom { low, high } = self.phase else {
            return None;
        };
        let narrow = (high.length - low.length).abs()
            <= f64::EPSILON * high.length.abs().max(low.length.abs());
        if self.told < conditions.probes && !narrow {
            return None;
        }
        if low.length == 0.0 {
            return Some(Verdict::Fail);
        }
        self.phase = Phase::Settle;
        self.length = low.length;
        Some(Verdict::Try(low.length))
    }
}

/// Minimiser of the cubic through values and slopes of two trials (Nocedal & Wright 2006,
/// eq. 3.59); NaN if it has none.
fn cubic_minimiser(a: Trial, b: Trial) -> f64 {
    let width = b.length - a.length;
    let d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.length - b.length);
    let d2 = width.signum() * (d1 * d1 - a.slope * b.slope).sqrt();
    b.length - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONDITIONS: Conditions = Conditions {
        decrease: 1e-4,
        curvature: 0.1,
        probes: 30,
    };

    /// Runs a search to its end; returns the accepted length and the number of trials.
    fn search(phi: impl Fn(f64) -> (f64, f64), first: f64) -> Option<(f64, usize)> {
        let (value, slope) = phi(0.0);
        let mut wolfe = Wolfe::new(value, slope, first);
        loop {
            let a = wolfe.length();
            let (f, df) = phi(a);
            match wolfe.tell(&CONDITIONS, f, df, a * slope) {
                Verdict::Accept => return Some((a, wolfe.told)),
                Verdict::Try(_) => {}
                Verdict::Fail => return None,
            }
        }
    }

    #[test]
    fn cubic_minimiser_of_a_parabola_is_its_vertex() {
        let at = |a: f64| Trial {
            length: a,
            value: (a - 2.0).powi(2),
            slope: 2.0 * (a - 2.0),
        };
        assert!((cubic_minimiser(at(0.0), at(5.0)) - 2.0).abs() < 1e-14);
        assert!((cubic_minimiser(at(5.0), at(0.0)) - 2.0).abs() < 1e-14);
        assert!((cubic_minimiser(at(0.0), at(1.0)) - 2.0).abs() < 1e-14);
    }

    #[test]
    fn an_ascending_function_fails_within_its_trials() {
        // claims to descend and does not: a wrong gradient
        assert_eq!(search(|a| (a, -1.0), 1.0), None);
    }

    proptest! {
        /// Moré & Thuente 1994, eq. 5.1 with beta = 2, from first trials far too short or long.
        #[test]
        fn accepted_lengths_satisfy_the_strong_wolfe_conditions(exponent in -3.0..3.0_f64) {
            let phi = |a: f64| {
                let q = a * a + 2.0;
                (-a / q, (a * a - 2.0) / (q * q))
            };
            let (a, trials) = search(phi, 10_f64.powf(exponent)).unwrap();
            let ((f0, s0), (f, s)) = (phi(0.0), phi(a));
            prop_assert!(f <= f0 + 1e-4 * a * s0);
            prop_assert!(s.abs() <= 0.1 * s0.abs());
            prop_assert!(trials <= 12, "{trials}");
        }
    }
}
