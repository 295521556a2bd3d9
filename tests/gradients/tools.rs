//! Tools with joints that go to poses within limits, and losses of what they feel: the
//! gradient of the loss against the tangent of the loss.

use backflow_diff::{Real, memory::Plan};
use backflow_sim::{
    collider::{Shape, Sphere},
    contact::{ContactLaw, Stage},
    loss::{
        Bodies, CentreOfMass, Effort, Frame, FrameBar, Overload, Reaction, Schedule, Source, Term,
        Uncollected, When,
    },
    material::Liquid,
    policy::Policy,
    pose::Pose,
    rollout::{State, forward::Rollout, frame::Criterion},
    tool::{
        Collector, Command, Drive, Injector, Joint, JointKind, Mount, Nozzle, Program, injector,
    },
    world::Body,
};
use nalgebra::Vector3;

use crate::{
    fixture::{LAWS, Matter, Noise, Setup, setup},
    inputs::{INPUTS, Input, along},
};

const FRAMES: usize = 4;
const SUBSTEPS: usize = 3;

/// A schedule as what a run is judged by.
struct Judge<W: Real>(Schedule<W>);

impl<W: Real> Criterion<W> for Judge<W> {
    fn reads(&self, frame: usize) -> bool {
        self.0.reads(frame)
    }

    fn reads_tools(&self, frame: usize) -> bool {
        self.0.reads_tools(frame)
    }

    fn reads_reactions(&self) -> bool {
        self.0.reads_reactions()
    }

    fn value(&self, frame: &Frame<W>) -> W {
        self.0.value(frame)
    }

    fn value_vjp(&self, frame: &Frame<W>, bars: &mut FrameBar<W>) {
        self.0.value_vjp(frame, W::one(), bars);
    }
}

/// The volume of a collector on the second joint.
fn volume<W: Real>() -> (Shape<W>, Pose<W>, Mount) {
    let radius = W::of(0.06);
    let pose = Pose {
        position: Vector3::new(-0.02, -0.1, -0.03).map(W::of),
        ..Pose::identity()
    };
    let mount = Mount { tool: 0, link: 2 };
    (Shape::Sphere(Sphere { radius }), pose, mount)
}

/// Forces, torques, effort, where the matter ends and what a collector on a tool with these joints
/// does not have, with weights that make them alike.
fn judge<W: Real>(like: &Frame<W>, joints: &[Joint<W>]) -> Judge<W> {
    let reaction = |of, at: f64| Reaction {
        of,
        force: Vector3::new(at, -2.0, 1.0),
        torque: Vector3::new(0.1, at, 0.0),
        weights: [1e-3, 0.1],
    };
    let overload = Overload {
        of: Source::Tool(0),
        force: 0.5,
        torque: 0.02,
    };
    let effort = Effort {
        tool: 0,
        linear: 0.1,
        angular: 0.01,
        joints: 0.02,
    };
    let centre = CentreOfMass {
        bodies: Bodies::All,
        axes: [true; 3],
        target: Vector3::new(0.2, 0.1, 0.3),
    };
    let (shape, pose, mount) = volume();
    let uncollected = Uncollected {
        bodies: Bodies::All,
        collector: 0,
        shape,
        pose,
        mount: Some((mount, joints.to_vec())),
        width: W::of(0.03),
    };
    let term = |loss, when| Term {
        loss,
        weight: 1.0,
        when,
    };
    let terms = vec![
        term(
            Box::new(reaction(Source::Wall(1, 0), 0.4)) as _,
            When::Every,
        ),
        term(
            Box::new(reaction(Source::Collider(2), -0.3)),
            When::Frame(1),
        ),
        term(
            Box::new(reaction(Source::Tool(0), 0.7)),
            When::Frames { from: 2, to: 3 },
        ),
        term(Box::new(overload), When::Every),
        term(Box::new(effort), When::Every),
        term(Box::new(centre), When::End),
        term(Box::new(uncollected), When::Every),
    ];
    Judge(Schedule::new(terms, FRAMES, like).unwrap())
}

