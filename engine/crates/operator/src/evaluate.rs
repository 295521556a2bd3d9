//! How good an operator is on trajectories that it has not seen.

use nalgebra::DMatrix;

use crate::{
    data::{Trajectory, farthest_points},
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
