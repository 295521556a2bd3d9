//! What an iteration learns from.

use backflow_diff::Real;
use backflow_optim::Random;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::Windows;
use crate::{
    data::{Trajectory, farthest_points},
    error::OperatorError,
    model::{Room, Scales, Window, mean_spacing},
};

/// The samples of trajectories: what training and validation read.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Each trajectory with each set of its samples.
    tracks: Vec<Track>,
    /// Trajectories, and the last frames of their windows, that excerpts are taken from; all if there are none.
    windows: Vec<(usize, usize)>,
}

/// Positions of one set of samples of a trajectory.
#[derive(Debug, Clone)]
pub struct Track {
    /// The trajectory.
    pub trajectory: usize,
    /// Which particles the samples are.
    pub samples: Vec<usize>,
    /// Positions (m) at each frame, a column each.
    pub x: Vec<DMatrix<f32>>,
    /// Where they are.
    pub room: Room,
}

/// Some steps of a track.
#[derive(Debug, Clone)]
pub struct Excerpt<T: Real> {
    /// Where it is.
    pub room: Room,
    /// What the operator starts from.
    pub window: Window<T>,
    /// Where the samples then are (m), a step each.
    pub targets: Vec<DMatrix<T>>,
}

impl Track {
    /// The track of some particles.
    pub fn new(trajectory: &Trajectory, number: usize, samples: Vec<usize>) -> Self {
        let at = |frame: usize| {
            let places = samples.iter();
            let x: Vec<f32> = places
                .flat_map(|&particle| trajectory.position(frame, particle))
                .collect();
            DMatrix::from_vec(3, samples.len(), x)
        };
        Self {
            trajectory: number,
            x: (0..trajectory.frames()).map(at).collect(),
            room: Room::plain(trajectory.bounds, trajectory.gravity),
            samples,
        }
    }

    /// What is known of the window that ends at `frame`, before which and after which there is another.
    fn known(&self, frame: usize) -> Vec<f64> {
        let x = &self.x;
        let step = &x[frame] - &x[frame - 1];
        let change = &x[frame + 1] - &x[frame] - &step;
        let [low, high] = self.room.bounds;
        let near = x[frame].column_iter().flat_map(|x| {
            [0, 1, 2]
                .map(|axis| (f64::from(x[axis]) - low[axis]).min(high[axis] - f64::from(x[axis])))
        });
        let near = near.fold(f64::INFINITY, f64::min);
        let mut known = vec![near, moments(&(&x[frame] - &x[0]))[1]];
        known.extend(moments(&step));
        known.extend(moments(&change));
        known
    }

    /// The excerpt whose window of `steps` positions ends at `frame`, with `span` targets; fewer where
    /// the track ends.
    pub fn excerpt(&self, frame: usize, steps: usize, span: usize) -> Excerpt<f32> {
        let from = (frame + 1).saturating_sub(steps);
        let last = (frame + 1 + span).min(self.x.len());
        Excerpt {
            room: self.room.clone(),
            window: Window {
                rest: self.x[0].clone(),
                x: self.x[from..=frame].to_vec(),
            },
            targets: self.x[frame + 1..last].to_vec(),
        }
    }
}

/// Mean of the columns, and the root mean square of what they differ by from it.
fn moments(x: &DMatrix<f32>) -> [f64; 2] {
    let mean = x.column_mean();
    let spread: f32 = x.column_iter().map(|x| (x - &mean).norm_squared()).sum();
    let count = x.ncols().max(1) as f32;
    [f64::from(mean.norm()), f64::from(spread / count).sqrt()]
}

/// Brings each feature to mean 0 and variance 1.
fn standardize(features: &mut [Vec<f64>]) {
    let count = features.len().max(1) as f64;
    for at in 0..features.first().map_or(0, Vec::len) {
        let mean = features.iter().map(|feature| feature[at]).sum::<f64>() / count;
        let square = features.iter().map(|feature| (feature[at] - mean).powi(2));
        let spread = (square.sum::<f64>() / count).sqrt().max(f64::MIN_POSITIVE);
        for feature in features.iter_mut() {
            feature[at] = (feature[at] - mean) / spread;
        }
    }
}

