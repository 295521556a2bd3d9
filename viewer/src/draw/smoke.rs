//! Gas as smoke.

use std::sync::Arc;

use backflow_viewer_panels::view::ViewSettings;
use backflow_viewer_session::{
    Frame, Stage,
    colour::Range,
    gas::{GasFrame, StageGas},
    light::Light,
    smoke::{self, Look, Veil},
};
use bevy::{
    asset::{RenderAssetUsages, embedded_asset},
    camera::visibility::NoFrustumCulling,
    image::{ImageAddressMode, ImageFilterMode, ImageSampler, ImageSamplerDescriptor},
    light::NotShadowCaster,
    prelude::*,
    render::render_resource::{AsBindGroup, Extent3d, ShaderType, TextureDimension, TextureFormat},
    shader::ShaderRef,
};

use super::{
    matter,
    shading::{shades_alone, triangles},
};
use crate::{
    play::Playing,
    view::{Run, View},
};

/// Draws the gas of the present frame, and of the one beside it.
pub struct SmokePlugin;

impl Plugin for SmokePlugin {
    fn build(&self, app: &mut App) {
        embedded_asset!(app, "smoke.wgsl");
        app.add_plugins(MaterialPlugin::<SmokeMaterial>::default())
            .init_resource::<Smokes>()
            .add_systems(
                PostUpdate,
                (gather.before(matter::show), show.after(matter::show)),
            );
    }
}

/// Layers, at most.
const LAYERS: usize = 32;

/// Steps along a ray within a layer, at most.
const STEPS: f64 = 8.0;

/// Length of a step, in edges of a cell, and in parts of the shortest side of the gas (1).
const STEP: [f64; 2] = [0.7, 1.0 / 6.0];

/// Smoke in layers.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct SmokeMaterial {
    #[uniform(0)]
    smoke: Uniforms,
    /// Colour, and share of the thickest smoke.
    #[texture(1, dimension = "3d")]
    #[sampler(2)]
    volume: Handle<Image>,
}

/// As in the shader.
#[derive(ShaderType, Debug, Clone, Default, PartialEq)]
struct Uniforms {
    corner: Vec4,
    size: Vec4,
    steps: Vec4,
}

impl Material for SmokeMaterial {
    fn vertex_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/smoke.wgsl".into()
    }

    fn fragment_shader() -> ShaderRef {
        "embedded://backflow_viewer/draw/smoke.wgsl".into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        AlphaMode::Premultiplied
    }

    shades_alone!();
}

/// The smoke of the run that plays, and of the one beside it.
#[derive(Resource, Default)]
pub struct Smokes([Smoke; 2]);

/// The smoke of a run.
#[derive(Default)]
pub struct Smoke {
    frame: Option<Arc<Frame>>,
    stage: Option<Arc<Stage>>,
    look: Option<Look>,
    /// The ranges of all quantities so far.
    ranges: Vec<Range>,
    veil: Veil,
    /// Whether it is another than in the last picture.
    changed: bool,
    texels: Vec<u8>,
    drawn: Option<Drawn>,
}

/// What is on the screen.
struct Drawn {
    entity: Entity,
    material: Handle<SmokeMaterial>,
    volume: Handle<Image>,
    cells: [usize; 3],
    /// How far it is shown from where it is (m).
    offset: Vec3,
}

/// How gas looks by the settings; `None` where there is none to be seen.
fn look(stage: &Stage, settings: &ViewSettings) -> Option<Look> {
    let gas = stage.gas.as_ref().filter(|_| settings.smoke)?;
    Some(Look::named(
        gas,
        settings.thickness.as_deref(),
        settings.tint.as_deref(),
        settings.density,
    ))
}

impl Smoke {
    /// How thick it is where it is seen, and whether that is news.
    pub fn veil(&self) -> (Option<&Veil>, bool) {
        (self.look.map(|_| &self.veil), self.changed)
    }

    /// The quantities that are seen, with their ranges so far: by thickness and by colour.
    pub fn legend(&self) -> Option<(Look, &[Range])> {
        self.look.map(|look| (look, self.ranges.as_slice()))
    }

    /// Reads a frame, unless it was read already.
    fn gather(&mut self, frame: &Arc<Frame>, settings: &ViewSettings) {
        let look = look(&frame.stage, settings);
        let before = self.frame.as_ref();
        let same = before.is_some_and(|before| Arc::ptr_eq(before, frame));
        self.changed = !(same && self.look == look);
        if !self.changed {
            return;
        }
        self.look = look;
        self.frame = Some(Arc::clone(frame));
        let stage = self.stage.as_ref();
        if !stage.is_some_and(|before| Arc::ptr_eq(before, &frame.stage)) {
            self.stage = Some(Arc::clone(&frame.stage));
            self.ranges.clear();
        }
        let (Some(look), Some((gas, values))) = (look, of(frame)) else {
            return;
        };
        // Colours of one run compare: a range only grows.
        let now = gas.quantities.iter().zip(&values.values);
        let now = now.map(|(quantity, values)| smoke::range(quantity, values));
        let known = self
            .ranges
            .iter()
            .copied()
            .map(Some)
            .chain(std::iter::repeat(None));
        self.ranges = now
            .zip(known)
            .map(|(now, known)| known.map_or(now, |known| known.joined(now)))
            .collect();
        if let Some(range) = self.ranges.get(look.thickness) {
            self.veil.read(gas, values, look, *range);
        }
    }

    /// Takes it away.
    fn clear(&mut self, commands: &mut Commands) {
        if let Some(drawn) = self.drawn.take() {
            commands.entity(drawn.entity).despawn();
        }
    }

