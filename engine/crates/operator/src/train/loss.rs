//! What training makes small.

use backflow_diff::Real;
use nalgebra::DMatrix;

use super::Excerpt;
use crate::{
    error::OperatorError,
    model::Operator,
    rollout::{Memory, Unrolled},
};

/// Mean over steps and samples of `|x* - target|^2 / (frame^2 acceleration)^2`, with x* the positions
/// after the free step: for the first step the squared error of the acceleration, in units of its root
/// mean square. Adds its cotangent to that of the weights.
///
/// # Errors
/// An excerpt that does not fit, or positions that are not finite.
pub fn loss<T: Real>(
    operator: &Operator<T>,
    excerpt: &Excerpt<T>,
    memory: Memory,
    weights_bar: &mut [T],
) -> Result<f64, OperatorError> {
    let Excerpt {
        room,
        window,
        targets,
    } = excerpt;
    let unrolled = Unrolled::new(operator, room, window, targets.len(), memory)?;
    let scales = &operator.scales;
    let unit = scales.frame * scales.frame * scales.acceleration;
    let share = 1.0 / (unit * unit * (targets.len() * window.samples()) as f64);
    let mut sum = 0.0;
    let mut bars = Vec::with_capacity(targets.len());
    for (step, target) in unrolled.steps.iter().zip(targets) {
        let error = &step.free - target;
        sum += error.iter().map(|e| e.to_f64().powi(2)).sum::<f64>();
        let zero = DMatrix::zeros(3, window.samples());
        bars.push((error * T::of(2.0 * share), zero));
    }
    unrolled.pull(operator, room, &bars, weights_bar)?;
    Ok(sum * share)
}

#[cfg(test)]
mod tests {
    use backflow_diff::gradcheck::{DifferenceParams, central_difference};

    use super::*;
    use crate::testing::{pair_operator, room, window};

    #[test]
    fn gradient_agrees_with_central_differences() {
        let start = pair_operator::<f64>();
        let excerpt = Excerpt {
            room: room(),
            window: window(),
            targets: vec![window().x[0].clone(), window().x[1].clone()],
        };
        let value = |weights: &[f64], bar: &mut [f64]| {
            let mut operator = start.clone();
            operator.weights = weights.to_vec();
            loss(&operator, &excerpt, Memory::Tape, bar)
        };
        let size = start.weights.len();
        let mut gradient = vec![0.0; size];
        value(&start.weights, &mut gradient).unwrap();
        let params = DifferenceParams {
            entries: Some((0..size).step_by(size / 60).collect()),
            ..DifferenceParams::default()
        };
        let report = central_difference(
            |weights: &[f64]| value(weights, &mut vec![0.0; size]),
            &start.weights,
            &gradient,
            &params,
        )
        .unwrap();
        assert!(report.error <= 1e-6, "{report}");
    }
}
