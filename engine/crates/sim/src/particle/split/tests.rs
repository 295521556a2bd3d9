use nalgebra::Vector3;

use super::*;
use crate::grid::block::NONE;

/// Blocks with so many liquid and solid particles each.
fn blocks(counts: &[[usize; 2]]) -> Vec<ParticleBlock> {
    let (mut liquid, mut solid) = (0, 0);
    let mut block = |&[liquids, solids]: &[usize; 2]| {
        let range = |start: &mut usize, count: usize| {
            *start += count;
            *start - count..*start
        };
        ParticleBlock {
            at: [0; 3],
            liquid: range(&mut liquid, liquids),
            solid: range(&mut solid, solids),
            grid: [NONE; 27],
        }
    };
    counts.iter().map(&mut block).collect()
}

const COUNTS: [[usize; 2]; 11] = [
    [3, 0],
    [0, 2],
    [1, 1],
    [0, 0],
    [5, 4],
    [2, 0],
    [0, 7],
    [1, 0],
    [4, 4],
    [0, 1],
    [6, 2],
];

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

#[test]
fn every_block_gets_its_own_particles_and_items() {
    let blocks = blocks(&COUNTS);
    let (liquids, solids) = (22, 21);
    let mut particles: Particles<f64> = Particles::zeros(liquids, solids);
    let mut items = vec![0; 2 * blocks.len()];
    let view = (
        ParticlesMut::of(&mut particles),
        PerBlock {
            items: &mut items,
            width: 2,
        },
    );
    let mark = |block: &ParticleBlock,
                (view, items): (ParticlesMut<'_, f64>, PerBlock<'_, usize>)| {
        assert_eq!(view.liquid.motion.len(), block.liquid.len());
        assert_eq!(view.solid.strain.len(), block.solid.len());
        for (local, slot) in block.liquid.clone().enumerate() {
            view.liquid.motion[local].add_x(&Vector3::new(slot as f64, 0.0, 0.0));
            view.liquid.strain[local] += slot as f64;
        }
        for (local, slot) in block.solid.clone().enumerate() {
            let motion = &mut view.solid.motion[local];
            let (mut v, mut c) = (motion.v(), motion.c());
            v.y += slot as f64;
            c[(1, 2)] += slot as f64;
            motion.set_v(&v);
            motion.set_c(&c);
        }
        items
            .items
            .copy_from_slice(&[block.liquid.start, block.solid.start]);
    };
    let done = for_each_block(&blocks, view, &mark, &|(), ()| ());
    assert_eq!(done, Some(()));
    for slot in 0..liquids {
        assert_eq!(particles.liquid.motion[slot].x().x, slot as f64);
        assert_eq!(particles.liquid.strain[slot], slot as f64);
    }
    for slot in 0..solids {
        assert_eq!(particles.solid.motion[slot].v().y, slot as f64);
        assert_eq!(particles.solid.motion[slot].c()[(1, 2)], slot as f64);
    }
    for (block, items) in blocks.iter().zip(items.chunks(2)) {
        assert_eq!(items, [block.liquid.start, block.solid.start]);
    }
}

#[test]
fn results_are_merged_in_the_same_order_on_any_number_of_threads() {
    let blocks = blocks(&COUNTS.repeat(5));
    // Floating-point sums show the order of their additions.
    let sum = |threads| {
        with_threads(threads, || {
            let mut items = vec![(); blocks.len()];
            let view = PerBlock {
                items: &mut items,
                width: 1,
            };
            let work = |block: &ParticleBlock, _: PerBlock<'_, ()>| {
                1.0 / (1.0 + block.liquid.start as f64).powi(3)
            };
            for_each_block(&blocks, view, &work, &|a, b| a + b).map(f64::to_bits)
        })
    };
    let single = sum(1);
    assert!(single.is_some());
    assert!([2, 3, 5].into_iter().all(|threads| sum(threads) == single));
}

#[test]
fn no_blocks_give_nothing() {
    let view = PerBlock {
        items: &mut [0.0; 0],
        width: 1,
    };
    assert_eq!(for_each_block(&[], view, &|_, _| 1, &|a, b| a + b), None);
}

#[test]
fn views_of_blocks_cover_their_items_a_particle() {
    let blocks = blocks(&COUNTS);
    let (mut liquid, mut solid) = ([0; 22], [0; 21]);
    let view = PerParticle {
        liquid: &mut liquid,
        solid: &mut solid,
    };
    let mark = |block: &ParticleBlock, view: PerParticle<'_, usize>| {
        assert_eq!(view.liquid.len(), block.liquid.len());
        assert_eq!(view.solid.len(), block.solid.len());
        for (item, slot) in view.liquid.iter_mut().zip(block.liquid.clone()) {
            *item += slot;
        }
        for (item, slot) in view.solid.iter_mut().zip(block.solid.clone()) {
            *item += slot;
        }
    };
    assert_eq!(for_each_block(&blocks, view, &mark, &|(), ()| ()), Some(()));
    assert!(liquid.into_iter().eq(0..22));
    assert!(solid.into_iter().eq(0..21));
}

#[test]
fn a_view_of_slots_holds_their_particles() {
    let mut cloud: Cloud<f64, f64> = Cloud::zeros(0);
    for slot in 0..7 {
        cloud.push(Vector3::repeat(f64::from(slot)), Vector3::zeros());
        cloud.strain[slot as usize] = f64::from(slot) + 0.5;
    }
    let view = CloudRef::of(&cloud, 2..5);
    assert_eq!(view.motion, &cloud.motion[2..5]);
    assert_eq!(view.strain, [2.5, 3.5, 4.5]);
}
