//! How good an operator is on trajectories that it has not seen.

use backflow_sim::scene::spec::Spec;
use kiddo::{SquaredEuclidean, immutable::float::kdtree::ImmutableKdTree};
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
    judge_from(operator, trajectory, samples, operator.steps())
}

/// The same from the positions before frame `first`, of which it sees as many as it does: operators that see
/// more and fewer of them are judged on the same frames.
///
/// # Errors
/// A trajectory that does not fit, fewer positions than the operator sees, or numbers that are not finite.
pub fn judge_from(
    operator: &Operator<f32>,
    trajectory: &Trajectory,
    samples: usize,
    first: usize,
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
    if first < steps {
        let what = "positions that a rollout starts from";
        return Err(OperatorError::mismatch(
            what,
            first,
            format!("at least {steps}"),
        ));
    }
    if trajectory.frames() <= first {
        let what = "frames of a trajectory";
        let expected = format!("more than {first}");
        return Err(OperatorError::mismatch(what, trajectory.frames(), expected));
    }
    if trajectory.count < samples || samples == 0 {
        let what = "samples";
        let expected = format!("1 to {}", trajectory.count);
        return Err(OperatorError::mismatch(what, samples, expected));
    }
    let chosen = farthest_points(trajectory.positions(0), samples, 0);
    let track = Track::new(trajectory, 0, chosen);
    let excerpt = track.excerpt(first - 1, steps, trajectory.frames());
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

impl Judged {
    /// How much the momentum of the samples changes beyond their weight where none of them is within `reach` (m)
    /// of a wall: the mean over such steps of `|mean_i (x_(t+1) - 2 x_t + x_(t-1)) - frame^2 g| / (frame^2 |g|)`, and
    /// their number. A step lasts `frame` (s).
    pub fn momentum(&self, frame: f64, reach: f64) -> (f64, usize) {
        let (room, first) = (&self.track.room, self.track.x.len() - self.rolled.len());
        let start = &self.track.x[first.saturating_sub(2)..first];
        let x: Vec<_> = start.iter().chain(&self.rolled).collect();
        let inside = |x: &DMatrix<f32>| {
            x.column_iter().all(|x| {
                (0..3).all(|axis| {
                    let [low, high] = [0, 1].map(|side| room.bounds[side][axis]);
                    let at = f64::from(x[axis]);
                    at > low + reach && at < high - reach
                })
            })
        };
        let weight = room.gravity.map(|g| g * frame * frame);
        let size = weight.iter().map(|w| w * w).sum::<f64>().sqrt();
        let (mut sum, mut count) = (0.0, 0);
        for step in x.windows(3) {
            if !step.iter().all(|x| inside(x)) {
                continue;
            }
            let mut excess = weight.map(|w| -w);
            let samples = step[0].ncols() as f64;
            for i in 0..step[0].ncols() {
                for (axis, excess) in excess.iter_mut().enumerate() {
                    let [old, now, new] = [0, 1, 2].map(|at| f64::from(step[at][(axis, i)]));
                    *excess += (new - 2.0 * now + old) / samples;
                }
            }
            sum += excess.iter().map(|e| e * e).sum::<f64>().sqrt() / size.max(f64::MIN_POSITIVE);
            count += 1;
        }
        (sum / f64::from(count.max(1) as u32), count)
    }
}

/// Frames of which one is compared as a cloud of points.
const CLOUDS: usize = 10;

/// Points of a leaf of the tree that nearest points are searched with.
const LEAF: usize = 32;

/// Mean over every tenth frame of the symmetric squared distance between clouds of points (m^2), each point with
/// the nearest of the other cloud: `mean_a min_b |a - b|^2 + mean_b min_a |a - b|^2` ("Chamfer", Fan, Su & Guibas 2017,
/// eq. 1, with means). It asks where matter is, not which particle is where.
pub fn chamfer(found: &[DMatrix<f32>], truth: &[DMatrix<f32>]) -> f64 {
    let rows = |x: &DMatrix<f32>| -> Vec<[f32; 3]> {
        x.column_iter().map(|x| [x[0], x[1], x[2]]).collect()
    };
    let one_way = |from: &[[f32; 3]], to: &[[f32; 3]]| {
        let tree: ImmutableKdTree<f32, u32, 3, LEAF> = ImmutableKdTree::new_from_slice(to);
        let nearest = |a: &[f32; 3]| {
            let near = tree.nearest_one::<SquaredEuclidean>(a);
            f64::from(near.distance)
        };
        from.iter().map(nearest).sum::<f64>() / from.len().max(1) as f64
    };
    let pairs = found.iter().zip(truth).step_by(CLOUDS);
    let each = pairs.map(|(a, b)| (rows(a), rows(b)));
    let each: Vec<f64> = each
        .map(|(a, b)| one_way(&a, &b) + one_way(&b, &a))
        .collect();
    each.iter().sum::<f64>() / each.len().max(1) as f64
}

/// How all particles of a trajectory are found from its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Full {
    /// From the true samples: what the decoder loses.
    pub reconstructed: Score,
    /// From those of the operator.
    pub rolled: Score,
    /// [`chamfer`] of all particles from the samples of the operator (m^2).
    pub chamfer: f64,
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
    let rolled = places(&judged.rolled)?;
    Ok(Full {
        reconstructed: score(&places(&judged.track.x[first..])?, &truth, &start),
        rolled: score(&rolled, &truth, &start),
        chamfer: chamfer(&rolled, &truth),
    })
}

