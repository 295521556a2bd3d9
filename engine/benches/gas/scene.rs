//! A unit box: with a ball that cuts a smooth flow, or with a spot that gives off smoke.

use backflow::sim::{
    Real,
    collider::{Shape, Sphere},
    gas::{
        Gas, Model, Moment,
        advect::Scheme,
        boundary::Side,
        buoyancy::Lift,
        divergence::inflow,
        field::{Field, Velocity},
        grid::Grid,
        model::{Method, Species, Splitting},
        opening::{Obstacle, Openings, Placement, hold, openings},
        pressure::Precondition,
        source::Source,
    },
    pose::{Pose, Twist},
};
use nalgebra::Vector3;

/// Edges of a cell in a step that gas of 1 m/s goes.
pub const COURANT: f64 = 0.5;

/// An empty closed box.
fn closed(cells: usize) -> Model<f64> {
    let grid = Grid {
        origin: Vector3::zeros(),
        dx: 1.0 / cells as f64,
        cells: [cells; 3],
        periodic: [false; 3],
    };
    let method = Method {
        scheme: Scheme::SemiLagrangian,
        conservative: false,
        splitting: Splitting::Projected,
        precondition: Precondition::Multigrid,
        tolerance: 1e-6,
        courant: 1.0,
    };
    Model {
        gravity: Vector3::new(0.0, -1.0, 0.0),
        ..Model::plain(
            grid,
            [0, 1, 2].map(|_| [Side::wall(0), Side::wall(0)]),
            method,
        )
    }
}

fn at<T: Real>(x: f64, y: f64, z: f64) -> Pose<T> {
    Pose {
        position: Vector3::new(x, y, z).map(T::of),
        ..Pose::identity()
    }
}

/// A ball in a smooth flow: what faces let through, and the velocity that is left on them.
pub fn ball(cells: usize) -> (Grid, Openings<f64>, Velocity<f64>) {
    let model = closed(cells);
    let obstacles = [Obstacle {
        name: "ball".to_owned(),
        shape: Shape::Sphere(Sphere { radius: 0.28 }),
    }];
    let places = [Placement {
        pose: at(0.55, 0.5, 0.45),
        twist: Twist::zero(),
    }];
    let grid = model.grid;
    let mut faces = Openings::open(&grid);
    openings(&grid, &model.sides, &obstacles, &places, &mut faces);
    let mut u = [0, 1, 2].map(|axis| {
        Field::from_fn(&grid, grid.faces()[axis], |x| {
            (7.0 * x.x + 5.0 * x.y - 3.0 * x.z + axis as f64).sin()
        })
    });
    hold(&faces, &mut u);
    (grid, faces, u)
}

/// The right-hand side that the pressure of a velocity has, without its mean.
pub fn right_hand_side(
    grid: &Grid,
    pockets: &backflow::sim::gas::poisson::Pockets,
    u: &Velocity<f64>,
) -> Vec<f64> {
    let mut b = inflow(grid, u, None);
    pockets.balance(&mut b, &mut Vec::new());
    b
}

/// Smoke that rises from a spot, at rest.
pub fn smoke<T: Real>(cells: usize) -> (Model<T>, Moment<T>, Gas<T>) {
    let mut model = closed(cells);
    model.species = vec![Species {
        name: "smoke".to_owned(),
        diffusivity: None,
        lift: Lift {
            expansion: 1.0,
            reference: 0.0,
        },
    }];
    model.sides = [0, 1, 2].map(|_| [Side::wall(1), Side::wall(1)]);
    model.sources = vec![Source {
        name: "spot".to_owned(),
        shape: Shape::Sphere(Sphere { radius: 0.1 }),
        width: model.grid.dx,
        rates: vec![100.0],
        push: Vector3::zeros(),
    }];
    let model: Model<T> = model.cast();
    let gas = Gas::at_rest(&model);
    let moment = Moment {
        sources: vec![at(0.5, 0.2, 0.5)],
        ..Moment::still()
    };
    (model, moment, gas)
}
