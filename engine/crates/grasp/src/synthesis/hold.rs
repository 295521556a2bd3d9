//! What a pressed object does under a load: the stiffness of the fingers and what friction bears.
//!
//! Motors are springs, so that a fingertip that sticks to an object is one, too. With the
//! Jacobian `J_i` (4 x motors) of the touched point and of the turn about the normal `n_i`, the
//! stiffness `k` of the motors and a small compliance `c` of the touch,
//!
//! `S_i = (J_i k^-1 J_i^T + c)^-1`
//!
//! is what the object feels there (Salisbury and Roth 1983, "Kinematic and force analysis of
//! articulated mechanical hands"). When it moves by `v` and turns by `omega` about its centre,
//! the force of a finger changes by `-S_i d_i`, `d_i = (v + omega x a_i, n_i . omega)`, and the
//! arm of the force that is there already by `omega x a_i`, which makes an object that is
//! pressed from two sides turn away (Cutkosky and Kao 1989, "Computing and controlling the
//! compliance of a robotic hand").

use nalgebra::{Matrix3, Matrix4, Matrix6, SVector, Vector3, Vector4, Vector6};

use super::{Settings, close::Nearest, energy::Workspace, squeeze::Press};
use crate::{force::loads, hand::Hand, object::Object};

/// Compliance of a touch (m/N) and of its turn about the normal (rad / (N m)).
const TOUCH: (f64, f64) = (2e-5, 0.02);
/// Use of friction that stands for all that is worse (1), a touch that is lost among it.
const LOST: f64 = 3.0;

/// How an object answers to the loads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hold {
    /// Part of what friction can bear that the worst touch needs (1), mean over the loads; up to
    /// 3, which is also that of a touch that is lost.
    pub slip: f64,
    /// Largest shift of the object's centre (m).
    pub shift: f64,
    /// Largest turn (rad).
    pub turn: f64,
}

impl Hold {
    /// The answer to a force of `settings.load` along every axis, either way.
    pub fn of(
        hand: &Hand,
        object: &Object,
        workspace: &Workspace<f64>,
        motors: &[f64],
        touches: &[Nearest],
        press: &Press,
        settings: &Settings,
    ) -> Self {
        let movers = hand.movers(motors);
        let mut columns = vec![Vector3::zeros(); 6 + hand.joints.len()];
        let mut turns = columns.clone();
        let mut springs = Vec::with_capacity(touches.len());
        let mut stiffness = Matrix6::zeros();
        let mut rest = Vector6::zeros();
        for ((finger, touch), force) in hand.fingers.iter().zip(touches).zip(&press.forces) {
            let frames = &workspace.frames;
            hand.jacobian(frames, finger.link, &touch.point, &mut columns);
            hand.turning(frames, finger.link, &mut turns);
            let mut compliance =
                Matrix4::from_diagonal(&Vector4::new(TOUCH.0, TOUCH.0, TOUCH.0, TOUCH.1));
            for &mover in &movers {
                let way = columns[6 + mover];
                if way == Vector3::zeros() {
                    continue;
                }
                let spin = turns[6 + mover].dot(&touch.normal);
                let column = Vector4::new(way.x, way.y, way.z, spin);
                compliance += column * column.transpose() / hand.spec.stiffness;
            }
            let arm = touch.point - object.centre;
            // d = D (v, omega).
            let mut map = nalgebra::Matrix4x6::zeros();
            map.fixed_view_mut::<3, 3>(0, 0)
                .copy_from(&Matrix3::identity());
            map.fixed_view_mut::<3, 3>(0, 3)
                .copy_from(&-arm.cross_matrix());
            map.fixed_view_mut::<1, 3>(3, 3)
                .copy_from(&touch.normal.transpose());
            let spring = compliance.try_inverse().unwrap_or_else(Matrix4::zeros) * map;
            stiffness += map.transpose() * spring;
            let turning = Matrix3::identity() * arm.dot(force) - arm * force.transpose();
            let mut corner = stiffness.fixed_view_mut::<3, 3>(3, 3);
            corner += turning;
            let torque = arm.cross(force);
            rest += Vector6::new(force.x, force.y, force.z, torque.x, torque.y, torque.z);
            springs.push(spring);
        }
        // Stable, if it takes work to move the object any way.
        let stable = (stiffness + stiffness.transpose()).cholesky().is_some();
        let lu = stiffness.lu();
        let mut hold = Self {
            slip: 0.0,
            shift: 0.0,
            turn: 0.0,
        };
        let loads = loads();
        for load in &loads {
            let push = SVector::from(*load) * settings.load + rest;
            let Some(moved) = lu.solve(&push).filter(|_| stable) else {
                return Self {
                    slip: LOST,
                    shift: f64::MAX,
                    turn: f64::MAX,
                };
            };
            hold.shift = hold.shift.max(moved.fixed_rows::<3>(0).norm());
            hold.turn = hold.turn.max(moved.fixed_rows::<3>(3).norm());
            let mut worst = 0.0_f64;
            for ((spring, touch), force) in springs.iter().zip(touches).zip(&press.forces) {
                let change = -(spring * moved);
                let force = force + change.fixed_rows::<3>(0);
                let normal = -force.dot(&touch.normal);
                let along = (force + touch.normal * normal).norm();
                let (slide, spin) = settings.bears;
                let need = (along / slide).hypot(change[3] / spin);
                worst = worst.max(if normal > 1e-6 { need / normal } else { LOST });
            }
            hold.slip += worst.min(LOST) / loads.len() as f64;
        }
        hold
    }
}
