//! What a particle carries to and from the nodes, as lanes.
//!
//! A particle carries the affine field `a + B (x_i - x_p)` of four channels in four quads:
//! the value `a` at the particle and, per axis, the slope `B` per cell.

use backflow_diff::{
    Real,
    lanes::{Lanes, WIDTH},
};
use nalgebra::Matrix3;

use crate::particle::Motion;

/// Reads a motion.
#[inline(always)]
pub fn load_motion<T: Real, L: Lanes<T>>(isa: L::Isa, motion: &Motion<T>) -> L {
    L::load(isa, motion.lanes())
}

/// Four scalars, each in all lanes of one quad.
#[inline(always)]
pub fn quads<T: Real, L: Lanes<T>>(isa: L::Isa, values: [T; 4]) -> L {
    L::load(isa, &std::array::from_fn(|lane| values[lane / 4]))
}

/// The columns of a matrix in quads 1 to 3, their fourth lanes zero.
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

/// The matrix whose columns are in quads 1 to 3.
#[inline(always)]
pub fn matrix_of<T: Real>(quads: &[T; 16]) -> Matrix3<T> {
    Matrix3::from_fn(|row, column| quads[4 * column + 4 + row])
}

/// Velocity and affine velocity matrix of a [`Motion`] as an affine field: the value in the
/// first quad, the columns of the matrix in the others, zeros in the fourth lanes.
#[inline(always)]
pub fn field_of<T: Real, L: Lanes<T>>(motion: L) -> L {
    motion.permute([4, 5, 6, 0, 7, 8, 9, 0, 10, 11, 12, 0, 13, 14, 15, 0])
}

/// The inverse of [`field_of`], with the value where a [`Motion`] has its position, too.
#[inline(always)]
pub fn motion_of<T: Real, L: Lanes<T>>(field: L) -> L {
    field.permute([3, 0, 1, 2, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14])
}

/// Sums each of the first three quads and puts the sums where a [`Motion`] has its position;
/// the last quad must be zero.
#[inline(always)]
pub fn position_of<T: Real, L: Lanes<T>>(quads: L) -> L {
    let sums = quads.sum_within_quads();
    sums.permute([12, 0, 4, 8, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12])
}

/// Products of the slopes of a field with the value of another, by component, in the first
/// three quads: what moving the particle does to the field at fixed nodes.
#[inline(always)]
pub fn meet_slopes<T: Real, L: Lanes<T>>(field: L, other: L) -> L {
    field
        .mul(other.quad::<0>())
        .permute([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3])
}

/// Lanes that are 1 where a [`Motion`] has its position, velocity and matrix, times these.
#[inline(always)]
pub fn motion_mask<T: Real, L: Lanes<T>>(isa: L::Isa, x: T, v: T, c: T) -> L {
    let lanes = [T::zero(), x, x, x, v, v, v, c, c, c, c, c, c, c, c, c];
    L::load(isa, &lanes)
}

/// Sixteen numbers in memory, from where a single one or a quad reaches all lanes without
/// a permutation.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Stored<T>([T; WIDTH]);

impl<T: Real> Stored<T> {
    /// Room for them.
    #[inline(always)]
    pub fn zero() -> Self {
        Self([T::zero(); WIDTH])
    }

    /// Stores lanes.
    #[inline(always)]
    pub fn put<L: Lanes<T>>(&mut self, lanes: L) {
        lanes.store(&mut self.0);
    }

    /// The numbers.
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

    /// The number of a node along x, of those by node and axis.
    #[inline(always)]
    pub fn x<L: Lanes<T>>(&self, isa: L::Isa, node: usize) -> L {
        L::splat(isa, self.0[4 * node + 1])
    }

    /// That along y.
    #[inline(always)]
    pub fn y<L: Lanes<T>>(&self, isa: L::Isa, node: usize) -> L {
        L::splat(isa, self.0[4 * node + 2])
    }

    /// Those along z, by quad.
    #[inline(always)]
    pub fn z<L: Lanes<T>>(&self, isa: L::Isa) -> L {
        L::load(isa, &self.0).lane::<3>()
    }
}
