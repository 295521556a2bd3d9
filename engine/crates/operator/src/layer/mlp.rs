//! Two linear layers with a nonlinearity between.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;

use super::{Columns, Dense, Inputs, bend, bend_vjp, normalize, normalize_vjp};

/// `W2 bend(W1 x + b1) + b2`, [normalised](normalize) if `normalized`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mlp {
    /// The first layer.
    pub first: Dense,
    /// The second.
    pub second: Dense,
    /// Whether columns of the output are brought to one size.
    pub normalized: bool,
}

/// What [`Mlp::apply`] leaves for its adjoint.
#[derive(Debug, Clone)]
pub struct MlpTape<T: Real> {
    hidden: DMatrix<T>,
    bent: Columns<T>,
    /// Nothing where nothing is normalised.
    raw: DMatrix<T>,
}

impl<T: Real> MlpTape<T> {
    /// Keeps [some](Columns::drawn) columns of what the second layer reads, by guesses of the norms of cotangents.
    pub fn draw(&mut self, norms: &[f64], share: f64, random: &mut Random) {
        self.bent.draw(norms, share, random);
    }

    /// How many numbers it keeps.
    pub fn len(&self) -> usize {
        self.hidden.len() + self.bent.len() + self.raw.len()
    }

    /// Whether it keeps none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Mlp {
    /// From `inputs` to `outputs` rows by way of `hidden`.
    pub const fn new(inputs: usize, hidden: usize, outputs: usize, normalized: bool) -> Self {
        Self {
            first: Dense::new(inputs, hidden),
            second: Dense::new(hidden, outputs),
            normalized,
        }
    }

    /// Number of its weights.
    pub const fn size(&self) -> usize {
        self.first.size() + self.second.size()
    }

    /// First weights; `gain` is that of the second layer.
    pub fn start(&self, gain: f64, random: &mut Random, weights: &mut [f64]) {
        let (first, second) = weights.split_at_mut(self.first.size());
        self.first.start(1.0, random, first);
        self.second.start(gain, random, second);
    }

    /// The output.
    pub fn apply<T: Real>(&self, weights: &[T], x: &DMatrix<T>) -> (DMatrix<T>, MlpTape<T>) {
        let (first, second) = weights.split_at(self.first.size());
        let hidden = self.first.apply(first, x);
        let bent = bend(&hidden);
        let mut y = self.second.apply(second, &bent);
        let mut raw = DMatrix::zeros(0, 0);
        if self.normalized {
            let normal = normalize(&y);
            raw = std::mem::replace(&mut y, normal);
        }
        let bent = Columns::All(bent);
        (y, MlpTape { hidden, bent, raw })
    }

    /// Cotangent of `x`; adds to that of the weights.
    pub fn apply_vjp<T: Real>(
        &self,
        weights: &[T],
        x: &impl Inputs<T>,
        tape: &MlpTape<T>,
        mut y_bar: DMatrix<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        let (first, second) = weights.split_at(self.first.size());
        let (first_bar, second_bar) = weights_bar.split_at_mut(self.first.size());
        if self.normalized {
            normalize_vjp(&tape.raw, &mut y_bar);
        }
        let mut hidden_bar = self
            .second
            .apply_vjp(second, &tape.bent, &y_bar, second_bar);
        bend_vjp(&tape.hidden, &mut hidden_bar);
        self.first.apply_vjp(first, x, &hidden_bar, first_bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, matrix};

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        for normalized in [false, true] {
            let layer = Mlp::new(3, 5, 4, normalized);
            let size = layer.size();
            check(
                size + 12,
                |x| {
                    let (weights, x) = x.split_at(size);
                    layer.apply(weights, &matrix(3, x)).0.as_slice().to_vec()
                },
                |x, bar| {
                    let (weights, x) = x.split_at(size);
                    let (x, bar) = (matrix(3, x), matrix(4, bar));
                    let (_, tape) = layer.apply(weights, &x);
                    let mut all = vec![0.0; size];
                    let x_bar = layer.apply_vjp(weights, &x, &tape, bar, &mut all);
                    all.extend(x_bar.iter());
                    all
                },
            );
        }
    }
}
