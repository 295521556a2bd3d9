//! The bits of states and gradients, in one list.

use backflow_diff::Real;
use backflow_sim::{
    material::Strain,
    particle::{Motion, Particles},
    rollout::Gradient,
};

/// The bits of all that particles carry. Widening is exact.
pub fn of_particles<T: Real>(particles: &Particles<T>) -> Vec<u64> {
    let Particles { liquid, solid } = particles;
    let motion = || liquid.motion.iter().chain(&solid.motion);
    let vectors = motion()
        .flat_map(|motion| [motion.x(), motion.v()])
        .flat_map(<[T; 3]>::from);
    let matrices = motion()
        .map(Motion::c)
        .flat_map(<[[T; 3]; 3]>::from)
        .flatten()
        .chain(solid.strain.iter().flat_map(Strain::components).copied());
    vectors
        .chain(matrices)
        .chain(liquid.strain.iter().copied())
        .map(|value| value.to_f64().to_bits())
        .collect()
}

/// The bits of a value and its gradient.
pub fn of_gradient<T: Real>((value, gradient): &(f64, Gradient<T>)) -> Vec<u64> {
    let Gradient {
        particles,
        bodies,
        activations,
        forces,
        shares,
        gravity,
        walls,
        colliders,
        tools,
        // The fixture has none of these.
        policies: _,
        injectors: _,
        rigids: _,
        gas: _,
    } = gradient;
    let mut rest = vec![*value];
    rest.extend(
        bodies
            .iter()
            .flatten()
            .chain(activations.iter().flatten())
            .chain(forces.iter().flatten())
            .chain(shares)
            .chain(gravity.iter())
            .chain(walls.iter().flatten()),
    );
    for collider in colliders {
        rest.push(collider.friction);
        rest.extend(
            collider
                .pose
                .position
                .iter()
                .chain(collider.pose.rotation.iter()),
        );
    }
    for tool in tools {
        let pose = &tool.start.pose;
        rest.extend(pose.position.iter().chain(pose.rotation.iter()));
        rest.extend(&tool.commands);
    }
    // A gradient of zeros or of no numbers would agree with anything.
    assert!(rest.iter().all(|value| value.is_finite()));
    assert!(rest.iter().filter(|value| **value != 0.0).count() > rest.len() / 2);
    let mut bits = of_particles(particles);
    bits.extend(rest.iter().map(|value| value.to_bits()));
    bits
}
