//! Heaps that spread under their weight on a bed that they stick to: paste until its yield stress holds
//! it, a viscous liquid for ever.

use backflow_sim::{
    contact::ContactLaw,
    material::{Elasticity, HerschelBulkley, Liquid, Solid, Yielding},
    particle::Motion,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
    heap_shape::Shape,
    line,
};

pub const SLUMP: Case = Case {
    id: "F9",
    about: "final shape of a plane heap of Bingham's paste (h^2 = 2 tau_y (x_f - x) / rho g), and with the normal \
            stresses of its plug (h^2 - pi tau_y h / rho g in place of h^2)",
    remark: "The theory without normal stresses is that of a heap that is long for its height: they make one of 50 Pa \
             shorter by 15 %, one of 20 Pa by 8 %. Paste without cohesion comes apart as it falls, and keeps 9 % of \
             voids.",
    run: slump,
};

pub const CURRENT: Case = Case {
    id: "F12",
    about: "plane viscous gravity current: power of time and constant (Huppert 1982)",
    remark: "The theory is that of a current that is long for its height, which this one comes to be.",
    run: current,
};

pub const DENSITY: f64 = 1000.0;

/// Edge of the half of the block, which a slip wall mirrors (m).
const EDGE: f64 = 0.1;

/// Bingham's paste of a yield stress (Pa), a consistency (Pa s) and about this speed of pressure waves (m/s).
/// It does not come apart: nothing pulls at it as hard as its elastic modulus.
pub fn paste(yield_stress: f64, consistency: f64, sound: f64) -> Solid<f64> {
    let elasticity = Elasticity::new(0.5 * DENSITY * sound * sound, 0.4);
    Solid::HerschelBulkley(Yielding(HerschelBulkley {
        elasticity,
        yield_stress,
        consistency,
        cohesion: elasticity.young,
        exponent: 1.0,
    }))
}

/// A bed of `length` edges with so many cells an edge, and whether something is in the block.
fn bed(cells: usize, length: f64, dt: f64) -> (Bench, impl Fn(&Vector3<f64>) -> bool) {
    let dx = EDGE / cells as f64;
    let size = [(length * cells as f64) as usize, cells + 3, 1];
    let mut bench = Bench::new(size, dx, dt).falling(Vector3::new(0.0, -GRAVITY, 0.0));
    bench.world.walls[1][0].law = ContactLaw::Sticky;
    (bench, |x: &Vector3<f64>| x.x < EDGE && x.y < EDGE)
}

/// Depth over each column of cells (m), with the middle of the column.
pub fn depths(bench: &Bench, motions: &[Motion<f64>]) -> Vec<[f64; 2]> {
    let dx = bench.world.lattice.dx;
    let mut depths = vec![0.0; (bench.world.lattice.max().x / dx).round() as usize];
    let last = depths.len() - 1;
    for motion in motions {
        depths[((motion.x().x / dx) as usize).min(last)] += bench.spacing().powi(3) / (dx * dx);
    }
    let each = depths.into_iter().enumerate();
    each.map(|(column, depth)| [(column as f64 + 0.5) * dx, depth])
        .collect()
}

/// Where the last hundredth of the matter begins: what is farther are particles that ran ahead in
/// a layer thinner than a cell.
pub fn front(places: impl Iterator<Item = f64>) -> f64 {
    let mut places: Vec<f64> = places.collect();
    places.sort_by(f64::total_cmp);
    places[places.len() * 99 / 100]
}

/// Distances from the middle of a plane heap (m).
fn along(motions: &[Motion<f64>]) -> impl Iterator<Item = f64> {
    motions.iter().map(|motion| motion.x().x)
}

/// Depth over each column of the heap at rest (m), and its front (m).
fn heap(cells: usize, yield_stress: f64) -> Result<(Vec<[f64; 2]>, f64), NonFinite> {
    let dx = EDGE / cells as f64;
    // Its weight presses it by a fiftieth at first. More viscous, it comes to the same shape, only later.
    let (sound, consistency) = (7.0, 10.0);
    let dt = 0.3 * dx / sound;
    let law = paste(yield_stress, consistency, sound);
    let (bench, inside) = bed(cells, 5.0, dt);
    let bench = bench.solid(law, DENSITY, inside);
    // It creeps to its final shape as the inverse of the time.
    let state = bench.after(15.0 * consistency / yield_stress)?;
    let motions = &state.particles.solid.motion;
    Ok((depths(&bench, motions), front(along(motions))))
}

