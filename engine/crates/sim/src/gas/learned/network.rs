//! A small network over the cells of a box: two levels of convolutions.

use super::conv::{Conv, Maps};

/// `f(r)`: a convolution to `filters` channels, a residual block, one level of pooling with
/// residual blocks of its own added back, and a convolution to what comes out (after Kaneda, Akar,
/// Chen, Trejo Kala, Hyde & Teran 2023, with one level and fewer filters). The nonlinearity is
/// `max(x, x / 10)`; at zero the slope from above is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Channels inside.
    pub filters: usize,
    /// All weights, layer by layer.
    pub weights: Vec<f64>,
}

/// Residual blocks on the coarse level.
const BLOCKS: usize = 2;

/// Slope of the nonlinearity below zero.
const LEAK: f64 = 0.1;

/// What the forward pass leaves for the backward pass: what went into each layer, and what came
/// out before the nonlinearity.
#[derive(Debug)]
pub struct Tape {
    inputs: Vec<Maps>,
    before: Vec<Maps>,
}

fn bend(x: &Maps) -> Maps {
    let one = |x: &f64| if *x >= 0.0 { *x } else { LEAK * x };
    let values = x
        .values
        .iter()
        .map(|values| values.iter().map(one).collect());
    Maps {
        cells: x.cells,
        values: values.collect(),
    }
}

fn bend_vjp(x: &Maps, bar: &mut Maps) {
    for (x, bar) in x
        .values
        .iter()
        .flatten()
        .zip(bar.values.iter_mut().flatten())
    {
        if *x < 0.0 {
            *bar *= LEAK;
        }
    }
}

fn add(sum: &mut Maps, part: &Maps) {
    for (sum, part) in sum
        .values
        .iter_mut()
        .flatten()
        .zip(part.values.iter().flatten())
    {
        *sum += part;
    }
}

/// Half of the cells along each axis that has more than one.
fn halves(cells: [usize; 3]) -> [usize; 3] {
    cells.map(|count| count.div_ceil(2))
}

fn parent(cells: [usize; 3], coarse: [usize; 3], cell: usize) -> usize {
    let [nx, ny, _] = cells;
    let at = [cell % nx, cell / nx % ny, cell / (nx * ny)].map(|at| at / 2);
    at[0] + coarse[0] * (at[1] + coarse[1] * at[2])
}

/// The sum over the children of each coarse cell.
fn pool(x: &Maps, share: f64) -> Maps {
    let coarse = halves(x.cells);
    let mut y = Maps::zero(coarse, x.values.len());
    for (x_values, y_values) in x.values.iter().zip(&mut y.values) {
        for (cell, value) in x_values.iter().enumerate() {
            y_values[parent(x.cells, coarse, cell)] += share * value;
        }
    }
    y
}

/// Each fine cell gets the value of its parent: the transpose of [`pool`].
fn spread(y: &Maps, cells: [usize; 3], share: f64) -> Maps {
    let mut x = Maps::zero(cells, y.values.len());
    for (x_values, y_values) in x.values.iter_mut().zip(&y.values) {
        for (cell, value) in x_values.iter_mut().enumerate() {
            *value = share * y_values[parent(cells, y.cells, cell)];
        }
    }
    x
}

/// Share of a child in the mean of its parent.
fn share(cells: [usize; 3]) -> f64 {
    cells
        .iter()
        .filter(|count| **count > 1)
        .fold(1.0, |share, _| 0.5 * share)
}

impl Network {
    /// Its layers: the first, the fine block, the coarse blocks, the last.
    fn layers([inputs, outputs]: [usize; 2], filters: usize) -> Vec<Conv> {
        let inside = Conv {
            inputs: filters,
            outputs: filters,
        };
        let mut layers = vec![Conv {
            inputs,
            outputs: filters,
        }];
        layers.extend(vec![inside; 1 + BLOCKS]);
        layers.push(Conv {
            inputs: filters,
            outputs,
        });
        layers
    }

