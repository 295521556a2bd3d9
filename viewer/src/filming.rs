//! Films of what is on the screen: a picture of each frame as it is shown, without the panels, then an
//! animation and a video of them.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
};

use backflow_viewer_session::share::{self, ShareError};
use bevy::{
    prelude::*,
    render::view::screenshot::{Screenshot, ScreenshotCaptured},
};

use crate::{desk::Desk, files::free_name, headless::write_png, play::Playing, ui::Free};

/// Makes films.
pub struct FilmingPlugin;

impl Plugin for FilmingPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Filming>().add_systems(
            Update,
            (shortcut, take, end).chain().after(crate::play::tick),
        );
    }
}

/// A film that is being made.
#[derive(Resource, Default)]
pub struct Filming {
    film: Option<Film>,
    /// What becomes of the last one.
    ending: Option<Ending>,
}

/// Pictures that are being taken.
struct Film {
    writer: Sender<Shot>,
    /// Number of the frame that was taken last.
    frame: Option<usize>,
    taken: usize,
    ending: Ending,
}

/// Where it is said what became of a film.
type Ending = Mutex<Receiver<Result<PathBuf, String>>>;

/// A picture for the writer.
struct Shot {
    number: usize,
    size: (u32, u32),
    rgba: Vec<u8>,
}

impl Filming {
    /// Whether pictures are being taken, and how many there are.
    pub fn taken(&self) -> Option<usize> {
        self.film.as_ref().map(|film| film.taken)
    }

    /// Starts to take pictures, or ends and makes a film of them; what went wrong as text.
    ///
    /// # Errors
    /// Pictures cannot be written.
    pub fn toggle(&mut self, playing: &Playing) -> Result<(), String> {
        if let Some(film) = self.film.take() {
            // The writer ends when the last picture has come.
            self.ending = Some(film.ending);
            return Ok(());
        }
        let player = playing.player.as_ref();
        let frame = player.and_then(|player| player.current());
        let frame_time = frame.ok_or("there is nothing to film")?.stage.frame_time;
        let speed = player.map_or(1.0, |player| player.speed);
        let folder = free_name("backflow-film", "").ok_or("there is no name left for a film")?;
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let (writer, shots) = channel();
        let (says, ending) = channel();
        let write = move || {
            let written = write(&folder, &shots, speed / frame_time);
            // Nobody may be there any more to hear it.
            let _ = says.send(written.map_err(|error| error.to_string()));
        };
        std::thread::Builder::new()
            .name("film".to_owned())
            .spawn(write)
            .map_err(|error| error.to_string())?;
        self.film = Some(Film {
            writer,
            frame: None,
            taken: 0,
            ending: Mutex::new(ending),
        });
        Ok(())
    }
}

/// Writes pictures as they come, then an animation of them, and a video where ffmpeg is there.
fn write(folder: &Path, shots: &Receiver<Shot>, rate: f64) -> Result<PathBuf, ShareError> {
    let mut written = Vec::new();
    for Shot { number, size, rgba } in shots {
        let path = folder.join(format!("{number:04}.png"));
        write_png(&path, size, &rgba).map_err(|error| ShareError::Io {
            path: path.clone(),
            source: std::io::Error::other(error),
        })?;
        written.push(path);
    }
    let animation = folder.join("animation.gif");
    share::write_gif(&animation, &written, rate)?;
    match share::write_mp4(&folder.join("video.mp4"), folder, rate) {
        Ok(()) | Err(ShareError::NoFfmpeg { .. }) => Ok(animation),
        Err(error) => Err(error),
    }
}

