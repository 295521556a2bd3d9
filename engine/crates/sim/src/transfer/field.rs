//! What a particle carries to and from the nodes, as lanes.
//!
//! A particle carries the affine field `a + B (x_i - x_p)` of four channels in four quads:
//! the value `a` at the particle and, per axis, the slope `B` per cell.

use backflow_diff::{
    Real,
    lanes::{Lanes, columns::unpack},
};

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

/// Velocity and affine velocity matrix of a [`Motion`] as an affine field: the value in the
/// first quad, the columns of the matrix in the others, zeros in the fourth lanes.
#[inline(always)]
pub fn field_of<T: Real, L: Lanes<T>>(motion: L) -> L {
    unpack(motion)
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

/// The velocity of a motion in each quad, zeros in the fourth lanes.
#[inline(always)]
pub fn velocity_of<T: Real, L: Lanes<T>>(motion: L) -> L {
    motion.permute([4, 5, 6, 0, 4, 5, 6, 0, 4, 5, 6, 0, 4, 5, 6, 0])
}

/// Products of the slopes of a field with the value of another, which is in each quad, by
/// component, in the first three quads: what moving the particle does to the field at fixed nodes.
#[inline(always)]
pub fn meet_slopes<T: Real, L: Lanes<T>>(field: L, value: L) -> L {
    field
        .mul(value)
        .permute([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3])
}

/// Lanes that are 1 where a [`Motion`] has its position, velocity and matrix, times these.
#[inline(always)]
pub fn motion_mask<T: Real, L: Lanes<T>>(isa: L::Isa, x: T, v: T, c: T) -> L {
    let lanes = [T::zero(), x, x, x, v, v, v, c, c, c, c, c, c, c, c, c];
    L::load(isa, &lanes)
}
