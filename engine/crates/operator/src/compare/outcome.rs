//! What a comparison found: of a training, and of what is not learned.

use serde::{Deserialize, Serialize};

use crate::{
    data::{Trajectory, farthest_points},
    decode::Kernel,
    error::OperatorError,
    evaluate::{full, judge_from},
    model::{Baseline, Operator},
    rollout::roll_baseline,
    train::{Score, Track, score},
};

/// Errors on the test trajectories with one number of samples: means over those trajectories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct At {
    /// Samples.
    pub samples: usize,
    /// Of the samples.
    pub rollout: Score,
    /// Mean squared distance as GIOROM counts it: frames that are given count as without error, and lengths are in
    /// edges of the room (its longest).
    pub giorom_mse: f64,
    /// Of all particles, from the samples of the operator.
    pub full: Score,
    /// Of all particles, from the samples of the operator by moving least squares.
    pub full_by_least_squares: Score,
    /// Chamfer distance of all particles (m^2).
    pub chamfer: f64,
    /// Of all particles from the true samples.
    pub reconstructed: Score,
    /// Of all particles from the true samples by moving least squares.
    pub reconstructed_by_least_squares: Score,
    /// Greatest distance of a sample beyond a wall (m).
    pub beyond_walls: f64,
    /// Mean change of momentum in a step away from walls, beyond the weight and over it; absent without such steps.
    pub momentum: Option<f64>,
    /// Mean squared distance of the samples of each trajectory (m^2).
    pub each: Vec<f64>,
    /// Rollouts that were not finite; they are not in the means.
    pub lost: usize,
}

/// What a training came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was learned.
    pub material: String,
    /// By which model.
    pub model: String,
    /// From which seed.
    pub seed: u64,
    /// Weights of the network.
    pub weights: usize,
    /// Steps of the optimiser.
    pub iterations: usize,
    /// CPU time that they took, with validations (s); absent where the system does not tell.
    pub cpu_seconds: Option<f64>,
    /// Best mean squared distance on the validation trajectories (m^2).
    pub validation: f64,
    /// CPU time of a step of the samples (ms).
    pub ms_per_step: f64,
    /// With the samples it was trained with, then with half and twice as many.
    pub at: Vec<At>,
}

/// What is reached without learning, of one material.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Material.
    pub material: String,
    /// Mean number of particles of the test trajectories.
    pub particles: usize,
    /// Test trajectories.
    pub trajectories: usize,
    /// Steps of a rollout.
    pub steps: usize,
    /// Going on as in the last step, of the samples.
    pub constant_velocity: Score,
    /// Falling freely in the room, of the samples.
    pub free_fall: Score,
    /// Not moving, of the samples.
    pub rest: Score,
    /// CPU time of a step of the engine (ms).
    pub engine_ms_per_step: f64,
    /// Particles of the engine on a grid so coarse that it has about as many as there are samples.
    pub coarse_particles: usize,
    /// Its errors, of all particles by moving least squares.
    pub coarse: Score,
    /// Chamfer distance of them (m^2).
    pub coarse_chamfer: f64,
    /// CPU time of a step with decoding (ms).
    pub coarse_ms_per_step: f64,
}

impl At {
    /// Of an operator on trajectories, from the positions before frame `first` on.
    ///
    /// # Errors
    /// Trajectories that do not fit.
    pub fn of(
        operator: &Operator<f32>,
        kernel: Option<&Kernel>,
        trajectories: &[Trajectory],
        samples: usize,
        first: usize,
    ) -> Result<Self, OperatorError> {
        let (frame, reach) = (operator.scales.frame, operator.config.reach.radius);
        let (mut all, mut lost) = (Vec::new(), 0);
        let (mut beyond, mut momentum, mut free) = (0.0_f64, 0.0, 0);
        let mut giorom = Vec::new();
        for trajectory in trajectories {
            let judged = match judge_from(operator, trajectory, samples, first) {
                Err(OperatorError::NotFinite { .. }) => {
                    lost += 1;
                    continue;
                }
                judged => judged?,
            };
            let learned = full(&judged, trajectory, kernel)?;
            let plain = full(&judged, trajectory, None)?;
            beyond = beyond.max(judged.beyond);
            let (error, steps) = judged.momentum(frame, reach);
            momentum += error * steps as f64;
            free += steps;
            let [low, high] = trajectory.bounds;
            let edge = (0..3).fold(0.0_f64, |edge, k| edge.max(high[k] - low[k]));
            let rolled = judged.rolled.len() as f64 / trajectory.frames() as f64;
            giorom.push(judged.score.mse * rolled / (edge * edge));
            all.push((judged.score, learned, plain));
        }
        let mean = |part: &dyn Fn(&(Score, _, _)) -> Score| {
            Score::mean(&all.iter().map(part).collect::<Vec<_>>())
        };
        let count = all.len().max(1) as f64;
        Ok(Self {
            samples,
            rollout: mean(&|one| one.0),
            giorom_mse: giorom.iter().sum::<f64>() / count,
            full: mean(&|one| one.1.rolled),
            full_by_least_squares: mean(&|one| one.2.rolled),
            chamfer: all.iter().map(|one| one.1.chamfer).sum::<f64>() / count,
            reconstructed: mean(&|one| one.1.reconstructed),
            reconstructed_by_least_squares: mean(&|one| one.2.reconstructed),
            beyond_walls: beyond,
            momentum: (free > 0).then(|| momentum / free as f64),
            each: all.iter().map(|one| one.0.mse).collect(),
            lost,
        })
    }
}

