//! What a scene is judged by, ready to be evaluated.

use std::path::{Path, PathBuf};

use backflow_sim::{
    Compiled,
    contact::Collider,
    io::npz::{Npz, NpzError},
    loss::{
        Approach, Bodies, BodyFrame, CentreOfMass, Chamfer, Density, Displacement, Effort, Frame,
        FrameBar, FrameLoss, LossError, MeanDistance, Paired, Part, Point, Schedule, TargetSdf,
        Term, Uncollected, When, share_inside,
    },
    rollout::{
        State,
        forward::Rollout,
        frame::{Criterion, read_frame},
        store::RunError,
    },
    scene::{
        Kind, Scene,
        target::{Cloud, Loss, Measure, Metric, Pairs, Points},
    },
    tool::{Mount, Program},
};
use nalgebra::Vector3;

/// Why the losses of a scene cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum CriterionError {
    /// A goal file is damaged or does not fit.
    #[error(transparent)]
    Goal(#[from] NpzError),
    /// A loss does not fit the scene.
    #[error("losses[{index}]: {source}")]
    Loss {
        /// Its index in the scene.
        index: usize,
        /// What does not fit.
        source: LossError,
    },
    /// A number of a goal makes no sense.
    #[error("{}, array `x`: {found} frames; expected 1 or {expected}", path.display())]
    Frames {
        /// The file.
        path: PathBuf,
        /// Frames in the file.
        found: usize,
        /// Frames of the run.
        expected: usize,
    },
    /// The twin of the scene could not be run.
    #[error("twin of the scene: {0}")]
    Twin(RunError),
}

/// The losses of a scene.
pub struct Judge {
    frames: Schedule<f64>,
    /// Which of its terms only guide.
    guides: Vec<bool>,
}

impl Criterion<f64> for Judge {
    fn reads(&self, frame: usize) -> bool {
        self.frames.reads(frame)
    }

    fn reads_tools(&self, frame: usize) -> bool {
        self.frames.reads_tools(frame)
    }

    fn reads_reactions(&self) -> bool {
        self.frames.reads_reactions()
    }

    fn value(&self, frame: &Frame<f64>) -> f64 {
        self.frames.value(frame)
    }

    fn value_vjp(&self, frame: &Frame<f64>, bars: &mut FrameBar<f64>) {
        self.frames.value_vjp(frame, 1.0, bars);
    }
}

/// Index of a body among the liquid bodies and then the solid ones, as frames list them.
pub fn world_index(scene: &Scene, body: usize) -> usize {
    match scene.bodies.get(body) {
        Some(body) if body.kind == Kind::Liquid => body.index,
        Some(body) => scene.world.liquids.len() + body.index,
        None => usize::MAX,
    }
}

impl Judge {
    /// Resolves the losses of `scene`: reads goal files and runs twins in scalar `T`.
    ///
    /// # Errors
    /// A goal that is damaged or does not fit.
    pub fn new<T: Compiled<Wide = f64>>(scene: &Scene) -> Result<Self, CriterionError> {
        let frames = scene.world.clock.frames;
        let state = State::new(&scene.world, scene.particles.clone());
        let last = frames.saturating_sub(1);
        let like = Rollout::new(&scene.world, &scene.programs).read(&state, last, true);
        let mut terms = Vec::new();
        for (index, loss) in scene.losses.iter().enumerate() {
            let with = |source| CriterionError::Loss { index, source };
            terms.push(Term {
                loss: resolve::<T>(scene, &like, &loss.measure, &with)?,
                weight: loss.weight,
                when: when(loss),
            });
        }
        let index = 0;
        let frames = Schedule::new(terms, frames, &like)
            .map_err(|source| CriterionError::Loss { index, source })?;
        Ok(Self {
            frames,
            guides: scene.losses.iter().map(|loss| loss.guide).collect(),
        })
    }

    /// Whether some of its terms read forces of matter on walls, colliders and tools.
    pub fn reads_forces(&self) -> bool {
        self.frames.reads_reactions()
    }

    /// Whether some of its terms only guide the optimiser.
    pub fn guides(&self) -> bool {
        self.guides.contains(&true)
    }

    /// What a frame adds to the loss without the terms that only guide.
    pub fn unguided(&self, frame: &Frame<f64>) -> f64 {
        self.frames.value_of(frame, |index| !self.guides[index])
    }
}

