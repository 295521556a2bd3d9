//! Each stage of a substep on its own, on workload W at size S in single precision, one
//! thread: `cargo bench -p backflow`. The figure that counts is items (particles) a second.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use backflow::{
    bench::{Case, Order, Size, Workload},
    diff::{
        lanes::{Kernel, Lanes, Matrices, WIDTH},
        matrix::{polar, polar_lanes},
    },
    sim::{
        Real,
        grid::block::{BLOCK, BlockNodes, Reach, TILE_NODES, Tile},
        material::PARAMETERS,
        particle::{
            Particles,
            order::ParticleBlock,
            split::{ParticlesMut, ParticlesRef, PerBlock, PerParticle, for_each_block},
        },
        rollout::State,
        transfer::{
            blocks::{FromTile, FromTileVjp, Setting, Starts, ToTile, ToTileVjp, Update, Visits},
            grid_update::{Scenery, Site, mass_threshold},
        },
        world::World,
    },
};
use divan::{Bencher, counter::ItemsCount};
use nalgebra::Matrix3;

fn main() {
    divan::main();
}

const CASES: [Case; 2] = [Case::Liquid, Case::Elastic];

/// The scratch of a substep after its first half.
struct Fixture {
    world: World<f32>,
    state: State<f32>,
    bars: Particles<f32>,
    starts: Starts,
    visits: Visits,
    tiles: Vec<Tile<f32>>,
    reaches: Vec<Reach>,
    momentum: Vec<BlockNodes<f32>>,
    velocity: Vec<BlockNodes<f32>>,
}

impl Fixture {
    fn new(case: Case) -> Self {
        let Workload { world, start, .. } =
            Workload::<f32>::new(case, Size::S, Order::Lattice, 50, 64);
        let mut state = start;
        state.settle(&world, 0).unwrap();
        let order = &state.order;
        let nodes = [[0.0; 4]; BLOCK * BLOCK * BLOCK];
        let mut fixture = Self {
            bars: state.particles.clone(),
            starts: Starts::default(),
            visits: Visits::default(),
            tiles: vec![[[0.0; 4]; TILE_NODES]; order.blocks.len()],
            reaches: vec![Reach::NONE; order.blocks.len()],
            momentum: vec![nodes; order.grid.len()],
            velocity: vec![nodes; order.grid.len()],
            world,
            state,
        };
        let order = &fixture.state.order;
        fixture.starts.fit(order, 0);
        fixture.visits.fit(order, 0);
        fixture.run_p2g();
        fixture.update();
        fixture
    }

    fn count(&self) -> ItemsCount {
        ItemsCount::new(self.state.particles.len())
    }

