//! The camera: it goes around a point, along with the mouse, or flies.

use backflow::sim::scene::spec::Bookmark;
use bevy::{
    core_pipeline::tonemapping::{DebandDither, Tonemapping},
    input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll},
    prelude::*,
    render::renderer::RenderAdapterInfo,
};
use wgpu_types::DeviceType;

use crate::{place::Placing, touch::Grip, ui::Free, view::View};

/// Half of the vertical angle of view (rad): a moderate telephoto, as in pictures of the engine.
const HALF_ANGLE: f32 = 0.22;

/// Share of the picture that a fitted domain may take.
const FILL: f32 = 0.86;

/// Moves the camera.
pub struct CameraPlugin {
    /// Whether mouse and keys move it.
    pub interactive: bool,
    /// Whether edges are smoothed by four samples a pixel, unless the processor draws a window.
    pub smooth: bool,
}

impl Plugin for CameraPlugin {
    fn build(&self, app: &mut App) {
        let Self {
            interactive,
            smooth,
        } = *self;
        app.init_resource::<Orbit>().add_systems(
            Startup,
            move |mut commands: Commands, adapter: Option<Res<RenderAdapterInfo>>| {
                // A window that the processor draws has no time for smooth edges.
                let slow = adapter.is_some_and(|adapter| adapter.device_type == DeviceType::Cpu);
                spawn(&mut commands, smooth && !(interactive && slow));
            },
        );
        if interactive {
            app.add_systems(
                Update,
                (mouse, keys)
                    .chain()
                    .before(place)
                    .run_if(not(bevy_egui::input::egui_wants_any_keyboard_input)),
            );
        }
        app.add_systems(Update, (fit, place).chain().after(crate::play::tick));
    }
}

/// The camera of the scene.
#[derive(Component)]
pub struct SceneCamera;

/// Where the camera is: on a sphere around a point.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct Orbit {
    /// What it looks at (m).
    pub target: Vec3,
    /// Angle about the vertical from the z axis to the eye (rad).
    pub yaw: f32,
    /// Angle of the eye above the horizon (rad).
    pub pitch: f32,
    /// Distance of the eye (m).
    pub distance: f32,
    /// What it was fitted to.
    fitted: Option<Fitted>,
    /// Whether someone has moved it since.
    moved: bool,
}

/// What a camera was fitted to.
#[derive(Debug, Clone, PartialEq)]
struct Fitted {
    scenes: Vec<String>,
    size: Vec2,
    share: Vec2,
}

impl Default for Orbit {
    fn default() -> Self {
        Self {
            target: Vec3::ZERO,
            yaw: THREE_QUARTERS.0,
            pitch: THREE_QUARTERS.1,
            distance: 3.0,
            fitted: None,
            moved: false,
        }
    }
}

/// From the front, the right and above.
const THREE_QUARTERS: (f32, f32) = (0.52, 0.38);

/// Directions to look from by name: yaw and pitch (rad).
pub const PRESETS: [(&str, f32, f32); 4] = [
    ("three quarters", THREE_QUARTERS.0, THREE_QUARTERS.1),
    ("front", 0.0, 0.06),
    ("side", std::f32::consts::FRAC_PI_2, 0.06),
    ("top", 0.0, 1.54),
];

impl Orbit {
    /// Unit vector from the target to the eye.
    pub fn back(&self) -> Vec3 {
        let (sin, cos) = self.pitch.sin_cos();
        Vec3::new(cos * self.yaw.sin(), sin, cos * self.yaw.cos())
    }

    /// Where the eye is (m).
    pub fn eye(&self) -> Vec3 {
        self.target + self.back() * self.distance
    }

    /// Its transform.
    pub fn transform(&self) -> Transform {
        Transform::from_translation(self.eye()).looking_at(self.target, Vec3::Y)
    }

    /// Looks at all of a box from where it is turned to, in a picture of such proportions, of
    /// which `share` is free along each axis.
    pub fn fit(&mut self, bounds: &[Vec3; 2], aspect: f32, share: Vec2) {
        let [min, max] = *bounds;
        self.target = (min + max) * 0.5;
        let at = self.transform();
        let (right, up, back) = (at.right(), at.up(), self.back());
        let tangent = HALF_ANGLE.tan() * FILL;
        let tangents = Vec2::new(tangent * aspect, tangent) * share;
        // The pair of distance and shift that centres all corners settles in some rounds.
        for _ in 0..32 {
            let (mut distance, mut low, mut high) = (0.0_f32, Vec2::INFINITY, Vec2::NEG_INFINITY);
            let corners: Vec<Vec3> = (0..8_usize)
                .map(|corner| {
                    let side = |axis: usize| if corner >> axis & 1 == 0 { min } else { max }[axis];
                    Vec3::new(side(0), side(1), side(2)) - self.target
                })
                .collect();
            for corner in &corners {
                let across = Vec2::new(corner.dot(*right), corner.dot(*up));
                let need = (across.abs() / tangents).max_element() + corner.dot(back);
                distance = distance.max(need);
            }
            for corner in &corners {
                let across = Vec2::new(corner.dot(*right), corner.dot(*up));
                let seen = across / (distance - corner.dot(back)).max(1e-6);
                (low, high) = (low.min(seen), high.max(seen));
            }
            self.distance = distance;
            let shift = (low + high) * 0.5 * distance;
            self.target += *right * shift.x + *up * shift.y;
        }
    }

