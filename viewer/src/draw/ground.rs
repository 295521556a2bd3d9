//! The floor with its grid and the shadows of matter.

use backflow_viewer_session::light::Light;
use bevy::{
    asset::{RenderAssetUsages, embedded_asset},
    camera::visibility::NoFrustumCulling,
    prelude::*,
    render::{
        render_resource::{AsBindGroup, ShaderType},
        storage::ShaderBuffer,
    },
    shader::ShaderRef,
};

use super::shading::shades_alone;
use crate::view::View;

/// Draws the floor.
pub struct GroundPlugin;

impl Plugin for GroundPlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "ground.wgsl");
        app.add_plugins(MaterialPlugin::<GroundMaterial>::default())
            .init_resource::<FloorLight>()
            .add_systems(Startup, spawn)
            .add_systems(PostUpdate, refresh);
    }
}

/// Texels of the light on the floor, at most.
const TEXELS: usize = 64 * 64;

/// The light on the floor, as it is to be drawn.
#[derive(Resource, Default)]
pub struct FloorLight {
    bytes: Vec<u8>,
    extent: Vec4,
    raster: Vec2,
    changed: bool,
}

impl FloorLight {
    /// Takes the light over.
    pub fn set(&mut self, light: &Light, shadows: bool) {
        let ([width, depth], texels) = light.floor();
        self.bytes.clear();
        for texel in texels.take(TEXELS) {
            let lit = if shadows {
                f32::from(texel) / 255.0
            } else {
                1.0
            };
            self.bytes.extend_from_slice(&lit.to_ne_bytes());
        }
        self.bytes.resize(4 * TEXELS, 0);
        let (min, size) = light.floor_extent();
        self.extent = Vec4::new(min[0], min[1], size[0], size[1]);
        self.raster = Vec2::new(width as f32, depth as f32);
        self.changed = true;
    }
}

/// The floor.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct GroundMaterial {
    #[uniform(0)]
    ground: Ground,
    #[storage(1, read_only)]
    light: Handle<ShaderBuffer>,
}

/// As in the shader.
#[derive(ShaderType, Debug, Clone, Default)]
struct Ground {
    colour: Vec4,
    line: Vec4,
    background: Vec4,
    extent: Vec4,
    raster: Vec4,
    fade: Vec4,
}

impl Material for GroundMaterial {
    fn fragment_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/ground.wgsl".into()
    }

    shades_alone!();
}

/// The entity of the floor.
#[derive(Component)]
struct Floor;

fn spawn(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<GroundMaterial>>,
    mut buffers: ResMut<Assets<ShaderBuffer>>,
) {
    let light = vec![0; 4 * TEXELS];
    commands.spawn((
        Floor,
        Mesh3d(meshes.add(Plane3d::default().mesh().size(2.0, 2.0))),
        MeshMaterial3d(materials.add(GroundMaterial {
            ground: Ground::default(),
            light: buffers.add(ShaderBuffer::new(&light, RenderAssetUsages::default())),
        })),
        NoFrustumCulling,
        Visibility::Hidden,
    ));
}

/// Distance of the lines of the grid (m): a power of ten, so that a domain has some.
pub fn line_distance(diagonal: f64) -> f64 {
    10.0_f64.powf((diagonal / 4.0).log10().floor())
}

fn linear(colour: Color) -> Vec4 {
    colour.to_linear().to_vec4()
}

fn refresh(
    view: Res<View>,
    mut light: ResMut<FloorLight>,
    mut materials: ResMut<Assets<GroundMaterial>>,
    mut buffers: ResMut<Assets<ShaderBuffer>>,
    mut floors: Query<
        (
            &mut Transform,
            &mut Visibility,
            &MeshMaterial3d<GroundMaterial>,
        ),
        With<Floor>,
    >,
) {
    let Ok((mut transform, mut visibility, handle)) = floors.single_mut() else {
        return;
    };
    let (Some(stage), Some([min, max])) = (&view.stage, view.bounds()) else {
        *visibility = Visibility::Hidden;
        return;
    };
    *visibility = if view.settings.floor {
        Visibility::Visible
    } else {
        Visibility::Hidden
    };
    let diagonal = stage.diagonal();
    let reach = 3.2 * (max - min).length();
    let centre = (min + max) * 0.5;
    let floor = Vec3::new(centre.x, min.y, centre.z);
    // A little below, so that what lies on the floor is not cut by it.
    *transform = Transform::from_translation(floor - Vec3::Y * (0.002 * diagonal) as f32)
        .with_scale(Vec3::new(reach, 1.0, reach));
    if !(view.is_changed() || light.changed) {
        return;
    }
    let Some(mut material) = materials.get_mut(&handle.0) else {
        return;
    };
    let palette = view.palette();
    let grid = if view.settings.grid { 1.0 } else { 0.0 };
    material.ground = Ground {
        colour: linear(palette.floor),
        line: linear(palette.line),
        background: linear(palette.background),
        extent: light.extent,
        raster: Vec4::new(
            light.raster.x,
            light.raster.y,
            line_distance(diagonal) as f32,
            grid,
        ),
        fade: Vec4::new(floor.x, floor.y, floor.z, reach * 0.8),
    };
    if light.changed
        && let Some(mut buffer) = buffers.get_mut(&material.light)
    {
        buffer.data = Some(light.bytes.clone());
        light.changed = false;
    }
}
