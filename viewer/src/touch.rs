//! Touching: the tool follows the mouse and the keys.

use backflow_viewer_session::{Frame, simulation::Aim, stage::Mount};
use bevy::prelude::*;
use nalgebra::Vector3;

use crate::{camera::SceneCamera, play::Playing, ui::Free, view::View};

/// Lets the mouse and the keys move the tool.
pub struct TouchPlugin;

impl Plugin for TouchPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Grip>().add_systems(
            Update,
            (grab, drag, nudge)
                .chain()
                .before(crate::play::tick)
                .run_if(not(bevy_egui::input::egui_wants_any_keyboard_input)),
        );
    }
}

/// What is held.
#[derive(Resource, Default)]
pub struct Grip {
    held: Option<Held>,
    /// The tool that keys move: the one that was held last.
    tool: usize,
    /// Whether a key moves it.
    nudging: bool,
}

/// The tool in the hand.
struct Held {
    /// Its index.
    tool: usize,
    /// A point of the plane that it is dragged in (m).
    plane: Vec3,
    /// From the point under the mouse to the origin of the tool (m).
    offset: Vec3,
    /// Where the origin of the tool is to go (m).
    aim: Vec3,
}

impl Grip {
    /// Whether the tool is held by the mouse.
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Where the tool is to go, while it is held.
    pub fn aim(&self) -> Option<Vec3> {
        self.held.as_ref().map(|held| held.aim)
    }
}

/// The ray under the mouse.
pub fn ray(
    windows: &Query<&Window>,
    cameras: &Query<(&Camera, &GlobalTransform), With<SceneCamera>>,
) -> Option<Ray3d> {
    let cursor = windows.single().ok()?.cursor_position()?;
    let (camera, transform) = cameras.single().ok()?;
    camera.viewport_to_world(transform, cursor).ok()
}

/// Where a ray hits a triangle, by its parameter (Moeller and Trumbore 1997).
fn crossing(ray: &Ray3d, [a, b, c]: [Vec3; 3]) -> Option<f32> {
    let (edge, other) = (b - a, c - a);
    let across = ray.direction.cross(other);
    let determinant = edge.dot(across);
    if determinant.abs() < 1e-12 {
        return None;
    }
    let from = ray.origin - a;
    let u = from.dot(across) / determinant;
    let turned = from.cross(edge);
    let v = ray.direction.dot(turned) / determinant;
    let way = other.dot(turned) / determinant;
    (u >= 0.0 && v >= 0.0 && u + v <= 1.0 && way > 0.0).then_some(way)
}

/// The tool that the ray first meets, and where.
fn touched(ray: &Ray3d, frame: &Frame) -> Option<(usize, f32)> {
    let mut first: Option<(usize, f32)> = None;
    for solid in &frame.stage.solids {
        let Mount::Tool(tool, _) = solid.mount else {
            continue;
        };
        let at = crate::draw::solids::transform(&solid.placed(&frame.poses));
        let corner = |index: u32| {
            let [x, y, z] = solid.surface.positions[index as usize];
            at.transform_point(Vec3::new(x, y, z))
        };
        for face in &solid.surface.triangles {
            let way = crossing(ray, face.map(corner));
            if let Some(way) = way.filter(|way| first.is_none_or(|(_, known)| *way < known)) {
                first = Some((tool, way));
            }
        }
    }
    first
}

/// The present frame of a live run.
fn present(playing: &Playing) -> Option<&Frame> {
    let player = playing.player.as_ref()?;
    player.simulation.as_ref()?;
    player.current().map(|frame| &**frame)
}

fn single(v: Vector3<f64>) -> Vec3 {
    Vec3::new(v.x as f32, v.y as f32, v.z as f32)
}

