//! The matrix of the pressure and what solves with it, made once for faces that do not change.

use backflow_diff::{
    Real,
    linear::{Info, LinearOperator, LinearSolver, Memory, Params, SolveError},
    root::{Backward, ImplicitError},
};

use super::{
    grid::Grid,
    occupied::Occupied,
    opening::Openings,
    poisson::{Pockets, Poisson},
    pressure::{ITERATIONS, Precondition, Prepared, PressureSolver},
};

/// What the projection needs to know of the faces: made once for faces that do not change.
#[derive(Debug)]
pub struct Projector {
    pub(super) grid: Grid,
    pub(super) poisson: Poisson<f64>,
    pub(super) pockets: Pockets,
    prepared: Prepared,
    pub(super) tolerance: f64,
}

/// Memory of projections, kept from one to the next.
#[derive(Debug, Clone)]
pub struct ProjectScratch<T: Real> {
    /// What flows into cells, and the pressure.
    pub(super) flux: Vec<T>,
    pub(super) pressure: Vec<T>,
    /// Right-hand side of the solve, or the cotangent of the pressure.
    pub(super) right: Vec<f64>,
    pub(super) means: Vec<f64>,
    pub(super) solver: Memory,
    /// Of the way back.
    pub(super) theta: Vec<f64>,
    pub(super) theta_bar: Vec<f64>,
    pub(super) backward: Backward,
}

impl<T: Real> Default for ProjectScratch<T> {
    fn default() -> Self {
        Self {
            flux: Vec::new(),
            pressure: Vec::new(),
            right: Vec::new(),
            means: Vec::new(),
            solver: Memory::default(),
            theta: Vec::new(),
            theta_bar: Vec::new(),
            backward: Backward::default(),
        }
    }
}

/// How well a projection went.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Projected {
    /// Iterations of the solver.
    pub iterations: usize,
    /// `|div u| dx` over all cells (m/s), measured.
    pub residual: f64,
    /// The largest inflow into a closed pocket that nothing could balance, by `dx` (m/s).
    pub unbalanced: f64,
}

/// Why there is no pressure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "the pressure of the gas was not found to the tolerance {tolerance:e}: {source}; expected a \
     tolerance that rounding allows"
)]
pub struct PressureError {
    /// `max |div u| dx / max |u|` that was wanted.
    pub tolerance: f64,
    /// Where the solver ended.
    pub source: SolveError,
}

/// The entry of the field of faces for a place of the [`Poisson`] matrix.
pub(super) fn conductance<T: Real>(
    openings: &Openings<T>,
    occupied: Option<&Occupied<T>>,
    axis: usize,
    at: [usize; 3],
) -> T {
    let index = openings.open[axis].layout.index(at);
    let open = openings.open[axis].data[index];
    occupied.map_or(open, |occupied| open * occupied.share[axis].data[index])
}

impl Projector {
    /// For faces that are open as said, to `max |div u| dx <= tolerance max |u|`.
    pub fn new<T: Real>(
        grid: &Grid,
        openings: &Openings<T>,
        occupied: Option<&Occupied<T>>,
        precondition: Precondition,
        tolerance: f64,
    ) -> Self {
        let poisson = Poisson::from_fn(grid, |axis, at| {
            conductance(openings, occupied, axis, at).to_f64()
        });
        Self {
            grid: *grid,
            pockets: Pockets::of(&poisson),
            prepared: Prepared::new(precondition, &poisson),
            poisson,
            tolerance,
        }
    }

    /// Makes it that of faces that have changed.
    pub fn set<T: Real>(&mut self, openings: &Openings<T>, occupied: Option<&Occupied<T>>) {
        self.poisson
            .set(|axis, at| conductance(openings, occupied, axis, at).to_f64());
        self.pockets.find(&self.poisson);
        self.prepared.set(&self.poisson);
    }

    /// The matrix.
    pub fn poisson(&self) -> &Poisson<f64> {
        &self.poisson
    }

    /// What speeds the solver up.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    pub(super) fn solver(&self, relative: f64, absolute: f64) -> PressureSolver<'_> {
        PressureSolver {
            params: Params {
                relative_tolerance: relative,
                absolute_tolerance: absolute,
                maximum_iterations: Some(ITERATIONS),
            },
            prepared: &self.prepared,
        }
    }

    pub(super) fn error(&self, source: SolveError) -> PressureError {
        let tolerance = self.tolerance;
        PressureError { tolerance, source }
    }
}

pub(super) fn unsolved(error: ImplicitError<std::convert::Infallible>) -> SolveError {
    match error {
        ImplicitError::Backward(error) => error,
        // Neither is possible: the root is known and all lengths are its own.
        _ => SolveError::NotFinite { iteration: 0 },
    }
}

/// A solver that remembers how well it did.
pub(super) struct Counting<'a> {
    pub(super) solver: PressureSolver<'a>,
    pub(super) found: std::cell::Cell<Option<Info>>,
}

impl LinearSolver for &Counting<'_> {
    fn solve_in<A: LinearOperator + ?Sized>(
        &self,
        a: &A,
        b: &[f64],
        x: &mut [f64],
        memory: &mut Memory,
    ) -> Result<Info, SolveError> {
        let info = self.solver.solve_in(a, b, x, memory)?;
        self.found.set(Some(info));
        Ok(info)
    }
}
