//! Balls as one entity, whose vertex shader looks every one of them up in a buffer.

use bevy::{
    asset::RenderAssetUsages,
    camera::visibility::NoFrustumCulling,
    light::NotShadowCaster,
    prelude::*,
    render::{render_resource::AsBindGroup, storage::ShaderBuffer},
    shader::ShaderRef,
};

use super::shading::{shades_alone, triangles};

/// Balls from two buffers.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
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

    shades_alone!();
}

/// An entity of balls with its buffers, which have room for so many.
#[derive(Default)]
pub struct Balls {
    entity: Option<Entity>,
    /// How far they are shown from where they are (m).
    offset: Vec3,
    capacity: usize,
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
    /// Takes them away.
    pub fn clear(&mut self, commands: &mut Commands) {
        if let Some(entity) = self.entity.take() {
            commands.entity(entity).despawn();
        }
        *self = Self::default();
    }

    /// Shows them somewhere else from now on (m).
    pub fn shift(&mut self, commands: &mut Commands, offset: Vec3) {
        if self.offset == offset {
            return;
        }
        self.offset = offset;
        if let Some(entity) = self.entity {
            commands
                .entity(entity)
                .insert(Transform::from_translation(offset));
        }
    }

    /// How many there is room for, after making room for `count`.
    fn room(&mut self, commands: &mut Commands, stores: &mut Stores<'_>, count: usize) -> usize {
        if self.entity.is_some() && count <= self.capacity {
            return self.capacity;
        }
        let offset = self.offset;
        self.clear(commands);
        self.offset = offset;
        // Half as much again, so that matter that is added one by one finds room.
        self.capacity = (count + count / 2).max(1024);
        let mut buffer = |each: usize| {
            let bytes = vec![0; each * self.capacity];
            let new = ShaderBuffer::new(&bytes, RenderAssetUsages::default());
            stores.buffers.add(new)
        };
        (self.places, self.colours) = (buffer(16), buffer(4));
        self.material = stores.materials.add(BallMaterial {
            places: self.places.clone(),
            colours: self.colours.clone(),
            look: Vec4::ONE,
        });
        // Three vertices a particle, which the shader puts in place.
        let mesh = triangles(vec![[0.0; 3]; 3 * self.capacity]);
        let entity = commands.spawn((
            Mesh3d(stores.meshes.add(mesh)),
            MeshMaterial3d(self.material.clone()),
            Transform::from_translation(self.offset),
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
        stores: &mut Stores<'_>,
        count: usize,
        look: Vec4,
        bytes: impl FnOnce(usize) -> (Vec<u8>, Vec<u8>),
    ) {
        let capacity = self.room(commands, stores, count);
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
