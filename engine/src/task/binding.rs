//! From the flat vector to a scene, and from the gradient of a run to the flat vector.

use std::ops::Range;

use backflow_optim::{Bounds, Layout, LayoutError};
use backflow_sim::{
    material::{Law, PARAMETERS, Strain},
    particle::{Cloud, Motion, Particles},
    pose::{Twist, exp, exp_vjp},
    rollout::Gradient,
    scene::{BodyRef, Kind, Scene, Spec, spec::Axis},
    world::World,
};
use nalgebra::{Matrix3, Vector3};

use super::{
    OptimizeSpec,
    variables::{Field, Freedom, Variable},
};

/// Everything that a run starts from.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The world.
    pub world: World<f64>,
    /// The particles, in canonical order.
    pub particles: Particles<f64>,
    /// Velocity of the tool in each frame.
    pub controls: Vec<Twist<f64>>,
}

/// The variables of a scene bound to their places in it.
#[derive(Debug, Clone)]
pub struct Binding {
    places: Vec<(Variable, Place)>,
    layout: Layout,
    base: Setup,
}

/// Where a variable acts.
#[derive(Debug, Clone)]
enum Place {
    Controls,
    ToolPosition,
    ToolRotation,
    /// Uniform over these particles; the value at the scene's start.
    Velocity(Kind, Range<usize>, Vector3<f64>),
    Position(Kind, Range<usize>, Vector3<f64>),
    /// These bodies in world order, and the entry of their cotangents (0 is density).
    Material(Vec<usize>, usize),
    Gravity,
    Friction(usize),
    Particles(Kind, Range<usize>),
}

/// Name and entry of a parameter in `[density, parameters of the law...]`.
fn parameter_entry(world: &World<f64>, body: usize, name: &str) -> Option<usize> {
    let names = match world.liquids.get(body) {
        Some(body) => body.law.parameter_names(),
        None => world
            .solids
            .get(body - world.liquids.len())?
            .law
            .parameter_names(),
    };
    if name == "density" {
        return Some(0);
    }
    names
        .iter()
        .position(|&known| known == name)
        .map(|entry| entry + 1)
}

/// Names of the parameters that can be optimised, of any law.
pub(super) const PARAMETER_NAMES: &str = "density or one of the constants of its law";

fn axis_vector(axes: &[Axis]) -> impl Iterator<Item = usize> {
    axes.iter().map(|&axis| axis as usize)
}

impl Binding {
    /// Binds the variables of `spec` to `scene`, which was built from it. A variable that
    /// names something the scene does not have is left out: the check of the
    /// specification reports it.
    ///
    /// # Errors
    /// Two variables with the same name.
    pub fn new(spec: &Spec<OptimizeSpec>, scene: &Scene) -> Result<Self, LayoutError> {
        let base = Setup {
            world: scene.world.clone(),
            particles: scene.particles.clone(),
            controls: scene.twists.clone(),
        };
        let variables = spec
            .optimize
            .as_ref()
            .map(|optimize| optimize.variables.as_slice());
        let mut binding = Self {
            places: Vec::new(),
            layout: Layout::new(),
            base,
        };
        for variable in variables.unwrap_or_default() {
            if let Some(place) = place(variable, spec, scene) {
                binding.places.push((variable.clone(), place));
            }
        }
        let sizes: Vec<usize> = binding
            .places
            .iter()
            .map(|(variable, place)| binding.size(variable, place))
            .collect();
        for ((variable, _), size) in binding.places.iter().zip(sizes) {
            let name = variable.name();
            binding.layout.push(&name, size)?;
            let (lower, upper) = variable.bounds();
            let flat = |value: f64| flatten(variable, value);
            binding.layout.bound(
                &name,
                Bounds {
                    lower: lower.map(flat),
                    upper: upper.map(flat),
                },
            )?;
        }
        Ok(binding)
    }

