//! A round block of paste slumps under its weight: far, as a sheet that its bed holds, or little, as a
//! stiff cylinder on a bed that it slips on. A quarter of it, between two slip walls.

use backflow_sim::{
    contact::ContactLaw,
    material::Solid,
    rollout::{NonFinite, store::RunError},
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
    spreading::{DENSITY, front, paste},
};

pub const SPREAD: Case = Case {
    id: "F10",
    about: "radius of a litre of Bingham's paste that has spread (tau_y = 225 rho g V^2 / (128 pi^2 R^5), \
            Roussel & Coussot 2005)",
    remark: "The theory lacks the normal stresses of the plug, see F9. If it extends alike along both axes they make the \
             radius 0.110 m at 50 Pa, 14 % shorter, and 0.141 m at 20 Pa, 8 % shorter (an estimate: how it extends is \
             not known).",
    run: spread,
};

pub const STIFF: Case = Case {
    id: "F11",
    about: "slump of a stiff cylinder of Bingham's paste over its height (Pashias et al. 1996)",
    remark: "The theory has Tresca's criterion and layers that spread freely: the bed has no friction, and the yield \
             stress of the law, which has von Mises's, is higher by 2 / sqrt(3), so that a column yields under the same \
             weight.",
    run: stiff,
};

/// Acceleration of gravity that points down (m/s^2).
const DOWN: Vector3<f64> = Vector3::new(0.0, -GRAVITY, 0.0);

/// A quarter of a cylinder with this radius and height (m) on a bed that reaches as far as `reach` (m).
fn cylinder(law: Solid<f64>, [radius, height, reach]: [f64; 3], dx: f64, dt: f64) -> Bench {
    let long = (reach / dx) as usize;
    let cells = [long, (height / dx).ceil() as usize + 3, long];
    Bench::new(cells, dx, dt)
        .falling(DOWN)
        .solid(law, DENSITY, |x| x.x.hypot(x.z) < radius && x.y < height)
}

/// Volume of the paste that spreads (m^3).
const VOLUME: f64 = 1e-3;

/// Radius (m) of the heap that paste of `yield_stress` (Pa) spreads to.
fn radius(dx: f64, yield_stress: f64) -> Result<f64, NonFinite> {
    // Wide from the start, so that it falls little; viscous, so that it does not run ahead of its weight;
    // its weight presses it by a fiftieth.
    let (start, consistency, sound) = (0.08_f64, 5.0, 5.0);
    let height = VOLUME / (std::f64::consts::PI * start * start);
    let law = paste(yield_stress, consistency, sound);
    let mut bench = cylinder(law, [start, height, 0.22], dx, 0.3 * dx / sound);
    bench.world.walls[1][0].law = ContactLaw::Sticky;
    // Paste creeps to its final shape as the inverse of the time over that of its flow.
    let time = 15.0 * consistency / yield_stress;
    let state = bench.after(time)?;
    let motions = state.particles.solid.motion.iter();
    let reach = front(motions.map(|motion| motion.x().x.hypot(motion.x().z)));
    // The last hundredth of the theory's h = h_0 sqrt(1 - r / R) begins at 0.9746 R.
    let radius = reach / 0.9746;
    // The lattice's volume is not quite a litre: R goes as its power 2/5.
    let count = bench.particles.solid.motion.len() as f64;
    let volume = 4.0 * count * bench.spacing().powi(3);
    Ok(radius * (VOLUME / volume).powf(0.4))
}

fn spread(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (dx, stresses): (f64, &[f64]) = match tier {
        Tier::Fast => (0.0125, &[50.0]),
        Tier::Full => (0.008, &[20.0, 50.0]),
    };
    let grid = format!("cells of {:.1} mm", 1e3 * dx);
    let mut outcome = Outcome::default();
    for &stress in stresses {
        let value = radius(dx, stress)?;
        outcome.measure(reference, &format!("radius at {stress} Pa"), &grid, value);
    }
    Ok(outcome)
}

/// Share of its height by which a cylinder with the yield stress `stress`, in units of its weight over
/// its foot, slumps.
///
/// The theory has Tresca's criterion: a column yields under twice its yield stress in shear. The law's is von
/// Mises's, where it yields under sqrt(3) times it: its yield stress is higher by 2 / sqrt(3). Layers
/// spread without shear between them, so that the bed has no friction.
fn slump(cells: usize, stress: f64) -> Result<f64, NonFinite> {
    let height = 0.1;
    let dx = height / cells as f64;
    let weight = DENSITY * GRAVITY * height;
    // Its weight presses it by about a hundredth.
    let sound = 10.0 * (GRAVITY * height).sqrt();
    let yield_stress = stress * weight * 2.0 / 3.0_f64.sqrt();
    // So viscous that it does not run ahead of its weight.
    let consistency = 10.0;
    let law = paste(yield_stress, consistency, sound);
    let bench = cylinder(
        law,
        [0.5 * height, height, 1.6 * height],
        dx,
        0.3 * dx / sound,
    );
    let time = 0.5 + 15.0 * consistency / yield_stress;
    let state = bench.after(time)?;
    let motions = state.particles.solid.motion.iter();
    let top = motions.map(|motion| motion.x().y).fold(0.0, f64::max);
    Ok(1.0 - (top + 0.5 * bench.spacing()) / height)
}

/// The theory's slump with the yield stress `stress` in the same unit.
fn pashias(stress: f64) -> f64 {
    1.0 - 2.0 * stress * (1.0 - (2.0 * stress).ln())
}

fn stiff(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (cells, stresses): (usize, &[f64]) = match tier {
        Tier::Fast => (6, &[0.1, 0.3]),
        Tier::Full => (10, &[0.05, 0.1, 0.15, 0.2, 0.3]),
    };
    let grid = format!("{cells} cells");
    let mut outcome = Outcome::default();
    let mut points = Vec::new();
    for &stress in stresses {
        let value = slump(cells, stress)?;
        let quantity = format!("slump at a yield stress of {stress}");
        outcome.measure(reference, &quantity, &grid, value);
        points.push([stress, value]);
    }
    let theory = (5..=50).map(|part| 0.01 * f64::from(part));
    outcome.plots.push(Plot {
        title: "Slump of a stiff cylinder".to_owned(),
        axes: [
            "yield stress / weight over the foot".to_owned(),
            "slump / height".to_owned(),
        ],
        curves: vec![
            Curve {
                name: grid,
                points,
                marks: true,
            },
            Curve {
                name: "Pashias et al. 1996".to_owned(),
                points: theory.map(|stress| [stress, pashias(stress)]).collect(),
                marks: false,
            },
        ],
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_slumps_that_its_own_weight_does_not_yield() {
        assert!(pashias(0.5).abs() < 1e-12);
        let slope = (pashias(0.2 + 1e-6) - pashias(0.2 - 1e-6)) / 2e-6;
        // d/dt (1 - 2 t (1 - ln 2 t)) = 2 ln 2 t.
        assert!((slope - 2.0 * 0.4_f64.ln()).abs() < 1e-6);
    }
}
