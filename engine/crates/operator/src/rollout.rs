//! Many steps of an operator, and their adjoint.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::{
    error::OperatorError,
    model::{Baseline, Operator, Room, StepTape, Stepped, Window},
};

/// Positions (m) after each of `steps` steps, and how much walls and obstacles held back in all, see
/// [`Stepped::held`].
///
/// # Errors
/// A window that does not fit, or positions that are not finite.
pub fn roll<T: Real>(
    operator: &Operator<T>,
    room: &Room,
    window: &Window<T>,
    steps: usize,
) -> Result<(Vec<DMatrix<T>>, usize), OperatorError> {
    let (mut window, mut all, mut held) = (window.clone(), Vec::with_capacity(steps), 0);
    for _ in 0..steps {
        let (stepped, _) = operator.step(room, &window)?;
        held += stepped.held;
        all.push(stepped.x.clone());
        window.push(stepped.x);
    }
    Ok((all, held))
}

/// The same of a prediction without learning; a step lasts `frame` (s).
pub fn roll_baseline<T: Real>(
    baseline: Baseline,
    room: &Room,
    frame: f64,
    window: &Window<T>,
    steps: usize,
) -> Vec<DMatrix<T>> {
    let mut window = window.clone();
    let step = |_| {
        let x = baseline.step(room, frame, &window);
        window.push(x.clone());
        x
    };
    (0..steps).map(step).collect()
}

/// What is kept of steps for their adjoint.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Memory {
    /// All that the adjoint reads.
    #[default]
    Tape,
    /// What each step starts from: it is done once more when it is pulled back, to the same bits.
    Checkpoint,
    /// As `Tape`, but a share of the columns of what dense layers over edges read: gradients of their weights are
    /// estimates without bias, see [`winners`](crate::layer::winners), cotangents of windows exact.
    Sampled {
        /// Which share, above 0, at most 1.
        share: f64,
        /// What the draws follow from; a training has its own for each excerpt.
        #[serde(skip)]
        seed: u64,
    },
}

impl Memory {
    /// The same with other draws, if there are any.
    #[must_use]
    pub fn drawn(self, random: &mut Random) -> Self {
        match self {
            Self::Sampled { share, .. } => Self::Sampled {
                share,
                seed: random.bits(),
            },
            same => same,
        }
    }
}

/// Steps with what their adjoint needs.
#[derive(Debug)]
pub struct Unrolled<T: Real> {
    /// What each step came to.
    pub steps: Vec<Stepped<T>>,
    windows: Vec<Window<T>>,
    /// Of each step, or none.
    tapes: Vec<StepTape<T>>,
}

impl<T: Real> Unrolled<T> {
    /// `steps` steps from a window.
    ///
    /// # Errors
    /// A window that does not fit, or positions that are not finite.
    pub fn new(
        operator: &Operator<T>,
        room: &Room,
        window: &Window<T>,
        steps: usize,
        memory: Memory,
    ) -> Result<Self, OperatorError> {
        let mut all = Self {
            steps: Vec::with_capacity(steps),
            windows: Vec::with_capacity(steps),
            tapes: Vec::new(),
        };
        let mut window = window.clone();
        for step in 0..steps {
            let (stepped, mut tape) = operator.step(room, &window)?;
            let mut next = window.clone();
            next.push(stepped.x.clone());
            all.windows.push(std::mem::replace(&mut window, next));
            all.steps.push(stepped);
            match memory {
                Memory::Tape => all.tapes.push(tape),
                Memory::Checkpoint => {}
                Memory::Sampled { share, seed } => {
                    tape.draw(share, &mut Random::new(seed, &[step as u64]));
                    all.tapes.push(tape);
                }
            }
        }
        Ok(all)
    }

