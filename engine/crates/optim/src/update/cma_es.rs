//! Evolution strategy with covariance matrix adaptation.

use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

use super::population::Population;
use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::random::Random;
use crate::vector::norm;

/// Step size of the start by default, in parameter units.
pub(super) fn default_spread() -> f64 {
    0.3
}

/// (mu/mu_w, lambda)-CMA-ES (Hansen 2016, "The CMA evolution strategy: a tutorial", with the
/// default numbers of its table 1 and without negative weights):
///
/// ```text
/// x_k = m + sigma y_k,   y_k ~ N(0, C)                   k = 1..lambda
/// m <- m + sigma y_w,    y_w = sum_i w_i y_i:lambda      the best half, by rank
/// p_s <- (1 - c_s) p_s + sqrt(c_s (2 - c_s) mu_eff) C^-1/2 y_w
/// p_c <- (1 - c_c) p_c + h sqrt(c_c (2 - c_c) mu_eff) y_w
/// C <- (1 - c_1 - c_mu) C + c_1 p_c p_c^T + c_mu sum_i w_i y_i y_i^T
/// sigma <- sigma exp(c_s / d_s (|p_s| / E|N(0, I)| - 1))
/// ```
///
/// Needs values alone (estimator `Values`); every evaluation is one of one candidate, and ranks
/// make it blind to the scale of the value. A candidate whose value is not finite is the worst.
/// With `diagonal` only the diagonal of C is kept, and learns faster (Ros & Hansen 2008): for
/// more than about a hundred parameters. The state holds n^2 numbers otherwise, and C is
/// factorised every `1 / (10 n (c_1 + c_mu))` generations. Candidates outside of the bounds are
/// evaluated, and learned from, on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CmaEs {
    /// Candidates a generation; 0: 4 + 3 ln n, rounded down (default: 0).
    pub candidates: usize,
    /// sigma of the start in parameter units (default: 0.3).
    pub spread: f64,
    /// Whether C is diagonal (default: false).
    pub diagonal: bool,
    /// Seed of the candidates (default: 0).
    pub seed: u64,
    /// What has been learned; none before the first evaluation.
    pub search: Option<Distribution>,
    /// The candidates of this generation.
    pub population: Population,
}

/// The normal distribution that candidates are drawn from, and its paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Generations done.
    pub generation: u64,
    /// Generation of the last factorisation.
    pub factorised: u64,
    /// m.
    pub mean: Vec<f64>,
    /// sigma.
    pub sigma: f64,
    /// C, column by column, or its diagonal.
    pub covariance: Vec<f64>,
    /// Eigenvectors of C, column by column; none if it is diagonal.
    pub axes: Vec<f64>,
    /// Square roots of the eigenvalues of C.
    pub lengths: Vec<f64>,
    /// p_s.
    pub path_sigma: Vec<f64>,
    /// p_c.
    pub path_covariance: Vec<f64>,
}

/// Numbers that follow from n and lambda (Hansen 2016, table 1).
struct Numbers {
    weights: Vec<f64>,
    mu_eff: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c_1: f64,
    c_mu: f64,
    /// E|N(0, I)|.
    chi: f64,
}

impl Numbers {
    fn new(dimension: usize, candidates: usize, diagonal: bool) -> Self {
        let n = dimension as f64;
        let half = (candidates as f64 + 1.0) / 2.0;
        let raw = (1..=candidates / 2).map(|i| half.ln() - (i as f64).ln());
        let mut weights: Vec<f64> = raw.collect();
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= total);
        let mu_eff = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        let c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0);
        let spare = ((mu_eff - 1.0) / (n + 1.0)).sqrt() - 1.0;
        // A diagonal has n numbers to learn instead of n^2 (Ros & Hansen 2008, eq. 12).
        let faster = if diagonal { (n + 2.0) / 3.0 } else { 1.0 };
        let c_1 = (faster * 2.0 / ((n + 1.3).powi(2) + mu_eff)).min(1.0);
        let c_mu = faster * 2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((n + 2.0).powi(2) + mu_eff);
        Self {
            weights,
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * spare.max(0.0) + c_sigma,
            c_c: (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n),
            c_1,
            c_mu: c_mu.min(1.0 - c_1),
            chi: n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
        }
    }
}

