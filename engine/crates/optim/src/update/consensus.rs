//! Particles that drift to where their values are low, with noise while they disagree.

use serde::{Deserialize, Serialize};

use super::population::{Population, gibbs_mean};
use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::random::Random;

/// Time step by default.
pub(super) fn default_rate() -> f64 {
    0.1
}

/// Particles by default.
pub(super) fn default_particles() -> usize {
    20
}

/// Pull by default, per unit of time.
pub(super) fn default_drift() -> f64 {
    1.0
}

/// Noise by default, per root of the unit of time.
pub(super) fn default_noise() -> f64 {
    2.0
}

/// Sharpness by default, per unit of the value.
pub(super) fn default_sharpness() -> f64 {
    30.0
}

/// Spread of the first particles by default, in parameter units.
pub(super) fn default_spread() -> f64 {
    1.0
}

/// Consensus-based optimisation with anisotropic noise (Pinnau, Totzeck, Tse & Martin 2017;
/// Carrillo, Jin, Li & Zhu 2021, eq. 2.6; Riedl, Klock, Geldhauser & Fornasier 2023, eq. 4):
///
/// ```text
/// v = sum_i x_i exp(-alpha f_i) / sum_i exp(-alpha f_i)
/// x_i <- x_i - drift dt (x_i - v) + noise sqrt(dt) (x_i - v) * xi_i       xi_i ~ N(0, I)
/// ```
///
/// entry by entry, with dt the rate. Needs values alone (estimator `Values`); every evaluation is
/// one of one particle. A particle whose value is not finite weighs nothing. The first particle
/// is the start, the others are normal about it, or uniform where both bounds of an entry are
/// given and the spread is 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consensus {
    /// How many particles (default: 20).
    pub particles: usize,
    /// Pull to the consensus, per unit of time (default: 1).
    pub drift: f64,
    /// Noise, per root of the unit of time (default: 2).
    pub noise: f64,
    /// alpha, per unit of the value (default: 30).
    pub sharpness: f64,
    /// Standard deviation of the first particles in parameter units; 0: uniform within the
    /// bounds (default: 1).
    pub spread: f64,
    /// Seed of the noise (default: 0).
    pub seed: u64,
    /// Generations begun.
    pub generation: u64,
    /// The particles of this one.
    pub population: Population,
}

impl Default for Consensus {
    fn default() -> Self {
        Self {
            particles: default_particles(),
            drift: default_drift(),
            noise: default_noise(),
            sharpness: default_sharpness(),
            spread: default_spread(),
            seed: 0,
            generation: 0,
            population: Population::default(),
        }
    }
}

/// A point drawn about `centre`: normal of standard deviation `spread`, or uniform within the
/// bounds of an entry that has both where `spread` is 0.
pub(super) fn draw(
    centre: &[f64],
    spread: f64,
    random: &mut Random,
    context: &Context,
) -> Vec<f64> {
    let entries = centre.iter().zip(context.layout.bounds());
    let entry = |(x, bounds): (&f64, &crate::parameters::Bounds)| match (bounds.lower, bounds.upper)
    {
        (Some(lower), Some(upper)) if spread == 0.0 => lower + (upper - lower) * random.uniform(),
        _ => x + spread * random.normal(),
    };
    let mut point: Vec<f64> = entries.map(entry).collect();
    context.layout.project(&mut point);
    point
}

impl Consensus {
    /// The particles of the first generation.
    fn first(&self, x: &[f64], context: &Context<'_>) -> Vec<Vec<f64>> {
        let mut random = Random::new(self.seed, &[self.generation]);
        let others = (1..self.particles).map(|_| draw(x, self.spread, &mut random, context));
        std::iter::once(x.to_vec()).chain(others).collect()
    }

    /// The particles moved.
    fn next(&self, dt: f64) -> Vec<Vec<f64>> {
        let Population { points, values } = &self.population;
        let consensus = gibbs_mean(points, values, self.sharpness);
        let mut random = Random::new(self.seed, &[self.generation]);
        let mut moved = points.clone();
        for point in &mut moved {
            for (x, v) in point.iter_mut().zip(&consensus) {
                let away = *x - v;
                *x += away * (self.noise * dt.sqrt() * random.normal() - self.drift * dt);
            }
        }
        moved
    }
}

impl Update for Consensus {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        if self.population.points.is_empty() {
            self.generation = 0;
            let mut points = self.first(x, context);
            std::mem::swap(&mut self.population.points, &mut points);
        }
        if !self.population.tell(x, evaluation.value) {
            return Step::Probe;
        }
        self.generation += 1;
        let points = self.next(context.rate);
        self.population.begin(points, x);
        Step::Accepted
    }

    fn restart(&mut self) {
        self.population = Population::default();
    }

    fn endures(&self) -> bool {
        true
    }

    fn fits(&self, dimension: usize) -> bool {
        self.population.fits(dimension)
    }
}
