//! What is remembered from one time to the next: theme, size of the window, files.

use std::{io::Write, path::PathBuf};

use backflow::sim::io::write_atomic;
use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    desk::{Desk, config_folder},
    view::View,
};

/// Writes down what is to be remembered.
pub struct MemoryPlugin;

impl Plugin for MemoryPlugin {
    fn build(&self, app: &mut App) {
        app.add_systems(Last, keep);
    }
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Size of the window (points).
    pub size: (u32, u32),
    /// Dark colours instead of light ones.
    pub dark: bool,
    /// Files that were open, the last first.
    pub recent: Vec<PathBuf>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            size: (1280, 800),
            dark: true,
            recent: Vec::new(),
        }
    }
}

fn file() -> Option<PathBuf> {
    Some(config_folder()?.join("viewer.ron"))
}

/// What was remembered; defaults where there is nothing, or nothing that can be read.
pub fn read() -> Remembered {
    let text = file().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| ron::from_str(&text).ok())
        .unwrap_or_default()
}

fn keep(
    mut known: Local<Option<Remembered>>,
    view: Res<View>,
    desk: Res<Desk>,
    windows: Query<&Window>,
) {
    let Ok(window) = windows.single() else { return };
    let now = Remembered {
        size: (window.width() as u32, window.height() as u32),
        dark: view.settings.dark,
        recent: desk.recent.clone(),
    };
    if known.as_ref() == Some(&now) {
        return;
    }
    let written = file().zip(ron::to_string(&now).ok()).map(|(path, text)| {
        // A file that cannot be written is forgotten, and nothing else is lost.
        let folder = path.parent().map(std::fs::create_dir_all);
        folder.map(|_| write_atomic(&path, |file| file.write_all(text.as_bytes())))
    });
    drop(written);
    *known = Some(now);
}
