//! Files: dialogs, what is dropped onto the window, screenshots.

use std::path::{Path, PathBuf};

use bevy::{
    prelude::*,
    render::view::screenshot::{Screenshot, save_to_disk},
    window::{MonitorSelection, WindowMode},
};
use egui_file_dialog::FileDialog;

use crate::{camera::Orbit, desk::Desk, learn::Learning, play::Playing};

/// Opens what is dropped, and takes screenshots.
pub struct FilesPlugin;

impl Plugin for FilesPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Update, (dropped, screenshot, full_screen));
    }
}

/// What a file is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be opened.
    Open,
    /// To be opened beside what is open.
    OpenBeside,
    /// The scene is saved to it.
    SaveScene,
    /// The best that an optimisation found is saved to it.
    SaveBest,
    /// The scene with a demonstration is saved to it.
    SaveControls,
    /// Where a body is, or was in all frames, is saved to it.
    SaveGoal {
        /// Index of the body.
        body: usize,
        /// All frames, or the present one.
        all: bool,
    },
}

/// The dialog, and what was chosen in it.
#[derive(Resource, Default)]
pub struct Files {
    dialog: Option<FileDialog>,
    purpose: Option<Purpose>,
    /// A file that was chosen.
    pub chosen: Option<(Purpose, PathBuf)>,
    /// Whether a screenshot is wanted.
    pub screenshot: bool,
}

impl Files {
    /// Asks for a file.
    pub fn ask(&mut self, purpose: Purpose) {
        let mut dialog = FileDialog::new().default_file_name(match purpose {
            Purpose::SaveGoal { .. } => "goal.npz",
            Purpose::SaveBest => "best.ron",
            _ => "scene.ron",
        });
        match purpose {
            Purpose::Open | Purpose::OpenBeside => dialog.pick_file(),
            _ => dialog.save_file(),
        }
        self.dialog = Some(dialog);
        self.purpose = Some(purpose);
    }

    /// Shows the dialog, and does what the file is wanted for.
    pub fn show(
        &mut self,
        context: &egui::Context,
        desk: &mut Desk,
        playing: &mut Playing,
        learning: &mut Learning,
        orbit: &mut Orbit,
    ) {
        if let (Some(dialog), Some(purpose)) = (&mut self.dialog, self.purpose) {
            dialog.update(context);
            if let Some(path) = dialog.take_picked() {
                self.chosen = Some((purpose, path));
                self.dialog = None;
            }
        }
        let Some((purpose, path)) = self.chosen.take() else {
            return;
        };
        match (purpose, &playing.player) {
            (Purpose::Open, _) => desk.open(&run_of(path), playing, learning, orbit),
            (Purpose::OpenBeside, _) => desk.open_beside(&run_of(path), playing),
            (Purpose::SaveScene, _) => desk.save(Some(&path)),
            (Purpose::SaveBest, Some(_)) => {
                let written = save_best(&path, playing, learning);
                desk.report(written, &path);
            }
            (Purpose::SaveControls, Some(player)) => desk.save_demonstration(&path, player),
            (Purpose::SaveGoal { body, all }, Some(player)) => {
                desk.save_goal(&path, player, body, all);
            }
            _ => {}
        }
    }
}

/// A file of a run folder stands for the folder.
fn run_of(path: PathBuf) -> PathBuf {
    match path.parent() {
        Some(folder) if folder.join("run.ron").is_file() => folder.to_owned(),
        _ => path,
    }
}

fn save_best(path: &Path, playing: &Playing, learning: &Learning) -> Result<(), String> {
    let task = playing
        .player
        .as_ref()
        .and_then(|player| player.simulation.as_ref()?.task())
        .ok_or("only the best of a live scene can be saved")?;
    let best = learning.best.as_ref().ok_or("nothing has been found yet")?;
    let binding = backflow::task::binding::Binding::new(&task.spec, &task.scene)
        .map_err(|error| error.to_string())?;
    backflow_viewer_session::share::write_best(path, &task.spec, &binding, best)
        .map_err(|error| error.to_string())
}

fn dropped(mut events: MessageReader<FileDragAndDrop>, mut files: ResMut<Files>) {
    for event in events.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = event {
            files.chosen = Some((Purpose::Open, path_buf.clone()));
        }
    }
}

fn screenshot(
    mut commands: Commands,
    mut files: ResMut<Files>,
    mut desk: ResMut<Desk>,
    keys: Res<ButtonInput<KeyCode>>,
) {
    if !(keys.just_pressed(KeyCode::F12) || files.screenshot) {
        return;
    }
    files.screenshot = false;
    let Some(path) = free_name("backflow", ".png") else {
        return;
    };
    desk.note = Some(format!("saved {}", path.display()));
    commands
        .spawn(Screenshot::primary_window())
        .observe(save_to_disk(path));
}

/// A name that no file has yet, with a number: in the folder for pictures, if the user has one, or
/// where the command is run.
pub fn free_name(stem: &str, ending: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_PICTURES_DIR").map_or_else(PathBuf::new, PathBuf::from);
    let mut names = (1..10_000).map(|n| folder.join(format!("{stem}-{n:03}{ending}")));
    names.find(|path| !path.exists())
}

fn full_screen(keys: Res<ButtonInput<KeyCode>>, mut windows: Query<&mut Window>) {
    if !keys.just_pressed(KeyCode::F11) {
        return;
    }
    if let Ok(mut window) = windows.single_mut() {
        window.mode = match window.mode {
            WindowMode::Windowed => WindowMode::BorderlessFullscreen(MonitorSelection::Current),
            _ => WindowMode::Windowed,
        };
    }
}
