//! The projection as such, and its adjoint.

use super::*;
use crate::{
    collider::{Shape, Sphere},
    gas::{
        boundary::{Side, Sides},
        divergence::{self, drops, inflow},
        grid::Grid,
        opening::{Obstacle, Placement, hold, openings},
        pressure::Precondition,
        testing::{
            assert_close, box_grid, clean_velocity, dot, dual_velocity, noise_velocity, tangent,
        },
    },
    pose::{Pose, Twist},
};

const CHOICES: [Precondition; 3] = [
    Precondition::Multigrid,
    Precondition::Incomplete,
    Precondition::Plain,
];

/// A closed box, one that is open at a side, one that repeats itself.
fn boxes() -> Vec<(Grid, Sides<f64>)> {
    let closed = [0, 1, 2].map(|_| [Side::wall(0), Side::wall(0)]);
    let mut open = closed.clone();
    open[1][1] = Side::Outflow;
    let around = [0, 1, 2].map(|_| [Side::Periodic, Side::Periodic]);
    vec![
        (box_grid([9, 12, 10], [false; 3]), closed),
        (box_grid([9, 12, 10], [false; 3]), open),
        (box_grid([8, 12, 10], [true; 3]), around),
    ]
}

/// With a ball in it that moves, without which parts of faces would not be tested.
fn faces(grid: &Grid, sides: &Sides<f64>, ball: bool) -> Openings<f64> {
    let obstacle = Obstacle {
        name: "ball".to_owned(),
        shape: Shape::Sphere(Sphere { radius: 0.28 }),
    };
    let place = Placement {
        pose: Pose {
            position: grid.origin.map(|corner| corner + 0.55),
            ..Pose::identity()
        },
        twist: Twist::zero(),
    };
    let mut to = Openings::zero(grid);
    let count = usize::from(ball);
    openings(
        grid,
        sides,
        &[obstacle][..count],
        &[place][..count],
        &mut to,
    );
    to
}

fn start(grid: &Grid, seed: u64, openings: &Openings<f64>) -> Velocity<f64> {
    let mut u = clean_velocity(&noise_velocity(seed, grid));
    hold(openings, &mut u);
    u
}

/// Projects a velocity, from no pressure, in memory of its own.
fn clear_of_divergence(projector: &Projector, openings: &Openings<f64>, u: &mut Velocity<f64>) {
    let (p, scratch) = (&mut Vec::new(), &mut ProjectScratch::default());
    project(projector, openings, None, u, p, scratch).unwrap();
}

#[test]
fn divergence_vanishes_and_a_second_projection_changes_nothing() {
    for (grid, sides) in boxes() {
        for ball in [false, true] {
            let openings = faces(&grid, &sides, ball);
            for choice in CHOICES {
                let projector = Projector::new(&grid, &openings, None, choice, 1e-12);
                let mut u = start(&grid, 1, &openings);
                let before = inflow(&grid, &u, None)
                    .iter()
                    .fold(0.0, |m: f64, b| m.max(b.abs()));
                clear_of_divergence(&projector, &openings, &mut u);
                let after = inflow(&grid, &u, None)
                    .iter()
                    .fold(0.0, |m: f64, b| m.max(b.abs()));
                assert!(before > 1.0 && after <= 2e-12, "{before} {after}");
                let once = u.clone();
                clear_of_divergence(&projector, &openings, &mut u);
                for axis in 0..3 {
                    for (a, b) in u[axis].data.iter().zip(&once[axis].data) {
                        assert!((a - b).abs() <= 1e-11, "{a} {b}");
                    }
                }
            }
        }
    }
}

#[test]
fn projection_is_self_adjoint() {
    for (grid, sides) in boxes() {
        let openings = faces(&grid, &sides, false);
        let projector = Projector::new(&grid, &openings, None, Precondition::default(), 1e-14);
        let (u, v) = (start(&grid, 1, &openings), start(&grid, 5, &openings));
        let (mut pu, mut pv) = (u.clone(), v.clone());
        clear_of_divergence(&projector, &openings, &mut pu);
        clear_of_divergence(&projector, &openings, &mut pv);
        let product = |a: &Velocity<f64>, b: &Velocity<f64>| -> f64 {
            (0..3).map(|axis| dot(&a[axis], &b[axis])).sum()
        };
        assert_close(product(&pu, &v), product(&u, &pv));
    }
}

#[test]
fn gradients_of_a_scalar_are_taken_out_whole() {
    for (grid, sides) in boxes() {
        let openings = faces(&grid, &sides, false);
        let projector = Projector::new(&grid, &openings, None, Precondition::default(), 1e-13);
        let layout = grid.centres();
        let q = crate::gas::testing::noise(3, layout).samples();
        let mut u = drops::<f64>(&grid, &q);
        for axis in 0..3 {
            let open = &openings.open[axis].data;
            u[axis].update(|_, index, u| *u *= open[index]);
        }
        clear_of_divergence(&projector, &openings, &mut u);
        assert!(u.iter().map(Field::largest).fold(0.0, f64::max) <= 1e-11);
    }
}