fn when(loss: &Loss) -> When {
    When::Frames {
        from: loss.frames.start,
        to: loss.frames.end.saturating_sub(1),
    }
}

fn resolve<T: Compiled<Wide = f64>>(
    scene: &Scene,
    like: &Frame<f64>,
    measure: &Measure,
    with: &dyn Fn(LossError) -> CriterionError,
) -> Result<Box<dyn FrameLoss<f64>>, CriterionError> {
    let only = |body: &usize| Bodies::Only(vec![world_index(scene, *body)]);
    Ok(match measure {
        Measure::PairedL2 { body, target } => {
            let index = world_index(scene, *body);
            let targets = match target {
                Pairs::Run(world, programs) => run_positions::<T>(scene, world, programs, index)?,
                Pairs::File(path) => {
                    let particles = like.bodies.get(index).map_or(0, |body| body.x.len());
                    read_pairs(path, particles, scene.world.clock.frames)?
                }
            };
            Box::new(Paired {
                bodies: only(body),
                targets,
            })
        }
        Measure::GridDensity { body, points } => {
            let index = world_index(scene, *body);
            Box::new(filled(scene, like, index, points).map_err(with)?)
        }
        Measure::TargetSdf { body, shape, pose } => Box::new(TargetSdf {
            bodies: only(body),
            shape: shape.clone(),
            pose: *pose,
        }),
        Measure::Chamfer { body, target } => {
            let points = match target {
                Cloud::Points(points) => points.places.clone(),
                Cloud::File(path) => {
                    let (_, values) = Npz::open(path)?.f64("x", &[None, Some(3)])?;
                    values
                        .chunks_exact(3)
                        .map(Vector3::from_column_slice)
                        .collect()
                }
            };
            Box::new(Chamfer::new(only(body), points).map_err(with)?)
        }
        Measure::CentreOfMass { body, target, axes } => Box::new(CentreOfMass {
            bodies: only(body),
            axes: *axes,
            target: *target,
        }),
        Measure::Rigid(rigid) => Box::new(rigid.clone()),
        Measure::Point { body, target, axes } => Box::new(Point {
            bodies: only(body),
            axes: *axes,
            target: *target,
        }),
        Measure::Displacement { body } => {
            let index = world_index(scene, *body);
            let start = like.bodies.get(index).map(|body| body.x.clone());
            Box::new(Displacement {
                bodies: only(body),
                start: start.unwrap_or_default(),
            })
        }
        Measure::MeanDistance { body, other } => Box::new(MeanDistance {
            body: world_index(scene, *body),
            other: world_index(scene, *other),
        }),
        Measure::Approach { body, tool } => Box::new(Approach {
            bodies: only(body),
            tool: *tool,
            joints: scene.world.tools[*tool].joints.clone(),
            parts: parts(scene, *tool),
        }),
        Measure::Uncollected { collector, width } => {
            Box::new(uncollected(scene, *collector, *width))
        }
        Measure::Reaction(reaction) => Box::new(*reaction),
        Measure::Overload(overload) => Box::new(*overload),
        &Measure::ControlEffort {
            tool,
            linear,
            angular,
            joints,
        } => Box::new(Effort {
            tool,
            linear,
            angular,
            joints,
        }),
    })
}

/// What a collector does not have of its bodies.
fn uncollected(scene: &Scene, index: usize, width: f64) -> Uncollected<f64> {
    let world = &scene.world;
    let collector = &world.collectors[index];
    let joints = |mount: Mount| (mount, world.tools[mount.tool].joints.clone());
    let of = collector.of.iter().enumerate();
    Uncollected {
        bodies: Bodies::Only(of.filter(|(_, of)| **of).map(|(at, _)| at).collect()),
        collector: index,
        shape: collector.shape.clone(),
        pose: collector.pose,
        mount: collector.mount.map(joints),
        width,
    }
}

/// The colliders on a tool.
fn parts(scene: &Scene, tool: usize) -> Vec<Part<f64>> {
    let colliders = scene.world.colliders.iter();
    let on = |collider: &Collider<f64>| {
        let mount = collider.mount.filter(|mount| mount.tool == tool)?;
        Some(Part {
            shape: collider.shape.clone(),
            pose: collider.pose,
            link: mount.link,
        })
    };
    colliders.filter_map(on).collect()
}

