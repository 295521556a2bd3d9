//! Corrections of pools that fill their space, too much of it or too little, and their adjoint.

use nalgebra::Vector3;
use num_dual::Dual64;

use super::*;
use crate::{
    collider::testing::noise, contact::ContactLaw, grid::Lattice, rollout::State,
    transfer::grid_update::tests::world as corner,
};

/// Two particles an edge of a cell fill the cells `0..11`, `0..11`, `0..12` of a corner, moved
/// by up to `jitter` cells; they take `filling` of the space and have ratios of `1 + change`.
fn state(jitter: f64, filling: f64, change: f64) -> (World<f64>, State<f64>) {
    let mut world = corner(ContactLaw::Slip, false);
    world.volume_rate = 20.0;
    world.lattice = Lattice::over(Vector3::zeros(), [12; 3], world.lattice.dx);
    let spacing = 0.5 * world.lattice.dx;
    let mut particles = Particles::zeros(0, 0);
    for i in 0..22 {
        for j in 0..22 {
            for k in 0..24 {
                let at = Vector3::new(i as f64 + 0.5, j as f64 + 0.5, k as f64 + 0.5);
                let seed = (i * 22 + j) * 24 + k;
                let x = world.lattice.min() + (at + noise(seed) * jitter) * spacing;
                particles.liquid.push(x, Vector3::zeros());
            }
        }
    }
    for (number, j) in particles.liquid.strain.iter_mut().enumerate() {
        *j = 1.0 + change + 0.3 * jitter * noise(number as u32 + 9000).x;
    }
    let body = &mut world.liquids[0];
    body.range = 0..particles.liquid.len();
    body.volume = filling * spacing.powi(3);
    let mut state = State::new(&world, particles);
    state.settle(&world, 0).unwrap();
    (world, state)
}

/// The ratios after a correction, with the depths below the free surface and the distances from
/// walls in cells, and the share that was corrected.
fn corrected(filling: f64, change: f64) -> (Vec<[f64; 3]>, f64) {
    let (world, mut state) = state(0.0, filling, change);
    keep_volume(&world, 0, &state.order, &mut state.particles);
    let share = 1.0 - (-20.0 * world.clock.dt * world.clock.substeps as f64).exp();
    let dx = world.lattice.dx;
    let free = world.lattice.min() + Vector3::new(11.0, 11.0, 24.0) * dx;
    let [min, max] = [world.lattice.min(), world.lattice.max()];
    let liquid = &state.particles.liquid;
    let each = liquid.motion.iter().zip(&liquid.strain);
    let rows = each.map(|(motion, &j)| {
        let x = motion.x();
        let wall = (x - min).min().min((max - x).z);
        [j, (free - x).min() / dx, wall / dx]
    });
    (rows.collect(), share)
}

#[test]
fn deep_particles_come_to_the_space_they_have() {
    for (filling, change) in [(1.0, 0.0), (1.0, 0.2), (1.1, 0.0), (1.1, -0.2)] {
        let (rows, share) = corrected(filling, change);
        let j: f64 = 1.0 + change;
        let expected = j + share * (1.0 / filling - j);
        let mut exact = 0;
        for [found, depth, wall] in rows {
            // At walls a lattice of particles misses half a percent of the integral of a node
            // along each axis.
            if depth > 4.0 {
                let inner = wall > 4.0;
                let tolerance = if inner { 1e-12 } else { 0.03 * share };
                exact += usize::from(inner);
                let off = (found - expected).abs();
                assert!(off <= tolerance, "{filling} {change} {wall} {found}");
            }
        }
        assert!(exact > 20);
    }
}

#[test]
fn at_the_surface_only_what_belongs_to_no_pressure_is_taken() {
    for (change, taken) in [(-0.05, false), (0.0, false), (0.5, true)] {
        let (rows, share) = corrected(1.0, change);
        let mut seen = 0;
        for [found, depth, wall] in rows {
            if depth < 1.5 && depth > 0.7 && wall > 4.0 {
                let left = found - (1.0 + change);
                let fell = left < -0.1 * share * change.abs();
                assert!(
                    fell == taken && (taken || left.abs() < 1e-12),
                    "{change} {left}"
                );
                seen += 1;
            }
        }
        assert!(seen > 20);
    }
}

#[test]
fn nothing_is_corrected_within_a_frame_or_without_a_rate() {
    let (mut world, mut state) = state(0.2, 1.0, 0.1);
    world.clock.substeps = 10;
    let before = state.particles.clone();
    keep_volume(&world, 3, &state.order, &mut state.particles);
    assert_eq!(state.particles, before);
    world.volume_rate = 0.0;
    keep_volume(&world, 0, &state.order, &mut state.particles);
    assert_eq!(state.particles, before);
}

#[test]
fn vjp_is_the_transpose() {
    let (world, state) = state(0.6, 1.0, 0.02);
    let before = &state.particles.liquid;
    let count = before.len();
    let weights: Vec<f64> = (0..count).map(|p| noise(p as u32 + 70_000).x).collect();
    let mut bars = Particles::zeros(count, 0);
    bars.liquid.strain.clone_from(&weights);
    let (motions, ratios) = (&before.motion, &before.strain);
    keep_volume_vjp(&world, 0, &state.order, motions, ratios, &mut bars);
    let dual = world.cast::<Dual64>();
    for of_x in [true, false] {
        let mut lifted: Particles<Dual64> = state.particles.cast();
        let mut backward = 0.0;
        for slot in 0..count {
            let d = noise(slot as u32 + 40_000);
            if of_x {
                let x = before.motion[slot].x();
                lifted.liquid.motion[slot].set_x(&x.zip_map(&d, Dual64::new));
                backward += bars.liquid.motion[slot].x().dot(&d);
            } else {
                lifted.liquid.strain[slot].eps = d.x;
                backward += bars.liquid.strain[slot] * d.x;
            }
        }
        keep_volume(&dual, 0, &state.order, &mut lifted);
        let terms = lifted.liquid.strain.iter().zip(&weights);
        let terms: Vec<f64> = terms.map(|(j, weight)| j.eps * weight).collect();
        let forward: f64 = terms.iter().sum();
        let size: f64 = terms.iter().map(|term| term.abs()).sum();
        assert!(
            (forward - backward).abs() <= 1e-12 * size && size > 0.0,
            "{of_x} {forward} {backward}"
        );
    }
}
