//! Sixteen scalars in memory.

use nalgebra::Matrix3;

use super::{Lanes, WIDTH};
use crate::Real;

/// Sixteen scalars in memory, from where a single one or a quad reaches all lanes without
/// a permutation. A matrix, if there is one, is in the last nine, column by column.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Stored<T>(pub [T; WIDTH]);

impl<T: Real> Stored<T> {
    /// All zero.
    #[inline(always)]
    pub fn zero() -> Self {
        Self([T::zero(); WIDTH])
    }

    /// Stores lanes.
    #[inline(always)]
    pub fn put<L: Lanes<T>>(&mut self, lanes: L) {
        lanes.store(&mut self.0);
    }

    /// The scalars.
    #[inline(always)]
    pub fn numbers(&self) -> &[T; WIDTH] {
        &self.0
    }

    /// The lanes.
    #[inline(always)]
    pub fn lanes<L: Lanes<T>>(&self, isa: L::Isa) -> L {
        L::load(isa, &self.0)
    }

    /// Quad `Q` four times.
    #[inline(always)]
    pub fn quad<const Q: usize, L: Lanes<T>>(&self, isa: L::Isa) -> L {
        let [a, b, c, d] = [4 * Q, 4 * Q + 1, 4 * Q + 2, 4 * Q + 3];
        L::repeat(isa, &[self.0[a], self.0[b], self.0[c], self.0[d]])
    }

    /// The entries of the matrix.
    #[inline(always)]
    pub fn entries(&self) -> &[T; 9] {
        let [_, _, _, _, _, _, _, entries @ ..] = &self.0;
        entries
    }

    /// The entries of the matrix.
    #[inline(always)]
    pub fn entries_mut(&mut self) -> &mut [T; 9] {
        let [_, _, _, _, _, _, _, entries @ ..] = &mut self.0;
        entries
    }

    /// The matrix.
    #[inline(always)]
    pub fn matrix(&self) -> Matrix3<T> {
        Matrix3::from_column_slice(self.entries())
    }

    /// Sets the matrix.
    #[inline(always)]
    pub fn set_matrix(&mut self, matrix: &Matrix3<T>) {
        self.entries_mut().copy_from_slice(matrix.as_slice());
    }
}
