//! What the pressure takes out of a velocity, and what it leaves.

use backflow_sim::{
    collider::{Shape, Sphere},
    gas::{
        boundary::Side,
        divergence::{drops, inflow},
        field::{Field, Velocity},
        grid::Grid,
        model::Splitting,
        opening::{Obstacle, Openings, Placement, hold, openings},
        pressure::Precondition,
        project::project,
        projector::{ProjectScratch, Projector},
        rollout::RunError as GasError,
    },
    pose::{Pose, Twist},
    rollout::store::RunError,
};
use nalgebra::Vector3;

use super::{
    super::{Case, Outcome, Reference, Tier},
    model,
};

pub const CASE: Case = Case {
    id: "E1",
    about: "projection in a closed box, with a ball that cuts its cells and without",
    remark: "",
    run,
};

/// Radius of the ball over the edge of the box.
const RADIUS: f64 = 0.28;

/// Tolerance of the projections (1): well below what is asked of them.
const TOLERANCE: f64 = 1e-10;

/// The same where two projections are compared by rounding.
const EXACT: f64 = 1e-12;

/// A unit box with the velocities that faces let through.
struct Box {
    grid: Grid,
    openings: Openings<f64>,
}

impl Box {
    fn new(cells: usize, ball: bool) -> Self {
        let side = Side::wall(0);
        let model = model([cells; 3], 1.0 / cells as f64, &side, Splitting::Projected);
        let grid = model.grid;
        let mut faces = Openings::open(&grid);
        let obstacles = [Obstacle {
            name: "ball".to_owned(),
            shape: Shape::Sphere(Sphere { radius: RADIUS }),
        }];
        let places = [Placement {
            pose: Pose {
                position: Vector3::new(0.55, 0.5, 0.45),
                ..Pose::identity()
            },
            twist: Twist::zero(),
        }];
        let count = usize::from(ball);
        let (obstacles, places) = (&obstacles[..count], &places[..count]);
        openings(&grid, &model.sides, obstacles, places, &mut faces);
        Self {
            grid,
            openings: faces,
        }
    }

    /// A velocity of waves as short as two cells, of about 1 m/s.
    fn waves(&self, seed: f64) -> Velocity<f64> {
        let mut u = [0, 1, 2].map(|axis| {
            let phase = seed + axis as f64;
            Field::from_fn(&self.grid, self.grid.faces()[axis], |x| {
                let long = (7.0 * x.x + 5.0 * x.y - 3.0 * x.z + phase).sin();
                let short = (x.x + 0.7 * x.y + 0.4 * x.z) * 2.3 / self.grid.dx;
                long + 0.5 * (short + 2.0 * phase).sin()
            })
        });
        hold(&self.openings, &mut u);
        u
    }

    fn projected(&self, u: &Velocity<f64>, tolerance: f64) -> Result<Velocity<f64>, RunError> {
        let openings = &self.openings;
        let projector = Projector::new(
            &self.grid,
            openings,
            None,
            Precondition::Multigrid,
            tolerance,
        );
        let mut u = u.clone();
        let (p, scratch) = (&mut Vec::new(), &mut ProjectScratch::default());
        project(&projector, openings, None, &mut u, p, scratch).map_err(|source| {
            GasError::Pressure {
                frame: 0,
                step: 0,
                source,
            }
        })?;
        Ok(u)
    }

    /// `|div u| dx` of the cell where it is greatest.
    fn divergence(&self, u: &Velocity<f64>) -> f64 {
        let flows = inflow(&self.grid, u, None);
        flows.iter().fold(0.0, |most, flow| most.max(flow.abs()))
    }
}

fn fastest(u: &Velocity<f64>) -> f64 {
    u.iter().map(Field::largest).fold(0.0, f64::max)
}

fn product(a: &Velocity<f64>, b: &Velocity<f64>) -> f64 {
    let parts = a.iter().zip(b).map(|(a, b)| (a.samples(), b.samples()));
    parts
        .map(|(a, b)| a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>())
        .sum()
}

/// The greatest difference.
fn apart(a: &Velocity<f64>, b: &Velocity<f64>) -> f64 {
    let parts = a.iter().zip(b).map(|(a, b)| (a.samples(), b.samples()));
    parts.fold(0.0, |most, (a, b)| {
        let off = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
        off.fold(most, f64::max)
    })
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: &[usize] = match tier {
        Tier::Fast => &[16],
        Tier::Full => &[16, 32],
    };
    let mut outcome = Outcome::default();
    for &cells in grids {
        let grid = format!("{cells} cells");
        let mut measure = |what: &str, value: f64| {
            outcome.measure(reference, what, &grid, value);
        };
        let cut = Box::new(cells, true);
        let start = cut.waves(0.0);
        let once = cut.projected(&start, TOLERANCE)?;
        let speed = fastest(&start);
        measure("divergence left", cut.divergence(&once) / speed);
        let twice = cut.projected(&once, TOLERANCE)?;
        measure(
            "change by a second projection",
            apart(&once, &twice) / speed,
        );

        let whole = Box::new(cells, false);
        let (u, v) = (whole.waves(0.0), whole.waves(1.7));
        let (pu, pv) = (whole.projected(&u, EXACT)?, whole.projected(&v, EXACT)?);
        let size = (product(&u, &u) * product(&v, &v)).sqrt();
        let off = (product(&pu, &v) - product(&u, &pv)).abs();
        measure("asymmetry", off / size);
        // The pressure of a wave is taken out whole.
        let p: Vec<f64> = (0..whole.grid.count())
            .map(|cell| (cell as f64 * 1.3).sin())
            .collect();
        let mut slope = drops::<f64>(&whole.grid, &p);
        hold(&whole.openings, &mut slope);
        let left = whole.projected(&slope, TOLERANCE)?;
        measure("left of a gradient", fastest(&left) / fastest(&slope));
    }
    Ok(outcome)
}
