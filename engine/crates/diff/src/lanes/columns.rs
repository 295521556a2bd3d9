//! A 3 x 3 matrix in one [`Lanes`]: its columns in quads 1 to 3, zeros in their fourth lanes.

use nalgebra::Matrix3;

use super::Lanes;
use crate::Real;

/// The columns of a matrix; the first quad is zero.
#[inline(always)]
pub fn columns<T: Real, L: Lanes<T>>(isa: L::Isa, m: &Matrix3<T>) -> L {
    let o = T::zero();
    let m = m.as_slice();
    let (a, b, c) = (&m[..3], &m[3..6], &m[6..]);
    // Entry by entry: lanes put together in memory would wait for it.
    let lanes = [
        o, o, o, o, a[0], a[1], a[2], o, b[0], b[1], b[2], o, c[0], c[1], c[2], o,
    ];
    L::load(isa, &lanes)
}

/// The columns of the matrix in the last nine lanes of a record, whose first lane is zero.
/// Lanes 4 to 6 become the first of the first quad.
#[inline(always)]
pub fn unpack<T: Copy, L: Lanes<T>>(record: L) -> L {
    record.permute([4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0, 13, 14, 15, 0])
}

/// The inverse of [`unpack`]; lanes 0 to 3 become the fourth of the first quad.
#[inline(always)]
pub fn pack<T: Copy, L: Lanes<T>>(columns: L) -> L {
    columns.permute([3, 3, 3, 3, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14])
}

/// The columns of `A^T`; the first quad stays.
#[inline(always)]
pub fn transpose<T: Copy, L: Lanes<T>>(a: L) -> L {
    a.permute([0, 1, 2, 3, 4, 8, 12, 7, 5, 9, 13, 7, 6, 10, 14, 7])
}

/// The columns of `A B`; the first quad is of no use.
#[inline(always)]
pub fn times<T: Copy, L: Lanes<T>>(a: L, b: L) -> L {
    let first = a.quad::<1>().mul(b.lane::<0>());
    let second = a.quad::<2>().mul_add(b.lane::<1>(), first);
    a.quad::<3>().mul_add(b.lane::<2>(), second)
}
