//! Liquids as surfaces.

use std::sync::Arc;

use backflow_viewer_session::{
    Frame, Stage,
    colour::body_colour,
    skin::{CUBE, Skinner, skins},
    surface::Surface,
};
use bevy::prelude::*;

use super::{shading::mesh, solids::SolidMaterial};
use crate::{play::Playing, view::View};

/// Draws the liquids of the present frame as surfaces, where that is asked for.
pub struct SkinsPlugin {
    /// Whether pictures wait for surfaces; otherwise a thread makes them and they come when they are
    /// made.
    pub wait: bool,
}

impl Plugin for SkinsPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(Skins {
            wait: self.wait,
            ..default()
        })
        .add_systems(PostUpdate, wear);
    }
}

/// Gloss of a liquid (1).
const GLOSS: f32 = 0.7;

/// The surfaces on the screen.
#[derive(Resource, Default)]
pub struct Skins {
    wait: bool,
    skinner: Option<Skinner>,
    /// The frame that they are of.
    frame: Option<Arc<Frame>>,
    parts: Vec<Entity>,
}

impl Skins {
    /// Whether there are surfaces of the liquids of a stage.
    pub fn cover(&self, stage: &Arc<Stage>) -> bool {
        let frame = self.frame.as_ref();
        !self.parts.is_empty() && frame.is_some_and(|frame| Arc::ptr_eq(&frame.stage, stage))
    }

    fn clear(&mut self, commands: &mut Commands) {
        for part in self.parts.drain(..) {
            commands.entity(part).despawn();
        }
        self.frame = None;
    }

    /// Whether the surfaces are those of a frame.
    fn of(&self, frame: &Arc<Frame>) -> bool {
        let known = self.frame.as_ref();
        known.is_some_and(|known| Arc::ptr_eq(known, frame))
    }
}

/// Shows the surfaces of the present frame, or of the last that they have been made of.
pub fn wear(
    mut commands: Commands,
    mut skins_shown: ResMut<Skins>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<SolidMaterial>>,
    playing: Res<Playing>,
    view: Res<View>,
) {
    let shown = &mut *skins_shown;
    let frame = playing.player.as_ref().and_then(|player| player.current());
    let Some(frame) = frame.filter(|_| view.settings.surface) else {
        shown.clear(&mut commands);
        return;
    };
    let made = if shown.wait {
        (!shown.of(frame)).then(|| (Arc::clone(frame), skins(frame, CUBE)))
    } else {
        if shown.skinner.is_none() {
            shown.skinner = Skinner::start().ok();
        }
        let made = shown.skinner.as_mut().and_then(Skinner::take);
        if !shown.of(frame)
            && let Some(skinner) = &mut shown.skinner
        {
            skinner.ask(frame);
        }
        made
    };
    let Some((of, surfaces)) = made else { return };
    shown.clear(&mut commands);
    shown.frame = Some(of);
    match surfaces {
        Ok(surfaces) => {
            let seen = |surface: &Surface| !surface.triangles.is_empty();
            for (body, surface) in surfaces.into_iter().filter(|(_, surface)| seen(surface)) {
                let [r, g, b] = body_colour(body);
                let material = SolidMaterial::new(Color::srgb_u8(r, g, b), 1.0, GLOSS);
                let entity = commands.spawn((
                    Mesh3d(meshes.add(mesh(&surface))),
                    MeshMaterial3d(materials.add(material)),
                    Transform::IDENTITY,
                ));
                shown.parts.push(entity.id());
            }
        }
        Err(error) => error!("{error}"),
    }
}
