use nalgebra::{Matrix3, Vector3};
use num_dual::Dual64;

use super::*;
use crate::{
    collider::{Capsule, Cuboid, Cylinder, Plane, Shape, Sphere, Torus, testing::*},
    contact::{Collider, ContactLaw, Placed, Stage, place},
    pose::{
        Pose, PoseBar,
        tests::{dual_pose, dual_twist, pose_tangent, sample},
    },
    rigid::{
        Joint,
        fall::{fall, fall_vjp},
        feeler::Feeler,
    },
    tool::Mount,
};

const DT: f64 = 0.01;

/// A body of density 1000 kg/m^3 that rubs and bounces.
pub(in crate::rigid) fn body(shape: Shape<f64>, joint: Joint<f64>) -> RigidBody<f64> {
    RigidBody {
        joint,
        friction: 0.3,
        restitution: 0.4,
        ..RigidBody::of_shape(shape, 1000.0).unwrap()
    }
}

fn cuboid(half: [f64; 3], rounding: f64) -> Shape<f64> {
    Shape::Cuboid(Cuboid {
        half_extents: half.into(),
        rounding,
    })
}

/// A case: bodies, their states, colliders.
struct Case {
    name: &'static str,
    bodies: Vec<RigidBody<f64>>,
    states: Vec<RigidState<f64>>,
    colliders: Vec<Collider<f64>>,
    /// How many contacts there must be at least.
    contacts: usize,
}

fn state(
    position: [f64; 3],
    turn: [f64; 3],
    linear: [f64; 3],
    angular: [f64; 3],
) -> RigidState<f64> {
    RigidState {
        pose: Pose::from_rotation_vector(position.into(), &turn.into()),
        twist: Twist {
            linear: linear.into(),
            angular: angular.into(),
        },
    }
}

fn collider(shape: Shape<f64>, pose: Pose<f64>, on_tool: bool) -> Collider<f64> {
    Collider {
        name: String::new(),
        shape,
        pose,
        law: ContactLaw::Separating,
        friction: 0.0,
        width: 0.0,
        mount: on_tool.then_some(Mount { tool: 0, link: 0 }),
        stage: Stage::Grid,
    }
}