    fn run_p2g(&mut self) {
        let setting = Setting {
            world: &self.world,
            order: &self.state.order,
        };
        let tiles = PerBlock {
            items: self.tiles.as_mut_slice(),
            width: 1,
        };
        let reaches = PerBlock {
            items: self.reaches.as_mut_slice(),
            width: 1,
        };
        let scratch = (reaches, (self.starts.view(), self.visits.view()));
        let fill = |block: &ParticleBlock, (tile, (reach, (starts, visits))): (PerBlock<'_, _>, (PerBlock<'_, _>, _))| {
            f32::launch(ToTile {
                setting,
                particles: ParticlesRef::of(&self.state.particles, block),
                block,
                starts,
                visits,
                reach: &mut reach.items[0],
                tile: Some(&mut tile.items[0]),
            });
        };
        for_each_block(
            &self.state.order.blocks,
            (tiles, scratch),
            &fill,
            &|(), ()| (),
        );
    }

    fn update(&mut self) {
        let (scenery, threshold) = (Scenery::new(), mass_threshold(&self.world));
        let nodes = self.momentum.iter_mut().zip(&mut self.velocity);
        for (block, (momentum, velocity)) in self.state.order.grid.iter().zip(nodes) {
            f32::launch(Update {
                site: &Site::new(&self.world, &scenery, block, threshold),
                block,
                tiles: Some(&self.tiles),
                reaches: &self.reaches,
                momentum,
                velocity,
                free: false,
            });
        }
    }

    fn run_g2p(&mut self, particles: &mut Particles<f32>) {
        let advance =
            |block: &ParticleBlock,
             ((particles, reach), visits): ((_, PerBlock<'_, _>), PerParticle<'_, _>)| {
                f32::launch(FromTile {
                    setting: Setting {
                        world: &self.world,
                        order: &self.state.order,
                    },
                    block,
                    visits: &visits,
                    reach: &reach.items[0],
                    velocity: &self.velocity,
                    particles,
                    copy: None,
                });
            };
        let reaches = PerBlock {
            items: self.reaches.as_mut_slice(),
            width: 1,
        };
        let view = ((ParticlesMut::of(particles), reaches), self.visits.view());
        for_each_block(&self.state.order.blocks, view, &advance, &|(), ()| ());
    }

    fn pull_g2p(&mut self) {
        let setting = Setting {
            world: &self.world,
            order: &self.state.order,
        };
        let mut sums = vec![[0.0; 1 + PARAMETERS]; self.state.order.blocks.len()];
        let pull = |block: &ParticleBlock,
                    (((bars, reach), visits), (tile, sums)): (
            ((_, PerBlock<'_, _>), PerParticle<'_, _>),
            (PerBlock<'_, _>, PerBlock<'_, _>),
        )| {
            f32::launch(FromTileVjp {
                setting,
                particles: &self.state.particles,
                after: None,
                block,
                visits: &visits,
                reach: &reach.items[0],
                velocity: &self.velocity,
                bars,
                tile: &mut tile.items[0],
                body_bars: sums.items,
            });
        };
        let tiles = PerBlock {
            items: self.tiles.as_mut_slice(),
            width: 1,
        };
        let sums = PerBlock {
            items: sums.as_mut_slice(),
            width: 1,
        };
        let reaches = PerBlock {
            items: self.reaches.as_mut_slice(),
            width: 1,
        };
        let view = (
            (
                (ParticlesMut::of(&mut self.bars), reaches),
                self.visits.view(),
            ),
            (tiles, sums),
        );
        for_each_block(&self.state.order.blocks, view, &pull, &|(), ()| ());
    }

    fn pull_p2g(&mut self) {
        let setting = Setting {
            world: &self.world,
            order: &self.state.order,
        };
        let mut sums = vec![[0.0; 1 + PARAMETERS]; self.state.order.blocks.len()];
        let pull = |block: &ParticleBlock,
                    (((bars, reach), visits), sums): (
            ((_, PerBlock<'_, _>), PerParticle<'_, _>),
            PerBlock<'_, _>,
        )| {
            f32::launch(ToTileVjp {
                setting,
                particles: &self.state.particles,
                block,
                visits: &visits,
                reach: &reach.items[0],
                node_bars: &self.velocity,
                velocity: &self.velocity,
                bars,
                body_bars: sums.items,
            });
        };
        let sums = PerBlock {
            items: sums.as_mut_slice(),
            width: 1,
        };
        let reaches = PerBlock {
            items: self.reaches.as_mut_slice(),
            width: 1,
        };
        let view = (
            (
                (ParticlesMut::of(&mut self.bars), reaches),
                self.visits.view(),
            ),
            sums,
        );
        for_each_block(&self.state.order.blocks, view, &pull, &|(), ()| ());
    }
}

/// Runs `stage` in a pool of one thread.
fn measure(bencher: Bencher<'_, '_>, case: Case, stage: impl Fn(&mut Fixture) + Sync) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let mut fixture = Fixture::new(case);
    bencher
        .counter(fixture.count())
        .bench_local(|| pool.install(|| stage(&mut fixture)));
}

#[divan::bench(args = CASES)]
fn p2g(bencher: Bencher<'_, '_>, case: Case) {
    measure(bencher, case, Fixture::run_p2g);
}

#[divan::bench(args = CASES)]
fn grid_update(bencher: Bencher<'_, '_>, case: Case) {
    measure(bencher, case, Fixture::update);
}

#[divan::bench(args = CASES)]
fn g2p(bencher: Bencher<'_, '_>, case: Case) {
    // On the cotangents' memory, so that the particles stay where they are.
    measure(bencher, case, |fixture| {
        let mut moved = std::mem::replace(&mut fixture.bars, Particles::zeros(0, 0));
        moved.copy_from(&fixture.state.particles);
        fixture.run_g2p(&mut moved);
        fixture.bars = moved;
    });
}

#[divan::bench(args = CASES)]
fn g2p_vjp(bencher: Bencher<'_, '_>, case: Case) {
    measure(bencher, case, Fixture::pull_g2p);
}

#[divan::bench(args = CASES)]
fn p2g_vjp(bencher: Bencher<'_, '_>, case: Case) {
    measure(bencher, case, Fixture::pull_p2g);
}

#[divan::bench(args = CASES)]
fn sort(bencher: Bencher<'_, '_>, case: Case) {
    measure(bencher, case, |fixture| {
        let (lattice, particles) = (&fixture.world.lattice, &mut fixture.state.particles);
        divan::black_box(fixture.state.order.sorted(lattice, particles));
    });
}

/// Polar rotations of matrices near the identity.
fn matrices() -> [Matrix3<f32>; WIDTH] {
    std::array::from_fn(|at| {
        let tilt = |entry: usize| 0.03 * ((at * 9 + entry) as f32).sin();
        Matrix3::from_fn(|row, column| f32::from(row == column) + tilt(3 * row + column))
    })
}

struct PolarOf<'a>(&'a [Matrix3<f32>; WIDTH]);

impl Kernel<f32> for PolarOf<'_> {
    type Output = [Matrix3<f32>; WIDTH];

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, isa: L::Isa) -> Self::Output {
        polar_lanes(isa, Matrices::<L>::load(isa, &self.0.each_ref())).store()
    }
}

#[divan::bench]
fn polar_of_sixteen_by_lanes(bencher: Bencher<'_, '_>) {
    let f = matrices();
    let run = || f32::launch(PolarOf(divan::black_box(&f)));
    bencher.counter(ItemsCount::new(WIDTH)).bench_local(run);
}

#[divan::bench]
fn polar_of_sixteen_one_by_one(bencher: Bencher<'_, '_>) {
    let f = matrices();
    let run = || divan::black_box(&f).map(|f| polar(&f));
    bencher.counter(ItemsCount::new(WIDTH)).bench_local(run);
}