impl Pool {
    /// `sets` sets of `count` samples of each trajectory, each far from one another, from random firsts. Of three sets
    /// the second has `spread` times fewer and the third as many times more, but no more than there are particles.
    ///
    /// # Errors
    /// A trajectory that has fewer particles.
    pub fn new(
        trajectories: &[Trajectory],
        count: usize,
        sets: usize,
        spread: f64,
        seed: u64,
    ) -> Result<Self, OperatorError> {
        for (number, trajectory) in trajectories.iter().enumerate() {
            if trajectory.count < count {
                let found = format!("{} particles in trajectory {number}", trajectory.count);
                return Err(OperatorError::mismatch(
                    "samples",
                    found,
                    format!("at least {count}"),
                ));
            }
        }
        let places: Vec<(usize, usize)> = (0..trajectories.len())
            .flat_map(|number| (0..sets).map(move |set| (number, set)))
            .collect();
        let tracks = places.into_par_iter().map(|(number, set)| {
            let trajectory = &trajectories[number];
            let mut random = Random::new(seed, &[0x706f, number as u64, set as u64]);
            let first = random.below(trajectory.count);
            let factor = [1.0, 1.0 / spread, spread][set % 3];
            let count = ((count as f64 * factor).round() as usize).clamp(1, trajectory.count);
            let samples = farthest_points(trajectory.positions(0), count, first);
            Track::new(trajectory, number, samples)
        });
        Ok(Self {
            tracks: tracks.collect(),
            windows: Vec::new(),
        })
    }

    /// Leaves only those windows to excerpts that `which` chooses, of those of `steps` positions before `span` more.
    /// What is known of a window are the root mean squares, over samples, of the steps that lead to its end and of
    /// what they change by after it, the sizes of their means, and of the displacement from the start without its
    /// mean, and how near the nearest wall is; each over how much it varies.
    pub fn keep(&mut self, which: Windows, steps: usize, span: usize, random: &mut Random) {
        if which == Windows::All {
            return;
        }
        let mut windows: Vec<(usize, usize)> = Vec::new();
        let mut features = Vec::new();
        for track in &self.tracks {
            // The first set of samples stands for all of a trajectory.
            if windows
                .last()
                .is_some_and(|last| last.0 == track.trajectory)
            {
                continue;
            }
            for frame in steps.max(2) - 1..track.x.len().saturating_sub(span) {
                windows.push((track.trajectory, frame));
                features.push(track.known(frame));
            }
        }
        standardize(&mut features);
        let chosen = which.of(&features, random).into_iter();
        self.windows = chosen.map(|at| windows[at]).collect();
    }

    /// Mean spacing (m) of the sets of `count` samples at rest; none where there is a single sample.
    ///
    /// # Errors
    /// Positions that are not finite.
    pub fn spacing(&self, count: usize) -> Result<Option<f64>, OperatorError> {
        let (mut sum, mut sets) = (0.0, 0.0);
        for track in self
            .tracks
            .iter()
            .filter(|track| track.samples.len() == count)
        {
            if let Some(spacing) = mean_spacing(&track.x[0])? {
                (sum, sets) = (sum + spacing, sets + 1.0);
            }
        }
        Ok((sets > 0.0).then(|| sum / sets))
    }

    /// Its tracks: those of the first trajectory first.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// A random track, and the last frame of a window in it.
    fn place(&self, steps: usize, span: usize, random: &mut Random) -> (&Track, usize) {
        if self.windows.is_empty() {
            let track = &self.tracks[random.below(self.tracks.len())];
            let firsts = track.x.len().saturating_sub(steps - 1 + span).max(1);
            return (
                track,
                (steps - 1 + random.below(firsts)).min(track.x.len() - 2),
            );
        }
        let (trajectory, frame) = self.windows[random.below(self.windows.len())];
        let from = self
            .tracks
            .partition_point(|track| track.trajectory < trajectory);
        let end = self
            .tracks
            .partition_point(|track| track.trajectory <= trajectory);
        (&self.tracks[from + random.below(end - from)], frame)
    }

