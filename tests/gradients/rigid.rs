//! Rigid bodies among matter: `<J v, w> = <v, J^T w>` over one substep and over 200.

use backflow_diff::Real;
use backflow_sim::{
    collider::{Cuboid, Shape, Sphere},
    contact::ContactLaw,
    loss::{Frame, FrameBar},
    pose::{Pose, Twist, exp},
    rigid::{Joint, RigidBody, RigidState},
    rollout::{Gradient, State, forward::Rollout, frame::Criterion},
};
use nalgebra::{Matrix3, Vector3};
use num_dual::Dual64;

use crate::{
    fixture::{LAWS, Matter, Noise, Setup, dot, setup, weights},
    inputs::{INPUTS, Input, along},
    rollout::pull,
};

/// An input of rigid bodies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Own {
    Pose,
    Twist,
    Mass,
    Moments,
    Friction,
    Restitution,
    MatterFriction,
}

const OWN: [Own; 7] = [
    Own::Pose,
    Own::Twist,
    Own::Mass,
    Own::Moments,
    Own::Friction,
    Own::Restitution,
    Own::MatterFriction,
];

fn solid(half: [f64; 3]) -> Shape<f64> {
    Shape::Cuboid(Cuboid {
        half_extents: half.into(),
        rounding: 0.01,
    })
}

/// A block that falls to the floor beside the matter, a light ball in it that falls on the
/// collider there, and a flap on a hinge that swings into it.
fn with_bodies(law: ContactLaw, frames: usize, substeps: usize) -> Setup<f64> {
    let mut setup = setup(Matter::Mixed, law, frames, substeps);
    let mut add = |shape, density: f64, position: [f64; 3], linear: [f64; 3], joint| {
        let mut body = RigidBody::of_shape(shape, density).unwrap();
        body.joint = joint;
        body.friction = 0.3;
        body.restitution = 0.4;
        body.collider.law = law;
        body.collider.friction = 0.35;
        body.collider.width = 0.02;
        body.start = RigidState {
            pose: Pose::from_rotation_vector(position.into(), &Vector3::new(0.2, -0.1, 0.3)),
            twist: Twist {
                linear: linear.into(),
                angular: Vector3::new(1.0, -2.0, 3.0),
            },
        };
        setup.world.rigids.push(body);
    };
    let block = solid([0.06, 0.04, 0.05]);
    add(
        block,
        300.0,
        [0.36, 0.2, 0.3],
        [0.2, 0.0, -0.5],
        Joint::Free,
    );
    let ball = Shape::Sphere(Sphere { radius: 0.05 });
    add(
        ball,
        100.0,
        [0.17, 0.125, 0.13],
        [0.1, -1.0, 0.3],
        Joint::Free,
    );
    let hinge = Joint::Hinge {
        axis: Vector3::z(),
        anchor: Vector3::new(0.42, 0.33, 0.12),
    };
    add(
        solid([0.07, 0.03, 0.06]),
        1500.0,
        [0.33, 0.31, 0.12],
        [0.0; 3],
        hinge,
    );
    setup
}

/// Weights of position, rotation, velocity and angular velocity of a body.
fn weight(body: usize) -> [Vector3<f64>; 4] {
    let mut noise = Noise(body as u64 + 77);
    std::array::from_fn(|_| noise.vector())
}

/// `<w, state>`, of the rotation the sum of the columns.
fn read<T: Real>(states: &[RigidState<T>]) -> T {
    let mut sum = T::of(0.0);
    for (index, state) in states.iter().enumerate() {
        let [x, r, v, w] = weight(index).map(|weight| weight.map(T::of));
        let columns = state.pose.rotation * Vector3::repeat(T::one());
        sum += state.pose.position.dot(&x)
            + columns.dot(&r)
            + state.twist.linear.dot(&v)
            + state.twist.angular.dot(&w);
    }
    sum
}

/// Reads the bodies at the end of the run.
struct Last(usize);

impl Criterion<f64> for Last {
    fn reads(&self, frame: usize) -> bool {
        frame == self.0
    }

    fn value(&self, frame: &Frame<f64>) -> f64 {
        read(&frame.rigids)
    }

    fn value_vjp(&self, frame: &Frame<f64>, bars: &mut FrameBar<f64>) {
        for (index, (state, bar)) in frame.rigids.iter().zip(&mut bars.rigids).enumerate() {
            let [x, r, v, w] = weight(index);
            let columns: Vector3<f64> = state.pose.rotation * Vector3::repeat(1.0);
            bar.pose.position += x;
            bar.pose.rotation += columns.cross(&r);
            bar.twist.linear += v;
            bar.twist.angular += w;
        }
    }
}

/// `<J v, w>` by a dual run.
fn push(setup: &Setup<Dual64>, plain: &Setup<f64>) -> f64 {
    let weights = weights(&plain.particles, &mut Noise(9));
    let mut rollout = Rollout::new(&setup.world, &setup.programs);
    let mut state = State::new(&setup.world, setup.particles.clone());
    for step in 0..rollout.steps() {
        rollout.advance(&mut state, step).unwrap();
    }
    (dot(&state.canonical(&setup.world), &weights) + read(&state.rigids)).eps
}

