//! Linear momentum: without walls only gravity changes it.

use nalgebra::Vector3;

use crate::fixture::{MATTER, floating, totals};

#[test]
fn a_substep_changes_momentum_by_weight_times_time_alone() {
    let gravity = Vector3::new(0.4, -9.81, 0.7);
    for matter in MATTER {
        let case = floating(matter, 5e-4).agitated(0.5, 11).falling(gravity);
        let (mass, push) = (case.particle_mass(), gravity * case.world.clock.dt);
        let count = case.particles.len() as f64;
        let mut before = totals(&case.particles, case.world.lattice.dx, &Vector3::zeros());
        let (mut on_grid, mut worst) = (0.0_f64, 0.0_f64);
        case.run(50, |rollout, state| {
            let after = totals(&state.particles, case.world.lattice.dx, &Vector3::zeros());
            let [_, x, y, z] = rollout.workspace().grid_totals();
            let grid = Vector3::new(x, y, z) / mass;
            let scale = before.momentum_scale;
            on_grid = on_grid.max((grid - before.momentum).norm() / scale);
            let expected = before.momentum + push * count;
            worst = worst.max((after.momentum - expected).norm() / scale);
            before = after;
        });
        println!("{matter:?}: momentum off by {on_grid:.1e} on the grid, {worst:.1e} a substep");
        // Round-off of sums over a thousand particles, and of internal forces that
        // cancel: each is some 1e-16 of the sum of the magnitudes.
        assert!(on_grid <= 1e-12, "{matter:?}, to the grid: {on_grid:e}");
        assert!(worst <= 1e-12, "{matter:?}, substep: {worst:e}");
    }
}