impl Reference {
    /// Errors of the predictions without learning among `samples` samples, from the positions before frame `first`
    /// on. What the engine makes of it is for the caller to fill in.
    ///
    /// # Errors
    /// Trajectories with fewer particles or frames.
    pub fn of(
        material: &str,
        trajectories: &[Trajectory],
        samples: usize,
        first: usize,
    ) -> Result<Self, OperatorError> {
        let (mut scores, mut steps) = (Vec::new(), 0);
        for trajectory in trajectories {
            if trajectory.count < samples || trajectory.frames() <= first.max(2) {
                let what = format!("test trajectories of {material}");
                let (count, frames) = (trajectory.count, trajectory.frames());
                let found = format!("{count} particles in {frames} frames");
                let expected = format!("at least {samples} in more than {}", first.max(2));
                return Err(OperatorError::mismatch(what, found, expected));
            }
            let chosen = farthest_points(trajectory.positions(0), samples, 0);
            let track = Track::new(trajectory, 0, chosen);
            let excerpt = track.excerpt(first.max(2) - 1, 2, trajectory.frames());
            let (window, truth) = (&excerpt.window, &excerpt.targets);
            steps = truth.len();
            scores.push(Baseline::ALL.map(|baseline| {
                let rolled =
                    roll_baseline(baseline, &track.room, trajectory.frame, window, truth.len());
                score(&rolled, truth, &window.rest)
            }));
        }
        let mean =
            |at: usize| Score::mean(&scores.iter().map(|scores| scores[at]).collect::<Vec<_>>());
        let count = trajectories.len().max(1);
        Ok(Self {
            material: material.to_owned(),
            particles: trajectories.iter().map(|t| t.count).sum::<usize>() / count,
            trajectories: trajectories.len(),
            steps,
            constant_velocity: mean(0),
            free_fall: mean(1),
            rest: mean(2),
            engine_ms_per_step: 0.0,
            coarse_particles: 0,
            coarse: Score::default(),
            coarse_chamfer: 0.0,
            coarse_ms_per_step: 0.0,
        })
    }
}

/// The median; the mean of the two in the middle of an even number, 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[half],
        _ => 0.5 * (sorted[half - 1] + sorted[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::Split,
        testing::{TINY, trajectories},
    };

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn errors_are_means_over_trajectories_and_those_of_giorom_count_what_is_given() {
        let (recipe, operator) = &*TINY;
        let test = trajectories(recipe, Split::Test);
        let at = At::of(operator, None, &test, 48, 6).unwrap();
        assert_eq!((at.each.len(), at.lost, at.beyond_walls), (2, 0, 0.0));
        let mean = 0.5 * (at.each[0] + at.each[1]);
        assert!((at.rollout.mse - mean).abs() < 1e-12 * mean);
        // 35 of 41 frames, in a room of half a metre.
        let expected = mean * 35.0 / 41.0 / 0.25;
        assert!((at.giorom_mse - expected).abs() < 1e-12 * expected);
        assert_eq!(at.full, at.full_by_least_squares);
        assert!(at.chamfer > 0.0 && at.chamfer < at.full.mse);
        // Forces between pairs cancel.
        assert!(at.momentum.unwrap() < 1e-3, "{:?}", at.momentum);
        let reference = Reference::of("jelly", &test, 48, 6).unwrap();
        assert!(reference.free_fall.mse > at.rollout.mse);
        assert_eq!(reference.steps, 35);
        assert!(Reference::of("jelly", &test, 100_000, 6).is_err());
    }
}
