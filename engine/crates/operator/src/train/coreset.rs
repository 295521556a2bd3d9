//! Which excerpts of the data are worth learning from.

use backflow_optim::Random;
use serde::{Deserialize, Serialize};

/// Which windows of the data a training learns from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Windows {
    /// All.
    #[default]
    All,
    /// This share of them, by chance.
    Random(f64),
    /// This share of them, by [`quantize`].
    Quantized(f64),
}

impl Windows {
    /// The share, if it is not all.
    pub fn share(&self) -> Option<f64> {
        match *self {
            Self::All => None,
            Self::Random(share) | Self::Quantized(share) => Some(share),
        }
    }

    /// Which of the windows with these features, sorted.
    pub fn of(&self, features: &[Vec<f64>], random: &mut Random) -> Vec<usize> {
        let count = |share: f64| ((features.len() as f64 * share).round() as usize).max(1);
        let mut chosen = match *self {
            Self::All => return (0..features.len()).collect(),
            Self::Random(share) => random.choose(count(share), features.len()),
            Self::Quantized(share) => quantize(features, BINS, share, random),
        };
        chosen.sort_unstable();
        chosen
    }
}

/// Bins of [`Windows::Quantized`].
const BINS: usize = 10;

/// Dataset quantization (Zhou, Wang, Gu, Peng, Lian, Zhang, You & Feng 2023, eq. 5 and section 4.1): the data are
/// parted into `bins` of one size, one after the other; into a bin goes what is far from what it has and near to what
/// is left, by the greatest
///
/// `gain(k) = sum_(p in bin) |f_p - f_k|^2 - sum_(p left) |f_p - f_k|^2`,
///
/// so that early bins hold what is typical, late ones what is rare. Of each the same share is drawn by chance. Features
/// should be of like size. Takes about as many operations as the square of the number of data times that of features.
pub fn quantize(features: &[Vec<f64>], bins: usize, share: f64, random: &mut Random) -> Vec<usize> {
    let (mut chosen, mut parted) = (Vec::new(), 0);
    for bin in part(features, bins) {
        parted += bin.len();
        // As many in all as the share of what was parted so far.
        let whole = (parted as f64 * share).round() as usize;
        let wanted = whole.saturating_sub(chosen.len()).min(bin.len());
        let drawn = random.choose(wanted, bin.len());
        chosen.extend(drawn.into_iter().map(|place| bin[place]));
    }
    chosen
}

/// The bins of [`quantize`], one after the other.
fn part(features: &[Vec<f64>], bins: usize) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..features.len()).collect();
    let mut rest = Sums::new(features.first().map_or(0, Vec::len));
    left.iter().for_each(|&at| rest.add(&features[at], 1.0));
    let bin = |bin: usize| {
        let until = features.len() * (bin + 1) / bins;
        let mut own = Sums::new(rest.sum.len());
        let mut members = Vec::new();
        while features.len() - left.len() < until {
            let gain = |at: usize| own.distances(&features[at]) - rest.distances(&features[at]);
            let mut best = (0, f64::NEG_INFINITY);
            for (place, &at) in left.iter().enumerate() {
                let gain = gain(at);
                if gain > best.1 {
                    best = (place, gain);
                }
            }
            let at = left.remove(best.0);
            rest.add(&features[at], -1.0);
            own.add(&features[at], 1.0);
            members.push(at);
        }
        members
    };
    (0..bins).map(bin).collect()
}

/// What sums of squared distances to a set follow from.
struct Sums {
    count: f64,
    sum: Vec<f64>,
    squares: f64,
}

impl Sums {
    fn new(length: usize) -> Self {
        Self {
            count: 0.0,
            sum: vec![0.0; length],
            squares: 0.0,
        }
    }

    fn add(&mut self, feature: &[f64], times: f64) {
        self.count += times;
        for (sum, x) in self.sum.iter_mut().zip(feature) {
            *sum += times * x;
            self.squares += times * x * x;
        }
    }

    /// `sum_p |f_p - f|^2`.
    fn distances(&self, feature: &[f64]) -> f64 {
        let each = self.sum.iter().zip(feature);
        let cross: f64 = each.map(|(sum, x)| x * (self.count * x - 2.0 * sum)).sum();
        cross + self.squares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_give_the_distances_of_all_pairs() {
        let mut random = Random::new(1, &[]);
        let points: Vec<Vec<f64>> = (0..9).map(|_| random.normals(3)).collect();
        let mut sums = Sums::new(3);
        points.iter().for_each(|point| sums.add(point, 1.0));
        sums.add(&points[4], -1.0);
        let distance =
            |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
        let others = points.iter().enumerate().filter(|(at, _)| *at != 4);
        let direct: f64 = others.map(|(_, point)| distance(point, &points[2])).sum();
        assert!((sums.distances(&points[2]) - direct).abs() < 1e-12);
    }

    /// A crowd about zero, and one in fifty far away.
    fn crowd(random: &mut Random) -> Vec<Vec<f64>> {
        let far = |at: usize| if at.is_multiple_of(50) { 20.0 } else { 0.0 };
        let each = (0..200).map(|at| vec![far(at) + random.normal(), random.normal()]);
        each.collect()
    }

    #[test]
    fn a_share_is_as_large_as_it_says_and_nothing_comes_twice() {
        let mut random = Random::new(2, &[]);
        let features = crowd(&mut random);
        for share in [0.1, 0.3, 1.0] {
            let mut chosen = Windows::Quantized(share).of(&features, &mut random);
            assert_eq!(chosen.len(), (200.0 * share).round() as usize);
            chosen.dedup();
            assert_eq!(chosen.len(), (200.0 * share).round() as usize);
        }
    }

    #[test]
    fn what_is_typical_comes_first_and_what_is_rare_together() {
        let features = crowd(&mut Random::new(2, &[]));
        let bins = part(&features, 10);
        assert!(bins.iter().all(|bin| bin.len() == 20));
        let far = |bin: &&Vec<usize>| bin.iter().any(|at| at % 50 == 0);
        assert!(!far(&&bins[0]));
        assert!(bins.iter().filter(far).count() <= 2, "{bins:?}");
    }

    #[test]
    fn all_and_a_random_share_are_what_they_say() {
        let features = vec![vec![0.0]; 20];
        let mut random = Random::new(3, &[]);
        let all: Vec<usize> = (0..20).collect();
        assert_eq!(Windows::All.of(&features, &mut random), all);
        assert_eq!(Windows::Random(1.0).of(&features, &mut random), all);
        assert_eq!(Windows::Random(0.25).of(&features, &mut random).len(), 5);
        assert_eq!(Windows::All.share(), None);
        assert_eq!(Windows::Random(0.25).share(), Some(0.25));
    }
}
