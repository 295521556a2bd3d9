use backflow_diff::Real;
use nalgebra::Vector3;
use num_dual::Dual64;

use super::*;
use crate::{
    collider::testing::noise,
    contact::ContactLaw,
    particle::Motion,
    pose::Pose,
    tool::{
        Injector, Nozzle,
        testing::{arm, direction, dual_stance},
    },
    transfer::grid_update::tests::world as corner,
};

const PARTICLES: usize = 5;

/// A world of one liquid and a policy that sees it and moves along x, about z and a joint.
fn world() -> World<f64> {
    let mut world = corner(ContactLaw::Slip, false);
    world.liquids[0].range = 0..PARTICLES;
    world.clock.frames = 4;
    let mut policy = Policy {
        tool: 0,
        sees: vec![Matter::Liquid(0)],
        joints: 3,
        reach: vec![(0, 0.7), (5, 1.3), (7, 0.2)],
        hidden: 4,
        length: 0.3,
        speed: 0.8,
        weights: Vec::new(),
    };
    policy.weights = numbers(40, policy.network().weights());
    world.policies.push(policy);
    world
}

/// Numbers between -1 and 1 that depend on `seed`.
fn numbers(seed: u32, count: usize) -> Vec<f64> {
    let triples = (0..count.div_ceil(3)).map(|index| noise(seed + index as u32));
    let all = triples.flat_map(|triple| [triple.x, triple.y, triple.z]);
    all.take(count).collect()
}

fn vectors(seed: u32) -> Vec<Vector3<f64>> {
    (0..PARTICLES)
        .map(|index| noise(seed + index as u32))
        .collect()
}

fn state<T: Real>(world: &World<T>, x: &[Vector3<T>], v: &[Vector3<T>]) -> State<T> {
    let mut particles = Particles::zeros(0, 0);
    for (x, v) in x.iter().zip(v) {
        particles.liquid.push(*x, *v);
    }
    State::new(world, particles)
}

fn moving(at: &[Vector3<f64>], along: &[Vector3<f64>]) -> Vec<Vector3<Dual64>> {
    at.iter()
        .zip(along)
        .map(|(at, along)| at.zip_map(along, Dual64::new))
        .collect()
}

#[test]
fn a_decision_is_bounded_and_added_to_the_command() {
    let mut world = world();
    let state = state(&world, &vectors(50), &vectors(60));
    let (_, stance, _) = arm();
    let before = numbers(70, 9);
    let mut command = before.clone();
    world.policies[0].decide(&world, &state, 1, &stance, &mut command);
    for (index, (now, before)) in command.iter().zip(&before).enumerate() {
        let most = match index {
            0 => 0.7,
            5 => 1.3,
            7 => 0.2,
            _ => 0.0,
        };
        assert!((now - before).abs() <= most);
        assert_eq!(now == before, most == 0.0, "{index}");
    }
    // First weights decide nothing.
    world.policies[0].weights = world.policies[0].network().start(3);
    let mut command = before.clone();
    world.policies[0].decide(&world, &state, 1, &stance, &mut command);
    assert_eq!(command, before);
}

#[test]
fn matter_that_is_carried_along_with_tool_and_domain_looks_the_same() {
    let mut world = world();
    let (_, mut stance, _) = arm();
    let (x, v) = (vectors(50), vectors(60));
    let decide = |world: &World<f64>, x: &[Vector3<f64>], stance: &Stance<f64>| {
        let mut command = vec![0.0; 9];
        world.policies[0].decide(world, &state(world, x, &v), 2, stance, &mut command);
        command
    };
    let before = decide(&world, &x, &stance);
    let shift = Vector3::new(0.25, -0.5, 1.0);
    let shifted: Vec<_> = x.iter().map(|x| x + shift).collect();
    stance.pose.position += shift;
    assert!(
        decide(&world, &shifted, &stance) != before,
        "the place in the domain is seen"
    );
    world.lattice.origin += shift;
    let after = decide(&world, &shifted, &stance);
    for (after, before) in after.iter().zip(&before) {
        assert!((after - before).abs() <= 1e-14);
    }
}