    /// A random excerpt of `span` steps, with noise.
    ///
    /// The noise is a random walk of velocities as in Sanchez-Gonzalez et al. 2020 (section 4.2): the
    /// targets are shifted with the last position, so that the operator learns to correct velocities.
    /// `noise` is its size at the end, in units of `acceleration frame`.
    pub fn excerpt(
        &self,
        steps: usize,
        span: usize,
        scales: &Scales,
        noise: f64,
        random: &mut Random,
    ) -> Excerpt<f32> {
        let (track, frame) = self.place(steps, span, random);
        let mut excerpt = track.excerpt(frame, steps, span);
        let step = noise * scales.acceleration * scales.frame * scales.frame
            / (steps.max(2) as f64 - 1.0).sqrt();
        if step > 0.0 {
            let count = excerpt.window.samples();
            let mut velocity = vec![0.0; 3 * count];
            let mut shift = vec![0.0; 3 * count];
            for x in excerpt.window.x.iter_mut().skip(1) {
                for ((x, shift), velocity) in x.iter_mut().zip(&mut shift).zip(&mut velocity) {
                    *velocity += step * random.normal();
                    *shift += *velocity;
                    *x += *shift as f32;
                }
            }
            for target in &mut excerpt.targets {
                for (x, shift) in target.iter_mut().zip(&shift) {
                    *x += *shift as f32;
                }
            }
        }
        excerpt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trajectory() -> Trajectory {
        Trajectory {
            count: 30,
            x: (0..30 * 3 * 8).map(|at| (at as f32 * 0.37).sin()).collect(),
            frame: 0.1,
            bounds: [[-1.0; 3], [1.0; 3]],
            gravity: [0.0; 3],
            substeps: 0,
        }
    }

    #[test]
    fn excerpts_are_pieces_of_their_tracks() {
        let trajectory = trajectory();
        let track = Track::new(&trajectory, 0, vec![3, 7]);
        let excerpt = track.excerpt(3, 3, 9);
        assert_eq!(excerpt.window.x.len(), 3);
        assert_eq!(excerpt.targets.len(), 4);
        assert_eq!(
            excerpt.window.newest().column(1).as_slice(),
            trajectory.position(3, 7)
        );
        assert_eq!(
            excerpt.targets[0].column(0).as_slice(),
            trajectory.position(4, 3)
        );
        assert_eq!(
            excerpt.window.rest.column(0).as_slice(),
            trajectory.position(0, 3)
        );
    }

    #[test]
    fn noise_moves_targets_with_the_last_position() {
        let pool = Pool::new(&[trajectory()], 10, 2, 1.0, 1).unwrap();
        let scales = Scales {
            frame: 0.1,
            velocity: 1.0,
            acceleration: 10.0,
            spacing: None,
        };
        let draw = |noise: f64| pool.excerpt(3, 2, &scales, noise, &mut Random::new(5, &[]));
        let (clean, noisy) = (draw(0.0), draw(0.5));
        assert_eq!(clean.window.x[0], noisy.window.x[0]);
        let moved = noisy.window.newest() - clean.window.newest();
        assert!(moved.norm() > 0.01);
        for (clean, noisy) in clean.targets.iter().zip(&noisy.targets) {
            // Rounding of single precision.
            assert!(((noisy - clean) - &moved).abs().max() < 1e-6);
        }
        assert!(Pool::new(&[trajectory()], 31, 1, 1.0, 1).is_err());
    }

    #[test]
    fn sets_have_fewer_and_more_samples_where_they_are_spread() {
        let pool = Pool::new(&[trajectory()], 10, 4, 2.0, 1).unwrap();
        let counts: Vec<_> = pool.tracks().iter().map(|t| t.samples.len()).collect();
        assert_eq!(counts, [10, 5, 20, 10]);
        // There are 30 particles.
        let pool = Pool::new(&[trajectory()], 10, 3, 4.0, 1).unwrap();
        assert_eq!(pool.tracks()[2].samples.len(), 30);
    }
}
