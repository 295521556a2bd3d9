//! Angular momentum of the affine particle-in-cell method (Jiang, Schroeder & Teran
//! 2017): `sum x_p x m v_p + m dx^2/4 axial(C_p)` does not change without walls.

use backflow_sim::particle::Motion;
use nalgebra::{Matrix3, Vector3};

use crate::fixture::{Case, DX, MATTER, Matter, empty, floating, totals};

#[test]
fn a_substep_keeps_angular_momentum() {
    let centre = Vector3::repeat(0.5);
    for matter in MATTER {
        let case = floating(matter, 5e-4).agitated(0.5, 23);
        let mut before = totals(&case.particles, DX, &centre);
        let mut worst = 0.0_f64;
        case.run(50, |_, state| {
            let after = totals(&state.particles, DX, &centre);
            let change = (after.angular - before.angular).norm() / before.angular_scale;
            worst = worst.max(change);
            before = after;
        });
        println!("{matter:?}: angular momentum off by {worst:.1e} a substep");
        // Round-off, as for linear momentum.
        assert!(worst <= 1e-12, "{matter:?}: {worst:e}");
    }
}

/// A ball of 4 cells radius that spins at 5 rad/s about a slanted axis.
fn spinning() -> (Case, Vector3<f64>) {
    let (centre, spin) = (Vector3::repeat(0.5), Vector3::new(0.8, 2.4, 4.3));
    let rate = spin.cross_matrix();
    let case = empty([16; 3], DX, 2e-3)
        .fill(Matter::FixedCorotated, [[3; 3], [13; 3]], 0.0, |x| {
            (x - centre).norm() < 0.25
        })
        .moving(|x| (spin.cross(&(x - centre)), rate));
    (case, centre)
}

/// Runs the ball until it has turned once, or for a while; returns by which angle (rad) it
/// turned and the largest relative change of its angular momentum.
fn revolve(disturb: impl Fn(&mut Motion<f64>)) -> (f64, f64) {
    let (case, centre) = spinning();
    let start = totals(&case.particles, DX, &centre);
    let axis = start.angular.normalize();
    let (mut angle, mut worst) = (0.0, 0.0_f64);
    // Somewhat more than 2 pi / |spin|, for the ball swells and turns more slowly.
    case.run(720, |_, state| {
        state.particles.solid.motion.iter_mut().for_each(&disturb);
        let now = totals(&state.particles, DX, &centre);
        if angle < std::f64::consts::TAU {
            worst = worst.max((now.angular - start.angular).norm() / start.angular.norm());
            let arms = state
                .particles
                .solid
                .motion
                .iter()
                .map(|motion| (motion.x() - centre).cross(&axis));
            let inertia: f64 = arms.map(|arm| arm.norm_squared()).sum();
            angle += case.world.clock.dt * now.angular.dot(&axis) / inertia;
        }
    });
    (angle, worst)
}

#[test]
fn a_revolution_keeps_angular_momentum() {
    let (angle, worst) = revolve(|_| {});
    println!("angular momentum off by {worst:.1e} over a revolution");
    assert!(angle >= std::f64::consts::TAU, "it turned by {angle} rad");
    // Round-off of 600 substeps.
    assert!(worst <= 1e-10, "{worst:e}");
}

#[test]
fn without_affine_velocities_a_revolution_loses_angular_momentum() {
    let (_, worst) = revolve(|motion| motion.set_c(&Matrix3::zeros()));
    println!("angular momentum off by {worst:.1e} without affine velocities");
    // The particle-in-cell method damps rotation by some dx^2 / R^2 a substep; if this
    // passed at round-off, the test above would measure nothing.
    assert!(worst > 0.1, "{worst:e}");
}
