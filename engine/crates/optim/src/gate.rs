//! On/off switches and their gradients.

use crate::objective::{Evaluation, Objective};

/// 1 above zero, 0 elsewhere: what a gate of parameter x lets through.
#[must_use]
pub fn gate(x: f64) -> f64 {
    if x > 0.0 { 1.0 } else { 0.0 }
}

/// Beyond this the slope of a rectified gate is 0.
const REACH: f64 = 1.5;

/// Within this the slope of a rectified gate is constant: that of the chord.
const CORE: f64 = 0.1;

/// The factor that ReSTE puts on a straight-through gradient (Wu et al. 2023, eq. 8 with the
/// truncations of its section 3.3), for an exponent o >= 1:
///
/// ```text
/// 1/o |x|^((1-o)/o)       0.1 < |x| <= 1.5       the slope of sign(x) |x|^(1/o)
/// 0.1^(1/o) / 0.1         |x| <= 0.1
/// 0                       else
/// ```
///
/// At o = 1 it is 1 on `|x| <= 1.5`: the plain straight-through estimator (Bengio, Leonard &
/// Courville 2013).
#[must_use]
pub fn rectify(x: f64, exponent: f64) -> f64 {
    let size = x.abs();
    if size > REACH {
        0.0
    } else if size > CORE {
        size.powf((1.0 - exponent) / exponent) / exponent
    } else {
        CORE.powf(1.0 / exponent) / CORE
    }
}

/// An objective some of whose parameters are gates: it is asked at [`gate`] of them, and its
/// gradient with respect to what they let through is handed straight through.
#[derive(Clone, Debug)]
pub struct Gated<O> {
    /// The objective of switched parameters.
    pub objective: O,
    /// Which entries are gates.
    pub gates: Vec<usize>,
}

impl<O> Gated<O> {
    /// The point at which the objective is asked.
    #[must_use]
    pub fn switched(&self, x: &[f64]) -> Vec<f64> {
        let mut switched = x.to_vec();
        for i in &self.gates {
            switched[*i] = gate(x[*i]);
        }
        switched
    }
}

impl<O: Objective> Objective for Gated<O> {
    type Error = O::Error;

    fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error> {
        let switched = self.switched(x);
        self.objective.value(&switched)
    }

    fn values(&mut self, points: &[Vec<f64>]) -> Vec<Result<f64, Self::Error>> {
        let switched: Vec<_> = points.iter().map(|x| self.switched(x)).collect();
        self.objective.values(&switched)
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Self::Error> {
        let switched = self.switched(x);
        self.objective.gradient(&switched)
    }

    fn diverged(&self, error: &Self::Error) -> bool {
        self.objective.diverged(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponent_one_is_the_straight_through_estimator() {
        for x in [-1.5, -0.7, -0.1, 0.0, 0.05, 0.3, 1.5] {
            assert!((rectify(x, 1.0) - 1.0).abs() < 1e-15, "{x}");
        }
        assert_eq!(rectify(1.6, 1.0), 0.0);
    }

    #[test]
    fn slope_between_core_and_reach_is_that_of_the_root() {
        let (x, exponent, h) = (0.4_f64, 3.0_f64, 1e-6);
        let root = |x: f64| x.powf(1.0 / exponent);
        let slope = (root(x + h) - root(x - h)) / (2.0 * h);
        assert!((rectify(x, exponent) - slope).abs() < 1e-8);
    }
}