/// The fixture with the paddle on a slider, the handle on a hinge of it, and a motion of
/// velocities and poses, of which some are more than the tool can do.
fn jointed(matter: Matter, law: ContactLaw) -> Setup<f64> {
    let mut setup = setup(matter, law, FRAMES, SUBSTEPS);
    let tool = &mut setup.world.tools[0];
    let joint = |kind, parent, anchor: [f64; 3], axis: [f64; 3]| Joint {
        name: String::new(),
        kind,
        parent,
        anchor: anchor.into(),
        axis: Vector3::from(axis).normalize(),
        range: [-0.5, 0.5],
        speed: 4.0,
    };
    tool.joints = vec![
        joint(JointKind::Slider, 0, [0.01, 0.0, 0.0], [1.0, 0.2, 0.1]),
        joint(JointKind::Hinge, 1, [0.0, 0.03, 0.0], [0.1, 0.2, 1.0]),
    ];
    tool.start.joints = [0.01, 0.1].into_iter().collect();
    tool.limits.linear = Vector3::repeat(0.9);
    tool.limits.workspace[0] = tool.start.pose.position - Vector3::repeat(0.01);
    setup.world.colliders[1].mount = Some(Mount { tool: 0, link: 1 });
    setup.world.colliders[2].mount = Some(Mount { tool: 0, link: 2 });
    // One collider of each stage.
    setup.world.colliders[1].stage = Stage::Shell;
    setup.world.colliders[2].stage = Stage::Both;
    // A nozzle on the second joint, which opens in the second frame.
    let (count, per_frame) = (2 * 9, 9);
    let first = setup.particles.liquid.len();
    for _ in 0..count {
        let wait = Vector3::repeat(0.25);
        setup.particles.liquid.push(wait, Vector3::zeros());
    }
    setup.world.liquids.push(Body {
        name: "spray".into(),
        law: Liquid {
            bulk_modulus: 1e4,
            viscosity: 0.2,
            exponent: 7.0,
            tension: true,
        },
        density: 900.0,
        volume: 2e-5,
        gravity: None,
        range: first..first + count,
    });
    let spray = setup.world.liquids.len() - 1;
    for force in &mut setup.world.forces {
        force.acts.insert(spray, true);
    }
    setup.world.injectors = vec![Injector {
        name: "spray".into(),
        matter: injector::Matter::Liquid(setup.world.liquids.len() - 1),
        mount: Some(Mount { tool: 0, link: 2 }),
        pose: Pose::from_rotation_vector(
            Vector3::new(0.05, 0.02, 0.0),
            &Vector3::new(0.2, 0.1, -0.3),
        ),
        nozzle: Nozzle::Disc(0.04),
        velocity: Vector3::new(0.2, -1.5, 0.1),
        frames: 1..3,
        per_frame: per_frame as f64,
        seed: 3,
    }];
    let start = setup.world.tools[0].start.pose.position;
    let mut noise = Noise(77);
    let mut program = Program::new(8);
    for frame in 0..FRAMES {
        let drive = match frame {
            0 | 3 => Drive::Velocity,
            frame => Drive::Pose { frames: 3 - frame },
        };
        let mut values: Vec<f64> = (0..8).map(|_| 1.5 * noise.next()).collect();
        if drive != Drive::Velocity {
            let near = start + Vector3::new(0.005, -0.004, 0.003) * frame as f64;
            values[..3].copy_from_slice(near.as_slice());
            for value in &mut values[3..] {
                *value *= 0.2;
            }
        }
        program.push(Command { drive, free: true }, &values);
    }
    setup.programs = vec![program];
    setup
}

/// Checks the gradient of the loss of a run of `setup` with respect to some inputs, of which some
/// have none.
fn check(setup: &Setup<f64>, inputs: &[Input], idle: impl Fn(Input) -> bool, label: &str) {
    let mut rollout = Rollout::new(&setup.world, &setup.programs);
    let state = State::new(&setup.world, setup.particles.clone());
    let joints = &setup.world.tools[0].joints;
    let judge_here = judge(&rollout.read(&state, FRAMES - 1, true), joints);
    let plan = Plan::new(rollout.steps(), 5).unwrap();
    let (value, gradient) = rollout
        .gradient(&state, &judge_here, None, &plan, &mut |_, _| true)
        .unwrap();
    assert!(rollout.trajectories[0].held() > 0, "a limit acts");
    let mut again = Rollout::new(&setup.world, &setup.programs);
    let same = again.value(&mut state.clone(), &judge_here, &mut |_, _| true);
    assert_eq!(same.unwrap(), value);
    // A plan that goes through all of it more often, from a rollout that has decided before.
    let plan = Plan::new(rollout.steps(), 2).unwrap();
    let twice = rollout.gradient(&state, &judge_here, None, &plan, &mut |_, _| true);
    assert_eq!(twice.unwrap(), (value, gradient.clone()));

    for &input in inputs {
        let lifted = setup.seeded(input, &mut Noise(5));
        let mut rollout = Rollout::new(&lifted.world, &lifted.programs);
        let mut state = State::new(&lifted.world, lifted.particles.clone());
        let joints = &lifted.world.tools[0].joints;
        let judge = judge(&rollout.read(&state, FRAMES - 1, true), joints);
        let found = rollout.value(&mut state, &judge, &mut |_, _| true).unwrap();
        let forward = found.eps;
        let reverse = along(&gradient, input, setup, &mut Noise(5));
        let scale = forward.abs().max(reverse.abs());
        let error = (forward - reverse).abs();
        assert_eq!(scale == 0.0, idle(input), "{label} {input:?}");
        assert!(
            error <= 1e-10 * scale,
            "{label} {input:?}: {forward:e} {reverse:e}"
        );
    }
}

