use num_dual::Dual64;

use super::*;
use crate::{
    collider::{Cuboid, Shape, testing::*},
    contact::ContactLaw,
    pose::{
        Pose, Twist,
        tests::{dual_pose, dual_twist, pose_tangent, sample},
    },
    rigid::joint::Joint,
};

const LAWS: [ContactLaw; 4] = [
    ContactLaw::Sticky,
    ContactLaw::Slip,
    ContactLaw::Separating,
    ContactLaw::Coulomb,
];

/// A box of some density with a solid a little off its frame.
fn body(density: f64, law: ContactLaw, joint: Joint<f64>) -> RigidBody<f64> {
    let solid = Cuboid {
        half_extents: Vector3::new(0.2, 0.1, 0.15),
        rounding: 0.02,
    };
    let mut body = RigidBody::of_shape(Shape::Cuboid(solid), density).unwrap();
    body.joint = joint;
    body.collider.law = law;
    body.collider.friction = 0.4;
    body.collider.width = 0.04;
    body.collider.pose = Pose::from_rotation_vector(noise(3) * 0.02, &(noise(4) * 0.1));
    body
}

fn joints() -> [Joint<f64>; 4] {
    let axis = Vector3::new(0.6, 0.0, 0.8);
    let anchor = Vector3::new(0.45, 0.55, 0.5);
    [
        Joint::Free,
        Joint::Fixed,
        Joint::Hinge { axis, anchor },
        Joint::Slider { axis },
    ]
}

fn state(body: &RigidBody<f64>) -> RigidState<f64> {
    let pose = Pose::from_rotation_vector(Vector3::repeat(0.5), &(noise(5) * 0.4));
    let twist = Twist {
        linear: noise(6),
        angular: noise(7) * 3.0,
    };
    RigidState {
        pose,
        twist: body.joint.admit(&pose, &twist),
    }
}

/// Velocity and mass of the node at a place.
fn matter(at: usize) -> (Vector3<f64>, f64) {
    (
        noise(at as u32) * 2.0,
        0.003 + 0.01 * noise(at as u32 + 9).x.abs(),
    )
}

/// The nodes of a grid that a body touches, with tangents by `push`.
fn nodes_of<T: Real>(
    body: &RigidBody<T>,
    state: &RigidState<T>,
    push: impl Fn(usize) -> (Vector3<T>, T),
) -> Vec<Node<T>> {
    let placed = place_body(body, state);
    let count = 14;
    let node = |at: usize| {
        let x = Vector3::new(at % count, at / count % count, at / (count * count))
            .map(|index| T::of(0.21 + index as f64 * 0.05));
        let (velocity, mass) = push(at);
        Node::touched(&placed, [at as u32, 0], x, mass, velocity)
    };
    (0..count * count * count).filter_map(node).collect()
}

fn plain(body: &RigidBody<f64>, state: &RigidState<f64>) -> Vec<Node<f64>> {
    nodes_of(body, state, matter)
}

#[test]
fn momentum_of_body_and_matter_is_kept_and_energy_does_not_grow() {
    for law in LAWS {
        for density in [1.0, 1000.0, 1e6] {
            let body = body(density, law, Joint::Free);
            let before = state(&body);
            let mut after = before;
            let nodes = plain(&body, &before);
            assert!(nodes.len() > 100);
            let coupled = couple(&body, &mut after, &nodes);
            // The surface has the velocity that the body ends with.
            let gap = coupled.twist - stacked(&after.twist);
            assert!(
                gap.norm() <= 1e-12 * (1.0 + coupled.twist.norm()),
                "{law:?} {density}"
            );
            let moved: Vec<Node<f64>> = nodes
                .iter()
                .map(|node| Node {
                    velocity: velocity_after(&body, &before, node, &coupled),
                    ..*node
                })
                .collect();
            let linear = |state: &RigidState<f64>, nodes: &[Node<f64>]| {
                let of = |node: &Node<f64>| node.velocity * node.mass;
                state.twist.linear * body.mass + nodes.iter().map(of).sum::<Vector3<f64>>()
            };
            let angular = |state: &RigidState<f64>, nodes: &[Node<f64>]| {
                let of = |node: &Node<f64>| {
                    (node.x - state.pose.position).cross(&(node.velocity * node.mass))
                };
                body.angular_momentum(state) + nodes.iter().map(of).sum::<Vector3<f64>>()
            };
            let scale = linear(&before, &[]).norm()
                + nodes
                    .iter()
                    .map(|node| node.velocity.norm() * node.mass)
                    .sum::<f64>();
            let lost = (linear(&after, &moved) - linear(&before, &nodes)).norm();
            assert!(lost <= 1e-14 * scale, "{law:?} {density}: {lost}");
            let lost = (angular(&after, &moved) - angular(&before, &nodes)).norm();
            assert!(lost <= 1e-14 * scale, "{law:?} {density}: {lost}");
            let old = body.kinetic_energy(&before) + energy(&nodes);
            let new = body.kinetic_energy(&after) + energy(&moved);
            assert!(new <= old * (1.0 + 1e-12), "{law:?} {density}");
        }
    }
}

