//! Mass: what particles carry is what the grid gets, at every substep.

use backflow_sim::contact::ContactLaw;
use nalgebra::Vector3;

use crate::fixture::{DX, MATTER, empty};

#[test]
fn mass_of_the_grid_is_mass_of_the_particles() {
    for matter in MATTER {
        // Thrown into a corner: stencils hang over the walls.
        let case = empty([9; 3], DX, 1e-3)
            .fill(matter, [[0, 0, 3], [5, 4, 8]], 0.4, |_| true)
            .agitated(1.0, 3)
            .falling(Vector3::new(-3.0, -9.81, 2.0))
            .walled(ContactLaw::Separating);
        let mass = case.mass();
        let mut worst = 0.0_f64;
        case.run(100, |rollout, _| {
            let [grid, ..] = rollout.workspace().grid_totals();
            worst = worst.max((grid - mass).abs() / mass);
        });
        println!("{matter:?}: mass off by {worst:.1e}");
        // Weights sum to 1 within 4 ulp; a thousand particles' errors mostly cancel.
        assert!(worst <= 1e-13, "{matter:?}: {worst:e}");
    }
}
