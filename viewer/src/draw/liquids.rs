//! Liquids as surfaces, found on the screen: their balls are drawn as depths into an image, and the
//! surface of each pixel is fitted to the depths about it. The idea is that of van der Laan, Green
//! and Sainz (2009), "Screen space fluid rendering with curvature flow", with a fit of planes
//! instead of a flow.

use backflow_viewer_session::Stage;
use bevy::{
    asset::{RenderAssetUsages, embedded_asset},
    camera::{RenderTarget, visibility::NoFrustumCulling, visibility::RenderLayers},
    core_pipeline::tonemapping::{DebandDither, Tonemapping},
    light::NotShadowCaster,
    prelude::*,
    render::render_resource::{AsBindGroup, TextureFormat},
    shader::{ShaderRef, load_shader_library},
};

use super::shading::{shades_alone, triangles};
use crate::{
    camera::{SceneCamera, projection},
    view::View,
};

/// Draws liquids as surfaces where that is asked for.
pub struct LiquidsPlugin;

impl Plugin for LiquidsPlugin {
    fn build(&self, app: &mut App) {
        load_shader_library!(app, "depths.wgsl");
        embedded_asset!(app, "liquids.wgsl");
        app.add_plugins(MaterialPlugin::<LiquidMaterial>::default())
            .add_systems(Startup, spawn)
            .add_systems(Update, follow.after(crate::camera::place));
    }
}

/// The layer of the balls whose depths are drawn.
pub const LAYER: usize = 1;

/// How far around a pixel the surface is fitted, in radii of the balls of its liquid (1).
const REACH: f32 = 4.0;

/// Gloss of a liquid (1).
const GLOSS: f32 = 0.7;

/// A surface from an image of depths.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct LiquidMaterial {
    #[texture(0)]
    depths: Handle<Image>,
    /// Reach of the fit (m), gloss, light without shadows.
    #[uniform(1)]
    look: Vec4,
}

impl Material for LiquidMaterial {
    fn vertex_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/liquids.wgsl".into()
    }

    fn fragment_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/liquids.wgsl".into()
    }

    shades_alone!();
}

/// The camera that draws depths.
#[derive(Component)]
struct DepthCamera;

/// The triangle over all of the screen that the surface is drawn on.
#[derive(Component)]
struct Pane;

/// An image for depths.
fn depths(size: UVec2) -> Image {
    let mut image = Image::new_target_texture(size.x, size.y, TextureFormat::Rgba16Float, None);
    image.asset_usage = RenderAssetUsages::RENDER_WORLD;
    image
}

fn spawn(
    mut commands: Commands,
    mut images: ResMut<Assets<Image>>,
    mut materials: ResMut<Assets<LiquidMaterial>>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    let image = images.add(depths(UVec2::ONE));
    commands.spawn((
        DepthCamera,
        Camera3d::default(),
        Camera {
            order: -1,
            is_active: false,
            clear_color: ClearColorConfig::Custom(Color::NONE),
            ..default()
        },
        projection(),
        RenderTarget::Image(image.clone().into()),
        RenderLayers::layer(LAYER),
        Tonemapping::None,
        DebandDither::Disabled,
        Msaa::Off,
    ));
    let material = LiquidMaterial {
        depths: image,
        look: Vec4::ZERO,
    };
    commands.spawn((
        Pane,
        Mesh3d(meshes.add(triangles(vec![[0.0; 3]; 3]))),
        MeshMaterial3d(materials.add(material)),
        Transform::IDENTITY,
        Visibility::Hidden,
        NoFrustumCulling,
        NotShadowCaster,
    ));
}

/// Whether a liquid of a stage is drawn as a surface.
pub fn covered(view: &View, stage: &Stage) -> bool {
    view.settings.surface && stage.bodies.iter().any(|body| body.liquid)
}

/// Keeps the camera of the depths with that of the scene.
fn follow(
    view: Res<View>,
    mut images: ResMut<Assets<Image>>,
    mut materials: ResMut<Assets<LiquidMaterial>>,
    scene: Query<(&Camera, &Transform), (With<SceneCamera>, Without<DepthCamera>)>,
    mut cameras: Query<
        (&mut Camera, &mut Transform, &mut RenderTarget),
        (With<DepthCamera>, Without<SceneCamera>),
    >,
    mut panes: Query<(&MeshMaterial3d<LiquidMaterial>, &mut Visibility), With<Pane>>,
) {
    let (Ok((scene, at)), Ok((mut camera, mut transform, mut target)), Ok((pane, mut visibility))) =
        (scene.single(), cameras.single_mut(), panes.single_mut())
    else {
        return;
    };
    let radii = view
        .runs()
        .filter(|run| covered(&view, run.stage))
        .flat_map(|run| run.stage.bodies.iter().filter(|body| body.liquid))
        .map(|body| body.radius as f32);
    let radius = radii.reduce(f32::max);
    let size = scene
        .physical_target_size()
        .filter(|size| size.min_element() > 0);
    let (Some(radius), Some(size)) = (radius, size) else {
        camera.is_active = false;
        *visibility = Visibility::Hidden;
        return;
    };
    let without = if view.settings.shadows { 0.0 } else { 1.0 };
    let look = Vec4::new(REACH * radius, GLOSS, without, 0.0);
    let known = target.as_image().and_then(|image| images.get(image));
    let resized = known.is_none_or(|image| image.size() != size);
    let same = materials
        .get(&pane.0)
        .is_some_and(|material| material.look == look);
    if (resized || !same)
        && let Some(mut material) = materials.get_mut(&pane.0)
    {
        material.look = look;
        if resized {
            material.depths = images.add(depths(size));
            *target = RenderTarget::Image(material.depths.clone().into());
        }
    }
    camera.is_active = true;
    camera.sub_camera_view = scene.sub_camera_view;
    *transform = *at;
    *visibility = Visibility::Inherited;
}
