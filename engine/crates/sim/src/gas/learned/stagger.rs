//! A box split into interleaved parts, each with a network of its own.

use rayon::prelude::*;

use super::{
    super::grid::places,
    conv::Maps,
    network::{Network, Tape},
};

/// Networks for the interleaved parts of a box (NeuralStagger: Huang, Shi, Meng, Wang, Gao, Zhang &
/// Liu 2023): of every `stride` cells along each axis, each part has one. The parts are smaller by
/// `stride^d` in `d` dimensions and independent of each other, so that they run side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Staggered {
    /// Cells from one of a part to its next, along axes with more than one cell.
    pub stride: usize,
    /// One for each part, as [`split`] lists them.
    pub networks: Vec<Network>,
}

/// The stride along each axis.
fn strides(cells: [usize; 3], stride: usize) -> [usize; 3] {
    cells.map(|count| if count > 1 { stride.max(1) } else { 1 })
}

/// Calls `each` with the number of every cell of a part, and with its number in the box.
fn cells_of(
    cells: [usize; 3],
    strides: [usize; 3],
    start: [usize; 3],
    mut each: impl FnMut(usize, usize),
) {
    let mut own = 0;
    for k in (start[2]..cells[2]).step_by(strides[2]) {
        for j in (start[1]..cells[1]).step_by(strides[1]) {
            for i in (start[0]..cells[0]).step_by(strides[0]) {
                each(own, i + cells[0] * (j + cells[1] * k));
                own += 1;
            }
        }
    }
}

/// The interleaved parts of a box, x fastest.
pub fn split(x: &Maps, stride: usize) -> Vec<Maps> {
    let strides = strides(x.cells, stride);
    let part = |start: [usize; 3]| {
        let cells = [0, 1, 2].map(|axis| (x.cells[axis] - start[axis]).div_ceil(strides[axis]));
        let mut part = Maps::zero(cells, x.values.len());
        for (values, whole) in part.values.iter_mut().zip(&x.values) {
            cells_of(x.cells, strides, start, |own, cell| {
                values[own] = whole[cell]
            });
        }
        part
    };
    places(strides).map(part).collect()
}

/// The box of `cells` cells whose parts these are: the inverse of [`split`], and its transpose.
pub fn join(parts: &[Maps], cells: [usize; 3], stride: usize) -> Maps {
    let strides = strides(cells, stride);
    let channels = parts.first().map_or(0, |part| part.values.len());
    let mut x = Maps::zero(cells, channels);
    for (part, start) in parts.iter().zip(places(strides)) {
        for (values, whole) in part.values.iter().zip(&mut x.values) {
            cells_of(cells, strides, start, |own, cell| whole[cell] = values[own]);
        }
    }
    x
}

impl Staggered {
    /// Random networks for a flat box, each of `filters` filters.
    pub fn flat(stride: usize, channels: [usize; 2], filters: usize, seed: u64) -> Self {
        let count = stride * stride;
        let network = |part: usize| Network::new(channels, filters, seed + part as u64);
        Self {
            stride,
            networks: (0..count).map(network).collect(),
        }
    }

    /// All weights, network by network.
    pub fn weights(&self) -> Vec<f64> {
        let each = self.networks.iter().map(|network| &network.weights);
        each.flatten().copied().collect()
    }

    /// Changes all weights; as many as there are of both are.
    pub fn set_weights(&mut self, weights: &[f64]) {
        let own = self
            .networks
            .iter_mut()
            .flat_map(|network| &mut network.weights);
        own.zip(weights).for_each(|(own, weight)| *own = *weight);
    }

    /// What the networks make of the parts of `x`, joined.
    pub fn apply(&self, x: &Maps) -> (Maps, Vec<Tape>) {
        let parts = split(x, self.stride);
        let each = parts.par_iter().zip(&self.networks);
        let (out, tapes): (Vec<_>, Vec<_>) =
            each.map(|(part, network)| network.apply(part)).unzip();
        (join(&out, x.cells, self.stride), tapes)
    }

    /// Adds the cotangents of the weights, network by network, for those of what came out.
    pub fn apply_vjp(&self, tapes: &[Tape], bar: &Maps, weights_bar: &mut [f64]) {
        let parts = split(bar, self.stride);
        let size = self
            .networks
            .first()
            .map_or(1, |network| network.weights.len().max(1));
        let own = weights_bar.par_chunks_mut(size).zip(&self.networks);
        let each = own.zip(tapes.par_iter().zip(&parts));
        each.for_each(|((own, network), (tape, bar))| network.apply_vjp(tape, bar, own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(cells: [usize; 3], channels: usize, seed: f64) -> Maps {
        let count = cells.iter().product::<usize>();
        let values = (0..channels).map(|channel| {
            let of = |i: usize| (seed + channel as f64 + 12.9 * i as f64).sin();
            (0..count).map(of).collect()
        });
        Maps {
            cells,
            values: values.collect(),
        }
    }

    #[test]
    fn what_is_split_is_joined_to_the_same() {
        for (cells, stride, count) in [
            ([8, 6, 1], 2, 4),
            ([7, 5, 1], 2, 4),
            ([7, 5, 6], 3, 27),
            ([4, 4, 4], 1, 1),
        ] {
            let x = maps(cells, 2, 0.4);
            let parts = split(&x, stride);
            assert_eq!(parts.len(), count);
            assert_eq!(join(&parts, cells, stride), x);
        }
    }

    #[test]
    fn a_stride_of_one_is_the_network_itself() {
        let staggered = Staggered::flat(1, [2, 3], 3, 5);
        let x = maps([6, 5, 1], 2, 0.1);
        assert_eq!(staggered.apply(&x).0, staggered.networks[0].apply(&x).0);
    }

    #[test]
    fn apply_vjp_is_the_central_difference_along_a_direction() {
        let staggered = Staggered::flat(2, [2, 1], 2, 7);
        let (x, bar) = (maps([7, 6, 1], 2, 0.4), maps([7, 6, 1], 1, 2.3));
        let weights = staggered.weights();
        let direction: Vec<f64> = (0..weights.len()).map(|i| (3.1 * i as f64).cos()).collect();
        let value = |step: f64| {
            let mut moved = staggered.clone();
            let along: Vec<f64> = weights
                .iter()
                .zip(&direction)
                .map(|(w, d)| w + step * d)
                .collect();
            moved.set_weights(&along);
            let out = moved.apply(&x).0;
            let pairs = out.values[0].iter().zip(&bar.values[0]);
            pairs.map(|(a, b)| a * b).sum::<f64>()
        };
        let step = 1e-6;
        let difference = (value(step) - value(-step)) / (2.0 * step);
        let mut weights_bar = vec![0.0; weights.len()];
        let (_, tapes) = staggered.apply(&x);
        staggered.apply_vjp(&tapes, &bar, &mut weights_bar);
        let backward: f64 = weights_bar.iter().zip(&direction).map(|(a, b)| a * b).sum();
        assert!(
            (difference - backward).abs() <= 1e-7 * backward.abs(),
            "{difference} {backward}"
        );
    }
}
