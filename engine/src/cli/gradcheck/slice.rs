//! The check of one slice of a gradient along a direction.

use backflow_diff::gradcheck::{CheckError, TaylorParams, TaylorReport, Verdict, taylor};
use backflow_sim::rollout::store::RunError;

/// Numbers in [-1, 1] (splitmix64).
fn noise(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// A random point near the scene: where matter rests in perfect order, whole layers of it
/// sit exactly on a kink (neither approaching a wall nor leaving it), where there is
/// no derivative to check.
pub fn near(start: &[f64], seed: u64) -> Vec<f64> {
    let mut next = noise(seed ^ 0x5EED);
    start.iter().map(|value| value + next()).collect()
}

/// A direction for a slice of a gradient: half of it random, so that every entry counts,
/// half of it along the gradient, so that the slope is not lost among the curvature of
/// thousands of entries.
pub fn direction(seed: u64, gradient: &[f64]) -> Vec<f64> {
    let mut next = noise(seed);
    let largest = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
    let along = if largest > 0.0 { 0.5 / largest } else { 0.0 };
    gradient.iter().map(|g| 0.5 * next() + along * g).collect()
}

/// A change within this many times the rounding of the loss is round-off.
const ROUND_OFF: f64 = 16.0;

/// Of the first steps this many may reach a kink that lies apart, such as that of a contact
/// which the point itself is not in.
const FAR: usize = 3;

const FAILED: &str = "FAILED";

/// Of a slice that nothing depends on.
pub const NO_EFFECT: &str = "no effect";

/// What was found for a slice.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub slice: String,
    /// In a word or two.
    pub verdict: &'static str,
    /// The remainders, step by step.
    pub table: String,
    /// Best rate of three halvings in a row.
    pub rate: Option<f64>,
    /// Relative error of the slope that would have gone unseen.
    pub resolution: Option<f64>,
    /// Points tried.
    pub points: u64,
}

impl Row {
    /// Whether nothing speaks against its gradient.
    pub fn passed(&self) -> bool {
        self.verdict != FAILED
    }

    /// Checks one slice: `gradient` and `direction` are zero outside of it.
    pub fn check(
        slice: &str,
        mut value: impl FnMut(&[f64]) -> Result<f64, RunError>,
        x: &[f64],
        gradient: &[f64],
        direction: &[f64],
    ) -> Self {
        let params = TaylorParams {
            step: 0.1,
            halvings: 18,
            ..TaylorParams::default()
        };
        // At the point itself, then step by step.
        let mut values: Vec<f64> = Vec::with_capacity(params.halvings + 2);
        let value = |x: &[f64]| value(x).inspect(|found| values.push(*found));
        let result = taylor(value, x, gradient, direction, &params);
        // Where nothing depends on a slice, the terms of its gradient cancel to round-off.
        let slope: f64 = gradient.iter().zip(direction).map(|(g, d)| g * d).sum();
        // What the loss is beyond a kink says nothing of its rounding here.
        let start = values.iter().take(1);
        let near: Vec<f64> = start.chain(values.iter().skip(1 + FAR)).copied().collect();
        let largest = near.iter().fold(0.0_f64, |most, f| most.max(f.abs()));
        let unseen = ROUND_OFF * params.noise * largest;
        let idle = values.len() == params.halvings + 2
            && slope.abs() * params.step <= unseen
            && near.iter().all(|f| (f - near[0]).abs() <= 2.0 * unseen);
        let (verdict, table) = match &result {
            Ok(report) => (name(report.verdict), report.to_string()),
            // The loss does not change along the direction nearby, and the gradient says so.
            Err(_) if idle => (
                NO_EFFECT,
                "the loss does not depend on it in this run".to_owned(),
            ),
            // Too small an effect to show an order, but predicted to round-off.
            Err(CheckError::TaylorUnresolved(report))
                if report.rows.iter().all(|row| row.round_off) =>
            {
                ("to round-off", report.to_string())
            }
            Err(error) => (FAILED, error.to_string()),
        };
        let report = result.ok();
        Self {
            slice: slice.to_owned(),
            verdict,
            table,
            rate: report.as_ref().and_then(rate),
            resolution: report.map(|report| report.resolution),
            points: 1,
        }
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::SecondOrder { .. } => "second order",
        Verdict::Exact => "exact",
        Verdict::Failed => FAILED,
    }
}

/// The best of the least rates of three halvings in a row before round-off.
fn rate(report: &TaylorReport) -> Option<f64> {
    let clear = report.rows.iter().rposition(|row| !row.round_off)? + 1;
    report.rows[..clear]
        .windows(3)
        .filter_map(|rows| {
            rows.iter()
                .map(|row| row.rate_with)
                .collect::<Option<Vec<_>>>()
        })
        .filter_map(|rates| rates.into_iter().reduce(f64::min))
        .reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss that depends on the number only beyond `contact`, checked with a gradient.
    fn verdict(contact: f64, gradient: f64) -> &'static str {
        let value = |x: &[f64]| Ok(0.7 + (x[0] - contact).max(0.0).powi(2));
        Row::check("gap", value, &[0.0], &[gradient], &[1.0]).verdict
    }

    #[test]
    fn a_kink_that_lies_apart_does_not_speak_against_a_gradient_of_nothing() {
        for gradient in [0.0, 1e-24, -1e-24] {
            for contact in [1.0, 0.08, 0.03, 0.02] {
                assert_eq!(
                    verdict(contact, gradient),
                    NO_EFFECT,
                    "{contact} {gradient}"
                );
            }
            assert_eq!(verdict(1e-3, gradient), FAILED, "{gradient}");
        }
        // However much a loss grows beyond the kink, a slope before it counts.
        let value = |x: &[f64]| Ok(0.7 + 1e-6 * x[0] + 1e12 * (x[0] - 0.08).max(0.0).powi(2));
        let steep = Row::check("gap", value, &[0.0], &[0.0], &[1.0]);
        assert_eq!(steep.verdict, FAILED);
        assert_eq!(verdict(0.08, 1e-6), FAILED);
        assert_eq!(verdict(-1.0, 0.0), FAILED);
        assert_eq!(verdict(-1.0, 2.0), "second order");
    }
}
