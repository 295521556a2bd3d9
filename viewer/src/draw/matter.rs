//! Particles as balls: one entity, whose vertex shader looks every particle up in a buffer.

use std::sync::Arc;

use backflow_viewer_session::{
    Field, Frame, Stage,
    balls::{buffers, shine},
    colour::{Range, Rgb, colours},
    light::Light,
};
use bevy::{
    asset::{RenderAssetUsages, embedded_asset},
    camera::visibility::NoFrustumCulling,
    light::NotShadowCaster,
    prelude::*,
    render::{render_resource::AsBindGroup, storage::ShaderBuffer},
    shader::{ShaderRef, load_shader_library},
};

use super::{
    ground::FloorLight,
    shading::{shades_alone, triangles},
};
use crate::{play::Playing, view::View};

/// Draws the particles of the present frame.
pub struct MatterPlugin;

impl Plugin for MatterPlugin {
    fn build(&self, app: &mut App) {
        load_shader_library!(app, "lighting.wgsl");
        embedded_asset!(app, "matter.wgsl");
        app.add_plugins(MaterialPlugin::<MatterMaterial>::default())
            .init_resource::<Shown>()
            .add_systems(PostUpdate, show);
    }
}

/// Balls from two buffers.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct MatterMaterial {
    /// Position and radius (m) of each particle.
    #[storage(0, read_only)]
    places: Handle<ShaderBuffer>,
    /// Colour and light of each particle.
    #[storage(1, read_only)]
    colours: Handle<ShaderBuffer>,
    /// Radius factor, gloss, opacity, light without shadows.
    #[uniform(2)]
    look: Vec4,
}

impl Material for MatterMaterial {
    fn vertex_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/matter.wgsl".into()
    }

    fn fragment_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/matter.wgsl".into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        if self.look.z < 1.0 {
            AlphaMode::Blend
        } else {
            AlphaMode::Opaque
        }
    }

    shades_alone!();
}

/// How balls look: gloss of matter.
const GLOSS: f32 = 0.28;

/// What is on the screen, and what drawing it works with.
#[derive(Resource, Default)]
pub struct Shown {
    balls: Balls,
    frame: Option<Arc<Frame>>,
    stage: Option<Arc<Stage>>,
    look: Option<Look>,
    light: Light,
    rgb: Vec<Rgb>,
    /// The range of the colours so far, by field.
    range: Option<(Field, Range)>,
}

/// What the buffers depend on besides the frame.
#[derive(Clone, Copy, PartialEq)]
struct Look {
    field: Field,
    shadows: bool,
    radius: f32,
}

impl Shown {
    /// The field that is shown and the values that the ends of the colours stand for.
    pub fn range(&self) -> Option<(Field, Range)> {
        self.range
    }
}

fn show(
    mut commands: Commands,
    mut shown: ResMut<Shown>,
    mut buffer_assets: ResMut<Assets<ShaderBuffer>>,
    mut materials: ResMut<Assets<MatterMaterial>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut floor: ResMut<FloorLight>,
    playing: Res<Playing>,
    view: Res<View>,
) {
    let shown = &mut *shown;
    let Some(frame) = playing.player.as_ref().and_then(|player| player.current()) else {
        if shown.frame.is_some() {
            shown.balls.clear(&mut commands);
            *shown = Shown::default();
        }
        return;
    };
    let look = Look {
        field: view.settings.field,
        shadows: view.settings.shadows,
        radius: view.settings.radius,
    };
    let same_frame = shown
        .frame
        .as_ref()
        .is_some_and(|before| Arc::ptr_eq(before, frame));
    if same_frame && shown.look == Some(look) && !playing.gradient_changed {
        return;
    }
    let new_stage = !shown
        .stage
        .as_ref()
        .is_some_and(|before| Arc::ptr_eq(before, &frame.stage));
    if new_stage {
        shown.light = Light::new(&frame.stage.bounds);
        shown.stage = Some(Arc::clone(&frame.stage));
        shown.range = None;
    }
    shine(&mut shown.light, frame);
    let field = look.field;
    let gradient = playing.gradient.as_deref().map(Vec::as_slice);
    let values = match field {
        Field::Gradient => gradient,
        field => frame.values(field),
    };
    let range = Range::of(values.unwrap_or_default());
    let range = match shown.range {
        // Colours of one run compare: the range only grows.
        Some((known, before)) if known == field && field != Field::Gradient => before.joined(range),
        _ => range,
    };
    shown.range = Some((field, range));
    colours(frame, field, gradient, range, &mut shown.rgb);
    floor.set(&shown.light, look.shadows);

    let without = if look.shadows { 0.0 } else { 1.0 };
    let Shown {
        balls, rgb, light, ..
    } = shown;
    let stores = Stores {
        buffers: &mut buffer_assets,
        materials: &mut materials,
        meshes: &mut meshes,
    };
    let appearance = Vec4::new(look.radius, GLOSS, 1.0, without);
    balls.show(
        &mut commands,
        stores,
        frame.x.len(),
        appearance,
        |capacity| buffers(frame, rgb, light, capacity),
    );
    shown.frame = Some(Arc::clone(frame));
    shown.look = Some(look);
}

