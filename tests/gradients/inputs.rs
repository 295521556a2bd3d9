//! Random directions in the inputs of a run, one class of input at a time.

use backflow_sim::{
    material::{Law, PARAMETERS, Strain},
    particle::Particles,
    pose::{Pose, PoseBar, exp},
    rollout::Gradient,
    tool::Program,
};
use nalgebra::Vector3;
use num_dual::Dual64;

use crate::fixture::{Noise, Setup};

/// A class of input that a derivative is taken with respect to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    Position,
    Velocity,
    Affine,
    Strain,
    Density,
    Parameters,
    Gravity,
    WallFriction,
    ColliderFriction,
    ColliderPose,
    ToolPosition,
    ToolRotation,
    ToolJoints,
    Controls,
    Injector,
    Activation,
    Force,
    GravityShare,
    /// Not among [`INPUTS`]: few runs have one.
    Policy,
}

pub const INPUTS: [Input; 18] = [
    Input::Position,
    Input::Velocity,
    Input::Affine,
    Input::Strain,
    Input::Density,
    Input::Parameters,
    Input::Gravity,
    Input::WallFriction,
    Input::ColliderFriction,
    Input::ColliderPose,
    Input::ToolPosition,
    Input::ToolRotation,
    Input::ToolJoints,
    Input::Controls,
    Input::Injector,
    Input::Activation,
    Input::Force,
    Input::GravityShare,
];

/// How much each parameter of a law is moved by.
const PARAMETER_SCALES: [f64; PARAMETERS] = [1e4, 1.0, 1.0, 10.0, 10.0];

fn seed_vector(value: &mut Vector3<Dual64>, noise: &mut Noise) {
    for entry in value.iter_mut() {
        entry.eps = noise.next();
    }
}

fn seed_rotation(pose: &mut Pose<Dual64>, noise: &mut Noise) {
    let theta = noise.vector().map(|entry| Dual64::new(0.0, entry));
    pose.rotation = exp(&theta) * pose.rotation;
}

impl Setup<f64> {
    /// The same setup with a random tangent in one class of input.
    pub fn seeded(&self, input: Input, noise: &mut Noise) -> Setup<Dual64> {
        let mut setup = Setup {
            world: self.world.cast::<Dual64>(),
            particles: self.particles.cast::<Dual64>(),
            programs: self.programs.iter().map(Program::cast).collect(),
        };
        let Setup {
            world,
            particles: Particles { liquid, solid },
            programs,
        } = &mut setup;
        match input {
            Input::Position => {
                for motion in liquid.motion.iter_mut().chain(&mut solid.motion) {
                    let mut x = motion.x();
                    seed_vector(&mut x, noise);
                    motion.set_x(&x);
                }
            }
            Input::Velocity => {
                for motion in liquid.motion.iter_mut().chain(&mut solid.motion) {
                    let mut v = motion.v();
                    seed_vector(&mut v, noise);
                    motion.set_v(&v);
                }
            }
            Input::Affine => {
                for motion in liquid.motion.iter_mut().chain(&mut solid.motion) {
                    let mut c = motion.c();
                    for entry in c.iter_mut() {
                        entry.eps = noise.next();
                    }
                    motion.set_c(&c);
                }
            }
            Input::Strain => {
                for entry in liquid
                    .strain
                    .iter_mut()
                    .chain(solid.strain.iter_mut().flat_map(|f| f.components_mut()))
                {
                    entry.eps = noise.next();
                }
            }
            Input::Density => {
                for density in world
                    .liquids
                    .iter_mut()
                    .map(|body| &mut body.density)
                    .chain(world.solids.iter_mut().map(|body| &mut body.density))
                {
                    density.eps = 1e3 * noise.next();
                }
            }
            Input::Parameters => {
                for body in &mut world.liquids {
                    let mut parameters = body.law.parameters();
                    for (parameter, scale) in parameters.iter_mut().zip(PARAMETER_SCALES) {
                        parameter.eps = scale * noise.next();
                    }
                    body.law = body.law.with_parameters(parameters);
                }
                for body in &mut world.solids {
                    let mut parameters = body.law.parameters();
                    for (parameter, scale) in parameters.iter_mut().zip(PARAMETER_SCALES) {
                        parameter.eps = scale * noise.next();
                    }
                    body.law = body.law.with_parameters(parameters);
                }
            }
            Input::Gravity => seed_vector(&mut world.gravity, noise),
            Input::WallFriction => {
                for wall in world.walls.iter_mut().flatten() {
                    wall.friction.eps = noise.next();
                }
            }
            Input::ColliderFriction => {
                for collider in &mut world.colliders {
                    collider.friction.eps = noise.next();
                }
            }
            Input::ColliderPose => {
                for collider in &mut world.colliders {
                    seed_vector(&mut collider.pose.position, noise);
                    seed_rotation(&mut collider.pose, noise);
                }
            }
            Input::ToolPosition => {
                for tool in &mut world.tools {
                    seed_vector(&mut tool.start.pose.position, noise);
                }
            }
            Input::ToolRotation => {
                for tool in &mut world.tools {
                    seed_rotation(&mut tool.start.pose, noise);
                }
            }
            Input::ToolJoints => {
                for q in world
                    .tools
                    .iter_mut()
                    .flat_map(|tool| &mut tool.start.joints)
                {
                    q.eps = noise.next();
                }
            }
            Input::Controls => {
                for value in programs.iter_mut().flat_map(|program| &mut program.values) {
                    value.eps = noise.next();
                }
            }
            Input::Injector => {
                for injector in &mut world.injectors {
                    seed_vector(&mut injector.velocity, noise);
                    seed_vector(&mut injector.pose.position, noise);
                    seed_rotation(&mut injector.pose, noise);
                }
            }
            Input::Force => {
                for force in &mut world.forces {
                    let mut parameters = force.law.parameters();
                    for parameter in &mut parameters {
                        parameter.eps = noise.next();
                    }
                    force.law = force.law.with_parameters(&parameters);
                }
            }
            Input::GravityShare => {
                let liquids = world.liquids.iter_mut().map(|body| &mut body.gravity);
                let solids = world.solids.iter_mut().map(|body| &mut body.gravity);
                for share in liquids.chain(solids).flatten() {
                    share.eps = noise.next();
                }
            }
            Input::Policy => {
                for weight in world.policies.iter_mut().flat_map(|p| &mut p.weights) {
                    weight.eps = noise.next();
                }
            }
            Input::Activation => {
                for activation in world.activations.iter_mut().flat_map(|a| &mut a.frames) {
                    activation.eps = noise.next();
                }
            }
        }
        setup
    }
}

