//! What stands around the matter of a scene: everything that is drawn and is the same in every
//! frame.

use backflow::{
    sim::{
        collider::Shape,
        pose::Pose,
        rollout::forward::Rollout,
        scene::{
            BodyRef, Kind, Scene,
            target::{Cloud, Loss, Measure},
        },
    },
    task::{Task, frames::tools},
};
use nalgebra::Vector3;

use crate::surface::{Surface, surface};

/// A scene as the viewer sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Name of the scene.
    pub name: String,
    /// What it shows, in one sentence.
    pub about: String,
    /// Lower and upper corner of the domain (m).
    pub bounds: [Vector3<f64>; 2],
    /// Edge of a cell (m).
    pub cell: f64,
    /// The bodies, in the order of their particles in a frame.
    pub bodies: Vec<StageBody>,
    /// Colliders, parts of the tool and targets.
    pub solids: Vec<StageSolid>,
    /// Where the links of each tool start.
    pub tools: Vec<Vec<Pose<f64>>>,
    /// Frames of the run.
    pub frames: usize,
    /// Duration of a frame (s).
    pub frame_time: f64,
    /// Whether there is something to optimise.
    pub optimizable: bool,
}

/// A body of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageBody {
    /// Its name.
    pub name: String,
    /// How many particles it has.
    pub count: usize,
    /// Radius of its particles (m): that of the ball in the cube of a particle.
    pub radius: f64,
    /// Whether it is a liquid.
    pub liquid: bool,
}

/// A solid of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageSolid {
    /// Its name.
    pub name: String,
    /// Its surface in its own frame.
    pub surface: Surface,
    /// Where it is: in the world, or in the frame of the tool.
    pub pose: Pose<f64>,
    /// What it is there for.
    pub role: Role,
    /// The tool and the link of it that it moves with.
    pub mount: Option<(usize, usize)>,
}

impl StageSolid {
    /// Where it is in the world, with the links of the tools there.
    pub fn placed(&self, tools: &[Vec<Pose<f64>>]) -> Pose<f64> {
        let frame = self
            .mount
            .and_then(|(tool, link)| tools.get(tool)?.get(link));
        frame.map_or(self.pose, |frame| frame.compose(&self.pose))
    }
}

/// What a solid is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It stays where it is.
    Collider,
    /// It moves with the tool.
    Tool,
    /// Matter is to be there in the end.
    Target,
}

impl Stage {
    /// The stage of a task.
    pub fn of(task: &Task) -> Self {
        let scene = &task.scene;
        let world = &scene.world;
        let bounds = [world.lattice.min(), world.lattice.max()];
        let size = (bounds[1] - bounds[0]).norm();
        let solid = |name: &str, shape: &Shape<f64>, pose: &Pose<f64>, role| StageSolid {
            name: name.to_owned(),
            surface: surface(shape, size),
            pose: *pose,
            role,
            mount: None,
        };
        let mut solids: Vec<StageSolid> = world
            .colliders
            .iter()
            .map(|collider| {
                let mount = collider.mount.map(|mount| (mount.tool, mount.link));
                let role = match mount {
                    Some(_) => Role::Tool,
                    None => Role::Collider,
                };
                StageSolid {
                    mount,
                    ..solid(&collider.name, &collider.shape, &collider.pose, role)
                }
            })
            .collect();
        for loss in &scene.losses {
            if let Measure::TargetSdf { shape, pose, .. } = &loss.measure {
                solids.push(solid("target", shape, pose, Role::Target));
            }
        }
        Self {
            name: task.spec.name.clone(),
            about: task.spec.about.clone(),
            bounds,
            cell: world.lattice.dx,
            bodies: scene.bodies.iter().map(|body| part(scene, body)).collect(),
            solids,
            tools: tools(&Rollout::new(world, &[]), 0)
                .into_iter()
                .map(|tool| tool.links)
                .collect(),
            frames: world.clock.frames,
            frame_time: world.clock.dt * world.clock.substeps as f64,
            optimizable: task.spec.optimize.is_some() && !scene.losses.is_empty(),
        }
    }

    /// Particles of all bodies.
    pub fn particles(&self) -> usize {
        self.bodies.iter().map(|body| body.count).sum()
    }

    /// Middle of the domain (m).
    pub fn centre(&self) -> Vector3<f64> {
        (self.bounds[0] + self.bounds[1]) * 0.5
    }

    /// Diagonal of the domain (m).
    pub fn diagonal(&self) -> f64 {
        (self.bounds[1] - self.bounds[0]).norm()
    }
}

fn part(scene: &Scene, body: &BodyRef) -> StageBody {
    let world = &scene.world;
    let volume = match body.kind {
        Kind::Liquid => world.liquids.get(body.index).map(|body| body.volume),
        Kind::Solid => world.solids.get(body.index).map(|body| body.volume),
    };
    StageBody {
        name: body.name.clone(),
        count: scene.range(body).len(),
        radius: 0.5 * volume.unwrap_or(0.0).cbrt(),
        liquid: body.kind == Kind::Liquid,
    }
}

/// The points that the losses of a scene want matter at: what is drawn as the ghost of the
/// target.
pub fn target_points(losses: &[Loss]) -> Vec<Vector3<f64>> {
    let mut found = Vec::new();
    for loss in losses {
        match &loss.measure {
            Measure::GridDensity { points, .. }
            | Measure::Chamfer {
                target: Cloud::Points(points),
                ..
            } => found.extend_from_slice(&points.places),
            Measure::CentreOfMass { target, .. } => found.push(*target),
            _ => {}
        }
    }
    found
}