#[test]
fn project_vjp_is_the_transpose_for_velocity_openings_and_matter() {
    for (grid, sides) in boxes() {
        let openings = faces(&grid, &sides, true);
        let u = start(&grid, 1, &openings);
        let share = noise_velocity(20, &grid).map(|field| Field {
            data: field.data.iter().map(|x| 0.75 + 0.2 * x).collect(),
            ..field
        });
        let matter = Occupied {
            share,
            // What goes in has to go out of a closed box, also of its tangents.
            carried: Field::zero_velocity(&grid),
        };
        let directions = [30, 34, 38, 42].map(|seed| start(&grid, seed, &openings));
        let [du, dopen, dshare, dcarried] = &directions;
        let tangent_openings = Openings {
            open: dual_velocity(&openings.open, dopen),
            still: openings.still.clone().map(|field| field.cast()),
        };
        let tangent_matter = Occupied {
            share: dual_velocity(&matter.share, dshare),
            carried: dual_velocity(&matter.carried, dcarried),
        };
        let projector = Projector::new(
            &grid,
            &openings,
            Some(&matter),
            Precondition::default(),
            1e-13,
        );
        let mut moved = dual_velocity(&u, du);
        let mut p = Vec::new();
        project(
            &projector,
            &tangent_openings,
            Some(&tangent_matter),
            &mut moved,
            &mut p,
            &mut ProjectScratch::default(),
        )
        .unwrap();
        let bar = clean_velocity(&noise_velocity(50, &grid));
        let forward: f64 = (0..3).map(|a| dot(&tangent(&moved[a]), &bar[a])).sum();

        let mut u_bar = bar.clone();
        let (mut openings_bar, mut matter_bar) = (Openings::zero(&grid), Occupied::zero(&grid));
        project_vjp(
            &projector,
            &openings,
            Some(&matter),
            &u,
            &p,
            None,
            &mut u_bar,
            &mut openings_bar,
            Some(&mut matter_bar),
            &mut ProjectScratch::default(),
        )
        .unwrap();
        let parts = [
            &u_bar,
            &openings_bar.open,
            &matter_bar.share,
            &matter_bar.carried,
        ];
        let backward: f64 = directions
            .iter()
            .zip(parts)
            .map(|(d, bar)| (0..3).map(|a| dot(&d[a], &bar[a])).sum::<f64>())
            .sum();
        assert_close(forward, backward);
    }
}

#[test]
fn project_vjp_is_the_transpose_for_the_pressure() {
    // The pressure is linear in the velocity and in what matter carries.
    for (grid, sides) in boxes() {
        let openings = faces(&grid, &sides, true);
        let share = noise_velocity(20, &grid).map(|field| Field {
            data: field.data.iter().map(|x| 0.75 + 0.2 * x).collect(),
            ..field
        });
        let [u, carried] = [1, 5].map(|seed| start(&grid, seed, &openings));
        let matter = Occupied { share, carried };
        let choice = Precondition::default();
        let projector = Projector::new(&grid, &openings, Some(&matter), choice, 1e-13);
        let (mut p, mut moved) = (Vec::new(), u.clone());
        project(
            &projector,
            &openings,
            Some(&matter),
            &mut moved,
            &mut p,
            &mut ProjectScratch::default(),
        )
        .unwrap();
        // Across closed faces pressures differ by what nothing determines.
        let p_bar = divergence::drops_vjp(&grid, &start(&grid, 9, &openings));
        let forward: f64 = p.iter().zip(&p_bar).map(|(p, bar)| p * bar).sum();

        let mut u_bar = Field::zero_velocity(&grid);
        let (mut openings_bar, mut bar) = (Openings::zero(&grid), Occupied::zero(&grid));
        project_vjp(
            &projector,
            &openings,
            Some(&matter),
            &u,
            &p,
            Some(&p_bar),
            &mut u_bar,
            &mut openings_bar,
            Some(&mut bar),
            &mut ProjectScratch::default(),
        )
        .unwrap();
        let backward = (0..3)
            .map(|axis| {
                dot(&u[axis], &u_bar[axis]) + dot(&matter.carried[axis], &bar.carried[axis])
            })
            .sum();
        assert_close(forward, backward);
    }
}

#[test]
fn unreachable_tolerances_are_errors() {
    let (grid, sides) = boxes().swap_remove(0);
    let openings = faces(&grid, &sides, true);
    let projector = Projector::new(&grid, &openings, None, Precondition::default(), 1e-30);
    let mut u = start(&grid, 1, &openings);
    let error = project(
        &projector,
        &openings,
        None,
        &mut u,
        &mut Vec::new(),
        &mut ProjectScratch::default(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("to the tolerance 1e-30"),
        "{error}"
    );
}

#[test]
fn multigrid_needs_few_iterations_whatever_the_size() {
    let mut counts = Vec::new();
    for n in [16, 32] {
        let grid = Grid {
            dx: 1.0 / n as f64,
            cells: [n; 3],
            ..box_grid([n; 3], [false; 3])
        };
        let sides = [0, 1, 2].map(|_| [Side::wall(0), Side::wall(0)]);
        let openings = faces(&grid, &sides, true);
        let count = |choice| {
            let projector = Projector::new(&grid, &openings, None, choice, 1e-6);
            let mut u = start(&grid, 1, &openings);
            project(
                &projector,
                &openings,
                None,
                &mut u,
                &mut Vec::new(),
                &mut ProjectScratch::default(),
            )
            .unwrap()
            .iterations
        };
        counts.push(CHOICES.map(count));
    }
    assert!(
        counts[1][0] <= 20 && counts[1][0] < counts[1][1] && counts[1][1] < counts[1][2],
        "{counts:?}"
    );
}
