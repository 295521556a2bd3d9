//! The schedule that the gradients of an earlier run call for.

use super::Schedule;

/// Share of the run over which the weights of the norms are smoothed, by a median.
const WINDOW: f64 = 0.1;

/// Refined schedule (Defazio, Cutkosky, Mehta & Mishchenko 2023, "When, why and how much?
/// Adaptive learning rate scheduling by refinement", algorithm 1): a factor an iteration, read
/// between them by a run of another length.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Refined<'a> {
    /// Factors in `[0, 1]`, from the first iteration to the last; see [`refine`].
    pub factors: &'a [f64],
}

/// Factors from the norms of the gradients of an earlier run, all positive:
///
/// ```text
/// w_t = |g_t|^-power, median of a window of a tenth of the run, mirrored at the ends
/// factor_t ~ w_t sum_{p > t} w_p,     the largest is 1
/// ```
///
/// Equal norms give the straight line to zero, `1 - t / (T - 1)`. The power is 2 for `Sgd` and the
/// 2-norm, 1 for Adam (and the 1-norm, for which the 2-norm stands in).
#[must_use]
pub fn refine(norms: &[f64], power: f64) -> Vec<f64> {
    let weights = weights(norms, power);
    let mut factors = vec![0.0; weights.len()];
    let mut later = 0.0;
    for (factor, weight) in factors.iter_mut().zip(&weights).rev() {
        *factor = weight * later;
        later += weight;
    }
    let largest = factors.iter().copied().fold(0.0, f64::max);
    if largest > 0.0 {
        factors.iter_mut().for_each(|factor| *factor /= largest);
    }
    factors
}

/// The index that `i` is mirrored to within `0..length`.
fn mirrored(i: isize, length: usize) -> usize {
    let last = length as isize - 1;
    let i = i.abs();
    let inside = if i > last { (2 * last - i).max(0) } else { i };
    inside as usize
}

/// w_t.
fn weights(norms: &[f64], power: f64) -> Vec<f64> {
    let raw: Vec<f64> = norms.iter().map(|g| g.powf(-power)).collect();
    let half = (0.5 * WINDOW * raw.len() as f64) as isize;
    let median = |t: usize| {
        let around = (-half..=half).map(|k| raw[mirrored(t as isize + k, raw.len())]);
        let mut window: Vec<f64> = around.collect();
        window.sort_by(f64::total_cmp);
        window[window.len() / 2]
    };
    (0..raw.len()).map(median).collect()
}

impl Schedule for Refined<'_> {
    fn factor(&self, iteration: usize, iterations: usize) -> f64 {
        let Some(last) = self.factors.len().checked_sub(1) else {
            return 1.0;
        };
        let length = iterations.saturating_sub(1).max(1) as f64;
        let place = (iteration as f64 / length).min(1.0) * last as f64;
        let before = (place as usize).min(last);
        let share = place - before as f64;
        let after = self.factors[(before + 1).min(last)];
        (1.0 - share) * self.factors[before] + share * after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_norms_give_a_straight_line_to_zero() {
        for power in [1.0, 2.0] {
            let factors = refine(&[0.3; 50], power);
            let refined = Refined { factors: &factors };
            for t in 0..50 {
                let exact = 1.0 - t as f64 / 49.0;
                assert!((refined.factor(t, 50) - exact).abs() < 1e-12, "{t}");
            }
            // a longer run reads the same line
            assert!((refined.factor(33, 100) - (1.0 - 33.0 / 99.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn rate_rises_where_gradients_were_short() {
        let norms: Vec<f64> = (0..100).map(|t| if t < 50 { 4.0 } else { 1.0 }).collect();
        let factors = refine(&norms, 1.0);
        assert!(factors[60] > 2.0 * factors[40]);
        assert_eq!(factors[99], 0.0);
    }

    #[test]
    fn one_wild_norm_does_not_matter() {
        let mut norms = vec![1.0; 100];
        norms[30] = 1e-6;
        let factors = refine(&norms, 2.0);
        assert!((factors[30] - (1.0 - 30.0 / 99.0)).abs() < 1e-12);
    }
}
