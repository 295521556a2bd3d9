//! Particles as balls.

use std::sync::Arc;

use backflow_viewer_session::{
    Field, Frame, Stage,
    balls::{Choice, Packer, Part, shine},
    colour::{Range, Rgb, colours},
    light::Light,
};
use bevy::{
    asset::embedded_asset, prelude::*, render::storage::ShaderBuffer, shader::load_shader_library,
};

use super::{
    balls::{BallMaterial, Balls, Kind, Stores},
    ground::FloorLight,
    liquids,
    smoke::{Smoke, Smokes},
};
use crate::{play::Playing, view::View};

/// Draws the particles of the present frame, and of the one beside it.
pub struct MatterPlugin;

impl Plugin for MatterPlugin {
    fn build(&self, app: &mut App) {
        load_shader_library!(app, "lighting.wgsl");
        embedded_asset!(app, "matter.wgsl");
        app.add_plugins(MaterialPlugin::<BallMaterial>::default())
            .init_resource::<Shown>()
            .init_resource::<ShownBeside>()
            .add_systems(PostUpdate, show);
    }
}

/// How balls look: gloss of matter.
const GLOSS: f32 = 0.28;

/// Radius of balls that close up to a surface, in that of a particle (1).
const CLOSED: f32 = 1.6;

/// What is on the screen, and what drawing it works with.
#[derive(Resource)]
pub struct Shown {
    balls: Balls,
    /// Those of liquids, where they are drawn as surfaces.
    liquids: Balls,
    frame: Option<Arc<Frame>>,
    stage: Option<Arc<Stage>>,
    look: Option<Look>,
    light: Light,
    rgb: Vec<Rgb>,
    packer: Packer,
    /// The range of the colours so far, by field.
    range: Option<(Field, Range)>,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            balls: Balls::default(),
            liquids: Balls::of(Kind::Depths),
            frame: None,
            stage: None,
            look: None,
            light: Light::default(),
            rgb: Vec::new(),
            packer: Packer::default(),
            range: None,
        }
    }
}

/// The same of the run beside it.
#[derive(Resource, Default)]
pub struct ShownBeside(pub Shown);

/// What the buffers depend on besides the frame.
#[derive(Clone, Copy, PartialEq)]
struct Look {
    field: Field,
    shadows: bool,
    radius: f32,
    /// Whether liquids are drawn as surfaces.
    covered: bool,
}

/// Gradient of the loss by particle, and whether it is another than in the last picture.
#[derive(Clone, Copy, Default)]
struct Gradient<'a> {
    norms: Option<&'a [f32]>,
    changed: bool,
}

impl Shown {
    /// The field that is shown and the values that the ends of the colours stand for.
    pub fn range(&self) -> Option<(Field, Range)> {
        self.range
    }

    /// The light of the frame that is shown.
    pub fn light(&self) -> &Light {
        &self.light
    }

    /// Takes everything away.
    fn clear(&mut self, commands: &mut Commands) {
        if self.frame.is_some() {
            self.balls.clear(commands);
            self.liquids.clear(commands);
            *self = Self::default();
        }
    }

    /// Shows a frame, unless it is on the screen already; whether it was not.
    fn show(
        &mut self,
        commands: &mut Commands,
        stores: &mut Stores<'_>,
        frame: &Arc<Frame>,
        look: Look,
        gradient: Gradient<'_>,
        smoke: &Smoke,
    ) -> bool {
        let before = self.frame.as_ref();
        let same = before.is_some_and(|before| Arc::ptr_eq(before, frame));
        let (veil, thickened) = smoke.veil();
        if same && self.look == Some(look) && !gradient.changed && !thickened {
            return false;
        }
        let stage = self.stage.as_ref();
        if !stage.is_some_and(|before| Arc::ptr_eq(before, &frame.stage)) {
            self.light = Light::new(&frame.stage.bounds);
            self.stage = Some(Arc::clone(&frame.stage));
            self.range = None;
        }
        shine(&mut self.light, frame, veil);
        let field = look.field;
        let values = match field {
            Field::Gradient => gradient.norms,
            field => frame.values(field),
        };
        let range = Range::of(values.unwrap_or_default());
        let range = match self.range {
            // Colours of one run compare: the range only grows.
            Some((known, before)) if known == field && field != Field::Gradient => {
                before.joined(range)
            }
            _ => range,
        };
        self.range = Some((field, range));
        colours(frame, field, gradient.norms, range, &mut self.rgb);
        let without = if look.shadows { 0.0 } else { 1.0 };
        let appearance = Vec4::new(look.radius, GLOSS, 1.0, without);
        let Self {
            balls,
            liquids,
            rgb,
            light,
            packer,
            ..
        } = self;
        // Room for what is not born yet, too.
        let count = frame.stage.particles().max(frame.x.len());
        let mut draw = |balls: &mut Balls, of: Part, appearance: Vec4| {
            let choice = Choice {
                of,
                // Smaller balls leave gaps to look through.
                shell: appearance.x >= 1.0,
            };
            balls.show(commands, stores, count, appearance, |capacity| {
                packer.pack(frame, rgb, light, choice, capacity)
            });
        };
        if look.covered {
            draw(balls, Part::Others, appearance);
            draw(liquids, Part::Liquids, appearance.with_x(CLOSED));
        } else {
            draw(balls, Part::All, appearance);
            liquids.clear(commands);
        }
        self.frame = Some(Arc::clone(frame));
        self.look = Some(look);
        true
    }
}

/// Shows the present frames.
pub fn show(
    mut commands: Commands,
    (mut shown, mut beside): (ResMut<Shown>, ResMut<ShownBeside>),
    mut buffers: ResMut<Assets<ShaderBuffer>>,
    mut materials: ResMut<Assets<BallMaterial>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut floor: ResMut<FloorLight>,
    playing: Res<Playing>,
    view: Res<View>,
    smokes: Res<Smokes>,
) {
    let settings = &view.settings;
    let look = |frame: &Frame| Look {
        field: settings.field,
        shadows: settings.shadows,
        radius: settings.radius,
        covered: liquids::covered(&view, &frame.stage),
    };
    let mut stores = Stores {
        buffers: &mut buffers,
        materials: &mut materials,
        meshes: &mut meshes,
    };
    let present = playing.player.as_ref().and_then(|player| player.current());
    match present {
        Some(frame) => {
            let gradient = Gradient {
                norms: playing.gradient.as_deref().map(Vec::as_slice),
                changed: playing.gradient_changed,
            };
            let look = look(frame);
            if shown.show(
                &mut commands,
                &mut stores,
                frame,
                look,
                gradient,
                smokes.first(),
            ) {
                floor.set(&shown.light, look.shadows);
            }
        }
        None => shown.clear(&mut commands),
    }
    let other = playing.beside.as_ref().and_then(|player| player.current());
    match (view.runs().nth(1), other) {
        (Some(run), Some(frame)) => {
            let gradient = Gradient::default();
            let shown = &mut beside.0;
            shown.balls.shift(&mut commands, run.offset);
            shown.liquids.shift(&mut commands, run.offset);
            let (look, smoke) = (look(frame), smokes.second());
            shown.show(&mut commands, &mut stores, frame, look, gradient, smoke);
        }
        _ => beside.0.clear(&mut commands),
    }
}
