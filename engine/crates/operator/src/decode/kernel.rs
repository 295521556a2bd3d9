//! Shares that are learned.

use std::path::Path;

use backflow_optim::{
    Context, Evaluation, Layout, Random, Schedule, Update, schedule::Cosine, update::AdamW,
};
use backflow_sim::io::{Array, Npz, write_npz};
use nalgebra::DMatrix;

use super::{Decoder, fit::Fit};
use crate::{
    data::Trajectory,
    error::OperatorError,
    layer::Mlp,
    train::{Pool, Track},
};

/// What moving least squares leave, learned: with `r_k` what the affine fit about a point leaves of the
/// value of sample k,
///
/// ```text
/// u(q) = sum_k phi_k u_k + sum_k psi_k r_k,      psi_k = mlp(r_k / h, w_k, 14 phi_k, leverage - 1)
/// ```
///
/// Affine motions leave nothing, and are kept. The residuals are linear in the values, and so is u(q):
/// what is learned are other shares, which cost no more than those of moving least squares. The inputs
/// are lengths over h, so that they know nothing of directions, sizes and numbers of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    weights: Vec<f64>,
}

/// Inputs of a sample.
const INPUTS: usize = 4;

/// Points that an iteration learns from.
const POINTS: usize = 64;

/// Moments of time that it learns from.
const MOMENTS: usize = 4;

/// Rate at the start.
const RATE: f64 = 3e-3;

const fn network() -> Mlp {
    Mlp::new(INPUTS, 16, 1, false)
}

fn inputs(fit: &Fit) -> DMatrix<f64> {
    DMatrix::from_fn(INPUTS, fit.indices.len(), |row, k| match row {
        0 => fit.distance(k),
        1 => fit.weights[k],
        2 => Decoder::NEIGHBOURS as f64 * fit.shares[k],
        // Far beyond the samples it has no bound.
        _ => (fit.leverage - 1.0).clamp(0.0, 4.0),
    })
}

impl Kernel {
    /// With these weights, as [`Kernel::weights`] gives them.
    ///
    /// # Errors
    /// Another number of weights.
    pub fn new(weights: &[f32]) -> Result<Self, OperatorError> {
        let size = network().size();
        if weights.len() != size {
            let what = "weights of the kernel of a decoder";
            return Err(OperatorError::mismatch(what, weights.len(), size));
        }
        let weights = weights.iter().map(|&w| f64::from(w)).collect();
        Ok(Self { weights })
    }

    /// Its weights.
    pub fn weights(&self) -> Vec<f32> {
        self.weights.iter().map(|&w| w as f32).collect()
    }

    /// Writes it, for [`Kernel::read`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), OperatorError> {
        let weights = self.weights();
        let shape = vec![weights.len()];
        write_npz(path, &[("kernel", Array::F32(shape, &weights))])?;
        Ok(())
    }

    /// Reads the array `kernel` of an `.npz` file.
    ///
    /// # Errors
    /// The file cannot be read, or has no such array or one of another size.
    pub fn read(path: &Path) -> Result<Self, OperatorError> {
        Self::new(&Npz::open(path)?.f32("kernel", &[None])?.1)
    }

    /// With random weights.
    #[cfg(test)]
    pub(super) fn random(seed: u64) -> Self {
        let mut weights = vec![0.0; network().size()];
        network().start(1.0, &mut Random::new(seed, &[]), &mut weights);
        Self { weights }
    }

    /// The shares of the samples about a point.
    pub(super) fn shares(&self, fit: &Fit) -> Vec<f64> {
        let psi = network().apply(&self.weights, &inputs(fit)).0;
        let count = fit.indices.len();
        let share = |m: usize| {
            let taken: f64 = (0..count).map(|k| psi[k] * fit.influence(k, m)).sum();
            fit.shares[m] + psi[m] - taken
        };
        (0..count).map(share).collect()
    }
}

/// A point of a trajectory among its samples.
struct Case {
    fit: Fit,
    /// At each moment what the fit leaves of each sample, and of the point itself (m).
    left: Vec<(Vec<[f64; 3]>, [f64; 3])>,
}

impl Case {
    fn new(track: &Track, trajectory: &Trajectory, particle: usize, moments: &[usize]) -> Self {
        let rest = &track.x[0];
        let fit = Fit::new(rest, trajectory.position(0, particle), Decoder::NEIGHBOURS);
        let count = fit.indices.len();
        let start = trajectory.position(0, particle);
        let left = moments.iter().map(|&frame| {
            let now = trajectory.position(frame, particle);
            let u: Vec<[f64; 3]> = fit
                .indices
                .iter()
                .map(|&index| {
                    let at = index as usize;
                    [0, 1, 2].map(|axis| f64::from(track.x[frame][(axis, at)] - rest[(axis, at)]))
                })
                .collect();
            let fitted = |influence: &dyn Fn(usize) -> f64, axis: usize| -> f64 {
                (0..count).map(|m| influence(m) * u[m][axis]).sum()
            };
            let residual = |k: usize| {
                [0, 1, 2].map(|axis| u[k][axis] - fitted(&|m| fit.influence(k, m), axis))
            };
            let own = [0, 1, 2]
                .map(|axis| f64::from(now[axis] - start[axis]) - fitted(&|m| fit.shares[m], axis));
            ((0..count).map(residual).collect(), own)
        });
        let left = left.collect();
        Self { fit, left }
    }

