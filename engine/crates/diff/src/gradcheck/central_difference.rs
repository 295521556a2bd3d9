//! A gradient, entry by entry, against central differences.

use std::fmt;

use super::{CheckError, Vacuous, check_finite, check_length, check_not_zero, evaluate};

/// How the differences are taken and what passes.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferenceParams {
    /// Step, times `max(1, |x_i|)`; default `epsilon^(1/3) = 6e-6`, where truncation and
    /// rounding are alike.
    pub step: f64,
    /// Largest difference of an entry, relative to the largest entry; default 1e-6.
    pub tolerance: f64,
    /// Which entries to check; default all.
    pub entries: Option<Vec<usize>>,
}

impl Default for DifferenceParams {
    fn default() -> Self {
        Self {
            step: f64::EPSILON.cbrt(),
            tolerance: 1e-6,
            entries: None,
        }
    }
}

/// One entry of a gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DifferenceEntry {
    /// Its place.
    pub index: usize,
    /// What the gradient says.
    pub gradient: f64,
    /// `(f(x + h e_i) - f(x - h e_i)) / (2 h)`.
    pub difference: f64,
}

impl DifferenceEntry {
    fn fault(&self) -> f64 {
        (self.gradient - self.difference).abs()
    }
}

/// The entries of a gradient beside their differences.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferenceReport {
    /// What was checked, in order.
    pub entries: Vec<DifferenceEntry>,
    /// Largest difference over the largest entry.
    pub error: f64,
    /// What the error may be.
    pub tolerance: f64,
}

impl DifferenceReport {
    /// The entry that differs most.
    pub fn worst(&self) -> Option<&DifferenceEntry> {
        self.entries
            .iter()
            .max_by(|a, b| a.fault().total_cmp(&b.fault()))
    }
}

impl fmt::Display for DifferenceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            entries,
            error,
            tolerance,
        } = self;
        write!(
            f,
            "{} entries, relative difference {error:.1e} (tolerance {tolerance:.1e})",
            entries.len()
        )?;
        if let Some(DifferenceEntry {
            index,
            gradient,
            difference,
        }) = self.worst()
        {
            write!(
                f,
                ", most at {index}: gradient {gradient:e}, difference {difference:e}"
            )?;
        }
        Ok(())
    }
}

/// Checks `gradient` of `value` at `x` against central differences.
///
/// Refuses a gradient of which every checked entry, and every difference, is zero.
pub fn central_difference<E: fmt::Display>(
    mut value: impl FnMut(&[f64]) -> Result<f64, E>,
    x: &[f64],
    gradient: &[f64],
    params: &DifferenceParams,
) -> Result<DifferenceReport, CheckError> {
    check_length("the gradient", gradient.len(), x.len())?;
    check_finite("the gradient", gradient)?;
    check_finite("the point", x)?;
    let all: Vec<usize> = (0..x.len()).collect();
    let mut shifted = x.to_vec();
    let mut entries = Vec::new();
    for &index in params.entries.as_ref().unwrap_or(&all) {
        if index >= x.len() {
            let (found, expected) = (x.len(), index + 1);
            return Err(CheckError::Length {
                what: "the point",
                found,
                expected,
            });
        }
        let step = params.step * x[index].abs().max(1.0);
        let mut at = |sign: f64| {
            shifted[index] = x[index] + sign * step;
            let found = evaluate(value(&shifted), || {
                format!("at entry {index} {:+e}", sign * step)
            })?;
            check_finite("a value of the function", &[found])?;
            Ok((found, shifted[index]))
        };
        let ((above, right), (below, left)) = (at(1.0)?, at(-1.0)?);
        shifted[index] = x[index];
        let difference = (above - below) / (right - left);
        entries.push(DifferenceEntry {
            index,
            gradient: gradient[index],
            difference,
        });
    }
    let gradients: Vec<f64> = entries.iter().map(|entry| entry.gradient).collect();
    let differences: Vec<f64> = entries.iter().map(|entry| entry.difference).collect();
    check_finite("a difference", &differences)?;
    if check_not_zero(&differences, Vacuous::ConstantFunction).is_err() {
        check_not_zero(&gradients, Vacuous::ZeroGradient)?;
    }
    let largest = |values: &[f64]| {
        values
            .iter()
            .fold(0.0_f64, |most, value| most.max(value.abs()))
    };
    let fault = entries
        .iter()
        .fold(0.0_f64, |most, entry| most.max(entry.fault()));
    let error = fault / largest(&gradients).max(largest(&differences));
    let tolerance = params.tolerance;
    let report = DifferenceReport {
        entries,
        error,
        tolerance,
    };
    if error <= tolerance {
        Ok(report)
    } else {
        Err(CheckError::Difference(Box::new(report)))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::{super::Vacuous, CheckError, DifferenceParams, central_difference};

    const X: [f64; 3] = [0.3, -1.2, 20.0];

    fn value(x: &[f64]) -> Result<f64, Infallible> {
        Ok(x[0].sin() * x[1] + x[1].powi(3) + 0.1 * x[2].ln())
    }

    fn gradient() -> [f64; 3] {
        [
            X[0].cos() * X[1],
            X[0].sin() + 3.0 * X[1] * X[1],
            0.1 / X[2],
        ]
    }

    #[test]
    fn right_gradient_passes() {
        let report = central_difference(value, &X, &gradient(), &Default::default()).unwrap();
        assert_eq!(report.entries.len(), 3);
        assert!(report.error <= 1e-9);
        let params = DifferenceParams {
            entries: Some(vec![1]),
            ..Default::default()
        };
        let report = central_difference(value, &X, &gradient(), &params).unwrap();
        assert_eq!(report.entries[0].index, 1);
    }

    #[test]
    fn wrong_gradients_fail_and_name_the_entry() {
        for (index, factor) in [(0, -1.0), (1, 1.01), (1, 0.0)] {
            let mut wrong = gradient();
            wrong[index] *= factor;
            match central_difference(value, &X, &wrong, &Default::default()) {
                Err(CheckError::Difference(report)) => {
                    assert_eq!(report.worst().unwrap().index, index);
                }
                other => panic!("{other:?}"),
            }
        }
        let error = central_difference(value, &X, &[0.0; 3], &Default::default()).unwrap_err();
        assert!(matches!(error, CheckError::Difference(_)));
    }

    #[test]
    fn nothing_checked_does_not_pass() {
        let constant = |_: &[f64]| Ok::<_, Infallible>(3.0);
        let error = central_difference(constant, &X, &[0.0; 3], &Default::default()).unwrap_err();
        assert_eq!(error, CheckError::Vacuous(Vacuous::ZeroGradient));
        let params = DifferenceParams {
            entries: Some(vec![]),
            ..Default::default()
        };
        let error = central_difference(value, &X, &gradient(), &params).unwrap_err();
        assert_eq!(error, CheckError::Vacuous(Vacuous::ZeroGradient));
        let broken = |_: &[f64]| Ok::<_, Infallible>(f64::NAN);
        let error = central_difference(broken, &X, &gradient(), &Default::default()).unwrap_err();
        assert!(matches!(error, CheckError::NotFinite { .. }));
    }
}