/// Two particles in each of the first two frames.
fn nozzle() -> Injector<f64> {
    Injector {
        name: String::new(),
        matter: Matter::Liquid(0),
        mount: None,
        pose: Pose::identity(),
        nozzle: Nozzle::Ball(0.1),
        velocity: Vector3::zeros(),
        frames: 0..2,
        per_frame: 2.0,
        seed: 0,
    }
}

#[test]
fn particles_that_a_nozzle_lets_out_are_seen_a_frame_later() {
    let mut world = world();
    let (_, stance, _) = arm();
    let decide = |world: &World<f64>, x: &[Vector3<f64>], frame| {
        let mut command = vec![0.0; 9];
        let state = state(world, x, &vectors(60));
        world.policies[0].decide(world, &state, frame, &stance, &mut command);
        command
    };
    world.injectors.push(nozzle());
    let (here, mut there) = (vectors(50), vectors(50));
    there[1].x += 0.5;
    // Nothing is seen before the second frame, then the two of the first.
    assert_eq!(decide(&world, &here, 0), decide(&world, &there, 0));
    assert_ne!(decide(&world, &here, 1), decide(&world, &there, 1));
    there = here.clone();
    there[3].x += 0.5;
    assert_eq!(decide(&world, &here, 1), decide(&world, &there, 1));
    assert_ne!(decide(&world, &here, 2), decide(&world, &there, 2));
}

#[test]
fn decide_vjp_is_the_transpose() {
    let world = world();
    let (x, v) = (vectors(50), vectors(60));
    let (_, stance, _) = arm();
    let command_bar = numbers(80, 9);
    let state_now = state(&world, &x, &v);
    let (mut particles, mut stance_bar) = (Particles::zeros(PARTICLES, 0), StanceBar::zero(3));
    let mut weights = vec![0.0; world.policies[0].weights.len()];
    let mut bar = DecisionBar {
        particles: &mut particles,
        stance: &mut stance_bar,
        weights: &mut weights,
    };
    world.policies[0].decide_vjp(&world, &state_now, 1, &stance, &command_bar, &mut bar);

    let still = vec![Vector3::zeros(); PARTICLES];
    for input in ["x", "v", "weights", "position", "joints"] {
        let only = |name: &str, seed| {
            if input == name {
                vectors(seed)
            } else {
                still.clone()
            }
        };
        let (dx, dv) = (only("x", 90), only("v", 100));
        let (pushed, _) = match input {
            "position" => direction(0, 110),
            "joints" => direction(1, 110),
            _ => (StanceBar::zero(3), crate::tool::Rate::zero(3)),
        };
        let mut dual: World<Dual64> = world.cast();
        let along = numbers(120, weights.len());
        if input == "weights" {
            for (weight, along) in dual.policies[0].weights.iter_mut().zip(&along) {
                weight.eps = *along;
            }
        }
        let now = state(&dual, &moving(&x, &dx), &moving(&v, &dv));
        let mut command = vec![Dual64::from(0.0); 9];
        let place = dual_stance(&stance, &pushed);
        dual.policies[0].decide(&dual, &now, 1, &place, &mut command);
        let forward: f64 = command
            .iter()
            .zip(&command_bar)
            .map(|(c, bar)| c.eps * bar)
            .sum();

        let dot = |bars: Vec<Vector3<f64>>, along: &[Vector3<f64>]| -> f64 {
            bars.iter()
                .zip(along)
                .map(|(bar, along)| bar.dot(along))
                .sum()
        };
        let motions = &particles.liquid.motion;
        let mut backward = dot(motions.iter().map(Motion::x).collect(), &dx)
            + dot(motions.iter().map(Motion::v).collect(), &dv)
            + stance_bar.pose.position.dot(&pushed.pose.position)
            + stance_bar.pose.rotation.dot(&pushed.pose.rotation);
        let joints = stance_bar.joints.iter().zip(&pushed.joints);
        backward += joints.map(|(bar, along)| bar * along).sum::<f64>();
        if input == "weights" {
            backward += weights
                .iter()
                .zip(&along)
                .map(|(bar, along)| bar * along)
                .sum::<f64>();
        }
        assert!(forward.abs() > 1e-6, "{input}");
        assert!(
            (forward - backward).abs() <= 1e-12 * forward.abs(),
            "{input}"
        );
    }
}
