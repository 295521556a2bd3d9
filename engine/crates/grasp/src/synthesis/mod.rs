//! Grasps by bilevel optimisation: the pose of the hand above, the forces below.
//!
//! A start ([`start`]) descends the energy ([`energy`], [`descend`]) with the forces of its
//! touches ([`touch`], [`crate::force`]) solved anew every few steps; then gaps are closed
//! ([`close`](mod@close)), fingers opened for the way there ([`open`](mod@open)) and motors
//! driven ([`squeeze`]); the grasps that promise most ([`hold`], [`Score`]) and are unlike one
//! another are kept ([`choose`](mod@choose)).

pub mod avoidance;
pub mod choose;
pub mod clearance;
pub mod close;
pub mod descend;
pub mod energy;
pub mod hold;
pub mod open;
pub mod overlap;
mod score;
mod settings;
pub mod single_loop;
pub mod squeeze;
pub mod start;
pub mod touch;

use rayon::prelude::*;

use crate::{GraspError, hand::Hand, object::Object};
use energy::{Stance, Workspace};
pub use score::Score;
pub use settings::{Settings, Solver};

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

/// Grasps of an object, the best first: `count` of `count * candidates` starts, see
/// [`choose`](mod@choose).
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
    let grasps = groups
        .into_par_iter()
        .flat_map_iter(|group| together(hand, object, &settings, &group))
        .collect();
    Ok(choose::choose(grasps, count, settings.diversity))
}

/// The grasps of some starts.
fn together(hand: &Hand, object: &Object, settings: &Settings, indices: &[u64]) -> Vec<Grasp> {
    let scouts = settings.scouts as u64;
    let starts: Vec<_> = indices
        .iter()
        .flat_map(|&index| index * scouts..(index + 1) * scouts)
        .map(|index| start::start(hand, object, settings, index))
        .collect();
    let mut stances = descend::descend(hand, object, settings, &starts);
    close::close(hand, object, settings, &mut stances);
    let mut workspaces = vec![Workspace::new(hand); stances.len()];
    let mut touches = Vec::with_capacity(stances.len());
    for (workspace, stance) in workspaces.iter_mut().zip(&stances) {
        workspace.place(hand, object, stance);
        touches.push(score::touches(hand, object, workspace));
    }
    let presses = squeeze::press(hand, object, &touches, settings);
    let forces = score::forces(hand, object, &touches, settings);
    let ends = indices.iter().zip(stances).enumerate();
    ends.map(|(at, (&index, stance))| {
        let end = End {
            workspace: &workspaces[at],
            touches: &touches[at],
            press: &presses[at],
            force: forces[at],
        };
        finish(hand, object, settings, index, stance, &end)
    })
    .collect()
}

/// Where a grasp has ended.
struct End<'a> {
    workspace: &'a Workspace<f64>,
    touches: &'a [close::Nearest],
    press: &'a squeeze::Press,
    force: f64,
}

/// Opens the fingers, drives the motors, and says how good the grasp seems.
fn finish(
    hand: &Hand,
    object: &Object,
    settings: &Settings,
    index: u64,
    stance: Stance<f64>,
    end: &End<'_>,
) -> Grasp {
    let opened = open::open(hand, object, &stance, end.touches, settings.open);
    let driven = squeeze::targets(hand, &stance, end.workspace, end.touches, end.press);
    let score = Score::of(hand, object, &stance, end, settings);
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
        score,
        stance,
    }
}

#[cfg(test)]
mod tests;
