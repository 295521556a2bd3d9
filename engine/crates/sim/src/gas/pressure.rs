//! The pressure as the root of its equation.

use std::convert::Infallible;

use backflow_diff::{
    Root,
    linear::{
        ConjugateGradient, Info, LinearOperator, LinearSolver, Memory, Params,
        PreconditionedConjugateGradient, SolveError,
    },
};

use super::{incomplete::Incomplete, multigrid::Multigrid, poisson::Poisson};

/// What speeds the conjugate gradients up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precondition {
    /// A V-cycle, see [`Multigrid`]: the fastest of these.
    #[default]
    Multigrid,
    /// Incomplete Cholesky factors, see [`Incomplete`].
    Incomplete,
    /// Nothing.
    Plain,
}

/// A preconditioner made for a matrix.
#[derive(Debug)]
pub enum Prepared {
    /// See [`Precondition::Multigrid`].
    Multigrid(Multigrid),
    /// See [`Precondition::Incomplete`].
    Incomplete(Incomplete),
    /// See [`Precondition::Plain`].
    Plain,
}

impl Prepared {
    /// For a matrix.
    pub fn new(choice: Precondition, poisson: &Poisson<f64>) -> Self {
        match choice {
            Precondition::Multigrid => Self::Multigrid(Multigrid::new(poisson)),
            Precondition::Incomplete => Self::Incomplete(Incomplete::new(poisson)),
            Precondition::Plain => Self::Plain,
        }
    }

    /// Makes it that of another matrix of the same box.
    pub fn set(&mut self, poisson: &Poisson<f64>) {
        match self {
            Self::Multigrid(multigrid) => multigrid.set(poisson),
            Self::Incomplete(factors) => factors.set(poisson),
            Self::Plain => {}
        }
    }
}

/// Conjugate gradients with any of the preconditioners.
#[derive(Debug, Clone, Copy)]
pub struct PressureSolver<'a> {
    /// When it stops.
    pub params: Params,
    /// What speeds it up.
    pub prepared: &'a Prepared,
}

/// Iterations after which the pressure is given up: no preconditioner here needs as many.
pub const ITERATIONS: usize = 2000;

impl LinearSolver for PressureSolver<'_> {
    fn solve_in<A: LinearOperator + ?Sized>(
        &self,
        a: &A,
        b: &[f64],
        x: &mut [f64],
        memory: &mut Memory,
    ) -> Result<Info, SolveError> {
        let params = self.params;
        match self.prepared {
            Prepared::Multigrid(preconditioner) => PreconditionedConjugateGradient {
                params,
                preconditioner,
            }
            .solve_in(a, b, x, memory),
            Prepared::Incomplete(preconditioner) => PreconditionedConjugateGradient {
                params,
                preconditioner,
            }
            .solve_in(a, b, x, memory),
            Prepared::Plain => ConjugateGradient { params }.solve_in(a, b, x, memory),
        }
    }
}

/// `F(y; theta) = A(c) y - b` with `theta = (b, c)`: the right-hand side and the conductances
/// of the faces normal to x, y and z, as [`Poisson::faces`] has them.
///
/// It is solved forwards by who makes it, with a first guess of his own; the solution is
/// `found`. Backwards, [`Implicit`](backflow_diff::Implicit) needs one solve with the same
/// matrix, so that neither memory nor time depends on the iterations forwards.
#[derive(Debug, Clone, Copy)]
pub struct PressureRoot<'a> {
    /// The matrix at the conductances in `theta`.
    pub poisson: &'a Poisson<f64>,
    /// The solution.
    pub found: &'a [f64],
}

impl PressureRoot<'_> {
    /// Writes `theta` from a right-hand side.
    pub fn parameters_of(&self, b: &[f64], theta: &mut Vec<f64>) {
        theta.clear();
        theta.reserve(Root::parameters(self));
        theta.extend_from_slice(b);
        for faces in &self.poisson.faces {
            theta.extend_from_slice(faces);
        }
    }
}

impl Root for PressureRoot<'_> {
    type Error = Infallible;

    fn unknowns(&self) -> usize {
        self.poisson.diagonal.len()
    }

    fn parameters(&self) -> usize {
        self.unknowns() + self.poisson.faces.iter().map(Vec::len).sum::<usize>()
    }

    fn solve(&self, _theta: &[f64]) -> Result<Vec<f64>, Infallible> {
        Ok(self.found.to_vec())
    }

    fn residual(&self, y: &[f64], theta: &[f64], out: &mut [f64]) {
        self.poisson
            .product(y, out, |cell, product, out| *out = product - theta[cell]);
    }

    fn unknown_jvp(&self, _y: &[f64], _theta: &[f64], v: &[f64], out: &mut [f64]) {
        self.poisson.apply(v, out);
    }

    fn unknown_vjp(&self, _y: &[f64], _theta: &[f64], u: &[f64], out: &mut [f64]) {
        self.poisson.apply(u, out);
    }

    fn parameter_vjp(&self, y: &[f64], _theta: &[f64], u: &[f64], out: &mut [f64]) {
        let count = y.len();
        let (right, mut faces) = out.split_at_mut(count);
        for (out, u) in right.iter_mut().zip(u) {
            *out = -u;
        }
        for axis in 0..3 {
            let (own, rest) = faces.split_at_mut(self.poisson.faces[axis].len());
            faces = rest;
            face_differences(self.poisson, axis, u, y, own);
        }
    }
}

/// `(u_j - u_i) (y_j - y_i)` over the faces normal to an axis, between the cells `i` below and
/// `j` above, where outside of the box is zero. A face of a periodic axis is listed twice, and
/// the first of the two has it all.
fn face_differences(poisson: &Poisson<f64>, axis: usize, u: &[f64], y: &[f64], out: &mut [f64]) {
    for (face, out) in out.iter_mut().enumerate() {
        let [below, above] = cells_of(poisson, axis, face);
        let last = poisson.periodic[axis] && below.is_none() && above.is_none();
        let of = |cell: Option<usize>, values: &[f64]| cell.map_or(0.0, |cell| values[cell]);
        *out = if last {
            0.0
        } else {
            (of(above, u) - of(below, u)) * (of(above, y) - of(below, y))
        };
    }
}

/// The cells below and above a face, by its number; none for the repeated face of a periodic
/// axis.
fn cells_of(poisson: &Poisson<f64>, axis: usize, face: usize) -> [Option<usize>; 2] {
    let [nx, ny, _] = super::poisson::face_shape(poisson.cells, axis);
    let at = [face % nx, face / nx % ny, face / (nx * ny)];
    face_cells(poisson.cells, poisson.periodic, axis, at)
}

/// The cells below and above the face `at` normal to `axis`; `None` outside of the box.
#[inline(always)]
pub fn face_cells(
    cells: [usize; 3],
    periodic: [bool; 3],
    axis: usize,
    at: [usize; 3],
) -> [Option<usize>; 2] {
    let [nx, ny, _] = cells;
    let number = |at: [usize; 3]| at[0] + nx * (at[1] + ny * at[2]);
    let count = cells[axis];
    if periodic[axis] && at[axis] == count {
        return [None; 2];
    }
    let below = match at[axis] {
        0 if periodic[axis] => Some(count - 1),
        0 => None,
        i => Some(i - 1),
    };
    let above = (at[axis] < count).then_some(at[axis]);
    [below, above].map(|along| {
        along.map(|along| {
            let mut cell = at;
            cell[axis] = along;
            number(cell)
        })
    })
}