/// A random tangent in one input of the bodies.
fn seeded(setup: &Setup<f64>, own: Own) -> Setup<Dual64> {
    let mut seeded = setup.seeded(Input::Gravity, &mut Noise(5));
    seeded.world.gravity = setup.world.gravity.map(Dual64::from);
    let mut noise = Noise(5);
    for body in &mut seeded.world.rigids {
        let (first, second) = (noise.vector(), noise.vector());
        let tangent = |v: &Vector3<f64>| v.map(|entry| Dual64::new(0.0, entry));
        match own {
            Own::Pose => {
                body.start.pose.position += tangent(&first);
                let turn: Matrix3<Dual64> = exp(&tangent(&second));
                body.start.pose.rotation = turn * body.start.pose.rotation;
            }
            Own::Twist => {
                body.start.twist.linear += tangent(&first);
                body.start.twist.angular += tangent(&second);
            }
            Own::Mass => body.mass.eps = first.x,
            Own::Moments => body.moments += tangent(&(second * 1e-3)),
            Own::Friction => body.friction.eps = first.x,
            Own::Restitution => body.restitution.eps = first.x,
            Own::MatterFriction => body.collider.friction.eps = first.x,
        }
    }
    seeded
}

/// The same tangent with the gradient.
fn along_own(gradient: &Gradient<f64>, own: Own) -> f64 {
    let mut noise = Noise(5);
    let mut sum = 0.0;
    for body in &gradient.rigids {
        let (first, second) = (noise.vector(), noise.vector());
        let (start, constants) = (&body.start, &body.parameters);
        sum += match own {
            Own::Pose => start.pose.position.dot(&first) + start.pose.rotation.dot(&second),
            Own::Twist => start.twist.linear.dot(&first) + start.twist.angular.dot(&second),
            Own::Mass => constants.mass * first.x,
            Own::Moments => constants.moments.dot(&(second * 1e-3)),
            Own::Friction => constants.friction * first.x,
            Own::Restitution => constants.restitution * first.x,
            Own::MatterFriction => constants.matter_friction * first.x,
        };
    }
    sum
}

fn check(setup: &Setup<f64>, law: ContactLaw, tolerance: f64, touching: bool) {
    let last = Last(setup.world.clock.frames - 1);
    let gradient = pull(setup, &last, &mut Noise(9));
    let assert_near = |forward: f64, reverse: f64, what: String, idle: bool| {
        let scale = forward.abs().max(reverse.abs());
        assert!(idle || scale > 0.0, "{law:?}, {what} has no effect");
        let error = (forward - reverse).abs() / scale.max(1e-300);
        assert!(error <= tolerance, "{law:?}, {what}: {error:e}");
    };
    for input in INPUTS {
        let forward = push(&setup.seeded(input, &mut Noise(5)), setup);
        let reverse = along(&gradient, input, setup, &mut Noise(5));
        let idle = match input {
            Input::WallFriction | Input::ColliderFriction => law != ContactLaw::Coulomb,
            Input::ToolJoints | Input::Injector | Input::Activation => true,
            _ => false,
        };
        assert_near(forward, reverse, format!("{input:?}"), idle);
    }
    for own in OWN {
        let forward = push(&seeded(setup, own), setup);
        let idle = match own {
            Own::MatterFriction => law != ContactLaw::Coulomb,
            Own::Friction | Own::Restitution => !touching,
            _ => false,
        };
        assert_near(forward, along_own(&gradient, own), format!("{own:?}"), idle);
    }
}

#[test]
fn a_substep_with_rigid_bodies_has_the_adjoint_of_its_tangent_for_every_law() {
    for law in LAWS {
        check(&with_bodies(law, 2, 1), law, 1e-10, false);
    }
}

#[test]
fn two_hundred_substeps_with_rigid_bodies_have_the_adjoint_of_their_tangent() {
    for law in LAWS {
        check(&with_bodies(law, 20, 10), law, 1e-8, true);
    }
}

#[test]
fn momentum_of_matter_and_rigid_bodies_is_kept_without_walls() {
    let mut setup = with_bodies(ContactLaw::Coulomb, 1, 40);
    setup.world.colliders.clear();
    setup.world.gravity = Vector3::zeros();
    setup.world.forces.clear();
    // Everything in the middle of a larger domain, and nothing on hinges.
    setup.world.lattice =
        backflow_sim::grid::Lattice::over(Vector3::repeat(-0.5), [24; 3], 1.0 / 16.0);
    for body in &mut setup.world.rigids {
        body.joint = Joint::Free;
    }
    let total = |state: &State<f64>| {
        let particles = state.canonical(&setup.world);
        let mut sum = Vector3::zeros();
        for body in &setup.world.liquids {
            for motion in &particles.liquid.motion[body.range.clone()] {
                sum += motion.v() * (body.density * body.volume);
            }
        }
        for body in &setup.world.solids {
            for motion in &particles.solid.motion[body.range.clone()] {
                sum += motion.v() * (body.density * body.volume);
            }
        }
        for (body, state) in setup.world.rigids.iter().zip(&state.rigids) {
            sum += state.twist.linear * body.mass;
        }
        sum
    };
    let mut rollout = Rollout::new(&setup.world, &setup.programs);
    let mut state = State::new(&setup.world, setup.particles.clone());
    let (before, bodies) = (total(&state), state.rigids.clone());
    for step in 0..rollout.steps() {
        rollout.advance(&mut state, step).unwrap();
    }
    assert!((total(&state) - before).norm() <= 1e-12 * before.norm());
    let moved = state.rigids.iter().zip(&bodies);
    let change = |(now, then): (&RigidState<f64>, &RigidState<f64>)| {
        (now.twist.linear - then.twist.linear).norm()
    };
    // The ball is in the midst of the matter.
    assert!(moved.map(change).any(|change| change > 1e-2));
}
