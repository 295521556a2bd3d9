//! The grid.

use backflow_diff::{
    Real,
    lanes::{Kernel, Lanes},
};

use super::{Twin, assert_near_nodes, compare};
use crate::{
    contact,
    grid::block::{BlockNodes, GridBlock, NONE},
    transfer::grid_update::{
        Scenery, Site, grid_update, mass_threshold,
        tests::{LAWS, momentum, world},
    },
};

/// The grid update of one block.
struct Update<'a, T: Real>(&'a Site<'a, T>, &'a BlockNodes<T>);

impl<T: Real> Clone for Update<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real> Copy for Update<'_, T> {}

impl<T: Real> Kernel<T> for Update<'_, T> {
    type Output = BlockNodes<T>;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> BlockNodes<T> {
        let mut velocity = [[T::one(); 4]; _];
        grid_update::<T, L>(isa, self.0, self.1, &mut velocity);
        velocity
    }
}

#[test]
fn all_levels_update_the_grid_alike() {
    fn check<T: Twin>() {
        let momentum = momentum().map(|node| node.map(T::of));
        // A corner with walls and a ball, an edge, the open.
        for (at, locked) in [([0; 3], false), ([0, 1, 0], true), ([1; 3], false)] {
            for law in LAWS {
                let world = world(law, locked).cast::<T>();
                let scenery: Scenery<'_, T> = world
                    .colliders
                    .iter()
                    .map(|collider| contact::place(collider, None))
                    .collect();
                let block = GridBlock {
                    at,
                    tiles: [NONE; 27],
                };
                let site = Site::new(&world, &scenery, &block, mass_threshold(&world));
                compare::<T, _>(Update(&site, &momentum), |expected, found| {
                    assert_near_nodes("velocity", expected, found);
                    for ((expected, found), [_, _, _, mass]) in
                        expected.iter().zip(found).zip(&momentum)
                    {
                        assert_eq!([expected[3], found[3]], [T::zero(); 2]);
                        if *mass == T::zero() {
                            assert_eq!([*expected, *found], [[T::zero(); 4]; 2]);
                        }
                    }
                });
            }
        }
    }
    check::<f64>();
    check::<f32>();
}
