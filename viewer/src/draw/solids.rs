//! Colliders, tools, rigid bodies, nozzles and targets.

use std::sync::Arc;

use backflow::sim::pose::Pose;
use backflow_viewer_session::{
    Stage,
    colour::body_colour,
    stage::{Role, StageSolid},
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
    /// Its gloss in the first number.
    #[uniform(1)]
    gloss: Vec4,
}

impl SolidMaterial {
    /// A surface of a colour, an opacity and a gloss (1).
    pub fn new(colour: Color, opacity: f32, gloss: f32) -> Self {
        Self {
            colour: colour.to_linear().to_vec3().extend(opacity),
            gloss: Vec4::splat(gloss),
        }
    }
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

/// A solid of a stage.
#[derive(Component)]
struct Part {
    /// 0 for the run that plays, 1 for the one beside it.
    run: usize,
    /// Its index in the stage.
    index: usize,
}

/// The transform of a pose.
pub fn transform(pose: &Pose<f64>) -> Transform {
    let position = pose.position.map(|x| x as f32);
    let columns: [[f64; 3]; 3] = pose.rotation.into();
    let columns = columns.map(|column| Vec3::from(column.map(|x| x as f32)));
    Transform::from_translation(Vec3::new(position.x, position.y, position.z)).with_rotation(
        Quat::from_mat3(&Mat3::from_cols(columns[0], columns[1], columns[2])),
    )
}

/// Gloss of solids (1).
const GLOSS: f32 = 0.25;

/// The look of a role; rigid bodies take the colours after those of `bodies` of matter.
fn look(role: Role, bodies: usize) -> SolidMaterial {
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
    SolidMaterial::new(colour, opacity, GLOSS)
}

fn rebuild(
    mut commands: Commands,
    view: Res<View>,
    parts: Query<Entity, With<Part>>,
    mut built: Local<Vec<Arc<Stage>>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<SolidMaterial>>,
) {
    let stages: Vec<&Arc<Stage>> = view.runs().map(|run| run.stage).collect();
    let mut pairs = built.iter().zip(&stages);
    if built.len() == stages.len() && pairs.all(|(before, now)| Arc::ptr_eq(before, now)) {
        return;
    }
    for part in &parts {
        commands.entity(part).despawn();
    }
    for (run, stage) in stages.iter().enumerate() {
        for (index, solid) in stage.solids.iter().enumerate() {
            let StageSolid { surface, role, .. } = solid;
            if surface.triangles.is_empty() {
                continue;
            }
            commands.spawn((
                Part { run, index },
                Mesh3d(meshes.add(mesh(surface))),
                MeshMaterial3d(materials.add(look(*role, stage.bodies.len()))),
                Transform::IDENTITY,
            ));
        }
    }
    *built = stages.into_iter().cloned().collect();
}

fn place(
    view: Res<View>,
    playing: Res<Playing>,
    mut parts: Query<(&Part, &mut Transform, &mut Visibility)>,
) {
    let runs: Vec<_> = view.runs().collect();
    let frames = [&playing.player, &playing.beside]
        .map(|player| player.as_ref().and_then(|player| player.current()));
    for (part, mut at, mut visibility) in &mut parts {
        let Some(run) = runs.get(part.run) else {
            continue;
        };
        let Some(solid) = run.stage.solids.get(part.index) else {
            continue;
        };
        let poses = frames[part.run].map_or(&run.stage.start, |frame| &frame.poses);
        let mut wanted = transform(&solid.placed(poses));
        wanted.translation += run.offset;
        if *at != wanted {
            *at = wanted;
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
