//! How bodies fall, bounce and rest.

use nalgebra::{Matrix3, Vector3};

use super::{super::*, cases::*};
use crate::{
    collider::{Shape, Sphere},
    rigid::{
        Joint,
        fall::{fall, fall_vjp},
        feeler::Feeler,
    },
};

/// Runs a body under gravity above the floor; `watch` sees the state after each step.
fn run(
    body: &RigidBody<f64>,
    mut state: RigidState<f64>,
    steps: usize,
    dt: f64,
    mut watch: impl FnMut(usize, &RigidState<f64>),
) -> RigidState<f64> {
    let surroundings = Surroundings::<f64> {
        walls: walls(),
        colliders: &[],
    };
    let (bodies, mut scratch) = (std::slice::from_ref(body), RigidScratch::default());
    for at in 0..steps {
        let states = std::slice::from_mut(&mut state);
        let before = [states[0].twist];
        fall(bodies, states, &Vector3::new(0.0, -9.81, 0.0), dt);
        step(&surroundings, bodies, &before, states, dt, &mut scratch);
        watch(at, &state);
    }
    state
}

#[test]
fn box_rests_on_its_corners_and_sleeps() {
    let body = body(cuboid([0.1, 0.05, 0.15], 0.0), Joint::Free);
    let start = state([0.5, 0.05, 0.5], [0.0, 0.3, 0.0], [0.0; 3], [0.0; 3]);
    let end = run(&body, start, 500, 1e-3, |_, state| {
        assert!(stacked(&state.twist).norm() < 1e-10);
    });
    assert!((end.pose.position - start.pose.position).norm() < 1e-12);
    assert!((end.pose.rotation - start.pose.rotation).norm() < 1e-12);
}

#[test]
fn box_that_topples_comes_to_rest_in_the_domain_without_gaining_energy() {
    let mut body = body(cuboid([0.1, 0.05, 0.15], 0.0), Joint::Free);
    body.restitution = 0.2;
    let start = state(
        [0.5, 0.4, 0.5],
        [0.5, 0.3, 0.7],
        [0.3, 0.0, 0.2],
        [2.0, 1.0, 3.0],
    );
    let energy = |state: &RigidState<f64>| {
        body.kinetic_energy(state) + body.mass * 9.81 * state.pose.position.y
    };
    let highest = energy(&start);
    let end = run(&body, start, 4000, 5e-4, |_, state| {
        assert!(energy(state) <= highest * 1.001);
    });
    assert!(stacked(&end.twist).norm() < 1e-6, "{:?}", end.twist);
    let low = body.feelers.iter().map(|feeler| match feeler {
        Feeler::Ball { centre, .. } => end.pose.apply(centre).y,
        Feeler::Rim { .. } => 0.0,
    });
    let low = low.fold(f64::INFINITY, f64::min);
    assert!(low.abs() < 1e-4, "{low}");
}

