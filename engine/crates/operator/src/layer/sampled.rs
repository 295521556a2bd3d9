//! Some columns for the gradient of weights.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::{DMatrix, DMatrixViewMut};

/// What is left of the inputs `x` of a [`Dense`](super::Dense) layer for the gradient of its weights.
pub trait Inputs<T: Real> {
    /// Adds `y_bar x^T`, or an estimate of it, to `w_bar`.
    fn outer(&self, y_bar: &DMatrix<T>, w_bar: &mut DMatrixViewMut<'_, T>);
}

impl<T: Real> Inputs<T> for DMatrix<T> {
    fn outer(&self, y_bar: &DMatrix<T>, w_bar: &mut DMatrixViewMut<'_, T>) {
        w_bar.gemm(T::one(), y_bar, &self.transpose(), T::one());
    }
}

/// All columns of a matrix, or some by [winner-take-all](winners).
#[derive(Debug, Clone)]
pub enum Columns<T: Real> {
    /// All.
    All(DMatrix<T>),
    /// Some.
    Drawn {
        /// Which, in ascending order, and how often each counts.
        chosen: Vec<(usize, T)>,
        /// They themselves.
        x: DMatrix<T>,
    },
}

impl<T: Real> Columns<T> {
    /// As many of the columns of `x` as `share` says, rounded up; `norms` are guesses of the norms of the columns of
    /// the cotangent that they will meet, to a common factor: those that [`column_norms`] found last time, or what is
    /// in proportion to them. A wrong guess costs accuracy, but the estimate stays without bias.
    pub fn drawn(x: &DMatrix<T>, norms: &[f64], share: f64, random: &mut Random) -> Self {
        let products = column_norms(x).into_iter().zip(norms);
        let products: Vec<f64> = products.map(|(x, y)| x * y).collect();
        let count = (share * x.ncols() as f64).ceil() as usize;
        let chosen = winners(&products, count, random);
        let places: Vec<usize> = chosen.iter().map(|chosen| chosen.0).collect();
        Self::Drawn {
            x: x.select_columns(&places),
            chosen: chosen.into_iter().map(|(i, f)| (i, T::of(f))).collect(),
        }
    }

