//! What is open: the gallery, a scene with its document, or a recorded run.

use std::path::{Path, PathBuf};

use backflow::sim::scene::spec::Bookmark;
use backflow_viewer_panels::{schema::Schema, text::TextState};
use backflow_viewer_session::{
    Player, Simulation,
    edit::Document,
    gallery::{Entry, Thumbnail, entries, thumbnails},
    playback, pose, share,
    simulation::Origin,
};
use bevy::prelude::*;

use crate::{camera::Orbit, learn::Learning, play::Playing};

/// What is open.
#[derive(Resource, Default)]
pub struct Desk {
    /// The file or folder that is open; none in the gallery.
    pub path: Option<PathBuf>,
    /// The scene that is edited; none for a recorded run.
    pub document: Option<Document>,
    /// Its text, while the tab with it is open.
    pub text: TextState,
    /// The tab that is open.
    pub tab: Tab,
    /// The part of the scene that its tab shows, of [`tree::PARTS`](backflow_viewer_panels::tree::PARTS).
    pub part: usize,
    /// What is known of the fields of scenes.
    pub schema: Schema,
    /// The scenes of the gallery.
    pub entries: Vec<Entry>,
    /// Pictures that are still being made.
    pub pictures: Option<Pictures>,
    /// What went wrong last.
    pub message: Option<String>,
    /// What went well last.
    pub note: Option<String>,
    /// Whether the keyboard map is shown.
    pub keys: bool,
    /// Scales the cells of scenes that are opened (1).
    pub quality: f64,
    /// Memory that the frames of a live run take, at most (bytes).
    pub recording: usize,
    /// Files that were open, the last first.
    pub recent: Vec<PathBuf>,
}

/// A tab at the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// What is drawn.
    #[default]
    View,
    /// The scene as a tree.
    Scene,
    /// The scene as text.
    Text,
    /// Optimisations.
    Optimise,
    /// Pictures, animations, demonstrations.
    Share,
}

impl Tab {
    /// All tabs with their names.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::View, "View"),
        (Self::Scene, "Scene"),
        (Self::Text, "Text"),
        (Self::Optimise, "Optimise"),
        (Self::Share, "Share"),
    ];
}

/// Pictures that are being made.
pub struct Pictures(pub std::sync::Mutex<std::sync::mpsc::Receiver<Thumbnail>>);

/// Files that are remembered, at most.
const RECENT: usize = 8;

impl Desk {
    /// Opens a scene, a run folder or a trajectory.
    pub fn open(
        &mut self,
        path: &Path,
        playing: &mut Playing,
        learning: &mut Learning,
        orbit: &mut Orbit,
    ) {
        let document = if playback::is_run(path) {
            Ok(None)
        } else {
            Document::open(path).map(Some)
        };
        let opened = document
            .map_err(|error| error.to_string())
            .and_then(|document| Ok((document, player(path, self.quality, self.recording)?)));
        match opened {
            Ok((document, player)) => {
                playing.player = Some(player);
                playing.beside = None;
                learning.clear();
                let optimise = document.as_ref().and_then(|document| document.spec().ok());
                learning.settings = optimise.and_then(|spec| Some(spec.optimize?.settings));
                self.document = document;
                self.text = TextState::default();
                self.path = Some(path.to_owned());
                self.message = None;
                self.remember(path);
                orbit.refit();
            }
            // The last good scene stays.
            Err(error) => self.message = Some(error),
        }
    }

    /// Opens another scene, run or trajectory beside the one that is open.
    pub fn open_beside(&mut self, path: &Path, playing: &mut Playing) {
        match player(path, self.quality, self.recording) {
            Ok(player) => playing.beside = Some(player),
            Err(error) => self.message = Some(error),
        }
    }

    /// Keeps a place to look from in the scene.
    pub fn keep_view(&mut self, view: Bookmark, player: &Player, learning: &mut Learning) {
        let Some(document) = &mut self.document else {
            return;
        };
        let changed = document.spec().and_then(|spec| {
            let value = serde_json::to_value(pose::with_view(&spec, view))?;
            document.edit(value, "")
        });
        match changed {
            Ok(_) => self.apply(player, learning),
            Err(error) => self.message = Some(error.to_string()),
        }
    }

    fn remember(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.recent.retain(|known| *known != path);
        self.recent.insert(0, path);
        self.recent.truncate(RECENT);
    }

    /// Back to the gallery.
    pub fn close(&mut self, playing: &mut Playing, learning: &mut Learning) {
        (playing.player, playing.beside) = (None, None);
        learning.clear();
        self.document = None;
        self.path = None;
    }

    /// Lists the scenes of a folder and begins with their pictures.
    pub fn look_into(&mut self, folder: &Path, cache: Option<PathBuf>) {
        self.entries = entries(folder);
        self.pictures = thumbnails(&self.entries, cache)
            .ok()
            .map(|receiver| Pictures(std::sync::Mutex::new(receiver)));
    }