    /// Where it is, without a name.
    pub fn bookmark(&self) -> Bookmark {
        Bookmark {
            name: String::new(),
            target: self.target.to_array().map(f64::from),
            yaw: self.yaw.into(),
            pitch: self.pitch.into(),
            distance: self.distance.into(),
        }
    }

    /// Goes to a place to look from, and stays there when panels and window change.
    pub fn look(&mut self, from: &Bookmark) {
        self.target = Vec3::from_array(from.target.map(|x| x as f32));
        (self.yaw, self.pitch) = (from.yaw as f32, from.pitch as f32);
        self.distance = from.distance as f32;
        self.moved = true;
    }

    /// Goes to a preset, fitted to the scene, or to a place of the scene.
    pub fn turn_to(&mut self, name: &str, views: &[Bookmark]) {
        if let Some((_, yaw, pitch)) = PRESETS.iter().find(|(known, ..)| *known == name) {
            (self.yaw, self.pitch) = (*yaw, *pitch);
            self.refit();
        } else if let Some(view) = views.iter().find(|view| view.name == name) {
            self.look(view);
        }
    }

    /// Forgets the scene that it was fitted to, so that it is fitted again.
    pub fn refit(&mut self) {
        self.fitted = None;
    }
}

/// How it projects.
pub fn projection() -> Projection {
    Projection::Perspective(PerspectiveProjection {
        fov: 2.0 * HALF_ANGLE,
        near: 0.01,
        far: 1000.0,
        ..default()
    })
}

fn spawn(commands: &mut Commands, smooth: bool) {
    commands.spawn((
        SceneCamera,
        Camera3d::default(),
        projection(),
        // The shaders give the colours of the screen.
        Tonemapping::None,
        DebandDither::Disabled,
        if smooth { Msaa::Sample4 } else { Msaa::Off },
    ));
}

/// Fits the camera to a scene that is new.
fn fit(
    mut orbit: ResMut<Orbit>,
    view: Res<View>,
    free: Res<Free>,
    cameras: Query<&Camera, With<SceneCamera>>,
) {
    let (Some(bounds), Ok(camera)) = (view.bounds(), cameras.single()) else {
        return;
    };
    let Some(size) = camera
        .logical_target_size()
        .filter(|size| size.min_element() > 0.0)
    else {
        return;
    };
    let share = free.share(size);
    let wanted = Fitted {
        scenes: view.runs().map(|run| run.stage.name.clone()).collect(),
        size,
        share,
    };
    // A view that someone has chosen stays when panels and window change.
    let known = orbit.fitted.as_ref();
    if known == Some(&wanted)
        || (orbit.moved && known.is_some_and(|known| known.scenes == wanted.scenes))
    {
        return;
    }
    orbit.fit(&bounds, size.x / size.y, share);
    (orbit.fitted, orbit.moved) = (Some(wanted), false);
}

/// Puts the camera where it is to be, with its axis through the middle of what panels leave free.
pub fn place(
    orbit: Res<Orbit>,
    free: Res<Free>,
    mut cameras: Query<(&mut Transform, &mut Camera), With<SceneCamera>>,
) {
    let Ok((mut transform, mut camera)) = cameras.single_mut() else {
        return;
    };
    let at = orbit.transform();
    if *transform != at {
        *transform = at;
    }
    let Some(size) = camera.logical_target_size() else {
        return;
    };
    let offset = size * 0.5 - free.centre(size);
    let wanted = (offset.length() > 0.5).then(|| bevy::camera::SubCameraView {
        full_size: size.as_uvec2(),
        offset,
        size: size.as_uvec2(),
    });
    if camera.sub_camera_view != wanted {
        camera.sub_camera_view = wanted;
    }
}

/// Turn a pixel (rad).
const TURN: f32 = 0.006;

