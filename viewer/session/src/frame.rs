//! The matter of a scene at the end of a frame, as it is drawn.

use std::sync::Arc;

use backflow::sim::{
    material::{Law, Strain},
    particle::{Motion, Particles},
    pose::Pose,
    scene::{Kind, Scene},
    tool::injector::Matter,
    world::World,
};
use nalgebra::{Matrix3, Vector3};

use crate::{
    gas::GasFrame,
    stage::{Poses, Stage},
};

/// A number that each particle has, to be shown as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field {
    /// Which body it belongs to: one colour a body.
    #[default]
    Body,
    /// Its speed (m/s).
    Speed,
    /// Its pressure, the negative mean stress (Pa).
    Pressure,
    /// How much it is deformed (1): norm of Green's strain; of a liquid the change of volume.
    Strain,
    /// Norm of the gradient of the loss with respect to its initial position (1/m).
    Gradient,
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 5] = [
        Self::Body,
        Self::Speed,
        Self::Pressure,
        Self::Strain,
        Self::Gradient,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Speed => "speed",
            Self::Pressure => "pressure",
            Self::Strain => "strain",
            Self::Gradient => "gradient",
        }
    }

    /// Its unit.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Body => "",
            Self::Speed => "m/s",
            Self::Pressure => "Pa",
            Self::Strain => "1",
            Self::Gradient => "1/m",
        }
    }

    /// From its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// The matter at the end of a frame. Particles are those of the first body, of the second, and
/// so on.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Number of the frame: 0 is the start.
    pub index: usize,
    /// Time since the start (s).
    pub time: f64,
    /// Positions (m).
    pub x: Vec<[f32; 3]>,
    /// Speeds (m/s).
    pub speed: Vec<f32>,
    /// The field that was asked for besides the speed, and its values.
    pub extra: Option<(Field, Vec<f32>)>,
    /// How many particles of each body there are by now.
    pub counts: Vec<usize>,
    /// Where tools, rigid bodies and what acts on a gas are.
    pub poses: Poses,
    /// The gas, where there is any.
    pub gas: Option<GasFrame>,
    /// What stands around it.
    pub stage: Arc<Stage>,
}

