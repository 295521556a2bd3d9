//! From the flat vector to a scene, and from the gradient of a run to the flat vector.

mod activation;
mod contact;
mod controls;
mod force;
pub(super) mod gas;
mod matter;
mod nozzle;
mod particles;
mod policy;
mod rigid;
mod tool;
mod world;

use std::{fmt::Debug, ops::Range, sync::Arc};

use backflow_optim::{Bounds, Layout, LayoutError};
use backflow_sim::{
    particle::Particles,
    rollout::Gradient,
    scene::{
        GasScene, Scene, Spec,
        motion::program,
        spec::{Axis, Tool},
    },
    tool::Program,
    world::World,
};
use nalgebra::Vector3;

use super::{
    OptimizeSpec,
    variables::{Variable, knots::Knots},
};

/// Everything that a run starts from.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The world.
    pub world: World<f64>,
    /// The particles, in canonical order.
    pub particles: Particles<f64>,
    /// What each tool is told to do.
    pub programs: Vec<Program<f64>>,
    /// The gas, if there is any.
    pub gas: Option<GasScene>,
}

/// The variables of a scene bound to their places in it.
#[derive(Debug, Clone)]
pub struct Binding {
    places: Vec<(Variable, Arc<dyn Place>)>,
    layout: Layout,
    base: Setup,
    /// What each tool is told at the beginning of an optimisation.
    guess: Vec<Program<f64>>,
}

/// Where a variable acts. Values are in the units of the scene.
pub(super) trait Place: Debug + Send + Sync {
    /// The values that it has in a setup.
    fn values(&self, setup: &Setup) -> Vec<f64>;

    /// Puts values in their place.
    fn apply(&self, values: &[f64], setup: &mut Setup);

