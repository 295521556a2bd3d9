//! What says how fast a state changes.

use backflow_diff::Real;
use nalgebra::DMatrix;

use crate::layer::{Mlp, MlpTape};

/// `du/dt = f(u, t)` of every column of `u`, with weights.
pub trait Dynamics<T: Real> {
    /// What [`Dynamics::apply`] leaves for its adjoint.
    type Tape: Clone;

    /// The derivative, as large as `u`.
    fn apply(&self, weights: &[T], t: f64, u: &DMatrix<T>) -> (DMatrix<T>, Self::Tape);

    /// Cotangent of `u`; adds to that of the weights. Times are held.
    fn apply_vjp(
        &self,
        weights: &[T],
        t: f64,
        u: &DMatrix<T>,
        tape: &Self::Tape,
        bar: DMatrix<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T>;
}

/// Of the state alone.
impl<T: Real> Dynamics<T> for Mlp {
    type Tape = MlpTape<T>;

    fn apply(&self, weights: &[T], _: f64, u: &DMatrix<T>) -> (DMatrix<T>, MlpTape<T>) {
        self.apply(weights, u)
    }

    fn apply_vjp(
        &self,
        weights: &[T],
        _: f64,
        u: &DMatrix<T>,
        tape: &MlpTape<T>,
        bar: DMatrix<T>,
        weights_bar: &mut [T],
    ) -> DMatrix<T> {
        self.apply_vjp(weights, u, tape, bar, weights_bar)
    }
}
