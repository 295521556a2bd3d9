//! Many postures of one hand at once: their frames, points of links, Jacobians and adjoints.
//!
//! All buffers are the caller's and are overwritten; nothing is allocated. Postures go in parts of
//! [`TOGETHER`] to the threads of the pool, and none has to do with another, so that neither the
//! parts nor the bits depend on the number of threads.
//!
//! ```
//! use backflow_grasp::hand::{batch::Spot, kinematics::{FramesBar, Posture, PostureBar}, library};
//! use nalgebra::{Matrix3, Vector3};
//!
//! let hand = library::named("allegro")?;
//! let posture = Posture {
//!     position: Vector3::zeros(),
//!     rotation: Matrix3::identity(),
//!     joints: vec![0.3; hand.joints.len()],
//! };
//! let postures = vec![posture; 100];
//! let mut frames = vec![hand.frames::<f64>(); 100];
//! hand.place_all(&postures, &mut frames)?;
//!
//! // Where the pads of all fingers are: 100 x 4 points.
//! let spots: Vec<Spot> = hand.fingers.iter().map(Spot::pad).collect();
//! let mut points = vec![Vector3::zeros(); 100 * spots.len()];
//! hand.points_all(&frames, &spots, &mut points)?;
//!
//! // The gradient of half the sum of their squares with respect to root and joints.
//! let mut bars = vec![FramesBar::new(hand.links.len()); 100];
//! let mut gradients = vec![PostureBar::new(hand.joints.len()); 100];
//! hand.points_all_vjp(&frames, &spots, &points, &mut bars, &mut gradients)?;
//! # Ok::<(), backflow_grasp::GraspError>(())
//! ```

use backflow_diff::Real;
use nalgebra::Vector3;
use rayon::prelude::*;

use super::{
    Finger, Hand,
    kinematics::{Frames, FramesBar, Posture, PostureBar},
};
use crate::GraspError;

/// Postures that one thread places at a time.
pub const TOGETHER: usize = 64;

/// A point of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Index of the link.
    pub link: usize,
    /// Where it is in the frame of the link (m).
    pub local: Vector3<f64>,
}

impl Spot {
    /// The origin of a link.
    pub fn origin(link: usize) -> Self {
        Self {
            link,
            local: Vector3::zeros(),
        }
    }

    /// The middle of a finger's pad.
    pub fn pad(finger: &Finger) -> Self {
        Self {
            link: finger.link,
            local: finger.pad.centre,
        }
    }
}

impl Hand {
    /// The frames of the links of `N` postures, see [`place`](Hand::place).
    ///
    /// # Errors
    /// Not as many frames as postures; postures or frames of another hand.
    pub fn place_all<T: Real>(
        &self,
        postures: &[Posture<T>],
        frames: &mut [Frames<T>],
    ) -> Result<(), GraspError> {
        same("frames", frames.len(), postures.len())?;
        let joints = self.joints.len();
        each("postures: joints", postures, joints, |one| one.joints.len())?;
        self.are_frames(frames)?;
        let pairs = postures
            .par_chunks(TOGETHER)
            .zip(frames.par_chunks_mut(TOGETHER));
        pairs.for_each(|(postures, frames)| {
            for (posture, frames) in postures.iter().zip(frames) {
                self.place(posture, frames);
            }
        });
        Ok(())
    }

    /// Overwrites the cotangents of `N` postures, root and joints, from those of the poses of their
    /// links, see [`place_vjp`](Hand::place_vjp); `bars` are used up.
    ///
    /// # Errors
    /// Numbers of frames and cotangents that differ; frames or cotangents of another hand.
    pub fn place_all_vjp<T: Real>(
        &self,
        frames: &[Frames<T>],
        bars: &mut [FramesBar<T>],
        posture_bars: &mut [PostureBar<T>],
    ) -> Result<(), GraspError> {
        self.are_bars(frames, bars, posture_bars)?;
        let parts = frames
            .par_chunks(TOGETHER)
            .zip(bars.par_chunks_mut(TOGETHER))
            .zip(posture_bars.par_chunks_mut(TOGETHER));
        parts.for_each(|((frames, bars), posture_bars)| {
            for ((frames, bar), posture_bar) in frames.iter().zip(bars).zip(posture_bars) {
                self.place_vjp(frames, bar, posture_bar);
            }
        });
        Ok(())
    }

    /// The same `P` points of the links at `N` placed postures (m): `points` is `N x P`, posture by
    /// posture.
    ///
    /// # Errors
    /// Not `N x P` points; a spot on a link that the hand does not have; frames of another hand.
    pub fn points_all<T: Real>(
        &self,
        frames: &[Frames<T>],
        spots: &[Spot],
        points: &mut [Vector3<T>],
    ) -> Result<(), GraspError> {
        self.are_frames(frames)?;
        self.are_spots(spots)?;
        same("points", points.len(), frames.len() * spots.len())?;
        if spots.is_empty() {
            return Ok(());
        }
        let parts = frames
            .par_chunks(TOGETHER)
            .zip(points.par_chunks_mut(TOGETHER * spots.len()));
        parts.for_each(|(frames, points)| {
            for (frames, points) in frames.iter().zip(points.chunks_mut(spots.len())) {
                for (spot, point) in spots.iter().zip(points) {
                    *point = frames.point(spot.link, &spot.local);
                }
            }
        });
        Ok(())
    }

