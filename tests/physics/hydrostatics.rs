//! Hydrostatic pressure: a liquid column carries the weight of what lies above.

use nalgebra::Vector3;

use crate::fixture::{DENSITY, Matter, PER_AXIS, empty};

/// Cells between the side walls.
const WIDTH: usize = 10;

/// How far pressures are off, relative to that at the base.
#[derive(Debug)]
struct Errors {
    /// Mean over particles.
    particles: f64,
    /// Of the mean pressure of each layer of particles, half a cell high, bottom up.
    layers: Vec<f64>,
}

impl Errors {
    fn mean(&self) -> f64 {
        self.layers.iter().sum::<f64>() / self.layers.len() as f64
    }
}

/// A column of 0.2 m in `cells` cells between slip walls, in a slab of one cell.
fn column(cells: usize) -> Errors {
    let (height, gravity, modulus) = (0.2, 9.81, 1e5);
    let dx = height / cells as f64;
    // The speed of sound is 10 m/s: 0.2 cells a substep.
    let dt = 0.2 * dx / f64::sqrt(modulus / DENSITY);
    let mut case = empty([WIDTH, cells + 2, 1], dx, dt)
        .fill(Matter::Viscous, [[0; 3], [WIDTH, cells, 1]], 0.0, |_| true)
        .falling(Vector3::new(0.0, -gravity, 0.0));
    case.world.locked = [false, false, true];
    let law = &mut case.world.liquids[0].law;
    law.bulk_modulus = modulus;
    // Weight per area above a particle, by where it starts: compression does not change it.
    let bottom = case.world.lattice.min().y;
    let depth = |x: &Vector3<f64>| height - (x.y - bottom);
    let weights: Vec<f64> = case
        .particles
        .liquid
        .motion
        .iter()
        .map(|motion| DENSITY * gravity * depth(&motion.x()))
        .collect();
    let base = DENSITY * gravity * height;

    // The column swings about its equilibrium with a period of 4 h / c; the mean over whole
    // periods is the equilibrium.
    let period = (4.0 * height / f64::sqrt(modulus / DENSITY) / dt).round() as usize;
    let (settle, average) = (2 * period, 3 * period);
    let mut pressures = vec![0.0; weights.len()];
    let mut step = 0;
    case.run(settle + average, |_, state| {
        step += 1;
        if step > settle {
            let ids = &state.order.liquid.ids;
            for (&id, &j) in ids.iter().zip(&state.particles.liquid.strain) {
                pressures[id as usize] += modulus * (1.0 / j - 1.0) / average as f64;
            }
        }
    });
    let count = weights.len() as f64;
    let mut errors = Errors {
        particles: 0.0,
        layers: vec![0.0; cells * PER_AXIS],
    };
    let in_layer = count / errors.layers.len() as f64;
    let particles = case.particles.liquid.motion.iter().zip(&pressures);
    for ((motion, p), weight) in particles.zip(&weights) {
        let error = (p - weight) / base;
        errors.particles += error.abs() / count;
        let layer = (motion.x().y - bottom) / dx * PER_AXIS as f64;
        errors.layers[layer as usize] += error / in_layer;
    }
    for layer in &mut errors.layers {
        *layer = layer.abs();
    }
    errors
}

#[test]
fn pressure_in_a_column_is_the_weight_above() {
    let (coarse, fine) = (column(10), column(20));
    println!(
        "hydrostatic pressure off by {:.2e} and {:.2e} on average ({:.2e} and {:.2e} at particles)",
        coarse.mean(),
        fine.mean(),
        coarse.particles,
        fine.particles,
    );
    // Quadratic splines smear the free surface over a cell of 20, and read 1 % off.
    assert!(fine.mean() <= 0.01, "{:?}", fine.layers);
    // The error is that of the ends: halving the cells nearly halves it.
    assert!(
        fine.mean() <= 0.6 * coarse.mean(),
        "{} {}",
        fine.mean(),
        coarse.mean()
    );
    // The spline of the first node inside hangs over the wall and reaches two cells up:
    // what is missing there is made up for by the particles within.
    let above = fine.layers[2 * PER_AXIS..]
        .iter()
        .copied()
        .fold(0.0, f64::max);
    assert!(above <= 0.03, "{:?}", fine.layers);
}
