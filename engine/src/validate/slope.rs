//! A wedge of sand on a rough bed: it stays or it slides, and comes to rest at its angle of repose.

use backflow_sim::{
    contact::ContactLaw,
    material::{DruckerPrager, Elasticity, Solid, Yielding},
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
    line,
    spreading::depths,
};

pub const STATIC: Case = Case {
    id: "G6",
    about: "a plane wedge of sand below and above the steepest slope of its law, atan(sin(phi_ps))",
    remark: "3 degrees above, the wedge moves by 0.04 cells with 10 cells over its height and by 0.12 with 20, and stays. \
             Hypothesis: that slope is the steepest of sand that flows, where stress along and across the slope are equal; \
             sand at rest that is pressed along it more than across may stand at up to phi_ps, here 43.9 degrees. With 20 \
             cells a wedge of 41 degrees moves by a cell in a second and creeps on, one of 44.7 slides by 17 in two. \
             With 10 one of 45 moves by less than a cell in a second, and less the stiffer it is and the shorter the time \
             steps are: 0.59, 0.19 and 0.13 cells with pressure waves 8, 16 and 20 times as fast as long waves, 0.27 \
             with 16 and the time steps of 8.",
    run: stability,
};

pub const REPOSE: Case = Case {
    id: "G7",
    about: "slope that a wedge of sand comes to rest at, 10 degrees too steep at the start, against the steepest \
            of its law",
    remark: "At 30 degrees of friction the wedge starts less than a degree above phi_ps, see G6: with 14 cells it stays. With 20 \
             it slides, and its flank is at 32.9 degrees after 2 s. Wedges that start 20 degrees too steep run past \
             the angle with 20 cells: they rest at 18.5, 25.7 and 32.6 degrees.",
    run: repose,
};

/// Density of sand (kg/m^3).
pub const DENSITY: f64 = 1500.0;

/// Height of the wedge (m).
const HEIGHT: f64 = 0.1;

/// Sand with a friction angle in triaxial compression (rad) and a speed of pressure waves (m/s).
pub fn sand(friction_angle: f64, sound: f64) -> Solid<f64> {
    // rho c^2 = E (1 - nu) / ((1 + nu) (1 - 2 nu)).
    let poisson = 0.3;
    let share = (1.0 - poisson) / ((1.0 + poisson) * (1.0 - 2.0 * poisson));
    Solid::DruckerPrager(Yielding(DruckerPrager {
        elasticity: Elasticity::new(DENSITY * sound * sound / share, poisson),
        friction_angle,
        cohesion: 0.0,
    }))
}

/// The steepest plane slope (rad) of a Drucker-Prager law with the friction angle `phi` (rad) in triaxial
/// compression: where it flows without change of volume along the slope, stress along and
/// across the slope are equal, and shear over pressure is
///
/// `tan(theta) = sin(phi_ps) = 2 sqrt(3) sin(phi) / (3 - sin(phi))`
///
/// with the friction angle `phi_ps` in plane strain.
pub fn steepest(phi: f64) -> f64 {
    (2.0 * 3.0_f64.sqrt() * phi.sin() / (3.0 - phi.sin())).atan()
}

/// What became of a wedge.
struct Slid {
    /// The largest displacement of a particle, in cells.
    largest: f64,
    /// Depth over each column of cells (m).
    depths: Vec<[f64; 2]>,
}