/// An entity of balls with its buffers, which have room for so many.
#[derive(Default)]
pub struct Balls {
    entity: Option<Entity>,
    capacity: usize,
    material: Handle<MatterMaterial>,
    places: Handle<ShaderBuffer>,
    colours: Handle<ShaderBuffer>,
}

/// What balls are made with.
pub struct Stores<'a> {
    /// Buffers.
    pub buffers: &'a mut Assets<ShaderBuffer>,
    /// Materials.
    pub materials: &'a mut Assets<MatterMaterial>,
    /// Meshes.
    pub meshes: &'a mut Assets<Mesh>,
}

impl Balls {
    /// Takes them away.
    pub fn clear(&mut self, commands: &mut Commands) {
        if let Some(entity) = self.entity.take() {
            commands.entity(entity).despawn();
        }
        *self = Self::default();
    }

    /// How many there is room for, after making room for `count`.
    fn room(&mut self, commands: &mut Commands, stores: &mut Stores<'_>, count: usize) -> usize {
        if self.entity.is_some() && count <= self.capacity {
            return self.capacity;
        }
        self.clear(commands);
        // Half as much again, so that matter that is added one by one finds room.
        self.capacity = (count + count / 2).max(1024);
        let mut buffer = |each: usize| {
            let bytes = vec![0; each * self.capacity];
            let new = ShaderBuffer::new(&bytes, RenderAssetUsages::default());
            stores.buffers.add(new)
        };
        (self.places, self.colours) = (buffer(16), buffer(4));
        self.material = stores.materials.add(MatterMaterial {
            places: self.places.clone(),
            colours: self.colours.clone(),
            look: Vec4::ONE,
        });
        // Three vertices a particle, which the shader puts in place.
        let mesh = triangles(vec![[0.0; 3]; 3 * self.capacity]);
        let entity = commands.spawn((
            Mesh3d(stores.meshes.add(mesh)),
            MeshMaterial3d(self.material.clone()),
            Transform::IDENTITY,
            NoFrustumCulling,
            NotShadowCaster,
        ));
        self.entity = Some(entity.id());
        self.capacity
    }

    /// Shows balls: their bytes for a capacity, and how they look.
    pub fn show(
        &mut self,
        commands: &mut Commands,
        mut stores: Stores<'_>,
        count: usize,
        look: Vec4,
        bytes: impl FnOnce(usize) -> (Vec<u8>, Vec<u8>),
    ) {
        let capacity = self.room(commands, &mut stores, count);
        let (places, colours) = bytes(capacity);
        for (handle, bytes) in [(&self.places, places), (&self.colours, colours)] {
            if let Some(mut buffer) = stores.buffers.get_mut(handle) {
                buffer.data = Some(bytes);
            }
        }
        if let Some(mut material) = stores.materials.get_mut(&self.material) {
            material.look = look;
        }
    }
}
