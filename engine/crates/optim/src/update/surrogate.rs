//! A small network that produces the parameters, trained on targets that one expensive gradient
//! sets.

use serde::{Deserialize, Serialize};

use super::{Step, Update};
use crate::context::Context;
use crate::network::Network;
use crate::objective::Evaluation;
use crate::vector::{add_scaled, dot};

/// Rate by default: parameter units per unit of gradient.
pub(super) fn default_rate() -> f64 {
    0.1
}

/// Inner steps by default.
pub(super) fn default_inner() -> usize {
    10
}

/// Hidden units by default.
pub(super) fn default_hidden() -> usize {
    16
}

/// Columns by default.
pub(super) fn default_columns() -> usize {
    1
}

/// Share of the predicted decrease that an inner step must bring (Armijo's rule).
const DECREASE: f64 = 0.5;

/// Halvings of an inner step before it is given up.
const HALVINGS: usize = 40;

/// Target-based surrogate optimisation (Lavington, Vaswani, Babanezhad, Schmidt & Le Roux 2023,
/// "Target-based surrogates for stochastic optimization", algorithm 1). The parameters z of the
/// objective come out of a network, `z = z_0 + net(theta)`; one evaluation gives `dJ/dz`, and
/// `inner` steps of gradient descent with Armijo's rule on
///
/// ```text
/// <dJ/dz, z(theta) - z_t> + |z(theta) - z_t|^2 / (2 rate)
/// ```
///
/// move theta without asking the objective again. Each slice of the layout has a network of its
/// own, whose input is the place in the slice: smooth controls from few numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Surrogate {
    /// Steps on a surrogate (default: 10).
    pub inner: usize,
    /// Units of the hidden layer (default: 16).
    pub hidden: usize,
    /// Values at one place of a slice, one output each: the axes of a control (default: 1).
    pub columns: usize,
    /// Seed of the first weights (default: 0).
    pub seed: u64,
    /// z_0, once started.
    pub start: Option<Vec<f64>>,
    /// theta: the weights of each slice's network.
    pub weights: Vec<Vec<f64>>,
    /// Length of the last inner step of each.
    pub lengths: Vec<f64>,
}

impl Default for Surrogate {
    fn default() -> Self {
        Self {
            inner: default_inner(),
            hidden: default_hidden(),
            columns: default_columns(),
            seed: 0,
            start: None,
            weights: Vec::new(),
            lengths: Vec::new(),
        }
    }
}

impl Surrogate {
    /// The network of a slice of `length` entries.
    fn network(&self, length: usize) -> Network {
        Network {
            outputs: self.columns,
            hidden: self.hidden,
            places: length.div_ceil(self.columns.max(1)),
        }
    }

    /// `inner` steps of the network of a slice towards `target`, its output without z_0.
    fn approach(
        network: &Network,
        weights: &mut [f64],
        length: &mut f64,
        target: &[f64],
        inner: usize,
    ) {
        let misfit = |output: &[f64]| -> Vec<f64> {
            // beyond the slice's end, where the last place has unused columns, nothing is wanted
            let pairs = output.iter().enumerate();
            pairs
                .map(|(i, z)| target.get(i).map_or(0.0, |target| z - target))
                .collect()
        };
        let mut away = misfit(&network.output(weights));
        for _ in 0..inner {
            let slope = network.output_vjp(weights, &away);
            let square = dot(&slope, &slope);
            let value = 0.5 * dot(&away, &away);
            *length *= 2.0;
            let mut taken = false;
            for _ in 0..HALVINGS {
                let mut trial = weights.to_vec();
                add_scaled(&mut trial, -*length, &slope);
                let tried = misfit(&network.output(&trial));
                if 0.5 * dot(&tried, &tried) <= value - DECREASE * *length * square {
                    weights.copy_from_slice(&trial);
                    away = tried;
                    taken = true;
                    break;
                }
                *length *= 0.5;
            }
            if !taken {
                return;
            }
        }
    }
}

impl Update for Surrogate {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let slices = context.layout.slices();
        let lengths = slices.iter().map(|s| self.network(s.range.len()).weights());
        let fits = self.weights.iter().map(Vec::len).eq(lengths);
        if self.start.is_none() || !fits {
            let network = |(i, s): (usize, &crate::parameters::Slice)| {
                self.network(s.range.len()).start(self.seed, i as u64)
            };
            self.weights = slices.iter().enumerate().map(network).collect();
            self.lengths = vec![1.0; slices.len()];
        }
        let start = self.start.get_or_insert_with(|| x.to_vec()).clone();
        for (i, slice) in slices.iter().enumerate() {
            let range = slice.range.clone();
            let network = self.network(range.len());
            let entry = |j: usize| x[j] - context.rate * evaluation.gradient[j] - start[j];
            let target: Vec<f64> = range.clone().map(entry).collect();
            let (weights, length) = (&mut self.weights[i], &mut self.lengths[i]);
            Self::approach(&network, weights, length, &target, self.inner);
            let output = network.output(weights);
            for (j, z) in range.zip(output) {
                x[j] = start[j] + z;
            }
        }
        Step::Accepted
    }

    /// The next step starts from the best point, which the weights do not know: they are moved
    /// on from where they are, towards the target of that point.
    fn restart(&mut self) {
        self.lengths.fill(1.0);
    }

    fn fits(&self, dimension: usize) -> bool {
        self.start.iter().all(|start| start.len() == dimension)
            && self.weights.len() == self.lengths.len()
    }
}
