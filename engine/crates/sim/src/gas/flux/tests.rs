//! Flux form: what it keeps, its order and its adjoint.

use super::*;
use crate::gas::{
    boundary::{Ghost, scalar_ghosts},
    testing::{
        assert_close, box_grid, clean, dot, dual, dual_ghosts, dual_velocity, mixed_sides, noise,
        noise_velocity, tangent,
    },
};

/// Carried once from filled ghosts.
fn carried<T: Real>(
    grid: &Grid,
    velocity: &Velocity<T>,
    field: &Field<T>,
    ghosts: Ghosts<T>,
    dt: f64,
) -> Field<T> {
    let mut to = [Field::zero(grid.centres())];
    let fields = std::slice::from_ref(field);
    let mut scratch = FluxScratch::new(grid);
    carry(grid, velocity, fields, &[ghosts], dt, &mut to, &mut scratch);
    let [to] = to;
    to
}

#[test]
fn constants_stay_constant() {
    let grid = box_grid([6, 5, 4], [false, true, false]);
    let field = Field::constant(grid.centres(), 3.0);
    let ghosts = mixed_ghosts(&grid).map(|pair| {
        pair.map(|ghost| match ghost {
            Ghost::Affine { .. } => Ghost::copy(),
            periodic => periodic,
        })
    });
    let to = carried(&grid, &noise_velocity(1, &grid), &field, ghosts, grid.dx);
    assert!(to.samples().iter().all(|q| (q - 3.0).abs() < 1e-14));
}

#[test]
fn values_stay_between_those_around() {
    let grid = box_grid([9, 7, 5], [true, false, true]);
    let ghosts = [
        [Ghost::Periodic; 2],
        [Ghost::copy(); 2],
        [Ghost::Periodic; 2],
    ];
    let mut q = noise(5, grid.centres());
    fill(&mut q, &ghosts);
    let bounds = |q: &Field<f64>| {
        let samples = q.samples();
        let fold = |start, join: fn(f64, f64) -> f64| samples.iter().copied().fold(start, join);
        [fold(f64::MAX, f64::min), fold(f64::MIN, f64::max)]
    };
    let to = carried(&grid, &noise_velocity(1, &grid), &q, ghosts, 2.0 * grid.dx);
    let ([least, most], [low, high]) = (bounds(&q), bounds(&to));
    assert!(least <= low && high <= most, "{low} {high}");
    assert!(high - low > 0.1 * (most - least));
}

#[test]
fn sums_change_by_what_crosses_the_sides() {
    // The curl of a vector on edges has no divergence; axis 0 lets gas through.
    let grid = box_grid([7, 6, 5], [false, true, true]);
    let dx = grid.dx;
    let mut u: Velocity<f64> = Field::zero_velocity(&grid);
    for axis in 0..2 {
        let other = 1 - axis;
        let layout = u[axis].layout;
        let stream = |at: [usize; 3]| {
            let [x, y] = [at[0] as f64, at[1] as f64 % 6.0];
            (0.7 * x).sin() + (std::f64::consts::TAU * y / 6.0).cos() * (1.0 + 0.3 * x)
        };
        u[axis].set(|at, _| {
            let mut next = at;
            next[other] += 1;
            let sign = if axis == 0 { 1.0 } else { -1.0 };
            sign * (stream(next) - stream(at))
        });
        assert_eq!(u[axis].layout, layout);
    }
    let value = 0.4;
    let ghosts = [
        [Ghost::value(value), Ghost::value(value)],
        [Ghost::Periodic; 2],
        [Ghost::Periodic; 2],
    ];
    let mut q = noise(3, grid.centres());
    fill(&mut q, &ghosts);
    let total = |q: &Field<f64>| q.samples().iter().sum::<f64>();
    // A step of one part: the mean of the fluxes at its start and at its middle.
    let largest = (0..3).map(|axis| u[axis].largest()).fold(0.0, f64::max);
    let dt = 0.05 * dx / largest;
    let (count, part) = parts(&grid, &u, dt);
    assert_eq!(count, 1);
    let mut middle = Field::zero(grid.centres());
    stage(&grid, &u, &q, part, &mut middle);
    let through = |q: &Field<f64>| {
        let mut sum = 0.0;
        for k in 0..grid.cells[2] {
            for j in 0..grid.cells[1] {
                for (i, cell, outward) in [(0, 0, -1.0), (grid.cells[0], grid.cells[0] - 1, 1.0)] {
                    let speed = outward * u[0].data[u[0].layout.index([i, j, k])];
                    let own = q.data[q.layout.index([cell, j, k])];
                    sum += speed * if speed > 0.0 { own } else { value };
                }
            }
        }
        dt / dx * sum
    };
    let out = 0.5 * (through(&q) + through(&middle));
    let to = carried(&grid, &u, &q, ghosts, dt);
    assert!(out.abs() > 1e-3);
    assert!((total(&to) - total(&q) + out).abs() < 1e-12, "{out}");
}

