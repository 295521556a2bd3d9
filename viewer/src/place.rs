//! Handles: bodies, tools and solids are put elsewhere with the mouse, at the start of a run.

use backflow_viewer_session::{
    Player,
    handle::{Handle, Ray},
    pose::{Posed, placed, posed},
};
use bevy::prelude::*;
use nalgebra::Vector3;

use crate::{
    camera::SceneCamera, desk::Desk, draw::lines::AXES, learn::Learning, play::Playing, touch::ray,
    ui::Free, view::View,
};

/// Draws handles and lets the mouse drag them.
pub struct PlacePlugin;

impl Plugin for PlacePlugin {
    fn build(&self, app: &mut App) {
        let config = GizmoConfig {
            // In front of what they move.
            depth_bias: -1.0,
            ..default()
        };
        app.insert_gizmo_config(Handles, config)
            .add_systems(
                Update,
                hold.before(crate::play::tick)
                    .run_if(not(bevy_egui::input::egui_wants_any_keyboard_input)),
            )
            .add_systems(PostUpdate, draw);
    }
}

/// The lines of handles.
#[derive(Default, Reflect, GizmoConfigGroup)]
struct Handles;

/// What is put elsewhere.
#[derive(Resource, Default)]
pub struct Placing {
    /// All that could be.
    pub all: Vec<Posed>,
    /// Path of what has handles.
    chosen: Option<String>,
    held: Option<Held>,
}

/// A handle in the hand.
struct Held {
    handle: Handle,
    /// What it moves, as it was.
    from: Posed,
    /// Where on the handle it was taken.
    start: f64,
}

/// How near the mouse must be to what it takes hold of (pixels).
const NEAR: f32 = 10.0;

/// Size of handles, in diagonals of the domain (1).
pub const SIZE: f64 = 0.11;

impl Placing {
    /// Whether the mouse holds a handle.
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// What has handles.
    pub fn chosen(&self) -> Option<&Posed> {
        let path = self.chosen.as_ref()?;
        self.all.iter().find(|posed| posed.path == *path)
    }
}

fn single(v: &Vector3<f64>) -> Vec3 {
    Vec3::new(v.x as f32, v.y as f32, v.z as f32)
}

/// Distance of a point from a line through points of the picture (pixels).
fn distance(from: Vec2, line: &[Vec2]) -> f32 {
    let part = |pair: &[Vec2]| {
        let way = pair[1] - pair[0];
        let share = (from - pair[0]).dot(way) / way.length_squared().max(1e-6);
        from.distance(pair[0] + way * share.clamp(0.0, 1.0))
    };
    line.windows(2).map(part).fold(f32::INFINITY, f32::min)
}

/// A live scene at its start, which is where things can be put elsewhere.
fn at_start(playing: &Playing) -> Option<&Player> {
    let player = playing.player.as_ref()?;
    let frame = player.current()?;
    (player.simulation.is_some() && frame.index == 0).then_some(player)
}

fn hold(
    mut placing: ResMut<Placing>,
    mut desk: ResMut<Desk>,
    mut learning: ResMut<Learning>,
    buttons: Res<ButtonInput<MouseButton>>,
    playing: Res<Playing>,
    view: Res<View>,
    free: Res<Free>,
    windows: Query<&Window>,
    cameras: Query<(&Camera, &GlobalTransform), With<SceneCamera>>,
) {
    let desk = &mut *desk;
    let (Some(player), Some(document), Some(stage), true) = (
        at_start(&playing),
        &mut desk.document,
        &view.stage,
        view.settings.handles,
    ) else {
        *placing = Placing::default();
        return;
    };
    placing.all = posed(document.value());
    let (Some(ray), Ok((camera, eye))) = (ray(&windows, &cameras), cameras.single()) else {
        return;
    };
    let wide = |v: Vec3| Vector3::new(v.x, v.y, v.z).map(f64::from);
    let ray = Ray {
        origin: wide(ray.origin),
        direction: wide(*ray.direction),
    };
    if let Some(Held {
        handle,
        from,
        start,
    }) = &placing.held
    {
        if !buttons.pressed(MouseButton::Left) {
            document.settle();
            placing.held = None;
            return;
        }
        let Some(place) = handle.place(&ray, &from.position) else {
            return;
        };
        let to = handle.dragged(from, place - start);
        let changed = placed(document.value(), &to);
        if changed == *document.value() {
            return;
        }
        match document.edit(changed, &from.path) {
            Ok(_) => desk.apply(player, &mut learning),
            Err(error) => desk.message = Some(error.to_string()),
        }
        return;
    }
    let cursor = windows.single().ok().and_then(Window::cursor_position);
    let (Some(cursor), true, false) = (
        cursor,
        buttons.just_pressed(MouseButton::Left),
        free.pointer_on_panel,
    ) else {
        return;
    };
    let on_screen = |point: &Vector3<f64>| camera.world_to_viewport(eye, single(point)).ok();
    let size = SIZE * stage.diagonal();
    let near = placing.chosen().and_then(|posed| {
        let handles = Handle::ALL.into_iter().filter_map(|handle| {
            let outline = handle.outline(&posed.position, size);
            let line: Vec<Vec2> = outline.iter().filter_map(on_screen).collect();
            let away = distance(cursor, &line);
            // An arrow starts where the others do: there it is not told which is meant.
            let middle = on_screen(&posed.position)?.distance(cursor) < NEAR;
            (away < NEAR && !middle).then_some((away, handle))
        });
        let (_, handle) = handles.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let start = handle.place(&ray, &posed.position)?;
        Some(Held {
            handle,
            from: posed.clone(),
            start,
        })
    });
    if near.is_some() {
        placing.held = near;
        return;
    }
    let away = |posed: &&Posed| on_screen(&posed.position).map(|at| at.distance(cursor));
    let found = placing
        .all
        .iter()
        .filter_map(|posed| Some((away(&posed)?, posed)));
    let found = found.min_by(|a, b| a.0.total_cmp(&b.0));
    let chosen = found.filter(|(away, _)| *away < 2.0 * NEAR);
    if let Some((_, posed)) = chosen {
        placing.chosen = Some(posed.path.clone());
    }
}

fn draw(mut gizmos: Gizmos<Handles>, placing: Res<Placing>, view: Res<View>) {
    let Some(stage) = &view.stage else { return };
    let size = SIZE * stage.diagonal();
    for posed in &placing.all {
        let centre = single(&posed.position);
        let chosen = placing
            .chosen()
            .is_some_and(|chosen| chosen.path == posed.path);
        let colour = if chosen {
            Color::WHITE
        } else {
            Color::srgb(0.98, 0.85, 0.35)
        };
        let dot = Isometry3d::from_translation(centre);
        gizmos.sphere(dot, 0.08 * size as f32, colour).resolution(8);
        if !chosen {
            continue;
        }
        for handle in Handle::ALL {
            let outline = handle.outline(&posed.position, size);
            match handle {
                Handle::Arrow(axis) => {
                    let tip = single(&outline[1]);
                    gizmos.arrow(centre, tip, AXES[axis]);
                }
                Handle::Ring(axis) => {
                    gizmos.linestrip(outline.iter().map(single), AXES[axis].with_alpha(0.7));
                }
            }
        }
    }
}
