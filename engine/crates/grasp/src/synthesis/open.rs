//! How fingers open before a grasp.

use nalgebra::{DMatrix, DVector, Vector3};

use super::{
    avoidance,
    close::{Nearest, nearest},
    energy::{Stance, Workspace},
    overlap,
};
use crate::{hand::Hand, object::Object};

/// Overlap that an opened hand may have (m).
const OVERLAP: f64 = 0.0003;
/// By what part of its way a finger opens less, where something is in it (1).
const LESS: f64 = 0.25;

/// The stance with fingers `way` (m) farther out along the normals, each as far as it runs
/// into nothing; the root stays.
pub fn open(
    hand: &Hand,
    object: &Object,
    stance: &Stance<f64>,
    touches: &[Nearest],
    way: f64,
) -> Stance<f64> {
    let mut workspace = Workspace::new(hand);
    let mut parts = vec![1.0; hand.fingers.len()];
    let mut hit = vec![false; hand.links.len()];
    loop {
        let ways: Vec<f64> = parts.iter().map(|part| part * way).collect();
        let opened = moved(hand, object, stance, touches, &ways);
        workspace.place(hand, object, &opened);
        for (link, hit) in hit.iter_mut().enumerate() {
            let frames = &workspace.frames;
            *hit = nearest(hand, object, frames, link, -OVERLAP).is_some()
                || avoidance::deepest(hand, object, frames, link, -OVERLAP).is_some();
        }
        overlap::visit(hand, &workspace.frames, 0.0, |(a, b), _, _, depth| {
            if depth > OVERLAP {
                hit[a] = true;
                hit[b] = true;
            }
        });
        let mut less = false;
        for (finger, part) in hand.fingers.iter().zip(&mut parts) {
            if *part > 0.0 && finger.links.iter().any(|&link| hit[link]) {
                *part -= LESS;
                less = true;
            }
        }
        if !less {
            return opened;
        }
    }
}

/// The stance with each finger so much (m) farther out along its normal.
fn moved(
    hand: &Hand,
    object: &Object,
    stance: &Stance<f64>,
    touches: &[Nearest],
    ways: &[f64],
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
        for ((finger, touch), way) in hand.fingers.iter().zip(touches).zip(ways) {
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
            let motors = hand.motors.iter().zip(&mut opened.motors);
            for ((motor, value), step) in motors.zip(step.iter()) {
                *value = (*value + step).clamp(motor.range.0, motor.range.1);
            }
        }
    }
    opened
}