    /// Cotangents of the values, from the gradient of the run that they were put into.
    fn pull(&self, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64>;

    /// Whether it sets what others add to, so that it comes before them.
    fn comes_first(&self) -> bool {
        false
    }
}

/// Names of the parameters that can be optimised, of any law.
pub(super) const PARAMETER_NAMES: &str = "density or one of the constants of its law";

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
            programs: scene.programs.clone(),
            gas: scene.gas.clone(),
        };
        let guess = spec.optimize.as_ref().map(|optimize| &optimize.guess);
        let guessed = |(tool, own): (&Tool, &Program<f64>)| {
            let Some(motion) = guess.and_then(|guess| guess.get(&tool.name)) else {
                return own.clone();
            };
            let motion = motion.clone();
            program(
                &Tool {
                    motion,
                    ..tool.clone()
                },
                scene.world.clock.frames,
            )
        };
        let guess = spec.tools.iter().zip(&base.programs).map(guessed).collect();
        let variables = spec
            .optimize
            .as_ref()
            .map(|optimize| optimize.variables.as_slice());
        let mut binding = Self {
            places: Vec::new(),
            layout: Layout::new(),
            base,
            guess,
        };
        for variable in variables.unwrap_or_default() {
            if let Some(place) = place(variable, spec, scene) {
                binding.places.push((variable.clone(), place));
            }
        }
        for (variable, place) in &binding.places {
            let (name, size) = (variable.name(), place.values(&binding.base).len());
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

    /// The flat vector of the scene as it stands.
    pub fn start(&self) -> Vec<f64> {
        self.flat(&self.base)
    }

    /// The flat vector that an optimisation begins with: that of the scene with the tools moving
    /// as its `guess` says.
    pub fn guess(&self) -> Vec<f64> {
        let mut setup = self.base.clone();
        setup.programs.clone_from(&self.guess);
        self.flat(&setup)
    }

    /// The flat vector of a run.
    fn flat(&self, setup: &Setup) -> Vec<f64> {
        let mut start = Vec::with_capacity(self.layout.dimension());
        for (variable, place) in &self.places {
            let values = place.values(setup);
            start.extend(values.into_iter().map(|value| flatten(variable, value)));
        }
        start
    }

    /// Each variable with its values in the units of the scene.
    fn slices(&self, x: &[f64]) -> impl Iterator<Item = (&Variable, &dyn Place, Vec<f64>)> {
        let slices = self.places.iter().zip(self.layout.slices());
        slices.map(|((variable, place), slice)| {
            let flat = x[slice.range.clone()].iter();
            let values = flat.map(|&flat| unflatten(variable, flat)).collect();
            (variable, &**place, values)
        })
    }

    /// The flat vector in the units of the scene.
    pub fn as_values(&self, x: &[f64]) -> Vec<f64> {
        self.slices(x).flat_map(|(_, _, values)| values).collect()
    }

    /// The run that the flat vector `x` stands for.
    pub fn setup(&self, x: &[f64]) -> Setup {
        let mut setup = self.base.clone();
        // What is uniform over a body comes on top of what each particle has.
        for first in [true, false] {
            for (_, place, values) in self.slices(x) {
                if place.comes_first() == first {
                    place.apply(&values, &mut setup);
                }
            }
        }
        setup
    }

    /// The frames in which each entry of the flat vector acts on what a tool is told, from the
    /// first to the last; none for what is no control.
    pub fn acting(&self) -> Vec<Option<Range<usize>>> {
        let start = self.start();
        let mut setup = self.base.clone();
        let mut acting = Vec::with_capacity(start.len());
        for (variable, place, mut values) in self.slices(&start) {
            if !matches!(variable, Variable::Controls { .. }) {
                acting.resize(acting.len() + values.len(), None);
                continue;
            }
            place.apply(&values, &mut setup);
            let still = setup.programs.clone();
            for index in 0..values.len() {
                values[index] += 1.0;
                place.apply(&values, &mut setup);
                acting.push(differing_frames(&setup.programs, &still));
                values[index] -= 1.0;
            }
        }
        acting
    }

    /// The gradient with respect to the flat vector `x`, from that of a run.
    pub fn pull(&self, x: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let mut flat = Vec::with_capacity(x.len());
        for (variable, place, values) in self.slices(x) {
            let bars = place.pull(&values, gradient);
            flat.extend(bars.iter().zip(&values).map(|(bar, value)| {
                bar * variable.scale() * if variable.log() { *value } else { 1.0 }
            }));
        }
        flat
    }
}

/// The frames from the first to the last in which tools are told something else; none if there is
/// no such.
fn differing_frames(these: &[Program<f64>], those: &[Program<f64>]) -> Option<Range<usize>> {
    let programs = these.iter().zip(those);
    let frames = programs.flat_map(|(this, that)| {
        let values = this.values.iter().zip(&that.values).enumerate();
        let differ = values.filter(|(_, (this, that))| this != that);
        differ.map(|(index, _)| index / this.freedoms)
    });
    frames.fold(None, |range: Option<Range<usize>>, frame| {
        Some(range.map_or(frame..frame + 1, |range| {
            range.start.min(frame)..range.end.max(frame + 1)
        }))
    })
}

fn flatten(variable: &Variable, value: f64) -> f64 {
    (if variable.log() { value.ln() } else { value }) / variable.scale()
}

fn unflatten(variable: &Variable, flat: f64) -> f64 {
    let value = flat * variable.scale();
    if variable.log() { value.exp() } else { value }
}