/// What the engine itself says with as few particles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coarse {
    /// Its particles.
    pub particles: usize,
    /// Errors of all particles, decoded from these by moving least squares.
    pub score: Score,
    /// [`chamfer`] of them (m^2).
    pub chamfer: f64,
}

impl Coarse {
    /// How good a coarse run is: `found` is what [`coarse_decode`] made of `few`, from frame `first` on.
    pub fn of(
        few: &Trajectory,
        found: &[DMatrix<f32>],
        trajectory: &Trajectory,
        first: usize,
    ) -> Self {
        let start = matrix(trajectory.positions(0));
        let truth: Vec<_> = (first..first + found.len())
            .map(|frame| matrix(trajectory.positions(frame)))
            .collect();
        Self {
            particles: few.count,
            score: score(found, &truth, &start),
            chamfer: chamfer(found, &truth),
        }
    }
}

fn matrix(x: &[f32]) -> DMatrix<f32> {
    DMatrix::from_column_slice(3, x.len() / 3, x)
}

/// Runs the scene of a trajectory on a grid so coarse that about `samples` particles are left.
///
/// # Errors
/// A scene that cannot be run at that size.
pub fn coarse_run(
    spec: &Spec<()>,
    trajectory: &Trajectory,
    samples: usize,
) -> Result<Trajectory, OperatorError> {
    let quality = (samples as f64 / trajectory.count.max(1) as f64).cbrt();
    run(&spec.at_quality(quality))
}

/// Where all particles of a trajectory are (m) by moving least squares from a coarse run, from frame `first` on.
///
/// # Errors
/// A run without particles.
pub fn coarse_decode(
    few: &Trajectory,
    trajectory: &Trajectory,
    first: usize,
) -> Result<Vec<DMatrix<f32>>, OperatorError> {
    let (rest, start) = (matrix(few.positions(0)), trajectory.positions(0));
    let decoder = Decoder::new(&rest, start, None)?;
    let decoded = |frame: usize| -> Result<DMatrix<f32>, OperatorError> {
        let moved = decoder.apply(&(matrix(few.positions(frame)) - &rest))?;
        Ok(matrix(&moved) + matrix(start))
    };
    (first..trajectory.frames().min(few.frames()))
        .map(decoded)
        .collect()
}

