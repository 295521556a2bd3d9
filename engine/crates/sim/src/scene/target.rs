//! What a run is judged by, with every name resolved.

use std::{ops::Range, path::PathBuf};

use nalgebra::{Matrix3, Vector3};

use super::{
    build::{BodyRef, build_with, refused, unusable},
    fault::SceneError,
    meshes::{Meshes, UnusableMesh},
    solid::placement,
    spec::{self, Axis, ChamferTarget, PairTarget, Spec, Term, When},
};
use crate::{
    collider::Shape,
    grid::Lattice,
    loss::{Overload, Reaction, Rigid, RigidTarget, Source},
    particle::sample::Pattern,
    pose::Pose,
    rigid::RigidBody,
    tool::Program,
    world::World,
};

/// A term of the loss of a [`Scene`](super::Scene).
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// What it measures.
    pub measure: Measure,
    /// Its factor in the sum (1).
    pub weight: f64,
    /// The frames at whose end it is read.
    pub frames: Range<usize>,
    /// Whether it only guides the optimiser.
    pub guide: bool,
}

/// What a term measures; `body` is an index into [`Scene::bodies`](super::Scene::bodies).
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// Mean square distance of particles from the same particles of a target.
    PairedL2 {
        /// The body.
        body: usize,
        /// Where its particles should be.
        target: Pairs,
    },
    /// Difference of the mass on the grid from that of points.
    GridDensity {
        /// The body.
        body: usize,
        /// What should be filled with it; the volume of a point is that of a particle.
        points: Points,
    },
    /// Distance of the particles from a shape.
    TargetSdf {
        /// The body.
        body: usize,
        /// The shape.
        shape: Shape<f64>,
        /// Its placement in the world.
        pose: Pose<f64>,
    },
    /// Chamfer distance of the particles from points.
    Chamfer {
        /// The body.
        body: usize,
        /// The points.
        target: Cloud,
    },
    /// Square distance of the centre of mass from a point.
    CentreOfMass {
        /// The body.
        body: usize,
        /// The point (m).
        target: Vector3<f64>,
        /// Axes that count.
        axes: [bool; 3],
    },
    /// Square distance of the state of a rigid body from a target.
    Rigid(Rigid),
    /// Mean distance from a point.
    Point {
        /// The body.
        body: usize,
        /// The point (m).
        target: Vector3<f64>,
        /// Axes that count.
        axes: [bool; 3],
    },
    /// Mean distance of the particles from where they started.
    Displacement {
        /// The body.
        body: usize,
    },
    /// Mean distance between two bodies, or within one.
    MeanDistance {
        /// The body.
        body: usize,
        /// The other.
        other: usize,
    },
    /// Mean square distance of the colliders on a tool.
    Approach {
        /// The body.
        body: usize,
        /// Index of the tool.
        tool: usize,
    },
    /// Share of the mass that a collector does not have.
    Uncollected {
        /// Index of the collector.
        collector: usize,
        /// Width of the window (m).
        width: f64,
    },
    /// Mean square velocity of a tool.
    ControlEffort {
        /// Index of the tool.
        tool: usize,
        /// Factor of the square linear velocity (s^2/m^2).
        linear: f64,
        /// Factor of the square angular velocity (s^2/rad^2).
        angular: f64,
        /// Factor of the square rates of its joints (s^2/rad^2, s^2/m^2).
        joints: f64,
    },
    /// Difference of force and torque from given ones.
    Reaction(Reaction),
    /// Force and torque beyond limits.
    Overload(Overload),
}

/// Where the particles of a body should be, frame by frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Pairs {
    /// As in a run of this world, which differs in materials and substep alone, with these
    /// commands of the tools.
    Run(Box<World<f64>>, Vec<Program<f64>>),
    /// As in this NPZ file.
    File(PathBuf),
}

/// A cloud of points.
#[derive(Debug, Clone, PartialEq)]
pub enum Cloud {
    /// These.
    Points(Points),
    /// Those of this NPZ file.
    File(PathBuf),
}

/// Points that fill a solid evenly.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// Where they are (m).
    pub places: Vec<Vector3<f64>>,
    /// Volume of each (m^3).
    pub volume: f64,
}

/// A figure of how well a body fills a shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Index of the body in [`Scene::bodies`](super::Scene::bodies).
    pub body: usize,
    /// The shape.
    pub shape: Shape<f64>,
    /// Its placement in the world.
    pub pose: Pose<f64>,
    /// Points that fill the shape, where the density of the body is compared with theirs;
    /// otherwise the share of its mass that is inside counts.
    pub points: Option<Points>,
}

