//! How good a grasp seems, without simulating it.

use backflow_diff::lanes::WIDTH;
use serde::{Deserialize, Serialize};

use super::{
    End, Settings, avoidance,
    close::{Nearest, nearest},
    energy::{Stance, Workspace},
    hold::Hold,
    overlap, squeeze,
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
    /// Deepest penetration of the object and of what stands about it (m).
    pub penetration: f64,
    /// Deepest penetration of the hand by itself (m).
    pub overlap: f64,
    /// What friction bears of the loads, see [`Hold`].
    pub slip: f64,
    /// How far the loads move the object (m).
    pub shift: f64,
    /// How far the loads turn the object (rad).
    pub turn: f64,
}

/// Length at which gaps and overlaps weigh as much as forces that miss their load (m).
const LENGTH: f64 = 0.02;
/// How much the use of friction weighs, against what is left of the forces of the squeeze (1).
const SLIP: f64 = 0.1;

/// Where the fingers touch, or nearly so.
pub(super) fn touches(hand: &Hand, object: &Object, workspace: &Workspace<f64>) -> Vec<Nearest> {
    let fingers = hand.fingers.iter().zip(&workspace.touches);
    fingers
        .map(|(finger, pad)| {
            let at = nearest(hand, object, &workspace.frames, finger.link, f64::INFINITY);
            at.unwrap_or(Nearest {
                gap: pad.gap,
                point: object.centre + pad.contact.arm * object.length,
                normal: -pad.contact.axes[0],
                ball: finger.pad,
            })
        })
        .collect()
}

/// How deep the hand is in the object or in what stands about it, and in itself (m).
pub(super) fn depths(hand: &Hand, object: &Object, workspace: &Workspace<f64>) -> (f64, f64) {
    let frames = &workspace.frames;
    let near = (0..hand.links.len()).filter_map(|link| nearest(hand, object, frames, link, 0.0));
    let around = (0..hand.links.len())
        .filter_map(|link| avoidance::deepest(hand, object, frames, link, 0.0));
    let depths = near.map(|at| -at.gap).chain(around.map(|at| at.overlap));
    let penetration = depths.fold(0.0, f64::max);
    let mut deepest = 0.0_f64;
    overlap::visit(hand, frames, 0.0, |_, _, _, depth| {
        deepest = deepest.max(depth);
    });
    (penetration, deepest)
}

/// Score up to which a grasp seems to hold (1): of 346 simulated grasps of the Shadow hand up to
/// it 327 held, of 254 above it 66.
const GOOD: f64 = 0.06;

impl Score {
    /// Whether the grasp seems to hold.
    pub fn is_good(&self) -> bool {
        self.total <= GOOD
    }

    pub(super) fn of(
        hand: &Hand,
        object: &Object,
        stance: &Stance<f64>,
        end: &End<'_>,
        settings: &Settings,
    ) -> Self {
        let &End {
            workspace,
            touches,
            press,
            force,
        } = end;
        let motors = &stance.motors;
        let Hold { slip, shift, turn } =
            Hold::of(hand, object, workspace, motors, touches, press, settings);
        let gap = touches.iter().map(|touch| touch.gap).fold(0.0, f64::max);
        let (penetration, deepest) = depths(hand, object, workspace);
        let total = force
            + press.rest.powi(2)
            + (SLIP * slip).powi(2)
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
            slip,
            shift,
            turn,
        }
    }
}

/// The value of the forces at the touches of each of some grasps, mean over the loads.
pub(super) fn forces(
    hand: &Hand,
    object: &Object,
    grasps: &[Vec<Nearest>],
    settings: &Settings,
) -> Vec<f64> {
    let limits = Limits {
        friction: settings.friction,
        ..Limits::of(&hand.pressures)
    };
    let rows = Rows::new(hand.fingers.len(), &limits);
    let contacts: Vec<Vec<Contact<f64>>> = grasps
        .iter()
        .map(|touches| squeeze::contacts(object, touches))
        .collect();
    let loads = loads();
    let mut batch = Batch::<f32>::new(&rows);
    let mut values = vec![0.0; grasps.len()];
    let programmes = grasps.len() * LOADS;
    for first in (0..programmes).step_by(WIDTH) {
        for lane in 0..WIDTH {
            // Lanes beyond the last programme repeat it.
            let programme = (first + lane).min(programmes - 1);
            batch.set_contacts(lane, &contacts[programme / LOADS]);
            batch.set_load(lane, &loads[programme % LOADS]);
        }
        batch.reset();
        batch.solve(&rows, &admm::Settings::default());
        for programme in first..(first + WIDTH).min(programmes) {
            let (grasp, load) = (programme / LOADS, &loads[programme % LOADS]);
            let z = batch.z.iter().map(|z| f64::from(z[programme - first]));
            let z: Vec<f64> = z.collect();
            values[grasp] += value::value(&contacts[grasp], load, &z, rows.spread) / LOADS as f64;
        }
    }
    values
}
