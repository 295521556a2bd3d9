//! The metrics of DexGraspBench that simulate nothing (Chen, Ke and Wang 2025).

use backflow_diff::lanes::WIDTH;
use nalgebra::Vector3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    GraspError,
    force::{Batch, Contact, LOADS, Limits, Rows, admm, hull, loads, value},
    hand::{
        Hand,
        kinematics::{Frames, Posture},
    },
    object::Object,
    set::{GraspEntry, GraspSet, pose},
    synthesis::close::nearest,
};

/// How near a finger has to be to count as a contact (m).
const NEAR: f64 = 0.005;
/// Share of the friction that is counted on (1).
const FRICTION: f64 = 0.5;
/// Edges of the friction pyramids of programmes and of hulls.
const EDGES: [usize; 2] = [4, 8];
/// The load, in units of a contact's largest normal force (1).
const LOAD: f64 = 0.1;
/// What is said of a grasp without contacts.
const NONE: f64 = 2.0;

/// How good a grasp is by its contacts alone; small is good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Analytic {
    /// Fingers within 5 mm of the object.
    pub contacts: usize,
    /// `|G f - 0.1 w|` of the best forces, mean over six unit loads: `sum p >= 1`, `p <= 1`, half of
    /// the friction in pyramids of four edges; 2 without contacts.
    pub qp: f64,
    /// The same without a load.
    pub qp_dfc: f64,
    /// 2 less the quality of Ferrari and Canny, see [`inradius`](hull::inradius), with half of the
    /// friction in cones of eight edges.
    pub q1: f64,
}

/// The metrics of all grasps of a set, of the hand and the object that it names.
///
/// Torques are over the half diagonal of the box around the object. The contact of a finger is
/// where its outermost link is nearest; torsional friction is left out. The result does not
/// depend on the number of threads.
///
/// # Errors
/// A joint of the set that the hand does not have, or one of the hand that it does not name.
pub fn analytic(hand: &Hand, object: &Object, set: &GraspSet) -> Result<Vec<Analytic>, GraspError> {
    let order = set.order(hand)?;
    let object_pose = pose(&set.object.pose);
    let posture = |grasp: &GraspEntry| {
        let ([x, y, z], [w, i, j, k]) = (grasp.pos, grasp.quat);
        let root = pose(&[x, y, z, w, i, j, k]);
        Posture {
            position: object_pose.inverse_apply(&root.position),
            rotation: object_pose.rotation.transpose() * root.rotation,
            // Too few are an error of `place_all`.
            joints: order
                .iter()
                .filter_map(|&place| grasp.grasp.get(place).copied())
                .collect(),
        }
    };
    let postures: Vec<Posture<f64>> = set.grasps.iter().map(posture).collect();
    let mut frames = vec![hand.frames(); postures.len()];
    hand.place_all(&postures, &mut frames)?;
    let friction = FRICTION * set.object.friction[0];
    let all = frames
        .par_iter()
        .map(|frames| of_contacts(&contacts(hand, object, frames), friction));
    Ok(all.collect())
}

/// The metrics of some contacts.
fn of_contacts(contacts: &[Contact<f64>], friction: f64) -> Analytic {
    if contacts.is_empty() {
        return Analytic {
            contacts: 0,
            qp: NONE,
            qp_dfc: NONE,
            q1: NONE,
        };
    }
    let all = loads().map(|load| rest(contacts, &load, LOAD, friction));
    Analytic {
        contacts: contacts.len(),
        qp: all.iter().sum::<f64>() / LOADS as f64,
        qp_dfc: rest(contacts, &[0.0; 6], 0.0, friction),
        q1: NONE - hull::inradius(contacts, friction, EDGES[1]),
    }
}

/// Where the fingers of a placed hand are at the object, or nearly so.
fn contacts(hand: &Hand, object: &Object, frames: &Frames<f64>) -> Vec<Contact<f64>> {
    let touching = hand
        .fingers
        .iter()
        .filter_map(|finger| nearest(hand, object, frames, finger.link, NEAR));
    touching
        .map(|at| {
            let point: Vector3<f64> = at.point - at.normal * at.gap;
            Contact::new((point - object.centre) / object.length, &-at.normal)
        })
        .collect()
}

/// `|G f - k w|` of the best forces.
fn rest(contacts: &[Contact<f64>], load: &[f64; 6], k: f64, friction: f64) -> f64 {
    let limits = Limits {
        friction,
        edges: EDGES[0],
        around: false,
        least: 0.0,
        most: 1.0,
        spread: 0.0,
        load: (k, k),
        sums: vec![((0..contacts.len()).collect(), 1.0)],
    };
    let rows = Rows::new(contacts.len(), &limits);
    let mut batch = Batch::<f64>::new(&rows);
    for lane in 0..WIDTH {
        batch.set_contacts(lane, contacts);
        batch.set_load(lane, load);
    }
    batch.solve(&rows, &SOLVER);
    let z: Vec<f64> = batch.z.iter().map(|wide| wide[0]).collect();
    (2.0 * value::value(contacts, load, &z, 0.0)).sqrt()
}

/// Four digits, which is more than is shown.
const SOLVER: admm::Settings = admm::Settings {
    tolerance: 1e-6,
    iterations: 20_000,
    rho: 1.0,
    relaxation: 1.6,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        hand::library,
        set::{HandEntry, ObjectEntry},
        testing::ball,
    };

    /// A gripper about a ball of 30 mm, its pads `gap` (m) away.
    fn gripped(gap: f64, friction: f64) -> Analytic {
        let (hand, object) = (library::named("gripper").unwrap(), ball(0.03));
        let joints = vec![0.05 - 0.0075 - 0.03 - gap; 2];
        let grasp = GraspEntry {
            pos: [0.1, 0.0, -0.045],
            quat: [1.0, 0.0, 0.0, 0.0],
            pregrasp: joints.clone(),
            grasp: joints.clone(),
            squeeze: joints.clone(),
            pregrasp_pose: None,
            squeeze_pose: None,
            score: None,
        };
        let entry = ObjectEntry {
            friction: [friction, 0.02],
            pose: [0.1, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            ..ObjectEntry::new("ball.obj", 1.0)
        };
        let mut set = GraspSet::new(&hand, HandEntry::new("gripper.xml"), entry, &[]);
        set.grasps = vec![grasp];
        analytic(&hand, &object, &set).unwrap()[0]
    }

    #[test]
    fn two_opposite_pads_balance_and_bear_a_load_by_friction() {
        let found = gripped(0.001, 0.6);
        assert_eq!(found.contacts, 2);
        assert!(found.qp_dfc < 1e-3, "{found:?}");
        // Each pad may press with 1 and rub with 0.3: a load of 0.1 is borne along every axis.
        assert!(found.qp < 5e-3, "{found:?}");
        // But no turn about the line between them.
        assert!(found.q1 > 2.0 - 1e-3, "{found:?}");
        // With next to no friction a load across the line is missed: 4 of 6.
        let slippery = gripped(0.001, 1e-3);
        assert!((slippery.qp - 0.1 * 4.0 / 6.0).abs() < 2e-3, "{slippery:?}");
    }

    #[test]
    fn fingers_that_are_far_are_no_contacts() {
        let found = gripped(0.006, 0.6);
        assert_eq!((found.contacts, found.qp, found.q1), (0, 2.0, 2.0));
    }
}