impl When {
    /// The frames that it names, of a run of `frames`.
    pub fn range(self, frames: usize) -> Range<usize> {
        let [first, last] = self.ends(frames);
        first..last.saturating_add(1).min(frames)
    }
}

/// Points along each edge of a cell of a Chamfer target.
const PER_AXIS: u32 = 2;

/// What is needed to resolve the terms of a scene.
pub(super) struct Resolver<'a> {
    pub spec: &'a Spec<()>,
    pub meshes: &'a Meshes,
    pub lattice: &'a Lattice<f64>,
    pub bodies: &'a [BodyRef],
    pub rigids: &'a [RigidBody<f64>],
}

impl Resolver<'_> {
    fn body(&self, name: &str) -> usize {
        // A scene that was checked has every body that it names.
        self.bodies
            .iter()
            .position(|body| body.name == name)
            .unwrap_or(0)
    }

    /// What feels a force; a scene that was checked has it.
    fn source(&self, of: &spec::Source) -> Source {
        match of {
            spec::Source::Wall(name) => {
                let mut names = spec::Walls::NAMES.as_flattened().iter();
                let at = names.position(|known| known == name).unwrap_or(0);
                Source::Wall(at / 2, at % 2)
            }
            spec::Source::Collider(name) => {
                let mut colliders = self.spec.colliders.iter();
                let at = colliders.position(|known| known.name == *name);
                Source::Collider(at.unwrap_or(0))
            }
            spec::Source::Tool(name) => Source::Tool(self.spec.tool(name).unwrap_or(0)),
        }
    }

    fn rigid(&self, name: &str) -> usize {
        self.rigids
            .iter()
            .position(|rigid| rigid.name == name)
            .unwrap_or(0)
    }

    /// The losses of the scene.
    pub fn losses(&self) -> Result<Vec<Loss>, SceneError> {
        let mut losses = Vec::with_capacity(self.spec.losses.len());
        for (index, loss) in self.spec.losses.iter().enumerate() {
            let measure = self.measure(&loss.term, &format!("losses[{index}].term"))?;
            let when = match (&loss.term, loss.when) {
                (Term::ControlEffort { .. }, When::End) => When::Every,
                (_, when) => when,
            };
            losses.push(Loss {
                measure,
                weight: loss.weight,
                frames: when.range(self.spec.time.frames),
                guide: loss.guide,
            });
        }
        Ok(losses)
    }

    fn measure(&self, term: &Term, path: &str) -> Result<Measure, SceneError> {
        let body = self.body(term.body().unwrap_or(""));
        let filled = |pattern: Pattern, shape: &spec::Shape, position, rotation| {
            let solid = shape
                .placed(position, rotation, self.meshes)
                .map_err(|error| self.refused(path, shape, &error))?;
            let places = pattern.fill(self.lattice, &solid);
            Ok::<_, SceneError>(Points {
                places,
                volume: pattern.volume(self.lattice.dx),
            })
        };
        Ok(match term {
            Term::PairedL2 {
                target: PairTarget::Twin { materials },
                ..
            } => {
                let twin = build_with(&self.spec.twin(materials), self.meshes)?;
                Measure::PairedL2 {
                    body,
                    target: Pairs::Run(Box::new(twin.world), twin.programs),
                }
            }
            Term::PairedL2 {
                target: PairTarget::Demo { motions },
                ..
            } => {
                let demo = build_with(&self.spec.demo(motions), self.meshes)?;
                Measure::PairedL2 {
                    body,
                    target: Pairs::Run(Box::new(demo.world), demo.programs),
                }
            }
            Term::PairedL2 {
                target: PairTarget::File(file),
                ..
            } => Measure::PairedL2 {
                body,
                target: Pairs::File(self.meshes.directory().join(file)),
            },
            Term::GridDensity {
                shape,
                position,
                rotation,
                ..
            } => {
                let sampling = self.spec.bodies.get(body).map(|body| body.particles);
                let pattern = sampling.unwrap_or_default().pattern();
                let points = filled(pattern, shape, *position, *rotation)?;
                Measure::GridDensity { body, points }
            }
            Term::TargetSdf {
                shape,
                position,
                rotation,
                ..
            } => {
                let (shape, pose) = self.signed(path, shape, *position, *rotation)?;
                Measure::TargetSdf { body, shape, pose }
            }
            Term::Chamfer {
                target: ChamferTarget::File(file),
                ..
            } => Measure::Chamfer {
                body,
                target: Cloud::File(self.meshes.directory().join(file)),
            },
            Term::Chamfer {
                target:
                    ChamferTarget::Shape {
                        shape,
                        position,
                        rotation,
                    },
                ..
            } => {
                let points = filled(Pattern::lattice(PER_AXIS), shape, *position, *rotation)?;
                Measure::Chamfer {
                    body,
                    target: Cloud::Points(points),
                }
            }
            Term::CentreOfMass { target, axes, .. } => Measure::CentreOfMass {
                body,
                target: (*target).into(),
                axes: Axis::ALL.map(|axis| axes.contains(&axis)),
            },
            Term::RigidPosition { body, target, axes } => Measure::Rigid(Rigid {
                body: self.rigid(body),
                target: RigidTarget::Position {
                    target: (*target).into(),
                    axes: Axis::ALL.map(|axis| axes.contains(&axis)),
                },
            }),
            Term::RigidRotation { body, target } => {
                let body = self.rigid(body);
                // From the axes of the shape to the principal ones.
                let own = self
                    .rigids
                    .get(body)
                    .map_or_else(Matrix3::identity, |rigid| {
                        rigid.collider.pose.rotation.transpose()
                    });
                Measure::Rigid(Rigid {
                    body,
                    target: RigidTarget::Rotation(placement([0.0; 3], *target).rotation * own),
                })
            }
            Term::RigidVelocity {
                body,
                linear,
                angular,
            } => Measure::Rigid(Rigid {
                body: self.rigid(body),
                target: RigidTarget::Velocity {
                    linear: linear.map(Vector3::from),
                    angular: angular.map(Vector3::from),
                },
            }),
            Term::Point { target, axes, .. } => Measure::Point {
                body,
                target: (*target).into(),
                axes: Axis::ALL.map(|axis| axes.contains(&axis)),
            },
            Term::Displacement { .. } => Measure::Displacement { body },
            Term::MeanDistance { other, .. } => Measure::MeanDistance {
                body,
                other: self.body(other),
            },
            Term::Approach { tool, .. } => Measure::Approach {
                body,
                tool: self.spec.tool(tool).unwrap_or(0),
            },
            Term::Uncollected { collector, width } => {
                let mut collectors = self.spec.collectors.iter();
                let found = collectors.position(|known| known.name == *collector);
                Measure::Uncollected {
                    collector: found.unwrap_or(0),
                    width: *width,
                }
            }
            Term::ControlEffort {
                tool,
                linear,
                angular,
                joints,
            } => Measure::ControlEffort {
                tool: self.spec.tool(tool).unwrap_or(0),
                linear: *linear,
                angular: *angular,
                joints: *joints,
            },
            Term::Reaction {
                of,
                force,
                torque,
                force_weight,
                torque_weight,
            } => Measure::Reaction(Reaction {
                of: self.source(of),
                force: (*force).into(),
                torque: (*torque).into(),
                weights: [*force_weight, *torque_weight],
            }),
            Term::Overload { of, force, torque } => Measure::Overload(Overload {
                of: self.source(of),
                force: force.unwrap_or(f64::INFINITY),
                torque: torque.unwrap_or(f64::INFINITY),
            }),
        })
    }

    /// The metrics of the scene.
    pub fn metrics(&self) -> Result<Vec<Metric>, SceneError> {
        let mut metrics = Vec::with_capacity(self.spec.metrics.len());
        for (index, metric) in self.spec.metrics.iter().enumerate() {
            let path = format!("metrics[{index}]");
            let (shape, pose) =
                self.signed(&path, &metric.shape, metric.position, metric.rotation)?;
            let points = match metric.says {
                spec::Figure::Share => None,
                spec::Figure::SoftIou => {
                    let placed = metric
                        .shape
                        .placed(metric.position, metric.rotation, self.meshes);
                    let solid =
                        placed.map_err(|error| self.refused(&path, &metric.shape, &error))?;
                    let body = self.spec.bodies.get(self.body(&metric.body));
                    let sampling = body.map(|body| body.particles).unwrap_or_default();
                    let pattern = sampling.pattern();
                    Some(Points {
                        places: pattern.fill(self.lattice, &solid),
                        volume: pattern.volume(self.lattice.dx),
                    })
                }
            };
            metrics.push(Metric {
                name: metric.name.clone(),
                body: self.body(&metric.body),
                shape,
                pose,
                points,
            });
        }
        Ok(metrics)
    }

    /// A shape by its signed distance, and its placement.
    fn signed(
        &self,
        path: &str,
        shape: &spec::Shape,
        position: [f64; 3],
        rotation: [f64; 3],
    ) -> Result<(Shape<f64>, Pose<f64>), SceneError> {
        let signed = shape.signed(0.0, self.meshes);
        let signed = signed.map_err(|error| self.refused(path, shape, &error))?;
        Ok((signed, placement(position, rotation)))
    }

    fn refused(&self, path: &str, shape: &spec::Shape, error: &UnusableMesh) -> SceneError {
        refused(&self.spec.name, vec![unusable(path, shape, error)])
    }
}
