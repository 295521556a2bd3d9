//! Networks of one hidden layer, grown a few units at a time.

use std::{convert::Infallible, fmt::Display};

use backflow_optim::{
    Driver, Evaluation, Layout, Objective, Random, ScheduleSettings, Settings, UpdateSettings,
};
use nalgebra::DMatrix;

use crate::{error::OperatorError, layer::Mlp};

/// How a network is grown (Emami & Martinez-Munoz 2023, "Sequential training of neural networks with gradient boosting"):
///
/// ```text
/// F_0 = mean of y,    F_t = F_(t-1) + rate rho_t H_t,    rho_t = <y - F_(t-1), H_t> / <H_t, H_t>
/// ```
///
/// where `H_t`, a network of a few hidden units, is fitted by L-BFGS to what is left, `y - F_(t-1)`, on a share of the
/// data drawn anew, and `rho_t`, output by output, is Newton's step of the squared error over all data. That error cannot
/// grow with a block. All blocks are one network of one hidden layer, whose last blocks may be left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boosting {
    /// How many blocks (default: 10).
    pub blocks: usize,
    /// Hidden units of a block (default: 4).
    pub units: usize,
    /// Share of the data that a block is fitted to, in (0, 1] (default: 0.5).
    pub share: f64,
    /// Share of its step that a block is taken with, in (0, 1] (default: 1).
    pub rate: f64,
    /// Evaluations of value and gradient that a block is fitted with (default: 100).
    pub iterations: usize,
    /// Weight of the mean square of the weights of a block beside the mean squared error over the spread (1; default: 1e-4).
    pub decay: f64,
    /// Of first weights and shares.
    pub seed: u64,
}

impl Default for Boosting {
    fn default() -> Self {
        Self {
            blocks: 10,
            units: 4,
            share: 0.5,
            rate: 1.0,
            iterations: 100,
            decay: 1e-4,
            seed: 0,
        }
    }
}

/// A network that was grown.
#[derive(Debug, Clone, PartialEq)]
pub struct Boosted {
    /// What a block is.
    pub block: Mlp,
    /// The output without any block.
    pub constant: Vec<f64>,
    /// Weights of each block, its step among them.
    pub blocks: Vec<Vec<f64>>,
}

/// Mean squared error of a block on its share of the data, and the mean square of its weights.
struct Fit<'a> {
    block: Mlp,
    x: &'a DMatrix<f64>,
    y: &'a DMatrix<f64>,
    decay: f64,
}

impl Objective for Fit<'_> {
    type Error = Infallible;

    fn value(&mut self, weights: &[f64]) -> Result<f64, Infallible> {
        Ok(self.gradient(weights)?.value)
    }

    fn gradient(&mut self, weights: &[f64]) -> Result<Evaluation, Infallible> {
        let (found, tape) = self.block.apply(weights, self.x);
        let off = found - self.y;
        let (count, size) = (off.len() as f64, weights.len() as f64);
        let squares: f64 = weights.iter().map(|w| w * w).sum();
        let value = off.norm_squared() / count + self.decay * squares / size;
        let mut bar: Vec<f64> = weights
            .iter()
            .map(|w| 2.0 * self.decay * w / size)
            .collect();
        let off = off * (2.0 / count);
        self.block.apply_vjp(weights, self.x, &tape, off, &mut bar);
        Ok(Evaluation::new(value, bar))
    }
}

