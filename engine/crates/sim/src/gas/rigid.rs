//! Rigid bodies as the gas meets them: grains that fill them.

use backflow_diff::Real;
use nalgebra::{Vector3, Vector6};

use super::exchange::Grain;
use crate::{
    pose::Twist,
    rigid::{RigidBar, RigidBody, RigidParameterBar, RigidState, joint, stacked, unstacked},
};

/// The points that stand for a rigid body, each for the same volume and mass.
#[derive(Debug, Clone, PartialEq)]
pub struct Filling {
    /// Where they are in the frame of the body (m).
    pub points: Vec<Vector3<f64>>,
    /// Volume of each (m^3).
    pub volume: f64,
}

impl Filling {
    /// Share of the mass of a body that each point has (1).
    fn share<W: Real>(&self) -> W {
        W::of(1.0 / self.points.len().max(1) as f64)
    }

    /// From the centre of mass to each point in world axes (m): `r = R p`.
    fn arms<W: Real>(&self, state: &RigidState<W>) -> impl Iterator<Item = Vector3<W>> {
        let rotation = state.pose.rotation;
        self.points
            .iter()
            .map(move |point| rotation * point.map(W::of))
    }

    /// The grains of a body: `x = c + r`, `v = v_c + w x r`, `rho = m / (n V)`.
    pub fn grains<T: Real>(
        &self,
        body: &RigidBody<T::Wide>,
        state: &RigidState<T::Wide>,
    ) -> impl Iterator<Item = Grain<T>> {
        let density = body.mass * self.share() / T::Wide::of(self.volume);
        let (centre, twist) = (state.pose.position, state.twist);
        self.arms(state).map(move |arm| Grain {
            x: (centre + arm).map(T::narrow),
            v: (twist.linear + twist.angular.cross(&arm)).map(T::narrow),
            volume: T::of(self.volume),
            density: T::narrow(density),
        })
    }

    /// Adds the cotangents of the body and of its mass for those of its grains.
    pub fn grains_vjp<T: Real>(
        &self,
        state: &RigidState<T::Wide>,
        grains_bar: &[Grain<T>],
        bar: &mut RigidBar<T::Wide>,
        parameters: &mut RigidParameterBar<T::Wide>,
    ) {
        let per_mass = self.share::<T::Wide>() / T::Wide::of(self.volume);
        for (arm, grain) in self.arms(state).zip(grains_bar) {
            let (x_bar, v_bar) = (grain.x.map(Real::widen), grain.v.map(Real::widen));
            let arm_bar = x_bar + v_bar.cross(&state.twist.angular);
            bar.pose.position += x_bar;
            bar.pose.rotation += arm.cross(&arm_bar);
            bar.twist.linear += v_bar;
            bar.twist.angular += arm.cross(&v_bar);
            parameters.mass += grain.density.widen() * per_mass;
        }
    }

    /// Changes the motion of a body by what its grains were pushed, each by a change of its
    /// velocity (m/s): with `u_i` these, the impulse about the centre of mass is
    /// `(sum m u_i / n, sum r_i x m u_i / n)`, and what holds the body takes its part of it
    /// ([`joint::mobility`]).
    pub fn kick<W: Real>(
        &self,
        body: &RigidBody<W>,
        state: &mut RigidState<W>,
        pushes: &[Vector3<W>],
    ) {
        let change = joint::mobility(body, &state.pose) * self.impulse(body, state, pushes);
        state.twist += unstacked(&change);
    }

    fn impulse<W: Real>(
        &self,
        body: &RigidBody<W>,
        state: &RigidState<W>,
        pushes: &[Vector3<W>],
    ) -> Vector6<W> {
        let (mut linear, mut angular) = (Vector3::zeros(), Vector3::zeros());
        for (arm, push) in self.arms(state).zip(pushes) {
            linear += push;
            angular += arm.cross(push);
        }
        let mass = body.mass * self.share();
        stacked(&Twist {
            linear: linear * mass,
            angular: angular * mass,
        })
    }

