//! Momentum in contact: what matter loses, walls, colliders and tools take.

use backflow_sim::{
    collider::{Capsule, Cuboid, Shape},
    contact::{Collider, ContactLaw, Stage},
    pose::{Pose, Twist},
    rollout::forward::Rollout,
    tool::{Mount, Program, Tool},
};
use nalgebra::Vector3;

use crate::fixture::{Case, DX, MATTER, Matter, empty, totals};

const STEPS: usize = 30;

/// A block that falls into a corner onto a post and meets a turning paddle.
fn corner(matter: Matter, law: ContactLaw, stages: [Stage; 2]) -> Case {
    let mut case = empty([12; 3], DX, 5e-4)
        .fill(matter, [[0, 0, 0], [6, 5, 5]], 0.3, |_| true)
        .agitated(0.5, 3)
        .falling(Vector3::new(-2.0, -9.81, -1.0))
        .walled(law);
    // A frame is a substep, so that what is felt in a frame is what a substep gives.
    (case.world.clock.frames, case.world.clock.substeps) = (STEPS, 1);
    let collider = |name: &str, shape, at, width, stage, mount| Collider {
        name: name.into(),
        shape,
        pose: Pose::from_rotation_vector(at, &Vector3::new(0.3, 0.1, 0.2)),
        law,
        friction: 0.4,
        width,
        mount,
        stage,
    };
    let post = Shape::Capsule(Capsule {
        radius: 0.07,
        half_length: 0.1,
    });
    let blade = Shape::Cuboid(Cuboid {
        half_extents: Vector3::new(0.1, 0.04, 0.1),
        rounding: 0.02,
    });
    let mount = Some(Mount { tool: 0, link: 0 });
    case.world.colliders = vec![
        collider(
            "post",
            post,
            Vector3::new(0.2, 0.0, 0.1),
            0.03,
            stages[0],
            None,
        ),
        collider(
            "blade",
            blade,
            Vector3::new(0.0, 0.05, 0.0),
            0.05,
            stages[1],
            mount,
        ),
    ];
    let at = Vector3::new(0.3, 0.3, 0.25);
    case.world.tools = vec![Tool::rigid("paddle", Pose::from_rotation_vector(at, &at))];
    case
}

/// Momentum and moment of momentum that are not accounted for, at most, relative to the sum
/// of their magnitudes, a substep.
fn unaccounted(matters: &[Matter], stages: [Stage; 2], mirror: bool) -> [f64; 2] {
    let mut worst = [0.0_f64; 2];
    for (index, &matter) in matters.iter().enumerate() {
        let law = [
            ContactLaw::Coulomb,
            ContactLaw::Sticky,
            ContactLaw::Slip,
            ContactLaw::Separating,
        ][index % 4];
        let mut case = corner(matter, law, stages);
        if mirror {
            case.world.mirror();
        }
        let world = &case.world;
        let (dt, mass, count) = (world.clock.dt, case.particle_mass(), case.particles.len());
        let twist = Twist {
            linear: Vector3::new(-0.4, -1.0, 0.2),
            angular: Vector3::new(2.0, 1.0, -3.0),
        };
        let mut rollout = Rollout::new(world, &[Program::velocities(&[twist; STEPS])]);
        rollout.record_reactions(0);
        let mut state = case.state();
        let about = Vector3::zeros();
        let mut before = totals(&state.particles, DX, &about);
        let mut moment = Vector3::zeros();
        let mut taken = 0.0_f64;
        for step in 0..STEPS {
            let positions = crate::fixture::motion(&state.particles);
            let weight_moment: Vector3<f64> =
                positions.map(|(x, _, _)| x.cross(&world.gravity)).sum();
            rollout.advance(&mut state, step).unwrap();
            let after = totals(&state.particles, DX, &about);
            let felt = rollout.read(&state, step, false).reactions;
            let walls = felt.walls.as_flattened().iter();
            let places = [world.colliders[0].pose, rollout.frames(step)[0][0].0];
            let blade = places[1].compose(&world.colliders[1].pose).position;
            let arms = [places[0].position, blade];
            let mut force: Vector3<f64> = walls.clone().map(|wrench| wrench.force).sum();
            let mut torque: Vector3<f64> = walls.map(|wrench| wrench.torque).sum();
            for (wrench, arm) in felt.colliders.iter().zip(arms) {
                force += wrench.force;
                torque += wrench.torque + arm.cross(&wrench.force);
            }
            let expected = world.gravity * (dt * count as f64) - force * (dt / mass);
            let off = (after.momentum - before.momentum - expected).norm();
            worst[0] = worst[0].max(off / before.momentum_scale);
            let expected = weight_moment * dt - torque * (dt / mass);
            let off = (after.angular - before.angular - expected).norm();
            worst[1] = worst[1].max(off / before.angular_scale);
            // The tool feels what the blade feels, about another point.
            let (tool, part) = (&felt.tools[0], &felt.colliders[1]);
            assert!((tool.force - part.force).norm() <= 1e-12 * part.force.norm());
            let arm = blade - places[1].position;
            let shifted = part.torque + arm.cross(&part.force);
            assert!((tool.torque - shifted).norm() <= 1e-10 * (1.0 + shifted.norm()));
            taken += part.force.norm() * dt;
            moment += torque;
            before = after;
        }
        assert!(
            taken > 0.0 && moment.norm() > 0.0,
            "{matter:?}: the blade is touched"
        );
    }
    worst
}

#[test]
fn what_matter_loses_is_what_walls_colliders_and_tools_take() {
    let [momentum, moment] = unaccounted(&MATTER, [Stage::Grid; 2], false);
    println!("not accounted for: {momentum:.1e} of momentum, {moment:.1e} of its moment");
    // Round-off of sums over a thousand particles is some 1e-14.
    assert!(
        momentum <= 1e-12 && moment <= 1e-12,
        "{momentum:e} {moment:e}"
    );
}

#[test]
fn what_matter_loses_to_mirrored_walls_they_take() {
    // The second meets sticky walls, the third slips.
    let [momentum, moment] = unaccounted(&MATTER[..3], [Stage::Grid; 2], true);
    assert!(
        momentum <= 1e-12 && moment <= 1e-12,
        "{momentum:e} {moment:e}"
    );
}

#[test]
fn momentum_is_accounted_for_where_colliders_act_on_particles() {
    // Its moment is not: particles are moved, too, by up to dt times what their velocity
    // changes by.
    let matters = [Matter::Viscous, Matter::NeoHookean];
    let [momentum, _] = unaccounted(&matters, [Stage::Shell, Stage::Both], false);
    assert!(momentum <= 1e-12, "{momentum:e}");
}
