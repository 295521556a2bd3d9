//! Rigid bodies against closed forms: free turn, rolling, sliding, bouncing.

use backflow_sim::{
    collider::{Cuboid, Cylinder, Plane, Shape, Sphere},
    contact::{Collider, ContactLaw, Stage, place},
    pose::{Pose, Twist},
    rigid::{RigidBody, RigidScratch, RigidState, Surroundings, fall, joint::coast, step},
};
use nalgebra::Vector3;

use crate::reference::{Row, rows};

const RIGID: &str = include_str!("../reference/rigid.csv");

/// Slope of the incline (rad): 30 degrees.
const SLOPE: f64 = std::f64::consts::FRAC_PI_6;

/// The rows of one check.
fn table(id: &str) -> Vec<Row<'static>> {
    let rows: Vec<_> = rows(RIGID)
        .into_iter()
        .filter(|row| row.text("id") == id)
        .collect();
    assert!(!rows.is_empty(), "no rows {id}");
    rows
}

fn assert_close(row: &Row<'_>, found: f64) {
    let (value, tolerance) = (row.number("value"), row.number("tolerance"));
    let scale = if value == 0.0 { 1.0 } else { value.abs() };
    let (id, quantity) = (row.text("id"), row.text("quantity"));
    assert!(
        (found - value).abs() <= tolerance * scale,
        "{id}, {quantity}: {found} instead of {value}"
    );
}

fn ball() -> RigidBody<f64> {
    RigidBody::of_shape(Shape::Sphere(Sphere { radius: 0.1 }), 1000.0).unwrap()
}

fn cylinder() -> RigidBody<f64> {
    let solid = Cylinder {
        radius: 0.1,
        half_height: 0.2,
    };
    RigidBody::of_shape(Shape::Cylinder(solid), 1000.0).unwrap()
}

/// Down the incline, and its outward normal.
fn incline() -> [Vector3<f64>; 2] {
    let (sin, cos) = SLOPE.sin_cos();
    [Vector3::new(-cos, -sin, 0.0), Vector3::new(-sin, cos, 0.0)]
}

/// Runs a body above a plane through the origin that is turned by `slope` about z.
fn run(
    body: &RigidBody<f64>,
    slope: f64,
    steps: usize,
    dt: f64,
    mut watch: impl FnMut(f64, &RigidState<f64>),
) -> RigidState<f64> {
    let plane = Collider {
        name: String::new(),
        shape: Shape::Plane(Plane),
        pose: Pose::from_rotation_vector(Vector3::zeros(), &(Vector3::z() * slope)),
        law: ContactLaw::Slip,
        friction: 0.0,
        width: 0.0,
        mount: None,
        stage: Stage::Grid,
    };
    let colliders = [place(&plane, None)];
    let surroundings = Surroundings::<f64> {
        walls: None,
        colliders: &colliders,
    };
    let gravity = Vector3::new(0.0, -9.81, 0.0);
    let (bodies, mut scratch) = (std::slice::from_ref(body), RigidScratch::default());
    let mut states = [body.initial()];
    for at in 1..=steps {
        let before = [states[0].twist];
        fall(bodies, &mut states, &gravity, dt);
        step(
            &surroundings,
            bodies,
            &before,
            &mut states,
            dt,
            &mut scratch,
        );
        watch(at as f64 * dt, &states[0]);
    }
    states[0]
}

/// A body without solid that turns freely.
fn top(moments: [f64; 3], angular: [f64; 3]) -> (RigidBody<f64>, RigidState<f64>) {
    let mut body = ball();
    body.moments = moments.into();
    let state = RigidState {
        pose: Pose::identity(),
        twist: Twist {
            linear: Vector3::zeros(),
            angular: angular.into(),
        },
    };
    (body, state)
}

#[test]
fn turn_about_the_middle_axis_flips_on_time_and_keeps_momentum_and_energy() {
    let (body, start) = top([1.0, 2.0, 3.0], [0.01, 1.0, 0.01]);
    let (mut state, dt) = (start, 0.01);
    let (mut flips, mut last) = (Vec::new(), 1.0);
    let momentum = body.angular_momentum(&start).norm_squared();
    let energy = body.kinetic_energy(&start);
    for at in 1..=8000 {
        state = coast(&body, &state, dt);
        let middle = state.pose.rotation.tr_mul(&state.twist.angular).y;
        if middle * last < 0.0 {
            flips.push((f64::from(at) - middle / (middle - last)) * dt);
        }
        last = middle;
        // Round-off of 8,000 steps.
        let square = body.angular_momentum(&state).norm_squared();
        assert!((square / momentum - 1.0).abs() < 1e-11);
        assert!((body.kinetic_energy(&state) / energy - 1.0).abs() < 1e-4);
    }
    let rows = table("R1");
    assert_eq!(flips.len(), rows.len());
    for (row, flip) in rows.iter().zip(flips) {
        assert_close(row, flip);
    }
}

