//! A plume that rises from a small hot spot and entrains the gas around it.

use std::f64::consts::PI;

use backflow_sim::{
    collider::{Shape, Sphere},
    gas::{
        Gas, Model, Moment,
        boundary::Side,
        model::Splitting,
        source::{Source, covered},
    },
    pose::Pose,
    rollout::store::RunError,
};
use nalgebra::Vector3;

use super::{
    super::{Case, Curve, Outcome, Plot, Reference, Tier},
    model, run_in, species,
};

pub const CASE: Case = Case {
    id: "E7",
    about: "turbulent plume against Morton, Taylor & Turner 1956, entrainment 0.1",
    remark: "The flux of buoyancy is thirteen times what was given off before gas is two cells above the hot spot, whose \
             radius is that of a cell with 32 cells. A likely cause, not tested: transport by interpolation keeps no \
             sums where gas speeds up from rest within two or three cells. A spot and a plume that are wider in cells, \
             or a transport that keeps sums, would tell.",
    run,
};

/// Flux of buoyancy (m^4/s^3).
const FLUX: f64 = 1e-3;

/// Height of the box, and its other edges over that (m, 1).
const HEIGHT: f64 = 1.0;
const SLENDER: f64 = 0.625;

/// Radius of the hot spot and height of its middle (m).
const SPOT: f64 = 0.035;
const MIDDLE: f64 = 0.03;

/// Cells that gas of 1 m/s crosses in a step.
const COURANT: f64 = 1.0;

/// When the plume is steady, and how long means are taken (s).
const STEADY: f64 = 8.0;

/// Heights between which powers are fitted (m).
const FITTED: [f64; 2] = [0.3, 0.8];

/// Entrainment of the theory (1).
const ENTRAINMENT: f64 = 0.1;

/// What goes through each height, a mean over time.
struct Profile {
    /// Height (m).
    z: Vec<f64>,
    /// Flux of volume (m^3/s), of momentum over density (m^4/s^2), of buoyancy (m^4/s^3).
    fluxes: [Vec<f64>; 3],
}

fn build(cells: usize) -> Model<f64> {
    let dx = HEIGHT / cells as f64;
    let across = (SLENDER * cells as f64).round() as usize;
    let mut model = model(
        [across, cells, across],
        dx,
        // What rises out of the box does not come back as warm as it was.
        &Side::Open { scalars: vec![0.0] },
        Splitting::Reflected,
    );
    model.sides[1][0] = Side::wall(1);
    model.gravity = Vector3::new(0.0, -1.0, 0.0);
    let mut lift = species("buoyancy");
    // The scalar is an acceleration.
    lift.lift.expansion = 1.0;
    model.species = vec![lift];
    model.method.scheme = backflow_sim::gas::advect::Scheme::MacCormack { limited: true };
    model.method.tolerance = 1e-5;
    model.sources = vec![Source {
        name: "spot".to_owned(),
        shape: Shape::Sphere(Sphere { radius: SPOT }),
        width: 0.5 * SPOT,
        rates: vec![0.0],
        push: Vector3::zeros(),
    }];
    model
}

/// The hot spot in a step: it wanders, so that the plume is not laminar for long.
fn spot(model: &Model<f64>, index: usize) -> Moment<f64> {
    let middle = 0.5 * model.grid.cells[0] as f64 * model.grid.dx;
    let angle = 2.4 * (index / 3) as f64;
    let off = 0.4 * SPOT;
    Moment {
        sources: vec![Pose {
            position: Vector3::new(
                middle + off * angle.cos(),
                MIDDLE,
                middle + off * (1.7 * angle).sin(),
            ),
            ..Pose::identity()
        }],
        ..Moment::still()
    }
}

fn profile(cells: usize) -> Result<Profile, RunError> {
    let mut model = build(cells);
    let rest = spot(&model, 0).sources[0];
    model.sources[0].rates = vec![FLUX / covered(&model.grid, &model.sources[0], &rest)];
    let grid = model.grid;
    let dt = COURANT * grid.dx;
    let count = (2.0 * STEADY / dt).ceil() as usize;
    let mut gas = Gas::at_rest(&model);
    let (mut fluxes, mut samples) = ([0, 1, 2].map(|_| vec![0.0; cells]), 0.0);
    let acts = |index: usize| spot(&model, index);
    run_in(&model, acts, &mut gas, dt, count, |time, gas| {
        if time >= STEADY {
            through(gas, &mut fluxes);
            samples += 1.0;
        }
    })?;
    let area = grid.dx * grid.dx / samples;
    for flux in fluxes.iter_mut().flatten() {
        *flux *= area;
    }
    Ok(Profile {
        z: (0..cells).map(|row| (row as f64 + 0.5) * grid.dx).collect(),
        fluxes,
    })
}

