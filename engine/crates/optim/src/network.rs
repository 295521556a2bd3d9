//! A small network over places in a slice of the flat vector.

use crate::random::Random;

/// Pairs of sines and cosines of the place that a network sees.
const WAVES: usize = 3;

/// Inputs of a place: 1, tau, and sin and cos of `pi j tau`, j = 1..3.
const INPUTS: usize = 2 + 2 * WAVES;

/// One hidden layer of tanh units; its input is the place `tau` in `[-1, 1]`, with waves of it, and
/// its output the `outputs` values there:
///
/// ```text
/// z(tau) = W2 [tanh(W1 a(tau)); 1]      a = (1, tau, sin(pi tau), cos(pi tau), ...)
/// ```
///
/// Weights are a flat vector: W1 row by row, then W2 row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Values at a place.
    pub outputs: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Places.
    pub places: usize,
}

impl Network {
    /// Length of the flat vector of weights.
    #[must_use]
    pub fn weights(&self) -> usize {
        self.hidden * INPUTS + self.outputs * (self.hidden + 1)
    }

    /// First weights: W1 normal with variance 1 / inputs, W2 zero, so that the output is 0.
    #[must_use]
    pub fn start(&self, seed: u64, stream: u64) -> Vec<f64> {
        let mut random = Random::new(seed, &[stream]);
        let scale = (1.0 / INPUTS as f64).sqrt();
        let mut weights = vec![0.0; self.weights()];
        let first = self.hidden * INPUTS;
        weights[..first]
            .iter_mut()
            .for_each(|w| *w = scale * random.normal());
        weights
    }

    /// a of a place.
    fn inputs(&self, place: usize) -> [f64; INPUTS] {
        let last = self.places.saturating_sub(1).max(1) as f64;
        let tau = 2.0 * place as f64 / last - 1.0;
        let mut inputs = [1.0; INPUTS];
        inputs[1] = tau;
        for wave in 0..WAVES {
            let angle = std::f64::consts::PI * (wave + 1) as f64 * tau;
            (inputs[2 + 2 * wave], inputs[3 + 2 * wave]) = angle.sin_cos();
        }
        inputs
    }

    /// The hidden units at a place, and the 1 behind them.
    fn units(&self, weights: &[f64], inputs: &[f64; INPUTS]) -> Vec<f64> {
        let rows = weights[..self.hidden * INPUTS].chunks_exact(INPUTS);
        let unit = |row: &[f64]| crate::vector::dot(row, inputs).tanh();
        rows.map(unit).chain([1.0]).collect()
    }

    /// All outputs, place by place.
    #[must_use]
    pub fn output(&self, weights: &[f64]) -> Vec<f64> {
        let mut output = Vec::with_capacity(self.places * self.outputs);
        let second = &weights[self.hidden * INPUTS..];
        for place in 0..self.places {
            let units = self.units(weights, &self.inputs(place));
            let rows = second.chunks_exact(self.hidden + 1);
            output.extend(rows.map(|row| crate::vector::dot(row, &units)));
        }
        output
    }

    /// Cotangent of the weights from that of the outputs.
    #[must_use]
    pub fn output_vjp(&self, weights: &[f64], output_bar: &[f64]) -> Vec<f64> {
        let mut bar = vec![0.0; self.weights()];
        let split = self.hidden * INPUTS;
        let width = self.hidden + 1;
        for place in 0..self.places {
            let inputs = self.inputs(place);
            let units = self.units(weights, &inputs);
            let mut units_bar = vec![0.0; width];
            for k in 0..self.outputs {
                let z_bar = output_bar[place * self.outputs + k];
                let row = split + k * width;
                for j in 0..width {
                    bar[row + j] += z_bar * units[j];
                    units_bar[j] += z_bar * weights[row + j];
                }
            }
            for j in 0..self.hidden {
                let inner = units_bar[j] * (1.0 - units[j] * units[j]);
                for i in 0..INPUTS {
                    bar[j * INPUTS + i] += inner * inputs[i];
                }
            }
        }
        bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::dot;

    #[test]
    fn cotangents_of_the_weights_agree_with_differences() {
        let network = Network {
            outputs: 2,
            hidden: 5,
            places: 7,
        };
        let mut random = Random::new(3, &[]);
        let weights = random.normals(network.weights());
        let direction = random.normals(network.weights());
        let output_bar = random.normals(14);
        let along = |h: f64| {
            let pairs = weights.iter().zip(&direction);
            let moved: Vec<f64> = pairs.map(|(w, d)| w + h * d).collect();
            dot(&network.output(&moved), &output_bar)
        };
        let h = 1e-5;
        let difference = (along(h) - along(-h)) / (2.0 * h);
        let exact = dot(&network.output_vjp(&weights, &output_bar), &direction);
        // h^2/6 times third derivatives of order 10
        assert!(
            (difference - exact).abs() <= 1e-8 * (1.0 + exact.abs()),
            "{difference} {exact}"
        );
    }

    #[test]
    fn first_output_is_zero() {
        let network = Network {
            outputs: 1,
            hidden: 4,
            places: 3,
        };
        assert_eq!(network.output(&network.start(1, 0)), [0.0; 3]);
    }
}
