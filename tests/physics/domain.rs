//! Matter stays in the domain, however hard it is thrown.

use backflow_sim::contact::ContactLaw;
use nalgebra::Vector3;

use crate::fixture::{Case, DX, MATTER, empty, motion};

/// Runs a case whose particles must stay.
fn confined(case: &Case, steps: usize, label: &str) {
    // Matter meets a wall within the half cell that the kernel reaches beyond it.
    let skin = Vector3::repeat(0.5 * DX);
    let (min, max) = (
        case.world.lattice.min() - skin,
        case.world.lattice.max() + skin,
    );
    case.run(steps, |_, state| {
        for (x, ..) in motion(&state.particles) {
            for axis in 0..3 {
                assert!((min[axis]..=max[axis]).contains(&x[axis]), "{label}: {x}");
            }
        }
    });
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