fn cases() -> Vec<Case> {
    let ball = || Shape::Sphere(Sphere { radius: 0.1 });
    let hinge = Joint::Hinge {
        axis: Vector3::new(0.6, 0.0, 0.8),
        anchor: Vector3::new(0.4, 0.12, 0.5),
    };
    let slider = Joint::Slider {
        axis: Vector3::new(0.6, -0.8, 0.0),
    };
    let block = || cuboid([0.1, 0.05, 0.15], 0.01);
    let disc = || {
        Shape::Cylinder(Cylinder {
            radius: 0.1,
            half_height: 0.05,
        })
    };
    let one = |name, body: RigidBody<f64>, state, contacts| Case {
        name,
        bodies: vec![body],
        states: vec![state],
        colliders: vec![],
        contacts,
    };
    let falling = [0.5, -1.0, 0.3];
    let admitted = |body: &RigidBody<f64>, mut state: RigidState<f64>| {
        state.twist = body.joint.admit(&state.pose, &state.twist);
        state
    };
    let mut cases = vec![
        one(
            "free flight",
            body(block(), Joint::Free),
            state([0.5; 3], [0.3, 0.4, -0.8], falling, [3.0, -9.0, 4.0]),
            0,
        ),
        one(
            "bouncing ball",
            body(ball(), Joint::Free),
            state(
                [0.5, 0.105, 0.5],
                [0.3, 0.4, -0.8],
                falling,
                [3.0, -1.0, 1.0],
            ),
            1,
        ),
        one(
            "overlapping ball that slides",
            body(ball(), Joint::Free),
            state(
                [0.5, 0.0999, 0.5],
                [0.3, 0.4, -0.8],
                [9.0, -0.1, 2.0],
                [0.0; 3],
            ),
            1,
        ),
        one(
            "flat box",
            body(block(), Joint::Free),
            state(
                [0.5, 0.0501, 0.5],
                [0.0; 3],
                [0.5, -0.5, 0.1],
                [0.1, 0.3, 0.2],
            ),
            4,
        ),
        one(
            "tilted box in a corner",
            body(block(), Joint::Free),
            state(
                [0.0901, 0.0901, 0.5],
                [0.0, 0.1, 0.8],
                [-0.9, -1.0, 0.1],
                [0.1, 0.3, 0.2],
            ),
            2,
        ),
        one(
            "rolling disc",
            body(disc(), Joint::Free),
            state(
                [0.5, 0.1099, 0.5],
                [1.4, 0.2, 0.1],
                [0.5, -0.3, 0.1],
                [0.1, 0.3, 2.0],
            ),
            1,
        ),
        one(
            "disc that lies flat",
            body(disc(), Joint::Free),
            state(
                [0.5, 0.0501, 0.5],
                [0.0, 0.4, 0.0],
                [0.5, -0.3, 0.1],
                [0.1, 0.3, 0.2],
            ),
            4,
        ),
    ];
    for (name, joint) in [
        ("hinge", hinge),
        ("slider", slider),
        ("fixed", Joint::Fixed),
    ] {
        let held = body(block(), joint);
        let at = state(
            [0.5, 0.0501, 0.5],
            [0.0, 0.0, 0.02],
            [0.5, -0.9, 0.1],
            [0.1, 0.3, -4.0],
        );
        let at = admitted(&held, at);
        cases.push(one(name, held, at, usize::from(joint != Joint::Fixed)));
    }
    let tilted =
        Pose::from_rotation_vector(Vector3::new(0.5, 0.0, 0.5), &Vector3::new(0.1, 0.2, 0.5));
    let up = tilted.rotation.column(1).into_owned();
    cases.push(Case {
        name: "box and ball on a plane of the tool",
        bodies: vec![body(block(), Joint::Free), body(ball(), Joint::Free)],
        states: vec![
            RigidState {
                pose: Pose {
                    position: tilted.position + up * 0.0501,
                    rotation: tilted.rotation,
                },
                twist: state([0.0; 3], [0.0; 3], [0.1, -0.9, 0.2], [0.1, 0.2, 0.3]).twist,
            },
            RigidState {
                pose: Pose {
                    position: tilted.position + up * 0.101 + tilted.rotation.column(0) * 0.3,
                    rotation: tilted.rotation,
                },
                twist: state([0.0; 3], [0.0; 3], [0.1, -0.9, 0.2], [0.1, 0.2, 0.3]).twist,
            },
        ],
        colliders: vec![collider(Shape::Plane(Plane), tilted, true)],
        contacts: 5,
    });
    let capsule = Shape::Capsule(Capsule {
        radius: 0.05,
        half_length: 0.1,
    });
    let torus = Shape::Torus(Torus {
        radius: 0.2,
        tube: 0.05,
    });
    let mut glued = body(block(), hinge);
    glued.friction = 0.9;
    cases.push(Case {
        name: "bodies that collide",
        bodies: vec![body(ball(), Joint::Free), glued, body(capsule, Joint::Free)],
        states: vec![
            state([0.5, 0.5, 0.5], [0.0; 3], [0.2, 0.8, 0.1], [1.0, 2.0, 3.0]),
            admitted(
                &body(block(), hinge),
                state(
                    [0.52, 0.652, 0.5],
                    [0.0, 0.0, 0.02],
                    [0.0; 3],
                    [0.1, 0.3, -4.0],
                ),
            ),
            state(
                [0.5, 0.755, 0.5],
                [0.0, 0.0, 1.5],
                [0.1, -0.9, 0.1],
                [0.3, 0.1, -0.2],
            ),
        ],
        colliders: vec![collider(torus, sample(3).0, false)],
        contacts: 2,
    });
    cases
}

/// Tangents of all that a step depends on.
#[derive(Clone)]
struct Push {
    states: Vec<RigidBar<f64>>,
    parameters: Vec<RigidParameterBar<f64>>,
    colliders: Vec<PlacedBar<f64>>,
    before: Vec<Twist<f64>>,
}

