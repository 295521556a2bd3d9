//! What the tests of steps share: bodies in contact and on joints, and tangents of all that a step
//! depends on.

use nalgebra::Vector3;
use num_dual::Dual64;

use super::super::*;
use crate::{
    collider::{Capsule, Cuboid, Cylinder, Plane, Shape, Sphere, Torus, testing::*},
    contact::{Collider, ContactLaw, Placed, Stage, place},
    pose::{
        Pose, PoseBar,
        tests::{dual_pose, dual_twist, pose_tangent, sample},
    },
    rigid::Joint,
    tool::Mount,
};

pub(super) const DT: f64 = 0.01;

/// A body of density 1000 kg/m^3 that rubs and bounces.
pub(in crate::rigid) fn body(shape: Shape<f64>, joint: Joint<f64>) -> RigidBody<f64> {
    RigidBody {
        joint,
        friction: 0.3,
        restitution: 0.4,
        ..RigidBody::of_shape(shape, 1000.0).unwrap()
    }
}

pub(super) fn cuboid(half: [f64; 3], rounding: f64) -> Shape<f64> {
    Shape::Cuboid(Cuboid {
        half_extents: half.into(),
        rounding,
    })
}

/// A case: bodies, their states, colliders.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) bodies: Vec<RigidBody<f64>>,
    pub(super) states: Vec<RigidState<f64>>,
    pub(super) colliders: Vec<Collider<f64>>,
    /// How many contacts there must be at least.
    pub(super) contacts: usize,
}

pub(super) fn state(
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

pub(super) fn collider(shape: Shape<f64>, pose: Pose<f64>, on_tool: bool) -> Collider<f64> {
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

pub(super) fn cases() -> Vec<Case> {
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
pub(super) struct Push {
    pub(super) states: Vec<RigidBar<f64>>,
    pub(super) parameters: Vec<RigidParameterBar<f64>>,
    pub(super) colliders: Vec<PlacedBar<f64>>,
    pub(super) before: Vec<Twist<f64>>,
}

/// The twists before the forces: some gravity and more.
pub(super) fn earlier(case: &Case) -> Vec<Twist<f64>> {
    let of = |(index, state): (usize, &RigidState<f64>)| {
        let mut twist = state.twist;
        twist.linear += Vector3::new(0.01, 0.0981, 0.005) + noise(60 + index as u32) * 0.01;
        twist
    };
    case.states.iter().enumerate().map(of).collect()
}

pub(super) fn pose_of(seed: u32) -> PoseBar<f64> {
    sample(seed).1
}

pub(super) fn twist_of(seed: u32) -> Twist<f64> {
    Twist {
        linear: noise(seed),
        angular: noise(seed + 1),
    }
}

impl Push {
    pub(super) fn zero(case: &Case) -> Self {
        Self {
            states: vec![RigidBar::zero(); case.bodies.len()],
            parameters: vec![RigidParameterBar::zero(); case.bodies.len()],
            colliders: vec![PlacedBar::zero(); case.colliders.len()],
            before: vec![Twist::zero(); case.bodies.len()],
        }
    }

    /// One input after another: poses, twists, masses, moments, friction, restitution, and
    /// pose, twist, origin of the colliders.
    pub(super) fn each(case: &Case) -> Vec<(String, Self)> {
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

pub(super) fn tool() -> (Pose<f64>, Twist<f64>) {
    let twist = Twist {
        linear: Vector3::new(0.1, 0.2, 0.3),
        angular: Vector3::new(-0.3, 0.1, 0.2),
    };
    (Pose::identity(), twist)
}

pub(super) fn placed<T: Real>(colliders: &[Collider<T>]) -> Vec<Placed<'_, T>> {
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

pub(super) fn walls<T: Real>() -> Option<[Vector3<T>; 2]> {
    Some([Vector3::zeros(), Vector3::repeat(T::one())])
}

pub(super) fn lift(body: &RigidBody<f64>, push: &RigidParameterBar<f64>) -> RigidBody<Dual64> {
    let mut lifted: RigidBody<Dual64> = body.cast();
    lifted.mass.eps = push.mass;
    lifted.moments = dual(&body.moments, &push.moments);
    lifted.friction.eps = push.friction;
    lifted.restitution.eps = push.restitution;
    lifted
}

pub(super) fn lift_state(state: &RigidState<f64>, push: &RigidBar<f64>) -> RigidState<Dual64> {
    RigidState {
        pose: dual_pose(&state.pose, &push.pose),
        twist: dual_twist(&state.twist, &push.twist),
    }
}

/// `<a, b>` of cotangent and tangent of a state.
pub(super) fn pair(bar: &RigidBar<f64>, push: &RigidBar<f64>) -> f64 {
    bar.pose.position.dot(&push.pose.position)
        + bar.pose.rotation.dot(&push.pose.rotation)
        + bar.twist.linear.dot(&push.twist.linear)
        + bar.twist.angular.dot(&push.twist.angular)
}

pub(super) fn weights(bodies: usize) -> Vec<RigidBar<f64>> {
    (0..bodies as u32)
        .map(|index| RigidBar {
            pose: pose_of(70 + 10 * index),
            twist: twist_of(75 + 10 * index),
        })
        .collect()
}

pub(super) fn tangents(after: &[RigidState<Dual64>]) -> Vec<RigidBar<f64>> {
    let of = |state: &RigidState<Dual64>| RigidBar {
        pose: pose_tangent(&state.pose),
        twist: Twist {
            linear: tangent(&state.twist.linear),
            angular: tangent(&state.twist.angular),
        },
    };
    after.iter().map(of).collect()
}
