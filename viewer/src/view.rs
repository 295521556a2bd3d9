//! What is looked at and how: settings that the panels change, colours of the theme.

use std::sync::Arc;

use backflow_viewer_panels::view::ViewSettings;
use backflow_viewer_session::{Player, Stage};
use bevy::prelude::*;
use nalgebra::Vector3;

use crate::{args::Arguments, play::Playing};

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
    /// The stage of what is shown beside it.
    pub beside: Option<Arc<Stage>>,
}

/// A run that is shown.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Its stage.
    pub stage: &'a Arc<Stage>,
    /// How far it is shown from where it is (m).
    pub offset: Vec3,
}

impl Run<'_> {
    /// Lower and upper corner of its domain, as it is shown (m).
    pub fn bounds(&self) -> [Vec3; 2] {
        let single = |v: Vector3<f64>| Vec3::new(v.x as f32, v.y as f32, v.z as f32);
        self.stage.bounds.map(|corner| single(corner) + self.offset)
    }
}

/// Space between two runs, in diagonals of the first one's domain (1).
const GAP: f32 = 0.12;

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
    /// Takes over what the command line says of what is drawn.
    pub fn choose(&mut self, arguments: &Arguments) {
        let settings = &mut self.settings;
        settings.field = arguments.colour;
        settings.surface = arguments.surface;
        settings.thickness.clone_from(&arguments.smoke);
        settings.tint.clone_from(&arguments.smoke_colour);
    }

    /// The run that plays, and the one beside it on its right.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let first = self.stage.as_ref().map(|stage| Run {
            stage,
            offset: Vec3::ZERO,
        });
        let beside = first.zip(self.beside.as_ref()).map(|(first, stage)| {
            let mut run = Run {
                stage,
                offset: Vec3::ZERO,
            };
            let ([min, max], [low, high]) = (first.bounds(), run.bounds());
            run.offset = Vec3::new(
                max.x + GAP * (max - min).length() - low.x,
                min.y - low.y,
                0.5 * (min.z + max.z - low.z - high.z),
            );
            run
        });
        first.into_iter().chain(beside)
    }

    /// Lower and upper corner of all that is shown (m); `None` without a run.
    pub fn bounds(&self) -> Option<[Vec3; 2]> {
        let all = self.runs().map(|run| run.bounds());
        all.reduce(|[min, max], [low, high]| [min.min(low), max.max(high)])
    }

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
    let stage = |player: &Option<Player>| {
        let frame = player.as_ref().and_then(|player| player.current());
        frame.map(|frame| Arc::clone(&frame.stage))
    };
    let now = [&playing.player, &playing.beside].map(stage);
    let same = |before: &Option<Arc<Stage>>, now: &Option<Arc<Stage>>| match (before, now) {
        (Some(before), Some(now)) => Arc::ptr_eq(before, now),
        (None, None) => true,
        _ => false,
    };
    let [stage, beside] = now;
    if !same(&view.stage, &stage) || !same(&view.beside, &beside) {
        (view.stage, view.beside) = (stage, beside);
    }
    let background = view.palette().background;
    if clear.0 != background {
        clear.0 = background;
    }
}