/// The twists before the forces: some gravity and more.
fn earlier(case: &Case) -> Vec<Twist<f64>> {
    let of = |(index, state): (usize, &RigidState<f64>)| {
        let mut twist = state.twist;
        twist.linear += Vector3::new(0.01, 0.0981, 0.005) + noise(60 + index as u32) * 0.01;
        twist
    };
    case.states.iter().enumerate().map(of).collect()
}

fn pose_of(seed: u32) -> PoseBar<f64> {
    sample(seed).1
}

fn twist_of(seed: u32) -> Twist<f64> {
    Twist {
        linear: noise(seed),
        angular: noise(seed + 1),
    }
}

impl Push {
    fn zero(case: &Case) -> Self {
        Self {
            states: vec![RigidBar::zero(); case.bodies.len()],
            parameters: vec![RigidParameterBar::zero(); case.bodies.len()],
            colliders: vec![PlacedBar::zero(); case.colliders.len()],
            before: vec![Twist::zero(); case.bodies.len()],
        }
    }

    /// One input after another: poses, twists, masses, moments, friction, restitution, and
    /// pose, twist, origin of the colliders.
    fn each(case: &Case) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        for index in 0..case.bodies.len() {
            let seed = 10 * index as u32;
            let mut add = |what: &str, set: &dyn Fn(&mut Self)| {
                let mut push = Self::zero(case);
                set(&mut push);
                all.push((format!("{what} of {index}"), push));
            };
            add("pose", &|push| push.states[index].pose = pose_of(seed));
            add("twist", &|push| {
                push.states[index].twist = twist_of(seed + 4)
            });
            add("twist before", &|push| {
                push.before[index] = twist_of(seed + 6)
            });
            add("mass", &|push| push.parameters[index].mass = 1.0);
            add("moments", &|push| {
                push.parameters[index].moments = noise(seed) * 0.1
            });
            add("friction", &|push| push.parameters[index].friction = 1.0);
            add("restitution", &|push| {
                push.parameters[index].restitution = 1.0
            });
        }
        for index in 0..case.colliders.len() {
            let mut push = Self::zero(case);
            push.colliders[index].pose = pose_of(40);
            all.push((format!("pose of collider {index}"), push));
            let mut push = Self::zero(case);
            push.colliders[index].twist = twist_of(50);
            push.colliders[index].origin = noise(52);
            all.push((format!("twist of collider {index}"), push));
        }
        all
    }
}

fn tool() -> (Pose<f64>, Twist<f64>) {
    let twist = Twist {
        linear: Vector3::new(0.1, 0.2, 0.3),
        angular: Vector3::new(-0.3, 0.1, 0.2),
    };
    (Pose::identity(), twist)
}

fn placed<T: Real>(colliders: &[Collider<T>]) -> Vec<Placed<'_, T>> {
    let (pose, twist) = tool();
    let pose = Pose {
        position: pose.position.map(T::of),
        rotation: pose.rotation.map(T::of),
    };
    let twist = Twist {
        linear: twist.linear.map(T::of),
        angular: twist.angular.map(T::of),
    };
    let frame = Some((&pose, &twist));
    let on = |collider: &Collider<T>| collider.mount.and(frame);
    colliders
        .iter()
        .map(|collider| place(collider, on(collider)))
        .collect()
}

fn walls<T: Real>() -> Option<[Vector3<T>; 2]> {
    Some([Vector3::zeros(), Vector3::repeat(T::one())])
}

fn lift(body: &RigidBody<f64>, push: &RigidParameterBar<f64>) -> RigidBody<Dual64> {
    let mut lifted: RigidBody<Dual64> = body.cast();
    lifted.mass.eps = push.mass;
    lifted.moments = dual(&body.moments, &push.moments);
    lifted.friction.eps = push.friction;
    lifted.restitution.eps = push.restitution;
    lifted
}

fn lift_state(state: &RigidState<f64>, push: &RigidBar<f64>) -> RigidState<Dual64> {
    RigidState {
        pose: dual_pose(&state.pose, &push.pose),
        twist: dual_twist(&state.twist, &push.twist),
    }
}

