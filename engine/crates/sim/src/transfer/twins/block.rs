//! Blocks of particles.

use backflow_diff::{
    Real,
    lanes::{Kernel, Lanes},
};
use nalgebra::Vector3;

use super::{
    Twin, assert_near, assert_near_clouds, assert_near_fourths, assert_near_nodes, compare,
};
use crate::{
    grid::{
        Lattice,
        block::{BLOCK, Tile},
    },
    material::{Law, Strain},
    particle::{
        Cloud, Motion,
        split::{CloudMut, CloudRef},
        visits::start_of,
    },
    transfer::{
        g2p::{After, Moved, g2p, g2p_vjp},
        p2g::{p2g, p2g_vjp},
        patch::{BodyBar, Patch},
        stencil::Splines,
        testing::*,
    },
    world::cast,
};

/// Five times the 216 cells that they can be in; the last chunk is not full.
const MANY: usize = 1085;

/// Random particles of block [`AT`], or their cotangents.
fn particles<T: Real, S: Strain<T>>(seed: usize, rest: S, size: f64) -> Cloud<T, S> {
    let mut cloud: Cloud<T, S> = Cloud::zeros(MANY);
    for slot in 0..MANY {
        let seed = seed * 100_000 + slot;
        cloud.motion[slot] = Motion::new(
            &place(seed).map(cast),
            &vector(seed).map(cast),
            &matrix(seed).map(cast),
        );
        cloud.strain[slot] = rest;
        for (index, entry) in cloud.strain[slot].components_mut().iter_mut().enumerate() {
            *entry += T::of(size * noise(seed * 10 + index));
        }
    }
    cloud
}

/// A tile of cotangents of momentum and mass.
fn nodes<T: Real>(seed: usize) -> Tile<T> {
    tile(seed).map(|node| node.map(T::of))
}

/// A tile of velocities, which have three components, or of their cotangents. Some of the
/// particles leave the domain by them and some the tile.
fn velocities<T: Real>(seed: usize) -> Tile<T> {
    tile(seed).map(|[x, y, z, _]| [8.0 * x, 8.0 * y, 8.0 * z, 0.0].map(T::of))
}

/// What the stages of a substep read.
struct Block<'a, T: Real, P: Law<T>> {
    patch: Patch<'a, T, P>,
    cloud: &'a Cloud<T, P::Strain>,
    bars: &'a Cloud<T, P::Strain>,
}

impl<T: Real, P: Law<T>> Clone for Block<'_, T, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real, P: Law<T>> Copy for Block<'_, T, P> {}

struct Starts<'a, T: Real, P: Law<T>>(Block<'a, T, P>);
struct ToTile<'a, T: Real, P: Law<T>>(Block<'a, T, P>);
struct ToTileVjp<'a, T: Real, P: Law<T>>(Block<'a, T, P>);
struct FromTile<'a, T: Real, P: Law<T>>(Block<'a, T, P>);
struct FromTileVjp<'a, T: Real, P: Law<T>>(Block<'a, T, P>);

macro_rules! copy {
    ($($kernel:ident)*) => {$(
        impl<T: Real, P: Law<T>> Clone for $kernel<'_, T, P> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T: Real, P: Law<T>> Copy for $kernel<'_, T, P> {}
    )*};
}

copy!(Starts ToTile ToTileVjp FromTile FromTileVjp);

impl<T: Real, P: Law<T>> Kernel<T> for Starts<'_, T, P> {
    type Output = Vec<u16>;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Vec<u16> {
        let mut starts = vec![0; MANY];
        let splines = Splines::<L>::new(isa, self.0.patch.lattice, &self.0.patch.at);
        splines.starts(isa, &self.0.cloud.motion, &mut starts);
        starts
    }
}

impl<T: Real, P: Law<T>> Kernel<T> for ToTile<'_, T, P> {
    type Output = Tile<T>;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Tile<T> {
        let mut tile = nodes(1);
        let cloud = CloudRef::of(self.0.cloud, 0..MANY);
        p2g::<T, P, L>(isa, &self.0.patch, &cloud, &mut tile);
        tile
    }
}

impl<T: Real, P: Law<T>> Kernel<T> for ToTileVjp<'_, T, P> {
    type Output = (Cloud<T, P::Strain>, [BodyBar<T>; 2]);

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output {
        let (mut bars, mut body_bars) = (self.0.bars.clone(), [[T::zero(); _]; 2]);
        p2g_vjp::<T, P, L>(
            isa,
            &self.0.patch,
            &CloudRef::of(self.0.cloud, 0..MANY),
            &nodes(2),
            &velocities(5),
            &mut CloudMut::of(&mut bars),
            &mut body_bars,
        );
        (bars, body_bars)
    }
}

impl<T: Real, P: Law<T>> Kernel<T> for FromTile<'_, T, P> {
    type Output = (Cloud<T, P::Strain>, Moved);

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output {
        let (mut cloud, mut copy) = (self.0.cloud.clone(), self.0.bars.clone());
        let view = &mut CloudMut::of(&mut cloud);
        let copied = Some(&mut CloudMut::of(&mut copy));
        let moved = g2p::<T, P, L>(isa, &self.0.patch, &velocities(3), view, copied);
        assert_eq!(format!("{copy:?}"), format!("{cloud:?}"));
        (cloud, moved)
    }
}