impl Distribution {
    fn new(mean: &[f64], sigma: f64, diagonal: bool) -> Self {
        let n = mean.len();
        let identity: Vec<f64> = DMatrix::<f64>::identity(n, n).iter().copied().collect();
        Self {
            generation: 0,
            factorised: 0,
            mean: mean.to_vec(),
            sigma,
            covariance: if diagonal {
                vec![1.0; n]
            } else {
                identity.clone()
            },
            axes: if diagonal { Vec::new() } else { identity },
            lengths: vec![1.0; n],
            path_sigma: vec![0.0; n],
            path_covariance: vec![0.0; n],
        }
    }

    /// `B D z`, a step of covariance C for a standard normal z.
    fn stretch(&self, z: &[f64]) -> Vec<f64> {
        let scaled: Vec<f64> = z.iter().zip(&self.lengths).map(|(z, d)| z * d).collect();
        self.rotate(&scaled)
    }

    /// `B z`.
    fn rotate(&self, z: &[f64]) -> Vec<f64> {
        if self.axes.is_empty() {
            return z.to_vec();
        }
        let n = z.len();
        let mut rotated = vec![0.0; n];
        for (column, z) in self.axes.chunks_exact(n).zip(z) {
            for (r, b) in rotated.iter_mut().zip(column) {
                *r += b * z;
            }
        }
        rotated
    }

    /// `C^-1/2 y = B D^-1 B^T y`.
    fn whiten(&self, y: &[f64]) -> Vec<f64> {
        let inner: Vec<f64> = if self.axes.is_empty() {
            y.to_vec()
        } else {
            let columns = self.axes.chunks_exact(y.len());
            columns
                .map(|column| crate::vector::dot(column, y))
                .collect()
        };
        let scaled: Vec<f64> = inner
            .iter()
            .zip(&self.lengths)
            .map(|(y, d)| y / d)
            .collect();
        self.rotate(&scaled)
    }

    /// Learns from a generation.
    fn learn(&mut self, population: &Population, numbers: &Numbers) {
        let n = self.mean.len();
        let order = population.ranking();
        let step = |k: usize| -> Vec<f64> {
            let pairs = population.points[k].iter().zip(&self.mean);
            pairs.map(|(x, m)| (x - m) / self.sigma).collect()
        };
        let steps: Vec<Vec<f64>> = order
            .iter()
            .take(numbers.weights.len())
            .map(|k| step(*k))
            .collect();
        let mut y_w = vec![0.0; n];
        for (step, w) in steps.iter().zip(&numbers.weights) {
            crate::vector::add_scaled(&mut y_w, *w, step);
        }
        crate::vector::add_scaled(&mut self.mean, self.sigma, &y_w);

        let c_s = numbers.c_sigma;
        let white = self.whiten(&y_w);
        let share = (c_s * (2.0 - c_s) * numbers.mu_eff).sqrt();
        for (p, y) in self.path_sigma.iter_mut().zip(&white) {
            *p = (1.0 - c_s) * *p + share * y;
        }
        let length = norm(&self.path_sigma);
        self.generation += 1;
        let settled = 1.0 - (1.0 - c_s).powf(2.0 * self.generation as f64);
        let limit = (1.4 + 2.0 / (n as f64 + 1.0)) * numbers.chi;
        let h = if length / settled.sqrt() < limit {
            1.0
        } else {
            0.0
        };
        let c_c = numbers.c_c;
        let share = h * (c_c * (2.0 - c_c) * numbers.mu_eff).sqrt();
        for (p, y) in self.path_covariance.iter_mut().zip(&y_w) {
            *p = (1.0 - c_c) * *p + share * y;
        }

        let (c_1, c_mu) = (numbers.c_1, numbers.c_mu);
        // the variance that the path lacks where h is 0
        let keep = 1.0 - c_1 - c_mu + (1.0 - h) * c_1 * c_c * (2.0 - c_c);
        let diagonal = self.axes.is_empty();
        for j in 0..n {
            for i in 0..n {
                let entry = match diagonal {
                    true if i != j => continue,
                    true => i,
                    false => j * n + i,
                };
                let rank_one = self.path_covariance[i] * self.path_covariance[j];
                let weighted = steps.iter().zip(&numbers.weights);
                let rank_mu: f64 = weighted.map(|(y, w)| w * y[i] * y[j]).sum();
                let c = &mut self.covariance[entry];
                *c = keep * *c + c_1 * rank_one + c_mu * rank_mu;
            }
        }
        self.sigma *= (c_s / numbers.d_sigma * (length / numbers.chi - 1.0)).exp();
        self.factorise(numbers);
    }

