//! Adjoints against dual numbers.

use nalgebra::Vector3;
use num_dual::Dual64;

use super::{super::*, cases::*};
use crate::{
    collider::testing::*,
    contact::Collider,
    pose::{
        Pose,
        tests::{dual_pose, dual_twist},
    },
    rigid::{
        Joint,
        fall::{fall, fall_vjp},
    },
};

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