    /// The flat vector's slices and bounds.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn size(&self, variable: &Variable, place: &Place) -> usize {
        match (variable, place) {
            (Variable::Controls { axes, hold, .. }, _) => {
                axes.len() * self.base.controls.len().div_ceil(*hold)
            }
            (
                Variable::ToolPosition { axes, .. }
                | Variable::Velocity { axes, .. }
                | Variable::Position { axes, .. },
                _,
            ) => axes.len(),
            (Variable::ToolRotation { .. } | Variable::Gravity { .. }, _) => 3,
            (Variable::Material { .. } | Variable::Friction { .. }, _) => 1,
            (Variable::Particles { field, .. }, Place::Particles(kind, range)) => {
                let each = match (field, kind) {
                    (Field::X | Field::V, _) => 3,
                    (Field::C, _) | (Field::F, Kind::Solid) => 9,
                    (Field::F, Kind::Liquid) => 1,
                };
                range.len() * each
            }
            (Variable::Particles { .. }, _) => 0,
        }
    }

    /// The flat vector of the scene as it stands.
    pub fn start(&self) -> Vec<f64> {
        let mut start = Vec::with_capacity(self.layout.dimension());
        for (variable, place) in &self.places {
            let values = self.values(variable, place);
            start.extend(values.into_iter().map(|value| flatten(variable, value)));
        }
        start
    }

    fn values(&self, variable: &Variable, place: &Place) -> Vec<f64> {
        let Setup {
            world,
            particles,
            controls,
        } = &self.base;
        let tool = world.tool.as_ref();
        match (variable, place) {
            (Variable::Controls { axes, hold, .. }, _) => controls
                .iter()
                .step_by(*hold)
                .flat_map(|twist| axes.iter().map(|axis| axis.of(twist)))
                .collect(),
            (Variable::ToolPosition { axes, .. }, _) => {
                let position = tool.map_or_else(Vector3::zeros, |tool| tool.pose.position);
                axis_vector(axes).map(|axis| position[axis]).collect()
            }
            (
                Variable::Velocity { axes, .. } | Variable::Position { axes, .. },
                Place::Velocity(_, _, start) | Place::Position(_, _, start),
            ) => axis_vector(axes).map(|axis| start[axis]).collect(),
            (_, Place::Material(bodies, entry)) => bodies
                .first()
                .map(|&body| parameter(world, body, *entry))
                .into_iter()
                .collect(),
            (Variable::Gravity { .. }, _) => world.gravity.iter().copied().collect(),
            (_, Place::Friction(index)) => vec![world.colliders[*index].friction],
            (Variable::Particles { field, .. }, Place::Particles(kind, range)) => match kind {
                Kind::Liquid => read_field(&particles.liquid, *field, range.clone()),
                Kind::Solid => read_field(&particles.solid, *field, range.clone()),
            },
            _ => vec![0.0; self.size(variable, place)],
        }
    }

    /// The flat vector in the units of the scene.
    pub fn as_values(&self, x: &[f64]) -> Vec<f64> {
        let mut values = Vec::with_capacity(x.len());
        for ((variable, _), slice) in self.places.iter().zip(self.layout.slices()) {
            values.extend(
                x[slice.range.clone()]
                    .iter()
                    .map(|&flat| unflatten(variable, flat)),
            );
        }
        values
    }

    /// The run that the flat vector `x` stands for.
    pub fn setup(&self, x: &[f64]) -> Setup {
        let mut setup = self.base.clone();
        let per_particle = |place: &Place| matches!(place, Place::Particles(..));
        // What is uniform over a body comes on top of what each particle has.
        for first in [true, false] {
            for ((variable, place), slice) in self.places.iter().zip(self.layout.slices()) {
                if per_particle(place) == first {
                    let flat = &x[slice.range.clone()];
                    let values: Vec<f64> =
                        flat.iter().map(|&flat| unflatten(variable, flat)).collect();
                    apply(variable, place, &values, &mut setup);
                }
            }
        }
        setup
    }

    /// The gradient with respect to the flat vector `x`, from that of a run.
    pub fn pull(&self, x: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let mut flat = Vec::with_capacity(x.len());
        for ((variable, place), slice) in self.places.iter().zip(self.layout.slices()) {
            let values: Vec<f64> = x[slice.range.clone()]
                .iter()
                .map(|&flat| unflatten(variable, flat))
                .collect();
            let bars = pull(variable, place, &values, gradient);
            flat.extend(bars.iter().zip(&values).map(|(bar, value)| {
                bar * variable.scale() * if variable.log() { *value } else { 1.0 }
            }));
        }
        flat
    }
}

fn flatten(variable: &Variable, value: f64) -> f64 {
    (if variable.log() { value.ln() } else { value }) / variable.scale()
}