/// A wedge of `cells` over its height with the friction angle `phi` and the slope `theta` (rad) after
/// `time` (s), if pressure waves are `stiffness` times as fast as long waves of its depth.
fn wedge(cells: usize, phi: f64, theta: f64, stiffness: f64, time: f64) -> Result<Slid, NonFinite> {
    let dx = HEIGHT / cells as f64;
    let sound = stiffness * (GRAVITY * HEIGHT).sqrt();
    let dt = 0.3 * dx / sound;
    // Three times as long as it is or will be at the least slope tried.
    let long = (3.0 * HEIGHT / theta.tan().min(0.7) / dx) as usize;
    let mut bench = Bench::new([long, cells + 3, 1], dx, dt)
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .solid(sand(phi, sound), DENSITY, |x| {
            x.y < HEIGHT - x.x * theta.tan()
        });
    bench.world.walls[1][0].law = ContactLaw::Sticky;
    let motions = &bench.particles.solid.motion;
    let start: Vec<_> = motions.iter().map(|motion| motion.x()).collect();
    let state = bench.after(time)?;
    let motions = &state.particles.solid.motion;
    let paths = motions.iter().zip(&state.order.solid.ids);
    let lengths = paths.map(|(motion, &id)| (motion.x() - start[id as usize]).norm());
    Ok(Slid {
        largest: lengths.fold(0.0, f64::max) / dx,
        depths: depths(&bench, motions),
    })
}

/// Angle (degrees) of the flank between a tenth and four fifths of the greatest depth.
fn flank(depths: &[[f64; 2]]) -> f64 {
    let top = depths.iter().map(|[_, depth]| *depth).fold(0.0, f64::max);
    let part = depths.iter().copied();
    let [slope, _] = line(part.filter(|[_, depth]| (0.1..=0.8).contains(&(depth / top))));
    (-slope).atan().to_degrees()
}

fn stability(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 8,
        Tier::Full => 20,
    };
    let phi = 30.0_f64.to_radians();
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    for (name, off) in [("below", -3.0_f64), ("above", 3.0)] {
        // Waves so fast that the settlement under its weight is a small part of a cell.
        let slid = wedge(cells, phi, steepest(phi) + off.to_radians(), 20.0, 1.0)?;
        let mut measure = |what: &str, value: f64| {
            let quantity = format!("{what} 3 degrees {name} it");
            outcome.measure(reference, &quantity, &grid, value);
        };
        measure("largest displacement", slid.largest);
        // What settles under its weight moves by a tenth of a cell.
        measure("whether it flows", f64::from(slid.largest > 1.0));
    }
    Ok(outcome)
}

fn repose(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 10,
        Tier::Full => 20,
    };
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    let (mut angles, mut curves) = (Vec::new(), Vec::new());
    for friction in [20.0_f64, 25.0, 30.0] {
        let phi = friction.to_radians();
        let theta = steepest(phi) + 10.0_f64.to_radians();
        let slid = wedge(cells, phi, theta, 10.0, 2.0)?;
        let angle = flank(&slid.depths);
        let quantity = format!("slope at {friction} degrees of friction");
        outcome.measure(reference, &quantity, &grid, angle);
        angles.push(angle);
        curves.push(Curve {
            name: quantity,
            points: slid.depths,
            marks: false,
        });
    }
    let rises = angles.windows(2).all(|pair| pair[0] < pair[1]);
    outcome.measure(
        reference,
        "whether it rises with friction",
        &grid,
        f64::from(rises),
    );
    outcome.plots.push(Plot {
        title: "Wedges of sand at rest".to_owned(),
        axes: [
            "distance from the wall (m)".to_owned(),
            "depth (m)".to_owned(),
        ],
        curves,
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steepest_slope_is_that_of_plane_strain() {
        // Stress deviator sqrt(J2) / p of the cone that meets Mohr and Coulomb's in triaxial compression:
        // sigma_1 / sigma_3 = (1 + sin) / (1 - sin).
        let phi = 25.0_f64.to_radians();
        let (high, low) = (1.0 + phi.sin(), 1.0 - phi.sin());
        let ratio = (high - low) / 3.0_f64.sqrt() / ((high + 2.0 * low) / 3.0);
        assert!((steepest(phi).tan() - ratio).abs() < 1e-12);
    }

    #[test]
    fn the_flank_is_that_of_a_straight_slope() {
        let depth = |x: f64| [x, 1.0 - x / 3.0_f64.sqrt()];
        let depths: Vec<_> = (0..17).map(|part| depth(0.1 * f64::from(part))).collect();
        assert!((flank(&depths) - 30.0).abs() < 1e-9);
    }
}
