//! Iterative solvers of `A x = b` with symmetric `A`, which say how well they did.

use rayon::prelude::*;

mod cg;
mod minres;
mod pcg;

pub use cg::ConjugateGradient;
pub use minres::Minres;
pub use pcg::{Jacobi, PreconditionedConjugateGradient};

/// A linear map of vectors to vectors of the same length.
pub trait LinearOperator {
    /// Length of the vectors.
    fn size(&self) -> usize;

    /// `out = A x`; both have [`LinearOperator::size`] numbers.
    fn apply(&self, x: &[f64], out: &mut [f64]);
}

/// A closure as a [`LinearOperator`].
pub struct Operator<F> {
    size: usize,
    apply: F,
}

impl<F: Fn(&[f64], &mut [f64])> Operator<F> {
    /// The operator that writes `A x` into its second argument.
    pub fn new(size: usize, apply: F) -> Self {
        Self { size, apply }
    }
}

impl<F: Fn(&[f64], &mut [f64])> LinearOperator for Operator<F> {
    fn size(&self) -> usize {
        self.size
    }

    fn apply(&self, x: &[f64], out: &mut [f64]) {
        (self.apply)(x, out);
    }
}

/// When a solver stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Done when `|b - A x| <= relative_tolerance |b|` (1); default `128 epsilon`.
    pub relative_tolerance: f64,
    /// Done when `|b - A x| <= absolute_tolerance`, in the unit of `b`; default 0.
    pub absolute_tolerance: f64,
    /// Products with `A` after which it gives up; default `10 n + 100` for `n` unknowns, which
    /// leaves room for what rounding costs beyond the `n` of exact arithmetic.
    pub maximum_iterations: Option<usize>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            relative_tolerance: 128.0 * f64::EPSILON,
            absolute_tolerance: 0.0,
            maximum_iterations: None,
        }
    }
}

impl Params {
    /// The defaults with another relative tolerance.
    pub fn with_tolerance(relative_tolerance: f64) -> Self {
        Self {
            relative_tolerance,
            ..Self::default()
        }
    }

    fn target(&self, b: &[f64]) -> f64 {
        (self.relative_tolerance * norm(b)).max(self.absolute_tolerance)
    }

    fn limit(&self, size: usize) -> usize {
        self.maximum_iterations.unwrap_or(10 * size + 100)
    }
}

/// How well a solve went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Info {
    /// Products with `A`, without those that measure the residual.
    pub iterations: usize,
    /// `|b - A x|`, measured at the end and not recurred.
    pub residual: f64,
    /// `|b - A x| / |b|`; 0 where `b = 0`.
    pub relative_residual: f64,
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// The residual is still too large.
    #[error(
        "no convergence after {iterations} iterations: relative residual {relative_residual:e}, \
         wanted {tolerance:e}"
    )]
    NoConvergence {
        /// Products with `A`.
        iterations: usize,
        /// `|b - A x| / |b|`.
        relative_residual: f64,
        /// What it should have been.
        tolerance: f64,
    },
    /// A curvature that conjugate gradients need positive is not.
    #[error(
        "the {operator} is not positive definite: p.Ap = {curvature:e} in iteration {iteration}"
    )]
    NotPositiveDefinite {
        /// Which of the operators: "matrix" or "preconditioner".
        operator: &'static str,
        /// The iteration that found it, from 1.
        iteration: usize,
        /// `p . A p`, or `r . M r`.
        curvature: f64,
    },
    /// A number is infinite or NaN.
    #[error("not a finite number in iteration {iteration}")]
    NotFinite {
        /// The iteration that met it; 0 is the right-hand side or the start.
        iteration: usize,
    },
    /// The lengths of operator and vectors differ.
    #[error("{what} has {found} entries, the operator has {expected}")]
    SizeMismatch {
        /// Which vector or operator.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length of the operator.
        expected: usize,
    },
}

/// Vectors that solves work in, kept from one to the next: the first takes memory, those that follow
/// with no more unknowns take none.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    vectors: Vec<Vec<f64>>,
}

impl Memory {
    /// `N` vectors of `size` numbers, which hold anything, and what is left for those called in turn.
    fn vectors<const N: usize>(&mut self, size: usize) -> [&mut [f64]; N] {
        if self.vectors.len() < N {
            self.vectors.resize(N, Vec::new());
        }
        let mut each = self.vectors.iter_mut();
        std::array::from_fn(|_| match each.next() {
            Some(vector) => {
                vector.resize(size, 0.0);
                &mut vector[..]
            }
            None => &mut [],
        })
    }
}

/// Solves `A x = b` for a class of operators.
pub trait LinearSolver {
    /// Improves `x`, which holds the first guess, until `|b - A x|` meets the tolerance; works in
    /// `memory`.
    ///
    /// On an error `x` holds the last iterate.
    fn solve_in<A: LinearOperator + ?Sized>(
        &self,
        a: &A,
        b: &[f64],
        x: &mut [f64],
        memory: &mut Memory,
    ) -> Result<Info, SolveError>;

    /// The same in memory of its own.
    fn solve<A: LinearOperator + ?Sized>(
        &self,
        a: &A,
        b: &[f64],
        x: &mut [f64],
    ) -> Result<Info, SolveError> {
        self.solve_in(a, b, x, &mut Memory::default())
    }
}

