//! Blocks that are inverted on the way back, so that no tape of them is kept.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Mlp, MlpTape};

/// Reversible blocks one after the other (Liao, Tan & Monz 2023, "Make pre-trained model reversible", eq. 1 and 2). The rows
/// of the features are two halves of the same size, of which a block with networks F and G makes
///
/// ```text
/// y1 = k x1 + F(x2),    y2 = k x2 + G(y1)
/// ```
///
/// so that `x2 = (y2 - G(y1)) / k` and `x1 = (y1 - F(x2)) / k`. The adjoint needs the output of the last block alone: it finds the
/// inputs of each block as it comes to it, for one more run of its networks. What is found differs from what went in
/// by rounding, more so with a `k` below 1, which lets what is added outweigh what was there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reversible {
    /// How many blocks.
    pub blocks: usize,
    /// `k`, not zero.
    pub keep: f64,
    first: Mlp,
    second: Mlp,
}

/// What [`Reversible::apply_taped`] leaves of a block.
#[derive(Debug, Clone)]
pub struct BlockTape<T: Real> {
    /// `x2` and `y1`, which the networks read.
    read: [DMatrix<T>; 2],
    networks: [MlpTape<T>; 2],
}

impl<T: Real> BlockTape<T> {
    /// How many numbers it keeps.
    pub fn len(&self) -> usize {
        let networks: usize = self.networks.iter().map(MlpTape::len).sum();
        self.read.iter().map(DMatrix::len).sum::<usize>() + networks
    }

    /// Whether it keeps none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Both halves of features.
fn halves<T: Real>(x: &DMatrix<T>) -> [DMatrix<T>; 2] {
    let half = x.nrows() / 2;
    [
        x.rows(0, half).into_owned(),
        x.rows(half, half).into_owned(),
    ]
}

/// Features of two halves.
fn joined<T: Real>([upper, lower]: &[DMatrix<T>; 2]) -> DMatrix<T> {
    let half = upper.nrows();
    let mut x = DMatrix::zeros(2 * half, upper.ncols());
    x.rows_mut(0, half).copy_from(upper);
    x.rows_mut(half, half).copy_from(lower);
    x
}

impl Reversible {
    /// So many blocks of features of `width` rows, an even number, with networks of so many hidden units.
    pub const fn new(blocks: usize, width: usize, hidden: usize, keep: f64) -> Self {
        Self {
            blocks,
            keep,
            first: Mlp::new(width / 2, hidden, width / 2, false),
            second: Mlp::new(width / 2, hidden, width / 2, false),
        }
    }

    /// Number of the weights of a block.
    const fn block(&self) -> usize {
        self.first.size() + self.second.size()
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.blocks * self.block()
    }

    /// First weights; `gain` is that of what is added to the features.
    pub fn start(&self, gain: f64, random: &mut Random, weights: &mut [f64]) {
        for weights in weights.chunks_mut(self.block()) {
            let (first, second) = weights.split_at_mut(self.first.size());
            self.first.start(gain, random, first);
            self.second.start(gain, random, second);
        }
    }

    /// The output, which is all that [`Reversible::apply_vjp`] needs.
    pub fn apply<T: Real>(&self, weights: &[T], x: &DMatrix<T>) -> DMatrix<T> {
        let mut at = halves(x);
        for weights in weights.chunks(self.block()) {
            self.forward(weights, &mut at);
        }
        joined(&at)
    }

    /// The output, and a tape of each block for [`Reversible::apply_taped_vjp`].
    pub fn apply_taped<T: Real>(
        &self,
        weights: &[T],
        x: &DMatrix<T>,
    ) -> (DMatrix<T>, Vec<BlockTape<T>>) {
        let mut at = halves(x);
        let chunks = weights.chunks(self.block());
        let tapes = chunks
            .map(|weights| self.forward(weights, &mut at))
            .collect();
        (joined(&at), tapes)
    }

    /// The input and its cotangent, from the output and its; adds to the cotangent of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        y: &DMatrix<T>,
        y_bar: &DMatrix<T>,
        weights_bar: &mut [T],
    ) -> [DMatrix<T>; 2] {
        let (mut at, mut bars) = (halves(y), halves(y_bar));
        let chunks = weights.chunks(self.block()).rev();
        for (weights, weights_bar) in chunks.zip(weights_bar.chunks_mut(self.block()).rev()) {
            let tape = self.backward(weights, &mut at);
            self.pull(weights, &tape, &mut bars, weights_bar);
        }
        [joined(&at), joined(&bars)]
    }

    /// The cotangent of the input from that of the output; adds to that of the weights.
    pub fn apply_taped_vjp<T: Real>(
        &self,
        weights: &[T],
        tapes: &[BlockTape<T>],
        y_bar: &DMatrix<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let mut bars = halves(y_bar);
        let chunks = weights.chunks(self.block()).zip(tapes).rev();
        for ((weights, tape), bar) in chunks.zip(weights_bar.chunks_mut(self.block()).rev()) {
            self.pull(weights, tape, &mut bars, bar);
        }
        joined(&bars)
    }

