//! The velocity mirrored at what the pressure left of it.

use backflow_diff::Real;

use crate::gas::{
    field::{Field, Velocity},
    grid::Grid,
};

/// A velocity that is carried along another one, and its cotangent.
#[derive(Debug)]
pub(super) struct Carried<T: Real> {
    pub(super) velocity: Velocity<T>,
    pub(super) bar: Velocity<T>,
}

impl<T: Real> Carried<T> {
    pub(super) fn new(grid: &Grid) -> Self {
        Self {
            velocity: Field::zero_velocity(grid),
            bar: Field::zero_velocity(grid),
        }
    }

    /// Sets the velocity to `2 h - w` and its cotangent to zero.
    pub(super) fn mirror(&mut self, h: &Velocity<T>, w: &Velocity<T>) {
        for axis in 0..3 {
            let (h, w) = (&h[axis], &w[axis]);
            self.velocity[axis].copy_from(h);
            self.velocity[axis].update(|_, index, value| {
                *value = *value + *value - w.data[index];
            });
            self.bar[axis].clear();
        }
    }

    /// Adds the cotangents of `h`, and changes `bar` to those of `w`.
    pub(super) fn mirror_vjp(&mut self, h_bar: &mut Velocity<T>) {
        for (bar, h_bar) in self.bar.iter_mut().zip(h_bar) {
            h_bar.update(|_, index, sum| *sum += bar.data[index] + bar.data[index]);
            bar.update(|_, _, value| *value = -*value);
        }
    }
}
