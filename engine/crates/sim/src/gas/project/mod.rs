//! The pressure takes out of the velocity what makes gas more or less.

use backflow_diff::{Implicit, Real, linear::LinearSolver};
use rayon::prelude::*;

use super::{
    divergence::{drop_of, inflow_into},
    field::{Field, Velocity},
    occupied::Occupied,
    opening::Openings,
    poisson::{Poisson, face_shape},
    pressure::PressureRoot,
    projector::{
        Counting, PressureError, ProjectScratch, Projected, Projector, conductance, unsolved,
    },
};

/// Numbers that a task takes at least.
const LEAST: usize = 1 << 13;

/// Relative residual of tangents: as small as rounding leaves it.
const EXACT: f64 = 1e-13;

/// Relative residual of the solve of the adjoint, unless the projection is more exact: gradients
/// are worth it.
const ADJOINT: f64 = 1e-10;

/// `u <- u - open (p_j - p_i)` with the `p` that leaves `sum (+-) (s u + m) = 0` in every cell:
/// `sum_f s open (p_i - p_j) = b` (Batty, Bertails & Bridson 2007, with shares of faces).
///
/// `p` is the pressure times `dt / (rho dx)` (m/s); what is in it is the first guess. In dual
/// numbers the tangent of `p` is found by a second solve. Works in `scratch`, which is kept from call
/// to call: without tangents it takes no memory after the first.
///
/// # Errors
/// The residual does not get as small as it should.
pub fn project<T: Real>(
    projector: &Projector,
    openings: &Openings<T>,
    occupied: Option<&Occupied<T>>,
    u: &mut Velocity<T>,
    p: &mut Vec<f64>,
    scratch: &mut ProjectScratch<T>,
) -> Result<Projected, PressureError> {
    let grid = &projector.grid;
    let ProjectScratch {
        flux,
        pressure,
        right: b,
        means,
        solver: memory,
        ..
    } = scratch;
    inflow_into(grid, u, occupied, flux);
    b.resize(flux.len(), 0.0);
    b.par_iter_mut()
        .with_min_len(LEAST)
        .zip(&*flux)
        .for_each(|(b, flux)| *b = flux.to_f64());
    let unbalanced = projector.pockets.balance(b, means);
    let mut fastest = u.iter().map(Field::largest).fold(0.0, f64::max);
    if let Some(occupied) = occupied {
        fastest = occupied
            .carried
            .iter()
            .map(Field::largest)
            .fold(fastest, f64::max);
    }
    p.resize(grid.count(), 0.0);
    let absolute = projector.tolerance * fastest;
    let size = b.iter().map(|b| b * b).sum::<f64>().sqrt();
    let relative = if size > 0.0 { absolute / size } else { 0.0 };
    let info = projector
        .solver(relative, 0.0)
        .solve_in(&projector.poisson, b, p, memory)
        .map_err(|error| projector.error(error))?;
    pressure.resize(p.len(), T::zero());
    pressure
        .par_iter_mut()
        .with_min_len(LEAST)
        .zip(&*p)
        .for_each(|(pressure, p)| *pressure = T::of(*p));
    if T::DUAL {
        let change = |axis: usize, at: [usize; 3]| {
            conductance(openings, occupied, axis, at).tangent().to_f64()
        };
        let moved = Poisson::from_fn(grid, change);
        let mut right: Vec<f64> = flux.iter().map(|b| b.tangent().to_f64()).collect();
        let mut product = vec![0.0; right.len()];
        moved.product(p, &mut product, |_, product, out| *out = product);
        for (right, product) in right.iter_mut().zip(product) {
            *right -= product;
        }
        projector.pockets.balance(&mut right, means);
        let mut tangent = vec![0.0; right.len()];
        projector
            .solver(EXACT, 0.0)
            .solve(&projector.poisson, &right, &mut tangent)
            .map_err(|error| projector.error(error))?;
        for (pressure, tangent) in pressure.iter_mut().zip(tangent) {
            *pressure = T::from_parts(pressure.primal(), T::Primal::of(tangent));
        }
    }
    for axis in 0..3 {
        let open = &openings.open[axis].data;
        u[axis].update(|at, index, u| {
            *u -= open[index] * drop_of(grid, pressure, axis, at);
        });
    }
    Ok(Projected {
        iterations: info.iterations,
        residual: info.residual,
        unbalanced,
    })
}