impl<T: Real, P: Law<T>> Kernel<T> for FromTileVjp<'_, T, P> {
    type Output = (Cloud<T, P::Strain>, Tile<T>);

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output {
        let (mut bars, mut tile) = (self.0.bars.clone(), velocities(4));
        let mut body_bars = [[T::zero(); _]; 2];
        g2p_vjp::<T, P, L>(
            isa,
            &self.0.patch,
            &CloudRef::of(self.0.cloud, 0..MANY),
            After::By(&velocities(3)),
            &mut CloudMut::of(&mut bars),
            &mut tile,
            &mut body_bars,
        );
        (bars, tile)
    }
}

/// All stages on a block with particles of two bodies.
fn check_block<T: Twin, P: Law<T>>(laws: [P; 2]) {
    let lattice: Lattice<T> = tight();
    let bodies = laws.map(|law| body(law, T::of(900.0)));
    let owners: Vec<u16> = (0..MANY)
        .map(|slot| u16::from(noise(slot + 77) > 0.0))
        .collect();
    let cloud: Cloud<T, P::Strain> = particles(1, Strain::undeformed(), 0.1);
    let bars: Cloud<T, P::Strain> = particles(2, Strain::zero(), 1.0);
    let visits = visits(&lattice, &cloud);
    let cells = visits.chunk_by(|a, b| start_of(*a) == start_of(*b));
    assert!(cells.clone().count() > 100 && cells.map(<[_]>::len).max() > Some(3));
    let block = Block {
        patch: Patch {
            lattice: &lattice,
            dt: T::of(DT),
            bodies: &bodies,
            at: AT,
            owners: &owners,
            visits: &visits,
        },
        cloud: &cloud,
        bars: &bars,
    };
    // No product is added up before the floor: all levels round alike.
    compare::<T, _>(Starts(block), |expected, found| assert_eq!(expected, found));
    compare::<T, _>(ToTile(block), |expected, found| {
        assert_near_nodes("momentum", expected, found);
        assert_near_fourths("mass", expected, found);
    });
    compare::<T, _>(ToTileVjp(block), |(expected, sums), (found, found_sums)| {
        assert_near_clouds("p2g_vjp", expected, found);
        for body in 0..2 {
            for part in 0..sums[body].len() {
                // Some parameters are not there; sums over particles are larger than terms.
                let [expected, found] = [sums, found_sums].map(|sums| sums[body][part]);
                if expected != T::zero() || found != T::zero() {
                    let what = format!("body {body}, parameter {part}");
                    assert_near(&what, [expected].into_iter(), [found].into_iter());
                }
            }
        }
    });
    compare::<T, _>(
        FromTile(block),
        |(expected, moved), (found, found_moved)| {
            assert_near_clouds("g2p", expected, found);
            assert_eq!(moved, found_moved);
            assert!(moved.stale && moved.held > 0 && moved.held < MANY);
        },
    );
    compare::<T, _>(
        FromTileVjp(block),
        |(expected, tile), (found, found_tile)| {
            assert_near_clouds("g2p_vjp", expected, found);
            assert_near_nodes("cotangents of velocities", tile, found_tile);
        },
    );
}

#[test]
fn all_levels_transfer_liquids_alike() {
    // A viscous one, and one that is not.
    check_block::<f64, _>(liquids());
    check_block::<f32, _>(liquids().map(|law| law.cast()));
}

#[test]
fn all_levels_transfer_solids_alike() {
    let [neo_hookean, corotated, others @ ..] = solids();
    let others = others.map(|law| [corotated, law]);
    for laws in [[corotated, neo_hookean]].into_iter().chain(others) {
        check_block::<f64, _>(laws);
        check_block::<f32, _>(laws.map(|law| law.cast()));
    }
}

#[test]
fn all_levels_notice_a_position_that_is_not_finite() {
    fn check<T: Twin>() {
        let lattice: Lattice<T> = lattice();
        let bodies = liquids().map(|law| body(law.cast::<T>(), T::of(900.0)));
        let mut cloud: Cloud<T, T> = particles(1, T::one(), 0.1);
        // In the middle of the block, which they do not leave in one substep.
        let cells = AT.map(|at| T::of(f64::from(at) * BLOCK as f64 + 2.5));
        let middle = lattice.origin + Vector3::from(cells) * lattice.dx;
        for motion in &mut cloud.motion {
            motion.set_x(&middle);
        }
        let (owners, visits) = (vec![0; MANY], visits(&lattice, &cloud));
        for (bad, stale) in [(0.0, false), (f64::NAN, true), (f64::INFINITY, true)] {
            // As a stage before could leave it: the visits are older.
            let mut cloud = cloud.clone();
            cloud.motion[5].add_x(&Vector3::new(T::zero(), T::of(bad), T::zero()));
            let block = Block {
                patch: Patch {
                    lattice: &lattice,
                    dt: T::of(DT),
                    bodies: &bodies,
                    at: AT,
                    owners: &owners,
                    visits: &visits,
                },
                cloud: &cloud,
                bars: &cloud,
            };
            compare::<T, _>(FromTile(block), |(_, moved), (_, found_moved)| {
                assert_eq!([moved.stale, found_moved.stale], [stale; 2], "{bad}");
            });
        }
    }
    check::<f64>();
    check::<f32>();
}
