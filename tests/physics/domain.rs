//! Matter stays in the domain, however hard it is thrown.

use backflow_sim::contact::ContactLaw;
use nalgebra::{Matrix3, Vector3};

use crate::fixture::{Case, DX, MATTER, Matter, empty, motion};

/// Runs a case and returns how often a particle was kept from leaving.
fn confined(case: &Case, steps: usize, label: &str) -> usize {
    // Matter meets a wall within the half cell that the kernel reaches beyond it.
    let skin = Vector3::repeat(0.5 * DX);
    let (min, max) = (
        case.world.lattice.min() - skin,
        case.world.lattice.max() + skin,
    );
    let mut held = 0;
    case.run(steps, |rollout, state| {
        for (x, ..) in motion(&state.particles) {
            for axis in 0..3 {
                assert!((min[axis]..=max[axis]).contains(&x[axis]), "{label}: {x}");
            }
        }
        held = rollout.held;
    });
    held
}

#[test]
fn no_particle_leaves_the_domain_under_violent_motion() {
    for matter in MATTER {
        for law in [
            ContactLaw::Sticky,
            ContactLaw::Slip,
            ContactLaw::Separating,
            ContactLaw::Coulomb,
        ] {
            // Thrown into a corner at twice the speed of sound.
            let case = empty([8, 9, 10], DX, 2e-4)
                .fill(matter, [[0, 3, 0], [5, 8, 4]], 0.4, |_| true)
                .agitated(4.0, 31)
                .falling(Vector3::new(-3e3, -9e3, -2e3))
                .walled(law);
            confined(&case, 300, &format!("{matter:?}, {law:?}"));
        }
    }
}

#[test]
fn a_particle_that_would_jump_over_a_wall_is_held_and_counted() {
    // Four cells a substep from three cells away: it has passed the nodes of the wall, and
    // the half cell behind them, before they see it.
    let dt = 1e-3;
    let mut case = empty([8; 3], DX, dt)
        .fill(Matter::Slack, [[3; 3], [5; 3]], 0.4, |_| true)
        .moving(|_| (Vector3::new(-4.0 * DX / dt, 0.0, 0.0), Matrix3::zeros()))
        .walled(ContactLaw::Separating);
    // So soft, and so linear, that no volume ratio is too much for it.
    let law = &mut case.world.liquids[0].law;
    (law.bulk_modulus, law.viscosity, law.exponent) = (1.0, 0.0, 1.0);
    assert!(confined(&case, 50, "thrown") > 0);
}