/// Changes the cotangents of the velocity from those after [`project`] to those before, and
/// adds those of the openings and of the matter; `u` is that before, `p` the solution.
/// `p_bar` is the cotangent of `p` from elsewhere, if there is any. Works in `scratch` as
/// [`project`] does.
///
/// # Errors
/// The residual of the one solve does not get as small as it should.
pub fn project_vjp<T: Real>(
    projector: &Projector,
    openings: &Openings<T>,
    occupied: Option<&Occupied<T>>,
    u: &Velocity<T>,
    p: &[f64],
    p_bar: Option<&[f64]>,
    u_bar: &mut Velocity<T>,
    openings_bar: &mut Openings<T>,
    occupied_bar: Option<&mut Occupied<T>>,
    scratch: &mut ProjectScratch<T>,
) -> Result<Projected, PressureError> {
    let grid = &projector.grid;
    let [nx, ny, _] = grid.cells;
    let ProjectScratch {
        right: pressure_bar,
        means,
        theta,
        theta_bar,
        backward,
        ..
    } = scratch;
    // Cotangent of the pressure: what flows into each cell of -open u_bar.
    pressure_bar.resize(grid.count(), 0.0);
    {
        let of = |axis: usize, at: [usize; 3]| {
            let mut face = at;
            if grid.periodic[axis] && face[axis] == grid.cells[axis] {
                face[axis] = 0;
            }
            let index = u_bar[axis].layout.index(face);
            (openings.open[axis].data[index] * u_bar[axis].data[index]).to_f64()
        };
        pressure_bar
            .par_chunks_mut(nx)
            .with_min_len(16)
            .enumerate()
            .for_each(|(row, bars)| {
                for (i, bar) in bars.iter_mut().enumerate() {
                    let at = [i, row % ny, row / ny];
                    *bar = p_bar.map_or(0.0, |bars| bars[row * nx + i]);
                    for axis in 0..3 {
                        let mut above = at;
                        above[axis] += 1;
                        *bar += of(axis, above) - of(axis, at);
                    }
                }
            });
    }
    projector.pockets.balance(pressure_bar, means);
    for (bar, diagonal) in pressure_bar.iter_mut().zip(&projector.poisson.diagonal) {
        // The pressure of cells that are closed in depends on nothing.
        if *diagonal == 0.0 {
            *bar = 0.0;
        }
    }
    let root = PressureRoot {
        poisson: &projector.poisson,
        found: p,
    };
    let solver = Counting {
        solver: projector.solver(projector.tolerance.min(ADJOINT), 0.0),
        found: std::cell::Cell::new(None),
    };
    // The right-hand side itself does not enter the derivative.
    root.parameters_of(p, theta);
    theta_bar.resize(theta.len(), 0.0);
    Implicit::direct(root, &solver)
        .vjp_in(p, theta, pressure_bar, theta_bar, backward)
        .map_err(|error| projector.error(unsolved(error)))?;
    let (b_bar, faces_bar) = theta_bar.split_at_mut(grid.count());
    projector.pockets.balance(b_bar, means);
    let mut start = 0;
    let mut shares = occupied_bar;
    for axis in 0..3 {
        let count = projector.poisson.faces[axis].len();
        let faces_bar = &faces_bar[start..start + count];
        start += count;
        let [fx, fy, _] = face_shape(grid.cells, axis);
        let of_face = |at: [usize; 3]| T::of(faces_bar[at[0] + fx * (at[1] + fy * at[2])]);
        let rise = |at: [usize; 3]| T::of(drop_of(grid, b_bar, axis, at));
        let share =
            |index: usize| occupied.map_or(T::one(), |occupied| occupied.share[axis].data[index]);
        let open = &openings.open[axis].data;
        let bars = &u_bar[axis].data;
        openings_bar.open[axis].update(|at, index, sum| {
            let drop = T::of(drop_of(grid, p, axis, at));
            *sum += share(index) * of_face(at) - drop * bars[index];
        });
        if let Some(shares) = &mut shares {
            let u = &u[axis].data;
            shares.share[axis].update(|at, index, sum| {
                *sum += open[index] * of_face(at) + u[index] * rise(at);
            });
            shares.carried[axis].update(|at, _, sum| *sum += rise(at));
        }
        u_bar[axis].update(|at, index, bar| *bar += share(index) * rise(at));
    }
    let info = solver.found.take();
    Ok(Projected {
        iterations: info.map_or(0, |info| info.iterations),
        residual: info.map_or(0.0, |info| info.residual),
        unbalanced: 0.0,
    })
}

#[cfg(test)]
mod tests;