fn slump(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (cells, stresses): (usize, &[f64]) = match tier {
        Tier::Fast => (8, &[50.0]),
        Tier::Full => (16, &[20.0, 50.0]),
    };
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    for &stress in stresses {
        let (found, front) = heap(cells, stress)?;
        let k = 2.0 * stress / (DENSITY * GRAVITY);
        let b = 0.25 * std::f64::consts::PI * k;
        let shape = |b| Shape::new(k, b, EDGE * EDGE);
        let ways = [("", shape(0.0)), (" with normal stresses", shape(b))];
        let mut measure = |what: &str, way: &str, value: f64| {
            let quantity = format!("{what}{way} at {stress} Pa");
            outcome.measure(reference, &quantity, &grid, value);
        };
        measure("depth at the middle", "", found[1][1]);
        for (way, shape) in &ways {
            measure("length", way, front * shape.length / shape.front());
            measure("shape (L2)", way, shape.error(&found));
        }
        let theory = (0..=20).map(|part| f64::from(part) / 20.0);
        for (way, shape) in &ways {
            curves.push(Curve {
                name: format!("theory{way} at {stress} Pa"),
                points: theory
                    .clone()
                    .map(|part| part * shape.length)
                    .map(|x| [x, shape.depth(x)])
                    .collect(),
                marks: true,
            });
        }
        curves.push(Curve {
            name: format!("depth at {stress} Pa"),
            points: found,
            marks: false,
        });
    }
    outcome.plots.push(Plot {
        title: "Heaps of paste at rest".to_owned(),
        axes: [
            "distance from the middle (m)".to_owned(),
            "depth (m)".to_owned(),
        ],
        curves,
    });
    Ok(outcome)
}

fn current(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (cells, until) = match tier {
        Tier::Fast => (10, 3.0),
        Tier::Full => (12, 6.0),
    };
    let (dx, viscosity, sound) = (EDGE / cells as f64, 10.0, 10.0);
    let dt = (0.3 * dx / sound).min(0.5 * dx * dx * DENSITY / (8.0 * viscosity));
    let law = Liquid {
        bulk_modulus: DENSITY * sound * sound,
        viscosity,
        exponent: 1.0,
        tension: false,
    };
    let (bench, inside) = bed(cells, 6.0, dt);
    let mut bench = bench.liquid(law, DENSITY, inside);
    bench.world.volume_rate = super::volume::RATE;
    let mut series = Vec::new();
    let mut step = 0_usize;
    bench.run((until / dt) as usize, |time, state| {
        step += 1;
        if step.is_multiple_of(200) {
            series.push([time, front(along(&state.particles.liquid.motion))]);
        }
    })?;
    // x = c t^p over the time in which it is long: the least squares of the logarithms.
    let late = series.iter().filter(|[t, _]| *t >= 0.3 * until);
    let [power, _] = line(late.map(|[t, x]| [t.ln(), x.ln()]));
    let scale = (GRAVITY * EDGE.powi(6) / (3.0 * viscosity / DENSITY)).powf(0.2);
    let last = series.last().copied().unwrap_or([f64::NAN; 2]);
    // The last hundredth of the similarity solution h = (1 - s^2)^(1/3) begins at 0.971 of its length.
    let constant = last[1] / 0.971 / (scale * last[0].powf(0.2));
    let grid = format!("{cells} cells, {until} s");
    let mut outcome = Outcome::default();
    outcome.measure(reference, "power of time", &grid, power);
    outcome.measure(reference, "constant", &grid, constant);
    let theory = (1..=20).map(|part| until * f64::from(part) / 20.0);
    outcome.plots.push(Plot {
        title: "Front of a viscous gravity current".to_owned(),
        axes: ["time (s)".to_owned(), "front (m)".to_owned()],
        curves: vec![
            Curve {
                name: "Huppert".to_owned(),
                points: theory.map(|t| [t, 1.411 * scale * t.powf(0.2)]).collect(),
                marks: true,
            },
            Curve {
                name: grid,
                points: series,
                marks: false,
            },
        ],
    });
    Ok(outcome)
}
