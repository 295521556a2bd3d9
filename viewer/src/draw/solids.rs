//! Colliders, tools, rigid bodies, nozzles and targets.

use std::sync::Arc;

use backflow::sim::pose::Pose;
use backflow_viewer_session::{
    Stage,
    colour::body_colour,
    stage::{Mount, Role, StageSolid},
};
use bevy::{
    asset::embedded_asset, prelude::*, render::render_resource::AsBindGroup, shader::ShaderRef,
};

use super::shading::{mesh, shades_alone};
use crate::{play::Playing, view::View};

/// Draws the solids of the present stage.
pub struct SolidsPlugin;

impl Plugin for SolidsPlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "solid.wgsl");
        app.add_plugins(MaterialPlugin::<SolidMaterial>::default())
            .add_systems(PostUpdate, (rebuild, place).chain());
    }
}

/// A surface, see-through unless its opacity is 1.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct SolidMaterial {
    /// Linear colour and opacity.
    #[uniform(0)]
    colour: Vec4,
}

impl Material for SolidMaterial {
    fn fragment_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/solid.wgsl".into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        if self.colour.w < 1.0 {
            AlphaMode::Blend
        } else {
            AlphaMode::Opaque
        }
    }

    shades_alone!();
}

/// A solid of the stage, by its index.
#[derive(Component)]
pub struct Part(pub usize);

/// The transform of a pose.
pub fn transform(pose: &Pose<f64>) -> Transform {
    let position = pose.position.map(|x| x as f32);
    let columns: [[f64; 3]; 3] = pose.rotation.into();
    let columns = columns.map(|column| Vec3::from(column.map(|x| x as f32)));
    Transform::from_translation(Vec3::new(position.x, position.y, position.z)).with_rotation(
        Quat::from_mat3(&Mat3::from_cols(columns[0], columns[1], columns[2])),
    )
}

/// Colour and opacity by role; rigid bodies take the colours after those of `bodies` of matter.
fn look(role: Role, bodies: usize) -> Vec4 {
    let (colour, opacity) = match role {
        Role::Collider => (Color::srgb(0.78, 0.81, 0.86), 0.16),
        Role::Tool => (Color::srgb(0.94, 0.72, 0.32), 0.62),
        Role::Body(index) => {
            let [r, g, b] = body_colour(bodies + index);
            (Color::srgb_u8(r, g, b), 1.0)
        }
        Role::Nozzle => (Color::srgb(0.72, 0.58, 0.90), 0.45),
        Role::Target => (Color::srgb(0.20, 0.80, 0.50), 0.10),
    };
    colour.to_linear().to_vec3().extend(opacity)
}

fn rebuild(
    mut commands: Commands,
    view: Res<View>,
    parts: Query<Entity, With<Part>>,
    mut built: Local<Option<Arc<Stage>>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<SolidMaterial>>,
) {
    let same = match (&*built, &view.stage) {
        (Some(before), Some(stage)) => Arc::ptr_eq(before, stage),
        (None, None) => true,
        _ => false,
    };
    if same {
        return;
    }
    for part in &parts {
        commands.entity(part).despawn();
    }
    built.clone_from(&view.stage);
    let Some(stage) = &view.stage else { return };
    for (index, solid) in stage.solids.iter().enumerate() {
        let StageSolid { surface, role, .. } = solid;
        if surface.triangles.is_empty() {
            continue;
        }
        commands.spawn((
            Part(index),
            Mesh3d(meshes.add(mesh(surface))),
            MeshMaterial3d(materials.add(SolidMaterial {
                colour: look(*role, stage.bodies.len()),
            })),
            transform(&solid.pose),
        ));
    }
}

fn place(
    view: Res<View>,
    playing: Res<Playing>,
    mut parts: Query<(&Part, &mut Transform, &mut Visibility)>,
) {
    let Some(stage) = &view.stage else { return };
    let frame = playing.player.as_ref().and_then(|player| player.current());
    let poses = frame.map_or(&stage.start, |frame| &frame.poses);
    for (Part(index), mut at, mut visibility) in &mut parts {
        let Some(solid) = stage.solids.get(*index) else {
            continue;
        };
        if solid.mount != Mount::World {
            *at = transform(&solid.placed(poses));
        }
        let shown = match solid.role {
            Role::Target => view.settings.targets,
            // A body is matter of the scene: it is always seen.
            Role::Body(_) => true,
            Role::Collider | Role::Tool | Role::Nozzle => view.settings.solids,
        };
        *visibility = if shown {
            Visibility::Visible
        } else {
            Visibility::Hidden
        };
    }
}