impl Frame {
    /// The values of a field; `None` where they were not recorded.
    pub fn values(&self, field: Field) -> Option<&[f32]> {
        match (field, &self.extra) {
            (Field::Speed, _) => Some(&self.speed),
            (wanted, Some((kept, values))) if wanted == *kept => Some(values),
            _ => None,
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        let extra = self.extra.as_ref().map_or(0, |(_, values)| values.len());
        let gas = self.gas.as_ref().map_or(0, GasFrame::bytes);
        size_of::<Self>() + self.x.len() * 12 + (self.speed.len() + extra) * 4 + gas
    }

    /// Reads particles in canonical order.
    pub fn read(
        stage: &Arc<Stage>,
        scene: &Scene,
        world: &World<f32>,
        particles: &Particles<f32>,
        field: Field,
        moment: (usize, f64),
        (poses, gas): (Poses, Option<GasFrame>),
    ) -> Self {
        let (mut x, mut speed, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        let mut values = Vec::new();
        for body in &scene.bodies {
            // What is not born yet is not shown: a frame is shown at its end.
            let matter = match body.kind {
                Kind::Liquid => Matter::Liquid(body.index),
                Kind::Solid => Matter::Solid(body.index),
            };
            let fed = world.injectors.iter().any(|nozzle| nozzle.matter == matter);
            let range = match moment.0.checked_sub(1) {
                Some(frame) => world.born(matter, frame),
                None if fed => 0..0,
                None => world.born(matter, 0),
            };
            counts.push(range.len());
            let motion = match body.kind {
                Kind::Liquid => &particles.liquid.motion[range.clone()],
                Kind::Solid => &particles.solid.motion[range.clone()],
            };
            x.extend(motion.iter().map(|motion| <[f32; 3]>::from(motion.x())));
            speed.extend(motion.iter().map(|motion| motion.v().norm()));
            match (field, body.kind) {
                (Field::Pressure, Kind::Liquid) => {
                    pressures(
                        &world.liquids[body.index].law,
                        &particles.liquid.strain[range],
                        &mut values,
                    );
                }
                (Field::Pressure, Kind::Solid) => {
                    pressures(
                        &world.solids[body.index].law,
                        &particles.solid.strain[range],
                        &mut values,
                    );
                }
                (Field::Strain, Kind::Liquid) => {
                    let strain = &particles.liquid.strain[range];
                    values.extend(strain.iter().map(|j| (j - 1.0).abs()));
                }
                (Field::Strain, Kind::Solid) => {
                    let strain = &particles.solid.strain[range];
                    values.extend(strain.iter().map(|strain| green(&strain.f())));
                }
                _ => {}
            }
        }
        let extra = matches!(field, Field::Pressure | Field::Strain).then_some((field, values));
        Self {
            index: moment.0,
            time: moment.1,
            x,
            speed,
            extra,
            counts,
            poses,
            gas,
            stage: Arc::clone(stage),
        }
    }

    /// Where the first link of a tool is.
    pub fn tool(&self, index: usize) -> Option<&Pose<f64>> {
        self.poses.tools.get(index)?.first()
    }

    /// The middle of all particles (m); `None` without particles.
    pub fn centre(&self) -> Option<Vector3<f64>> {
        let sum = self.x.iter().fold(Vector3::zeros(), |sum, x| {
            sum + Vector3::from(x.map(f64::from))
        });
        (!self.x.is_empty()).then(|| sum / self.x.len() as f64)
    }
}

/// Norm of Green's strain `E = (F^T F - I) / 2` (1).
fn green(f: &Matrix3<f32>) -> f32 {
    ((f.transpose() * f - Matrix3::identity()) * 0.5).norm()
}

/// Pressures `-tr(tau) / 3` (Pa) of the particles of a body, without their viscous part.
fn pressures<S, L>(law: &L, strains: &[S], values: &mut Vec<f32>)
where
    S: Strain<f32>,
    L: Law<f32, Strain = S>,
{
    let still = Matrix3::zeros();
    let pressure = |strain: &S| match law.pressure(strain) {
        Some(pressure) => pressure,
        None => -law.stress(strain, &still).trace() / 3.0,
    };
    values.extend(strains.iter().map(pressure));
}

/// The particles of `to` with the motion and, where it is of the same kind, the strain that
/// bodies of the same name and size have in `from`: how an edit keeps what goes on.
pub fn carried(from: (&Scene, &Particles<f32>), to: &Scene) -> Particles<f32> {
    let (old, particles) = from;
    let mut carried: Particles<f32> = to.particles.cast();
    for body in &to.bodies {
        let range = to.range(body);
        let same = old
            .bodies
            .iter()
            .find(|known| known.name == body.name && old.range(known).len() == range.len());
        let Some(same) = same else { continue };
        let source = old.range(same);
        let motion: &[Motion<f32>] = match same.kind {
            Kind::Liquid => &particles.liquid.motion[source.clone()],
            Kind::Solid => &particles.solid.motion[source.clone()],
        };
        match body.kind {
            Kind::Liquid => {
                carried.liquid.motion[range.clone()].copy_from_slice(motion);
                if same.kind == Kind::Liquid {
                    let strain = &particles.liquid.strain[source];
                    carried.liquid.strain[range].copy_from_slice(strain);
                }
            }
            Kind::Solid => {
                carried.solid.motion[range.clone()].copy_from_slice(motion);
                if same.kind == Kind::Solid {
                    let strain = &particles.solid.strain[source];
                    carried.solid.strain[range].copy_from_slice(strain);
                }
            }
        }
    }
    carried
}