#[test]
fn derivative_through_a_bounce_is_that_of_the_bounce() {
    // From height h at speed zero; after the bounce at e = 0.4 the height at time t is
    // e v (t - s) - g (t - s)^2 / 2, v = g s, s = sqrt(2 h / g), so that
    // dy/dh = ds/dh (e g (t - 2 s) + g (t - s)), whatever the phase of the steps.
    let ball = body(Shape::Sphere(Sphere { radius: 0.1 }), Joint::Free);
    let (g, e) = (9.81, 0.4);
    let dt = 1e-4;
    for height in [0.2, 0.20007, 0.20013] {
        let start = state([0.5, 0.1 + height, 0.5], [0.0; 3], [0.0; 3], [0.0; 3]);
        let steps = 2500;
        let surroundings = Surroundings::<f64> {
            walls: walls(),
            colliders: &[],
        };
        let bodies = std::slice::from_ref(&ball);
        let (mut states, mut scratch) = (vec![vec![start]], RigidScratch::default());
        for at in 0..steps {
            let mut next = states[at].clone();
            fall(bodies, &mut next, &Vector3::new(0.0, -g, 0.0), dt);
            let before = [states[at][0].twist];
            step(&surroundings, bodies, &before, &mut next, dt, &mut scratch);
            states.push(next);
        }
        let mut bars = vec![RigidBar::zero()];
        bars[0].pose.position.y = 1.0;
        let mut parameters = vec![RigidParameterBar::zero()];
        for at in (0..steps).rev() {
            let mut falling = states[at].clone();
            fall(bodies, &mut falling, &Vector3::new(0.0, -g, 0.0), dt);
            let (before, mut before_bars) = ([states[at][0].twist], [Twist::zero()]);
            let mut rest = RigidStepBar::<f64> {
                parameters: &mut parameters,
                colliders: &mut [],
                before: &mut before_bars,
            };
            step_vjp(
                &surroundings,
                bodies,
                &before,
                &falling,
                dt,
                &mut scratch,
                &mut bars,
                &mut rest,
            );
            fall_vjp(
                bodies,
                &states[at],
                &Vector3::new(0.0, -g, 0.0),
                dt,
                &mut bars,
                rest.parameters,
            );
            bars[0].twist += before_bars[0];
        }
        let (t, s) = (dt * steps as f64, (2.0 * height / g).sqrt());
        let known = s / (2.0 * height) * g * (e * (t - 2.0 * s) + t - s);
        let found = bars[0].pose.position.y;
        // Symplectic Euler is of first order: some parts of dt / s of each term.
        let terms = s / (2.0 * height) * g * (e * (t - 2.0 * s).abs() + t - s);
        assert!(
            (found - known).abs() < 4.0 * dt / s * terms,
            "{height}: {found} {known}"
        );
    }
}

#[test]
fn bodies_that_collide_keep_their_momentum() {
    let mut bodies = vec![
        body(Shape::Sphere(Sphere { radius: 0.1 }), Joint::Free),
        body(cuboid([0.1, 0.05, 0.15], 0.0), Joint::Free),
    ];
    bodies[1].mass *= 3.0;
    let mut states = vec![
        state([0.3, 0.5, 0.5], [0.0; 3], [1.5, 0.1, 0.0], [1.0, 2.0, 3.0]),
        state(
            [0.6, 0.5, 0.5],
            [0.1, 0.2, 0.3],
            [0.0, 0.0, 0.1],
            [0.0, 0.5, 0.0],
        ),
    ];
    let momentum = |states: &[RigidState<f64>]| -> Vector3<f64> {
        bodies
            .iter()
            .zip(states)
            .map(|(body, state)| state.twist.linear * body.mass)
            .sum()
    };
    let before = momentum(&states);
    let first = states[0].twist.linear;
    let surroundings = Surroundings::<f64> {
        walls: None,
        colliders: &[],
    };
    let mut scratch = RigidScratch::default();
    for _ in 0..300 {
        let before: Vec<_> = states.iter().map(|state| state.twist).collect();
        step(
            &surroundings,
            &bodies,
            &before,
            &mut states,
            1e-3,
            &mut scratch,
        );
    }
    assert!((states[0].twist.linear - first).norm() > 0.1);
    assert!((momentum(&states) - before).norm() <= 1e-13 * before.norm());
}

#[test]
fn free_body_keeps_its_angular_momentum_exactly_and_its_rotation_orthonormal() {
    let body = body(cuboid([0.1, 0.05, 0.15], 0.0), Joint::Free);
    let start = state([0.5; 3], [0.3, 0.4, -0.8], [0.0; 3], [3.0, -9.0, 4.0]);
    let (mut state, dt) = (start, 1e-3);
    let (momentum, energy) = (body.angular_momentum(&start), body.kinetic_energy(&start));
    let mut worst: f64 = 0.0;
    for _ in 0..20_000 {
        state = coast(&body, &state, dt);
        worst = worst.max((body.kinetic_energy(&state) / energy - 1.0).abs());
    }
    // Round-off alone: 20,000 steps of some 1e-16.
    let drift = (body.angular_momentum(&state) - momentum).norm() / momentum.norm();
    assert!(drift < 5e-12, "{drift}");
    let skew = state.pose.rotation.transpose() * state.pose.rotation - Matrix3::identity();
    assert!(skew.norm() < 1e-12, "{}", skew.norm());
    // The energy oscillates with (w dt)^2 and does not drift.
    assert!(worst < 1e-4, "{worst}");
}
