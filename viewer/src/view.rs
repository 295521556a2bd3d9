//! What is looked at and how: settings that the panels change, colours of the theme.

use std::sync::Arc;

use backflow_viewer_panels::view::ViewSettings;
use backflow_viewer_session::Stage;
use bevy::prelude::*;

use crate::play::Playing;

/// Keeps the view in step with what plays.
pub struct ViewPlugin;

impl Plugin for ViewPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<View>()
            .add_systems(Update, follow.after(crate::play::tick));
    }
}

/// What is looked at and how.
#[derive(Resource, Default)]
pub struct View {
    /// What the panels change.
    pub settings: ViewSettings,
    /// The stage of the present frame.
    pub stage: Option<Arc<Stage>>,
}

/// Colours of a theme.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    /// Of what is behind everything.
    pub background: Color,
    /// Of the floor.
    pub floor: Color,
    /// Of the lines on the floor.
    pub line: Color,
    /// Of the edges of the domain.
    pub edge: Color,
}

impl View {
    /// The colours of the theme.
    pub fn palette(&self) -> Palette {
        if self.settings.dark {
            Palette {
                background: Color::srgb(0.085, 0.098, 0.122),
                floor: Color::srgb(0.175, 0.195, 0.235),
                line: Color::srgb(0.33, 0.37, 0.44),
                edge: Color::srgba(0.62, 0.70, 0.82, 0.75),
            }
        } else {
            Palette {
                background: Color::srgb(0.925, 0.935, 0.95),
                floor: Color::srgb(0.86, 0.875, 0.9),
                line: Color::srgb(0.68, 0.71, 0.76),
                edge: Color::srgba(0.25, 0.30, 0.38, 0.8),
            }
        }
    }
}

fn follow(mut view: ResMut<View>, playing: Res<Playing>, mut clear: ResMut<ClearColor>) {
    let frame = playing.player.as_ref().and_then(|player| player.current());
    let stage = frame.map(|frame| &frame.stage);
    let same = match (&view.stage, stage) {
        (Some(before), Some(stage)) => Arc::ptr_eq(before, stage),
        (None, None) => true,
        _ => false,
    };
    if !same {
        view.stage = stage.cloned();
    }
    let background = view.palette().background;
    if clear.0 != background {
        clear.0 = background;
    }
}
