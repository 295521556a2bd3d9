//! A cylinder across a stream sheds vortices (FluidLab's Karman vortex street).

use std::f64::consts::FRAC_PI_2;

use backflow_sim::{
    collider::{Cylinder, Shape},
    gas::{
        Gas, Model, Moment,
        boundary::Side,
        diffuse::stable,
        field::Field,
        grid::Place,
        model::Splitting,
        opening::{Obstacle, Placement},
    },
    pose::{Pose, Twist},
    rollout::store::RunError,
};
use nalgebra::Vector3;

use super::{
    super::{Case, Curve, Outcome, Plot, Reference, Tier, bench::crossings, order},
    model, run_in,
};

pub const CASE: Case = Case {
    id: "Karman",
    about: "vortex street of a cylinder at Reynolds number 100 between slip walls 12 diameters apart: Strouhal \
            number and drag",
    remark: "Both are those of the nominal diameter and of the speed at the cylinder: the stream comes in slower by the 3.3 % \
             that walls this near speed it up (Allen & Vincenti 1944). Without \
             reflection in time shedding is 8 % too slow. The drag is taken there, by the pressure.",
    run,
};

/// Speed of the stream that meets the cylinder (m/s); its diameter is 1 m.
const SPEED: f64 = 1.0;

/// Kinematic viscosity (m^2/s) at which the Reynolds number is 100.
const VISCOSITY: f64 = 0.01;

/// Where the cylinder is from the inflow, length and width of the channel (m).
const BEFORE: usize = 6;
const LENGTH: usize = 18;
const WIDTH: usize = 12;

/// How long the cylinder turns at first, so that shedding begins (s), and how fast (rad/s).
const KICK: f64 = 3.0;
const SPIN: f64 = 1.0;

/// When shedding is periodic, and until when it is measured (s).
const STEADY: f64 = 30.0;
const UNTIL: f64 = 50.0;

/// How far behind the cylinder the velocity across is read (m).
const PROBE: usize = 2;

/// Planes across the channel between which momentum is balanced (m).
const PLANES: [usize; 2] = [BEFORE - 2, BEFORE + 3];

/// Share by which the walls speed up the stream at the cylinder (Allen & Vincenti 1944, NACA report 782):
/// `c d / (4 h) + 0.82 (d / h)^2`, with the drag `c` without walls. The inflow is slower by it.
fn blockage() -> f64 {
    let (drag, share) = (1.325, 1.0 / WIDTH as f64);
    0.25 * drag * share + 0.82 * share * share
}

/// What a run shows.
struct Wake {
    /// Velocity across the stream behind the cylinder (m/s) with the time (s).
    across: Vec<[f64; 2]>,
    /// Force along it over density and depth (m^3/s^2), likewise.
    forces: Vec<[f64; 2]>,
}

fn build(cells: usize, inflow: f64, splitting: Splitting) -> Model<f64> {
    let dx = 1.0 / cells as f64;
    let slip = Side::slip_wall(0);
    let mut model = model([LENGTH * cells, WIDTH * cells, 1], dx, &slip, splitting);
    model.method.tolerance = 1e-4;
    let inflow = Side::Inflow {
        velocity: [inflow, 0.0, 0.0],
        scalars: Vec::new(),
    };
    model.sides[0] = [inflow, Side::Outflow];
    model.viscosity = Some(VISCOSITY);
    model.obstacles = vec![Obstacle {
        name: "cylinder".to_owned(),
        shape: Shape::Cylinder(Cylinder {
            radius: 0.5,
            half_height: 1.0,
        }),
    }];
    model
}

/// The cylinder, which turns at first.
fn cylinder(time: f64) -> Moment<f64> {
    let middle = Vector3::new(BEFORE as f64, 0.5 * WIDTH as f64, 0.0);
    let spin = if time < KICK { SPIN } else { 0.0 };
    Moment {
        obstacles: vec![Placement {
            pose: Pose::from_rotation_vector(middle, &(Vector3::x() * FRAC_PI_2)),
            twist: Twist {
                linear: Vector3::zeros(),
                angular: Vector3::z() * spin,
            },
        }],
        ..Moment::still()
    }
}

