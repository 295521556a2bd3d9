//! How motors are driven so that fingers press.

use backflow_diff::lanes::WIDTH;
use nalgebra::Vector3;

use super::{
    Settings,
    close::Nearest,
    energy::{Stance, Workspace},
};
use crate::{
    force::{Batch, Contact, Limits, Rows, admm},
    hand::Hand,
    object::Object,
};

/// Forces that press an object and balance.
#[derive(Debug, Clone, PartialEq)]
pub struct Press {
    /// Force of each finger on the object (N).
    pub forces: Vec<Vector3<f64>>,
    /// What is left of their sum, force and torque over the object's length, over the sum of
    /// the normal forces (1).
    pub rest: f64,
}

/// The forces that balance one another best, for many grasps at a time.
#[derive(Debug, Clone)]
pub struct Balance {
    rows: Rows,
    batches: Vec<Batch<f32>>,
}

impl Balance {
    /// Forces within this friction.
    pub fn new(hand: &Hand, friction: f64) -> Self {
        let limits = Limits {
            friction,
            around: false,
            least: 0.05,
            spread: 0.05,
            load: (0.0, 0.0),
            ..Limits::of(&hand.pressures)
        };
        Self {
            rows: Rows::new(hand.fingers.len(), &limits),
            batches: Vec::new(),
        }
    }

    /// The forces `(p, a, b)` of every contact, for each of some grasps, whose sum is as near
    /// to zero as friction allows; starts from those of the last time.
    pub fn solve(&mut self, grasps: &[Vec<Contact<f64>>]) -> Vec<Vec<f64>> {
        let count = grasps.len().div_ceil(WIDTH);
        self.batches.resize(count, Batch::new(&self.rows));
        let mut all = Vec::with_capacity(grasps.len());
        for (some, batch) in grasps.chunks(WIDTH).zip(&mut self.batches) {
            for lane in 0..WIDTH {
                // Lanes beyond the last grasp repeat it.
                batch.set_contacts(lane, &some[lane.min(some.len() - 1)]);
            }
            batch.solve(&self.rows, &admm::Settings::default());
            let lanes = 0..some.len();
            all.extend(lanes.map(|lane| {
                let entries = batch.z.iter().map(|z| f64::from(z[lane]));
                entries.collect::<Vec<f64>>()
            }));
        }
        all
    }
}

/// The press of each of some grasps: forces at the touches that balance as well as friction
/// allows, and whose normal parts sum to `settings.squeeze`.
pub fn press(
    hand: &Hand,
    object: &Object,
    grasps: &[Vec<Nearest>],
    settings: &Settings,
) -> Vec<Press> {
    let contacts: Vec<Vec<Contact<f64>>> = grasps
        .iter()
        .map(|touches| contacts(object, touches))
        .collect();
    let forces = Balance::new(hand, settings.squeeze_friction).solve(&contacts);
    let pairs = contacts.iter().zip(&forces);
    pairs
        .map(|(contacts, z)| {
            let pushes = contacts.iter().zip(z.chunks(3));
            let pushes: Vec<Vector3<f64>> = pushes.map(|(c, f)| c.force(f)).collect();
            let force: Vector3<f64> = pushes.iter().sum();
            let arms = contacts.iter().zip(&pushes);
            let torque: Vector3<f64> = arms.map(|(c, push)| c.arm.cross(push)).sum();
            let sum: f64 = (0..contacts.len()).map(|index| z[3 * index]).sum();
            let scale = settings.squeeze / sum.max(1e-6);
            Press {
                forces: pushes.iter().map(|push| push * scale).collect(),
                rest: force.norm().hypot(torque.norm()) / sum.max(1e-6),
            }
        })
        .collect()
}

/// The contacts of touches.
pub(super) fn contacts(object: &Object, touches: &[Nearest]) -> Vec<Contact<f64>> {
    let contact = |touch: &Nearest| {
        let arm = (touch.point - object.centre) / object.length;
        Contact::new(arm, &-touch.normal)
    };
    touches.iter().map(contact).collect()
}

/// The motors' targets that make fingers push so: a position motor of stiffness `k` whose
/// target is `tau / k` beyond its place pulls with the torque `tau = J^T f`. A tendon pulls
/// on all of its joints alike; the load stretches the others against their stops, so that
/// the torque of the joint which moves counts. Torques are cut off at the strongest.
pub fn targets(
    hand: &Hand,
    stance: &Stance<f64>,
    workspace: &Workspace<f64>,
    touches: &[Nearest],
    press: &Press,
) -> Vec<f64> {
    let mut torques = vec![0.0; hand.joints.len()];
    let mut columns = vec![Vector3::zeros(); 6 + hand.joints.len()];
    for ((finger, touch), force) in hand.fingers.iter().zip(touches).zip(&press.forces) {
        hand.jacobian(&workspace.frames, finger.link, &touch.point, &mut columns);
        for (torque, column) in torques.iter_mut().zip(&columns[6..]) {
            *torque += column.dot(force);
        }
    }
    let movers = hand.movers(&stance.motors);
    let strongest = hand.spec.strongest;
    let pairs = stance.motors.iter().zip(movers);
    pairs
        .map(|(motor, mover)| {
            motor + torques[mover].clamp(-strongest, strongest) / hand.spec.stiffness
        })
        .collect()
}