fn unflatten(variable: &Variable, flat: f64) -> f64 {
    let value = flat * variable.scale();
    if variable.log() { value.exp() } else { value }
}

fn place(variable: &Variable, spec: &Spec<OptimizeSpec>, scene: &Scene) -> Option<Place> {
    let find = |name: &str| -> Option<(usize, &BodyRef)> {
        scene
            .bodies
            .iter()
            .enumerate()
            .find(|(_, body)| body.name == name)
    };
    let world_index = |body: &BodyRef| match body.kind {
        Kind::Liquid => body.index,
        Kind::Solid => scene.world.liquids.len() + body.index,
    };
    let tool = scene.world.tool.as_ref();
    Some(match variable {
        Variable::Controls { .. } => tool.map(|_| Place::Controls)?,
        Variable::ToolPosition { .. } => tool.map(|_| Place::ToolPosition)?,
        Variable::ToolRotation { .. } => tool.map(|_| Place::ToolRotation)?,
        Variable::Velocity { body, .. } => {
            let (index, body) = find(body)?;
            let start = Vector3::from(spec.bodies.get(index)?.velocity);
            Place::Velocity(body.kind, scene.range(body), start)
        }
        Variable::Position { body, .. } => {
            let (index, body) = find(body)?;
            let start = Vector3::from(spec.bodies.get(index)?.position);
            Place::Position(body.kind, scene.range(body), start)
        }
        Variable::Material {
            material,
            parameter,
            ..
        } => {
            let bodies: Vec<usize> = scene
                .bodies
                .iter()
                .zip(&spec.bodies)
                .filter(|(_, body)| body.material == *material)
                .map(|(body, _)| world_index(body))
                .collect();
            let entry = parameter_entry(&scene.world, *bodies.first()?, parameter)?;
            Place::Material(bodies, entry)
        }
        Variable::Gravity { .. } => Place::Gravity,
        Variable::Friction { collider, .. } => Place::Friction(
            scene
                .world
                .colliders
                .iter()
                .position(|known| known.name == *collider)?,
        ),
        Variable::Particles { body, .. } => {
            let (_, body) = find(body)?;
            Place::Particles(body.kind, scene.range(body))
        }
    })
}

/// Density or a parameter of the law of a body in world order.
fn parameter(world: &World<f64>, body: usize, entry: usize) -> f64 {
    let (density, parameters) = match world.liquids.get(body) {
        Some(body) => (body.density, body.law.parameters()),
        None => {
            let body = &world.solids[body - world.liquids.len()];
            (body.density, body.law.parameters())
        }
    };
    if entry == 0 {
        density
    } else {
        parameters[entry - 1]
    }
}

fn set_parameter(world: &mut World<f64>, body: usize, entry: usize, value: f64) {
    fn set<L: Law<f64>>(density: &mut f64, law: &mut L, entry: usize, value: f64) {
        if entry == 0 {
            *density = value;
        } else {
            let mut parameters: [f64; PARAMETERS] = law.parameters();
            parameters[entry - 1] = value;
            *law = law.with_parameters(parameters);
        }
    }
    let liquids = world.liquids.len();
    if let Some(body) = world.liquids.get_mut(body) {
        set(&mut body.density, &mut body.law, entry, value);
    } else if let Some(body) = world.solids.get_mut(body - liquids) {
        set(&mut body.density, &mut body.law, entry, value);
    }
}

/// Adds the same vector to the positions or velocities of some particles.
fn shift(
    particles: &mut Particles<f64>,
    kind: Kind,
    range: Range<usize>,
    of_velocity: bool,
    by: &Vector3<f64>,
) {
    let motion = match kind {
        Kind::Liquid => &mut particles.liquid.motion,
        Kind::Solid => &mut particles.solid.motion,
    };
    for motion in &mut motion[range] {
        if of_velocity {
            motion.set_v(&(motion.v() + by));
        } else {
            motion.add_x(by);
        }
    }
}

