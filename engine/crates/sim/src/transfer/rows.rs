//! The nine rows of a stencil in a tile.
//!
//! The nodes of a stencil lie in nine rows along z. A row is four nodes of four channels in
//! the tile, sixteen scalars: one [`Lanes`]. The fourth node of a row is not part of the
//! stencil and weighs nothing.

use backflow_diff::{
    Real,
    lanes::{Lanes, WIDTH},
};

use super::field::quads;
use crate::grid::block::{TILE, Tile};

/// Rows of a stencil.
const ROWS: usize = 9;

/// The rows of a stencil, x slowest.
pub type Rows<L> = [L; ROWS];

/// Where in a tile each row begins, after the first.
const ROW_STARTS: [usize; ROWS] = {
    let mut starts = [0; ROWS];
    let mut row = 0;
    while row < ROWS {
        starts[row] = (row / 3 * TILE + row % 3) * TILE;
        row += 1;
    }
    starts
};

/// Scalars from the first to the last row of a stencil.
const SPAN: usize = 4 * ROW_STARTS[ROWS - 1] + WIDTH;

/// A row without its fourth node, whatever is there: zero times infinity would spread.
#[inline(always)]
fn within_stencil<T: Real, L: Lanes<T>>(isa: L::Isa, row: L) -> L {
    let mask = quads(isa, [T::one(), T::one(), T::one(), T::zero()]);
    row.unless_at_most(mask, L::splat(isa, T::zero()))
}

/// Reads the rows of the stencil that starts at `base`.
#[inline(always)]
pub fn load_rows<T: Real, L: Lanes<T>>(isa: L::Isa, tile: &Tile<T>, base: usize) -> Rows<L> {
    let mut rows = [L::splat(isa, T::zero()); ROWS];
    let span = tile.as_flattened().get(4 * base..);
    if let Some(span) = span.and_then(|span| span.first_chunk::<SPAN>()) {
        for (row, start) in rows.iter_mut().zip(ROW_STARTS) {
            if let Some(scalars) = span[4 * start..].first_chunk() {
                *row = within_stencil(isa, L::load(isa, scalars));
            }
        }
    }
    rows
}

/// Adds to the rows of the stencil that starts at `base`.
#[inline(always)]
pub fn add_rows<T: Real, L: Lanes<T>>(isa: L::Isa, tile: &mut Tile<T>, base: usize, rows: Rows<L>) {
    let span = tile.as_flattened_mut().get_mut(4 * base..);
    if let Some(span) = span.and_then(|span| span.first_chunk_mut::<SPAN>()) {
        for (sum, start) in rows.iter().zip(ROW_STARTS) {
            if let Some(row) = span[4 * start..].first_chunk_mut() {
                L::load(isa, row).add(within_stencil(isa, *sum)).store(row);
            }
        }
    }
}
