//! Checks of gradients that refuse to pass where nothing was checked.
//!
//! [`taylor`] checks a gradient along one direction by the order of the remainder,
//! [`dot_product`] a pair of tangent and cotangent maps to round-off, and
//! [`central_difference`] a gradient entry by entry. A zero gradient, a zero direction or a
//! constant function are errors ([`Vacuous`]), not agreement.

mod central_difference;
mod dot_product;
mod taylor;

pub use central_difference::{
    DifferenceEntry, DifferenceParams, DifferenceReport, central_difference,
};
pub use dot_product::{DotProductReport, dot_product};
pub use taylor::{TaylorParams, TaylorReport, TaylorRow, Verdict, taylor};

use std::fmt;

/// Why a check could not have failed, and so does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vacuous {
    /// The direction, or a test vector, is zero.
    ZeroDirection,
    /// The gradient, or a product, is zero.
    ZeroGradient,
    /// The function does not change by more than its rounding.
    ConstantFunction,
    /// The gradient is perpendicular to the direction, to round-off.
    Perpendicular,
    /// The function changes with the square of the step: the direction is flat at this point.
    Stationary,
}

impl fmt::Display for Vacuous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroDirection => "the direction is zero",
            Self::ZeroGradient => "the gradient is zero",
            Self::ConstantFunction => "the function does not change along the direction",
            Self::Perpendicular => "the gradient is perpendicular to the direction",
            Self::Stationary => "the function is stationary along the direction",
        })
    }
}

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CheckError {
    /// Nothing was checked.
    #[error("nothing was checked: {0}; choose another point or direction")]
    Vacuous(Vacuous),
    /// A number is infinite or NaN.
    #[error("{what} is not finite: {value}")]
    NotFinite {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// Two vectors should have one length.
    #[error("{what} has {found} entries, expected {expected}")]
    Length {
        /// Which vector.
        what: &'static str,
        /// Its length.
        found: usize,
        /// What its length should be.
        expected: usize,
    },
    /// The function could not be evaluated.
    #[error("the function could not be evaluated {place}: {message}")]
    Evaluation {
        /// Where.
        place: String,
        /// Why.
        message: String,
    },
    /// The remainder does not shrink with the square of the step.
    #[error("the gradient is wrong: {0}")]
    TaylorRate(Box<TaylorReport>),
    /// Round-off hides the order of the remainder.
    #[error("the steps do not show the order of the remainder: {0}")]
    TaylorUnresolved(Box<TaylorReport>),
    /// Tangent and cotangent maps are not transposes.
    #[error("the maps are not transposes: {0}")]
    DotProduct(DotProductReport),
    /// Entries of the gradient differ from the differences.
    #[error("the gradient is wrong: {0}")]
    Difference(Box<DifferenceReport>),
}

/// `a . b`, summed in order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), CheckError> {
    if found == expected {
        Ok(())
    } else {
        Err(CheckError::Length {
            what,
            found,
            expected,
        })
    }
}

fn check_finite(what: &'static str, values: &[f64]) -> Result<(), CheckError> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(&value) => Err(CheckError::NotFinite { what, value }),
        None => Ok(()),
    }
}

fn check_not_zero(values: &[f64], vacuous: Vacuous) -> Result<(), CheckError> {
    if values.iter().any(|&value| value != 0.0) {
        Ok(())
    } else {
        Err(CheckError::Vacuous(vacuous))
    }
}

/// A finite value of the function.
fn evaluate<T, E: fmt::Display>(
    result: Result<T, E>,
    place: impl Fn() -> String,
) -> Result<T, CheckError> {
    result.map_err(|error| CheckError::Evaluation {
        place: place(),
        message: error.to_string(),
    })
}
