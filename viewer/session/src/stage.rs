//! What stands around the matter of a scene: everything that is drawn and is the same in every
//! frame.

use backflow::{
    sim::{
        collider::{Cuboid, Cylinder, Shape, Sphere},
        contact::Collider,
        gas::jet::Jet,
        pose::Pose,
        rigid::{RigidBody, RigidState},
        rollout::forward::Rollout,
        scene::{
            BodyRef, GasScene, Kind, Scene,
            spec::Bookmark,
            target::{Cloud, Loss, Measure},
        },
        tool::{self, injector::Nozzle},
    },
    task::{Task, frames::tools},
};
use nalgebra::{Rotation3, Vector3};

use crate::{
    gas::{self, StageGas},
    surface::{Surface, surface},
};

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
    /// Colliders, parts of tools, rigid bodies, nozzles and targets.
    pub solids: Vec<StageSolid>,
    /// Where what moves starts.
    pub start: Poses,
    /// Frames of the run.
    pub frames: usize,
    /// Duration of a frame (s).
    pub frame_time: f64,
    /// Its gas, where there is any.
    pub gas: Option<StageGas>,
    /// Whether there is something to optimise.
    pub optimizable: bool,
    /// Places to look from that the scene has.
    pub views: Vec<Bookmark>,
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
    /// Where it is in the frame that it moves with.
    pub pose: Pose<f64>,
    /// What it is there for.
    pub role: Role,
    /// What it moves with.
    pub mount: Mount,
}

impl StageSolid {
    /// Where it is in the world, with what moves there.
    pub fn placed(&self, poses: &Poses) -> Pose<f64> {
        let frame = match self.mount {
            Mount::World => None,
            Mount::Tool(tool, link) => poses.tools.get(tool).and_then(|tool| tool.get(link)),
            Mount::Rigid(body) => poses.rigids.get(body),
            Mount::Gas(index) => poses.gas.get(index),
        };
        frame.map_or(self.pose, |frame| frame.compose(&self.pose))
    }
}

/// What a solid moves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// Nothing: it stays in the world.
    World,
    /// A tool and the link of it, 0 for its own frame.
    Tool(usize, usize),
    /// A rigid body.
    Rigid(usize),
    /// What acts on a gas: obstacles, then jets, then sources.
    Gas(usize),
}

/// Where the solids are that move.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Poses {
    /// The links of each tool.
    pub tools: Vec<Vec<Pose<f64>>>,
    /// The rigid bodies: centre of mass and principal axes.
    pub rigids: Vec<Pose<f64>>,
    /// What acts on a gas: obstacles, then jets, then sources.
    pub gas: Vec<Pose<f64>>,
}

impl Poses {
    /// Where the links of tools, rigid bodies, and at the start of `frame` what acts on a gas are.
    pub fn of(
        tools: Vec<Vec<Pose<f64>>>,
        rigids: &[RigidState<f64>],
        gas: Option<&GasScene>,
        frame: usize,
    ) -> Self {
        Self {
            tools,
            rigids: rigids.iter().map(|body| body.pose).collect(),
            gas: gas.map_or(Vec::new(), |gas| gas::poses(gas, frame)),
        }
    }
}

