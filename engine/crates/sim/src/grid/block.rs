//! Blocks of grid nodes, the tiles that particles scatter to, and how the two meet.
//!
//! A grid block owns 4 x 4 x 4 nodes. The particles of block `b` may drift one cell out
//! of it before they are sorted again, so their stencils reach nodes `4b - 1 .. 4b + 7`
//! of each axis: a tile of 8 x 8 x 8 nodes. A grid block sums the tiles that overlap it
//! in a fixed order: no atomics, no races, the same bits on any number of threads.

use std::ops::Range;

use backflow_diff::{
    Real,
    lanes::{Lanes, WIDTH},
};

/// Nodes of a block along an axis.
pub const BLOCK: usize = 4;

/// Nodes of a tile along an axis.
pub const TILE: usize = 8;

/// Nodes of a stencil along an axis.
const STENCIL: usize = 3;

/// Cells that a particle may lie outside its block on either side.
pub const MARGIN: i32 = 1;

/// Marks a neighbour that is not there.
pub const NONE: u32 = u32::MAX;

/// Three components and a fourth: momentum and mass, or velocity and nothing.
pub type Node<T> = [T; 4];

/// The nodes of a grid block, z fastest.
pub type BlockNodes<T> = [Node<T>; BLOCK * BLOCK * BLOCK];

/// The nodes that the particles of a block reach, z fastest, and some more so that every
/// row of a stencil can be read as four nodes.
pub type Tile<T> = [Node<T>; TILE_NODES];

/// Nodes of a tile with those that only pad it.
pub const TILE_NODES: usize = TILE * TILE * TILE + BLOCK;

/// An active block of the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridBlock {
    /// Coordinates in blocks.
    pub at: [i32; 3],
    /// Particle blocks whose tiles overlap it, by [`neighbours`].
    pub tiles: [u32; 27],
}

impl GridBlock {
    /// Lattice node of the block's first node.
    pub fn first_node(&self) -> [usize; 3] {
        self.at.map(|at| at as usize * BLOCK)
    }
}

/// The 27 blocks around `at` (itself in the middle), z fastest.
pub fn neighbours(at: [i32; 3]) -> impl Iterator<Item = [i32; 3]> {
    (0..27).map(move |side| {
        [
            at[0] + side / 9 - 1,
            at[1] + side / 3 % 3 - 1,
            at[2] + side % 3 - 1,
        ]
    })
}

/// Where in the tile of block `at` the stencil with lowest node `base` starts.
#[inline(always)]
pub fn tile_base(at: &[i32; 3], base: &[i32; 3]) -> usize {
    let local = |axis: usize| (base[axis] - at[axis] * BLOCK as i32 + MARGIN) as usize;
    (local(0) * TILE + local(1)) * TILE + local(2)
}

/// Whether a stencil starting at `base` fits the tile of block `at`.
#[inline(always)]
pub fn fits(at: &[i32; 3], base: &[i32; 3]) -> bool {
    let span = BLOCK as i32 - 1 + 2 * MARGIN;
    (0..3).all(|axis| {
        let local = base[axis] - at[axis] * BLOCK as i32 + MARGIN;
        (0..=span).contains(&local)
    })
}

/// Along one axis, where the nodes of a block and of a neighbour's tile coincide:
/// (first node in the block, first node in the tile, how many).
const fn overlap(side: usize) -> (usize, usize, usize) {
    match side {
        // The particles' block is below: the upper three nodes of its tile.
        0 => (0, 5, 3),
        1 => (0, 1, 4),
        // It is above: the lowest node of its tile.
        _ => (3, 0, 1),
    }
}

/// The part of a tile that the stencils of a block reach: nodes `low .. high` of each axis. What
/// lies outside is never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    low: [u8; 3],
    high: [u8; 3],
}

impl Reach {
    /// No node.
    pub const NONE: Self = Self {
        low: [TILE as u8; 3],
        high: [0; 3],
    };

    /// Of stencils that start at these nodes of the tile.
    #[inline(always)]
    pub fn of(starts: &[u16]) -> Self {
        if starts.is_empty() {
            return Self::NONE;
        }
        let (mut low, mut high) = ([u16::MAX; 3], [0; 3]);
        for &start in starts {
            let [x, y, z] = [
                start / (TILE * TILE) as u16,
                start / TILE as u16 % TILE as u16,
                start % TILE as u16,
            ];
            for (axis, at) in [x, y, z].into_iter().enumerate() {
                low[axis] = low[axis].min(at);
                high[axis] = high[axis].max(at);
            }
        }
        // Particles that are lost start anywhere.
        let inside = |at: u16| at.min(TILE as u16) as u8;
        Self {
            low: low.map(inside),
            high: high.map(|last| inside(last + STENCIL as u16)),
        }
    }

    /// What this and another reach.
    #[must_use]
    #[inline(always)]
    pub fn join(self, other: Self) -> Self {
        let (mut low, mut high) = (self.low, self.high);
        for axis in 0..3 {
            low[axis] = low[axis].min(other.low[axis]);
            high[axis] = high[axis].max(other.high[axis]);
        }
        Self { low, high }
    }

