//! Closes a hand about its object and pulls.

use std::path::Path;

use mujoco_rs::wrappers::{
    mj_data::{MjData, MjtState},
    mj_model::MjModel,
};
use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use rayon::prelude::*;

use super::{
    Lost, Protocol, Verdict, around,
    measure::{distances, measure, self_penetration},
    scene::Scene,
};
use crate::{
    GraspError,
    set::{GraspEntry, GraspSet},
};

/// Tries all grasps of a set, in parallel, each from rest.
pub(super) fn all(
    set: &GraspSet,
    folder: &Path,
    protocol: &Protocol,
    progress: &(dyn Fn() + Sync),
) -> Result<Vec<Verdict>, GraspError> {
    let scene = Scene::new(set, folder, protocol)?;
    let verdicts = set.grasps.par_iter().map_init(
        || MjData::new(&scene.model),
        |data, grasp| {
            let mut trial = Trial {
                scene: &scene,
                protocol,
                data,
            };
            let verdict = trial.verdict(grasp);
            progress();
            verdict
        },
    );
    Ok(verdicts.collect())
}

/// A hand somewhere: position and turn of its root, and positions of everything.
struct Stance {
    position: Vector3<f64>,
    turn: UnitQuaternion<f64>,
    positions: Vec<f64>,
}

struct Trial<'a, 'm> {
    scene: &'m Scene,
    protocol: &'a Protocol,
    data: &'a mut MjData<&'m MjModel>,
}

impl Trial<'_, '_> {
    fn verdict(&mut self, grasp: &GraspEntry) -> Verdict {
        let ([x, y, z], [w, i, j, k]) = (grasp.pos, grasp.quat);
        let pose = [x, y, z, w, i, j, k];
        let before = self.stance(&grasp.pregrasp_pose.unwrap_or(pose), &grasp.pregrasp);
        let at = self.stance(&pose, &grasp.grasp);
        let after = self.stance(&grasp.squeeze_pose.unwrap_or(pose), &grasp.squeeze);

        let at_controls = self.place(&at);
        let measured = measure(self.scene, self.data, self.protocol);
        let self_depth = self_penetration(self.scene, self.data);
        let [around_depth, _] = around::penetration(self.scene, self.data);
        let after_controls = self.place(&after);
        let before_controls = self.place(&before);
        let [hand_depth, object_depth] = around::penetration(self.scene, self.data);
        let depth = self_penetration(self.scene, self.data)
            .max(hand_depth)
            .max(object_depth);
        let start = distances(self.scene, self.data, self.protocol.reach)
            .iter()
            .flatten()
            .fold(depth, |depth, d| depth.max(-d));
        let mut verdict = Verdict {
            held: false,
            lost: None,
            directions: Vec::new(),
            shift: None,
            turn: None,
            penetration: measured.penetration,
            self_penetration: self_depth,
            around_penetration: around_depth,
            start_penetration: start,
            touching_links: measured.touching_links,
            contact_distance: measured.contact_distance,
            contact_spread: measured.contact_spread,
        };
        if start > self.protocol.most_start_penetration {
            verdict.lost = Some(Lost::StartsInside);
            return verdict;
        }
        self.go(&before, &at, &before_controls, &at_controls);
        self.go(&at, &after, &at_controls, &after_controls);
        self.pull(&mut verdict);
        verdict
    }

