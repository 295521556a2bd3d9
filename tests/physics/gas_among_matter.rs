//! Gas, particles and a rigid body keep the momentum that they have together.

use std::sync::Arc;

use backflow_sim::{
    gas::{
        Gas,
        exchange::{Coupling, Grain, load, matter},
        field::{Field, Velocity},
    },
    particle::Motion,
    rollout::{State, forward::Rollout},
    scene::{Scene, Spec, build, parse},
};
use nalgebra::Vector3;

/// A leaf and a free ball, far apart, in a wind that no side stops.
fn scene() -> Scene {
    let text = r#"(
            version: 1, name: "wind",
            domain: (size: (1.2, 0.8, 0.8), cell: 0.1),
            gravity: (0, 0, 0),
            time: (frames: 1, frame: 0.004),
            materials: {"leaf": FixedCorotated(density: 30, young: 2000, poisson: 0.2)},
            bodies: [(name: "leaf", material: "leaf", shape: Sphere(radius: 0.1), position: (0.35, 0.42, 0.4), velocity: (0, 0.3, 0))],
            rigids: [(name: "ball", shape: Sphere(radius: 0.1), weight: Density(40), position: (0.85, 0.4, 0.43))],
            gas: (
                steps: Some(1), tolerance: 1e-12, velocity: (1, 0.5, -0.2),
                sides: (default: Periodic),
                coupling: (drag: 200),
            ),
        )"#;
    let (spec, faults): (Spec<()>, _) = parse(text, "wind").unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    build(&spec, std::path::Path::new("")).unwrap()
}

/// Momentum of particles and of the ball (kg m/s).
fn of_matter(scene: &Scene, state: &State<f64>) -> Vector3<f64> {
    let leaf = &scene.world.solids[0];
    let particles = state.canonical(&scene.world);
    let motions = particles.solid.motion.iter();
    let sum: Vector3<f64> = motions.map(Motion::v).sum();
    let ball = scene.world.rigids[0].mass * state.rigids[0].twist.linear;
    sum * (leaf.volume * leaf.density) + ball
}

/// The share of the gas of every face at the start.
fn shares(scene: &Scene, state: &State<f64>) -> Velocity<f64> {
    let gas = scene.gas.as_ref().unwrap();
    let leaf = &scene.world.solids[0];
    let particles = state.canonical(&scene.world);
    let mut grains: Vec<Grain<f64>> = particles
        .solid
        .motion
        .iter()
        .map(|motion| Grain {
            x: motion.x(),
            v: motion.v(),
            volume: leaf.volume,
            density: leaf.density,
        })
        .collect();
    let (body, at) = (&scene.world.rigids[0], &state.rigids[0]);
    grains.extend(gas.fillings[0].grains::<f64>(body, at));
    let settings = gas.coupling.unwrap();
    let coupling = Coupling {
        drag: settings.drag,
        share: settings.share,
        density: gas.model.density,
    };
    let load = load(&gas.model.grid, &grains);
    let most = load.alpha.iter().map(Field::largest).fold(0.0, f64::max);
    // Some faces have more matter than the share that it may take.
    assert!(most > settings.share, "{most}");
    matter(&gas.model.grid, &coupling, &load).occupied.share
}

/// Momentum of the gas between the matter (kg m/s).
fn of_gas(scene: &Scene, share: &Velocity<f64>, gas: &Gas<f64>) -> Vector3<f64> {
    let model = &scene.gas.as_ref().unwrap().model;
    let mass = model.density * model.grid.dx.powi(3);
    Vector3::from_fn(|axis, _| {
        let (share, u) = (share[axis].samples(), gas.velocity[axis].samples());
        mass * share.iter().zip(&u).map(|(s, u)| s * u).sum::<f64>()
    })
}

#[test]
fn what_the_gas_loses_particles_and_bodies_gain() {
    let scene = scene();
    let parts = scene.gas.as_ref().unwrap();
    let mut state = State::new(&scene.world, scene.particles.clone());
    let mut gas = Arc::new(parts.initial.clone());
    let share = shares(&scene, &state);
    let before = [of_gas(&scene, &share, &gas), of_matter(&scene, &state)];
    let mut rollout = Rollout::new(&scene.world, &[]);
    parts
        .among(&parts.model)
        .advance(&mut rollout, &mut state, &mut gas, 0)
        .unwrap();
    let after = [of_gas(&scene, &share, &gas), of_matter(&scene, &state)];
    let (lost, gained) = (before[0] - after[0], after[1] - before[1]);
    assert!(gained.x > 1e-4, "{gained}");
    assert!(
        (lost - gained).norm() <= 1e-11 * before[0].norm(),
        "{lost} {gained}"
    );
}