#[test]
fn light_body_takes_the_motion_of_the_matter_around_it() {
    let mut body = body(1e-6, ContactLaw::Sticky, Joint::Free);
    body.collider.width = 0.0;
    let mut after = state(&body);
    let flow = Twist {
        linear: noise(1),
        angular: noise(2),
    };
    let centre = after.pose.position;
    let nodes: Vec<Node<f64>> = plain(&body, &after)
        .into_iter()
        .map(|node| Node {
            velocity: flow.velocity(&(node.x - centre)),
            ..node
        })
        .collect();
    couple(&body, &mut after, &nodes);
    assert!((stacked(&after.twist) - stacked(&flow)).norm() < 1e-5);
}

#[test]
fn vjp_is_the_transpose_for_every_law_joint_and_density() {
    for (law, joint) in LAWS
        .into_iter()
        .flat_map(|law| joints().map(|joint| (law, joint)))
    {
        for density in [10.0, 2000.0] {
            let body = body(density, law, joint);
            let state = state(&body);
            let nodes = plain(&body, &state);
            let mut after = state;
            let coupled = couple(&body, &mut after, &nodes);
            let weight = RigidBar {
                pose: sample(20).1,
                twist: Twist {
                    linear: noise(24),
                    angular: noise(25),
                },
            };
            let weights: Vec<_> = (0..nodes.len() as u32)
                .map(|at| noise(at + 30) * 0.1)
                .collect();
            let mut bars: Vec<NodeBar<f64>> = weights
                .iter()
                .map(|&velocity| NodeBar {
                    velocity,
                    mass: 0.0,
                })
                .collect();
            let (mut bar, mut parameters) = (weight, RigidParameterBar::zero());
            couple_vjp(
                &body,
                &state,
                &nodes,
                &coupled,
                &mut bars,
                &mut bar,
                &mut parameters,
            );

            // One input at a time: velocities and masses of nodes, pose, twist, constants.
            for input in 0..7 {
                let on = |which: usize| if input == which { 1.0 } else { 0.0 };
                let pose = PoseBar {
                    position: noise(40) * on(2),
                    rotation: noise(41) * on(2),
                };
                let twist = Twist {
                    linear: noise(42) * on(3),
                    angular: noise(43) * on(3),
                };
                let mut lifted: RigidBody<Dual64> = body.cast();
                lifted.mass.eps = on(4);
                let spread = body.moments.component_mul(&noise(44)) * on(5);
                lifted.moments = dual(&body.moments, &spread);
                lifted.collider.friction.eps = on(6);
                let mut moved = RigidState {
                    pose: dual_pose(&state.pose, &pose),
                    twist: dual_twist(&state.twist, &twist),
                };
                let push = |at: usize| {
                    let (velocity, mass) = matter(at);
                    let tangent = noise(at as u32 + 50) * on(0);
                    let by = noise(at as u32 + 51).y * 0.01 * on(1);
                    (dual(&velocity, &tangent), Dual64::new(mass, by))
                };
                let start = moved;
                let touched = nodes_of(&lifted, &start, push);
                assert_eq!(touched.len(), nodes.len());
                let found = couple(&lifted, &mut moved, &touched);
                let turned = pose_tangent(&moved.pose);
                let mut terms = vec![
                    turned.position.dot(&weight.pose.position),
                    turned.rotation.dot(&weight.pose.rotation),
                    tangent(&moved.twist.linear).dot(&weight.twist.linear),
                    tangent(&moved.twist.angular).dot(&weight.twist.angular),
                ];
                for (node, weight) in touched.iter().zip(&weights) {
                    let after = velocity_after(&lifted, &start, node, &found);
                    terms.push(tangent(&after).dot(weight));
                }
                let forward: f64 = terms.iter().sum();
                let mut backward = bar.pose.position.dot(&pose.position)
                    + bar.pose.rotation.dot(&pose.rotation)
                    + bar.twist.linear.dot(&twist.linear)
                    + bar.twist.angular.dot(&twist.angular)
                    + parameters.mass * on(4)
                    + parameters.moments.dot(&spread)
                    + parameters.matter_friction * on(6);
                for (node, bar) in nodes.iter().zip(&bars) {
                    let at = node.place[0];
                    backward += bar.velocity.dot(&(noise(at + 50) * on(0)))
                        + bar.mass * noise(at + 51).y * 0.01 * on(1);
                }
                let scale = 1.0 + terms.iter().map(|term| term.abs()).sum::<f64>();
                assert!(
                    (forward - backward).abs() <= 1e-12 * scale,
                    "{law:?} {joint:?} {density} input {input}: {forward} {backward}"
                );
            }
        }
    }
}