/// Numbers that one task sums. Part of the result, not of the machine.
const BLOCK: usize = 1 << 13;

/// Partial sums of a block: as many as the widest registers hold, so that additions overlap.
const LANES: usize = 16;

/// `a . b`: blocks of [`BLOCK`] numbers, each in [`LANES`] interleaved sums; then sums of halves, of
/// halves of halves and so on, a tree that depends on the length alone. Long vectors are summed in
/// parallel, to the same bits.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    if a.len() > BLOCK {
        let half = a.len().div_ceil(BLOCK).div_ceil(2) * BLOCK;
        let ((a, a_rest), (b, b_rest)) = (a.split_at(half), b.split_at(half));
        let (sum, rest) = rayon::join(|| dot(a, b), || dot(a_rest, b_rest));
        return sum + rest;
    }
    let mut sums = [0.0; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a_lanes
        .remainder()
        .iter()
        .zip(b_lanes.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a_lanes.zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `|a|`.
fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// `y += alpha x`.
fn add_scaled(y: &mut [f64], alpha: f64, x: &[f64]) {
    y.par_iter_mut()
        .with_min_len(BLOCK)
        .zip(x)
        .for_each(|(y, x)| *y += alpha * x);
}

/// `r = b - A x` and its norm.
fn residual<A: LinearOperator + ?Sized>(a: &A, b: &[f64], x: &[f64], r: &mut [f64]) -> f64 {
    a.apply(x, r);
    for (r, b) in r.iter_mut().zip(b) {
        *r = b - *r;
    }
    norm(r)
}

/// Whether all lengths agree.
fn check_sizes<A: LinearOperator + ?Sized>(a: &A, b: &[f64], x: &[f64]) -> Result<(), SolveError> {
    let expected = a.size();
    for (what, found) in [
        ("the right-hand side", b.len()),
        ("the first guess", x.len()),
    ] {
        if found != expected {
            return Err(SolveError::SizeMismatch {
                what,
                found,
                expected,
            });
        }
    }
    Ok(())
}

/// Ends of one pass of a solver.
enum Pass {
    /// The recurred residual meets the tolerance, or cannot get smaller.
    Ended,
    /// The iterations are used up.
    Exhausted,
}

/// Runs `pass` from the measured residual, which it has in `r`, until that meets the tolerance; from zero, if the first
/// guess is worse than none: its rounding alone can be more than a tolerance of a small `b`.
///
/// The recurred residual of a pass drifts from the true one; another pass starts from
/// the true one as long as each at least halves it.
fn refine<A: LinearOperator + ?Sized>(
    params: &Params,
    a: &A,
    b: &[f64],
    x: &mut [f64],
    r: &mut [f64],
    mut pass: impl FnMut(&mut [f64], &mut [f64], f64, &mut usize) -> Result<Pass, SolveError>,
) -> Result<Info, SolveError> {
    let (target, size) = (params.target(b), norm(b));
    let (mut iterations, mut last) = (0, f64::INFINITY);
    let mut guess = true;
    loop {
        let mut residual = residual(a, b, x, r);
        if guess && residual > size {
            x.fill(0.0);
            r.copy_from_slice(b);
            residual = size;
        }
        guess = false;
        if !residual.is_finite() {
            return Err(SolveError::NotFinite {
                iteration: iterations,
            });
        }
        let relative_residual = if size > 0.0 {
            residual / size
        } else {
            residual
        };
        if residual <= target {
            return Ok(Info {
                iterations,
                residual,
                relative_residual,
            });
        }
        let spent = iterations >= params.limit(a.size());
        if spent || residual > 0.5 * last {
            let tolerance = params.relative_tolerance;
            return Err(SolveError::NoConvergence {
                iterations,
                relative_residual,
                tolerance,
            });
        }
        last = residual;
        match pass(x, r, target, &mut iterations)? {
            Pass::Ended => {}
            Pass::Exhausted => last = f64::INFINITY,
        }
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Matrices that the tests of this folder share.

    use super::{LinearOperator, Operator};

    /// Numbers in (-1, 1) from a seed (splitmix64, Steele et al. 2014).
    pub(crate) fn numbers(seed: u64, count: usize) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// `scale (-u'' )` on a line of `size` cells with zero ends, plus `shift`.
    pub(crate) fn laplace(size: usize, shift: f64) -> impl LinearOperator {
        Operator::new(size, move |x: &[f64], out: &mut [f64]| {
            for i in 0..size {
                let left = if i > 0 { x[i - 1] } else { 0.0 };
                let right = if i + 1 < size { x[i + 1] } else { 0.0 };
                out[i] = (2.0 + shift) * x[i] - left - right;
            }
        })
    }

    /// A diagonal matrix.
    pub(crate) fn diagonal(values: Vec<f64>) -> impl LinearOperator {
        Operator::new(values.len(), move |x: &[f64], out: &mut [f64]| {
            for i in 0..x.len() {
                out[i] = values[i] * x[i];
            }
        })
    }

    /// `|b - A x| / |b|`.
    pub(crate) fn relative_residual<A: LinearOperator>(a: &A, b: &[f64], x: &[f64]) -> f64 {
        let mut r = vec![0.0; b.len()];
        super::residual(a, b, x, &mut r) / super::norm(b)
    }
}
