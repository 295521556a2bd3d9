//! Sixteen 3 x 3 matrices at once.
//!
//! Loops over indices: closures are not sure to be compiled with the instructions of the lanes, and
//! arrays that are iterated over by value go through memory.

use nalgebra::Matrix3;

use super::{Lanes, Stored, WIDTH};
use crate::Real;

/// Sixteen 3 x 3 matrices: an entry a [`Lanes`], column by column.
#[derive(Debug, Clone, Copy)]
pub struct Matrices<L>(pub [L; 9]);

impl<L> Matrices<L> {
    /// Of sixteen matrices.
    #[inline(always)]
    pub fn load<T: Real>(isa: L::Isa, matrices: &[&Matrix3<T>; WIDTH]) -> Self
    where
        L: Lanes<T>,
    {
        let mut entries = [[T::zero(); WIDTH]; 9];
        for (lane, matrix) in matrices.iter().enumerate() {
            for (entry, &value) in entries.iter_mut().zip(matrix.data.0.as_flattened()) {
                entry[lane] = value;
            }
        }
        let mut lanes = [L::splat(isa, T::zero()); 9];
        for (lanes, row) in lanes.iter_mut().zip(&entries) {
            *lanes = L::load(isa, row);
        }
        Self(lanes)
    }

    /// Of the matrices in sixteen records.
    #[inline(always)]
    pub fn load_records<T: Real>(isa: L::Isa, records: &[&Stored<T>; WIDTH]) -> Self
    where
        L: Lanes<T>,
    {
        let mut rows = [L::splat(isa, T::zero()); WIDTH];
        for (row, record) in rows.iter_mut().zip(records) {
            *row = record.lanes(isa);
        }
        let [_, _, _, _, _, _, _, entries @ ..] = L::transpose(rows);
        Self(entries)
    }

    /// As sixteen records that hold nothing else.
    #[inline(always)]
    pub fn store_records<T: Real>(self, isa: L::Isa) -> [Stored<T>; WIDTH]
    where
        L: Lanes<T>,
    {
        let mut rows = [L::splat(isa, T::zero()); WIDTH];
        let [_, _, _, _, _, _, _, entries @ ..] = &mut rows;
        *entries = self.0;
        let mut records = [Stored::zero(); WIDTH];
        let rows = L::transpose(rows);
        for at in 0..WIDTH {
            records[at].put(rows[at]);
        }
        records
    }

    /// The sixteen matrices.
    #[inline(always)]
    pub fn store<T: Real>(self) -> [Matrix3<T>; WIDTH]
    where
        L: Lanes<T>,
    {
        let mut entries = [[T::zero(); WIDTH]; 9];
        for at in 0..9 {
            self.0[at].store(&mut entries[at]);
        }
        let mut matrices = [Matrix3::zeros(); WIDTH];
        for (lane, matrix) in matrices.iter_mut().enumerate() {
            for (entry, row) in matrix.iter_mut().zip(&entries) {
                *entry = row[lane];
            }
        }
        matrices
    }

    /// `A + B`.
    #[must_use]
    #[inline(always)]
    pub fn plus<T: Real>(self, other: Self) -> Self
    where
        L: Lanes<T>,
    {
        let mut all = self.0;
        for at in 0..9 {
            all[at] = all[at].add(other.0[at]);
        }
        Self(all)
    }

    /// `A - B`.
    #[must_use]
    #[inline(always)]
    pub fn minus<T: Real>(self, other: Self) -> Self
    where
        L: Lanes<T>,
    {
        let mut all = self.0;
        for at in 0..9 {
            all[at] = all[at].sub(other.0[at]);
        }
        Self(all)
    }

    /// `s A`.
    #[must_use]
    #[inline(always)]
    pub fn scale<T: Real>(self, factor: L) -> Self
    where
        L: Lanes<T>,
    {
        let mut all = self.0;
        for at in 0..9 {
            all[at] = all[at].mul(factor);
        }
        Self(all)
    }

    /// `s A + B`.
    #[must_use]
    #[inline(always)]
    pub fn scale_add<T: Real>(self, factor: L, term: Self) -> Self
    where
        L: Lanes<T>,
    {
        let mut all = self.0;
        for at in 0..9 {
            all[at] = all[at].mul_add(factor, term.0[at]);
        }
        Self(all)
    }

    /// `A + s I`.
    #[must_use]
    #[inline(always)]
    pub fn plus_diagonal<T: Real>(mut self, s: L) -> Self
    where
        L: Lanes<T>,
    {
        for entry in [0, 4, 8] {
            self.0[entry] = self.0[entry].add(s);
        }
        self
    }

    /// `A^T`.
    #[must_use]
    #[inline(always)]
    pub fn transpose(self) -> Self
    where
        L: Copy,
    {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        Self([a, d, g, b, e, h, c, f, i])
    }

    /// `A B`.
    #[must_use]
    #[inline(always)]
    pub fn times<T: Real>(self, other: Self) -> Self
    where
        L: Lanes<T>,
    {
        let (a, b) = (&self.0, &other.0);
        let mut all = self.0;
        for column in [0, 3, 6] {
            for row in 0..3 {
                let first = a[row].mul(b[column]);
                let second = a[row + 3].mul_add(b[column + 1], first);
                all[column + row] = a[row + 6].mul_add(b[column + 2], second);
            }
        }
        Self(all)
    }

    /// `tr A`.
    #[must_use]
    #[inline(always)]
    pub fn trace<T: Real>(self) -> L
    where
        L: Lanes<T>,
    {
        self.0[0].add(self.0[4]).add(self.0[8])
    }

    /// `A : B`, the sum of the products of the entries.
    #[must_use]
    #[inline(always)]
    pub fn dot<T: Real>(self, other: Self) -> L
    where
        L: Lanes<T>,
    {
        let mut sum = self.0[0].mul(other.0[0]);
        for entry in 1..9 {
            sum = self.0[entry].mul_add(other.0[entry], sum);
        }
        sum
    }

    /// The cofactor matrix `det(A) A^-T`.
    #[must_use]
    #[inline(always)]
    pub fn cofactor<T: Real>(self) -> Self
    where
        L: Lanes<T>,
    {
        // Entry `(i, j)` takes the next two rows and columns, round and round.
        let mut all = self.0;
        for column in 0..3 {
            let [next, last] = [(column + 1) % 3 * 3, (column + 2) % 3 * 3];
            for row in 0..3 {
                let [below, lowest] = [(row + 1) % 3, (row + 2) % 3];
                let product = self.0[next + below].mul(self.0[last + lowest]);
                all[3 * column + row] =
                    self.0[last + below].neg_mul_add(self.0[next + lowest], product);
            }
        }
        Self(all)
    }

    /// `det A`, from the cofactors of `A`.
    #[must_use]
    #[inline(always)]
    pub fn determinant<T: Real>(self, cofactor: &Self) -> L
    where
        L: Lanes<T>,
    {
        let (a, b) = (&self.0, &cofactor.0);
        a[2].mul_add(b[2], a[1].mul_add(b[1], a[0].mul(b[0])))
    }
}
