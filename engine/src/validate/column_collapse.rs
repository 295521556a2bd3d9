//! A column of sand collapses on a rough bed: half of a plane one, a quarter of a round one.

use backflow_sim::{
    contact::ContactLaw,
    rollout::{NonFinite, store::RunError},
    world::Wall,
};
use nalgebra::Vector3;

use super::{
    Case, Curve, Outcome, Plot, Reference, Tier,
    bench::{Bench, GRAVITY},
    line,
    slope::{DENSITY, sand, steepest},
};

pub const PLANE: Case = Case {
    id: "G4",
    about: "run-out and final height (G5) of a plane column of sand, by its aspect ratio",
    remark: "The friction angle of the law is that in triaxial compression; in plane strain 25 degrees act \
             like 34.6. A front thinner than a cell does not flow, and transfers smooth a bit each substep. At an \
             aspect of 0.5 the run-out is 0.33, 0.43 and 0.57 with 8, 16 and 32 cells on a bed that holds all, 0.49 and \
             0.65 with 16 and 32 on one with the friction of the sand. With 16 cells time steps a quarter as long \
             take 0.43 to 0.36; with the same time steps stiffness matters little (0.42 if four times as stiff).",
    run: plane,
};

pub const ROUND: Case = Case {
    id: "G2-G3",
    about: "run-out and final height (G5) of a round column, by its aspect ratio, against experiments with \
            sand (Lube et al. 2004) and with glass beads (Lajeunesse et al. 2004)",
    remark: "A quarter of the column between two slip walls. The two experiments bracket what grains do; the \
             angle of friction is that of the sand. A front thinner than a cell does not flow, see G4.",
    run: round,
};

/// Friction angle in triaxial compression (rad): the steepest slope is then 29.6 degrees, about the
/// angle of repose of the sand.
const ANGLE: f64 = 25.0 * std::f64::consts::PI / 180.0;

/// Width of the half of a plane column, radius of a round one (m).
const WIDTH: f64 = 0.1;

/// A column before its collapse.
#[derive(Clone, Copy)]
struct Column {
    /// Cells over its width.
    across: usize,
    /// Height over width.
    aspect: f64,
    /// Whether it is round rather than plane.
    round: bool,
}

/// What a collapse leaves, in units of the width of the column.
struct Deposit {
    /// Length that it has gained.
    run_out: f64,
    /// Height.
    height: f64,
}

impl Column {
    /// Distance from the middle (m).
    fn distance(&self, x: &Vector3<f64>) -> f64 {
        if self.round { x.x.hypot(x.z) } else { x.x }
    }

    /// Its deposit.
    fn collapse(&self) -> Result<Deposit, NonFinite> {
        let Self { across, aspect, .. } = *self;
        let dx = WIDTH / across as f64;
        let height = aspect * WIDTH;
        // Its weight presses it by a hundredth of its height.
        let sound = 10.0 * (GRAVITY * height).sqrt();
        let dt = 0.3 * dx / sound;
        // Beyond all that is expected.
        let (long, deep) = if self.round {
            let long = (across as f64 * (2.0 + 2.2 * aspect.sqrt())) as usize;
            (long, long)
        } else {
            ((across as f64 * (2.0 + 2.2 * aspect)) as usize, 1)
        };
        let cells = [long, (height / dx).ceil() as usize + 3, deep];
        let mut bench = Bench::new(cells, dx, dt)
            .falling(Vector3::new(0.0, -GRAVITY, 0.0))
            .solid(sand(ANGLE, sound), DENSITY, |x| {
                self.distance(x) < WIDTH && x.y < height
            });
        // The bed holds sand as sand does.
        bench.world.walls[1][0] = Wall::new(ContactLaw::Coulomb, steepest(ANGLE).tan());
        // Three times a fall from its height: the deposit creeps by less than 2 % afterwards.
        let state = bench.after(3.0 * (2.0 * height / GRAVITY).sqrt())?;
        let motions = &state.particles.solid.motion;
        let places = motions.iter().map(|motion| self.distance(&motion.x()));
        let top = motions.iter().map(|motion| motion.x().y);
        let half = 0.5 * bench.spacing();
        Ok(Deposit {
            run_out: (reach(places.collect()) + half) / WIDTH - 1.0,
            height: (top.fold(0.0, f64::max) + half) / WIDTH,
        })
    }
}

/// How far matter at `places` reaches, without the last thousandth: strays, such as single grains that an
/// experiment leaves out.
fn reach(mut places: Vec<f64>) -> f64 {
    places.sort_by(f64::total_cmp);
    places[places.len() * 999 / 1000]
}

