//! From the gas of a scene to what is run.

use std::{collections::BTreeMap, sync::Arc};

use nalgebra::Vector3;

use super::{
    build::unusable,
    fault::Fault,
    meshes::Meshes,
    solid::{Form, Solid, placement},
    spec::{self, GasPressure, GasScheme, GasSide, GasSplitting, GasTerm, Motion, Spec},
};
use crate::{
    Compiled,
    collider::Shape,
    gas::{
        Gas, Model,
        advect::Scheme,
        boundary::{Side, Sides},
        buoyancy::Lift,
        clock::Clock,
        coupled::{Both, CoupledRollout},
        course::Course,
        exchange::Coupling,
        field::Field,
        grid::Grid,
        jet::{Blow, Jet},
        loss::{Measure, Region, Term},
        model::{Method, Species, Splitting},
        motion::Trajectory,
        opening::Obstacle,
        pressure::Precondition,
        rigid::Filling,
        source::Source,
    },
    particle::sample::{Bounds, Region as _},
    pose::{Pose, Twist},
    rigid::RigidBody,
    rollout::State,
};

/// The gas of a scene, ready to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct GasScene {
    /// What it is.
    pub model: Model<f64>,
    /// All that acts on it.
    pub course: Course<f64>,
    /// Its time.
    pub clock: Clock,
    /// How it starts.
    pub initial: Gas<f64>,
    /// What it is judged by.
    pub terms: Vec<Term>,
    /// How matter and gas push each other.
    pub coupling: Option<spec::GasCoupling>,
    /// What stands for each rigid body in it, where they push each other.
    pub fillings: Vec<Filling>,
}

impl GasScene {
    /// The start of a run of matter and gas.
    pub fn with<T: Compiled>(&self, matter: State<T>) -> Both<T> {
        let gas = Arc::new(self.initial.cast());
        Both { matter, gas }
    }

    /// The gas among matter; `model` is its own, in scalar `T`.
    pub fn among<'a, T: Compiled<Wide = f64>>(
        &'a self,
        model: &'a Model<T>,
    ) -> CoupledRollout<'a, T> {
        let coupling = self.coupling.map(|coupling| Coupling {
            drag: T::of(coupling.drag),
            share: T::of(coupling.share),
            density: model.density,
        });
        CoupledRollout::new(model, &self.course, self.clock, coupling, &self.fillings)
    }
}

/// The grid of the gas: the cells of the domain. `None` where the size is not a multiple of them.
pub(super) fn grid<O>(spec: &Spec<O>, gas: &spec::Gas) -> Option<Grid> {
    Some(Grid {
        origin: spec.domain.min.into(),
        dx: spec.domain.cell,
        cells: spec.domain.cells()?,
        periodic: gas.periodic(),
    })
}

/// Builds the gas of a scene that was checked.
pub(super) fn build<O>(
    spec: &Spec<O>,
    gas: &spec::Gas,
    meshes: &Meshes,
    rigids: &[RigidBody<f64>],
) -> Result<GasScene, Fault> {
    let whole = || Fault::new("domain.size", "", "a multiple of the cell");
    let grid = grid(spec, gas).ok_or_else(whole)?;
    let builder = Builder {
        spec: gas,
        grid,
        meshes,
        names: gas.scalars.keys().map(String::as_str).collect(),
        frames: spec.time.frames,
        frame: spec.time.frame,
    };
    let model = builder.model(spec.gravity.into())?;
    Ok(GasScene {
        course: builder.course(),
        clock: Clock {
            frames: spec.time.frames,
            frame: spec.time.frame,
            steps: gas.steps,
        },
        initial: builder.initial(&model)?,
        terms: builder.terms()?,
        coupling: gas.coupling,
        fillings: rigids
            .iter()
            .filter(|_| gas.coupling.is_some())
            .map(|body| filling(body, grid.dx))
            .collect(),
        model,
    })
}

/// Points that stand for a rigid body: the middles of cubes of half a cell that are in it; its
/// centre of mass where it holds none.
fn filling(body: &RigidBody<f64>, dx: f64) -> Filling {
    let solid = Solid {
        form: Form::Shape(body.collider.shape.clone()),
        pose: body.collider.pose,
    };
    let (step, Bounds { min, max }) = (0.5 * dx, solid.bounds());
    let middle = |number: i64| (number as f64 + 0.5) * step;
    let range = |axis: usize| (min[axis] / step).floor() as i64..(max[axis] / step).ceil() as i64;
    let mut points = Vec::new();
    for k in range(2) {
        for j in range(1) {
            for i in range(0) {
                let point = Vector3::new(middle(i), middle(j), middle(k));
                if solid.contains(&point) {
                    points.push(point);
                }
            }
        }
    }
    if points.is_empty() {
        points.push(Vector3::zeros());
    }
    let volume = step.powi(3);
    Filling { points, volume }
}

