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
    let wall = Wall::new(ContactLaw::Slip, 0.0);
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
        policies: Vec::new(),
        injectors: Vec::new(),
        collectors: Vec::new(),
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