    /// How many numbers are kept of them.
    pub fn len(&self) -> usize {
        match self {
            Self::All(x) | Self::Drawn { x, .. } => x.len(),
        }
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Draws from what is kept, if that is all.
    pub fn draw(&mut self, norms: &[f64], share: f64, random: &mut Random) {
        if let Self::All(x) = self {
            *self = Self::drawn(x, norms, share, random);
        }
    }

    /// How many columns are kept.
    pub fn count(&self) -> usize {
        match self {
            Self::All(x) | Self::Drawn { x, .. } => x.ncols(),
        }
    }
}

impl<T: Real> Inputs<T> for Columns<T> {
    fn outer(&self, y_bar: &DMatrix<T>, w_bar: &mut DMatrixViewMut<'_, T>) {
        match self {
            Self::All(x) => x.outer(y_bar, w_bar),
            Self::Drawn { chosen, x } => {
                let mut some = DMatrix::zeros(y_bar.nrows(), chosen.len());
                for (mut some, &(place, factor)) in some.column_iter_mut().zip(chosen) {
                    some.axpy(factor, &y_bar.column(place), T::zero());
                }
                x.outer(&some, w_bar);
            }
        }
    }
}

/// Norms of the columns.
pub fn column_norms<T: Real>(x: &DMatrix<T>) -> Vec<f64> {
    let square = |sum: f64, x: &T| sum + x.to_f64() * x.to_f64();
    let columns = x.as_slice().chunks_exact(x.nrows().max(1));
    let norms = columns.map(|column| column.iter().fold(0.0, square).sqrt());
    norms.collect()
}

/// Share of the probability that all columns have alike, so that what was guessed to be nothing counts, too.
const ALIKE: f64 = 0.05;

/// At most `count` of the terms `x_i y_i` of a sum, and factors with which their sum has the expectation of the whole
/// (Liu, Wang, Zhong, Xu, Chen et al. 2023, "Winner-take-all column row sampling for memory efficient adaptation of
/// language model", eq. 6 and theorem 2). With `p_i` in proportion to `products`, the guesses of `|x_i| |y_i|`,
///
/// ```text
/// sum_i x_i y_i  ~  sum_C x_i y_i + (1 - P_C) / (k - |C|) sum_j x_j y_j / p_j
/// ```
///
/// where C are the terms of the largest `p`, as many as make `(1 - P_C) / (k - |C|)` least, `P_C` is the sum of their
/// `p`, and the `k - |C|` others are drawn from the rest in proportion to `p`, each anew; what is drawn twice counts
/// twice. Places are ascending. If there are no more than `count` it is all of them.
pub fn winners(products: &[f64], count: usize, random: &mut Random) -> Vec<(usize, f64)> {
    let n = products.len();
    if count >= n {
        return (0..n).map(|i| (i, 1.0)).collect();
    }
    let total: f64 = products.iter().sum();
    let alike = if total > 0.0 { ALIKE } else { 1.0 };
    let scale = (1.0 - alike) / total.max(f64::MIN_POSITIVE);
    let p = |i: usize| scale * products[i] + alike / n as f64;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| p(j).total_cmp(&p(i)).then(i.cmp(&j)));
    // The sum of what is from a place in the order on: small ones first, for their rounding.
    let mut rest = vec![0.0; n + 1];
    for place in (0..n).rev() {
        rest[place] = rest[place + 1] + p(order[place]);
    }
    let spread = |certain: usize| rest[certain] / (count - certain) as f64;
    let certain = (0..count).min_by(|&a, &b| spread(a).total_cmp(&spread(b)));
    let certain = certain.unwrap_or(0);
    let mut factors = vec![0.0; n];
    order[..certain].iter().for_each(|&i| factors[i] = 1.0);
    for _ in certain..count {
        let left = random.uniform() * rest[certain];
        // The last place from which at least as much is left.
        let place = rest.partition_point(|&rest| rest > left).max(certain + 1) - 1;
        let drawn = order[place.min(n - 1)];
        factors[drawn] += spread(certain) / p(drawn);
    }
    let chosen = factors.into_iter().enumerate();
    chosen.filter(|chosen| chosen.1 > 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Dense;

    /// Mean over draws of the sum with its factors, its standard error, and how many places were kept at most.
    fn drawn(values: &[f64], products: &[f64], count: usize, draws: u64) -> (f64, f64, usize) {
        let (mut sum, mut square, mut most) = (0.0, 0.0, 0);
        for draw in 0..draws {
            let chosen = winners(products, count, &mut Random::new(7, &[draw]));
            most = chosen.len().max(most);
            let found: f64 = chosen.iter().map(|&(i, f)| f * values[i]).sum();
            (sum, square) = (sum + found, square + found * found);
        }
        let n = draws as f64;
        let mean = sum / n;
        (mean, ((square / n - mean * mean) / n).sqrt(), most)
    }

    #[test]
    fn expectation_is_the_sum_whatever_was_guessed() {
        let mut random = Random::new(3, &[]);
        let values: Vec<f64> = (0..40).map(|_| random.normal().exp()).collect();
        let guesses: Vec<f64> = values
            .iter()
            .map(|v| v * random.normal().exp())
            .chain([])
            .collect();
        let total: f64 = values.iter().sum();
        for products in [values.clone(), guesses, vec![0.0; 40], {
            // One is thought to be nothing.
            let mut some = values.clone();
            some[11] = 0.0;
            some
        }] {
            let (mean, error, most) = drawn(&values, &products, 12, 20_000);
            assert!(most <= 12);
            assert!((mean - total).abs() < 4.0 * error, "{mean} {total} {error}");
        }
        // What is known exactly is hardly off: only what all have alike is.
        let error = drawn(&values, &values, 12, 2_000).1 * 2_000.0_f64.sqrt();
        assert!(error < 0.05 * total, "{error} {total}");
    }

    #[test]
    fn the_largest_are_certain_and_nothing_is_drawn_where_all_are_kept() {
        let mut products = vec![1.0; 30];
        products[4] = 1e3;
        products[20] = 1e3;
        for draw in 0..50 {
            let chosen = winners(&products, 6, &mut Random::new(8, &[draw]));
            for place in [4, 20] {
                assert!(chosen.contains(&(place, 1.0)), "{chosen:?}");
            }
            assert!(chosen.is_sorted_by_key(|chosen| chosen.0));
        }
        let all = winners(&products, 30, &mut Random::new(8, &[]));
        assert_eq!(all.len(), 30);
        assert!(all.iter().all(|chosen| chosen.1 == 1.0));
        assert!(winners(&[], 0, &mut Random::new(8, &[])).is_empty());
        assert!(winners(&products, 0, &mut Random::new(8, &[])).is_empty());
    }

    #[test]
    fn gradients_of_weights_are_estimated_and_those_of_inputs_and_biases_exact() {
        let mut random = Random::new(4, &[]);
        let layer = Dense::new(3, 2);
        let weights = random.normals(layer.size());
        let x = DMatrix::from_fn(3, 50, |_, _| random.normal());
        let bar = DMatrix::from_fn(2, 50, |_, _| random.normal());
        let mut exact = vec![0.0; layer.size()];
        let x_bar = layer.apply_vjp(&weights, &x, &bar, &mut exact);
        let norms = column_norms(&bar);
        let mut whole = vec![0.0; layer.size()];
        let all = Columns::drawn(&x, &norms, 1.0, &mut random);
        assert_eq!(all.count(), 50);
        assert_eq!(layer.apply_vjp(&weights, &all, &bar, &mut whole), x_bar);
        assert_eq!(whole, exact);
        let mut mean = vec![0.0; layer.size()];
        let draws = 4000;
        for _ in 0..draws {
            let some = Columns::drawn(&x, &norms, 0.3, &mut random);
            assert!(some.count() <= 15);
            let mut found = vec![0.0; layer.size()];
            assert_eq!(layer.apply_vjp(&weights, &some, &bar, &mut found), x_bar);
            assert_eq!(found[6..], exact[6..]);
            let each = mean.iter_mut().zip(found);
            each.for_each(|(mean, found)| *mean += found / f64::from(draws));
        }
        for (mean, exact) in mean.iter().zip(&exact) {
            // The standard error of an entry is about 0.1.
            assert!((mean - exact).abs() < 0.5, "{mean} {exact}");
        }
    }
}
