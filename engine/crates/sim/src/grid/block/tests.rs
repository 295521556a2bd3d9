use backflow_diff::lanes::{Kernel, Portable};

use super::*;

const SMALL: usize = BLOCK * BLOCK * BLOCK;
const LARGE: usize = TILE * TILE * TILE;

const WHOLE: Reach = Reach {
    low: [0; 3],
    high: [TILE as u8; 3],
};

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

/// What portable lanes collect, over numbers that are to be overwritten.
fn collect(block: &GridBlock, tiles: &[Tile<f64>]) -> BlockNodes<f64> {
    let mut nodes = [[f64::NAN; 4]; SMALL];
    let reaches = vec![WHOLE; tiles.len()];
    collect_tiles::<f64, Portable<f64>>((), block, tiles, &reaches, &mut nodes);
    nodes
}

/// A tile of zeros with NaN in its padding, which belongs to no node.
fn empty_tile() -> Tile<f64> {
    let mut tile = [[f64::NAN; 4]; TILE_NODES];
    tile[..LARGE].fill([0.0; 4]);
    tile
}

#[test]
fn a_tile_goes_to_the_nodes_where_it_lies_each_once() {
    let mut tile = empty_tile();
    for (index, node) in tile[..LARGE].iter_mut().enumerate() {
        *node = [label(tile_node(index)), 1.0, 0.0, -2.0];
    }
    let mut found = 0;
    for block in grid() {
        let nodes = collect(&block, &[tile]);
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
    for (index, node) in load_tile(&sides, &nodes, &WHOLE)[..LARGE]
        .iter()
        .enumerate()
    {
        assert_eq!(*node, [label(tile_node(index)), 3.0, 0.0, 0.5]);
    }
    // Blocks that are not there hold nothing.
    assert_eq!(
        load_tile(&[NONE; 27], &nodes, &WHOLE),
        [[0.0; 4]; TILE_NODES]
    );
}

#[test]
fn loading_is_the_transpose_of_collecting() {
    let value = |index: usize| ((index * 37 + 11) % 101) as f64 - 50.0;
    let mut tile = empty_tile();
    for (index, node) in tile[..LARGE].iter_mut().enumerate() {
        *node = [0, 1, 2, 3].map(|channel| value(4 * index + channel));
    }
    let (mut nodes, mut forward) = (Vec::new(), 0.0);
    for (number, block) in grid().iter().enumerate() {
        let mut weights = [[0.0; 4]; SMALL];
        for (index, node) in weights.iter_mut().enumerate() {
            *node = [0, 1, 2, 3].map(|channel| value(7 * index + channel + 13 * number));
        }
        let collected = collect(block, &[tile]);
        forward += dot(&collected, &weights);
        nodes.push(weights);
    }
    let sides = std::array::from_fn(|side| side as u32);
    // Sums of whole numbers are exact.
    let loaded = load_tile(&sides, &nodes, &WHOLE);
    assert_eq!(forward, dot(&tile[..LARGE], &loaded[..LARGE]));
}

fn dot(a: &[Node<f64>], b: &[Node<f64>]) -> f64 {
    a.iter()
        .flatten()
        .zip(b.iter().flatten())
        .map(|(a, b)| a * b)
        .sum()
}

/// Stencils that start at two corners and between them, with the nodes that they reach.
fn reaches() -> impl Iterator<Item = (Reach, impl Fn(usize) -> bool)> {
    let corners = [
        [0, 0, 0],
        [1, 1, 1],
        [1, 2, 3],
        [4, 3, 2],
        [5, 5, 5],
        [0, 5, 2],
    ];
    let pairs = corners
        .into_iter()
        .flat_map(move |a| corners.map(|b| (a, b)));
    pairs.map(|(a, b)| {
        let start = |[x, y, z]: [usize; 3]| ((x * TILE + y) * TILE + z) as u16;
        let between = std::array::from_fn(|axis| (a[axis] + b[axis]) / 2);
        let reach = Reach::of(&[start(a), start(between), start(b)]);
        let within = move |index: usize| {
            let node = [index / (TILE * TILE), index / TILE % TILE, index % TILE];
            (0..3).all(|axis| {
                let (low, high) = (a[axis].min(b[axis]), a[axis].max(b[axis]) + STENCIL);
                (low..high).contains(&node[axis])
            })
        };
        (reach, within)
    })
}

#[test]
fn nothing_is_read_beyond_what_stencils_reach() {
    let sides = std::array::from_fn(|side| side as u32);
    let nodes = vec![[[1.0, 2.0, 0.0, 4.0]; SMALL]; 27];
    for (reach, within) in reaches() {
        // Left over from another substep.
        let mut tile = [[f64::NAN; 4]; TILE_NODES];
        reach.clear(&mut tile);
        for (index, node) in tile[..LARGE].iter_mut().enumerate() {
            if within(index) {
                assert_eq!(*node, [0.0; 4]);
                *node = [label(tile_node(index)), 1.0, 0.0, -2.0];
            }
        }
        let mut found = 0;
        for block in grid() {
            let mut nodes = [[f64::NAN; 4]; SMALL];
            collect_tiles::<f64, Portable<f64>>((), &block, &[tile], &[reach], &mut nodes);
            for (index, node) in nodes.iter().enumerate() {
                if *node != [0.0; 4] {
                    assert_eq!(*node, [label(block_node(&block, index)), 1.0, 0.0, -2.0]);
                    found += 1;
                }
            }
        }
        assert_eq!(found, (0..LARGE).filter(|&index| within(index)).count());
        let loaded = load_tile(&sides, &nodes, &reach);
        for index in (0..LARGE).filter(|&index| within(index)) {
            assert_eq!(loaded[index], nodes[0][0]);
        }
    }
}

#[test]
fn what_two_kinds_reach_is_what_either_does() {
    let [a, b] = [(1, 2, 3), (4, 0, 2)].map(|(x, y, z)| ((x * TILE + y) * TILE + z) as u16);
    let both = Reach::of(&[a, b]);
    assert_eq!(Reach::of(&[a]).join(Reach::of(&[b])), both);
    assert_eq!(both.join(Reach::NONE), both);
    assert_eq!(Reach::of(&[]), Reach::NONE);
    // A lost particle does no harm.
    assert_eq!(Reach::of(&[a, u16::MAX]).high, [TILE as u8; 3]);
}

#[test]
fn tiles_of_all_neighbours_add_up() {
    let mut block = GridBlock {
        at: [1; 3],
        tiles: [NONE; 27],
    };
    let tiles = [[[1.0; 4]; TILE_NODES], [[10.0; 4]; TILE_NODES]];
    assert_eq!(collect(&block, &tiles), [[0.0; 4]; SMALL]);
    // Its own particles reach all of its nodes, those above x the last plane of it.
    block.tiles[13] = 0;
    block.tiles[22] = 1;
    let nodes = collect(&block, &tiles);
    for (index, node) in nodes.iter().enumerate() {
        let expected = if index / (BLOCK * BLOCK) == BLOCK - 1 {
            11.0
        } else {
            1.0
        };
        assert_eq!(*node, [expected; 4]);
    }
}

/// All nodes that hold something if one node of the tile is `value`, with what they hold.
fn reached(index: usize, value: Node<f64>) -> Vec<([usize; 3], Node<f64>)> {
    let mut tile = empty_tile();
    tile[index] = value;
    let mut found = Vec::new();
    for block in grid() {
        for (index, node) in collect(&block, &[tile]).into_iter().enumerate() {
            if node != [0.0; 4] {
                found.push((block_node(&block, index), node));
            }
        }
    }
    found
}

#[test]
fn every_node_of_a_tile_reaches_exactly_one_node_of_a_block() {
    let value = [1.0, -2.0, 3.0, 0.25];
    for index in 0..LARGE {
        assert_eq!(
            reached(index, value),
            [(tile_node(index), value)],
            "{index}"
        );
    }
}

#[test]
fn nan_in_a_node_of_a_tile_reaches_its_own_node_only() {
    for index in 0..LARGE {
        for value in [[f64::NAN; 4], [0.0, f64::NAN, 0.0, 0.0], [f64::INFINITY; 4]] {
            let found = reached(index, value);
            let [(at, node)] = found[..] else {
                panic!("{index}: {found:?}");
            };
            assert_eq!(at, tile_node(index));
            assert_eq!(node.map(f64::to_bits), value.map(f64::to_bits));
        }
    }
    // The padding reaches none.
    for index in LARGE..TILE_NODES {
        assert_eq!(reached(index, [f64::NAN; 4]), [], "{index}");
    }
}

/// [`collect_tiles`] of one block.
struct Collect<'a, T>(&'a GridBlock, &'a [Tile<T>]);

impl<T: Real> Kernel<T> for Collect<'_, T> {
    type Output = BlockNodes<T>;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> BlockNodes<T> {
        let mut nodes = [[T::zero(); 4]; SMALL];
        collect_tiles::<T, L>(isa, self.0, self.1, &[WHOLE; 27], &mut nodes);
        nodes
    }
}

