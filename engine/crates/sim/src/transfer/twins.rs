//! The transfers with the machine's instructions against those without any in particular.

use backflow_diff::{
    Real,
    lanes::{Kernel, Lanes, Level, available, portably},
};
use nalgebra::Vector3;

use super::{
    g2p::{After, Moved, g2p, g2p_vjp},
    grid_update::{
        Scenery, Site, grid_update, mass_threshold,
        tests::{LAWS, momentum, world},
    },
    p2g::{p2g, p2g_vjp},
    patch::{BodyBar, Patch},
    stencil::Splines,
    testing::*,
};
use crate::{
    contact,
    grid::{
        Lattice,
        block::{BLOCK, BlockNodes, GridBlock, NONE, Node, Tile},
    },
    material::{Law, Strain},
    particle::{
        Cloud, Motion,
        split::{CloudMut, CloudRef},
        visits::start_of,
    },
    world::cast,
};

/// Five times the 216 cells that they can be in; the last chunk is not full.
const MANY: usize = 1085;

/// A scalar that has instructions of its own.
trait Twin: Real {
    /// Relative to the largest of the numbers that are compared: some hundred round-offs.
    const TOLERANCE: f64;

    /// Runs a kernel at AVX2, if the machine has it.
    fn at_avx2<K: Kernel<Self>>(kernel: K) -> Option<K::Output>;
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::marker::PhantomData;

    use backflow_diff::lanes::{Avx2F32, Avx2F64, Kernel, Lanes};
    use pulp::{NullaryFnOnce, x86::V3};

    use super::Twin;

    struct AtAvx2<K, L>(K, V3, PhantomData<L>);

    macro_rules! twin {
        ($scalar:ty, $lanes:ty, $tolerance:expr) => {
            impl<K: Kernel<$scalar>> NullaryFnOnce for AtAvx2<K, $lanes> {
                type Output = K::Output;

                #[inline(always)]
                fn call(self) -> K::Output {
                    self.0.run::<$lanes>(self.1)
                }
            }

            impl Twin for $scalar {
                const TOLERANCE: f64 = $tolerance;

                fn at_avx2<K: Kernel<Self>>(kernel: K) -> Option<K::Output> {
                    let isa: <$lanes as Lanes<$scalar>>::Isa = V3::try_new()?;
                    Some(isa.vectorize(AtAvx2::<K, $lanes>(kernel, isa, PhantomData)))
                }
            }
        };
    }

    twin!(f32, Avx2F32, 2e-5);
    twin!(f64, Avx2F64, 1e-12);
}

#[cfg(not(target_arch = "x86_64"))]
mod wide {
    use backflow_diff::lanes::Kernel;

    use super::Twin;

    macro_rules! twin {
        ($scalar:ty, $tolerance:expr) => {
            impl Twin for $scalar {
                const TOLERANCE: f64 = $tolerance;

                fn at_avx2<K: Kernel<Self>>(_kernel: K) -> Option<K::Output> {
                    None
                }
            }
        };
    }

    twin!(f32, 2e-5);
    twin!(f64, 1e-12);
}

/// Runs a kernel at the machine's level and at AVX2, and checks what they return against
/// what it returns portably.
fn compare<T: Twin, K: Kernel<T> + Copy>(kernel: K, mut check: impl FnMut(&K::Output, &K::Output)) {
    let expected = portably(kernel);
    check(&expected, &T::launch(kernel));
    if let Some(found) = T::at_avx2(kernel) {
        check(&expected, &found);
    } else {
        assert!(!available(Level::Avx2));
    }
}

/// Compares numbers of a kind: each is a sum of terms as large as the largest of them.
fn assert_near<T: Twin>(
    what: &str,
    expected: impl Iterator<Item = T> + Clone,
    found: impl Iterator<Item = T>,
) {
    let size = expected
        .clone()
        .map(|number| number.to_f64().abs())
        .fold(0.0, f64::max);
    assert!(size > 0.0, "{what}: nothing to compare");
    let mut worst = 0.0_f64;
    for (expected, found) in expected.zip(found) {
        let error = (expected.to_f64() - found.to_f64()).abs();
        assert!(!error.is_nan(), "{what}");
        worst = worst.max(error);
    }
    assert!(
        worst <= T::TOLERANCE * size,
        "{what}: {worst:e} of {size:e}"
    );
}

fn assert_near_nodes<T: Twin>(what: &str, expected: &[Node<T>], found: &[Node<T>]) {
    let vectors = |nodes: &[Node<T>]| -> Vec<T> {
        nodes
            .iter()
            .flat_map(|node| [node[0], node[1], node[2]])
            .collect()
    };
    assert_near(
        what,
        vectors(expected).into_iter(),
        vectors(found).into_iter(),
    );
}

fn assert_near_fourths<T: Twin>(what: &str, expected: &[Node<T>], found: &[Node<T>]) {
    let fourth = |node: &Node<T>| node[3];
    assert_near(what, expected.iter().map(fourth), found.iter().map(fourth));
}

fn assert_near_clouds<T: Twin, S: Strain<T>>(
    what: &str,
    expected: &Cloud<T, S>,
    found: &Cloud<T, S>,
) {
    let unused = |cloud: &Cloud<T, S>| {
        cloud
            .motion
            .iter()
            .all(|motion| motion.lanes()[0] == T::zero())
    };
    assert!(unused(expected) && unused(found), "{what}");
    for (part, lanes) in [("x", 1..4), ("v", 4..7), ("C", 7..16)] {
        let numbers = |cloud: &Cloud<T, S>| -> Vec<T> {
            let lanes = |motion: &Motion<T>| motion.lanes()[lanes.clone()].to_vec();
            cloud.motion.iter().flat_map(lanes).collect()
        };
        let (expected, found) = (numbers(expected), numbers(found));
        assert_near(
            &format!("{what}, {part}"),
            expected.into_iter(),
            found.into_iter(),
        );
    }
    let strains = |cloud: &Cloud<T, S>| -> Vec<T> {
        let components = |strain: &S| strain.components().to_vec();
        cloud.strain.iter().flat_map(components).collect()
    };
    let (expected, found) = (strains(expected), strains(found));
    assert_near(
        &format!("{what}, strain"),
        expected.into_iter(),
        found.into_iter(),
    );
}

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
