//! Stages of the exchange one after the other, and what they keep.

use num_dual::Dual64;

use backflow_diff::Real;
use nalgebra::Vector3;

use super::*;
use crate::{
    collider::testing::noise as noise3,
    gas::{
        divergence::drops,
        drag::{MatterBar, drag},
        field::{Field, Velocity, sum},
        grid::Grid,
        opening::Openings,
        pressure::Precondition,
        project::project,
        projector::{ProjectScratch, Projector},
        testing::{
            assert_close, box_grid, clean_velocity, dot, dual_velocity, noise_velocity, tangent,
        },
    },
};

pub(super) fn some(seed: u32, grid: &Grid) -> Vec<Grain<f64>> {
    (0..7)
        .map(|index| {
            let at = noise3(seed + index).map(|x| 0.5 + 0.49 * x);
            Grain {
                x: grid.origin
                    + Vector3::from_fn(|axis, _| at[axis] * grid.cells[axis] as f64 * grid.dx),
                v: noise3(seed + 30 + index),
                volume: 3e-4 * (1.0 + f64::from(index)),
                density: 40.0 + f64::from(index),
            }
        })
        .collect()
}

pub(super) fn directions(seed: u32) -> Vec<Grain<f64>> {
    (0..7)
        .map(|index| Grain {
            x: noise3(seed + index),
            v: noise3(seed + 50 + index),
            volume: 1e-4 * noise3(seed + index).x,
            density: noise3(seed + index).y,
        })
        .collect()
}

pub(super) fn dual_grains(grains: &[Grain<f64>], by: &[Grain<f64>]) -> Vec<Grain<Dual64>> {
    grains
        .iter()
        .zip(by)
        .map(|(grain, by)| Grain {
            x: grain.x.zip_map(&by.x, Dual64::new),
            v: grain.v.zip_map(&by.v, Dual64::new),
            volume: Dual64::new(grain.volume, by.volume),
            density: Dual64::new(grain.density, by.density),
        })
        .collect()
}

pub(super) fn product(a: &[Grain<f64>], b: &[Grain<f64>]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.x.dot(&b.x) + a.v.dot(&b.v) + a.volume * b.volume + a.density * b.density)
        .sum()
}

pub(super) fn tangents(grains: &[Grain<Dual64>]) -> Vec<Grain<f64>> {
    let of = |grain: &Grain<Dual64>| Grain {
        x: grain.x.map(Real::tangent),
        v: grain.v.map(Real::tangent),
        volume: grain.volume.tangent(),
        density: grain.density.tangent(),
    };
    grains.iter().map(of).collect()
}

pub(super) fn tangent_velocity(field: &Velocity<Dual64>) -> Velocity<f64> {
    [0, 1, 2].map(|axis| tangent(&field[axis]))
}

pub(super) fn velocity_dot(a: &Velocity<f64>, b: &Velocity<f64>) -> f64 {
    (0..3).map(|axis| dot(&a[axis], &b[axis])).sum()
}

#[test]
fn what_the_faces_carry_is_what_the_grains_have() {
    let grid = box_grid([5, 4, 6], [false, true, false]);
    let grains = some(1, &grid);
    let load = load(&grid, &grains);
    let cell = grid.dx.powi(3);
    let volume: f64 = grains.iter().map(|grain| grain.volume).sum();
    for axis in 0..3 {
        let alpha: f64 = load.alpha[axis].samples().iter().sum();
        let flow: f64 = load.flow[axis].samples().iter().sum();
        let known: f64 = grains
            .iter()
            .map(|grain| grain.volume * grain.v[axis])
            .sum();
        assert!((alpha * cell - volume).abs() < 1e-15);
        assert!((flow * cell - known).abs() < 1e-15);
    }
}

#[test]
fn drag_takes_from_the_gas_what_it_gives_to_the_grains() {
    let grid = box_grid([5, 4, 6], [true; 3]);
    let mut grains = some(1, &grid);
    let coupling = Coupling {
        drag: 20.0,
        share: 0.8,
        density: 1.2,
    };
    let momentum = |grains: &[Grain<f64>]| -> Vector3<f64> {
        grains
            .iter()
            .map(|grain| grain.v * (grain.volume * grain.density))
            .sum()
    };
    let load = load(&grid, &grains);
    let matter = matter(&grid, &coupling, &load);
    let u = noise_velocity(5, &grid);
    let (mut dragged, dt) = (u.clone(), 0.05);
    drag(&matter, dt, &mut dragged);
    let mut pull = pull(
        &grid,
        &coupling,
        &matter,
        &dragged,
        &Openings::open(&grid).open,
        &Field::zero_velocity(&grid),
        dt,
    );
    let before = momentum(&grains);
    kick(&grid, &mut pull, &mut grains);
    let gained = momentum(&grains) - before;
    let mass = coupling.density * grid.dx.powi(3);
    for axis in 0..3 {
        let lost = sum(&u[axis].layout, |_, index| {
            let change = u[axis].data[index] - dragged[axis].data[index];
            mass * matter.occupied.share[axis].data[index] * change
        });
        assert!(gained[axis].abs() > 1e-6);
        assert!(
            (gained[axis] - lost).abs() <= 1e-12 * lost.abs(),
            "{gained} {lost}"
        );
    }
}