/// Measures columns of these aspect ratios; `(aspect, run-out)` of each.
fn measure(
    outcome: &mut Outcome,
    reference: &Reference,
    columns: impl Iterator<Item = Column>,
) -> Result<Vec<[f64; 2]>, RunError> {
    let mut points = Vec::new();
    for column in columns {
        let Column { across, aspect, .. } = column;
        let grid = format!("{across} cells");
        let Deposit { run_out, height } = column.collapse()?;
        for (what, value) in [
            ("run-out", run_out),
            ("run-out beside glass beads", run_out),
            ("final height", height),
        ] {
            outcome.measure(
                reference,
                &format!("{what} at aspect {aspect}"),
                &grid,
                value,
            );
        }
        points.push([aspect, run_out]);
    }
    Ok(points)
}

/// Power of the aspect ratio by which the run-out grows over the points that `keep` admits.
fn power(points: &[[f64; 2]], keep: impl Fn(f64) -> bool) -> Option<f64> {
    let kept = points.iter().filter(|[aspect, _]| keep(*aspect));
    (kept.clone().count() > 1).then(|| line(kept.map(|[a, r]| [a.ln(), r.ln()]))[0])
}

/// The plot of measured run-outs and of curves of references.
fn plot(title: &str, points: Vec<[f64; 2]>, references: Vec<Curve>) -> Plot {
    let mut curves = vec![Curve {
        name: "measured".to_owned(),
        points,
        marks: true,
    }];
    curves.extend(references);
    Plot {
        title: title.to_owned(),
        axes: ["height / width".to_owned(), "run-out / width".to_owned()],
        curves,
    }
}

fn plane(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let (across, aspects): (usize, &[f64]) = match tier {
        Tier::Fast => (8, &[0.5, 1.0]),
        Tier::Full => (16, &[0.5, 1.0, 2.0]),
    };
    let mut outcome = Outcome::default();
    let columns = aspects.iter().map(|&aspect| Column {
        across,
        aspect,
        round: false,
    });
    let points = measure(&mut outcome, reference, columns)?;
    if let Some(power) = power(&points, |aspect| aspect <= 1.5) {
        let grid = format!("{across} cells");
        outcome.measure(reference, "power of the aspect if wide", &grid, power);
    }
    let theory = Curve {
        name: "Lube et al. 2005: 1.2 a".to_owned(),
        points: vec![[0.0, 0.0], [2.0, 2.4]],
        marks: false,
    };
    outcome
        .plots
        .push(plot("Run-out of a column of sand", points, vec![theory]));
    Ok(outcome)
}

fn round(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    // About as many cells over the height of wide columns.
    let columns: &[(usize, f64)] = match tier {
        Tier::Fast => &[(8, 0.5), (8, 1.0)],
        Tier::Full => &[(16, 0.5), (12, 1.0), (6, 3.0), (6, 6.0)],
    };
    let mut outcome = Outcome::default();
    let columns = columns.iter().map(|&(across, aspect)| Column {
        across,
        aspect,
        round: true,
    });
    let points = measure(&mut outcome, reference, columns)?;
    for (name, value) in [
        ("wide", power(&points, |aspect| aspect <= 1.25)),
        ("tall", power(&points, |aspect| aspect >= 3.0)),
    ] {
        if let Some(value) = value {
            let quantity = format!("power of the aspect if {name}");
            outcome.measure(reference, &quantity, "as above", value);
        }
    }
    let theory = |name: &str, from: i32, until: i32, law: fn(f64) -> f64| {
        let aspects = (from..=until).map(|part| 0.1 * f64::from(part));
        Curve {
            name: name.to_owned(),
            points: aspects.map(|aspect| [aspect, law(aspect)]).collect(),
            marks: false,
        }
    };
    let references = vec![
        theory("Lube et al. 2004: 1.24 a", 0, 17, |a| 1.24 * a),
        theory("1.6 a^1/2", 17, 60, |a| 1.6 * a.sqrt()),
        theory("Lajeunesse et al. 2004: a", 0, 7, |a| a),
        theory("2 a^1/2", 30, 60, |a| 2.0 * a.sqrt()),
    ];
    outcome
        .plots
        .push(plot("Run-out of a round column", points, references));
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_do_not_count() {
        let places = (0..10_000).map(|part| {
            if part < 9 {
                100.0
            } else {
                f64::from(part) / 10_000.0
            }
        });
        assert!((reach(places.collect()) - 1.0).abs() < 2e-3);
    }

    #[test]
    fn the_power_is_that_of_the_points_kept() {
        let points = [[1.0, 2.0], [2.0, 4.0], [4.0, 4.0]];
        assert!(power(&points, |a| a <= 2.0).is_some_and(|p| (p - 1.0).abs() < 1e-12));
        assert_eq!(power(&points, |a| a < 2.0), None);
    }
}
