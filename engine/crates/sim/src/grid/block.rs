//! Blocks of grid nodes, the tiles that particles scatter to, and how the two meet.
//!
//! A grid block owns 4 x 4 x 4 nodes. The particles of block `b` may drift one cell out
//! of it before they are sorted again, so their stencils reach nodes `4b - 1 .. 4b + 7`
//! of each axis: a tile of 8 x 8 x 8 nodes. A grid block sums the tiles that overlap it
//! in a fixed order: no atomics, no races, the same bits on any number of threads.

use backflow_diff::Real;

/// Nodes of a block along an axis.
pub const BLOCK: usize = 4;

/// Nodes of a tile along an axis.
pub const TILE: usize = 8;

/// Cells that a particle may lie outside its block on either side.
pub const MARGIN: i32 = 1;

/// Marks a neighbour that is not there.
pub const NONE: u32 = u32::MAX;

/// Three components and a fourth: momentum and mass, or velocity and nothing.
pub type Node<T> = [T; 4];

/// The nodes of a grid block, z fastest.
pub type BlockNodes<T> = [Node<T>; BLOCK * BLOCK * BLOCK];

/// The nodes that the particles of a block reach, z fastest.
pub type Tile<T> = [Node<T>; TILE * TILE * TILE];

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

/// Runs `row(block_index, tile_index, length)` over the rows that the nodes of a block
/// share with the tile of the particle block on `side` of it.
#[inline(always)]
fn shared_rows(side: usize, mut row: impl FnMut(usize, usize, usize)) {
    let (bx, tx, nx) = overlap(side / 9);
    let (by, ty, ny) = overlap(side / 3 % 3);
    let (bz, tz, nz) = overlap(side % 3);
    for i in 0..nx {
        for j in 0..ny {
            row(
                ((bx + i) * BLOCK + by + j) * BLOCK + bz,
                ((tx + i) * TILE + ty + j) * TILE + tz,
                nz,
            );
        }
    }
}

/// The sum of the tiles that overlap a grid block.
pub fn collect_tiles<T: Real>(block: &GridBlock, tiles: &[Tile<T>]) -> BlockNodes<T> {
    let mut nodes = [[T::zero(); 4]; BLOCK * BLOCK * BLOCK];
    for (side, &tile) in block.tiles.iter().enumerate() {
        if tile != NONE {
            let tile = &tiles[tile as usize];
            shared_rows(side, |at, from, length| {
                for (node, add) in nodes[at..at + length]
                    .iter_mut()
                    .zip(&tile[from..from + length])
                {
                    for channel in 0..4 {
                        node[channel] += add[channel];
                    }
                }
            });
        }
    }
    nodes
}