/// Force along the stream on what is between two planes across the channel, over density and depth (m^3/s^2), by
/// the balance of momentum `sum (p / rho + u^2)` before and behind; its mean over a period is
/// that of the force on the cylinder. What viscosity carries through a plane vanishes as gas is neither made nor lost.
fn force(gas: &Gas<f64>, cells: usize, dt: f64) -> f64 {
    let (u, dx) = (&gas.velocity[0], 1.0 / cells as f64);
    // The pressure of a gas is over that of `rho dx / dt`.
    let pressure =
        |column: usize, row: usize| gas.pressure[column + LENGTH * cells * row] * dx / dt;
    let through = |column: usize| -> f64 {
        let rows = 0..WIDTH * cells;
        let each = rows.map(|row| {
            let speed = u.data[u.layout.index([column, row, 0])];
            0.5 * (pressure(column - 1, row) + pressure(column, row)) + speed * speed
        });
        each.sum::<f64>() * dx
    };
    let [before, behind] = PLANES.map(|place| through(place * cells));
    before - behind
}

/// The wake of a cylinder of so many cells in a stream.
fn wake(cells: usize, inflow: f64, splitting: Splitting) -> Result<Wake, RunError> {
    let model = build(cells, inflow, splitting);
    let dt = (1.0 / cells as f64).min(0.9 * stable(&model.grid, VISCOSITY));
    let mut gas = Gas::at_rest(&model);
    let along = model.grid.layout(Place::Face(0));
    gas.velocity[0] = Field::constant(along, inflow);
    let (mut across, mut forces) = (Vec::new(), Vec::new());
    let acts = |index: usize| cylinder(index as f64 * dt);
    let count = (UNTIL / dt).ceil() as usize;
    run_in(&model, acts, &mut gas, dt, count, |time, gas| {
        let v = &gas.velocity[1];
        let at = [(BEFORE + PROBE) * cells, WIDTH * cells / 2, 0];
        across.push([time, v.data[v.layout.index(at)]]);
        forces.push([time, force(gas, cells, dt)]);
    })?;
    Ok(Wake { across, forces })
}

impl Wake {
    /// Strouhal number and coefficient of drag of the whole periods of steady shedding.
    fn numbers(&self) -> [f64; 2] {
        let late = self.across.iter().copied();
        let zeros = crossings(&late.filter(|[time, _]| *time > STEADY).collect::<Vec<_>>());
        let periods = zeros.len().saturating_sub(1) / 2;
        let (Some(&from), Some(&to)) = (zeros.first(), zeros.get(2 * periods)) else {
            return [f64::NAN; 2];
        };
        let inside = |time: f64| time >= from && time < to;
        let part = self.forces.iter().filter(|[time, _]| inside(*time));
        let sum: f64 = part.clone().map(|[_, force]| force).sum();
        let pressure = 0.5 * SPEED * SPEED;
        [
            periods as f64 / (to - from) / SPEED,
            sum / part.count() as f64 / pressure,
        ]
    }
}

fn run(tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let grids: &[usize] = match tier {
        Tier::Fast => &[5],
        Tier::Full => &[6, 12],
    };
    let inflow = SPEED / (1.0 + blockage());
    let mut outcome = Outcome::default();
    let (mut errors, mut curves) = (Vec::new(), Vec::new());
    for &cells in grids {
        let wake = wake(cells, inflow, Splitting::Reflected)?;
        let [strouhal, _] = wake.numbers();
        let grid = format!("{cells} cells a diameter");
        outcome.measure(reference, "Strouhal number", &grid, strouhal);
        errors.extend(outcome.rows.last().map(|row| row.error));
        curves.push(Curve {
            name: grid,
            points: wake.across,
            marks: false,
        });
    }
    if let [coarse, fine] = errors[..] {
        outcome.order = Some(order(coarse, fine));
        // With reflection the pressure of a step is not that of the gas.
        let cells = grids[0];
        let [strouhal, drag] = wake(cells, inflow, Splitting::Projected)?.numbers();
        let grid = format!("{cells} cells a diameter");
        let name = "Strouhal number without reflection";
        outcome.measure(reference, name, &grid, strouhal);
        outcome.measure(reference, "coefficient of drag", &grid, drag);
    }
    outcome.plots.push(Plot {
        title: "Vortex street".to_owned(),
        axes: [
            "time (s)".to_owned(),
            "velocity across the stream (m/s)".to_owned(),
        ],
        curves,
    });
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_a_sine() {
        let omega = std::f64::consts::TAU * 0.165;
        let series = |of: fn(f64) -> f64| {
            let each = (0..5000).map(|step| 0.01 * f64::from(step));
            each.map(|time| [time, of(omega * time)]).collect()
        };
        let wake = Wake {
            across: series(f64::sin),
            forces: series(|phase| 0.66 + 0.1 * (2.0 * phase).cos()),
        };
        let [strouhal, drag] = wake.numbers();
        assert!((strouhal - 0.165).abs() < 1e-5, "{strouhal}");
        assert!((drag - 1.32).abs() < 1e-3, "{drag}");
    }
}
