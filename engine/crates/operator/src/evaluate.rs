//! How good an operator is on trajectories that it has not seen.

use backflow_sim::scene::spec::Spec;
use nalgebra::DMatrix;

use crate::{
    data::{Trajectory, farthest_points, run},
    decode::{Decoder, Kernel},
    error::OperatorError,
    model::{Baseline, Operator},
    rollout::{roll, roll_baseline},
    train::{Score, Track, score},
};

/// What is predicted of a trajectory, and how good it is.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The samples, and where they really were.
    pub track: Track,
    /// Where the operator says that they were (m), from the first step after its window on.
    pub rolled: Vec<DMatrix<f32>>,
    /// Errors of the operator.
    pub score: Score,
    /// Errors of the predictions without learning.
    pub baselines: Vec<(Baseline, Score)>,
    /// How many coordinates walls held back.
    pub held: usize,
    /// Greatest distance (m) of a sample beyond a wall.
    pub beyond: f64,
}

/// Rolls an operator out over a whole trajectory, from as many true positions as it sees.
///
/// # Errors
/// A trajectory that does not fit, or numbers that are not finite.
pub fn judge(
    operator: &Operator<f32>,
    trajectory: &Trajectory,
    samples: usize,
) -> Result<Judged, OperatorError> {
    let scales = &operator.scales;
    // The data say the step in double precision, and so does the operator.
    if (trajectory.frame - scales.frame).abs() > 1e-9 * scales.frame {
        let what = "time of a step (s)";
        return Err(OperatorError::mismatch(
            what,
            trajectory.frame,
            scales.frame,
        ));
    }
    let steps = operator.steps();
    if trajectory.frames() <= steps {
        let what = "frames of a trajectory";
        let expected = format!("more than {steps}");
        return Err(OperatorError::mismatch(what, trajectory.frames(), expected));
    }
    if trajectory.count < samples || samples == 0 {
        let what = "samples";
        let expected = format!("1 to {}", trajectory.count);
        return Err(OperatorError::mismatch(what, samples, expected));
    }
    let chosen = farthest_points(trajectory.positions(0), samples, 0);
    let track = Track::new(trajectory, 0, chosen);
    let excerpt = track.excerpt(steps - 1, steps, trajectory.frames());
    let (room, window, truth) = (&track.room, &excerpt.window, &excerpt.targets);
    let (rolled, held) = roll(operator, room, window, truth.len())?;
    let baselines = Baseline::ALL.map(|baseline| {
        let rolled = roll_baseline(baseline, room, scales.frame, window, truth.len());
        (baseline, score(&rolled, truth, &window.rest))
    });
    let mut beyond = 0.0_f64;
    for x in rolled.iter().flat_map(|x| x.column_iter()) {
        for axis in 0..3 {
            let [low, high] = [0, 1].map(|side| room.bounds[side][axis] as f32);
            beyond = beyond.max(f64::from((low - x[axis]).max(x[axis] - high)));
        }
    }
    Ok(Judged {
        score: score(&rolled, truth, &window.rest),
        baselines: baselines.to_vec(),
        rolled,
        held,
        beyond,
        track,
    })
}

/// How all particles of a trajectory are found from its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Full {
    /// From the true samples: what the decoder loses.
    pub reconstructed: Score,
    /// From those of the operator.
    pub rolled: Score,
}

/// Decodes all particles of a trajectory from its samples, over the steps that the operator made; by moving
/// least squares without a kernel.
///
/// # Errors
/// Samples and trajectory that do not fit.
pub fn full(
    judged: &Judged,
    trajectory: &Trajectory,
    kernel: Option<&Kernel>,
) -> Result<Full, OperatorError> {
    let rest = &judged.track.x[0];
    let points = trajectory.positions(0);
    let decoder = Decoder::new(rest, points, kernel)?;
    let first = judged.track.x.len() - judged.rolled.len();
    let place = |x: &DMatrix<f32>| -> Result<DMatrix<f32>, OperatorError> {
        let mut all = decoder.apply(&(x - rest))?;
        all.iter_mut()
            .zip(points)
            .for_each(|(x, start)| *x += start);
        Ok(DMatrix::from_vec(3, trajectory.count, all))
    };
    let start = DMatrix::from_column_slice(3, trajectory.count, points);
    let truth: Vec<_> = (first..trajectory.frames())
        .map(|frame| DMatrix::from_column_slice(3, trajectory.count, trajectory.positions(frame)))
        .collect();
    let places = |x: &[DMatrix<f32>]| x.iter().map(place).collect::<Result<Vec<_>, _>>();
    Ok(Full {
        reconstructed: score(&places(&judged.track.x[first..])?, &truth, &start),
        rolled: score(&places(&judged.rolled)?, &truth, &start),
    })
}