struct Builder<'a> {
    spec: &'a spec::Gas,
    grid: Grid,
    meshes: &'a Meshes,
    names: Vec<&'a str>,
    frames: usize,
    frame: f64,
}

impl Builder<'_> {
    fn shape(&self, path: &str, shape: &spec::Shape) -> Result<Shape<f64>, Fault> {
        let signed = shape.signed(2.0 * self.grid.dx, self.meshes);
        signed.map_err(|error| unusable(path, shape, &error))
    }

    /// The number of a scalar of a scene that was checked.
    fn scalar(&self, name: &str) -> usize {
        self.names
            .iter()
            .position(|known| *known == name)
            .unwrap_or(0)
    }

    /// A value for each scalar by its name.
    fn by_name(&self, values: &BTreeMap<String, f64>) -> Vec<Option<f64>> {
        self.names
            .iter()
            .map(|name| values.get(*name).copied())
            .collect()
    }

    /// The same with the reference of what is not given.
    fn coming_in(&self, values: &BTreeMap<String, f64>) -> Vec<f64> {
        self.by_name(values)
            .into_iter()
            .zip(self.spec.scalars.values())
            .map(|(given, scalar)| given.unwrap_or(scalar.reference))
            .collect()
    }

    fn side(&self, side: &GasSide) -> Side<f64> {
        match side {
            GasSide::Slip => Side::slip_wall(self.names.len()),
            GasSide::Wall { velocity, scalars } => Side::Wall {
                velocity: *velocity,
                slip: false,
                scalars: self.by_name(scalars),
            },
            GasSide::Inflow { velocity, scalars } => Side::Inflow {
                velocity: *velocity,
                scalars: self.coming_in(scalars),
            },
            GasSide::Outflow => Side::Outflow,
            GasSide::Open { scalars } => Side::Open {
                scalars: self.coming_in(scalars),
            },
            GasSide::Periodic => Side::Periodic,
        }
    }

    fn model(&self, gravity: Vector3<f64>) -> Result<Model<f64>, Fault> {
        let spec = self.spec;
        let sides: Sides<f64> = spec
            .sides
            .all()
            .map(|pair| pair.map(|side| self.side(side)));
        let mut obstacles = Vec::new();
        for (index, obstacle) in spec.obstacles.iter().enumerate() {
            obstacles.push(Obstacle {
                name: obstacle.name.clone(),
                shape: self.shape(&format!("gas.obstacles[{index}]"), &obstacle.shape)?,
            });
        }
        let mut sources = Vec::new();
        for (index, source) in spec.sources.iter().enumerate() {
            let rates = self.by_name(&source.rates);
            sources.push(Source {
                name: source.name.clone(),
                shape: self.shape(&format!("gas.sources[{index}]"), &source.shape)?,
                width: source.width.unwrap_or(self.grid.dx),
                rates: rates.into_iter().map(|rate| rate.unwrap_or(0.0)).collect(),
                push: source.push.into(),
            });
        }
        Ok(Model {
            grid: self.grid,
            sides,
            density: spec.density,
            gravity,
            viscosity: spec.viscosity,
            confinement: spec.confinement,
            species: spec
                .scalars
                .iter()
                .map(|(name, scalar)| Species {
                    name: name.clone(),
                    diffusivity: scalar.diffusivity,
                    lift: Lift {
                        expansion: scalar.lift,
                        reference: scalar.reference,
                    },
                })
                .collect(),
            obstacles,
            jets: spec
                .jets
                .iter()
                .map(|jet| Jet {
                    name: jet.name.clone(),
                    direction: Vector3::from(jet.direction).normalize(),
                    scalars: self.by_name(&jet.scalars),
                    mixing: jet.mixing,
                })
                .collect(),
            sources,
            method: Method {
                scheme: match spec.scheme {
                    GasScheme::SemiLagrangian => Scheme::SemiLagrangian,
                    GasScheme::MacCormack => Scheme::MacCormack { limited: true },
                    GasScheme::Unlimited => Scheme::MacCormack { limited: false },
                },
                conservative: spec.conservative,
                splitting: match spec.splitting {
                    GasSplitting::Projected => Splitting::Projected,
                    GasSplitting::Reflected => Splitting::Reflected,
                },
                precondition: match spec.pressure {
                    GasPressure::Multigrid => Precondition::Multigrid,
                    GasPressure::Incomplete => Precondition::Incomplete,
                    GasPressure::Plain => Precondition::Plain,
                },
                tolerance: spec.tolerance,
                courant: spec.courant,
            },
        })
    }

    fn trajectory(&self, pose: Pose<f64>, motion: &Motion) -> Trajectory<f64> {
        let twist = |linear: [f64; 3], angular: [f64; 3]| Twist {
            linear: linear.into(),
            angular: angular.into(),
        };
        let twists = (0..self.frames).map(|frame| match motion {
            Motion::Constant {
                linear, angular, ..
            } => twist(*linear, *angular),
            Motion::Frames(given) => match given.get(frame) {
                Some(velocity) => twist(velocity.linear, velocity.angular),
                None => Twist::zero(),
            },
            // The others are refused.
            Motion::Hold | Motion::Poses(_) | Motion::Strokes(_) => Twist::zero(),
        });
        Trajectory::new(pose, twists.collect(), self.frame)
    }

    fn course(&self) -> Course<f64> {
        let spec = self.spec;
        Course {
            obstacles: spec
                .obstacles
                .iter()
                .map(|obstacle| {
                    let pose = placement(obstacle.position, obstacle.rotation);
                    self.trajectory(pose, &obstacle.motion)
                })
                .collect(),
            jets: spec
                .jets
                .iter()
                .map(|jet| {
                    let blow = Blow {
                        strength: jet.strength,
                        radius: jet.radius,
                    };
                    let pose = placement(jet.position, jet.rotation);
                    (self.trajectory(pose, &jet.motion), vec![blow; self.frames])
                })
                .collect(),
            sources: spec
                .sources
                .iter()
                .map(|source| placement(source.position, source.rotation))
                .collect(),
        }
    }

    fn initial(&self, model: &Model<f64>) -> Result<Gas<f64>, Fault> {
        let mut gas = Gas::at_rest(model);
        for axis in 0..3 {
            gas.velocity[axis].set(|_, _| self.spec.velocity[axis]);
        }
        for (field, scalar) in gas.scalars.iter_mut().zip(self.spec.scalars.values()) {
            let value = scalar.initial.unwrap_or(scalar.reference);
            field.set(|_, _| value);
        }
        let layout = self.grid.centres();
        for (index, blob) in self.spec.blobs.iter().enumerate() {
            let region = Region {
                shape: Some(self.shape(&format!("gas.blobs[{index}]"), &blob.shape)?),
                pose: placement(blob.position, blob.rotation),
            };
            let field: &mut Field<f64> = &mut gas.scalars[self.scalar(&blob.scalar)];
            field.update(|at, _, q| {
                if region.contains(&self.grid.point(&layout, at)) {
                    *q = blob.value;
                }
            });
        }
        Ok(gas)
    }

    fn terms(&self) -> Result<Vec<Term>, Fault> {
        let mut terms = Vec::new();
        for (index, loss) in self.spec.losses.iter().enumerate() {
            let region = |shape: &Option<spec::Shape>, position: [f64; 3]| {
                let path = format!("gas.losses[{index}].term");
                Ok(Region {
                    shape: match shape {
                        Some(shape) => Some(self.shape(&path, shape)?),
                        None => None,
                    },
                    pose: placement(position, [0.0; 3]),
                })
            };
            let measure = match &loss.term {
                GasTerm::Sensors {
                    scalar,
                    points,
                    target,
                } => Measure::Sensors {
                    species: self.scalar(scalar),
                    points: points.iter().map(|point| (*point).into()).collect(),
                    target: *target,
                },
                GasTerm::Scalar {
                    scalar,
                    target,
                    shape,
                    position,
                } => Measure::Scalar {
                    species: self.scalar(scalar),
                    region: region(shape, *position)?,
                    target: *target,
                },
                GasTerm::Velocity {
                    target,
                    shape,
                    position,
                } => Measure::Velocity {
                    region: region(shape, *position)?,
                    target: (*target).into(),
                },
            };
            let [first, last] = loss.when.ends(self.frames);
            terms.push(Term {
                measure,
                weight: loss.weight,
                frames: first..last + 1,
                mean: !loss.sum,
            });
        }
        Ok(terms)
    }
}
