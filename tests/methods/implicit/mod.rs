//! Implicit differentiation (Blondel et al. 2022): the derivative of ridge regression and of the lasso in their weight
//! to 1e-8 of closed forms; of the dual of a multiclass support vector machine and of the rest of soft discs (their
//! section 4) to 1e-6 of central differences of the solved problems.

mod discs;
mod machine;
mod regression;

use backflow_diff::{
    Map,
    linear::{ConjugateGradient, Params},
};

use crate::toys::dot;

fn solver() -> ConjugateGradient {
    ConjugateGradient {
        params: Params::with_tolerance(1e-12),
    }
}

/// Relative distance of two numbers.
fn off(found: f64, known: f64) -> f64 {
    (found - known).abs() / known.abs()
}

/// The derivative of `bar . y` by central differences with a relative step.
fn central<M: Map>(map: &M, theta: f64, bar: &[f64], step: f64) -> f64 {
    let at = |theta: f64| dot(bar, &map.apply(&[theta]).unwrap().0);
    let h = step * theta;
    (at(theta + h) - at(theta - h)) / (2.0 * h)
}