#[test]
fn losses_of_motion_and_force_have_the_gradient_of_their_tangent() {
    let laws = LAWS.into_iter().zip([
        Matter::Viscous,
        Matter::NeoHookean,
        Matter::DruckerPrager,
        Matter::Mixed,
    ]);
    for (law, matter) in laws {
        let setup = jointed(matter, law);
        let idle = |input| {
            let friction = matches!(input, Input::WallFriction | Input::ColliderFriction);
            friction && law != ContactLaw::Coulomb || input == Input::Activation
        };
        check(&setup, &INPUTS, idle, &format!("{law:?} {matter:?}"));
    }
}

#[test]
fn runs_that_a_policy_steers_have_the_gradient_of_their_tangent() {
    let mut setup = jointed(Matter::Mixed, ContactLaw::Coulomb);
    let spray = setup.world.liquids.len() - 1;
    let mut policy = Policy {
        tool: 0,
        sees: vec![
            injector::Matter::Liquid(spray),
            injector::Matter::Solid(0),
            injector::Matter::Liquid(0),
        ],
        joints: 2,
        reach: vec![(0, 0.3), (4, 0.5), (7, 0.2)],
        hidden: 6,
        length: 0.2,
        speed: 0.7,
        weights: Vec::new(),
    };
    let mut noise = Noise(9);
    let count = policy.network().weights();
    policy.weights = (0..count).map(|_| noise.next()).collect();
    setup.world.policies = vec![policy];
    let inputs = [&INPUTS[..], &[Input::Policy]].concat();
    let idle = |input| input == Input::Activation;
    check(&setup, &inputs, idle, "steered");
}

#[test]
fn runs_that_a_collector_takes_matter_out_of_have_the_gradient_of_their_tangent() {
    for (law, matter) in [
        (ContactLaw::Coulomb, Matter::Mixed),
        (ContactLaw::Separating, Matter::DruckerPrager),
    ] {
        let mut setup = jointed(matter, law);
        let (shape, pose, mount) = volume();
        let bodies = setup.world.liquids.len() + setup.world.solids.len();
        setup.world.collectors = vec![Collector {
            name: "sieve".into(),
            mount: Some(mount),
            pose,
            shape,
            of: vec![true; bodies],
            removes: true,
            frames: 1..FRAMES,
        }];
        // Some are taken at the start of the second frame, more later, many never.
        let mut rollout = Rollout::new(&setup.world, &setup.programs);
        let mut state = State::new(&setup.world, setup.particles.clone());
        let count = |state: &State<f64>| {
            let all = state.taken.liquid.iter().chain(&state.taken.solid);
            all.filter(|by| **by > 0).count()
        };
        let mut counts = Vec::new();
        for frame in 0..FRAMES {
            rollout.advance_frame(&mut state, frame).unwrap();
            counts.push(count(&state));
        }
        let [first, second, .., last] = counts[..] else {
            panic!("frames")
        };
        let all = setup.particles.liquid.len() + setup.particles.solid.len();
        assert!(
            first == 0 && second > 0 && last > second && last < all / 2,
            "{counts:?}"
        );
        let idle = |input| {
            let friction = matches!(input, Input::WallFriction | Input::ColliderFriction);
            friction && law != ContactLaw::Coulomb || input == Input::Activation
        };
        check(
            &setup,
            &INPUTS,
            idle,
            &format!("collected {law:?} {matter:?}"),
        );
    }
}