#[test]
fn sums_are_the_same_bits_on_any_lanes() {
    let tile = |number: usize| -> Tile<f64> {
        std::array::from_fn(|index| {
            [0, 1, 2, 3].map(|channel| (1.0 + (number + 4 * index + channel) as f64).sqrt())
        })
    };
    let tiles: Vec<Tile<f64>> = (0..27).map(tile).collect();
    let single: Vec<Tile<f32>> = tiles
        .iter()
        .map(|tile| tile.map(|node| node.map(|value| value as f32)))
        .collect();
    let mut block = GridBlock {
        at: [1; 3],
        tiles: std::array::from_fn(|side| side as u32),
    };
    for missing in 0..27 {
        block.tiles[missing] = NONE;
        // Only additions, in one order: nothing to round differently.
        let portable = Collect(&block, &tiles).run::<Portable<f64>>(());
        assert_eq!(f64::launch(Collect(&block, &tiles)), portable);
        let portable = Collect(&block, &single).run::<Portable<f32>>(());
        assert_eq!(f32::launch(Collect(&block, &single)), portable);
        block.tiles[missing] = missing as u32;
    }
}

#[test]
fn stencils_fit_a_tile_up_to_one_cell_outside_their_block() {
    let at = [2, 0, 5];
    for axis in 0..3 {
        for drift in -4..9 {
            let mut base = at.map(|at| at * BLOCK as i32);
            base[axis] += drift;
            // A stencil reaches two nodes beyond its lowest.
            let low = drift + MARGIN;
            let inside = low >= 0 && drift < BLOCK as i32 + MARGIN;
            assert_eq!(fits(&at, &base), inside, "{axis} {drift}");
            if inside {
                let stride = [TILE * TILE, TILE, 1];
                let corner = stride[0] + stride[1] + stride[2];
                let expected = corner as i32 + drift * stride[axis] as i32;
                assert_eq!(tile_base(&at, &base) as i32, expected);
            }
        }
    }
}