impl Boosting {
    /// A network from columns of `x` to those of `y`. Inputs should be of order one; outputs may be of any size.
    ///
    /// # Errors
    /// Settings that are wrong, columns that do not match, numbers that are not finite.
    pub fn grow(&self, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<Boosted, OperatorError> {
        self.check(x, y)?;
        let constant: Vec<f64> = y.row_iter().map(|y| y.mean()).collect();
        let mut left = y.clone();
        for (mut row, constant) in left.row_iter_mut().zip(&constant) {
            row.add_scalar_mut(-constant);
        }
        let mut boosted = Boosted {
            block: Mlp::new(x.nrows(), self.units, y.nrows(), false),
            constant,
            blocks: Vec::new(),
        };
        for number in 0..self.blocks {
            let mut random = Random::new(self.seed, &[0x6262, number as u64]);
            let mut weights = self.block(boosted.block, x, &left, &mut random)?;
            let (found, _) = boosted.block.apply(&weights, x);
            for (k, (found, left)) in found.row_iter().zip(left.row_iter()).enumerate() {
                let square = found.norm_squared();
                // What says nothing stays out.
                let step = if square > 0.0 {
                    left.dot(&found) / square
                } else {
                    0.0
                };
                scale_output(boosted.block, &mut weights, k, self.rate * step);
            }
            left -= boosted.block.apply(&weights, x).0;
            boosted.blocks.push(weights);
        }
        Ok(boosted)
    }

    fn check(&self, x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<(), OperatorError> {
        let fraction = |value: f64| value > 0.0 && value <= 1.0;
        for (field, value) in [("share", self.share), ("rate", self.rate)] {
            if !fraction(value) {
                return Err(OperatorError::setting(field, value, "a number in (0, 1]"));
            }
        }
        for (field, value) in [("units", self.units), ("iterations", self.iterations)] {
            if value == 0 {
                return Err(OperatorError::setting(field, value, "a count >= 1"));
            }
        }
        if !(self.decay >= 0.0 && self.decay.is_finite()) {
            return Err(OperatorError::setting("decay", self.decay, "a number >= 0"));
        }
        if x.ncols() != y.ncols() || x.ncols() == 0 {
            let what = "columns of the outputs";
            return Err(OperatorError::mismatch(what, y.ncols(), x.ncols().max(1)));
        }
        if !x.iter().chain(y.iter()).all(|value| value.is_finite()) {
            return Err(OperatorError::NotFinite {
                what: "a number",
                place: "of the data".to_owned(),
            });
        }
        Ok(())
    }

    /// Weights of a block for what is left, which is brought to unit size for it.
    fn block(
        &self,
        block: Mlp,
        x: &DMatrix<f64>,
        left: &DMatrix<f64>,
        random: &mut Random,
    ) -> Result<Vec<f64>, OperatorError> {
        let count = (self.share * x.ncols() as f64).round().max(1.0) as usize;
        let drawn = random.choose(count, x.ncols());
        let (x, mut y) = (x.select_columns(&drawn), left.select_columns(&drawn));
        let sizes: Vec<f64> = y
            .row_iter()
            .map(|row| row.norm() / (count as f64).sqrt())
            .map(|size| if size > 0.0 { size } else { 1.0 })
            .collect();
        for (mut row, size) in y.row_iter_mut().zip(&sizes) {
            row /= *size;
        }
        let mut weights = vec![0.0; block.size()];
        block.start(1.0, random, &mut weights);
        let fit = Fit {
            block,
            x: &x,
            y: &y,
            decay: self.decay,
        };
        let mut weights = self.minimise(fit, &weights)?;
        for (k, size) in sizes.into_iter().enumerate() {
            scale_output(block, &mut weights, k, size);
        }
        Ok(weights)
    }

    fn minimise(&self, mut fit: Fit<'_>, start: &[f64]) -> Result<Vec<f64>, OperatorError> {
        fn failed(error: impl Display) -> OperatorError {
            OperatorError::NotFinite {
                what: "the fit of a block",
                place: format!("({error})"),
            }
        }
        let settings = Settings {
            iterations: self.iterations,
            update: UpdateSettings::lbfgs(),
            schedule: ScheduleSettings::Constant,
            ..Settings::default()
        };
        let mut layout = Layout::new();
        layout.push("weights", start.len()).map_err(failed)?;
        let driver = Driver::new(settings, layout).map_err(failed)?;
        let mut state = driver.start(start).map_err(failed)?;
        let outcome = driver.run(&mut state, &mut fit, &mut ()).map_err(failed)?;
        Ok(outcome.best_x)
    }
}

/// Multiplies output `k` of a block.
fn scale_output(block: Mlp, weights: &mut [f64], k: usize, by: f64) {
    let (_, second) = weights.split_at_mut(block.first.size());
    let rows = second.iter_mut().skip(k).step_by(block.second.outputs);
    rows.for_each(|w| *w *= by);
}

impl Boosted {
    /// The first `blocks` of them as one network with its weights: all, if there are no more.
    pub fn network(&self, blocks: usize) -> (Mlp, Vec<f64>) {
        let kept = &self.blocks[..blocks.min(self.blocks.len())];
        let Mlp { first, second, .. } = self.block;
        let units = second.inputs;
        let all = Mlp::new(first.inputs, units * kept.len(), second.outputs, false);
        let mut weights = Vec::with_capacity(all.size());
        // A column an input, then the biases, each of all units.
        for column in 0..=first.inputs {
            let entries = column * units..(column + 1) * units;
            kept.iter()
                .for_each(|block| weights.extend_from_slice(&block[entries.clone()]));
        }
        // A column a unit, then the biases, which add up.
        let mut constant = self.constant.clone();
        for block in kept {
            let (columns, bias) = block[first.size()..].split_at(units * second.outputs);
            weights.extend_from_slice(columns);
            constant.iter_mut().zip(bias).for_each(|(sum, b)| *sum += b);
        }
        weights.extend(constant);
        (all, weights)
    }

    /// What the first `blocks` of them say of columns of `x`.
    pub fn apply(&self, blocks: usize, x: &DMatrix<f64>) -> DMatrix<f64> {
        let (network, weights) = self.network(blocks);
        network.apply(&weights, x).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bowl and a ridge of two inputs.
    fn data(count: usize) -> [DMatrix<f64>; 2] {
        let mut random = Random::new(4, &[]);
        let x = DMatrix::from_fn(2, count, |_, _| 2.0 * random.uniform() - 1.0);
        let y = DMatrix::from_fn(2, count, |row, at| {
            let (a, b) = (x[(0, at)], x[(1, at)]);
            [3e-3 + 1e-3 * (a * a + b * b), (2.0 * a + b).tanh()][row]
        });
        [x, y]
    }

    fn grown() -> (Boosting, Boosted) {
        let boosting = Boosting {
            blocks: 4,
            units: 3,
            iterations: 40,
            ..Boosting::default()
        };
        let [x, y] = data(200);
        (boosting, boosting.grow(&x, &y).unwrap())
    }

    #[test]
    fn blocks_in_one_network_say_what_their_sum_says() {
        let (_, boosted) = grown();
        let [x, _] = data(20);
        let mut sum = DMatrix::from_fn(2, 20, |row, _| boosted.constant[row]);
        for blocks in 0..=4_usize {
            if let Some(before) = blocks.checked_sub(1) {
                sum += boosted.block.apply(&boosted.blocks[before], &x).0;
            }
            let off = (boosted.apply(blocks, &x) - &sum).amax();
            assert!(off <= 1e-13, "{blocks} {off}");
            assert_eq!(boosted.network(blocks).0.first.outputs, 3 * blocks);
        }
        assert_eq!(boosted.network(9), boosted.network(4));
    }

    #[test]
    fn no_block_makes_any_output_worse_and_all_together_make_it_good() {
        let (_, boosted) = grown();
        let [x, y] = data(200);
        let errors = |blocks: usize| {
            let off = boosted.apply(blocks, &x) - &y;
            [0, 1].map(|row| off.row(row).norm())
        };
        for blocks in 0..4 {
            let (before, after) = (errors(blocks), errors(blocks + 1));
            for row in 0..2 {
                assert!(after[row] <= before[row] * (1.0 + 1e-12), "{blocks} {row}");
            }
        }
        let (none, all) = (errors(0), errors(4));
        assert!(
            all[0] < 0.4 * none[0] && all[1] < 0.2 * none[1],
            "{all:?} {none:?}"
        );
    }

    #[test]
    fn what_cannot_be_grown_says_why() {
        let [x, y] = data(20);
        let bad = Boosting {
            share: 0.0,
            ..Boosting::default()
        };
        let message = bad.grow(&x, &y).unwrap_err().to_string();
        assert_eq!(message, "share = 0: expected a number in (0, 1]");
        let fewer = y.columns(0, 19).into_owned();
        let message = Boosting::default()
            .grow(&x, &fewer)
            .unwrap_err()
            .to_string();
        assert_eq!(message, "columns of the outputs: found 19, expected 20");
        let endless = y.map(|y| y / 0.0);
        let message = Boosting::default()
            .grow(&x, &endless)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("a number is not finite of the data"),
            "{message}"
        );
    }
}
