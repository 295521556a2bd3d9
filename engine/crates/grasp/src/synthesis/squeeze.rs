//! How motors are driven so that fingers press, and how fingers open before that.

use nalgebra::{DMatrix, DVector, Vector3};

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

/// Forces at the touches whose sum is as near to zero as friction allows, and whose normal
/// parts sum to `settings.squeeze`.
pub fn press(hand: &Hand, object: &Object, touches: &[Nearest], settings: &Settings) -> Press {
    let limits = Limits {
        friction: settings.squeeze_friction,
        around: false,
        least: 0.05,
        spread: 0.05,
        load: (0.0, 0.0),
        ..Limits::of(&hand.pressures)
    };
    let rows = Rows::new(touches.len(), &limits);
    let contacts: Vec<Contact<f64>> = touches
        .iter()
        .map(|touch| {
            Contact::new(
                (touch.point - object.centre) / object.length,
                &-touch.normal,
            )
        })
        .collect();
    let mut batch = Batch::<f64>::new(&rows);
    for (index, contact) in contacts.iter().enumerate() {
        for axis in 0..3 {
            batch.grasp[3 * index + axis] = contact.column(axis).map(|entry| [entry; 16]);
        }
    }
    batch.solve(&rows, &admm::Settings::default());
    let z: Vec<f64> = batch.z.iter().map(|z| z[0]).collect();
    let pushes: Vec<Vector3<f64>> = contacts
        .iter()
        .zip(z.chunks(3))
        .map(|(contact, f)| contact.force(f))
        .collect();
    let force: Vector3<f64> = pushes.iter().sum();
    let torque: Vector3<f64> = contacts
        .iter()
        .zip(&pushes)
        .map(|(contact, push)| contact.arm.cross(push))
        .sum();
    let sum: f64 = (0..contacts.len()).map(|index| z[3 * index]).sum();
    let scale = settings.squeeze / sum.max(1e-6);
    Press {
        forces: pushes.iter().map(|push| push * scale).collect(),
        rest: (force.norm_squared() + torque.norm_squared()).sqrt() / sum.max(1e-6),
    }
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

/// The stance with fingers `way` (m) farther out along the normals; the root stays.
pub fn open(
    hand: &Hand,
    object: &Object,
    stance: &Stance<f64>,
    touches: &[Nearest],
    way: f64,
) -> Stance<f64> {
    /// Steps, each of which is small enough for the linear map.
    const STEPS: usize = 4;
    /// Damping (m^2): a step of a joint costs as much as 4 mm of a miss.
    const DAMPING: f64 = 1.6e-5;
    let mut opened = stance.clone();
    let mut workspace = Workspace::new(hand);
    let size = hand.motors.len();
    let mut columns = vec![Vector3::zeros(); 6 + hand.joints.len()];
    for _ in 0..STEPS {
        workspace.place(hand, object, &opened);
        let movers = hand.movers(&opened.motors);
        let mut matrix = DMatrix::<f64>::identity(size, size) * DAMPING;
        let mut right = DVector::<f64>::zeros(size);
        for (finger, touch) in hand.fingers.iter().zip(touches) {
            let point = workspace.frames.point(finger.link, &finger.pad.centre);
            hand.jacobian(&workspace.frames, finger.link, &point, &mut columns);
            let wish = touch.normal * (way / STEPS as f64);
            for axis in 0..3 {
                let row = DVector::from_fn(size, |motor, _| columns[6 + movers[motor]][axis]);
                matrix.ger(1.0, &row, &row, 1.0);
                right.axpy(wish[axis], &row, 1.0);
            }
        }
        if let Some(factor) = matrix.cholesky() {
            let step = factor.solve(&right);
            for ((motor, value), step) in
                hand.motors.iter().zip(&mut opened.motors).zip(step.iter())
            {
                *value = (*value + step).clamp(motor.range.0, motor.range.1);
            }
        }
    }
    opened
}