/// `<a, b>` of cotangent and tangent of a state.
fn pair(bar: &RigidBar<f64>, push: &RigidBar<f64>) -> f64 {
    bar.pose.position.dot(&push.pose.position)
        + bar.pose.rotation.dot(&push.pose.rotation)
        + bar.twist.linear.dot(&push.twist.linear)
        + bar.twist.angular.dot(&push.twist.angular)
}

fn weights(bodies: usize) -> Vec<RigidBar<f64>> {
    (0..bodies as u32)
        .map(|index| RigidBar {
            pose: pose_of(70 + 10 * index),
            twist: twist_of(75 + 10 * index),
        })
        .collect()
}

fn tangents(after: &[RigidState<Dual64>]) -> Vec<RigidBar<f64>> {
    let of = |state: &RigidState<Dual64>| RigidBar {
        pose: pose_tangent(&state.pose),
        twist: Twist {
            linear: tangent(&state.twist.linear),
            angular: tangent(&state.twist.angular),
        },
    };
    after.iter().map(of).collect()
}

#[test]
fn step_vjp_is_the_transpose_in_every_contact_and_joint() {
    for case in cases() {
        let colliders = placed(&case.colliders);
        let surroundings = Surroundings {
            walls: walls(),
            colliders: &colliders,
        };
        let weights = weights(case.bodies.len());
        let mut bars = weights.clone();
        let mut found = Push::zero(&case);
        let mut scratch = RigidScratch::default();
        let mut rest = RigidStepBar {
            parameters: &mut found.parameters,
            colliders: &mut found.colliders,
            before: &mut found.before,
        };
        let before = earlier(&case);
        step_vjp(
            &surroundings,
            &case.bodies,
            &before,
            &case.states,
            DT,
            &mut scratch,
            &mut bars,
            &mut rest,
        );
        let contacts = scratch.contacts.len();
        assert!(
            contacts >= case.contacts,
            "{}: {contacts} contacts",
            case.name
        );

        for (what, push) in Push::each(&case) {
            let bodies: Vec<_> = case
                .bodies
                .iter()
                .zip(&push.parameters)
                .map(|(body, push)| lift(body, push))
                .collect();
            let mut states: Vec<_> = case
                .states
                .iter()
                .zip(&push.states)
                .map(|(state, push)| lift_state(state, push))
                .collect();
            let lifted: Vec<Collider<Dual64>> = case.colliders.iter().map(Collider::cast).collect();
            let mut colliders = placed(&lifted);
            for (placed, push) in colliders.iter_mut().zip(&push.colliders) {
                placed.pose = dual_pose(&placed.pose.map_primal(), &push.pose);
                placed.twist = dual_twist(
                    &Twist {
                        linear: placed.twist.linear.map(Real::primal),
                        angular: placed.twist.angular.map(Real::primal),
                    },
                    &push.twist,
                );
                placed.origin = dual(&placed.origin.map(Real::primal), &push.origin);
            }
            let surroundings = Surroundings {
                walls: walls(),
                colliders: &colliders,
            };
            let mut scratch = RigidScratch::default();
            let before: Vec<_> = before
                .iter()
                .zip(&push.before)
                .map(|(twist, push)| dual_twist(twist, push))
                .collect();
            step(
                &surroundings,
                &bodies,
                &before,
                &mut states,
                Dual64::from(DT),
                &mut scratch,
            );
            let terms: Vec<f64> = tangents(&states)
                .iter()
                .zip(&weights)
                .map(|(push, bar)| pair(bar, push))
                .collect();
            let forward: f64 = terms.iter().sum();
            let mut backward = 0.0;
            for (index, push) in push.states.iter().enumerate() {
                backward += pair(&bars[index], push);
            }
            for (found, push) in found.before.iter().zip(&push.before) {
                backward += found.linear.dot(&push.linear) + found.angular.dot(&push.angular);
            }
            for (found, push) in found.parameters.iter().zip(&push.parameters) {
                backward += found.mass * push.mass
                    + found.moments.dot(&push.moments)
                    + found.friction * push.friction
                    + found.restitution * push.restitution;
            }
            for (found, push) in found.colliders.iter().zip(&push.colliders) {
                backward += found.pose.position.dot(&push.pose.position)
                    + found.pose.rotation.dot(&push.pose.rotation)
                    + found.twist.linear.dot(&push.twist.linear)
                    + found.twist.angular.dot(&push.twist.angular)
                    + found.origin.dot(&push.origin);
            }
            let scale = 1.0 + terms.iter().map(|term| term.abs()).sum::<f64>();
            assert!(
                (forward - backward).abs() <= 1e-12 * scale,
                "{}, {what}: {forward} {backward}",
                case.name
            );
        }
    }
}

