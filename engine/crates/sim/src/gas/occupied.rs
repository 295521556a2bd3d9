//! The room that matter takes of the faces.

use backflow_diff::Real;

use super::{
    field::{Field, Velocity},
    grid::Grid,
};

/// Matter in the gas, which takes up room: the gas has the share `1 - alpha` of a face, and
/// matter carries `alpha u_m` through it.
#[derive(Debug, Clone, PartialEq)]
pub struct Occupied<T: Real> {
    /// Share of the gas (1).
    pub share: Velocity<T>,
    /// What the matter carries (m/s).
    pub carried: Velocity<T>,
}

impl<T: Real> Occupied<T> {
    /// No matter.
    pub fn nothing(grid: &Grid) -> Self {
        Self {
            share: grid.faces().map(|layout| Field::constant(layout, T::one())),
            carried: Field::zero_velocity(grid),
        }
    }

    /// The cotangents of all of it, zero.
    pub fn zero(grid: &Grid) -> Self {
        Self {
            share: Field::zero_velocity(grid),
            carried: Field::zero_velocity(grid),
        }
    }
}