fn grab(
    mut grip: ResMut<Grip>,
    buttons: Res<ButtonInput<MouseButton>>,
    playing: Res<Playing>,
    view: Res<View>,
    free: Res<Free>,
    windows: Query<&Window>,
    cameras: Query<(&Camera, &GlobalTransform), With<SceneCamera>>,
) {
    // The mouse is for the handles where there are some.
    if !buttons.just_pressed(MouseButton::Left) || free.pointer_on_panel || view.settings.handles {
        return;
    }
    let (Some(frame), Some(ray)) = (present(&playing), ray(&windows, &cameras)) else {
        return;
    };
    if let Some((tool, way)) = touched(&ray, frame)
        && let Some(pose) = frame.tool(tool)
    {
        let point = ray.get_point(way);
        let origin = single(pose.position);
        grip.tool = tool;
        grip.held = Some(Held {
            tool,
            plane: point,
            offset: origin - point,
            aim: origin,
        });
    }
}

fn drag(
    mut grip: ResMut<Grip>,
    buttons: Res<ButtonInput<MouseButton>>,
    keys: Res<ButtonInput<KeyCode>>,
    playing: Res<Playing>,
    windows: Query<&Window>,
    cameras: Query<(&Camera, &GlobalTransform), With<SceneCamera>>,
) {
    let Some(held) = &mut grip.held else { return };
    let simulation = playing
        .player
        .as_ref()
        .and_then(|player| player.simulation.as_ref());
    let Some(simulation) = simulation else {
        grip.held = None;
        return;
    };
    if !buttons.pressed(MouseButton::Left) {
        simulation.steer(None);
        grip.held = None;
        return;
    }
    let (Some(ray), Ok((_, camera))) = (ray(&windows, &cameras), cameras.single()) else {
        return;
    };
    // In the plane of the view, or along an axis where its key is held.
    let facing = camera.forward();
    let along = ray.direction.dot(*facing);
    if along.abs() < 1e-6 {
        return;
    }
    let point = ray.get_point((held.plane - ray.origin).dot(*facing) / along);
    let mut way = point - held.plane;
    for (key, axis) in [
        (KeyCode::KeyX, Vec3::X),
        (KeyCode::KeyY, Vec3::Y),
        (KeyCode::KeyZ, Vec3::Z),
    ] {
        if keys.pressed(key) {
            way = axis * way.dot(axis);
        }
    }
    held.aim = held.plane + way + held.offset;
    simulation.steer(Some(Aim {
        tool: held.tool,
        position: Vector3::new(held.aim.x, held.aim.y, held.aim.z).map(f64::from),
        spin: Vector3::zeros(),
    }));
}

/// Speed of a tool that keys move, in diagonals of the domain a second (1/s).
const NUDGE: f64 = 0.35;

fn nudge(
    mut grip: ResMut<Grip>,
    keys: Res<ButtonInput<KeyCode>>,
    playing: Res<Playing>,
    view: Res<View>,
) {
    let simulation = playing
        .player
        .as_ref()
        .and_then(|player| player.simulation.as_ref());
    let frame = present(&playing);
    // The tool that was held may be one of another scene.
    let index = frame.map_or(0, |frame| {
        grip.tool.min(frame.poses.tools.len().saturating_sub(1))
    });
    let (Some(simulation), Some(tool), Some(stage)) = (
        simulation,
        frame.and_then(|frame| frame.tool(index)),
        &view.stage,
    ) else {
        return;
    };
    let along = |more: KeyCode, less: KeyCode| {
        f64::from(i8::from(keys.pressed(more)) - i8::from(keys.pressed(less)))
    };
    let way = Vector3::new(
        along(KeyCode::ArrowRight, KeyCode::ArrowLeft),
        along(KeyCode::ArrowUp, KeyCode::ArrowDown),
        along(KeyCode::PageDown, KeyCode::PageUp),
    );
    if way != Vector3::zeros() {
        // A bit ahead of where the tool is, so that it goes at an even speed.
        let step = NUDGE * stage.diagonal() * stage.frame_time * 3.0;
        simulation.steer(Some(Aim {
            tool: index,
            position: tool.position + way * step,
            spin: Vector3::zeros(),
        }));
        grip.nudging = true;
    } else if grip.nudging {
        simulation.steer(None);
        grip.nudging = false;
    }
}