/// The part of a picture between two corners (pixels), as far as they lie in it.
fn cropped(size: (u32, u32), rgba: &[u8], [low, high]: [Vec2; 2]) -> ((u32, u32), Vec<u8>) {
    let (width, height) = size;
    let side = |at: f32, most: u32| (at.round().max(0.0) as u32).min(most);
    let (left, top) = (side(low.x, width), side(low.y, height));
    let (right, bottom) = (side(high.x, width), side(high.y, height));
    if right <= left || bottom <= top {
        return (size, rgba.to_vec());
    }
    let rows = rgba.chunks_exact(4 * width as usize);
    let rows = rows.skip(top as usize).take((bottom - top) as usize);
    let kept = rows.flat_map(|row| &row[4 * left as usize..4 * right as usize]);
    ((right - left, bottom - top), kept.copied().collect())
}

fn shortcut(
    keys: Res<ButtonInput<KeyCode>>,
    mut filming: ResMut<Filming>,
    mut desk: ResMut<Desk>,
    playing: Res<Playing>,
) {
    if keys.just_pressed(KeyCode::F10)
        && let Err(error) = filming.toggle(&playing)
    {
        desk.message = Some(error);
    }
}

/// Takes a picture if another frame is shown.
fn take(
    mut commands: Commands,
    mut filming: ResMut<Filming>,
    playing: Res<Playing>,
    free: Res<Free>,
    windows: Query<&Window>,
) {
    let (Some(film), Ok(window)) = (&mut filming.film, windows.single()) else {
        return;
    };
    let frame = playing.player.as_ref().and_then(|player| player.current());
    let frame = frame.map(|frame| frame.index);
    if frame.is_none() || film.frame == frame {
        return;
    }
    film.frame = frame;
    let number = film.taken;
    film.taken += 1;
    let writer = Mutex::new(film.writer.clone());
    let scale = window.scale_factor();
    let area = free
        .area
        .map(|corners| corners.map(|corner| corner * scale));
    commands.spawn(Screenshot::primary_window()).observe(
        move |captured: On<ScreenshotCaptured>| {
            let image = &captured.image;
            // What a screen has is in the order blue, green, red on some systems.
            let Ok(image) = image.clone().try_into_dynamic() else {
                return;
            };
            let rgba = image.to_rgba8().into_raw();
            let size = (image.width(), image.height());
            let (size, rgba) = match area {
                Some(area) => cropped(size, &rgba, area),
                None => (size, rgba),
            };
            let writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            // A writer that has failed says so at the end.
            let _ = writer.send(Shot { number, size, rgba });
        },
    );
}

/// Says what became of a film.
fn end(mut filming: ResMut<Filming>, mut desk: ResMut<Desk>) {
    let Some(ending) = &filming.ending else {
        return;
    };
    let said = ending
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .try_recv();
    match said {
        Ok(Ok(path)) => desk.note = Some(format!("saved {}", path.display())),
        Ok(Err(error)) => desk.message = Some(error),
        Err(TryRecvError::Empty) => return,
        Err(TryRecvError::Disconnected) => {}
    }
    filming.ending = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_cut_to_what_panels_leave_free() {
        let rgba: Vec<u8> = (0..6).flat_map(|n| [n, n, n, 255]).collect();
        let corners = [Vec2::new(1.0, 0.0), Vec2::new(3.0, 1.0)];
        let (size, cut) = cropped((3, 2), &rgba, corners);
        assert_eq!((size, cut), ((2, 1), vec![1, 1, 1, 255, 2, 2, 2, 255]));
        let beyond = [Vec2::ZERO, Vec2::splat(9.0)];
        assert_eq!(cropped((3, 2), &rgba, beyond), ((3, 2), rgba));
    }

    #[test]
    fn pictures_become_an_animation() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, shots) = channel();
        for number in 0..3_u8 {
            let rgba = [60 * number, 90, 200, 255].repeat(8);
            let shot = Shot {
                number: number.into(),
                size: (4, 2),
                rgba,
            };
            sender.send(shot).unwrap();
        }
        drop(sender);
        let made = write(folder.path(), &shots, 25.0).unwrap();
        assert!(made.metadata().unwrap().len() > 40);
        assert!(folder.path().join("0002.png").is_file());
    }
}
