//! The remainder of a Taylor series shrinks with the square of the step.

use std::fmt;

use super::{CheckError, Vacuous, check_finite, check_length, check_not_zero, dot, evaluate};

/// Halvings in a row that must show the order.
const HALVINGS: usize = 3;

/// A remainder within this many times the rounding of the values is round-off.
const ROUND_OFF: f64 = 16.0;

/// A change this many times the rounding of the values can tell a wrong gradient from a right one.
const MEANINGFUL: f64 = 1e4;

/// How the check goes and what passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaylorParams {
    /// First step, in lengths of the direction; default 1e-2.
    pub step: f64,
    /// How often the step is halved; default 14, down to 6e-7.
    pub halvings: usize,
    /// Least rate of the remainder with the gradient; default 1.9, of 2.
    pub rate: f64,
    /// Relative rounding of one value of the function; default `4 epsilon`. A long
    /// rollout sums more of it.
    pub noise: f64,
    /// Largest remainder over the change of the function in the last rows that count, which
    /// bounds the relative error of the slope that would go unseen; default 5e-4.
    pub resolution: f64,
}

impl Default for TaylorParams {
    fn default() -> Self {
        Self {
            step: 1e-2,
            halvings: 14,
            rate: 1.9,
            noise: 4.0 * f64::EPSILON,
            resolution: 5e-4,
        }
    }
}

/// One step of the check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaylorRow {
    /// The step `h`.
    pub h: f64,
    /// `|f(x + h d) - f(x)|`: the remainder without the gradient.
    pub without: f64,
    /// `|f(x + h d) - f(x) - h g.d|`: the remainder with the gradient.
    pub with: f64,
    /// `log2` of the last remainder without the gradient over this one; 1 for a slope.
    pub rate_without: Option<f64>,
    /// `log2` of the last remainder with the gradient over this one; 2 for a right gradient.
    pub rate_with: Option<f64>,
    /// Whether the remainder with the gradient is round-off.
    pub round_off: bool,
}

/// What a passed check has shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Rows before round-off have the rate 2, and the slope is right to the resolution.
    SecondOrder {
        /// How many halvings in a row.
        halvings: usize,
    },
    /// The function is linear along the direction, and the gradient right to round-off.
    Exact,
    /// The check did not pass.
    Failed,
}

/// The table of a check by Taylor's series.
#[derive(Debug, Clone, PartialEq)]
pub struct TaylorReport {
    /// `g . d`.
    pub slope: f64,
    /// One row a step, from large to small.
    pub rows: Vec<TaylorRow>,
    /// What it has shown.
    pub verdict: Verdict,
    /// Relative error of the slope that would have gone unseen.
    pub resolution: f64,
}

/// The verdict in a line, then the table.
impl fmt::Display for TaylorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict {
            Verdict::SecondOrder { halvings } => write!(f, "second order on {halvings} halvings")?,
            Verdict::Exact => write!(f, "exact: linear along the direction, to round-off")?,
            Verdict::Failed => write!(f, "not second order")?,
        }
        writeln!(
            f,
            ", slope {:e}, resolution {:.1e}",
            self.slope, self.resolution
        )?;
        let head = ["h", "without gradient", "rate", "with gradient", "rate"];
        let [h, without, rate_without, with, rate_with] = head;
        write!(
            f,
            "{h:>10} {without:>17} {rate_without:>6} {with:>14} {rate_with:>6}"
        )?;
        let rate = |rate: Option<f64>| rate.map_or(String::new(), |rate| format!("{rate:.2}"));
        for row in &self.rows {
            write!(
                f,
                "\n{:>10.2e} {:>17.6e} {:>6} {:>14.6e} {:>6}{}",
                row.h,
                row.without,
                rate(row.rate_without),
                row.with,
                rate(row.rate_with),
                if row.round_off { "  round-off" } else { "" }
            )?;
        }
        Ok(())
    }
}