    /// Factorises C where it has changed enough since the last time.
    fn factorise(&mut self, numbers: &Numbers) {
        let n = self.mean.len();
        if self.axes.is_empty() {
            for (d, c) in self.lengths.iter_mut().zip(&self.covariance) {
                *d = c.max(f64::MIN_POSITIVE).sqrt();
            }
            return;
        }
        let every = 1.0 / (10.0 * n as f64 * (numbers.c_1 + numbers.c_mu));
        if ((self.generation - self.factorised) as f64) < every {
            return;
        }
        self.factorised = self.generation;
        let eigen = SymmetricEigen::new(DMatrix::from_column_slice(n, n, &self.covariance));
        self.axes = eigen.eigenvectors.iter().copied().collect();
        // round-off may make the smallest eigenvalues negative
        let least = eigen.eigenvalues.max() * f64::EPSILON;
        let lengths = eigen.eigenvalues.iter();
        self.lengths = lengths.map(|value| value.max(least).sqrt()).collect();
    }
}

impl Default for CmaEs {
    fn default() -> Self {
        Self {
            candidates: 0,
            spread: default_spread(),
            diagonal: false,
            seed: 0,
            search: None,
            population: Population::default(),
        }
    }
}

impl CmaEs {
    /// lambda.
    fn lambda(&self, dimension: usize) -> usize {
        match self.candidates {
            0 => 4 + (3.0 * (dimension as f64).ln()) as usize,
            candidates => candidates,
        }
    }
}

impl Update for CmaEs {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let lambda = self.lambda(x.len());
        if let Some(search) = &mut self.search {
            if !self.population.tell(x, evaluation.value) {
                return Step::Probe;
            }
            search.learn(
                &self.population,
                &Numbers::new(x.len(), lambda, self.diagonal),
            );
        }
        let fresh = || Distribution::new(x, self.spread, self.diagonal);
        let search = self.search.get_or_insert_with(fresh);
        let mut random = Random::new(self.seed, &[search.generation]);
        let candidate = |_| {
            let step = search.stretch(&random.normals(x.len()));
            let pairs = search.mean.iter().zip(step);
            let mut point: Vec<f64> = pairs.map(|(m, y)| m + search.sigma * y).collect();
            context.layout.project(&mut point);
            point
        };
        let points = (0..lambda).map(candidate).collect();
        self.population.begin(points, x);
        Step::Accepted
    }

    fn restart(&mut self) {
        self.search = None;
        self.population = Population::default();
    }

    fn endures(&self) -> bool {
        true
    }

    fn fits(&self, n: usize) -> bool {
        let fit = |s: &Distribution| {
            let lines = [&s.mean, &s.lengths, &s.path_sigma, &s.path_covariance];
            let square = if self.diagonal { n } else { n * n };
            let axes = if self.diagonal { 0 } else { n * n };
            lines.iter().all(|v| v.len() == n)
                && s.covariance.len() == square
                && s.axes.len() == axes
        };
        self.search.iter().all(fit) && self.population.fits(n)
    }
}
