//! A plume that rises from a small hot spot and entrains the gas around it.

use std::f64::consts::PI;

use backflow_sim::{
    collider::{Shape, Sphere},
    gas::{
        Gas, Model, Moment,
        boundary::Side,
        field::Field,
        model::Splitting,
        source::{Source, covered},
    },
    pose::Pose,
    rollout::store::RunError,
};
use nalgebra::Vector3;

use super::{
    super::{Case, Curve, Outcome, Plot, Reference, Tier, line},
    model, run_in, species,
};

pub const CASE: Case = Case {
    id: "E7",
    about: "turbulent plume against Morton, Taylor & Turner 1956, entrainment 0.1",
    remark: "Scalars are carried by fluxes between cells, which keep their sums: carried by interpolation, they gave \
             off several times what the spot does. Sides and top are open: what comes in through them comes from \
             rest. Where it kept the velocity of what was there, an eddy of the whole box came up with 48 cells. In a \
             box of 0.625 m, in place of 0.8125 m, the plume loses 7 % of its flux with 48 cells, \
             and 9 % with 32 over 56 s. Radius and velocity are those of the mean flow where it is above a tenth of \
             its greatest at that height.",
    run,
};

/// Flux of buoyancy (m^4/s^3).
const FLUX: f64 = 1e-3;

/// Height of the box, and its other edges over that (m, 1).
const HEIGHT: f64 = 1.0;
const SLENDER: f64 = 0.8125;

/// Radius of the hot spot and height of its middle (m).
const SPOT: f64 = 0.035;
const MIDDLE: f64 = 0.03;

/// Cells that gas of 1 m/s crosses in a step.
const COURANT: f64 = 1.0;

/// When the plume is steady, and until when means are taken (s).
const STEADY: f64 = 8.0;
const UNTIL: f64 = 32.0;

/// Share of the greatest mean velocity at a height from which on gas belongs to the plume.
const EDGE: f64 = 0.1;

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
        &Side::slip_wall(1),
        Splitting::Reflected,
    );
    let open = || Side::Open { scalars: vec![0.0] };
    model.sides = [[open(), open()], [Side::wall(1), open()], [open(), open()]];
    model.gravity = Vector3::new(0.0, -1.0, 0.0);
    let mut lift = species("buoyancy");
    // The scalar is an acceleration.
    lift.lift.expansion = 1.0;
    model.species = vec![lift];
    model.method.scheme = backflow_sim::gas::advect::Scheme::MacCormack { limited: true };
    model.method.conservative = true;
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
    let grid = model.grid;
    let dt = COURANT * grid.dx;
    let count = (UNTIL / dt).ceil() as usize;
    // What the spot covers changes a little as it wanders over the cells.
    let source = &model.sources[0];
    let each = (0..count).map(|index| covered(&grid, source, &spot(&model, index).sources[0]));
    let volume = each.sum::<f64>() / count as f64;
    model.sources[0].rates = vec![FLUX / volume];
    let mut gas = Gas::at_rest(&model);
    let mut means = Means {
        speed: Field::zero(grid.centres()),
        carried: vec![0.0; cells],
        count: 0.0,
    };
    let acts = |index: usize| spot(&model, index);
    run_in(&model, acts, &mut gas, dt, count, |time, gas| {
        if time >= STEADY {
            means.take(gas);
        }
    })?;
    let [volume, momentum] = means.hats();
    let carried = means.carried.iter().map(|sum| sum / means.count);
    let area = grid.dx * grid.dx;
    let scaled = |flux: Vec<f64>| flux.into_iter().map(|part| area * part).collect();
    Ok(Profile {
        z: (0..cells).map(|row| (row as f64 + 0.5) * grid.dx).collect(),
        fluxes: [volume, momentum, carried.collect()].map(scaled),
    })
}

/// Sums over time.
struct Means {
    /// Of the velocity upwards in each cell (m/s).
    speed: Field<f64>,
    /// Of what faces carry of the buoyancy: the mean of those below and above each row.
    carried: Vec<f64>,
    count: f64,
}

impl Means {
    fn take(&mut self, gas: &Gas<f64>) {
        let (up, lift) = (&gas.velocity[1], &gas.scalars[0]);
        let face = |at: [usize; 3]| up.data[up.layout.index(at)];
        self.speed.update(|[i, j, k], _, sum| {
            *sum += 0.5 * (face([i, j, k]) + face([i, j + 1, k]));
        });
        let [x, y, z] = lift.layout.shape;
        let own = |at: [usize; 3]| lift.data[lift.layout.index(at)];
        for (k, j, i) in cells_of([z, y - 1, x]) {
            let carried = 0.25 * face([i, j + 1, k]) * (own([i, j, k]) + own([i, j + 1, k]));
            self.carried[j] += carried;
            self.carried[j + 1] += carried;
        }
        self.count += 1.0;
    }

    /// Sums over each row of the mean velocity and of its square, within the plume.
    fn hats(&self) -> [Vec<f64>; 2] {
        let layout = self.speed.layout;
        let [x, y, z] = layout.shape;
        let mean = |at: [usize; 3]| self.speed.data[layout.index(at)] / self.count;
        let mut greatest = vec![0.0_f64; y];
        for (k, j, i) in cells_of([z, y, x]) {
            greatest[j] = greatest[j].max(mean([i, j, k]));
        }
        let mut sums = [vec![0.0; y], vec![0.0; y]];
        for (k, j, i) in cells_of([z, y, x]) {
            let w = mean([i, j, k]);
            if w > EDGE * greatest[j] {
                sums[0][j] += w;
                sums[1][j] += w * w;
            }
        }
        sums
    }
}

/// All cells of a box, the last index fastest.
fn cells_of([a, b, c]: [usize; 3]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |cell| (cell / (b * c), cell / c % b, cell % c))
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
        Tier::Fast => &[20],
        Tier::Full => &[32, 48],
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