/// Checks `gradient` of `value` at `x` along `direction`: `f(x + h d) - f(x) - h g.d`
/// must shrink with `h^2` while `f(x + h d) - f(x)` shrinks with `h`
/// (Farrell et al. 2013).
///
/// Passes on three halvings or more in a row before round-off with rates of at least
/// `params.rate`, if the last rows before round-off leave no more than `params.resolution` of
/// the change unexplained: a slightly wrong slope shows in just these rows, while kinks
/// of a function that is smooth in pieces spoil the rate there. A function that is
/// linear along the direction has no remainder but round-off: then the gradient must be right to
/// round-off ([`Verdict::Exact`]). Where nothing could have failed, the check does not pass
/// ([`Vacuous`]). Errors carry the table.
pub fn taylor<E: fmt::Display>(
    mut value: impl FnMut(&[f64]) -> Result<f64, E>,
    x: &[f64],
    gradient: &[f64],
    direction: &[f64],
    params: &TaylorParams,
) -> Result<TaylorReport, CheckError> {
    check_length("the gradient", gradient.len(), x.len())?;
    check_length("the direction", direction.len(), x.len())?;
    check_finite("the point", x)?;
    check_finite("the direction", direction)?;
    check_finite("the gradient", gradient)?;
    check_not_zero(direction, Vacuous::ZeroDirection)?;
    let mut at = |h: f64| {
        let shifted: Vec<f64> = x.iter().zip(direction).map(|(x, d)| x + h * d).collect();
        let found = evaluate(value(&shifted), || format!("at step {h:e}"))?;
        check_finite("a value of the function", &[found])?;
        Ok(found)
    };
    let start = at(0.0)?;
    let slope = dot(gradient, direction);
    // Rounding of x + h d moves the value by this much.
    let position = f64::EPSILON
        * x.iter()
            .zip(gradient)
            .map(|(x, g)| (x * g).abs())
            .sum::<f64>();
    let mut rows: Vec<TaylorRow> = Vec::with_capacity(params.halvings + 1);
    let mut noises = Vec::with_capacity(params.halvings + 1);
    for halving in 0..=params.halvings {
        let h = params.step * 0.5_f64.powi(halving as i32);
        let found = at(h)?;
        let (without, with) = ((found - start).abs(), (found - start - h * slope).abs());
        let noise = params.noise * (start.abs() + found.abs()) + position;
        let rate = |last: fn(&TaylorRow) -> f64, now: f64| {
            let last = rows.last().map(last)?;
            (last > 0.0 && now > 0.0).then(|| (last / now).log2())
        };
        rows.push(TaylorRow {
            h,
            without,
            with,
            rate_without: rate(|row| row.without, without),
            rate_with: rate(|row| row.with, with),
            round_off: with <= ROUND_OFF * noise,
        });
        noises.push(noise);
    }
    if rows
        .iter()
        .zip(&noises)
        .all(|(row, noise)| row.without <= ROUND_OFF * noise)
    {
        return Err(CheckError::Vacuous(Vacuous::ConstantFunction));
    }
    check_not_zero(gradient, Vacuous::ZeroGradient)?;
    let lengths = (dot(gradient, gradient) * dot(direction, direction)).sqrt();
    if slope.abs() <= ROUND_OFF * f64::EPSILON * lengths {
        return Err(CheckError::Vacuous(Vacuous::Perpendicular));
    }
    judge(
        TaylorReport {
            slope,
            rows,
            verdict: Verdict::Failed,
            resolution: 1.0,
        },
        &noises,
        params,
    )
}

/// The verdict on a table.
fn judge(
    mut report: TaylorReport,
    noises: &[f64],
    params: &TaylorParams,
) -> Result<TaylorReport, CheckError> {
    let rows = &report.rows;
    let clear = rows
        .iter()
        .rposition(|row| !row.round_off)
        .map_or(0, |last| last + 1);
    let linear = rows[clear..]
        .iter()
        .zip(&noises[clear..])
        .take_while(|(row, noise)| row.round_off && row.without >= MEANINGFUL * **noise)
        .count();
    if linear > HALVINGS && clear <= HALVINGS {
        report.verdict = Verdict::Exact;
        report.resolution = ROUND_OFF * noises[clear] / rows[clear].without;
        return Ok(report);
    }
    // A slope that is wrong by a share of itself leaves that share in the smallest steps.
    let last = &rows[clear.saturating_sub(HALVINGS)..clear];
    if !last.is_empty() {
        report.resolution = last
            .iter()
            .map(|row| row.with / row.without)
            .fold(0.0, f64::max);
    }
    // A flat point has rate 2 without any gradient.
    let flat = |row: &TaylorRow| row.rate_without.is_some_and(|rate| rate > 1.5);
    if last.len() == HALVINGS && last.iter().all(flat) {
        return Err(CheckError::Vacuous(Vacuous::Stationary));
    }
    let second_order = |row: &TaylorRow| {
        let slope = row
            .rate_without
            .is_some_and(|rate| (rate - 1.0).abs() <= 0.2);
        slope && row.rate_with.is_some_and(|rate| rate >= params.rate)
    };
    let halvings = rows[..clear]
        .split(|row| !second_order(row))
        .map(<[_]>::len)
        .max()
        .unwrap_or(0);
    if halvings >= HALVINGS && report.resolution <= params.resolution {
        report.verdict = Verdict::SecondOrder { halvings };
        return Ok(report);
    }
    if clear <= HALVINGS {
        return Err(CheckError::TaylorUnresolved(Box::new(report)));
    }
    Err(CheckError::TaylorRate(Box::new(report)))
}

#[cfg(test)]
mod tests;