    /// The nodes of an axis.
    #[inline(always)]
    fn span(&self, axis: usize) -> Range<usize> {
        usize::from(self.low[axis])..usize::from(self.high[axis])
    }

    /// Those of an axis from `first`, `count` of them at most.
    #[inline(always)]
    fn overlap(&self, axis: usize, first: usize, count: usize) -> Range<usize> {
        let Range { start, end } = self.span(axis);
        start.max(first)..end.min(first + count)
    }

    /// Sets the nodes of a tile that are reached to zero, with all others along z.
    #[inline(always)]
    pub fn clear<T: Real>(&self, tile: &mut Tile<T>) {
        for x in self.span(0) {
            for y in self.span(1) {
                let row = (x * TILE + y) * TILE;
                if let Some(row) = tile[row..].first_chunk_mut::<TILE>() {
                    *row = [[T::zero(); 4]; TILE];
                }
            }
        }
    }
}

/// Sums the tiles that overlap a grid block into `nodes`, tile by tile in the order of their
/// sides.
#[inline(always)]
pub fn collect_tiles<T: Real, L: Lanes<T>>(
    isa: L::Isa,
    block: &GridBlock,
    tiles: &[Tile<T>],
    reaches: &[Reach],
    nodes: &mut BlockNodes<T>,
) {
    let (zero, one) = (T::zero(), T::one());
    let nothing = L::splat(isa, zero);
    let first_three: L = L::load(
        isa,
        &std::array::from_fn(|at| if at < 12 { one } else { zero }),
    );
    let last: L = L::load(
        isa,
        &std::array::from_fn(|at| if at < 12 { zero } else { one }),
    );
    *nodes = [[zero; 4]; BLOCK * BLOCK * BLOCK];
    let (rows, _) = nodes.as_flattened_mut().as_chunks_mut::<WIDTH>();
    for (side, &tile) in block.tiles.iter().enumerate() {
        let (Some(tile), Some(reach)) = (tiles.get(tile as usize), reaches.get(tile as usize))
        else {
            continue;
        };
        let [x_side, y_side, z_side] = [side / 9, side / 3 % 3, side % 3];
        let (z_node, z_tile, z_count) = overlap(z_side);
        if reach.overlap(2, z_tile, z_count).is_empty() {
            continue;
        }
        let (x_node, x_tile, x_count) = overlap(x_side);
        let (y_node, y_tile, y_count) = overlap(y_side);
        for x in reach.overlap(0, x_tile, x_count) {
            for y in reach.overlap(1, y_tile, y_count) {
                let at = (x * TILE + y) * TILE + z_tile;
                let index = (x_node + x - x_tile) * BLOCK + y_node + y - y_tile;
                let from = tile.as_flattened()[4 * at..].first_chunk();
                if let (Some(from), Some(row)) = (from, rows.get_mut(index)) {
                    let part = L::load(isa, from);
                    let part = match z_count {
                        // Below: the upper three nodes of the tile's row.
                        3 => part.unless_at_most(first_three, nothing),
                        // Above: its lowest node.
                        1 => part.quad::<0>().unless_at_most(last, nothing),
                        _ => part,
                    };
                    debug_assert!(z_count != 1 || z_node == BLOCK - 1);
                    L::load(isa, row).add(part).store(row);
                }
            }
        }
    }
}

/// Where a node of a tile lies along an axis: on which side of the block, and which node of it.
const fn home(node: usize) -> (usize, usize) {
    match node {
        0 => (0, BLOCK - 1),
        1..=BLOCK => (1, node - 1),
        _ => (2, node - 1 - BLOCK),
    }
}

/// The grid values that the tile of a particle block covers, as far as they are reached.
#[inline(always)]
pub fn load_tile<T: Real>(grid: &[u32; 27], nodes: &[BlockNodes<T>], reach: &Reach) -> Tile<T> {
    let mut tile = [[T::zero(); 4]; TILE_NODES];
    for x in reach.span(0) {
        let (x_side, x_node) = home(x);
        for y in reach.span(1) {
            let (y_side, y_node) = home(y);
            let first = (x_node * BLOCK + y_node) * BLOCK;
            let side = 9 * x_side + 3 * y_side;
            let row = (x * TILE + y) * TILE;
            let from = |z_side: usize| nodes.get(grid[side + z_side] as usize);
            if let Some(nodes) = from(0) {
                tile[row] = nodes[first + BLOCK - 1];
            }
            if let Some(nodes) = from(1) {
                tile[row + 1..][..BLOCK].copy_from_slice(&nodes[first..][..BLOCK]);
            }
            if let Some(nodes) = from(2) {
                tile[row + 1 + BLOCK..][..3].copy_from_slice(&nodes[first..][..3]);
            }
        }
    }
    tile
}

#[cfg(test)]
mod tests;
