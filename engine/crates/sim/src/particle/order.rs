//! The order of particles in memory: sorted by the grid block that their stencil
//! starts in, so that a block scatters into a tile that fits the first-level cache, and
//! by cell within the block, so that neighbours in the grid are neighbours in memory.
//!
//! The order is a pure function of the positions (block, cell, then canonical index), never
//! of the order before: a run that is resumed or replayed sorts to the same bits.

use std::ops::Range;

use backflow_diff::Real;

use super::{
    Cloud, Particles,
    visits::{place_of, plan_visits},
};
use crate::{
    grid::{
        Lattice, Stencil,
        block::{BLOCK, GridBlock, NONE, neighbours, tile_base},
    },
    material::Strain,
    world::World,
};

/// Which particle lies in which slot, for one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slots {
    /// Canonical index of the particle in each slot.
    pub ids: Vec<u32>,
    /// Body of the particle in each slot.
    pub bodies: Vec<u16>,
}

/// A block of 4 x 4 x 4 cells and the particles whose stencils start in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticleBlock {
    /// Coordinates in blocks.
    pub at: [i32; 3],
    /// Slots of its liquid particles.
    pub liquid: Range<usize>,
    /// Slots of its solid particles.
    pub solid: Range<usize>,
    /// Grid blocks that its tile overlaps, by [`neighbours`].
    pub grid: [u32; 27],
}

/// The order of all particles, and the grid blocks that they touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// Slots of liquid particles.
    pub liquid: Slots,
    /// Slots of solid particles.
    pub solid: Slots,
    /// Blocks that hold particles, in lattice order.
    pub blocks: Vec<ParticleBlock>,
    /// Grid blocks that some tile overlaps, in lattice order.
    pub grid: Vec<GridBlock>,
    /// Liquid and solid slots in blocks; those behind them rest.
    pub present: [usize; 2],
}

impl Slots {
    /// Every particle in the slot of its canonical index.
    fn canonical(ranges: impl Iterator<Item = Range<usize>>) -> Self {
        let mut slots = Self::default();
        for (body, range) in ranges.enumerate() {
            slots.ids.extend(range.clone().map(|id| id as u32));
            slots.bodies.extend(range.map(|_| body as u16));
        }
        slots
    }

    /// Slot of each canonical index.
    pub fn slot_of(&self) -> Vec<u32> {
        let mut slot_of = vec![0; self.ids.len()];
        for (slot, &id) in self.ids.iter().enumerate() {
            slot_of[id as usize] = slot as u32;
        }
        slot_of
    }

    /// For each slot of `self`, the slot of the same particle in `other`.
    pub fn sources_in(&self, other: &Self) -> Vec<u32> {
        let slot_of = other.slot_of();
        self.ids.iter().map(|&id| slot_of[id as usize]).collect()
    }
}

/// A stable counting sort of one kind by block.
struct Sorted {
    slots: Slots,
    /// Slot of the previous order that each slot is taken from.
    source: Vec<u32>,
    /// First slot of each block, and one past the last.
    starts: Vec<u32>,
}

impl Sorted {
    fn new<T: Real, S: Strain<T>>(
        lattice: &Lattice<T>,
        cloud: &Cloud<T, S>,
        before: &Slots,
        rests: &dyn Fn(usize) -> bool,
    ) -> Self {
        let blocks = lattice.blocks();
        let slot_of = before.slot_of();
        // Particles that wait or are taken lie behind all blocks.
        let all = blocks[0] * blocks[1] * blocks[2];
        let mut starts = vec![0_u32; all + 2];
        let block_of: Vec<u32> = slot_of
            .iter()
            .enumerate()
            .map(|(id, &slot)| {
                if rests(id) {
                    return all as u32;
                }
                let base = Stencil::base_of(lattice, &cloud.motion[slot as usize].x());
                let [i, j, k] = base.map(|node| (node / BLOCK as i32) as usize);
                ((i * blocks[1] + j) * blocks[2] + k) as u32
            })
            .collect();
        for &block in &block_of {
            starts[block as usize + 1] += 1;
        }
        for block in 1..starts.len() {
            starts[block] += starts[block - 1];
        }
        let mut next = starts.clone();
        let count = block_of.len();
        let mut slots = Slots {
            ids: vec![0; count],
            bodies: vec![0; count],
        };
        let mut source = vec![0; count];
        for (id, &block) in block_of.iter().enumerate() {
            let slot = next[block as usize] as usize;
            next[block as usize] += 1;
            slots.ids[slot] = id as u32;
            slots.bodies[slot] = before.bodies[slot_of[id] as usize];
            source[slot] = slot_of[id];
        }
        starts.truncate(all + 1);
        sort_by_cell(lattice, cloud, &starts, &mut slots, &mut source);
        Self {
            slots,
            source,
            starts,
        }
    }

    fn range(&self, block: usize) -> Range<usize> {
        self.starts[block] as usize..self.starts[block + 1] as usize
    }
}

