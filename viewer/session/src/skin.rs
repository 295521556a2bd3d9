//! Liquids as surfaces.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use backflow_viewer_skin::Skin;

use crate::{
    frame::Frame,
    surface::Surface,
    threads::{background, step_back},
};

/// Edge of a cube, in radii of a particle (1): as coarse as keeps drops round.
pub const CUBE: f32 = 1.2;

/// Why there is no surface.
#[derive(Debug, thiserror::Error)]
#[error("no surface of `{body}` can be made: {reason}")]
pub struct SkinError {
    /// Name of the body.
    pub body: String,
    /// What splashsurf says.
    pub reason: String,
}

/// The surface of particles of a radius (m), from cubes of so many radii; empty without particles.
///
/// # Errors
/// What splashsurf says.
pub fn skin(points: &[[f32; 3]], radius: f32, cube: f32) -> Result<Surface, String> {
    let Skin {
        positions,
        normals,
        triangles,
    } = backflow_viewer_skin::skin(points, radius, cube)?;
    Ok(Surface {
        positions,
        normals,
        triangles,
    })
}

/// The surfaces of the liquids of a frame, by the index of their body.
///
/// # Errors
/// The first that cannot be made.
pub fn skins(frame: &Frame, cube: f32) -> Result<Vec<(usize, Surface)>, SkinError> {
    let (mut rest, mut found) = (frame.x.as_slice(), Vec::new());
    for (index, (body, count)) in frame.stage.bodies.iter().zip(&frame.counts).enumerate() {
        let (points, after) = rest.split_at((*count).min(rest.len()));
        rest = after;
        if body.liquid {
            let surface = skin(points, body.radius as f32, cube).map_err(|reason| SkinError {
                body: body.name.clone(),
                reason,
            })?;
            found.push((index, surface));
        }
    }
    Ok(found)
}

/// The surfaces of a frame, or why there are none.
pub type Made = (Arc<Frame>, Result<Vec<(usize, Surface)>, SkinError>);

/// A thread that makes the surfaces of one frame after another, so that the window never waits.
/// Dropping it ends the thread.
pub struct Skinner {
    /// Gone when the thread is to end.
    frames: Option<Sender<Arc<Frame>>>,
    made: std::sync::Mutex<Receiver<Made>>,
    busy: bool,
    thread: Option<JoinHandle<()>>,
}

impl Skinner {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start() -> std::io::Result<Self> {
        let (frames, asked) = channel::<Arc<Frame>>();
        let (answer, made) = channel();
        let thread = std::thread::Builder::new()
            .name("skins".to_owned())
            .spawn(move || {
                step_back();
                let threads = background();
                for frame in asked {
                    let make = || skins(&frame, CUBE);
                    let skins = match &threads {
                        Some(threads) => threads.install(make),
                        None => make(),
                    };
                    if answer.send((frame, skins)).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self {
            frames: Some(frames),
            made: std::sync::Mutex::new(made),
            busy: false,
            thread: Some(thread),
        })
    }

    /// Asks for the surfaces of a frame, unless those of another are being made.
    pub fn ask(&mut self, frame: &Arc<Frame>) -> bool {
        if self.busy {
            return false;
        }
        let sent = self.frames.as_ref().map(|to| to.send(Arc::clone(frame)));
        self.busy = matches!(sent, Some(Ok(())));
        self.busy
    }

    /// The surfaces that were asked for, once they are made.
    pub fn take(&mut self) -> Option<Made> {
        let made = self
            .made
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .try_recv()
            .ok()?;
        self.busy = false;
        Some(made)
    }
}

impl Drop for Skinner {
    fn drop(&mut self) {
        self.frames = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::frame;

    /// A ball of radius 0.1 of particles 0.01 apart.
    fn ball() -> Vec<[f32; 3]> {
        let along = || (-10..=10).map(|n| n as f32 * 0.01);
        let all = along().flat_map(|x| along().flat_map(move |y| along().map(move |z| [x, y, z])));
        all.filter(|x| x.iter().map(|x| x * x).sum::<f32>() < 0.01)
            .collect()
    }

    #[test]
    fn the_skin_of_a_ball_is_closed_and_holds_its_volume() {
        let surface = skin(&ball(), 0.005, CUBE).unwrap();
        let corner =
            |index: u32| nalgebra::Vector3::from(surface.positions[index as usize].map(f64::from));
        let (mut volume, mut edges) = (0.0, BTreeMap::new());
        for &[a, b, c] in &surface.triangles {
            volume += corner(a).dot(&corner(b).cross(&corner(c))) / 6.0;
            for (from, to) in [(a, b), (b, c), (c, a)] {
                *edges.entry((from.min(to), from.max(to))).or_insert(0) +=
                    if from < to { 1 } else { -1 };
            }
        }
        let expected = 4.0 / 3.0 * std::f64::consts::PI * 1e-3;
        assert!(
            (volume / expected - 1.0).abs() < 0.12,
            "{volume} {expected}"
        );
        assert!(edges.values().all(|&sum| sum == 0));
        for (x, n) in surface.positions.iter().zip(&surface.normals) {
            let out = nalgebra::Vector3::from(*x).normalize();
            assert!(out.dot(&nalgebra::Vector3::from(*n)) > 0.7, "{x:?} {n:?}");
        }
    }

    #[test]
    fn the_thread_makes_one_frame_after_another() {
        let mut skinner = Skinner::start().unwrap();
        let frame = frame(3, 0);
        assert!(skinner.ask(&frame) && !skinner.ask(&frame));
        let made = (0..20_000).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            skinner.take()
        });
        let (of, surfaces) = made.unwrap();
        assert!(Arc::ptr_eq(&of, &frame));
        assert_eq!(surfaces.unwrap(), [(0, Surface::default())]);
        assert!(skinner.ask(&frame));
    }
}
