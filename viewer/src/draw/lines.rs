//! Lines: edges of the domain, axes, gradient arrows, the way of the tool.

use bevy::prelude::*;

use super::ground::line_distance;
use crate::{play::Playing, view::View};

/// Draws lines.
pub struct LinesPlugin;

impl Plugin for LinesPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Arrows>()
            .add_systems(Startup, configure)
            .add_systems(PostUpdate, (domain, arrows));
    }
}

/// An arrow from a point, or a part of a way.
#[derive(Debug, Clone, Copy)]
pub struct Arrow {
    /// Where it starts (m).
    pub from: Vec3,
    /// Where it ends (m).
    pub to: Vec3,
    /// Its colour.
    pub colour: Color,
    /// Whether it has a head.
    pub head: bool,
}

/// Colours of the axes x, y and z.
pub const AXES: [Color; 3] = [
    Color::srgb(0.92, 0.30, 0.28),
    Color::srgb(0.40, 0.78, 0.33),
    Color::srgb(0.30, 0.55, 0.95),
];

/// Arrows that are to be drawn besides, until others take their place.
#[derive(Resource, Default)]
pub struct Arrows(pub Vec<Arrow>);

fn configure(mut store: ResMut<GizmoConfigStore>) {
    let (config, _) = store.config_mut::<DefaultGizmoConfigGroup>();
    config.line.width = 1.6;
}

fn domain(mut gizmos: Gizmos, view: Res<View>) {
    for run in view.runs() {
        let [min, max] = run.bounds();
        if view.settings.domain {
            let colour = view.palette().edge;
            let corner = |index: usize| {
                let side = |axis: usize| if index >> axis & 1 == 0 { min } else { max }[axis];
                Vec3::new(side(0), side(1), side(2))
            };
            for from in 0..8 {
                for axis in (0..3).filter(|axis| from >> axis & 1 == 0) {
                    gizmos.line(corner(from), corner(from | 1 << axis), colour);
                }
            }
        }
        if view.settings.axes {
            let length = line_distance(run.stage.diagonal()) as f32 * 1.5;
            for (axis, colour) in [Vec3::X, Vec3::Y, Vec3::Z].into_iter().zip(AXES) {
                gizmos
                    .arrow(min, min + axis * length, colour)
                    .with_tip_length(0.15 * length);
            }
        }
    }
}

fn arrows(mut gizmos: Gizmos, arrows: Res<Arrows>, view: Res<View>, playing: Res<Playing>) {
    if !view.settings.arrows || playing.player.is_none() {
        return;
    }
    for Arrow {
        from,
        to,
        colour,
        head,
    } in &arrows.0
    {
        if *head {
            gizmos.arrow(*from, *to, *colour);
        } else {
            gizmos.line(*from, *to, *colour);
        }
    }
}