/// Sorts the particles of each block by their cell.
fn sort_by_cell<T: Real, S>(
    lattice: &Lattice<T>,
    cloud: &Cloud<T, S>,
    starts: &[u32],
    slots: &mut Slots,
    source: &mut [u32],
) {
    let count = lattice.blocks();
    let (mut visits, mut cells, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for (block, pair) in starts.windows(2).enumerate() {
        let range = pair[0] as usize..pair[1] as usize;
        if range.len() < 2 {
            continue;
        }
        before.clear();
        before.extend(
            range
                .clone()
                .map(|slot| (slots.ids[slot], slots.bodies[slot], source[slot])),
        );
        visits.clear();
        visits.resize(range.len(), 0);
        let (plane, k) = (block / count[2], block % count[2]);
        let at = [plane / count[1], plane % count[1], k].map(|index| index as i32);
        cells.clear();
        cells.extend(before.iter().map(|&(_, _, from)| {
            let x = cloud.motion[from as usize].x();
            tile_base(&at, &Stencil::base_of(lattice, &x)) as u16
        }));
        plan_visits(&cells, &mut visits);
        for (slot, &visit) in range.zip(&visits) {
            (slots.ids[slot], slots.bodies[slot], source[slot]) = before[place_of(visit)];
        }
    }
}

impl Order {
    /// The order in which a scene lists its particles; it has no blocks yet.
    pub fn canonical<T: Real>(world: &World<T>) -> Self {
        let liquid = Slots::canonical(world.liquids.iter().map(|body| body.range.clone()));
        let solid = Slots::canonical(world.solids.iter().map(|body| body.range.clone()));
        Self {
            present: [liquid.ids.len(), solid.ids.len()],
            liquid,
            solid,
            ..Self::default()
        }
    }

    /// Sorts `particles`, which lie in the order `self`, and returns their new order.
    /// All positions must be finite and in the domain.
    pub fn sorted<T: Real>(&self, lattice: &Lattice<T>, particles: &mut Particles<T>) -> Self {
        self.sorted_but(lattice, particles, [&|_| false; 2])
    }

    /// Like [`Order::sorted`], but the liquid and solid particles for which `rests` holds, because
    /// they are not born yet or a collector has taken them, lie in no block, behind all others.
    pub fn sorted_but<T: Real>(
        &self,
        lattice: &Lattice<T>,
        particles: &mut Particles<T>,
        rests: [&dyn Fn(usize) -> bool; 2],
    ) -> Self {
        let liquid = Sorted::new(lattice, &particles.liquid, &self.liquid, rests[0]);
        let solid = Sorted::new(lattice, &particles.solid, &self.solid, rests[1]);
        particles.liquid = particles.liquid.gathered(&liquid.source);
        particles.solid = particles.solid.gathered(&solid.source);

        let count = lattice.blocks();
        let all = count[0] * count[1] * count[2];
        let occupied: Vec<usize> = (0..all)
            .filter(|&block| !liquid.range(block).is_empty() || !solid.range(block).is_empty())
            .collect();
        let at = |block: usize| {
            let (plane, k) = (block / count[2], block % count[2]);
            [plane / count[1], plane % count[1], k].map(|index| index as i32)
        };
        let within = |at: [i32; 3]| {
            let inside = (0..3).all(|axis| (0..count[axis] as i32).contains(&at[axis]));
            inside.then(|| (at[0] as usize * count[1] + at[1] as usize) * count[2] + at[2] as usize)
        };

        // Number the grid blocks that any tile overlaps, in lattice order.
        let mut touched = vec![NONE; all];
        for &block in &occupied {
            for neighbour in neighbours(at(block)) {
                if let Some(neighbour) = within(neighbour) {
                    touched[neighbour] = 0;
                }
            }
        }
        let mut grid = Vec::new();
        for (block, number) in touched.iter_mut().enumerate() {
            if *number != NONE {
                *number = grid.len() as u32;
                grid.push(GridBlock {
                    at: at(block),
                    tiles: [NONE; 27],
                });
            }
        }

        let mut blocks = Vec::with_capacity(occupied.len());
        for &block in &occupied {
            let mut overlaps = [NONE; 27];
            for (side, neighbour) in neighbours(at(block)).enumerate() {
                if let Some(neighbour) = within(neighbour) {
                    overlaps[side] = touched[neighbour];
                    // Seen from there, this block lies on the opposite side.
                    grid[touched[neighbour] as usize].tiles[26 - side] = blocks.len() as u32;
                }
            }
            blocks.push(ParticleBlock {
                at: at(block),
                liquid: liquid.range(block),
                solid: solid.range(block),
                grid: overlaps,
            });
        }
        let present = [&liquid.starts, &solid.starts].map(|starts| starts[all] as usize);
        Self {
            present,
            liquid: liquid.slots,
            solid: solid.slots,
            blocks,
            grid,
        }
    }

    /// Brings particles, or their cotangents, from the order `from` into `self`.
    pub fn bring<T: Real>(&self, particles: &mut Particles<T>, from: &Self) {
        if !std::ptr::eq(self, from) {
            particles.liquid = particles
                .liquid
                .gathered(&self.liquid.sources_in(&from.liquid));
            particles.solid = particles
                .solid
                .gathered(&self.solid.sources_in(&from.solid));
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        let particles = self.liquid.ids.len() + self.solid.ids.len();
        particles * (size_of::<u32>() + size_of::<u16>())
            + self.blocks.len() * size_of::<ParticleBlock>()
            + self.grid.len() * size_of::<GridBlock>()
    }
}

#[cfg(test)]
mod tests;
