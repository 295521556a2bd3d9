//! Pieces of matter, and the faces around each.

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::gas::{
    boundary::{Ghost, Ghosts},
    grid::Grid,
    stencil::{Reach, Stencil},
};

/// A piece of matter as the gas meets it. Its cotangent has the same type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grain<T: Real> {
    /// Where it is (m).
    pub x: Vector3<T>,
    /// Its velocity (m/s).
    pub v: Vector3<T>,
    /// Its volume (m^3).
    pub volume: T,
    /// Its mass density (kg/m^3).
    pub density: T,
}

impl<T: Real> Grain<T> {
    /// Zero, as a cotangent.
    pub fn zero() -> Self {
        Self {
            x: Vector3::zeros(),
            v: Vector3::zeros(),
            volume: T::zero(),
            density: T::zero(),
        }
    }
}

/// Ghosts take what falls beyond the last samples.
pub(crate) fn ghosts<T: Real>(grid: &Grid) -> Ghosts<T> {
    grid.periodic.map(|periodic| {
        [if periodic {
            Ghost::Periodic
        } else {
            Ghost::copy()
        }; 2]
    })
}

/// The stencil of a grain on the faces normal to an axis.
pub(super) fn stencil<T: Real>(grid: &Grid, reach: &Reach<T>, grain: &Grain<T>) -> Stencil<T> {
    let cells = [0, 1, 2].map(|axis| (grain.x[axis] - T::of(grid.origin[axis])) / T::of(grid.dx));
    reach.stencil(&cells)
}

pub(super) fn reaches<T: Real>(grid: &Grid) -> [Reach<T>; 3] {
    grid.faces().map(|layout| Reach::new(grid, &layout))
}