/// Adds `w`, `w^2` and `w g'` of the cells of each height, where gas rises.
fn through(gas: &Gas<f64>, fluxes: &mut [Vec<f64>; 3]) {
    let (up, lift) = (&gas.velocity[1], &gas.scalars[0]);
    let shape = lift.layout.shape;
    for k in 0..shape[2] {
        for j in 0..shape[1] {
            for i in 0..shape[0] {
                let face = |j| up.data[up.layout.index([i, j, k])];
                let w = 0.5 * (face(j) + face(j + 1));
                let own = lift.data[lift.layout.index([i, j, k])];
                fluxes[2][j] += w * own;
                if w > 0.0 {
                    fluxes[0][j] += w;
                    fluxes[1][j] += w * w;
                }
            }
        }
    }
}

/// Slope and intercept of the line through points.
fn line(points: impl Iterator<Item = [f64; 2]> + Clone) -> [f64; 2] {
    let count = points.clone().count() as f64;
    let mean = |of: fn([f64; 2]) -> f64| points.clone().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|[x, _]| x), mean(|[_, y]| y));
    let (xy, xx) = (mean(|[x, y]| x * y), mean(|[x, _]| x * x));
    let slope = (xy - x * y) / (xx - x * x);
    [slope, y - slope * x]
}

/// The top-hat plume: radius (m), velocity (m/s) and buoyancy (m/s^2) at each height.
fn hats(profile: &Profile) -> Vec<[f64; 4]> {
    let [volume, momentum, buoyancy] = &profile.fluxes;
    let rows = profile.z.iter().zip(volume).zip(momentum).zip(buoyancy);
    rows.map(|(((&z, q), m), b)| [z, q / (PI * m).sqrt(), m / q, b / q])
        .collect()
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: &[usize] = match tier {
        Tier::Fast => &[32],
        Tier::Full => &[48, 64],
    };
    let mut outcome = Outcome::default();
    let mut curves = Vec::new();
    for &cells in grids {
        let grid = format!("{cells} cells");
        let profile = profile(cells)?;
        let rows = hats(&profile);
        let inside = |z: f64| (FITTED[0]..=FITTED[1]).contains(&z);
        let fitted = rows.iter().filter(|[z, ..]| inside(*z));
        // The plume widens as one from a point at its origin.
        let [spread, at] = line(fitted.clone().map(|[z, b, ..]| [*z, *b]));
        let origin = -at / spread;
        let power = |column: usize| {
            let points = fitted.clone();
            line(points.map(move |row| [(row[0] - origin).ln(), row[column].ln()]))[0]
        };
        let (slow, thin) = (power(2), power(3));
        let fluxes = profile.z.iter().zip(&profile.fluxes[2]);
        let worst = fluxes
            .filter(|(z, _)| inside(**z))
            .fold(0.0_f64, |worst, (_, flux)| {
                worst.max((flux / FLUX - 1.0).abs())
            });
        let near = |height: f64| {
            let off = |row: &[f64; 4]| (row[0] - origin - height).abs();
            let row = rows.iter().min_by(|a, b| off(a).total_cmp(&off(b)));
            row.copied().unwrap_or([f64::NAN; 4])
        };
        let [z, _, speed, buoyancy] = near(0.5 * (FITTED[0] + FITTED[1]));
        let height = z - origin;
        let theory = theory(height);
        for (what, value) in [
            ("power of the velocity", slow),
            ("power of the buoyancy", thin),
            ("radius over height", spread),
            ("height of the origin", origin),
            ("greatest loss of the flux of buoyancy", worst),
            ("velocity over that of the theory", speed / theory[0]),
            ("buoyancy over that of the theory", buoyancy / theory[1]),
        ] {
            outcome.measure(reference, what, &grid, value);
        }
        curves.push(Curve {
            name: grid,
            points: rows.iter().map(|[z, _, w, _]| [*z - origin, *w]).collect(),
            marks: false,
        });
    }
    let exact = (4..=20).map(|part| {
        let z = HEIGHT * f64::from(part) / 20.0;
        [z, theory(z)[0]]
    });
    curves.push(Curve {
        name: "theory".to_owned(),
        points: exact.collect(),
        marks: true,
    });
    outcome.plots.push(Plot {
        title: "Velocity of a plume".to_owned(),
        axes: [
            "height above the origin (m)".to_owned(),
            "velocity (m/s)".to_owned(),
        ],
        curves,
    });
    Ok(outcome)
}

/// Velocity and buoyancy of a top-hat plume from a point (Morton, Taylor & Turner 1956): with
/// `b = 6/5 alpha z`, `Q = pi b^2 w`, conservation of `F = Q g'` and `d(Q w)/dz = pi b^2 g'` give
/// `w = (3 F / (4 pi b^2) z)^(1/3)` and `g' = F / (pi b^2 w)`.
fn theory(z: f64) -> [f64; 2] {
    let radius = 1.2 * ENTRAINMENT * z;
    let area = PI * radius * radius;
    let speed = (0.75 * FLUX * z / area).cbrt();
    [speed, FLUX / (area * speed)]
}