    /// Squared error over the squared error without a kernel's unit `unit` (m^2), and its cotangent of psi.
    fn error(&self, psi: &[f64], unit: f64) -> (f64, Vec<f64>) {
        let (mut sum, mut bar) = (0.0, vec![0.0; psi.len()]);
        for (residuals, own) in &self.left {
            for axis in 0..3 {
                let corrected: f64 = psi.iter().zip(residuals).map(|(p, r)| p * r[axis]).sum();
                let error = corrected - own[axis];
                sum += error * error / unit;
                for (bar, r) in bar.iter_mut().zip(residuals) {
                    *bar += 2.0 * error * r[axis] / unit;
                }
            }
        }
        (sum, bar)
    }
}

/// Learns a kernel from trajectories, in `iterations` steps of AdamW; `sets` sets of `count` samples each.
///
/// # Errors
/// Trajectories with fewer particles than samples.
pub fn train_kernel(
    trajectories: &[Trajectory],
    count: usize,
    sets: usize,
    iterations: usize,
    seed: u64,
) -> Result<Kernel, OperatorError> {
    let pool = Pool::new(trajectories, count, sets, 1.0, seed)?;
    let network = network();
    let mut weights = vec![0.0; network.size()];
    // The second layer starts at zero: moving least squares.
    network.start(0.0, &mut Random::new(seed, &[0x6b65]), &mut weights);
    let mut update = AdamW {
        decay: 0.0,
        ..AdamW::new(weights.len())
    };
    let mut layout = Layout::new();
    // One slice of at least one weight.
    let _ = layout.push("kernel", weights.len());
    let schedule = Cosine {
        floor: 0.01,
        warmup: 0,
    };
    let mut unit = 0.0;
    for iteration in 0..iterations {
        let mut random = Random::new(seed, &[0x6b65, iteration as u64]);
        let track = &pool.tracks()[random.below(pool.tracks().len())];
        let trajectory = &trajectories[track.trajectory];
        let moments: Vec<usize> = (0..MOMENTS).map(|_| random.below(track.x.len())).collect();
        let cases: Vec<Case> = (0..POINTS)
            .map(|_| Case::new(track, trajectory, random.below(trajectory.count), &moments))
            .collect();
        let each: Vec<DMatrix<f64>> = cases.iter().map(|case| inputs(&case.fit)).collect();
        let width: usize = each.iter().map(DMatrix::ncols).sum();
        let flat: Vec<f64> = each.iter().flat_map(|x| x.iter().copied()).collect();
        let x = DMatrix::from_vec(INPUTS, width, flat);
        if unit == 0.0 {
            // Errors without a kernel, for a loss of order one; particles that are samples have none.
            let none = [0.0; Decoder::NEIGHBOURS];
            let errors = cases
                .iter()
                .map(|case| case.error(&none[..case.fit.indices.len()], 1.0).0);
            unit = errors.sum::<f64>().max(f64::MIN_POSITIVE);
        }
        let (psi, tape) = network.apply(&weights, &x);
        let (mut value, mut psi_bar) = (0.0, Vec::with_capacity(width));
        let mut at = 0;
        for case in &cases {
            let own = case.fit.indices.len();
            let (error, bar) = case.error(&psi.as_slice()[at..at + own], unit);
            value += error;
            psi_bar.extend(bar);
            at += own;
        }
        let mut gradient = vec![0.0; weights.len()];
        let psi_bar = DMatrix::from_vec(1, width, psi_bar);
        network.apply_vjp(&weights, &x, &tape, psi_bar, &mut gradient);
        if !gradient.iter().all(|g| g.is_finite()) {
            return Err(OperatorError::NotFinite {
                what: "the gradient of the kernel",
                place: format!("at iteration {iteration}"),
            });
        }
        let context = Context {
            iteration,
            rate: RATE * schedule.factor(iteration, iterations),
            layout: &layout,
        };
        update.step(&mut weights, &Evaluation::new(value, gradient), &context);
    }
    Ok(Kernel { weights })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::{Recipe, Split, simulate},
        evaluate::{full, judge},
        testing::{recipe, still},
    };

    #[test]
    fn a_kernel_beats_moving_least_squares_on_a_shape_it_has_not_seen() {
        let recipe = Recipe {
            cell: 0.025,
            ..recipe()
        };
        let one = |split, number| simulate(&recipe, "jelly", split, number).unwrap();
        let train = [0, 1, 2].map(|number| one(Split::Train, number));
        let kernel = train_kernel(&train, 60, 2, 300, 1).unwrap();
        let again = train_kernel(&train, 60, 2, 300, 1).unwrap();
        assert_eq!(kernel, again);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel.npz");
        kernel.write(&path).unwrap();
        assert_eq!(Kernel::read(&path).unwrap().weights(), kernel.weights());
        let test = one(Split::Test, 0);
        let judged = judge(&still(recipe.frame), &test, 60).unwrap();
        let of = |kernel| full(&judged, &test, kernel).unwrap().reconstructed.mse;
        let (plain, learned) = (of(None), of(Some(&kernel)));
        assert!(
            learned < plain,
            "{learned:e}, moving least squares {plain:e}"
        );
    }
}
