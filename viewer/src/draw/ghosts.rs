//! Ghosts of an optimisation: where matter was in the best run, and in the one before.

use std::sync::Arc;

use backflow_viewer_session::{balls::ghost, colour::Rgb, optimise::Iteration};
use bevy::{prelude::*, render::storage::ShaderBuffer};

use super::balls::{BallMaterial, Balls, Stores};
use crate::{learn::Learning, play::Playing};

/// Draws ghosts.
pub struct GhostsPlugin;

impl Plugin for GhostsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Haunting>()
            .add_systems(PostUpdate, show);
    }
}

/// Colours of the best trajectory and of the one before.
const COLOURS: [Rgb; 2] = [[120, 235, 160], [235, 235, 245]];

/// Opacity of a ghost.
const OPACITY: f32 = 0.30;

/// Radius of a ghost's balls, times that of a particle (1).
const RADIUS: f32 = 0.8;

/// What is on the screen: the ghost, its evaluation and its frame.
#[derive(Resource, Default)]
struct Haunting([(Balls, Option<(Arc<Iteration>, usize)>); 2]);

fn show(
    mut commands: Commands,
    mut haunting: ResMut<Haunting>,
    mut buffers: ResMut<Assets<ShaderBuffer>>,
    mut materials: ResMut<Assets<BallMaterial>>,
    mut meshes: ResMut<Assets<Mesh>>,
    learning: Res<Learning>,
    playing: Res<Playing>,
) {
    let frame = playing.player.as_ref().and_then(|player| player.current());
    let wanted = [
        (learning.ghosts.best, &learning.best),
        (learning.ghosts.previous, &learning.previous),
    ];
    let shown = haunting.0.iter_mut().zip(wanted).zip(COLOURS);
    for (((balls, before), (visible, iteration)), colour) in shown {
        let at = frame.zip(iteration.as_ref()).filter(|_| visible);
        let at = at.and_then(|(frame, iteration)| {
            // A trajectory is read at the ends of frames.
            let index = frame.index.checked_sub(1)?;
            let points = iteration.ghost.get(index)?;
            Some((frame, iteration, index, points))
        });
        let Some((frame, iteration, index, points)) = at else {
            if before.take().is_some() {
                balls.clear(&mut commands);
            }
            continue;
        };
        let same = before
            .as_ref()
            .is_some_and(|(known, at)| Arc::ptr_eq(known, iteration) && *at == index);
        if same {
            continue;
        }
        let radius = frame.stage.bodies.first().map_or(0.01, |body| body.radius);
        let mut stores = Stores {
            buffers: &mut buffers,
            materials: &mut materials,
            meshes: &mut meshes,
        };
        let look = Vec4::new(RADIUS, 0.1, OPACITY, 1.0);
        balls.show(&mut commands, &mut stores, points.len(), look, |capacity| {
            ghost(points, radius as f32, colour, capacity)
        });
        *before = Some((Arc::clone(iteration), index));
    }
}