/// `<gradient, direction>` with the direction that [`Setup::seeded`] drew from the same
/// noise.
pub fn along(gradient: &Gradient<f64>, input: Input, setup: &Setup<f64>, noise: &mut Noise) -> f64 {
    let Particles { liquid, solid } = &gradient.particles;
    let pose = |pose: &PoseBar<f64>, noise: &mut Noise| {
        pose.position.dot(&noise.vector()) + pose.rotation.dot(&noise.vector())
    };
    match input {
        Input::Position => liquid
            .motion
            .iter()
            .chain(&solid.motion)
            .map(|motion| motion.x().dot(&noise.vector()))
            .sum(),
        Input::Velocity => liquid
            .motion
            .iter()
            .chain(&solid.motion)
            .map(|motion| motion.v().dot(&noise.vector()))
            .sum(),
        Input::Affine => liquid
            .motion
            .iter()
            .chain(&solid.motion)
            .map(|motion| motion.c().dot(&noise.matrix()))
            .sum(),
        Input::Strain => liquid
            .strain
            .iter()
            .chain(solid.strain.iter().flat_map(|f| f.components()))
            .map(|entry| entry * noise.next())
            .sum(),
        Input::Density => gradient
            .bodies
            .iter()
            .map(|body| body[0] * 1e3 * noise.next())
            .sum(),
        Input::Parameters => gradient
            .bodies
            .iter()
            .flat_map(|body| body[1..].iter().zip(PARAMETER_SCALES))
            .map(|(part, scale)| part * scale * noise.next())
            .sum(),
        Input::Gravity => gradient.gravity.dot(&noise.vector()),
        Input::WallFriction => gradient
            .walls
            .iter()
            .flatten()
            .map(|wall| wall * noise.next())
            .sum(),
        Input::ColliderFriction => gradient
            .colliders
            .iter()
            .map(|collider| collider.friction * noise.next())
            .sum(),
        Input::ColliderPose => gradient
            .colliders
            .iter()
            .map(|collider| pose(&collider.pose, noise))
            .sum(),
        Input::ToolPosition => gradient
            .tools
            .iter()
            .map(|tool| tool.start.pose.position.dot(&noise.vector()))
            .sum(),
        Input::ToolRotation => gradient
            .tools
            .iter()
            .map(|tool| tool.start.pose.rotation.dot(&noise.vector()))
            .sum(),
        Input::ToolJoints => gradient
            .tools
            .iter()
            .flat_map(|tool| &tool.start.joints)
            .map(|q| q * noise.next())
            .sum(),
        Input::Force => gradient
            .forces
            .iter()
            .flatten()
            .map(|bar| bar * noise.next())
            .sum(),
        Input::GravityShare => {
            let liquids = setup.world.liquids.iter().map(|body| body.gravity);
            let shares = liquids.chain(setup.world.solids.iter().map(|body| body.gravity));
            let own = shares
                .zip(&gradient.shares)
                .filter(|(share, _)| share.is_some());
            own.map(|(_, bar)| bar * noise.next()).sum()
        }
        Input::Activation => gradient
            .activations
            .iter()
            .flatten()
            .map(|bar| bar * noise.next())
            .sum(),
        Input::Policy => gradient
            .policies
            .iter()
            .flatten()
            .map(|bar| bar * noise.next())
            .sum(),
        Input::Controls => {
            let of_commands = gradient.tools.iter().flat_map(|tool| &tool.commands);
            let commands = setup.programs.iter().flat_map(|program| &program.values);
            assert_eq!(of_commands.clone().count(), commands.count());
            of_commands.map(|value| value * noise.next()).sum()
        }
        Input::Injector => gradient
            .injectors
            .iter()
            .map(|injector| injector.velocity.dot(&noise.vector()) + pose(&injector.pose, noise))
            .sum(),
    }
}