fn apply(variable: &Variable, place: &Place, values: &[f64], setup: &mut Setup) {
    let Setup {
        world,
        particles,
        controls,
    } = setup;
    match (variable, place) {
        (Variable::Controls { axes, hold, .. }, _) => {
            for (frame, twist) in controls.iter_mut().enumerate() {
                let knot = &values[frame / hold * axes.len()..];
                for (axis, value) in axes.iter().zip(knot) {
                    *axis.of_mut(twist) = *value;
                }
            }
        }
        (Variable::ToolPosition { axes, .. }, _) => {
            if let Some(tool) = &mut world.tool {
                for (axis, value) in axis_vector(axes).zip(values) {
                    tool.pose.position[axis] = *value;
                }
            }
        }
        (Variable::ToolRotation { .. }, _) => {
            if let Some(tool) = &mut world.tool {
                tool.pose.rotation = exp(&Vector3::from_column_slice(values)) * tool.pose.rotation;
            }
        }
        (Variable::Velocity { axes, .. }, Place::Velocity(kind, range, start)) => {
            let by = difference(axes, values, start);
            shift(particles, *kind, range.clone(), true, &by);
        }
        (Variable::Position { axes, .. }, Place::Position(kind, range, start)) => {
            let by = difference(axes, values, start);
            shift(particles, *kind, range.clone(), false, &by);
        }
        (_, Place::Material(bodies, entry)) => {
            for &body in bodies {
                set_parameter(world, body, *entry, values[0]);
            }
        }
        (Variable::Gravity { .. }, _) => world.gravity = Vector3::from_column_slice(values),
        (_, Place::Friction(index)) => world.colliders[*index].friction = values[0],
        (Variable::Particles { field, .. }, Place::Particles(kind, range)) => match kind {
            Kind::Liquid => write_field(&mut particles.liquid, *field, range.clone(), values),
            Kind::Solid => write_field(&mut particles.solid, *field, range.clone(), values),
        },
        _ => {}
    }
}

fn difference(axes: &[Axis], values: &[f64], start: &Vector3<f64>) -> Vector3<f64> {
    let mut by = Vector3::zeros();
    for (axis, value) in axis_vector(axes).zip(values) {
        by[axis] = value - start[axis];
    }
    by
}

/// Cotangents of the values of a variable.
fn pull(variable: &Variable, place: &Place, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
    let sum = |kind: &Kind, range: &Range<usize>, of_velocity: bool| -> Vector3<f64> {
        let motion = match kind {
            Kind::Liquid => &gradient.particles.liquid.motion,
            Kind::Solid => &gradient.particles.solid.motion,
        };
        let motion = motion[range.clone()].iter();
        if of_velocity {
            motion.map(Motion::v).sum()
        } else {
            motion.map(Motion::x).sum()
        }
    };
    let pick = |axes: &[Axis], vector: &Vector3<f64>| -> Vec<f64> {
        axis_vector(axes).map(|axis| vector[axis]).collect()
    };
    match (variable, place) {
        (Variable::Controls { axes, hold, .. }, _) => {
            let knot = |twists: &[Twist<f64>]| -> Vec<f64> {
                let total = |axis: &Freedom| twists.iter().map(|twist| axis.of(twist)).sum();
                axes.iter().map(total).collect()
            };
            gradient.controls.chunks(*hold).flat_map(knot).collect()
        }
        (Variable::ToolPosition { axes, .. }, _) => pick(axes, &gradient.tool.position),
        (Variable::ToolRotation { .. }, _) => {
            let theta = Vector3::from_column_slice(values);
            exp_vjp(&theta, &gradient.tool.rotation)
                .iter()
                .copied()
                .collect()
        }
        (Variable::Velocity { axes, .. }, Place::Velocity(kind, range, _)) => {
            pick(axes, &sum(kind, range, true))
        }
        (Variable::Position { axes, .. }, Place::Position(kind, range, _)) => {
            pick(axes, &sum(kind, range, false))
        }
        (_, Place::Material(bodies, entry)) => {
            vec![
                bodies
                    .iter()
                    .map(|&body| gradient.bodies[body][*entry])
                    .sum(),
            ]
        }
        (Variable::Gravity { .. }, _) => gradient.gravity.iter().copied().collect(),
        (_, Place::Friction(index)) => vec![gradient.colliders[*index].friction],
        (Variable::Particles { field, .. }, Place::Particles(kind, range)) => match kind {
            Kind::Liquid => read_field(&gradient.particles.liquid, *field, range.clone()),
            Kind::Solid => read_field(&gradient.particles.solid, *field, range.clone()),
        },
        _ => Vec::new(),
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