    /// Overwrites the cotangents of `N` postures, root and joints, from those of their points
    /// (`N x P`); `bars` are scratch.
    ///
    /// # Errors
    /// As [`points_all`](Hand::points_all) and [`place_all_vjp`](Hand::place_all_vjp).
    pub fn points_all_vjp<T: Real>(
        &self,
        frames: &[Frames<T>],
        spots: &[Spot],
        points_bar: &[Vector3<T>],
        bars: &mut [FramesBar<T>],
        posture_bars: &mut [PostureBar<T>],
    ) -> Result<(), GraspError> {
        self.are_bars(frames, bars, posture_bars)?;
        self.are_spots(spots)?;
        let count = spots.len();
        same("points_bar", points_bar.len(), frames.len() * count)?;
        let parts = frames
            .par_chunks(TOGETHER)
            .zip(bars.par_chunks_mut(TOGETHER))
            .zip(posture_bars.par_chunks_mut(TOGETHER))
            .enumerate();
        parts.for_each(|(part, ((frames, bars), posture_bars))| {
            let parts = frames.iter().zip(bars).zip(posture_bars).enumerate();
            for (index, ((frames, bar), posture_bar)) in parts {
                let first = (part * TOGETHER + index) * count;
                bar.clear();
                for (spot, point_bar) in spots.iter().zip(&points_bar[first..first + count]) {
                    let point = frames.point(spot.link, &spot.local);
                    bar.add(frames, spot.link, &point, point_bar);
                }
                self.place_vjp(frames, bar, posture_bar);
            }
        });
        Ok(())
    }

    /// The Jacobians of `P` points at `N` placed postures: `moves` (m a unit) and `turns` (rad a
    /// unit) are `N x P x (6 + J)` columns of three, what a point moves by and what its link turns
    /// by for each number of a posture: the origin of the root (three, m), its rotation vector in
    /// the world (three, rad) and the `J` joints. See [`jacobian`](Hand::jacobian) and
    /// [`turning`](Hand::turning).
    ///
    /// # Errors
    /// Not so many columns; a spot on a link that the hand does not have; frames of another hand.
    pub fn jacobians_all(
        &self,
        frames: &[Frames<f64>],
        spots: &[Spot],
        moves: &mut [Vector3<f64>],
        turns: &mut [Vector3<f64>],
    ) -> Result<(), GraspError> {
        self.are_frames(frames)?;
        self.are_spots(spots)?;
        let columns = 6 + self.joints.len();
        let size = spots.len() * columns;
        same("moves", moves.len(), frames.len() * size)?;
        same("turns", turns.len(), frames.len() * size)?;
        if spots.is_empty() {
            return Ok(());
        }
        let parts = frames
            .par_chunks(TOGETHER)
            .zip(moves.par_chunks_mut(TOGETHER * size))
            .zip(turns.par_chunks_mut(TOGETHER * size));
        parts.for_each(|((frames, moves), turns)| {
            let all = moves.chunks_mut(columns).zip(turns.chunks_mut(columns));
            let at = frames
                .iter()
                .flat_map(|frames| spots.iter().map(move |spot| (frames, spot)));
            for ((frames, spot), (moves, turns)) in at.zip(all) {
                let point = frames.point(spot.link, &spot.local);
                self.jacobian(frames, spot.link, &point, moves);
                self.turning(frames, spot.link, turns);
            }
        });
        Ok(())
    }

    fn are_frames<T: Real>(&self, frames: &[Frames<T>]) -> Result<(), GraspError> {
        let (links, joints) = (self.links.len(), self.joints.len());
        each("frames: links", frames, links, |one| one.position.len())?;
        each("frames: links", frames, links, |one| one.rotation.len())?;
        each("frames: joints", frames, joints, |one| one.axis.len())
    }

    fn are_bars<T: Real>(
        &self,
        frames: &[Frames<T>],
        bars: &[FramesBar<T>],
        posture_bars: &[PostureBar<T>],
    ) -> Result<(), GraspError> {
        self.are_frames(frames)?;
        same("bars", bars.len(), frames.len())?;
        same("posture_bars", posture_bars.len(), frames.len())?;
        let (links, joints) = (self.links.len(), self.joints.len());
        each("bars: links", bars, links, |one| one.force.len())?;
        each("bars: links", bars, links, |one| one.moment.len())?;
        each("posture_bars: joints", posture_bars, joints, |one| {
            one.joints.len()
        })
    }

    fn are_spots(&self, spots: &[Spot]) -> Result<(), GraspError> {
        let links = self.links.len();
        match spots.iter().find(|spot| spot.link >= links) {
            Some(spot) => Err(GraspError::Size {
                field: "spots: link",
                found: spot.link,
                expected: format!("less than {links}, the links of {}", self.spec.name),
            }),
            None => Ok(()),
        }
    }
}

/// Whether there are as many as there have to be.
fn same(field: &'static str, found: usize, expected: usize) -> Result<(), GraspError> {
    if found == expected {
        return Ok(());
    }
    Err(GraspError::Size {
        field,
        found,
        expected: expected.to_string(),
    })
}

/// Whether every one has as many parts as it has to have.
fn each<A>(
    field: &'static str,
    all: &[A],
    expected: usize,
    parts: impl Fn(&A) -> usize,
) -> Result<(), GraspError> {
    let other = all.iter().map(parts).find(|&found| found != expected);
    same(field, other.unwrap_or(expected), expected)
}

#[cfg(test)]
mod tests;