    /// Adds the cotangents of the pose before [`Filling::kick`] and of what the body is for those
    /// of its motion after it, which stay as they are, and returns those of the pushes.
    pub fn kick_vjp<W: Real>(
        &self,
        body: &RigidBody<W>,
        state: &RigidState<W>,
        pushes: &[Vector3<W>],
        bar: &mut RigidBar<W>,
        parameters: &mut RigidParameterBar<W>,
    ) -> Vec<Vector3<W>> {
        let mobility = joint::mobility(body, &state.pose);
        let (change_bar, impulse) = (stacked(&bar.twist), self.impulse(body, state, pushes));
        let mobility_bar = change_bar * impulse.transpose();
        bar.pose += joint::mobility_vjp(body, &state.pose, &mobility_bar, parameters);
        let impulse_bar = unstacked(&(mobility.transpose() * change_bar));
        let share: W = self.share();
        let mass = body.mass * share;
        let mut pushes_bar = Vec::with_capacity(pushes.len());
        for (arm, push) in self.arms(state).zip(pushes) {
            let push_bar = impulse_bar.linear + impulse_bar.angular.cross(&arm);
            parameters.mass += push_bar.dot(push) * share;
            let arm_bar = push.cross(&impulse_bar.angular) * mass;
            bar.pose.rotation += arm.cross(&arm_bar);
            pushes_bar.push(push_bar * mass);
        }
        pushes_bar
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::{
        collider::{Cuboid, Shape, testing::noise},
        pose::tests::{dot_twist, dual_pose, dual_twist, sample},
        rigid::Joint,
    };

    fn body(joint: Joint<f64>) -> RigidBody<f64> {
        let shape = Shape::Cuboid(Cuboid {
            half_extents: Vector3::new(0.2, 0.1, 0.3),
            rounding: 0.0,
        });
        let mut body = RigidBody::of_shape(shape, 300.0).unwrap();
        body.joint = joint;
        body
    }

    fn filling() -> Filling {
        Filling {
            points: (0..5).map(|seed| noise(seed) * 0.2).collect(),
            volume: 2e-3,
        }
    }

    #[test]
    fn pushes_that_are_a_rigid_motion_of_a_full_body_add_it() {
        // A body whose points have its moments: two on each axis.
        let arms = [0.3, 0.2, 0.1];
        let mut points = Vec::new();
        for (axis, arm) in arms.into_iter().enumerate() {
            for sign in [-1.0, 1.0] {
                let mut point = Vector3::zeros();
                point[axis] = sign * arm;
                points.push(point);
            }
        }
        let mut body = body(Joint::Free);
        let each = body.mass / 6.0;
        let square = |axis: usize| 2.0 * each * arms[axis] * arms[axis];
        body.moments = Vector3::new(
            square(1) + square(2),
            square(2) + square(0),
            square(0) + square(1),
        );
        let filling = Filling {
            points,
            volume: 1e-3,
        };
        let mut state = body.start;
        state.pose = sample(3).0;
        let (linear, angular) = (noise(20), noise(21));
        let pushes: Vec<_> = filling
            .arms(&state)
            .map(|arm| linear + angular.cross(&arm))
            .collect();
        let before = state.twist;
        filling.kick(&body, &mut state, &pushes);
        assert!((state.twist.linear - before.linear - linear).norm() < 1e-12);
        assert!((state.twist.angular - before.angular - angular).norm() < 1e-12);
    }

    #[test]
    fn vjp_is_the_transpose_of_grains_and_of_kicks() {
        let axis = Vector3::new(0.6, 0.0, 0.8);
        let anchor = Vector3::new(0.1, -0.2, 0.3);
        for joint in [Joint::Free, Joint::Hinge { axis, anchor }] {
            let (body, filling) = (body(joint), filling());
            let (pose, turn) = sample(5);
            let (twist, push) = (
                Twist {
                    linear: noise(30),
                    angular: noise(31),
                },
                Twist {
                    linear: noise(32),
                    angular: noise(33),
                },
            );
            let state = RigidState { pose, twist };
            let pushes: Vec<_> = (0..5).map(|seed| noise(50 + seed)).collect();
            let steer: Vec<_> = (0..5).map(|seed| noise(60 + seed)).collect();
            let mut moved: RigidBody<Dual64> = body.cast();
            moved.mass.eps = 0.7;
            moved.moments.x.eps = -0.3;
            let mut dual = RigidState {
                pose: dual_pose(&pose, &turn),
                twist: dual_twist(&twist, &push),
            };
            let of_grains: Vec<Grain<Dual64>> = filling.grains(&moved, &dual).collect();
            let dual_pushes: Vec<_> = pushes
                .iter()
                .zip(&steer)
                .map(|(p, d)| p.zip_map(d, Dual64::new))
                .collect();
            filling.kick(&moved, &mut dual, &dual_pushes);
            // Cotangents of the grains and of the motion after.
            let grains_bar: Vec<Grain<f64>> = (0..5)
                .map(|seed| Grain {
                    x: noise(70 + seed),
                    v: noise(80 + seed),
                    volume: 0.0,
                    density: noise(90 + seed).x,
                })
                .collect();
            let after = Twist {
                linear: noise(95),
                angular: noise(96),
            };
            let mut forward: f64 = 0.0;
            for (grain, bar) in of_grains.iter().zip(&grains_bar) {
                forward += grain.x.map(|x| x.eps).dot(&bar.x) + grain.v.map(|v| v.eps).dot(&bar.v);
                forward += grain.density.eps * bar.density;
            }
            forward += dual.twist.linear.map(|v| v.eps).dot(&after.linear);
            forward += dual.twist.angular.map(|w| w.eps).dot(&after.angular);

            let mut bar = RigidBar {
                twist: after,
                ..RigidBar::zero()
            };
            let mut parameters = RigidParameterBar::zero();
            let pushes_bar = filling.kick_vjp(&body, &state, &pushes, &mut bar, &mut parameters);
            filling.grains_vjp(&state, &grains_bar, &mut bar, &mut parameters);
            let backward = bar.pose.position.dot(&turn.position)
                + bar.pose.rotation.dot(&turn.rotation)
                + dot_twist(&bar.twist, &push)
                + 0.7 * parameters.mass
                - 0.3 * parameters.moments.x
                + pushes_bar
                    .iter()
                    .zip(&steer)
                    .map(|(bar, d)| bar.dot(d))
                    .sum::<f64>();
            assert!(forward.abs() > 1e-3, "{forward}");
            assert!(
                (forward - backward).abs() <= 1e-12 * (1.0 + forward.abs()),
                "{forward} {backward}"
            );
        }
    }
}