/// What the engine itself says with as few particles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coarse {
    /// Its particles.
    pub particles: usize,
    /// Errors of all particles, decoded from these by moving least squares.
    pub score: Score,
}

/// Runs the scene of a trajectory on a grid so coarse that about `samples` particles are left, and
/// decodes all particles from them. Errors are those of the steps from `first` on.
///
/// # Errors
/// A scene that cannot be run at that size.
pub fn coarse(
    spec: &Spec<()>,
    trajectory: &Trajectory,
    samples: usize,
    first: usize,
) -> Result<Coarse, OperatorError> {
    let quality = (samples as f64 / trajectory.count.max(1) as f64).cbrt();
    let few = run(&spec.at_quality(quality))?;
    let matrix = |x: &[f32]| DMatrix::from_column_slice(3, x.len() / 3, x);
    let (rest, start) = (matrix(few.positions(0)), trajectory.positions(0));
    let decoder = Decoder::new(&rest, start, None)?;
    let frames = first..trajectory.frames().min(few.frames());
    let decoded = |frame: usize| -> Result<DMatrix<f32>, OperatorError> {
        let moved = decoder.apply(&(matrix(few.positions(frame)) - &rest))?;
        Ok(matrix(&moved) + matrix(start))
    };
    let found = frames.clone().map(decoded).collect::<Result<Vec<_>, _>>()?;
    let truth: Vec<_> = frames
        .map(|frame| matrix(trajectory.positions(frame)))
        .collect();
    Ok(Coarse {
        particles: few.count,
        score: score(&found, &truth, &matrix(start)),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rayon::prelude::*;

    use super::*;
    use crate::{
        data::{Recipe, Split, simulate, spec},
        testing::{recipe, still},
        train::Card,
    };

    /// Operators in the assets.
    const SHIPPED: [&str; 1] = ["jelly"];

    #[test]
    fn the_engine_at_its_own_size_makes_no_error() {
        let recipe = recipe();
        let truth = simulate(&recipe, "jelly", Split::Test, 0).unwrap();
        let spec = spec(&recipe, "jelly", Split::Test, 0).unwrap();
        let same = coarse(&spec, &truth, truth.count, 2).unwrap();
        assert_eq!(same.particles, truth.count);
        // Decoding a point from the samples about it that it is one of.
        assert!(same.score.relative < 0.05, "{:?}", same.score);
        let few = coarse(&spec, &truth, truth.count / 4, 2).unwrap();
        assert!(few.particles < truth.count / 2);
        assert!(few.score.mse > same.score.mse);
    }

    #[test]
    fn shipped_operators_are_good_on_shapes_that_they_have_not_seen() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/operators");
        let recipe = Recipe::read(&folder.join("drop.ron")).unwrap();
        for material in SHIPPED {
            let trained = Card::read(&folder.join(format!("{material}.ron"))).unwrap();
            assert_eq!(trained.card.material, material);
            let one = |number: usize| {
                let truth = simulate(&recipe, material, Split::Test, number).unwrap();
                let judged = judge(&trained.operator, &truth, trained.card.samples).unwrap();
                let learned = full(&judged, &truth, trained.kernel.as_ref()).unwrap();
                let plain = full(&judged, &truth, None).unwrap();
                let [velocity, fall, _] = [0, 1, 2].map(|at| judged.baselines[at].1);
                let decoded = [learned, plain].map(|full| full.reconstructed);
                [judged.score, velocity, fall, decoded[0], decoded[1]]
            };
            let numbers = (0..recipe.counts.test).into_par_iter();
            let all: Vec<[Score; 5]> = numbers.map(one).collect();
            let mean = |part: usize| {
                Score::mean(&all.iter().map(|scores| scores[part]).collect::<Vec<_>>()).mse
            };
            let [own, velocity, fall, learned, plain] = [0, 1, 2, 3, 4].map(mean);
            assert!(
                own * 20.0 < velocity && own * 5.0 < fall,
                "{material}: {own:e}, constant velocity {velocity:e}, free fall {fall:e}"
            );
            assert!(learned < plain, "{material}: {learned:e} {plain:e}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let truth = simulate(&recipe(), "jelly", Split::Test, 0).unwrap();
        let error = judge(&still(0.02), &truth, 20).unwrap_err().to_string();
        assert_eq!(error, "time of a step (s): found 0.01, expected 0.02");
        let error = judge(&still(0.01), &truth, 5000).unwrap_err().to_string();
        assert!(
            error.starts_with("samples: found 5000, expected 1 to"),
            "{error}"
        );
    }
}