#[test]
fn a_wave_is_carried_to_the_second_order() {
    let off = |cells: usize| {
        let mut grid = box_grid([cells, 3, 3], [true; 3]);
        grid.dx = 1.0 / cells as f64;
        grid.origin = nalgebra::Vector3::zeros();
        let mut u = Field::zero_velocity(&grid);
        u[0] = Field::constant(u[0].layout, 1.0);
        let wave = |shift: f64| {
            Field::from_fn(&grid, grid.centres(), |x| {
                (std::f64::consts::TAU * (x[0] - shift)).sin()
            })
        };
        let (ghosts, dt, mut q) = ([[Ghost::Periodic; 2]; 3], 0.25 * grid.dx, wave(0.0));
        for _ in 0..2 * cells {
            fill(&mut q, &ghosts);
            q = carried(&grid, &u, &q, ghosts, dt);
        }
        let exact = wave(0.5);
        let pairs = q.samples().into_iter().zip(exact.samples());
        let count = exact.layout.count() as f64;
        pairs.map(|(a, b): (f64, f64)| (a - b).abs()).sum::<f64>() / count
    };
    let order = (off(20) / off(40)).log2();
    assert!(order > 1.6, "{order}");
}

fn mixed_ghosts(grid: &Grid) -> Ghosts<f64> {
    scalar_ghosts(&mixed_sides(grid), 0)
}

#[test]
fn carry_vjp_is_the_transpose() {
    for periodic in [[false; 3], [true, false, true]] {
        let grid = box_grid([6, 5, 9], periodic);
        let sides = mixed_sides(&grid);
        let layout = grid.centres();
        let (u, u_direction) = (noise_velocity(1, &grid), noise_velocity(9, &grid));
        let ghosts: Vec<_> = (0..2).map(|index| scalar_ghosts(&sides, index)).collect();
        let ghosts_dual: Vec<_> = ghosts.iter().map(dual_ghosts).collect();
        let fields = [noise(20, layout), noise(21, layout)];
        let directions = [noise(22, layout), noise(23, layout)];
        let moved: Vec<_> = (0..2)
            .map(|i| {
                let mut field = dual(&fields[i], &directions[i]);
                fill(&mut field, &ghosts_dual[i]);
                field
            })
            .collect();
        let filled: Vec<_> = (0..2)
            .map(|i| {
                let mut field = fields[i].clone();
                fill(&mut field, &ghosts[i]);
                field
            })
            .collect();
        let bars: Vec<_> = (24..26).map(|seed| clean(&noise(seed, layout))).collect();
        for dt in [0.1 * grid.dx, 1.3 * grid.dx] {
            let mut to = vec![Field::zero(layout); 2];
            let flow = dual_velocity(&u, &u_direction);
            let mut scratch = FluxScratch::new(&grid);
            carry(
                &grid,
                &flow,
                &moved,
                &ghosts_dual,
                dt,
                &mut to,
                &mut scratch,
            );
            let forward: f64 = (0..2).map(|i| dot(&tangent(&to[i]), &bars[i])).sum();
            let mut u_bar = Field::zero_velocity(&grid);
            let mut fields_bar = vec![Field::zero(layout); 2];
            let mut values = vec![[[0.0; 2]; 3]; 2];
            let (mut scratch, mut spread) = (FluxScratch::new(&grid), Spread::default());
            carry_vjp(
                &grid,
                &u,
                &filled,
                &ghosts,
                dt,
                &bars,
                &mut u_bar,
                &mut fields_bar,
                &mut values,
                &mut scratch,
                &mut spread,
            );
            for (bar, ghosts) in fields_bar.iter_mut().zip(&ghosts) {
                fill_vjp(bar, ghosts);
            }
            let backward: f64 = (0..3).map(|a| dot(&u_direction[a], &u_bar[a])).sum::<f64>()
                + (0..2)
                    .map(|i| dot(&directions[i], &clean(&fields_bar[i])))
                    .sum::<f64>();
            assert_close(forward, backward);
        }
    }
}
