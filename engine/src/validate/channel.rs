//! Flow between two plates that a force drives along them: the start-up of a viscous liquid, and the
//! plug of one with a yield stress.

use std::ops::Range;

use backflow_sim::{
    material::{Elasticity, HerschelBulkley, Solid, Yielding},
    particle::Motion,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::Bench,
    couette::{DENSITY, HEIGHT, VISCOSITY, longest, plates, sound, viscous},
    line, order,
};

pub const START_UP: Case = Case {
    id: "F7",
    about: "start-up of Poiseuille's flow, in the middle and at a quarter of the gap",
    remark: "",
    run: start_up,
};

pub const PLUG: Case = Case {
    id: "F8",
    about: "Bingham's liquid between plates: velocity and width of the plug, flux",
    remark: "The liquid is Herschel and Bulkley's of exponent 1, elastic below its yield stress: nothing is \
             regularised. Half the width of the plug is where the velocity begins to fall, from the parabola \
             beside it.",
    run: plug,
};

/// Greatest velocity of the viscous flow that the force drives (m/s).
const SPEED: f64 = 1e-4;

/// Plates with a force along them, and where along them a slab lies (m).
fn channel(cells: usize, dt: f64) -> (Bench, Range<f64>) {
    let force = 8.0 * VISCOSITY / DENSITY * SPEED / (HEIGHT * HEIGHT);
    let (bench, inside) = plates(cells, dt);
    (bench.falling(Vector3::new(force, 0.0, 0.0)), inside)
}

/// `u / SPEED` in each layer of particles of the middle third, with its height over that of the gap.
fn profile(bench: &Bench, motions: &[Motion<f64>]) -> Vec<[f64; 2]> {
    let centre = 0.5 * bench.world.lattice.max().x;
    let layers = (HEIGHT / bench.spacing()).round() as usize;
    let mut sums = vec![[0.0; 2]; layers];
    for motion in motions {
        let (x, v) = (motion.x(), motion.v());
        if (x.x - centre).abs() < HEIGHT {
            let layer = ((x.y / bench.spacing()) as usize).min(layers - 1);
            sums[layer][0] += v.x / SPEED;
            sums[layer][1] += 1.0;
        }
    }
    let each = sums.iter().enumerate();
    each.map(|(layer, [sum, count])| [(layer as f64 + 0.5) / layers as f64, sum / count])
        .collect()
}

/// The value of a profile at a height, by linear interpolation.
fn at(profile: &[[f64; 2]], y: f64) -> f64 {
    let pairs = profile.windows(2);
    let inside = pairs.into_iter().find(|pair| pair[1][0] >= y);
    inside.map_or(f64::NAN, |pair| {
        let ([a, u], [b, v]) = (pair[0], pair[1]);
        u + (v - u) * (y - a) / (b - a)
    })
}

fn start_up(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids = match tier {
        Tier::Fast => [7, 14],
        Tier::Full => [16, 32],
    };
    let mut outcome = Outcome::default();
    let (mut errors, mut curves) = (Vec::new(), Vec::new());
    for cells in grids {
        let dt = longest(cells);
        let (bench, inside) = channel(cells, dt);
        let bench = bench.liquid(viscous(cells, dt), DENSITY, |x| inside.contains(&x.x));
        let unit = HEIGHT * HEIGHT * DENSITY / VISCOSITY;
        let mut times: Vec<(usize, &str, f64, f64)> = Vec::new();
        for (name, y) in [
            ("velocity in the middle", 0.5),
            ("velocity at a quarter", 0.25),
        ] {
            let steps = |t: f64| (t * unit / dt).round() as usize;
            times.extend(
                reference
                    .all(name)
                    .map(|known| (steps(known.at), name, y, known.value)),
            );
        }
        let last = times.iter().map(|(step, ..)| *step).max().unwrap_or(0);
        let (mut step, mut square, mut size) = (0, 0.0, 0.0);
        let mut points = Vec::new();
        bench.run(last, |time, state| {
            step += 1;
            let mut shown = None;
            for &(when, name, y, exact) in &times {
                if when == step {
                    let profile = shown
                        .get_or_insert_with(|| profile(&bench, &state.particles.liquid.motion));
                    let found = at(profile, y);
                    square += (found - exact).powi(2);
                    size += exact * exact;
                    if name == "velocity in the middle" {
                        points.push([time / unit, found]);
                    }
                }
            }
        })?;
        let error = (square / size).sqrt();
        let grid = format!("{cells} cells");
        if cells == grids[1] {
            outcome.measure(reference, "error of the velocity (L2)", &grid, error);
        }
        errors.push(error);
        curves.push(Curve {
            name: grid,
            points,
            marks: false,
        });
    }
    outcome.order = Some(order(errors[0], errors[1]));
    let exact = reference.all("velocity in the middle");
    curves.push(Curve {
        name: "series".to_owned(),
        points: exact.map(|known| [known.at, known.value]).collect(),
        marks: true,
    });
    outcome.plots.push(Plot {
        title: "Start-up of Poiseuille's flow".to_owned(),
        axes: [
            "t nu / h^2".to_owned(),
            "u / u_max in the middle".to_owned(),
        ],
        curves,
    });
    Ok(outcome)
}

