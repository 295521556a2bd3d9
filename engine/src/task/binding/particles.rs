//! The particles of a body at the start.

use std::ops::Range;

use backflow_sim::{
    material::Strain,
    particle::{Cloud, Motion, Particles},
    rollout::Gradient,
    scene::{Kind, Scene},
};
use nalgebra::{Matrix3, Vector3};

use super::{super::variables::Field, Place, Setup, pick, put};

/// Index, kind and particles of a body.
pub(super) fn find(scene: &Scene, name: &str) -> Option<(usize, Kind, Range<usize>)> {
    let mut bodies = scene.bodies.iter().enumerate();
    let (index, body) = bodies.find(|(_, body)| body.name == name)?;
    Some((index, body.kind, scene.range(body)))
}

/// The same for all particles of a body.
#[derive(Debug)]
pub(super) struct Uniform {
    /// Which particles.
    pub kind: Kind,
    /// Which of that kind.
    pub range: Range<usize>,
    /// The value in the scene, from which values count.
    pub start: Vector3<f64>,
    /// Free axes.
    pub axes: Vec<usize>,
}

/// Initial velocity of a body.
#[derive(Debug)]
pub(super) struct Velocity(pub Uniform);

/// Initial position of a body.
#[derive(Debug)]
pub(super) struct Position(pub Uniform);

/// A field of each particle of a body.
#[derive(Debug)]
pub(super) struct Each {
    /// Which particles.
    pub kind: Kind,
    /// Which of that kind.
    pub range: Range<usize>,
    /// The field.
    pub field: Field,
}

impl Uniform {
    fn motion<'a>(&self, particles: &'a Particles<f64>) -> &'a [Motion<f64>] {
        let motion = match self.kind {
            Kind::Liquid => &particles.liquid.motion,
            Kind::Solid => &particles.solid.motion,
        };
        &motion[self.range.clone()]
    }

    fn motion_mut<'a>(&self, particles: &'a mut Particles<f64>) -> &'a mut [Motion<f64>] {
        let motion = match self.kind {
            Kind::Liquid => &mut particles.liquid.motion,
            Kind::Solid => &mut particles.solid.motion,
        };
        &mut motion[self.range.clone()]
    }

    /// What values add to that of the scene.
    fn shift(&self, values: &[f64]) -> Vector3<f64> {
        let mut to = self.start;
        put(&self.axes, values, &mut to);
        to - self.start
    }
}

impl Place for Velocity {
    fn values(&self, _setup: &Setup) -> Vec<f64> {
        pick(&self.0.axes, &self.0.start)
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let by = self.0.shift(values);
        for motion in self.0.motion_mut(&mut setup.particles) {
            motion.set_v(&(motion.v() + by));
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let motion = self.0.motion(&gradient.particles).iter();
        pick(&self.0.axes, &motion.map(Motion::v).sum())
    }
}

impl Place for Position {
    fn values(&self, _setup: &Setup) -> Vec<f64> {
        pick(&self.0.axes, &self.0.start)
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let by = self.0.shift(values);
        for motion in self.0.motion_mut(&mut setup.particles) {
            motion.add_x(&by);
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let motion = self.0.motion(&gradient.particles).iter();
        pick(&self.0.axes, &motion.map(Motion::x).sum())
    }
}

impl Each {
    fn read(&self, particles: &Particles<f64>) -> Vec<f64> {
        match self.kind {
            Kind::Liquid => read_field(&particles.liquid, self.field, self.range.clone()),
            Kind::Solid => read_field(&particles.solid, self.field, self.range.clone()),
        }
    }
}

impl Place for Each {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        self.read(&setup.particles)
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let Particles { liquid, solid } = &mut setup.particles;
        match self.kind {
            Kind::Liquid => write_field(liquid, self.field, self.range.clone(), values),
            Kind::Solid => write_field(solid, self.field, self.range.clone(), values),
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        self.read(&gradient.particles)
    }

    fn comes_first(&self) -> bool {
        true
    }
}

fn read_field<S: Strain<f64>>(
    cloud: &Cloud<f64, S>,
    field: Field,
    range: Range<usize>,
) -> Vec<f64> {
    match field {
        Field::X => cloud.motion[range]
            .iter()
            .flat_map(|motion| <[f64; 3]>::from(motion.x()))
            .collect(),
        Field::V => cloud.motion[range]
            .iter()
            .flat_map(|motion| <[f64; 3]>::from(motion.v()))
            .collect(),
        Field::C => cloud.motion[range]
            .iter()
            .flat_map(|motion| <[[f64; 3]; 3]>::from(motion.c()))
            .flatten()
            .collect(),
        Field::F => cloud.strain[range]
            .iter()
            .flat_map(|strain| strain.measure().to_vec())
            .collect(),
    }
}

fn write_field<S: Strain<f64>>(
    cloud: &mut Cloud<f64, S>,
    field: Field,
    range: Range<usize>,
    values: &[f64],
) {
    match field {
        Field::X => {
            for (motion, x) in cloud.motion[range].iter_mut().zip(values.chunks_exact(3)) {
                motion.set_x(&Vector3::from_column_slice(x));
            }
        }
        Field::V => {
            for (motion, v) in cloud.motion[range].iter_mut().zip(values.chunks_exact(3)) {
                motion.set_v(&Vector3::from_column_slice(v));
            }
        }
        Field::C => {
            for (motion, c) in cloud.motion[range].iter_mut().zip(values.chunks_exact(9)) {
                motion.set_c(&Matrix3::from_column_slice(c));
            }
        }
        Field::F => {
            let entries = cloud.strain[range]
                .iter_mut()
                .flat_map(|strain| strain.measure_mut());
            for (entry, value) in entries.zip(values) {
                *entry = *value;
            }
        }
    }
}
