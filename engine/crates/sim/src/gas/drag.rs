//! Matter in the gas is dragged along, and drags.

use backflow_diff::Real;

use super::{
    field::{Field, Velocity},
    grid::Grid,
    occupied::Occupied,
};

/// Matter in the gas, as its faces see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Matter<T: Real> {
    /// What room it takes.
    pub occupied: Occupied<T>,
    /// Velocity of the matter (m/s).
    pub velocity: Velocity<T>,
    /// How fast gas takes its velocity (1/s).
    pub rate: Velocity<T>,
    /// The part of its volume that pressure acts on (1): what it takes of a face over what would
    /// be there, so that pressure gives to gas and matter together what it gives to a whole face.
    pub pressed: Velocity<T>,
}

/// Cotangents of [`Matter`], and what the matter makes of the pressure.
#[derive(Debug, Clone, PartialEq)]
pub struct MatterBar<T: Real> {
    /// Of the room.
    pub occupied: Occupied<T>,
    /// Of the velocity.
    pub velocity: Velocity<T>,
    /// Of the rate.
    pub rate: Velocity<T>,
    /// Of the part of its volume that pressure acts on.
    pub pressed: Velocity<T>,
    /// Of the gas after [`drag()`]: set by who reads it.
    pub dragged: Velocity<T>,
    /// Of the share of faces that is open: set by who reads it.
    pub open: Velocity<T>,
    /// Of the pressure (see [`Gas`](super::model::Gas)): set by who reads it.
    pub pressure: Vec<f64>,
}

impl<T: Real> Matter<T> {
    /// None.
    pub fn nothing(grid: &Grid) -> Self {
        Self {
            occupied: Occupied::nothing(grid),
            velocity: Field::zero_velocity(grid),
            rate: Field::zero_velocity(grid),
            pressed: grid.faces().map(|layout| Field::constant(layout, T::one())),
        }
    }
}

impl<T: Real> MatterBar<T> {
    /// Zero.
    pub fn zero(grid: &Grid) -> Self {
        Self {
            occupied: Occupied::zero(grid),
            velocity: Field::zero_velocity(grid),
            rate: Field::zero_velocity(grid),
            pressed: Field::zero_velocity(grid),
            dragged: Field::zero_velocity(grid),
            open: Field::zero_velocity(grid),
            pressure: vec![0.0; grid.count()],
        }
    }
}

/// `u <- (u + dt k u_m) / (1 + dt k)`: an implicit step of `du/dt = k (u_m - u)`, stable at any
/// rate `k`.
pub fn drag<T: Real>(matter: &Matter<T>, dt: f64, u: &mut Velocity<T>) {
    for axis in 0..3 {
        let (own, rate) = (&matter.velocity[axis].data, &matter.rate[axis].data);
        u[axis].update(|_, index, u| {
            let part = rate[index] * T::of(dt);
            *u = (*u + part * own[index]) / (T::one() + part);
        });
    }
}

/// Changes the cotangents of `u` from those after [`drag`] to those before, and adds those of
/// the matter; `u` is that before.
pub fn drag_vjp<T: Real>(
    matter: &Matter<T>,
    dt: f64,
    u: &Velocity<T>,
    u_bar: &mut Velocity<T>,
    matter_bar: &mut MatterBar<T>,
) {
    for axis in 0..3 {
        let (own, rate) = (&matter.velocity[axis].data, &matter.rate[axis].data);
        let (u, bar) = (&u[axis].data, &u_bar[axis].data);
        let step = T::of(dt);
        matter_bar.velocity[axis].update(|_, index, sum| {
            let part = rate[index] * step;
            *sum += bar[index] * part / (T::one() + part);
        });
        matter_bar.rate[axis].update(|_, index, sum| {
            let whole = T::one() + rate[index] * step;
            *sum += bar[index] * step * (own[index] - u[index]) / (whole * whole);
        });
        u_bar[axis].update(|_, index, bar| *bar /= T::one() + rate[index] * step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::testing::{
        assert_close, box_grid, clean_velocity, dot, dual_velocity, noise_velocity, tangent,
    };

    #[test]
    fn drag_vjp_is_the_transpose() {
        let grid = box_grid([4, 5, 3], [false; 3]);
        let parts = [1, 5, 9, 13, 17, 21].map(|seed| noise_velocity(seed, &grid));
        let [u, velocity, rate, du, dv, dr] = &parts;
        let rate = rate.clone().map(|field| Field {
            data: field.data.iter().map(|x| 3.0 * (1.0 + x)).collect(),
            ..field
        });
        let mut moved = dual_velocity(u, du);
        let matter = Matter {
            velocity: dual_velocity(velocity, dv),
            rate: dual_velocity(&rate, dr),
            ..Matter::nothing(&grid)
        };
        drag(&matter, 0.2, &mut moved);
        let bar = clean_velocity(&noise_velocity(30, &grid));
        let forward: f64 = (0..3).map(|a| dot(&tangent(&moved[a]), &bar[a])).sum();
        let matter = Matter {
            velocity: velocity.clone(),
            rate,
            ..Matter::nothing(&grid)
        };
        let (mut u_bar, mut matter_bar) = (bar, MatterBar::zero(&grid));
        drag_vjp(&matter, 0.2, u, &mut u_bar, &mut matter_bar);
        let backward: f64 = (0..3)
            .map(|a| {
                dot(&du[a], &u_bar[a])
                    + dot(&dv[a], &matter_bar.velocity[a])
                    + dot(&dr[a], &matter_bar.rate[a])
            })
            .sum();
        assert_close(forward, backward);
    }
}