    /// Cotangent of the first window from those of [`Stepped::free`] and [`Stepped::x`] of each step;
    /// adds to that of the weights.
    ///
    /// # Errors
    /// Another operator made it.
    pub fn pull(
        &self,
        operator: &Operator<T>,
        room: &Room,
        bars: &[(DMatrix<T>, DMatrix<T>)],
        weights_bar: &mut [T],
    ) -> Result<Window<T>, OperatorError> {
        // Cotangent of the window after the step.
        let mut after: Option<Window<T>> = None;
        let steps = self.windows.iter().zip(bars).enumerate();
        for (step, (window, (free_bar, x_bar))) in steps.rev() {
            let again;
            let tape = match self.tapes.get(step) {
                Some(tape) => tape,
                None => {
                    again = operator.step(room, window)?.1;
                    &again
                }
            };
            let mut before = window.zeros();
            let mut x_bar = x_bar.clone();
            if let Some(mut after) = after {
                if let Some(newest) = after.x.pop() {
                    x_bar += newest;
                }
                before.rest = after.rest;
                for (before, after) in before.x.iter_mut().skip(1).zip(after.x) {
                    *before = after;
                }
            }
            operator.step_vjp(
                room,
                window,
                tape,
                free_bar,
                &x_bar,
                &mut before,
                weights_bar,
            )?;
            after = Some(before);
        }
        Ok(after.unwrap_or_else(|| Window {
            rest: DMatrix::zeros(3, 0),
            x: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use backflow_optim::Random;

    use super::*;
    use crate::testing::{
        check_at, flat, giorom_operator, obstructed, operator, pair_operator, room, window,
        windowed,
    };

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        const STEPS: usize = 4;
        for room in [room(), obstructed()] {
            let operator = pair_operator::<f64>();
            let size = operator.weights.len();
            let x = [&operator.weights[..], &flat(&window())].concat();
            check_at(
                &x,
                |x| {
                    let mut operator = operator.cast();
                    operator.weights = x[..size].to_vec();
                    let window = windowed(&x[size..]);
                    let (all, held) = roll(&operator, &room, &window, STEPS).unwrap();
                    assert!(held > 0);
                    all.iter().flat_map(|x| x.iter().copied()).collect()
                },
                |x, bar| {
                    let window = windowed(&x[size..]);
                    let unrolled =
                        Unrolled::new(&operator, &room, &window, STEPS, Memory::Tape).unwrap();
                    let count = window.samples();
                    let bars: Vec<_> = bar
                        .chunks_exact(3 * count)
                        .map(|bar| {
                            let bar = DMatrix::from_column_slice(3, count, bar);
                            (DMatrix::zeros(3, count), bar)
                        })
                        .collect();
                    let mut all = vec![0.0; size];
                    let bar = unrolled.pull(&operator, &room, &bars, &mut all).unwrap();
                    all.extend(flat(&bar));
                    all
                },
            );
        }
    }

    #[test]
    fn steps_that_are_done_once_more_give_the_same_bits() {
        let (operator, room, window) = (pair_operator::<f64>(), obstructed(), window());
        let count = window.samples();
        let pulled = |memory| {
            let unrolled = Unrolled::new(&operator, &room, &window, 5, memory).unwrap();
            let mut random = Random::new(4, &[]);
            let mut bar = || DMatrix::from_fn(3, count, |_, _| random.normal());
            let bars: Vec<_> = (0..5).map(|_| (bar(), bar())).collect();
            let mut weights = vec![0.0; operator.weights.len()];
            let bar = unrolled
                .pull(&operator, &room, &bars, &mut weights)
                .unwrap();
            (unrolled.tapes.len(), flat(&bar), weights)
        };
        let (kept, done) = (pulled(Memory::Tape), pulled(Memory::Checkpoint));
        assert_eq!((kept.0, done.0), (5, 0));
        assert_eq!((kept.1, kept.2), (done.1, done.2));
    }

    #[test]
    fn sampled_steps_have_the_same_cotangents_of_windows_and_gradients_of_the_same_mean() {
        const DRAWS: u64 = 100;
        let (room, window) = (room(), window());
        let count = window.samples();
        for operator in [pair_operator::<f64>(), operator(true), giorom_operator()] {
            let pulled = |memory| {
                let unrolled = Unrolled::new(&operator, &room, &window, 2, memory).unwrap();
                let mut random = Random::new(4, &[]);
                let mut bar = || DMatrix::from_fn(3, count, |_, _| random.normal());
                let bars: Vec<_> = (0..2).map(|_| (bar(), bar())).collect();
                let mut weights = vec![0.0; operator.weights.len()];
                let bar = unrolled.pull(&operator, &room, &bars, &mut weights);
                (
                    flat(&bar.unwrap()),
                    DMatrix::from_vec(1, weights.len(), weights),
                )
            };
            let (bar, exact) = pulled(Memory::Tape);
            let scale = bar.iter().fold(0.0_f64, |most, bar| bar.abs().max(most));
            let (mut sum, mut square) = (0.0, 0.0);
            for seed in 0..DRAWS {
                let (other, found) = pulled(Memory::Sampled { share: 0.3, seed });
                // Messages are multiplied by what they were divided by.
                let same = bar.iter().zip(&other);
                assert!(same.into_iter().all(|(a, b)| (a - b).abs() < 1e-12 * scale));
                let along = found.dot(&exact) / exact.norm_squared();
                (sum, square) = (sum + along, square + along * along);
            }
            let mean = sum / DRAWS as f64;
            let error = ((square / DRAWS as f64 - mean * mean) / DRAWS as f64).sqrt();
            assert!(error > 0.0);
            assert!((mean - 1.0).abs() < 3.0 * error, "{mean} {error}");
        }
    }
}
