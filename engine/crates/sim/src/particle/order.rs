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
        waiting: &[Range<usize>],
    ) -> Self {
        let blocks = lattice.blocks();
        let slot_of = before.slot_of();
        // Particles that wait lie behind all blocks.
        let all = blocks[0] * blocks[1] * blocks[2];
        let mut starts = vec![0_u32; all + 2];
        let block_of: Vec<u32> = slot_of
            .iter()
            .enumerate()
            .map(|(id, &slot)| {
                if waiting.iter().any(|range| range.contains(&id)) {
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
        Self {
            liquid: Slots::canonical(world.liquids.iter().map(|body| body.range.clone())),
            solid: Slots::canonical(world.solids.iter().map(|body| body.range.clone())),
            ..Self::default()
        }
    }

    /// Sorts `particles`, which lie in the order `self`, and returns their new order.
    /// All positions must be finite and in the domain.
    pub fn sorted<T: Real>(&self, lattice: &Lattice<T>, particles: &mut Particles<T>) -> Self {
        self.sorted_but(lattice, particles, &Default::default())
    }

    /// Like [`Order::sorted`], but the liquid and solid particles that are `waiting` to be born
    /// lie in no block, behind all others.
    pub fn sorted_but<T: Real>(
        &self,
        lattice: &Lattice<T>,
        particles: &mut Particles<T>,
        waiting: &[Vec<Range<usize>>; 2],
    ) -> Self {
        let [liquids, solids] = waiting;
        let liquid = Sorted::new(lattice, &particles.liquid, &self.liquid, liquids);
        let solid = Sorted::new(lattice, &particles.solid, &self.solid, solids);
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
        Self {
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
mod tests {
    use nalgebra::Vector3;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        contact::ContactLaw,
        grid::block::fits,
        material::{Elasticity, Liquid, NeoHookean, Solid},
        world::{Body, Clock, Wall},
    };

    /// Two liquid bodies of 40 and 30 particles and a solid one of 50.
    fn world() -> World<f64> {
        let wall = Wall {
            law: ContactLaw::Slip,
            friction: 0.0,
        };
        let liquid = |name: &str, range| Body {
            name: name.into(),
            law: Liquid {
                bulk_modulus: 1.0,
                viscosity: 0.0,
                exponent: 1.0,
                tension: true,
            },
            density: 1.0,
            volume: 1.0,
            gravity: None,
            range,
        };
        let solid = Solid::NeoHookean(NeoHookean {
            elasticity: Elasticity::new(1.0, 0.3),
        });
        World {
            lattice: Lattice::over(Vector3::new(-1.0, 0.0, 2.0), [9, 14, 11], 0.1),
            clock: Clock {
                frames: 1,
                substeps: 1,
                dt: 1e-3,
            },
            gravity: Vector3::zeros(),
            volume_rate: 0.0,
            walls: [[wall; 2]; 3],
            locked: [false; 3],
            liquids: vec![liquid("a", 0..40), liquid("b", 40..70)],
            solids: vec![Body {
                name: "c".into(),
                law: solid,
                density: 1.0,
                volume: 1.0,
                gravity: None,
                range: 0..50,
            }],
            activations: Vec::new(),
            forces: Vec::new(),
            colliders: Vec::new(),
            tools: Vec::new(),
            injectors: Vec::new(),
            rigids: Vec::new(),
        }
    }

    /// Particles at random places of the domain, some on its walls; velocities say which
    /// particle it is.
    fn particles() -> impl Strategy<Value = Particles<f64>> {
        prop::collection::vec(prop::array::uniform3(-0.05..1.05_f64), 120).prop_map(|parts| {
            let lattice = world().lattice;
            let (min, max) = (lattice.min(), lattice.max());
            let mut particles = Particles::zeros(0, 0);
            for (id, part) in parts.into_iter().enumerate() {
                let part = Vector3::from(part).map(|part| part.clamp(0.0, 1.0));
                let x = (min + (max - min).component_mul(&part)).sup(&min).inf(&max);
                let v = Vector3::repeat(id as f64);
                if id < 70 {
                    particles.liquid.push(x, v);
                } else {
                    particles.solid.push(x, v);
                }
            }
            particles
        })
    }

    /// Particles in a corner of the domain, many of them in the same cell.
    fn crowd() -> impl Strategy<Value = Particles<f64>> {
        particles().prop_map(|mut particles| {
            let min = world().lattice.min();
            let motions = particles.liquid.motion.iter_mut();
            for motion in motions.chain(&mut particles.solid.motion) {
                motion.set_x(&(min + (motion.x() - min) * 0.3));
            }
            particles
        })
    }

    proptest! {
        #[test]
        fn particles_of_a_block_are_sorted_by_cell_then_canonical_index(
            before in prop_oneof![particles(), crowd()],
            other in particles(),
        ) {
            let world = world();
            let canonical = Order::canonical(&world);
            // From the order that others lie in.
            let mut elsewhere = other;
            let detour = canonical.sorted(&world.lattice, &mut elsewhere);
            let mut particles = before;
            detour.bring(&mut particles, &canonical);
            let order = detour.sorted(&world.lattice, &mut particles);
            let keys = |block: &ParticleBlock, range: &Range<usize>, kind: usize| -> Vec<_> {
                let key = |slot: usize| {
                    let (motion, ids) = match kind {
                        0 => (&particles.liquid.motion, &order.liquid.ids),
                        _ => (&particles.solid.motion, &order.solid.ids),
                    };
                    let base = Stencil::base_of(&world.lattice, &motion[slot].x());
                    (tile_base(&block.at, &base), ids[slot])
                };
                range.clone().map(key).collect()
            };
            for block in &order.blocks {
                for (kind, range) in [&block.liquid, &block.solid].into_iter().enumerate() {
                    let keys = keys(block, range, kind);
                    prop_assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
                }
            }
        }

        #[test]
        fn sorting_permutes_particles_and_can_be_undone(before in particles()) {
            let world = world();
            let canonical = Order::canonical(&world);
            let mut sorted = before.clone();
            let order = canonical.sorted(&world.lattice, &mut sorted);
            for (slot, &id) in order.liquid.ids.iter().enumerate() {
                prop_assert_eq!(sorted.liquid.motion[slot].v().x, f64::from(id));
                prop_assert_eq!(order.liquid.bodies[slot], u16::from(id >= 40));
            }
            for (slot, &id) in order.solid.ids.iter().enumerate() {
                prop_assert_eq!(sorted.solid.motion[slot].v().x, f64::from(id) + 70.0);
            }
            canonical.bring(&mut sorted, &order);
            prop_assert_eq!(&sorted, &before);
            order.bring(&mut sorted, &canonical);
            canonical.bring(&mut sorted, &order);
            prop_assert_eq!(&sorted, &before);
        }

        #[test]
        fn order_depends_on_positions_alone(before in particles(), other in particles()) {
            let world = world();
            let canonical = Order::canonical(&world);
            let mut direct = before.clone();
            let order = canonical.sorted(&world.lattice, &mut direct);
            // The same positions, from the order that others lie in.
            let mut elsewhere = other;
            let detour = canonical.sorted(&world.lattice, &mut elsewhere);
            let mut particles = before.clone();
            detour.bring(&mut particles, &canonical);
            let again = detour.sorted(&world.lattice, &mut particles);
            prop_assert_eq!(&again, &order);
            prop_assert_eq!(&particles, &direct);
        }

        #[test]
        fn blocks_hold_every_particle_once_where_its_stencil_fits(before in particles()) {
            let world = world();
            let mut particles = before;
            let order = Order::canonical(&world).sorted(&world.lattice, &mut particles);
            let (mut liquids, mut solids) = (0, 0);
            for block in &order.blocks {
                prop_assert_eq!((block.liquid.start, block.solid.start), (liquids, solids));
                (liquids, solids) = (block.liquid.end, block.solid.end);
                let liquid = &particles.liquid.motion[block.liquid.clone()];
                let solid = &particles.solid.motion[block.solid.clone()];
                prop_assert!(!liquid.is_empty() || !solid.is_empty());
                for motion in liquid.iter().chain(solid) {
                    let base = Stencil::base_of(&world.lattice, &motion.x());
                    prop_assert_eq!(base.map(|node| node / BLOCK as i32), block.at);
                    prop_assert!(fits(&block.at, &base));
                }
            }
            prop_assert_eq!((liquids, solids), (70, 50));
        }

        #[test]
        fn particle_blocks_and_grid_blocks_know_each_other(before in particles()) {
            let world = world();
            let mut particles = before;
            let order = Order::canonical(&world).sorted(&world.lattice, &mut particles);
            let mut links = 0;
            for (number, block) in order.blocks.iter().enumerate() {
                for (side, at) in neighbours(block.at).enumerate() {
                    let grid = block.grid[side];
                    let inside = (0..3).all(|axis| {
                        (0..world.lattice.blocks()[axis] as i32).contains(&at[axis])
                    });
                    prop_assert_eq!(grid != NONE, inside);
                    if inside {
                        prop_assert_eq!(order.grid[grid as usize].at, at);
                        prop_assert_eq!(order.grid[grid as usize].tiles[26 - side], number as u32);
                        links += 1;
                    }
                }
            }
            let tiles = order.grid.iter().flat_map(|block| &block.tiles);
            prop_assert_eq!(tiles.filter(|&&tile| tile != NONE).count(), links);
            // In lattice order, each once.
            prop_assert!(order.grid.is_sorted_by(|a, b| a.at < b.at));
            prop_assert!(order.blocks.is_sorted_by(|a, b| a.at < b.at));
        }
    }

    #[test]
    fn canonical_order_is_that_of_the_scene() {
        let order = Order::canonical(&world());
        assert!(order.liquid.ids.iter().copied().eq(0..70));
        assert_eq!(order.liquid.slot_of(), order.liquid.ids);
        assert!(
            order
                .liquid
                .bodies
                .iter()
                .map(|&body| usize::from(body))
                .eq((0..70).map(|id| usize::from(id >= 40)))
        );
        assert_eq!(order.solid.bodies, vec![0; 50]);
        assert!(order.blocks.is_empty() && order.grid.is_empty());
    }
}