#[test]
fn gas_and_grains_exchange_their_momentum_over_a_whole_push() {
    // Drag and pressure, in a box without sides that could take any of it.
    let grid = box_grid([6, 4, 8], [true; 3]);
    let mut grains = some(1, &grid);
    let coupling = Coupling {
        drag: 20.0,
        share: 0.15,
        density: 1.2,
    };
    let known = load(&grid, &grains);
    let own = matter(&grid, &coupling, &known);
    // Some faces have more than the share that matter may take.
    assert!(known.alpha.iter().any(|alpha| alpha.largest() > 0.15));
    let u = noise_velocity(5, &grid);
    let (mut after, dt) = (u.clone(), 0.05);
    drag(&own, dt, &mut after);
    let dragged = after.clone();
    let (openings, room) = (Openings::open(&grid), &own.occupied);
    let projector = Projector::new(&grid, &openings, Some(room), Precondition::Multigrid, 1e-12);
    let mut pressure = Vec::new();
    let scratch = &mut ProjectScratch::default();
    project(
        &projector,
        &openings,
        Some(room),
        &mut after,
        &mut pressure,
        scratch,
    )
    .unwrap();
    let mut pull = pull(
        &grid,
        &coupling,
        &own,
        &dragged,
        &openings.open,
        &drops(&grid, &pressure),
        dt,
    );
    let before = grains.clone();
    kick(&grid, &mut pull, &mut grains);
    let mass = coupling.density * grid.dx.powi(3);
    for axis in 0..3 {
        let gained: f64 = grains
            .iter()
            .zip(&before)
            .map(|(after, before)| after.volume * after.density * (after.v[axis] - before.v[axis]))
            .sum();
        let lost = sum(&u[axis].layout, |_, index| {
            let change = u[axis].data[index] - after[axis].data[index];
            mass * room.share[axis].data[index] * change
        });
        assert!(gained.abs() > 1e-6);
        assert!(
            (gained - lost).abs() <= 1e-12 * (gained.abs() + mass),
            "{gained} {lost}"
        );
    }
}

#[test]
fn the_vjp_of_all_stages_is_the_transpose() {
    for periodic in [[false; 3], [true, false, true]] {
        let grid = box_grid([5, 4, 6], periodic);
        let (grains, by) = (some(1, &grid), directions(11));
        let coupling = Coupling {
            drag: 20.0,
            // Some faces are bounded by it.
            share: 0.15,
            density: 1.2,
        };
        let (du, dd) = (0.7, 0.03);
        let coupling_dual = Coupling {
            drag: Dual64::new(20.0, du),
            share: Dual64::from(0.15),
            density: Dual64::new(1.2, dd),
        };
        let dt = 0.05;
        let [dragged, open, drops, d_dragged, d_open, d_drops] =
            [5, 7, 9, 13, 15, 17].map(|seed| clean_velocity(&noise_velocity(seed, &grid)));
        let mut moved = dual_grains(&grains, &by);
        let load_dual = load(&grid, &moved);
        let matter_dual = matter(&grid, &coupling_dual, &load_dual);
        let mut pull_dual = pull(
            &grid,
            &coupling_dual,
            &matter_dual,
            &dual_velocity(&dragged, &d_dragged),
            &dual_velocity(&open, &d_open),
            &dual_velocity(&drops, &d_drops),
            dt,
        );
        kick(&grid, &mut pull_dual, &mut moved);
        let bars = directions(23);
        let share_bar = clean_velocity(&noise_velocity(29, &grid));
        let rate_bar = clean_velocity(&noise_velocity(33, &grid));
        let carried_bar = clean_velocity(&noise_velocity(37, &grid));
        let forward = product(&tangents(&moved), &bars)
            + velocity_dot(&tangent_velocity(&matter_dual.occupied.share), &share_bar)
            + velocity_dot(
                &tangent_velocity(&matter_dual.occupied.carried),
                &carried_bar,
            )
            + velocity_dot(&tangent_velocity(&matter_dual.rate), &rate_bar);

        let known = load(&grid, &grains);
        let own = matter(&grid, &coupling, &known);
        let mut pulled = pull(&grid, &coupling, &own, &dragged, &open, &drops, dt);
        let mut after = grains.clone();
        kick(&grid, &mut pulled, &mut after);
        let mut grains_bar = bars.clone();
        let mut coupling_bar = CouplingBar::default();
        let pull_bar = kick_vjp(&grid, &pulled, &grains, &mut grains_bar);
        let mut matter_bar = MatterBar::zero(&grid);
        let mut drops_bar = Field::zero_velocity(&grid);
        pull_vjp(
            &coupling,
            &own,
            &dragged,
            &open,
            &drops,
            dt,
            &pull_bar,
            &mut matter_bar,
            &mut drops_bar,
            &mut coupling_bar,
        );
        matter_bar.occupied.share = share_bar;
        matter_bar.occupied.carried = carried_bar;
        matter_bar.rate = rate_bar;
        let backward = velocity_dot(&d_dragged, &matter_bar.dragged)
            + velocity_dot(&d_open, &matter_bar.open)
            + velocity_dot(&d_drops, &drops_bar);
        let mut load_bar = matter_vjp(&grid, &coupling, &known, &matter_bar, &mut coupling_bar);
        load_vjp(&grid, &grains, &mut load_bar, &mut grains_bar);
        let backward = backward
            + product(&by, &grains_bar)
            + du * coupling_bar.drag
            + dd * coupling_bar.density;
        assert_close(forward, backward);
    }
}