fn mouse(
    mut orbit: ResMut<Orbit>,
    buttons: Res<ButtonInput<MouseButton>>,
    held: Res<ButtonInput<KeyCode>>,
    motion: Res<AccumulatedMouseMotion>,
    scroll: Res<AccumulatedMouseScroll>,
    grip: Res<Grip>,
    placing: Res<Placing>,
    free: Res<Free>,
    cameras: Query<&Camera, With<SceneCamera>>,
) {
    if free.pointer_on_panel || grip.holds() || placing.holds() {
        return;
    }
    let height = cameras
        .single()
        .ok()
        .and_then(|camera| camera.logical_target_size())
        .map_or(720.0, |size| size.y.max(1.0));
    let shift = held.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    let pans = buttons.pressed(MouseButton::Right)
        || buttons.pressed(MouseButton::Middle)
        || (buttons.pressed(MouseButton::Left) && shift);
    if motion.delta != Vec2::ZERO {
        if pans {
            let at = orbit.transform();
            let step = 2.0 * HALF_ANGLE.tan() * orbit.distance / height;
            let delta = motion.delta * step;
            orbit.target += *at.up() * delta.y - *at.right() * delta.x;
            orbit.moved = true;
        } else if buttons.pressed(MouseButton::Left) {
            orbit.yaw -= motion.delta.x * TURN;
            orbit.pitch = (orbit.pitch + motion.delta.y * TURN).clamp(-1.5, 1.54);
            orbit.moved = true;
        }
    }
    if scroll.delta.y != 0.0 {
        orbit.distance *= (-0.12 * scroll.delta.y.clamp(-3.0, 3.0)).exp();
        orbit.distance = orbit.distance.clamp(0.02, 200.0);
        orbit.moved = true;
    }
}

fn keys(mut orbit: ResMut<Orbit>, keys: Res<ButtonInput<KeyCode>>, time: Res<Time>) {
    for (key, (_, yaw, pitch)) in [
        KeyCode::Digit1,
        KeyCode::Digit2,
        KeyCode::Digit3,
        KeyCode::Digit4,
    ]
    .into_iter()
    .zip(PRESETS)
    {
        if keys.just_pressed(key) {
            (orbit.yaw, orbit.pitch) = (yaw, pitch);
            orbit.refit();
        }
    }
    if keys.just_pressed(KeyCode::Home) {
        orbit.refit();
    }
    // Flying: the eye and what it looks at move together.
    let along = |more: KeyCode, less: KeyCode| {
        f32::from(keys.pressed(more)) - f32::from(keys.pressed(less))
    };
    let way = Vec3::new(
        along(KeyCode::KeyD, KeyCode::KeyA),
        along(KeyCode::KeyE, KeyCode::KeyQ),
        along(KeyCode::KeyW, KeyCode::KeyS),
    );
    let control = keys.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]);
    if way != Vec3::ZERO && !control {
        let at = orbit.transform();
        let step = orbit.distance * time.delta_secs().min(0.1);
        orbit.target += (*at.right() * way.x + *at.up() * way.y + *at.forward() * way.z) * step;
        orbit.moved = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: [Vec3; 2] = [Vec3::new(-1.0, 0.0, 2.0), Vec3::new(3.0, 0.5, 2.6)];

    #[test]
    fn a_fitted_camera_sees_all_of_the_domain_and_not_much_more() {
        for (_, yaw, pitch) in PRESETS {
            let mut orbit = Orbit {
                yaw,
                pitch,
                ..Orbit::default()
            };
            orbit.fit(&BOX, 1.6, Vec2::ONE);
            let at = orbit.transform();
            let mut widest = 0.0_f32;
            for corner in 0..8_usize {
                let side = |axis: usize| BOX[corner >> axis & 1][axis];
                let offset = Vec3::new(side(0), side(1), side(2)) - orbit.eye();
                let depth = offset.dot(*at.forward());
                let seen = Vec2::new(offset.dot(*at.right()) / 1.6, offset.dot(*at.up()));
                widest = widest.max(seen.abs().max_element() / depth / HALF_ANGLE.tan());
            }
            assert!((0.8..=0.9).contains(&widest), "{yaw} {pitch}: {widest}");
        }
    }

    #[test]
    fn a_camera_comes_back_to_a_place_that_was_kept() {
        let mut orbit = Orbit::default();
        orbit.fit(&BOX, 1.6, Vec2::ONE);
        let mut kept = orbit.bookmark();
        kept.name = "here".to_owned();
        let mut other = Orbit::default();
        other.turn_to("here", &[kept]);
        assert!((other.eye() - orbit.eye()).length() < 1e-5);
        assert!((other.target - orbit.target).length() < 1e-6);
    }
}
