//! Grasps by bilevel optimisation: the pose of the hand above, the forces below.
//!
//! A start ([`start`]) descends the energy ([`energy`], [`descend`]) with the forces of its
//! touches ([`touch`], [`crate::force`]) solved anew every few steps; then gaps are closed
//! ([`close`](mod@close)) and motors driven ([`squeeze`]).

pub mod clearance;
pub mod close;
pub mod descend;
pub mod energy;
pub mod overlap;
mod score;
mod settings;
pub mod squeeze;
pub mod start;
pub mod touch;

use rayon::prelude::*;

use crate::{GraspError, hand::Hand, object::Object};
use energy::{Stance, Workspace};
pub use score::Score;
pub use settings::Settings;

/// A grasp that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Grasp {
    /// Number of its start.
    pub index: u64,
    /// The hand when it touches.
    pub stance: Stance<f64>,
    /// Joint angles before, with fingers opened (rad).
    pub pregrasp: Vec<f64>,
    /// Joint angles when it touches (rad).
    pub grasp: Vec<f64>,
    /// Joint angles that motors are told to press with (rad).
    pub squeeze: Vec<f64>,
    /// How good it seems.
    pub score: Score,
}

/// Grasps of an object, the best first: `count` of `count * candidates` starts.
///
/// The result does not depend on the number of threads.
///
/// # Errors
/// Settings that make no sense.
pub fn synthesize(
    hand: &Hand,
    object: &Object,
    count: usize,
    settings: &Settings,
) -> Result<Vec<Grasp>, GraspError> {
    let settings = settings.checked()?;
    let total = (count * settings.candidates) as u64;
    let groups: Vec<Vec<u64>> = (0..total)
        .collect::<Vec<_>>()
        .chunks(descend::TOGETHER)
        .map(<[u64]>::to_vec)
        .collect();
    let mut grasps: Vec<Grasp> = groups
        .into_par_iter()
        .flat_map_iter(|group| together(hand, object, &settings, &group))
        .collect();
    grasps.sort_by(|a, b| {
        a.score
            .total
            .total_cmp(&b.score.total)
            .then(a.index.cmp(&b.index))
    });
    grasps.truncate(count);
    Ok(grasps)
}

/// The grasps of some starts.
fn together(hand: &Hand, object: &Object, settings: &Settings, indices: &[u64]) -> Vec<Grasp> {
    let starts: Vec<_> = indices
        .iter()
        .map(|&index| start::start(hand, object, settings.seed, index))
        .collect();
    let stances = descend::descend(hand, object, settings, &starts);
    indices
        .iter()
        .zip(stances)
        .map(|(&index, stance)| finish(hand, object, settings, index, stance))
        .collect()
}

/// Closes the gaps, drives the motors, and says how good the grasp seems.
fn finish(
    hand: &Hand,
    object: &Object,
    settings: &Settings,
    index: u64,
    mut stance: Stance<f64>,
) -> Grasp {
    close::close(hand, object, &mut stance, settings.newton);
    let mut workspace = Workspace::new(hand);
    workspace.place(hand, object, &stance);
    let touches = score::touches(hand, object, &workspace);
    let press = squeeze::press(hand, object, &touches, settings);
    let opened = squeeze::open(hand, object, &stance, &touches, settings.open);
    let driven = squeeze::targets(hand, &stance, &workspace, &touches, &press);
    let joints = |motors: &[f64]| {
        let mut joints = vec![0.0; hand.joints.len()];
        hand.spread(motors, &mut joints);
        joints
    };
    Grasp {
        index,
        pregrasp: joints(&opened.motors),
        grasp: joints(&stance.motors),
        squeeze: joints(&driven),
        score: Score::of(hand, object, &workspace, &touches, &press, settings),
        stance,
    }
}

#[cfg(test)]
mod tests;
