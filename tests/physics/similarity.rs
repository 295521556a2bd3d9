//! Froude similarity: the same run at another scale.

use backflow_sim::{
    contact::ContactLaw,
    material::{Law, Solid},
    particle::Particles,
};
use nalgebra::Vector3;

use crate::fixture::{Case, DX, FLOW_INDEX, MATTER, empty, motion};

/// The same case with lengths times `scale` and times times `sqrt(scale)`.
fn scaled(case: &Case, scale: f64) -> Case {
    let time = scale.sqrt();
    let mut case = case.clone();
    let world = &mut case.world;
    world.lattice.origin *= scale;
    world.lattice.dx *= scale;
    world.clock.dt *= time;
    for body in &mut world.liquids {
        body.volume *= scale.powi(3);
        let mut parameters = body.law.parameters();
        for (parameter, factor) in parameters.iter_mut().zip([scale, scale * time]) {
            *parameter *= factor;
        }
        body.law = body.law.with_parameters(parameters);
    }
    for body in &mut world.solids {
        body.volume *= scale.powi(3);
        let names = body.law.parameter_names();
        let mut parameters = body.law.parameters();
        for (parameter, name) in parameters.iter_mut().zip(names) {
            *parameter *= match *name {
                "poisson" | "friction_angle" | "azimuth" | "elevation" => 1.0,
                // Of stretches.
                "compression" | "extension" => 1.0,
                "hardening" if matches!(body.law, Solid::Snow(_)) => 1.0,
                // Pa s^n.
                "consistency" => scale * time.powf(FLOW_INDEX),
                _ => scale,
            };
        }
        body.law = body.law.with_parameters(parameters);
    }
    let Particles { liquid, solid } = &mut case.particles;
    for motion in liquid.motion.iter_mut().chain(&mut solid.motion) {
        motion.set_x(&(motion.x() * scale));
        motion.set_v(&(motion.v() * (scale / time)));
        motion.set_c(&(motion.c() / time));
    }
    case
}

#[test]
fn a_run_at_four_times_the_size_is_the_same_run() {
    let scale = 4.0_f64;
    for matter in MATTER {
        let small = empty([9; 3], DX, 1e-3)
            .fill(matter, [[1, 0, 3], [6, 4, 8]], 0.4, |_| true)
            .agitated(0.5, 41)
            .falling(Vector3::new(-1.0, -9.81, 2.0))
            .walled(ContactLaw::Coulomb);
        let large = scaled(&small, scale);
        let small = small.run(100, |_, _| {});
        let large = large.run(100, |_, _| {});
        let mut worst = 0.0_f64;
        for ((x, v, _), (x_large, v_large, _)) in motion(&small).zip(motion(&large)) {
            worst = worst.max((x_large / scale - x).norm());
            worst = worst.max((v_large / scale.sqrt() - v).norm());
        }
        println!("{matter:?}: similarity off by {worst:.1e}");
        // Powers of four scale without rounding: hardly a bit may differ.
        assert!(worst <= 1e-6, "{matter:?}: {worst:e}");
    }
}