    /// A block.
    fn forward<T: Real>(&self, weights: &[T], at: &mut [DMatrix<T>; 2]) -> BlockTape<T> {
        let (first, second) = weights.split_at(self.first.size());
        let keep = T::of(self.keep);
        let read = at[1].clone();
        let (added, first) = self.first.apply(first, &read);
        at[0] = &at[0] * keep + added;
        let (added, second) = self.second.apply(second, &at[0]);
        at[1] = &at[1] * keep + added;
        BlockTape {
            read: [read, at[0].clone()],
            networks: [first, second],
        }
    }

    /// The inverse of a block.
    fn backward<T: Real>(&self, weights: &[T], at: &mut [DMatrix<T>; 2]) -> BlockTape<T> {
        let (first, second) = weights.split_at(self.first.size());
        let keep = T::of(self.keep);
        let read = at[0].clone();
        let (added, second) = self.second.apply(second, &read);
        at[1] = (&at[1] - added) / keep;
        let (added, first) = self.first.apply(first, &at[1]);
        at[0] = (&at[0] - added) / keep;
        BlockTape {
            read: [at[1].clone(), read],
            networks: [first, second],
        }
    }

    /// The adjoint of a block.
    fn pull<T: Real>(
        &self,
        weights: &[T],
        tape: &BlockTape<T>,
        bars: &mut [DMatrix<T>; 2],
        weights_bar: &mut [T],
    ) {
        let (first, second) = weights.split_at(self.first.size());
        let (first_bar, second_bar) = weights_bar.split_at_mut(self.first.size());
        let ([x2, y1], [first_tape, second_tape]) = (&tape.read, &tape.networks);
        let keep = T::of(self.keep);
        let bar = bars[1].clone();
        bars[0] += self
            .second
            .apply_vjp(second, y1, second_tape, bar, second_bar);
        let bar = bars[0].clone();
        let through = self.first.apply_vjp(first, x2, first_tape, bar, first_bar);
        bars[1] = &bars[1] * keep + through;
        bars[0] *= keep;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    /// Sixty-four blocks of 12 features with first weights, and features of 20 points.
    fn deep(keep: f64) -> (Reversible, Vec<f64>, DMatrix<f64>) {
        let layer = Reversible::new(64, 12, 16, keep);
        let mut random = Random::new(7, &[]);
        let mut weights = vec![0.0; layer.size()];
        layer.start(0.3, &mut random, &mut weights);
        let x = DMatrix::from_fn(12, 20, |_, _| random.normal());
        (layer, weights, x)
    }

    /// How far two lists are from each other, over how large the second is.
    fn distance(a: &[f64], b: &[f64]) -> f64 {
        let square = |x: f64| x * x;
        let far: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
        (far / b.iter().map(|&b| square(b)).sum::<f64>()).sqrt()
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        for keep in [1.0, 0.8] {
            let layer = Reversible::new(2, 4, 3, keep);
            let size = layer.size();
            check(
                size + 12,
                |x| {
                    let (weights, x) = x.split_at(size);
                    layer.apply(weights, &matrix(4, x)).as_slice().to_vec()
                },
                |x, bar| {
                    let (weights, x) = x.split_at(size);
                    let y = layer.apply(weights, &matrix(4, x));
                    let mut all = vec![0.0; size];
                    let [_, x_bar] = layer.apply_vjp(weights, &y, &matrix(4, bar), &mut all);
                    all.extend(x_bar.iter());
                    all
                },
            );
        }
    }

    #[test]
    fn gradients_of_deep_networks_are_those_of_the_tape_with_a_fraction_of_its_memory() {
        let (layer, weights, x) = deep(1.0);
        let (y, tapes) = layer.apply_taped(&weights, &x);
        assert_eq!(layer.apply(&weights, &x), y);
        let mut expected = vec![0.0; layer.size()];
        let x_bar = layer.apply_taped_vjp(&weights, &tapes, &y, &mut expected);
        let mut found = vec![0.0; layer.size()];
        let [again, found_bar] = layer.apply_vjp(&weights, &y, &y, &mut found);
        let far = [
            distance(again.as_slice(), x.as_slice()),
            distance(found_bar.as_slice(), x_bar.as_slice()),
            distance(&found, &expected),
        ];
        assert!(far.iter().all(|far| *far <= 1e-8), "{far:?}");
        // Not by chance: the inverse rounds.
        assert!(far[0] > 0.0);
        // The output, and the tape of one block at a time.
        let taped: usize = tapes.iter().map(BlockTape::len).sum();
        let kept = y.len() + tapes[0].len();
        assert!(kept as f64 <= 0.16 * taped as f64, "{kept} of {taped}");
    }

    #[test]
    fn features_that_are_scaled_down_come_back_less_exactly() {
        let error = |keep: f64| {
            let (layer, weights, x) = deep(keep);
            let y = layer.apply(&weights, &x);
            let mut bars = vec![0.0; layer.size()];
            let [again, _] = layer.apply_vjp(&weights, &y, &y, &mut bars);
            distance(again.as_slice(), x.as_slice())
        };
        let errors = [1.0, 0.7].map(error);
        assert!(
            errors[1] > 5.0 * errors[0] && errors[1] <= 1e-11,
            "{errors:?}"
        );
    }
}
