//! What an operator steps: the last positions of the samples.

use backflow_diff::Real;
use nalgebra::DMatrix;

/// Positions of samples at the last steps, and at the start. The same type holds cotangents.
#[derive(Debug, Clone, PartialEq)]
pub struct Window<T: Real> {
    /// Positions (m) where the body was at rest, a column each.
    pub rest: DMatrix<T>,
    /// Positions (m) at the last steps, the newest last.
    pub x: Vec<DMatrix<T>>,
}

impl<T: Real> Window<T> {
    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.rest.ncols()
    }

    /// The newest positions (m).
    pub fn newest(&self) -> &DMatrix<T> {
        self.before(0)
    }

    /// Positions (m) `steps` before the newest.
    pub fn before(&self, steps: usize) -> &DMatrix<T> {
        // A window is never empty, and rest has its shape.
        let at = self.x.len().checked_sub(1 + steps);
        at.and_then(|at| self.x.get(at)).unwrap_or(&self.rest)
    }

    /// Zero cotangents of as many samples and steps.
    #[must_use]
    pub fn zeros(&self) -> Self {
        let zero = DMatrix::zeros(3, self.samples());
        Self {
            rest: zero.clone(),
            x: vec![zero; self.x.len()],
        }
    }

    /// Takes new positions in and forgets the oldest.
    pub fn push(&mut self, x: DMatrix<T>) {
        self.x.remove(0);
        self.x.push(x);
    }

    /// In another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Window<U> {
        let cast = |x: &DMatrix<T>| x.map(|x| U::of(x.to_f64()));
        Window {
            rest: cast(&self.rest),
            x: self.x.iter().map(cast).collect(),
        }
    }
}