/// What a solid is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It stays where it is.
    Collider,
    /// It moves with a tool.
    Tool,
    /// It is a rigid body, the number-th of the scene.
    Body(usize),
    /// Matter or gas comes out of it.
    Nozzle,
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
        let links: Vec<_> = tools(&Rollout::new(world, &[]), 0)
            .into_iter()
            .map(|tool| tool.links)
            .collect();
        let rigids: Vec<_> = world.rigids.iter().map(RigidBody::initial).collect();
        Self {
            name: task.spec.name.clone(),
            about: task.spec.about.clone(),
            bounds,
            cell: world.lattice.dx,
            bodies: scene.bodies.iter().map(|body| part(scene, body)).collect(),
            solids: solids(scene, size),
            start: Poses::of(links, &rigids, scene.gas.as_ref(), 0),
            frames: world.clock.frames,
            frame_time: world.clock.dt * world.clock.substeps as f64,
            gas: scene.gas.as_ref().map(|gas| StageGas::of(&gas.model)),
            optimizable: task.spec.optimize.is_some()
                && (!scene.losses.is_empty()
                    || scene.gas.as_ref().is_some_and(|gas| !gas.terms.is_empty())),
            views: task.spec.views.clone(),
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

/// All that is solid in a scene, planes cut off at `size` (m).
fn solids(scene: &Scene, size: f64) -> Vec<StageSolid> {
    let world = &scene.world;
    let solid = |name: &str, shape: &Shape<f64>, pose: &Pose<f64>, role, mount| StageSolid {
        name: name.to_owned(),
        surface: surface(shape, size),
        pose: *pose,
        role,
        mount,
    };
    let mounted = |mount: Option<tool::Mount>| match mount {
        Some(mount) => Mount::Tool(mount.tool, mount.link),
        None => Mount::World,
    };
    let colliders = world.colliders.iter().map(|collider| {
        let role = match collider.mount {
            Some(_) => Role::Tool,
            None => Role::Collider,
        };
        let mount = mounted(collider.mount);
        solid(&collider.name, &collider.shape, &collider.pose, role, mount)
    });
    let rigids = world.rigids.iter().enumerate().map(|(index, body)| {
        let Collider { shape, pose, .. } = &body.collider;
        let role = Role::Body(index);
        solid(&body.name, shape, pose, role, Mount::Rigid(index))
    });
    let nozzles = world.injectors.iter().map(|injector| {
        let mount = mounted(injector.mount);
        let shape = outline(&injector.nozzle, world.lattice.dx);
        solid(&injector.name, &shape, &injector.pose, Role::Nozzle, mount)
    });
    let collectors = world.collectors.iter().map(|collector| {
        let (mount, role) = (mounted(collector.mount), Role::Nozzle);
        solid(
            &collector.name,
            &collector.shape,
            &collector.pose,
            role,
            mount,
        )
    });
    let targets = scene.losses.iter().filter_map(|loss| match &loss.measure {
        Measure::TargetSdf { shape, pose, .. } => {
            Some(solid("target", shape, pose, Role::Target, Mount::World))
        }
        _ => None,
    });
    let gas = scene.gas.iter().flat_map(|gas| around_gas(gas, size));
    colliders
        .chain(rigids)
        .chain(nozzles)
        .chain(collectors)
        .chain(targets)
        .chain(gas)
        .collect()
}

/// What acts on a gas, cut to the slab of a plane scene.
fn around_gas(gas: &GasScene, size: f64) -> Vec<StageSolid> {
    let model = &gas.model;
    let places = gas::poses(gas, 0);
    let obstacles = model.obstacles.iter().map(|obstacle| {
        let surface = surface(&obstacle.shape, size);
        (&obstacle.name, surface, Pose::identity(), Role::Collider)
    });
    let jets = model
        .jets
        .iter()
        .zip(&gas.course.jets)
        .map(|(jet, (_, blows))| {
            let radius = blows.first().map_or(model.grid.dx, |blow| blow.radius);
            let nozzle = outline(&Nozzle::Disc(radius), model.grid.dx);
            (&jet.name, surface(&nozzle, size), across(jet), Role::Nozzle)
        });
    let sources = model.sources.iter().map(|source| {
        let surface = surface(&source.shape, size);
        (&source.name, surface, Pose::identity(), Role::Nozzle)
    });
    let all = obstacles
        .chain(jets)
        .chain(sources)
        .zip(&places)
        .enumerate();
    all.map(|(index, ((name, surface, pose, role), place))| {
        let mut surface = surface;
        let [min, cells] = [model.grid.origin, model.grid.cells.map(|n| n as f64).into()];
        for axis in (0..3).filter(|&axis| model.grid.cells[axis] <= gas::SHEET) {
            let sides = [min[axis], min[axis] + cells[axis] * model.grid.dx];
            surface.cut(&place.compose(&pose), axis, sides);
        }
        StageSolid {
            name: name.clone(),
            surface,
            pose,
            role,
            mount: Mount::Gas(index),
        }
    })
    .collect()
}

/// A disc's own axis, the second one, turned to where a jet blows.
fn across(jet: &Jet<f64>) -> Pose<f64> {
    let turn = Rotation3::rotation_between(&Vector3::y(), &jet.direction);
    // Only straight down has no axis to turn about.
    let upside_down = || Rotation3::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
    Pose {
        position: Vector3::zeros(),
        rotation: turn.unwrap_or_else(upside_down).into_inner(),
    }
}

/// What a nozzle is drawn as; a disc is half a cell thick.
fn outline(nozzle: &Nozzle<f64>, cell: f64) -> Shape<f64> {
    match *nozzle {
        Nozzle::Cube(half_extents) => Shape::Cuboid(Cuboid {
            half_extents,
            rounding: 0.0,
        }),
        Nozzle::Ball(radius) => Shape::Sphere(Sphere { radius }),
        Nozzle::Disc(radius) => Shape::Cylinder(Cylinder {
            radius,
            half_height: 0.25 * cell,
        }),
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