    /// Where everything is when the hand is somewhere.
    fn stance(&self, pose: &[f64; 7], angles: &[f64]) -> Stance {
        let [x, y, z, w, i, j, k] = *pose;
        let turn = UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k));
        let scene = self.scene;
        let mut positions = scene.model.qpos0().to_vec();
        positions[scene.root_at..scene.root_at + 7]
            .copy_from_slice(&[x, y, z, turn.w, turn.i, turn.j, turn.k]);
        for (&at, &angle) in scene.joints_at.iter().zip(angles) {
            positions[at] = angle;
        }
        positions[scene.object_at..scene.object_at + 7].copy_from_slice(&scene.pose);
        Stance {
            position: Vector3::new(x, y, z),
            turn,
            positions,
        }
    }

    /// Puts everything at rest there, motors and handle where they would leave it; what the
    /// motors are told.
    fn place(&mut self, stance: &Stance) -> Vec<f64> {
        self.data.reset();
        self.data.qpos_mut().copy_from_slice(&stance.positions);
        self.hold(&stance.position, &stance.turn);
        self.data.forward();
        let controls = self.data.actuator_length().to_vec();
        self.data.ctrl_mut().copy_from_slice(&controls);
        self.data.forward();
        controls
    }

    /// Moves the handle.
    fn hold(&mut self, position: &Vector3<f64>, turn: &UnitQuaternion<f64>) {
        self.data.mocap_pos_mut()[0] = (*position).into();
        self.data.mocap_quat_mut()[0] = [turn.w, turn.i, turn.j, turn.k];
    }

    /// Leads handle and motors from one stance to another.
    fn go(&mut self, from: &Stance, to: &Stance, first: &[f64], last: &[f64]) {
        let count = self.protocol.way_points;
        for point in 1..=count {
            let t = f64::from(point) / f64::from(count);
            let position = from.position * (1.0 - t) + to.position * t;
            let turn = from
                .turn
                .try_slerp(&to.turn, t, 1e-9)
                .unwrap_or_else(|| from.turn.nlerp(&to.turn, t));
            self.hold(&position, &turn);
            for (index, control) in self.data.ctrl_mut().iter_mut().enumerate() {
                *control = (1.0 - t) * first[index] + t * last[index];
            }
            for _ in 0..self.protocol.steps_per_way_point {
                self.data.step();
            }
        }
    }

    /// Pulls along each direction, from the state as it is.
    fn pull(&mut self, verdict: &mut Verdict) {
        let parts = MjtState::mjSTATE_INTEGRATION as u32;
        let state = self.data.state(parts);
        let force = self.protocol.force_per_mass * self.scene.mass;
        let (mut shift, mut turn) = (0.0, 0.0);
        for direction in 0..6 {
            if self.data.set_state(&state, parts).is_err() {
                break; // cannot be: the state is of this model
            }
            let sign = if direction % 2 == 0 { -1.0 } else { 1.0 };
            self.data.xfrc_applied_mut()[self.scene.object][direction / 2] = sign * force;
            let mut held = true;
            let (mut far, mut round) = (0.0, 0.0);
            for _ in 0..self.protocol.checks {
                for _ in 0..self.protocol.steps_per_check {
                    self.data.step();
                }
                (far, round) = self.moved();
                // Not a number is not held.
                held = far < self.protocol.lost_shift && round < self.protocol.lost_turn;
                if !held {
                    break;
                }
            }
            shift = f64::max(shift, far);
            turn = f64::max(turn, round);
            verdict.directions.push(held);
            if !held && !self.protocol.every_direction {
                break;
            }
        }
        verdict.held = verdict.directions.len() == 6 && verdict.directions.iter().all(|held| *held);
        verdict.lost = (!verdict.held).then_some(Lost::LetGo);
        (verdict.shift, verdict.turn) = (Some(shift), Some(turn));
    }

    /// How far (m, rad) the object is from where it was before the hand closed.
    fn moved(&self) -> (f64, f64) {
        let now = &self.data.qpos()[self.scene.object_at..self.scene.object_at + 7];
        let was = &self.scene.pose;
        let shift =
            (Vector3::new(now[0], now[1], now[2]) - Vector3::new(was[0], was[1], was[2])).norm();
        let unit = |q: &[f64]| Quaternion::new(q[0], q[1], q[2], q[3]).normalize();
        let cosine = unit(&now[3..]).dot(&unit(&was[3..])).abs();
        (shift, 2.0 * cosine.min(1.0).acos())
    }
}
