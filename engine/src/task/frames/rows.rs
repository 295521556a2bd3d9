//! What is read of a state at the end of a frame.

use backflow_diff::Real;
use backflow_sim::{
    Compiled,
    io::ParticleRow,
    loss::Reactions,
    particle::{Motion, Particles},
    pose::Pose,
    rollout::{State, forward::Rollout},
    scene::{BodyRef, Kind, Scene, spec::Walls},
    tool::injector::Matter,
    transfer::reaction::Wrench,
    world::World,
};
use nalgebra::SMatrix;

/// Positions (m) and velocities (m/s) of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyRows {
    /// Name of the body.
    pub name: String,
    /// Positions, one after the other.
    pub x: Vec<f64>,
    /// Velocities, one after the other.
    pub v: Vec<f64>,
}

/// The entries of vectors or matrices, column by column, one after the other.
pub(super) fn flat<T: Real, const R: usize, const C: usize>(
    matrices: impl Iterator<Item = SMatrix<T, R, C>>,
) -> Vec<f64> {
    matrices
        .flat_map(<[[T; R]; C]>::from)
        .flatten()
        .map(|value| value.to_f64())
        .collect()
}

fn rows<T: Real>(
    scene: &Scene,
    particles: &Particles<T>,
    body: &BodyRef,
    frame: usize,
) -> BodyRows {
    let matter = match body.kind {
        Kind::Liquid => Matter::Liquid(body.index),
        Kind::Solid => Matter::Solid(body.index),
    };
    let motion = match body.kind {
        Kind::Liquid => &particles.liquid.motion,
        Kind::Solid => &particles.solid.motion,
    };
    let motion = &motion[scene.world.born(matter, frame)];
    BodyRows {
        name: body.name.clone(),
        x: flat(motion.iter().map(Motion::x)),
        v: flat(motion.iter().map(Motion::v)),
    }
}

/// The bodies of a state at the end of `frame`, in the order of the scene, with the particles
/// that are born by then.
pub fn bodies<T: Real>(
    scene: &Scene,
    world: &World<T>,
    state: &State<T>,
    frame: usize,
) -> Vec<BodyRows> {
    let particles = state.canonical(world);
    scene
        .bodies
        .iter()
        .map(|body| rows(scene, &particles, body, frame))
        .collect()
}

/// Where the parts of a tool are in a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRows {
    /// Name of the tool.
    pub name: String,
    /// Pose of its own frame and of what each joint carries.
    pub links: Vec<Pose<f64>>,
    /// Positions of its joints (rad, m).
    pub joints: Vec<f64>,
}

/// The tools at the start of substep `step`.
pub fn tools<T: Compiled>(rollout: &Rollout<'_, T>, step: usize) -> Vec<ToolRows> {
    let frames = rollout.frames(step);
    let pose = |pose: &Pose<T>| Pose {
        position: pose.position.map(Real::to_f64),
        rotation: pose.rotation.map(Real::to_f64),
    };
    let clock = &rollout.world.clock;
    let rows = rollout.trajectories.iter().zip(&frames);
    rows.map(|(trajectory, links)| {
        let time = T::Wide::of((step % clock.substeps) as f64) * clock.dt.widen();
        let stance = trajectory.stance(step / clock.substeps, time);
        ToolRows {
            name: trajectory.tool().name.clone(),
            links: links.iter().map(|(link, _)| pose(link)).collect(),
            joints: stance.joints.iter().map(|q| q.to_f64()).collect(),
        }
    })
    .collect()
}

/// The mean force (N) and torque (N m) that matter exerts on a wall, a collider or a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Felt {
    /// `walls.<name>`, `colliders.<name>` or `tools.<name>`.
    pub name: String,
    /// Force and torque.
    pub wrench: Wrench<f64>,
}

/// What every wall, collider and tool feels, by name.
pub fn felt(scene: &Scene, reactions: &Reactions<f64>) -> Vec<Felt> {
    let walls = Walls::NAMES.as_flattened().iter();
    let walls = walls.map(|name| format!("walls.{name}"));
    let colliders = scene.world.colliders.iter();
    let colliders = colliders.map(|collider| format!("colliders.{}", collider.name));
    let tools = scene.world.tools.iter();
    let tools = tools.map(|tool| format!("tools.{}", tool.name));
    let wrenches = reactions.walls.as_flattened().iter();
    let wrenches = wrenches.chain(&reactions.colliders).chain(&reactions.tools);
    let names = walls.chain(colliders).chain(tools);
    names
        .zip(wrenches)
        .map(|(name, &wrench)| Felt { name, wrench })
        .collect()
}

/// Rows of a particle file.
pub fn particle_rows(bodies: &[BodyRows]) -> Vec<ParticleRow> {
    let row = |body: usize, x: &[f64], v: &[f64]| ParticleRow {
        x: std::array::from_fn(|axis| x[axis] as f32),
        v: std::array::from_fn(|axis| v[axis] as f32),
        body: body as u32,
    };
    bodies
        .iter()
        .enumerate()
        .flat_map(|(index, body)| {
            body.x
                .chunks_exact(3)
                .zip(body.v.chunks_exact(3))
                .map(move |(x, v)| row(index, x, v))
        })
        .collect()
}

/// Time (s) at the end of a frame.
pub fn time_of(scene: &Scene, frame: usize) -> f64 {
    let clock = &scene.world.clock;
    clock.dt * clock.substeps as f64 * (frame + 1) as f64
}
