//! How good a grasp seems, without simulating it.

use serde::{Deserialize, Serialize};

use super::{
    Settings,
    close::{Nearest, nearest},
    energy::Workspace,
    overlap,
    squeeze::Press,
};
use crate::{
    force::{Batch, Contact, LOADS, Limits, Rows, admm, loads, value},
    hand::Hand,
    object::Object,
};

/// Parts of the judgement; small is good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// What grasps are ordered by.
    pub total: f64,
    /// Value of the forces at the touches, mean over the loads (1).
    pub force: f64,
    /// What is left of the forces of the squeeze (1).
    pub squeeze: f64,
    /// Largest gap of a finger (m).
    pub gap: f64,
    /// Deepest penetration of the object (m).
    pub penetration: f64,
    /// Deepest penetration of the hand by itself (m).
    pub overlap: f64,
}

/// Length at which gaps and overlaps weigh as much as forces that miss their load (m).
const LENGTH: f64 = 0.02;

/// Where the fingers touch, or nearly so.
pub(super) fn touches(hand: &Hand, object: &Object, workspace: &Workspace<f64>) -> Vec<Nearest> {
    let fingers = hand.fingers.iter().zip(&workspace.touches);
    fingers
        .map(|(finger, pad)| {
            let at = nearest(hand, object, workspace, finger.link, f64::INFINITY);
            at.unwrap_or(Nearest {
                gap: pad.gap,
                point: object.centre + pad.contact.arm * object.length,
                normal: -pad.contact.axes[0],
            })
        })
        .collect()
}

impl Score {
    pub(super) fn of(
        hand: &Hand,
        object: &Object,
        workspace: &Workspace<f64>,
        touches: &[Nearest],
        press: &Press,
        settings: &Settings,
    ) -> Self {
        let force = force(hand, object, touches, settings);
        let gap = touches.iter().map(|touch| touch.gap).fold(0.0, f64::max);
        let depths =
            (0..hand.links.len()).filter_map(|link| nearest(hand, object, workspace, link, 0.0));
        let penetration = depths.map(|at| -at.gap).fold(0.0, f64::max);
        let mut deepest = 0.0_f64;
        overlap::visit(hand, &workspace.frames, 0.0, |_, _, _, depth| {
            deepest = deepest.max(depth)
        });
        let total = force
            + press.rest.powi(2)
            + (gap / LENGTH).powi(2)
            + (penetration / LENGTH).powi(2)
            + (deepest / LENGTH).powi(2);
        Self {
            total: if total.is_finite() { total } else { f64::MAX },
            force,
            squeeze: press.rest,
            gap,
            penetration,
            overlap: deepest,
        }
    }
}

/// The value of the forces at the touches, mean over the loads.
fn force(hand: &Hand, object: &Object, touches: &[Nearest], settings: &Settings) -> f64 {
    let limits = Limits {
        friction: settings.friction,
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
    let loads = loads();
    for (axis, wide) in batch.load.iter_mut().enumerate() {
        *wide = std::array::from_fn(|lane| loads[lane % LOADS][axis]);
    }
    batch.solve(&rows, &admm::Settings::default());
    let values = loads.iter().enumerate().map(|(lane, load)| {
        let z: Vec<f64> = batch.z.iter().map(|z| z[lane]).collect();
        value::value(&contacts, load, &z, rows.spread)
    });
    values.sum::<f64>() / LOADS as f64
}