/// [`coarse_run`] and [`coarse_decode`], and how good they are from frame `first` on.
///
/// # Errors
/// A scene that cannot be run at that size.
pub fn coarse(
    spec: &Spec<()>,
    trajectory: &Trajectory,
    samples: usize,
    first: usize,
) -> Result<Coarse, OperatorError> {
    let few = coarse_run(spec, trajectory, samples)?;
    let found = coarse_decode(&few, trajectory, first)?;
    Ok(Coarse::of(&few, &found, trajectory, first))
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

    /// Operators in the assets, how many test trajectories they are judged by here, and how many times less than constant
    /// velocity and free fall their mean squared errors are at least.
    const SHIPPED: [(&str, usize, f64, f64); 4] = [
        ("jelly", 8, 20.0, 5.0),
        ("clay", 2, 20.0, 5.0),
        ("sand", 2, 20.0, 5.0),
        ("water", 2, 20.0, 5.0),
    ];

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
        for (material, count, over_velocity, over_fall) in SHIPPED {
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
            let numbers = (0..count).into_par_iter();
            let all: Vec<[Score; 5]> = numbers.map(one).collect();
            let mean = |part: usize| {
                Score::mean(&all.iter().map(|scores| scores[part]).collect::<Vec<_>>()).mse
            };
            let [own, velocity, fall, learned, plain] = [0, 1, 2, 3, 4].map(mean);
            assert!(
                own * over_velocity < velocity && own * over_fall < fall,
                "{material}: {own:e}, constant velocity {velocity:e}, free fall {fall:e}"
            );
            assert!(learned < plain, "{material}: {learned:e} {plain:e}");
        }
    }

    #[test]
    fn clouds_are_compared_whichever_particle_is_where() {
        let a = DMatrix::from_column_slice(3, 2, &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let swapped = DMatrix::from_column_slice(3, 2, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(chamfer(std::slice::from_ref(&a), &[swapped]), 0.0);
        // From a: 0 and 1; from the single point: 0.
        let one = DMatrix::from_column_slice(3, 1, &[0.0, 0.0, 0.0]);
        assert_eq!(chamfer(&[a], &[one]), 0.5);
        // Many at one height, as on a floor, and many at one place, as in a corner.
        let lie = |shift: f32| {
            DMatrix::from_fn(3, 2000, |axis, i| match (axis, i % 4) {
                (1, _) | (_, 0) => 0.0,
                (0, _) => (i / 40) as f32 + shift,
                _ => (i % 40) as f32,
            })
        };
        let expected = 2.0 * 0.75 * 0.0625;
        assert!((chamfer(&[lie(0.0)], &[lie(0.25)]) - expected).abs() < 1e-3);
    }

    #[test]
    fn free_fall_changes_momentum_by_weight_alone_and_constant_velocity_does_not() {
        let truth = simulate(&recipe(), "jelly", Split::Test, 0).unwrap();
        let judged = judge(&still(0.01), &truth, 30).unwrap();
        let (error, steps) = judged.momentum(0.01, 0.01);
        // Rounding of positions in single precision.
        assert!(steps > 2 && error < 1e-3, "{error} in {steps} steps");
        let window = judged.track.excerpt(1, 2, 0).window;
        let room = &judged.track.room;
        let rolled = roll_baseline(Baseline::ConstantVelocity, room, 0.01, &window, 6);
        let track = Track {
            x: judged.track.x[..8].to_vec(),
            ..judged.track
        };
        let drifting = Judged {
            rolled,
            track,
            ..judged
        };
        let (error, steps) = drifting.momentum(0.01, 0.01);
        assert!(steps > 2 && (error - 1.0).abs() < 1e-3, "{error}");
    }

    #[test]
    fn a_rollout_may_start_later_than_it_has_to_but_not_earlier() {
        let truth = simulate(&recipe(), "jelly", Split::Test, 0).unwrap();
        let judged = judge_from(&still(0.01), &truth, 20, 5).unwrap();
        assert_eq!(judged.rolled.len(), truth.frames() - 5);
        let error = judge_from(&still(0.01), &truth, 20, 1).unwrap_err();
        let expected = "positions that a rollout starts from: found 1, expected at least 2";
        assert_eq!(error.to_string(), expected);
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
