//! The network of a policy.

use backflow_diff::Real;

use super::sight::inputs;
use crate::random::{fraction, scramble};

/// One hidden layer of tanh units:
///
/// ```text
/// z = W2 [tanh(W1 s); 1]
/// ```
///
/// Weights are a flat vector: W1 row by row, then W2 row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Numbers that it sees; the first is always one.
    pub inputs: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Numbers that it decides.
    pub outputs: usize,
}

impl Network {
    /// That of a policy that sees so many bodies and joints.
    pub fn seeing(bodies: usize, joints: usize, hidden: usize, outputs: usize) -> Self {
        Self {
            inputs: inputs(bodies, joints),
            hidden,
            outputs,
        }
    }

    /// Length of the flat vector of weights.
    pub fn weights(&self) -> usize {
        self.hidden * self.inputs + self.outputs * (self.hidden + 1)
    }

    /// First weights: those of W1 drawn evenly with variance 1 / inputs, W2 zero, so that the
    /// network decides nothing until it has learned.
    pub fn start(&self, seed: u64) -> Vec<f64> {
        let mut weights = vec![0.0; self.weights()];
        let most = (3.0 / self.inputs.max(1) as f64).sqrt();
        let first = &mut weights[..self.hidden * self.inputs];
        for (index, weight) in first.iter_mut().enumerate() {
            *weight = most * (2.0 * fraction(scramble(seed), index as u64) - 1.0);
        }
        weights
    }

    fn units<W: Real>(&self, weights: &[W], inputs: &[W]) -> Vec<W> {
        let rows = weights.chunks_exact(self.inputs).take(self.hidden);
        rows.map(|row| dot(row, inputs).tanh()).collect()
    }

    /// The rows of W2: what the units weigh, and the last number alone.
    fn second<'a, W>(&self, weights: &'a [W]) -> impl Iterator<Item = (&'a [W], &'a W)> {
        let rows = weights[self.hidden * self.inputs..].chunks_exact(self.hidden + 1);
        rows.filter_map(|row| row.split_last().map(|(last, units)| (units, last)))
    }

    /// Its output for `inputs`.
    pub fn output<W: Real>(&self, weights: &[W], inputs: &[W]) -> Vec<W> {
        let units = self.units(weights, inputs);
        let rows = self.second(weights);
        rows.map(|(row, alone)| dot(row, &units) + *alone).collect()
    }

    /// Cotangents of the weights and of the inputs of [`Network::output`].
    pub fn output_vjp<W: Real>(&self, weights: &[W], inputs: &[W], bars: &[W]) -> (Vec<W>, Vec<W>) {
        let units = self.units(weights, inputs);
        let mut unit_bars = vec![W::zero(); self.hidden];
        let mut second_bars = Vec::with_capacity(self.outputs * (self.hidden + 1));
        for ((row, _), &bar) in self.second(weights).zip(bars) {
            for (sum, &weight) in unit_bars.iter_mut().zip(row) {
                *sum += weight * bar;
            }
            second_bars.extend(units.iter().map(|&unit| unit * bar));
            second_bars.push(bar);
        }
        let mut weight_bars = Vec::with_capacity(self.weights());
        let mut input_bars = vec![W::zero(); self.inputs];
        let rows = weights.chunks_exact(self.inputs);
        for (row, (&unit, bar)) in rows.zip(units.iter().zip(unit_bars)) {
            let bar = bar * (W::one() - unit * unit);
            for (sum, &weight) in input_bars.iter_mut().zip(row) {
                *sum += weight * bar;
            }
            weight_bars.extend(inputs.iter().map(|&input| input * bar));
        }
        weight_bars.extend(second_bars);
        (weight_bars, input_bars)
    }
}

fn dot<W: Real>(a: &[W], b: &[W]) -> W {
    a.iter().zip(b).fold(W::zero(), |sum, (&a, &b)| sum + a * b)
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;

    const NETWORK: Network = Network {
        inputs: 3,
        hidden: 5,
        outputs: 2,
    };

    /// Numbers between -1 and 1.
    fn noise(seed: u64, count: usize) -> Vec<f64> {
        let numbers = (0..count as u64).map(|index| 2.0 * fraction(scramble(seed), index) - 1.0);
        numbers.collect()
    }

    fn moving(at: &[f64], along: &[f64]) -> Vec<Dual64> {
        at.iter()
            .zip(along)
            .map(|(&at, &along)| Dual64::new(at, along))
            .collect()
    }

    #[test]
    fn it_decides_nothing_at_first_and_depends_on_the_seed() {
        let weights = NETWORK.start(1);
        assert_eq!(weights.len(), NETWORK.weights());
        assert_eq!(NETWORK.output(&weights, &[1.0, 0.3, -2.0]), [0.0; 2]);
        assert!(
            weights[..15]
                .iter()
                .all(|weight| *weight != 0.0 && weight.abs() <= 1.0)
        );
        assert_eq!(weights, NETWORK.start(1));
        assert_ne!(weights, NETWORK.start(2));
    }

    #[test]
    fn output_is_two_layers() {
        let (weights, inputs) = (noise(3, NETWORK.weights()), [1.0, 0.7, -0.4]);
        let unit = |row: usize| {
            let sum: f64 = (0..3).map(|at| weights[3 * row + at] * inputs[at]).sum();
            sum.tanh()
        };
        for (index, found) in NETWORK.output(&weights, &inputs).into_iter().enumerate() {
            let row = &weights[15 + 6 * index..][..6];
            let expected: f64 = (0..5).map(|at| row[at] * unit(at)).sum::<f64>() + row[5];
            assert!((found - expected).abs() <= 1e-15);
        }
    }

    #[test]
    fn output_vjp_is_the_transpose() {
        let (weights, inputs) = (noise(4, NETWORK.weights()), noise(5, 3));
        let (along, towards) = (noise(6, NETWORK.weights()), noise(7, 3));
        let bars = noise(8, 2);
        let dual = NETWORK.output(&moving(&weights, &along), &moving(&inputs, &towards));
        let forward: f64 = dual.iter().zip(&bars).map(|(z, bar)| z.eps * bar).sum();
        let (weight_bars, input_bars) = NETWORK.output_vjp(&weights, &inputs, &bars);
        let backward = dot(&weight_bars, &along) + dot(&input_bars, &towards);
        assert!((forward - backward).abs() <= 1e-14 * forward.abs().max(1.0));
    }
}