    fn show(
        &mut self,
        commands: &mut Commands,
        stores: &mut Stores<'_>,
        run: Run<'_>,
        light: &Light,
    ) {
        let frame = self.frame.clone();
        let seen = frame.as_deref().and_then(of);
        let (Some(look), Some((gas, values))) = (self.look, seen) else {
            self.clear(commands);
            return;
        };
        let uniforms = uniforms(gas, &self.veil, run.offset);
        let fits = |drawn: &Drawn| drawn.cells == gas.cells && drawn.offset == run.offset;
        if !self.drawn.as_ref().is_some_and(fits) {
            self.clear(commands);
            self.drawn = Some(Drawn::new(commands, stores, gas, run.offset));
        } else if !self.changed {
            return;
        }
        let Some(drawn) = &self.drawn else { return };
        let colour = look
            .colour
            .and_then(|index| Some((index, *self.ranges.get(index)?)));
        self.veil
            .texels(gas, values, colour, light, &mut self.texels);
        if let Some(mut image) = stores.images.get_mut(&drawn.volume) {
            image.data = Some(self.texels.clone());
        }
        if let Some(mut material) = stores.materials.get_mut(&drawn.material) {
            material.smoke = uniforms;
        }
    }
}

/// The gas of a frame and its stage.
fn of(frame: &Frame) -> Option<(&StageGas, &GasFrame)> {
    frame.stage.gas.as_ref().zip(frame.gas.as_ref())
}

fn single(v: nalgebra::Vector3<f64>) -> Vec3 {
    Vec3::new(v.x as f32, v.y as f32, v.z as f32)
}

fn size(gas: &StageGas) -> Vec3 {
    Vec3::from_array(gas.cells.map(|count| (count as f64 * gas.cell) as f32))
}

fn uniforms(gas: &StageGas, veil: &Veil, offset: Vec3) -> Uniforms {
    let size = size(gas);
    let step = (STEP[0] * gas.cell).min(STEP[1] * gas.thinnest());
    // Wherever the eye is, the way through the box is no longer than its diagonal.
    let steps = f64::from(size.length()) / step / LAYERS as f64;
    Uniforms {
        corner: (single(gas.min) + offset).extend(veil.extinction()),
        size: size.extend(LAYERS as f32),
        steps: Vec4::splat(steps.ceil().clamp(1.0, STEPS) as f32),
    }
}

/// What smoke is made with.
struct Stores<'a> {
    images: &'a mut Assets<Image>,
    materials: &'a mut Assets<SmokeMaterial>,
    meshes: &'a mut Assets<Mesh>,
}

impl Drawn {
    fn new(commands: &mut Commands, stores: &mut Stores<'_>, gas: &StageGas, offset: Vec3) -> Self {
        let volume = stores.images.add(volume(gas.cells));
        let material = stores.materials.add(SmokeMaterial {
            smoke: Uniforms::default(),
            volume: volume.clone(),
        });
        // Two triangles a layer, which the shader puts in place.
        let mesh = triangles(vec![[0.0; 3]; 6 * LAYERS]);
        // What is see-through is drawn in the order of the middles.
        let middle = single(gas.min) + 0.5 * size(gas) + offset;
        let entity = commands.spawn((
            Mesh3d(stores.meshes.add(mesh)),
            MeshMaterial3d(material.clone()),
            Transform::from_translation(middle),
            NoFrustumCulling,
            NotShadowCaster,
        ));
        Self {
            entity: entity.id(),
            material,
            volume,
            cells: gas.cells,
            offset,
        }
    }
}

/// An empty volume.
fn volume([width, height, depth]: [usize; 3]) -> Image {
    let mut image = Image::new(
        Extent3d {
            width: width as u32,
            height: height as u32,
            depth_or_array_layers: depth as u32,
        },
        TextureDimension::D3,
        vec![0; 4 * width * height * depth],
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::default(),
    );
    image.sampler = ImageSampler::Descriptor(ImageSamplerDescriptor {
        address_mode_u: ImageAddressMode::ClampToEdge,
        address_mode_v: ImageAddressMode::ClampToEdge,
        address_mode_w: ImageAddressMode::ClampToEdge,
        mag_filter: ImageFilterMode::Linear,
        min_filter: ImageFilterMode::Linear,
        ..default()
    });
    image
}

impl Smokes {
    /// The smoke of the run that plays.
    pub fn first(&self) -> &Smoke {
        &self.0[0]
    }

    /// The smoke of the run beside it.
    pub fn second(&self) -> &Smoke {
        &self.0[1]
    }
}

/// Reads the gas of the present frames.
fn gather(mut smokes: ResMut<Smokes>, playing: Res<Playing>, view: Res<View>) {
    for (smoke, player) in smokes.0.iter_mut().zip([&playing.player, &playing.beside]) {
        match player.as_ref().and_then(|player| player.current()) {
            Some(frame) => smoke.gather(frame, &view.settings),
            None => {
                // What is drawn goes with the frame it is of.
                (smoke.frame, smoke.look) = (None, None);
            }
        }
    }
}

fn show(
    mut commands: Commands,
    mut smokes: ResMut<Smokes>,
    mut images: ResMut<Assets<Image>>,
    mut materials: ResMut<Assets<SmokeMaterial>>,
    mut meshes: ResMut<Assets<Mesh>>,
    shown: Res<matter::Shown>,
    beside: Res<matter::ShownBeside>,
    view: Res<View>,
) {
    let mut stores = Stores {
        images: &mut images,
        materials: &mut materials,
        meshes: &mut meshes,
    };
    let lights = [shown.light(), beside.0.light()];
    let mut runs = view.runs();
    for (smoke, light) in smokes.0.iter_mut().zip(lights) {
        match runs.next() {
            Some(run) => smoke.show(&mut commands, &mut stores, run, light),
            None => smoke.clear(&mut commands),
        }
    }
}