/// The steady profile, at a yield stress of `share` of the stress at the plates.
fn steady(cells: usize, share: f64) -> Result<Vec<[f64; 2]>, NonFinite> {
    let dt = longest(cells);
    let (bench, inside) = channel(cells, dt);
    let at_plates = DENSITY * bench.world.gravity.x * 0.5 * HEIGHT;
    let law = Solid::HerschelBulkley(Yielding(HerschelBulkley {
        elasticity: Elasticity::new(DENSITY * sound(cells, dt).powi(2), 0.3),
        yield_stress: share * at_plates,
        consistency: VISCOSITY,
        cohesion: 1e6,
        exponent: 1.0,
    }));
    let bench = bench.solid(law, DENSITY, |x| inside.contains(&x.x));
    // Twice the time in which momentum crosses half of the gap.
    let unit = 0.25 * HEIGHT * HEIGHT * DENSITY / VISCOSITY;
    let steps = (2.5 * unit / dt).round() as usize;
    let (mut step, mut found) = (0, Vec::new());
    bench.run(steps, |_, state| {
        step += 1;
        if step == steps {
            found = profile(&bench, &state.particles.solid.motion);
        }
    })?;
    Ok(found)
}

/// Velocity of the plug over that of the viscous flow, half its width over half the gap, flux over
/// that of the viscous flow.
fn of_plug(profile: &[[f64; 2]]) -> [f64; 3] {
    let most = profile.iter().map(|[_, u]| *u).fold(0.0, f64::max);
    let near = profile.iter().filter(|[_, u]| *u > 0.98 * most);
    let (sum, count) = near.fold((0.0, 0.0), |(sum, count), [_, u]| (sum + u, count + 1.0));
    let plug = sum / count;
    // sqrt(plug - u) rises in a straight line from the edge of the plug on.
    let beside = profile
        .iter()
        .filter(|[_, u]| (0.2..0.8).contains(&(u / plug)));
    let points = beside.map(|[y, u]| [(2.0 * y - 1.0).abs(), (plug - u).sqrt()]);
    let [slope, start] = line(points);
    let flux = profile.iter().map(|[_, u]| u).sum::<f64>() / profile.len() as f64;
    [plug, -start / slope, 1.5 * flux]
}

fn plug(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (cells, shares): (usize, &[f64]) = match tier {
        Tier::Fast => (10, &[0.25]),
        Tier::Full => (16, &[0.1, 0.25, 0.5]),
    };
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    for &share in shares {
        let found = steady(cells, share)?;
        let [speed, width, flux] = of_plug(&found);
        for (what, value) in [
            ("velocity of the plug", speed),
            ("half width of the plug", width),
            ("flux", flux),
        ] {
            let quantity = format!("{what} at {share} of the stress at the plates");
            outcome.measure(reference, &quantity, &grid, value);
        }
        curves.push(Curve {
            name: format!("yield stress {share}"),
            points: found,
            marks: false,
        });
    }
    outcome.plots.push(Plot {
        title: "Bingham's liquid between plates".to_owned(),
        axes: [
            "height / gap".to_owned(),
            "u / u_max of the viscous flow".to_owned(),
        ],
        curves,
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plug_of_the_exact_profile_is_found() {
        let share = 0.25_f64;
        let exact = |y: f64| {
            let off = (2.0 * y - 1.0).abs();
            (1.0 - share).powi(2) - (off - share).max(0.0).powi(2)
        };
        let layers = (0..400).map(|layer| (f64::from(layer) + 0.5) / 400.0);
        let profile: Vec<_> = layers.map(|y| [y, exact(y)]).collect();
        let [speed, width, flux] = of_plug(&profile);
        assert!((speed / 0.5625 - 1.0).abs() < 0.01, "{speed}");
        assert!((width - share).abs() < 0.01, "{width}");
        assert!((flux / 0.6328 - 1.0).abs() < 1e-3, "{flux}");
        assert!((at(&profile, 0.123) - exact(0.123)).abs() < 1e-5);
    }
}
