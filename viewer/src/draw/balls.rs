//! Balls in chunks of one mesh, whose vertex shader looks every one of them up in a buffer.

use backflow_viewer_session::balls::Buffers;
use bevy::{
    asset::RenderAssetUsages,
    camera::visibility::{NoFrustumCulling, RenderLayers},
    light::NotShadowCaster,
    mesh::MeshTag,
    prelude::*,
    render::{render_resource::AsBindGroup, storage::ShaderBuffer},
    shader::ShaderRef,
};

use super::shading::{shades_alone, triangles};

/// Balls from two buffers.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
#[bind_group_data(Kind)]
pub struct BallMaterial {
    /// Position and radius (m) of each particle.
    #[storage(0, read_only)]
    places: Handle<ShaderBuffer>,
    /// Colour and light of each particle.
    #[storage(1, read_only)]
    colours: Handle<ShaderBuffer>,
    /// Radius factor, gloss, opacity, light without shadows.
    #[uniform(2)]
    look: Vec4,
    kind: Kind,
}

/// What is drawn of balls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// They themselves.
    #[default]
    Seen,
    /// Their depths, for the surface of a liquid.
    Depths,
}

impl From<&BallMaterial> for Kind {
    fn from(material: &BallMaterial) -> Self {
        material.kind
    }
}

impl Material for BallMaterial {
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

    shades_alone!(|descriptor, key| {
        if let (Kind::Depths, Some(fragment)) = (key.bind_group_data, &mut descriptor.fragment) {
            fragment.shader_defs.push("DEPTHS".into());
        }
    });
}

/// Balls of an entity.
const CHUNK: usize = 4096;

/// Entities of balls with their buffers.
#[derive(Default)]
pub struct Balls {
    /// One a chunk, and how many of them are shown.
    chunks: Vec<Entity>,
    shown: usize,
    /// How far they are shown from where they are (m).
    offset: Vec3,
    kind: Kind,
    material: Handle<BallMaterial>,
    places: Handle<ShaderBuffer>,
    colours: Handle<ShaderBuffer>,
}

/// What balls are made with.
pub struct Stores<'a> {
    /// Buffers.
    pub buffers: &'a mut Assets<ShaderBuffer>,
    /// Materials.
    pub materials: &'a mut Assets<BallMaterial>,
    /// Meshes.
    pub meshes: &'a mut Assets<Mesh>,
}

impl Balls {
    /// None yet, of which this will be drawn.
    pub fn of(kind: Kind) -> Self {
        Self { kind, ..default() }
    }

    /// Takes them away.
    pub fn clear(&mut self, commands: &mut Commands) {
        for chunk in self.chunks.drain(..) {
            commands.entity(chunk).despawn();
        }
        *self = Self::of(self.kind);
    }

    /// Shows them somewhere else from now on (m).
    pub fn shift(&mut self, commands: &mut Commands, offset: Vec3) {
        if self.offset == offset {
            return;
        }
        self.offset = offset;
        for chunk in &self.chunks {
            commands
                .entity(*chunk)
                .insert(Transform::from_translation(offset));
        }
    }

    /// How many there is room for, after making room for `count` of such a look.
    fn room(
        &mut self,
        commands: &mut Commands,
        stores: &mut Stores<'_>,
        count: usize,
        look: Vec4,
    ) -> usize {
        let wanted = count.div_ceil(CHUNK).max(1);
        if wanted <= self.chunks.len() {
            return self.chunks.len() * CHUNK;
        }
        let offset = self.offset;
        self.clear(commands);
        self.offset = offset;
        let mut buffer = |each: usize| {
            // What is filled in goes to the renderer as it is, without a copy that stays here.
            stores.buffers.add(ShaderBuffer {
                data: Some(vec![0; each * wanted * CHUNK]),
                asset_usage: RenderAssetUsages::RENDER_WORLD,
                ..default()
            })
        };
        (self.places, self.colours) = (buffer(16), buffer(4));
        self.material = stores.materials.add(BallMaterial {
            places: self.places.clone(),
            colours: self.colours.clone(),
            look,
            kind: self.kind,
        });
        let layers = match self.kind {
            Kind::Seen => RenderLayers::default(),
            Kind::Depths => RenderLayers::layer(super::liquids::LAYER),
        };
        // Three vertices a particle, which the shader puts in place.
        let mesh = stores.meshes.add(triangles(vec![[0.0; 3]; 3 * CHUNK]));
        let chunk = |number: usize| {
            let bundle = (
                Mesh3d(mesh.clone()),
                MeshMaterial3d(self.material.clone()),
                MeshTag((number * CHUNK) as u32),
                Transform::from_translation(offset),
                Visibility::Hidden,
                NoFrustumCulling,
                NotShadowCaster,
                layers.clone(),
            );
            commands.spawn(bundle).id()
        };
        self.chunks = (0..wanted).map(chunk).collect();
        wanted * CHUNK
    }

    /// Shows balls, at most `count`: their buffers for a capacity, and how they look.
    pub fn show(
        &mut self,
        commands: &mut Commands,
        stores: &mut Stores<'_>,
        count: usize,
        look: Vec4,
        buffers: impl FnOnce(usize) -> Buffers,
    ) {
        let capacity = self.room(commands, stores, count, look);
        let Buffers {
            places,
            colours,
            count,
        } = buffers(capacity);
        for (handle, bytes) in [(&self.places, places), (&self.colours, colours)] {
            if let Some(mut buffer) = stores.buffers.get_mut(handle) {
                buffer.data = Some(bytes);
            }
        }
        // Buffers of the same size are written in place: the material only changes with the look.
        let known = stores.materials.get(&self.material);
        if known.is_some_and(|material| material.look != look)
            && let Some(mut material) = stores.materials.get_mut(&self.material)
        {
            material.look = look;
        }
        let shown = count.div_ceil(CHUNK).min(self.chunks.len());
        let (fewer, more) = (shown.min(self.shown), shown.max(self.shown));
        let visibility = if shown > self.shown {
            Visibility::Inherited
        } else {
            Visibility::Hidden
        };
        for chunk in &self.chunks[fewer..more] {
            commands.entity(*chunk).insert(visibility);
        }
        self.shown = shown;
    }
}