/// The grid values that the tile of a particle block covers.
pub fn load_tile<T: Real>(grid: &[u32; 27], nodes: &[BlockNodes<T>]) -> Tile<T> {
    let mut tile = [[T::zero(); 4]; TILE * TILE * TILE];
    for (side, &block) in grid.iter().enumerate() {
        if block != NONE {
            let nodes = &nodes[block as usize];
            // The grid block sees the particles on the opposite side.
            shared_rows(26 - side, |from, at, length| {
                tile[at..at + length].copy_from_slice(&nodes[from..from + length]);
            });
        }
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = BLOCK * BLOCK * BLOCK;
    const LARGE: usize = TILE * TILE * TILE;

    /// One block of particles in the middle of 27 grid blocks.
    fn grid() -> Vec<GridBlock> {
        let block = |(side, at): (usize, [i32; 3])| {
            let mut tiles = [NONE; 27];
            tiles[26 - side] = 0;
            GridBlock { at, tiles }
        };
        neighbours([2, 3, 4]).enumerate().map(block).collect()
    }

    /// A number for every node of the lattice.
    fn label(node: [usize; 3]) -> f64 {
        (node[0] * 10_000 + node[1] * 100 + node[2]) as f64
    }

    /// The lattice node of a node of the particles' tile.
    fn tile_node(index: usize) -> [usize; 3] {
        let local = [index / (TILE * TILE), index / TILE % TILE, index % TILE];
        [0, 1, 2].map(|axis| (axis + 2) * BLOCK + local[axis] - MARGIN as usize)
    }

    fn block_node(block: &GridBlock, index: usize) -> [usize; 3] {
        let local = [
            index / (BLOCK * BLOCK),
            index / BLOCK % BLOCK,
            index % BLOCK,
        ];
        let first = block.first_node();
        [0, 1, 2].map(|axis| first[axis] + local[axis])
    }

    #[test]
    fn a_tile_goes_to_the_nodes_where_it_lies_each_once() {
        let mut tile: Tile<f64> = [[0.0; 4]; LARGE];
        for (index, node) in tile.iter_mut().enumerate() {
            *node = [label(tile_node(index)), 1.0, 0.0, -2.0];
        }
        let mut found = 0;
        for block in grid() {
            let nodes = collect_tiles(&block, &[tile]);
            for (index, node) in nodes.iter().enumerate() {
                if node[1] != 0.0 {
                    let at = label(block_node(&block, index));
                    assert_eq!(*node, [at, 1.0, 0.0, -2.0]);
                    found += 1;
                }
            }
        }
        assert_eq!(found, LARGE);
    }

    #[test]
    fn a_tile_is_loaded_from_the_nodes_where_it_lies() {
        let blocks = grid();
        let nodes: Vec<BlockNodes<f64>> = blocks
            .iter()
            .map(|block| {
                let mut nodes = [[0.0; 4]; SMALL];
                for (index, node) in nodes.iter_mut().enumerate() {
                    *node = [label(block_node(block, index)), 3.0, 0.0, 0.5];
                }
                nodes
            })
            .collect();
        let mut sides = [0; 27];
        for (side, number) in sides.iter_mut().enumerate() {
            *number = side as u32;
        }
        for (index, node) in load_tile(&sides, &nodes).iter().enumerate() {
            assert_eq!(*node, [label(tile_node(index)), 3.0, 0.0, 0.5]);
        }
        // Blocks that are not there hold nothing.
        assert_eq!(load_tile(&[NONE; 27], &nodes), [[0.0; 4]; LARGE]);
    }

    #[test]
    fn loading_is_the_transpose_of_collecting() {
        let value = |index: usize| ((index * 37 + 11) % 101) as f64 - 50.0;
        let mut tile: Tile<f64> = [[0.0; 4]; LARGE];
        for (index, node) in tile.iter_mut().enumerate() {
            *node = [0, 1, 2, 3].map(|channel| value(4 * index + channel));
        }
        let (mut nodes, mut forward) = (Vec::new(), 0.0);
        for (number, block) in grid().iter().enumerate() {
            let mut weights = [[0.0; 4]; SMALL];
            for (index, node) in weights.iter_mut().enumerate() {
                *node = [0, 1, 2, 3].map(|channel| value(7 * index + channel + 13 * number));
            }
            let collected = collect_tiles(block, &[tile]);
            forward += dot(&collected, &weights);
            nodes.push(weights);
        }
        let sides = std::array::from_fn(|side| side as u32);
        // Sums of whole numbers are exact.
        assert_eq!(forward, dot(&tile, &load_tile(&sides, &nodes)));
    }

    fn dot(a: &[Node<f64>], b: &[Node<f64>]) -> f64 {
        a.iter()
            .flatten()
            .zip(b.iter().flatten())
            .map(|(a, b)| a * b)
            .sum()
    }

    #[test]
    fn tiles_of_all_neighbours_add_up() {
        let mut block = GridBlock {
            at: [1; 3],
            tiles: [NONE; 27],
        };
        let tiles = [[[1.0; 4]; LARGE], [[10.0; 4]; LARGE]];
        assert_eq!(collect_tiles(&block, &tiles), [[0.0; 4]; SMALL]);
        // Its own particles reach all of its nodes, those above x the last plane of it.
        block.tiles[13] = 0;
        block.tiles[22] = 1;
        let nodes = collect_tiles(&block, &tiles);
        for (index, node) in nodes.iter().enumerate() {
            let expected = if index / (BLOCK * BLOCK) == BLOCK - 1 {
                11.0
            } else {
                1.0
            };
            assert_eq!(*node, [expected; 4]);
        }
    }
}