    /// Random weights of a size that keeps what goes through of one size (He et al. 2015), from a
    /// seed.
    pub fn new(channels: [usize; 2], filters: usize, seed: u64) -> Self {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
        };
        let mut weights = Vec::new();
        for layer in Self::layers(channels, filters) {
            let scale = 0.5 / (9.0 * layer.inputs as f64).sqrt();
            weights.extend((0..layer.size() - layer.outputs).map(|_| scale * next()));
            weights.extend(vec![0.0; layer.outputs]);
        }
        Self {
            channels,
            filters,
            weights,
        }
    }

    /// The network with these weights; `None` where there are too many or too few.
    pub fn with_weights(channels: [usize; 2], filters: usize, weights: Vec<f64>) -> Option<Self> {
        let size: usize = Self::layers(channels, filters).iter().map(Conv::size).sum();
        (weights.len() == size).then_some(Self {
            channels,
            filters,
            weights,
        })
    }

    fn parts(&self) -> Vec<(Conv, &[f64])> {
        let mut rest = &self.weights[..];
        let mut parts = Vec::new();
        for layer in Self::layers(self.channels, self.filters) {
            let (own, others) = rest.split_at(layer.size());
            parts.push((layer, own));
            rest = others;
        }
        parts
    }

    /// `f(r)` over the cells of a box.
    pub fn apply(&self, r: &Maps) -> (Maps, Tape) {
        let cells = r.cells;
        let parts = self.parts();
        let mut tape = Tape {
            inputs: Vec::new(),
            before: Vec::new(),
        };
        let mut run = |layer: usize, x: &Maps| {
            let y = parts[layer].0.apply(parts[layer].1, x);
            tape.inputs.push(x.clone());
            tape.before.push(y.clone());
            y
        };
        let mut fine = bend(&run(0, r));
        let block = bend(&run(1, &fine));
        add(&mut fine, &block);
        let mut coarse = pool(&fine, share(cells));
        for layer in 2..2 + BLOCKS {
            let block = bend(&run(layer, &coarse));
            add(&mut coarse, &block);
        }
        add(&mut fine, &spread(&coarse, cells, 1.0));
        (run(2 + BLOCKS, &fine), tape)
    }

    /// Adds the cotangents of the weights for those of `f(r)`.
    pub fn apply_vjp(&self, tape: &Tape, bar: &Maps, weights_bar: &mut [f64]) {
        let cells = bar.cells;
        let parts = self.parts();
        let mut starts = vec![0];
        for (layer, _) in &parts {
            starts.push(starts[starts.len() - 1] + layer.size());
        }
        let mut back = |layer: usize, bar: &Maps| {
            let own = &mut weights_bar[starts[layer]..starts[layer + 1]];
            parts[layer]
                .0
                .apply_vjp(parts[layer].1, &tape.inputs[layer], bar, own)
        };
        let mut fine_bar = back(2 + BLOCKS, bar);
        let mut coarse_bar = pool(&fine_bar, 1.0);
        for layer in (2..2 + BLOCKS).rev() {
            let mut block_bar = coarse_bar.clone();
            bend_vjp(&tape.before[layer], &mut block_bar);
            let through = back(layer, &block_bar);
            add(&mut coarse_bar, &through);
        }
        add(&mut fine_bar, &spread(&coarse_bar, cells, share(cells)));
        let mut block_bar = fine_bar.clone();
        bend_vjp(&tape.before[1], &mut block_bar);
        let through = back(1, &block_bar);
        add(&mut fine_bar, &through);
        bend_vjp(&tape.before[0], &mut fine_bar);
        back(0, &fine_bar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apply_vjp_is_the_central_difference_along_a_direction() {
        for cells in [[5, 4, 1], [4, 3, 5]] {
            let network = Network::new([2, 3], 3, 7);
            let count = cells.iter().product::<usize>();
            let numbers = |seed: f64, count: usize| -> Vec<f64> {
                (0..count).map(|i| (seed + 12.9 * i as f64).sin()).collect()
            };
            let maps = |seed: f64, channels: usize| Maps {
                cells,
                values: (0..channels)
                    .map(|channel| numbers(seed + channel as f64, count))
                    .collect(),
            };
            let (r, bar) = (maps(0.4, 2), maps(1.9, 3));
            let direction = numbers(3.1, network.weights.len());
            let value = |step: f64| {
                let mut moved = network.clone();
                for (weight, by) in moved.weights.iter_mut().zip(&direction) {
                    *weight += step * by;
                }
                let (out, _) = moved.apply(&r);
                let pairs = out.values.iter().flatten().zip(bar.values.iter().flatten());
                pairs.map(|(a, b)| a * b).sum::<f64>()
            };
            let step = 1e-6;
            let difference = (value(step) - value(-step)) / (2.0 * step);
            let mut weights_bar = vec![0.0; network.weights.len()];
            let (_, tape) = network.apply(&r);
            network.apply_vjp(&tape, &bar, &mut weights_bar);
            let backward: f64 = weights_bar.iter().zip(&direction).map(|(a, b)| a * b).sum();
            assert!(
                (difference - backward).abs() <= 1e-7 * backward.abs(),
                "{difference} {backward}"
            );
        }
    }
}
