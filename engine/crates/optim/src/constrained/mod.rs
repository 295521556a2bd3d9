//! Problems with equations: `min f(x)` subject to `c(x) = 0`.

pub mod augmented_lagrangian;
mod kkt;

pub use augmented_lagrangian::{
    AugmentedLagrangian, ConstrainedError, ConstrainedState, Inner, Newton,
};

use crate::objective::difference_of_gradients;

/// A value to make small, and equations to meet.
pub trait Constrained {
    /// Why an evaluation can fail.
    type Error: std::error::Error + 'static;

    /// f(x).
    fn value(&mut self, x: &[f64]) -> Result<f64, Self::Error>;

    /// df/dx.
    fn gradient(&mut self, x: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// c(x), one entry an equation.
    fn equations(&mut self, x: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// `(dc/dx) direction`.
    fn equations_jvp(&mut self, x: &[f64], direction: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// `(dc/dx)^T multipliers`.
    fn equations_vjp(&mut self, x: &[f64], multipliers: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// `d2(f + multipliers . c)/dx2` times a direction. Default: central difference of gradients,
    /// as [`Objective::hessian_vector`](crate::Objective::hessian_vector).
    fn hessian_vector(
        &mut self,
        x: &[f64],
        multipliers: &[f64],
        direction: &[f64],
    ) -> Result<Vec<f64>, Self::Error> {
        difference_of_gradients(x, direction, |point| {
            let mut gradient = self.gradient(point)?;
            let pulled = self.equations_vjp(point, multipliers)?;
            crate::vector::add_scaled(&mut gradient, 1.0, &pulled);
            Ok(gradient)
        })
    }
}