#[test]
fn symmetric_top_precesses_in_its_own_frame() {
    let (body, start) = top([1.0, 1.0, 2.0], [0.1, 0.0, 3.0]);
    let (mut state, dt, mut angle) = (start, 1e-3, 0.0);
    let steps = 5000;
    let own = |state: &RigidState<f64>| state.pose.rotation.tr_mul(&state.twist.angular);
    for _ in 0..steps {
        let before = own(&state);
        state = coast(&body, &state, dt);
        let after = own(&state);
        angle += (before.x * after.y - before.y * after.x)
            .atan2(before.x * after.x + before.y * after.y);
    }
    assert_close(&table("R2")[0], angle / (f64::from(steps) * dt));
}

#[test]
fn ball_and_cylinder_roll_down_an_incline_if_friction_is_enough() {
    let [down, up] = incline();
    for row in table("R3") {
        let (mut body, inertia) = match row.text("case") {
            "ball" => (ball(), 2.0 / 7.0),
            _ => (cylinder(), 1.0 / 3.0),
        };
        // The axis of the cylinder is horizontal, across the slope.
        body.start.pose =
            Pose::from_rotation_vector(up * 0.1, &(Vector3::x() * std::f64::consts::FRAC_PI_2));
        body.friction = row.number("parameter");
        let (steps, dt) = (500, 1e-3);
        let end = run(&body, SLOPE, steps, dt, |_, _| ());
        let time = steps as f64 * dt;
        assert_close(&row, end.twist.linear.dot(&down) / time);
        let rolls = |state: &RigidState<f64>| {
            let spin = state.twist.angular.z * 0.1;
            (spin / state.twist.linear.dot(&down) - 1.0).abs() < 1e-4
        };
        assert!(rolls(&end));
        for (share, expected) in [(1.001, true), (0.999, false)] {
            body.friction = inertia * SLOPE.tan() * share;
            let end = run(&body, SLOPE, steps, dt, |_, _| ());
            let slip = end.twist.angular.z * 0.1 / end.twist.linear.dot(&down) - 1.0;
            let case = row.text("case");
            assert_eq!(rolls(&end), expected, "{case}, slip {slip}");
        }
    }
}

#[test]
fn ball_that_slides_ends_up_rolling() {
    let row = &table("R4")[0];
    let mut body = ball();
    body.friction = row.number("parameter");
    body.start.pose.position.y = 0.1;
    body.start.twist.linear.x = 1.0;
    let time = 2.0 / (7.0 * body.friction * 9.81);
    let dt = time / 500.0;
    let mut rolled = f64::INFINITY;
    let end = run(&body, 0.0, 1000, dt, |at, state| {
        if state.twist.linear.x + state.twist.angular.z * 0.1 < 1e-9 {
            rolled = rolled.min(at);
        }
    });
    assert_close(row, end.twist.linear.x);
    assert!((rolled / time - 1.0).abs() <= 0.01, "{rolled} {time}");
}

#[test]
fn ball_that_is_dropped_bounces_back() {
    let [impact, rebound] = table("R5").try_into().ok().unwrap();
    let mut body = ball();
    body.restitution = impact.number("parameter");
    body.start.pose.position.y = 1.1;
    let (mut hit, mut highest): (Option<f64>, f64) = (None, 0.0);
    run(&body, 0.0, 8000, 1e-4, |at, state| {
        if state.twist.linear.y > 0.0 {
            hit.get_or_insert(at);
        }
        if hit.is_some() {
            highest = highest.max(state.pose.position.y - 0.1);
        }
    });
    assert_close(&impact, hit.unwrap());
    assert_close(&rebound, highest);
}

#[test]
fn block_on_an_incline_slides_by_coulombs_law_or_sticks() {
    let [down, up] = incline();
    let solid = Cuboid {
        half_extents: Vector3::new(0.1, 0.05, 0.1),
        rounding: 0.0,
    };
    let mut body = RigidBody::of_shape(Shape::Cuboid(solid), 1000.0).unwrap();
    body.start.pose = Pose::from_rotation_vector(up * 0.05, &(Vector3::z() * SLOPE));
    for row in table("G8") {
        body.friction = row.number("parameter");
        let (steps, dt) = (1000, 1e-3);
        let end = run(&body, SLOPE, steps, dt, |_, _| ());
        let speed = end.twist.linear.dot(&down);
        let time = steps as f64 * dt;
        assert_close(
            &row,
            if row.number("value") == 0.0 {
                speed
            } else {
                speed / time
            },
        );
    }
}
