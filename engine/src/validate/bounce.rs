//! A column falls on the floor and bounces: elastic, or of a metal that yields.

use backflow_sim::{
    contact::ContactLaw,
    material::{Elasticity, Solid, VonMises, Yielding},
    rollout::{NonFinite, store::RunError},
};
use nalgebra::{Matrix3, Vector3};

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, mean},
    line,
};

pub const CASE: Case = Case {
    id: "Bounce",
    about: "column between slip walls that bounces off the floor, by its yield stress: pressure, plastic strain, restitution",
    remark: "FluidLab's bounce with varying plasticity, as an impact that has a theory: it starts as the column \
             touches the floor. Let go a cell above it, an elastic column of 40 cells bounces with 0.81 of its \
             speed and 0.84 of the pressure: it feels the floor on the grid before it touches it, and its whole \
             compression here is less than half a cell. Plastic strain is too large probably because the wave \
             front rings: it overshoots the pressure behind it, elastic strain comes back from that, plastic does \
             not.",
    run,
};

const HEIGHT: f64 = 1.0;
const DENSITY: f64 = 1000.0;
const YOUNG: f64 = 1e5;
const POISSON: f64 = 0.3;

/// Speed at which it falls, of that of elastic waves: strains are of this size.
const MACH: f64 = 0.005;

/// Elastic limits of the pressure that are run, of that of the elastic impact.
const LIMITS: [(f64, &str); 3] = [
    (2.0, "without yield"),
    (0.75, "with limit 0.75"),
    (0.5, "with limit 0.5"),
];

/// Part of the time `H / c` after the impact in which the pressure at the floor is constant.
const PLATEAU: [f64; 2] = [0.3, 1.2];

/// Part of the height whose layers the plastic wave has passed then, and nothing else has.
const PASSED: [f64; 2] = [0.1, 0.5];

/// What theory says of the impact of a column in uniaxial strain at a speed V (Wood 1952; Zel'dovich & Raizer
/// 1967, ch. XI): up to the elastic limit `Y_H = Y (1 - nu) / (1 - 2 nu)` a wave of speed
/// `c^2 = (lambda + 2 mu) / rho` goes up from the floor, the rest of the pressure follows at
/// `c_p^2 = (lambda + 2 mu / 3) / rho`.
struct Impact {
    law: VonMises<f64>,
    /// Speed of elastic waves c (m/s).
    sound: f64,
    /// Speed V (m/s).
    speed: f64,
}

/// What was measured of an impact.
struct Bounce {
    /// Mean velocity over time, of that of the fall.
    velocity: Vec<[f64; 2]>,
    /// Pressure at the floor, of the elastic one.
    pressure: f64,
    /// Plastic strain of the layers that the plastic wave has passed.
    strain: f64,
    /// Speed after the bounce, of that before.
    restitution: f64,
}

impl Impact {
    /// With an elastic limit `limit rho c V`.
    fn new(limit: f64) -> Self {
        let elasticity = Elasticity::new(YOUNG, POISSON);
        let sound = elasticity.sound_speed(DENSITY);
        let speed = MACH * sound;
        let yield_stress =
            limit * DENSITY * sound * speed * (1.0 - 2.0 * POISSON) / (1.0 - POISSON);
        let law = VonMises {
            elasticity,
            yield_stress,
            hardening: 0.0,
        };
        Self { law, sound, speed }
    }

    /// Pressure at the floor after the impact, of the elastic one, and the plastic strain there:
    /// `p = Y_H + rho c_p (V - v_H)`, `v_H = Y_H / rho c`, and
    /// `a = 2/3 (eps - Y / 2 mu)`, `eps = v_H / c + (V - v_H) / c_p`.
    fn theory(&self) -> [f64; 2] {
        let Elasticity { mu, lambda, .. } = self.law.elasticity;
        let limit = self.law.yield_stress * (1.0 - POISSON) / (1.0 - 2.0 * POISSON);
        let elastic = (limit / (DENSITY * self.sound)).min(self.speed);
        let rest = self.speed - elastic;
        let plastic = ((lambda + 2.0 / 3.0 * mu) / DENSITY).sqrt();
        let pressure = DENSITY * (self.sound * elastic + plastic * rest);
        let strain = elastic / self.sound + rest / plastic;
        let yielded = 2.0 / 3.0 * (strain - self.law.yield_stress / (2.0 * mu));
        [
            pressure / (DENSITY * self.sound * self.speed),
            yielded.max(0.0),
        ]
    }