fn density_of(scene: &Scene, index: usize) -> f64 {
    let world = &scene.world;
    match world.liquids.get(index) {
        Some(body) => body.density,
        None => world
            .solids
            .get(index - world.liquids.len())
            .map_or(0.0, |body| body.density),
    }
}

/// Positions of a body at the end of every frame of a run of another world with the particles
/// of the scene.
fn run_positions<T: Compiled<Wide = f64>>(
    scene: &Scene,
    world: &backflow_sim::world::World<f64>,
    programs: &[Program<f64>],
    body: usize,
) -> Result<Vec<Vec<Vector3<f64>>>, CriterionError> {
    let world = world.cast::<T>();
    let mut rollout = Rollout::new(&world, programs);
    let mut state = State::new(&world, scene.particles.cast::<T>());
    let mut frames = Vec::with_capacity(world.clock.frames);
    for step in 0..rollout.steps() {
        rollout
            .advance(&mut state, step)
            .map_err(|error| CriterionError::Twin(error.into()))?;
        if let Some(frame) = rollout.frame_ended(step) {
            let mut read = read_frame(&world, &state, frame);
            frames.push(std::mem::take(&mut read.bodies[body].x));
        }
    }
    Ok(frames)
}

/// Targets from array `x` of shape (particles, 3) or (frames, particles, 3).
fn read_pairs(
    path: &Path,
    particles: usize,
    frames: usize,
) -> Result<Vec<Vec<Vector3<f64>>>, CriterionError> {
    let mut file = Npz::open(path)?;
    let (shape, values) = file
        .f64("x", &[None, Some(particles), Some(3)])
        .or_else(|_| file.f64("x", &[Some(particles), Some(3)]))?;
    let found = if shape.len() == 3 { shape[0] } else { 1 };
    if found != 1 && found != frames {
        return Err(CriterionError::Frames {
            path: path.to_owned(),
            found,
            expected: frames,
        });
    }
    let points: Vec<Vector3<f64>> = values
        .chunks_exact(3)
        .map(Vector3::from_column_slice)
        .collect();
    Ok(points.chunks(particles.max(1)).map(<[_]>::to_vec).collect())
}

/// The density that a body has where it fills points.
fn filled(
    scene: &Scene,
    like: &Frame<f64>,
    index: usize,
    points: &Points,
) -> Result<Density, LossError> {
    let mut filled = like.clone();
    if let Some(target) = filled.bodies.get_mut(index) {
        *target = BodyFrame {
            mass: density_of(scene, index) * points.volume,
            x: points.places.clone(),
            taken: Vec::new(),
        };
    }
    Density::of_frame(Bodies::Only(vec![index]), &filled)
}

/// `(IoU - IoU_0) / (IoU* - IoU_0)` within [0, 1], with the soft intersections over union at
/// a frame, at the start of the run and of the target with itself (Huang et al. 2021).
fn soft_iou(scene: &Scene, frame: &Frame<f64>, metric: &Metric, points: &Points) -> f64 {
    let state = State::new(&scene.world, scene.particles.clone());
    let start = read_frame(&scene.world, &state, 0);
    let score = || {
        let index = world_index(scene, metric.body);
        let target = filled(scene, &start, index, points).ok()?;
        let (first, best) = (target.soft_iou(&start)?, target.best_iou()?);
        let now = target.soft_iou(frame)?;
        Some(((now - first) / (best - first)).clamp(0.0, 1.0))
    };
    score().unwrap_or(f64::NAN)
}

/// The scene's metrics at a frame, name and share of mass, and what share its collectors have.
pub fn metrics(scene: &Scene, frame: &Frame<f64>) -> Vec<(String, f64)> {
    let collectors = scene.world.collectors.iter().enumerate();
    let collected = collectors.map(|(index, collector)| {
        // The window does not matter here.
        let share = uncollected(scene, index, 1.0).collected(frame);
        (collector.name.clone(), share)
    });
    scene
        .metrics
        .iter()
        .map(|metric| {
            let bodies = Bodies::Only(vec![world_index(scene, metric.body)]);
            let figure = match &metric.points {
                None => share_inside(frame, &bodies, &metric.shape, &metric.pose),
                Some(points) => soft_iou(scene, frame, metric, points),
            };
            (metric.name.clone(), figure)
        })
        .chain(collected)
        .collect()
}
