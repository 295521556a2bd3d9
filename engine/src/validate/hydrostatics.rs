//! A liquid column carries the weight of what lies above.

use backflow_sim::{
    material::Liquid,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
    order,
};

pub const CASE: Case = Case {
    id: "F1",
    about: "hydrostatic column, pressures at the depth of each layer of particles",
    remark: "The walls are mirrored. What is left is the smearing of the free surface over a cell. With \
             walls that stop the nodes beyond them the layers next to the floor swing: the largest \
             error is 0.18 then.",
    run,
};

const HEIGHT: f64 = 0.1;
const DENSITY: f64 = 1800.0;
const BULK_MODULUS: f64 = 1e6;

/// Errors of the mean pressure of each layer, relative to that at the base, bottom up; and the
/// pressures.
fn column(cells: usize) -> Result<(Vec<f64>, Vec<[f64; 2]>), NonFinite> {
    let dx = HEIGHT / cells as f64;
    let sound = (BULK_MODULUS / DENSITY).sqrt();
    let law = Liquid {
        bulk_modulus: BULK_MODULUS,
        viscosity: 0.0,
        exponent: 1.0,
        tension: true,
    };
    let bench = Bench::new([4, cells + 2, 1], dx, 0.2 * dx / sound)
        .mirrored()
        .falling(Vector3::new(0.0, -GRAVITY, 0.0))
        .liquid(law, DENSITY, |x| x.y < HEIGHT);
    // It swings with a period of 4 h / c: the mean over whole periods is the equilibrium.
    let period = (4.0 * HEIGHT / sound / bench.world.clock.dt).round() as usize;
    let (settle, average) = (2 * period, 3 * period);
    let mut pressures = vec![0.0; bench.particles.liquid.len()];
    let mut step = 0;
    bench.run(settle + average, |_, state| {
        step += 1;
        if step > settle {
            let each = state
                .order
                .liquid
                .ids
                .iter()
                .zip(&state.particles.liquid.strain);
            for (&id, &j) in each {
                pressures[id as usize] += BULK_MODULUS * (1.0 / j - 1.0) / average as f64;
            }
        }
    })?;
    let base = DENSITY * GRAVITY * HEIGHT;
    let layers = 2 * cells;
    let (mut errors, mut profile) = (vec![0.0; layers], vec![[0.0; 2]; layers]);
    let share = layers as f64 / pressures.len() as f64;
    for (motion, p) in bench.particles.liquid.motion.iter().zip(&pressures) {
        let (y, layer) = (motion.x().y, (motion.x().y / bench.spacing()) as usize);
        errors[layer] += (p - DENSITY * GRAVITY * (HEIGHT - y)) / base * share;
        profile[layer] = [y, profile[layer][1] + p * share];
    }
    Ok((errors.into_iter().map(f64::abs).collect(), profile))
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids = match tier {
        Tier::Fast => [10, 20],
        Tier::Full => [20, 40],
    };
    let mut outcome = Outcome::default();
    let mut means = Vec::new();
    let mut curves = Vec::new();
    for cells in grids {
        let (errors, profile) = column(cells)?;
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        means.push(mean);
        let grid = format!("{cells} cells");
        if cells >= 20 {
            let most = errors.iter().copied().fold(0.0, f64::max);
            outcome.measure(reference, "mean error of the pressure", &grid, mean);
            outcome.measure(reference, "largest error of the pressure", &grid, most);
        }
        curves.push(Curve {
            name: grid,
            points: profile,
            marks: false,
        });
    }
    curves.push(Curve {
        name: "weight above".to_owned(),
        points: [0.0, HEIGHT]
            .map(|y| [y, DENSITY * GRAVITY * (HEIGHT - y)])
            .to_vec(),
        marks: true,
    });
    outcome.order = Some(order(means[0], means[1]));
    outcome.plots.push(Plot {
        title: "Hydrostatic column".to_owned(),
        axes: ["height (m)".to_owned(), "pressure (Pa)".to_owned()],
        curves,
    });
    Ok(outcome)
}