/// Finds the place of a variable.
fn place(variable: &Variable, spec: &Spec<OptimizeSpec>, scene: &Scene) -> Option<Arc<dyn Place>> {
    if let Some(place) = rigid::Rigid::find(variable, scene) {
        return Some(Arc::new(place));
    }
    Some(match variable {
        Variable::Gas(variable) => gas::find(variable, scene.gas.as_ref()?).ok()?,
        // Of rigid bodies alone.
        Variable::Rotation { .. } | Variable::Spin { .. } | Variable::Mass { .. } => return None,
        Variable::Controls {
            tool,
            axes,
            hold,
            knots,
            ..
        } => {
            let tool = spec.tool(tool)?;
            let entry = |axis: &super::variables::Freedom| axis.entry(spec.tools.get(tool)?);
            Arc::new(controls::Controls {
                tool,
                entries: axes.iter().filter_map(entry).collect(),
                knots: Knots {
                    frames: scene.programs.get(tool)?.free().collect(),
                    hold: *hold,
                    shape: *knots,
                },
            })
        }
        Variable::ToolPosition { tool, axes, .. } => Arc::new(tool::Position {
            tool: spec.tool(tool)?,
            axes: indices(axes),
        }),
        Variable::ToolRotation { tool, .. } => Arc::new(tool::Rotation {
            tool: spec.tool(tool)?,
        }),
        Variable::ToolJoints { tool, .. } => Arc::new(tool::Joints {
            tool: spec.tool(tool)?,
        }),
        Variable::Policy { tool, .. } => {
            Arc::new(policy::Weights::find(&scene.world, spec.tool(tool)?)?)
        }
        Variable::Velocity { body, axes, .. } => {
            let (index, kind, range) = particles::find(scene, body)?;
            Arc::new(particles::Velocity(particles::Uniform {
                kind,
                range,
                start: Vector3::from(spec.bodies.get(index)?.velocity),
                axes: indices(axes),
            }))
        }
        Variable::Position { body, axes, .. } => {
            let (index, kind, range) = particles::find(scene, body)?;
            Arc::new(particles::Position(particles::Uniform {
                kind,
                range,
                start: Vector3::from(spec.bodies.get(index)?.position),
                axes: indices(axes),
            }))
        }
        Variable::Material {
            material,
            parameter,
            ..
        } => Arc::new(matter::Parameter::find(spec, scene, material, parameter)?),
        Variable::Activation { body, hold, .. } => {
            Arc::new(activation::Activation::find(scene, body, *hold)?)
        }
        Variable::Force {
            force, parameter, ..
        } => Arc::new(force::Parameter::find(&scene.world, force, parameter)?),
        Variable::GravityShare { body, .. } => Arc::new(force::Share::find(scene, body)?),
        Variable::Gravity { .. } => Arc::new(world::Gravity),
        Variable::Friction { collider, .. } => {
            Arc::new(contact::Friction(contact::find(scene, collider)?))
        }
        Variable::WallFriction { wall, .. } => {
            let (axis, side) = contact::wall(wall)?;
            Arc::new(contact::WallFriction { axis, side })
        }
        Variable::ColliderPosition { collider, axes, .. } => Arc::new(contact::Position {
            collider: contact::find(scene, collider)?,
            axes: indices(axes),
        }),
        Variable::ColliderRotation { collider, .. } => {
            Arc::new(contact::Rotation(contact::find(scene, collider)?))
        }
        Variable::NozzleVelocity { injector, axes, .. } => {
            let mut injectors = scene.world.injectors.iter();
            Arc::new(nozzle::Velocity {
                injector: injectors.position(|known| known.name == *injector)?,
                axes: indices(axes),
            })
        }
        Variable::Particles { body, field, .. } => {
            let (_, kind, range) = particles::find(scene, body)?;
            Arc::new(particles::Each {
                kind,
                range,
                field: *field,
            })
        }
    })
}

fn indices(axes: &[Axis]) -> Vec<usize> {
    axes.iter().map(|&axis| axis as usize).collect()
}

/// Some entries of a vector.
fn pick(axes: &[usize], vector: &Vector3<f64>) -> Vec<f64> {
    axes.iter().map(|&axis| vector[axis]).collect()
}

/// Overwrites some entries of a vector.
fn put(axes: &[usize], values: &[f64], vector: &mut Vector3<f64>) {
    for (&axis, value) in axes.iter().zip(values) {
        vector[axis] = *value;
    }
}