    /// Lets the scene that runs be the one that is edited; what goes on is kept.
    pub fn apply(&mut self, player: &Player, learning: &mut Learning) {
        let Some(document) = &self.document else {
            return;
        };
        match document.spec() {
            Ok(spec) => {
                if let Some(optimize) = &spec.optimize {
                    learning.settings = Some(optimize.settings.clone());
                }
                let spec = spec.at_quality(self.quality);
                let origin = Origin::Spec(Box::new(spec), document.directory.clone());
                if let Some(simulation) = &player.simulation {
                    simulation.build(origin, true);
                }
            }
            Err(error) => self.message = Some(error.to_string()),
        }
    }

    /// Takes an edit back, or does it again.
    pub fn undo(&mut self, again: bool, player: &Player, learning: &mut Learning) {
        let document = self.document.as_mut();
        let changed = document.is_some_and(|document| {
            if again {
                document.redo()
            } else {
                document.undo()
            }
        });
        if changed {
            self.text = TextState::default();
            self.apply(player, learning);
        }
    }

    /// Saves the scene under its name, or another one.
    pub fn save(&mut self, path: Option<&Path>) {
        let Some(document) = &mut self.document else {
            self.message = Some("only a scene can be saved".to_owned());
            return;
        };
        let Some(path) = path.map(Path::to_owned).or_else(|| document.path.clone()) else {
            self.message = Some("the scene has no file yet: save it under a name".to_owned());
            return;
        };
        match document.save(&path) {
            Ok(()) => {
                self.note = Some(format!("saved {}", path.display()));
                self.path = Some(path.clone());
                self.remember(&path);
            }
            Err(error) => self.message = Some(error.to_string()),
        }
    }

    /// Saves the scene with what the tool was made to do as its motion.
    pub fn save_demonstration(&mut self, path: &Path, player: &Player) {
        let driven = player.simulation.as_ref().map(|live| live.driven());
        let spec = self
            .document
            .as_ref()
            .and_then(|document| document.spec().ok());
        let made = driven
            .filter(|driven| !driven.is_empty())
            .zip(spec)
            .and_then(|(driven, spec)| share::demonstrated(&spec, &driven));
        let written = match made {
            Some(spec) => Document::new(&spec, None, PathBuf::new())
                .and_then(|mut document| document.save(path))
                .map_err(|error| error.to_string()),
            None => Err("move the tool of a scene first".to_owned()),
        };
        self.report(written, path);
    }

    /// Saves where a body is in the present frame, or was in all, as a goal of a loss.
    pub fn save_goal(&mut self, path: &Path, player: &Player, body: usize, all: bool) {
        let frames = player.recording.frames();
        // The start is no frame that a loss reads.
        let frames: Vec<&backflow_viewer_session::Frame> = if all {
            frames
                .iter()
                .filter(|frame| frame.index > 0)
                .map(|frame| &**frame)
                .collect()
        } else {
            player.current().map(|frame| &**frame).into_iter().collect()
        };
        let written = share::write_goal(path, &frames, body).map_err(|error| error.to_string());
        self.report(written, path);
    }

    /// Notes that something was written, or why not.
    pub fn report(&mut self, written: Result<(), String>, path: &Path) {
        match written {
            Ok(()) => self.note = Some(format!("saved {}", path.display())),
            Err(error) => self.message = Some(error),
        }
    }
}

/// What plays a scene or a run; frames of a scene are kept within so many bytes.
///
/// # Errors
/// What is wrong with it, as text.
pub fn player(path: &Path, quality: f64, recording: usize) -> Result<Player, String> {
    if playback::is_run(path) {
        let frames = playback::open(path).map_err(|error| error.to_string())?;
        Ok(Player::recorded(frames))
    } else {
        let origin = Origin::File(path.to_owned(), quality);
        let simulation = Simulation::start(origin).map_err(|error| error.to_string())?;
        Ok(Player::live(simulation, recording))
    }
}

/// The folder of the built-in scenes: where the command is run, beside it, or where it was built.
pub fn scenes_folder() -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenes");
    let beside = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.join("scenes")));
    [Some(PathBuf::from("scenes")), beside, Some(built)]
        .into_iter()
        .flatten()
        .find(|folder| folder.is_dir())
}

/// A folder of the user's for a purpose: where a variable says, or under the home folder.
fn user_folder(variable: &str, under_home: &str) -> Option<PathBuf> {
    let base = std::env::var_os(variable).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(under_home));
    base.or_else(home).map(|base| base.join("backflow"))
}

/// Where files are kept that can be made again.
pub fn cache_folder() -> Option<PathBuf> {
    user_folder("XDG_CACHE_HOME", ".cache")
}

/// Where settings are kept.
pub fn config_folder() -> Option<PathBuf> {
    user_folder("XDG_CONFIG_HOME", ".config")
}