    /// The bounce of a column of so many cells that touches the floor as it starts, without gravity.
    fn run(&self, cells: usize) -> Result<Bounce, NonFinite> {
        let dx = HEIGHT / cells as f64;
        let dt = 0.2 * dx / self.sound;
        let fall = Vector3::new(0.0, -self.speed, 0.0);
        let mut bench = Bench::new([2, cells + 6, 1], dx, dt)
            .solid(Solid::VonMises(Yielding(self.law)), DENSITY, |x| {
                x.y < HEIGHT
            })
            .moving(|_| (fall, Matrix3::zeros()));
        bench.world.walls[1][0].law = ContactLaw::Separating;
        let [from, to] = PLATEAU.map(|part| part * self.theory()[0] - 1.0);
        let motions = bench.particles.solid.motion.iter();
        let passed = |height: f64| (PASSED[0] * HEIGHT..PASSED[1] * HEIGHT).contains(&height);
        let layers: Vec<bool> = motions.map(|motion| passed(motion.x().y)).collect();
        let (mut velocity, mut strain) = (Vec::new(), None);
        // It is in contact for 2 H / c if it is elastic, and goes on for as long.
        let duration = 4.0 * HEIGHT / self.sound;
        bench.run((duration / dt) as usize, |time, state| {
            let solid = &state.particles.solid;
            let now = mean(&solid.motion, |motion| motion.v().y) / self.speed;
            velocity.push([time, now]);
            if now > to && strain.is_none() {
                let (mut sum, mut count) = (0.0, 0.0);
                for (deformation, &id) in solid.strain.iter().zip(&state.order.solid.ids) {
                    if layers[id as usize] {
                        sum += deformation.history();
                        count += 1.0;
                    }
                }
                strain = Some(sum / count);
            }
        })?;
        let plateau = velocity
            .iter()
            .copied()
            .filter(|[_, v]| (from..to).contains(v));
        let [rate, _] = line(plateau);
        Ok(Bounce {
            pressure: rate * HEIGHT / self.sound,
            strain: strain.unwrap_or(f64::NAN),
            restitution: velocity.last().map_or(f64::NAN, |[_, v]| *v),
            velocity,
        })
    }
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let cells = match tier {
        Tier::Fast => 40,
        Tier::Full => 80,
    };
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    let mut stiffer: Option<f64> = None;
    for (limit, name) in LIMITS {
        let impact = Impact::new(limit);
        let bounce = impact.run(cells)?;
        let mut measure = |quantity: &str, value: f64| {
            outcome.measure(reference, &format!("{quantity} {name}"), &grid, value);
        };
        measure("pressure at the floor", bounce.pressure);
        measure("plastic strain", bounce.strain);
        measure("restitution", bounce.restitution);
        if let Some(stiffer) = stiffer {
            measure(
                "restitution gained",
                (bounce.restitution - stiffer).max(0.0),
            );
        }
        stiffer = Some(bounce.restitution);
        curves.push(Curve {
            name: name.to_owned(),
            points: bounce.velocity,
            marks: false,
        });
    }
    outcome.plots.push(Plot {
        title: "Bounce of a column".to_owned(),
        axes: [
            "time (s)".to_owned(),
            "mean velocity (of that of the fall)".to_owned(),
        ],
        curves,
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_those_of_the_theory() {
        let reference = Reference::of("Bounce");
        for (limit, name) in LIMITS {
            let theory = Impact::new(limit).theory();
            let quantities = ["pressure at the floor", "plastic strain"];
            for (quantity, value) in quantities.into_iter().zip(theory) {
                let known = reference.find(&format!("{quantity} {name}"));
                let known = known.map(|known| known.value);
                assert!(known.is_some_and(|known| (known - value).abs() < 1e-4 * value.max(1e-3)));
            }
        }
    }
}