impl Pose<Dual64> {
    fn map_primal(&self) -> Pose<f64> {
        Pose {
            position: self.position.map(|entry| entry.re),
            rotation: self.rotation.map(|entry| entry.re),
        }
    }
}

#[test]
fn weight_on_every_joint_has_its_transpose() {
    let gravity = Vector3::new(0.3, -9.81, 0.2);
    let axis = Vector3::new(0.6, 0.0, 0.8);
    let joints = [
        Joint::Free,
        Joint::Fixed,
        Joint::Hinge {
            axis,
            anchor: Vector3::new(0.4, 0.2, 0.5),
        },
        Joint::Slider { axis },
    ];
    for joint in joints {
        let body = body(cuboid([0.1, 0.05, 0.15], 0.0), joint);
        let state = state(
            [0.5; 3],
            [0.3, 0.4, -0.8],
            [0.5, -1.0, 0.3],
            [3.0, -9.0, 4.0],
        );
        let weights = weights(1);
        let (mut bars, mut parameters) = (weights.clone(), vec![RigidParameterBar::zero()]);
        let gravity_bar = fall_vjp(
            std::slice::from_ref(&body),
            &[state],
            &gravity,
            DT,
            &mut bars,
            &mut parameters,
        );
        let push = RigidBar {
            pose: pose_of(1),
            twist: twist_of(5),
        };
        let constants = RigidParameterBar {
            mass: 1.0,
            moments: noise(9) * 0.1,
            ..RigidParameterBar::zero()
        };
        let mut after = vec![lift_state(&state, &push)];
        fall(
            &[lift(&body, &constants)],
            &mut after,
            &dual(&gravity, &noise(11)),
            Dual64::from(DT),
        );
        let forward = pair(&weights[0], &tangents(&after)[0]);
        let backward = pair(&bars[0], &push)
            + gravity_bar.dot(&noise(11))
            + parameters[0].mass
            + parameters[0].moments.dot(&constants.moments);
        assert!(
            (forward - backward).abs() <= 1e-12 * (1.0 + forward.abs()),
            "{joint:?}"
        );
    }
}

#[test]
fn start_is_what_the_joint_allows_with_its_transpose() {
    let axis = Vector3::new(0.6, 0.0, 0.8);
    let anchor = Vector3::new(0.4, 0.2, 0.5);
    for joint in [
        Joint::Free,
        Joint::Fixed,
        Joint::Hinge { axis, anchor },
        Joint::Slider { axis },
    ] {
        let mut body = body(cuboid([0.1; 3], 0.0), joint);
        body.start = state(
            [0.5; 3],
            [0.3, 0.4, -0.8],
            [0.5, -1.0, 0.3],
            [3.0, -9.0, 4.0],
        );
        let again = joint.admit(&body.start.pose, &body.initial().twist);
        assert!((stacked(&again) - stacked(&body.initial().twist)).norm() < 1e-14);
        let bar = weights(1)[0];
        let found = body.initial_vjp(&bar);
        let push = RigidBar {
            pose: pose_of(1),
            twist: twist_of(5),
        };
        let mut lifted: RigidBody<Dual64> = body.cast();
        lifted.start = lift_state(&body.start, &push);
        let forward = pair(&bar, &tangents(&[lifted.initial()])[0]);
        assert!((forward - pair(&found, &push)).abs() <= 1e-12, "{joint:?}");
    }
}

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
