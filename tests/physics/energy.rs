//! Energy: an elastic body without walls never gains any.

use backflow_sim::material::{Elasticity, Law, Solid};
use nalgebra::{Matrix3, Vector3};

use crate::fixture::{Case, DX, Matter, floating};

/// Strain energy density (Pa) from the singular values of `F`.
fn stored(law: &Solid<f64>, f: &Matrix3<f64>) -> f64 {
    let [young, poisson, ..] = law.parameters();
    let Elasticity { mu, lambda, .. } = Elasticity::new(young, poisson);
    let (s, j) = (f.singular_values(), f.determinant());
    match law {
        Solid::NeoHookean(_) => {
            0.5 * mu * (s.norm_squared() - 3.0) - mu * j.ln() + 0.5 * lambda * j.ln() * j.ln()
        }
        _ => mu * s.add_scalar(-1.0).norm_squared() + 0.5 * lambda * (j - 1.0) * (j - 1.0),
    }
}

/// Kinetic and stored energy (J); the affine motion about a particle has the inertia of
/// quadratic B-splines.
fn energy(case: &Case, particles: &backflow_sim::particle::Particles<f64>) -> [f64; 2] {
    let (body, cloud) = (&case.world.solids[0], &particles.solid);
    let (mut kinetic, mut elastic) = (0.0, 0.0);
    for slot in 0..cloud.len() {
        let motion = &cloud.motion[slot];
        let affine = 0.25 * DX * DX * motion.c().norm_squared();
        kinetic += 0.5 * case.particle_mass() * (motion.v().norm_squared() + affine);
        elastic += body.volume * stored(&body.law, &cloud.strain[slot].f());
    }
    [kinetic, elastic]
}

#[test]
fn a_free_elastic_block_never_gains_energy() {
    let centre = Vector3::new(0.47, 0.5, 0.5);
    // Stretches along one axis, shears across another and turns.
    let rate = Matrix3::new(3.0, 1.0, -2.0, 4.0, -2.0, 0.5, 1.0, -0.5, -1.0);
    for matter in [Matter::NeoHookean, Matter::FixedCorotated] {
        let case = floating(matter, 2.5e-4).moving(|x| (rate * (x - centre), rate));
        let [start, rest] = energy(&case, &case.particles);
        assert!(rest.abs() <= 1e-12 * start, "it starts unstrained");
        let (mut peak, mut most_stored, mut end) = (0.0_f64, 0.0_f64, 0.0);
        case.run(2000, |_, state| {
            let [kinetic, elastic] = energy(&case, &state.particles);
            end = (kinetic + elastic) / start;
            peak = peak.max(end);
            most_stored = most_stored.max(elastic / start);
        });
        println!(
            "{matter:?}: energy at most {peak:.5}, {end:.3} at the end; {most_stored:.3} stored"
        );
        // Symplectic Euler moves energy to and fro by O(dt); more than 0.5 % is a gain.
        assert!(peak <= 1.005, "{matter:?}: {peak}");
        // Otherwise nothing was exchanged, and nothing tested.
        assert!(most_stored > 0.1, "{matter:?}: {most_stored}");
    }
}
