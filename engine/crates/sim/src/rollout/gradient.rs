//! The gradient of a loss with respect to everything in a scene.

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::{
    force, gas,
    material::{Law, PARAMETERS},
    particle::Particles,
    pose::PoseBar,
    rigid::{RigidBar, RigidParameterBar},
    tool::StanceBar,
    world::World,
};

/// Derivatives of a scalar loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient<T: Real> {
    /// With respect to the initial x (1/m), v (s/m), C (s) and strain (1) of every
    /// particle, in canonical order.
    pub particles: Particles<T>,
    /// With respect to density (m^3/kg) and the parameters of the law, by their names,
    /// of the liquid bodies and then of the solid ones.
    pub bodies: Vec<[f64; 1 + PARAMETERS]>,
    /// With respect to each activation in each of its frames.
    pub activations: Vec<Vec<f64>>,
    /// With respect to the parameters of each force.
    pub forces: Vec<[f64; force::PARAMETERS]>,
    /// With respect to the share of gravity of each body that has one of its own.
    pub shares: Vec<f64>,
    /// With respect to gravity (s^2/m).
    pub gravity: Vector3<f64>,
    /// With respect to the friction of each wall.
    pub walls: [[f64; 2]; 3],
    /// With respect to each collider.
    pub colliders: Vec<ColliderBar>,
    /// With respect to each tool.
    pub tools: Vec<ToolBar>,
    /// With respect to the weights of each policy.
    pub policies: Vec<Vec<f64>>,
    /// With respect to each injector.
    pub injectors: Vec<InjectorBar>,
    /// With respect to each rigid body.
    pub rigids: Vec<RigidGradient>,
    /// With respect to the gas, where there is any.
    pub gas: Option<gas::rollout::Gradient<T>>,
}

/// Derivatives with respect to a rigid body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RigidGradient {
    /// With respect to its start.
    pub start: RigidBar<f64>,
    /// With respect to its constants.
    pub parameters: RigidParameterBar<f64>,
}

impl RigidGradient {
    /// The zero cotangent.
    pub fn zero() -> Self {
        Self {
            start: RigidBar::zero(),
            parameters: RigidParameterBar::zero(),
        }
    }
}

/// Derivatives with respect to an injector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InjectorBar {
    /// With respect to its placement in the world or in the frame that it is mounted on.
    pub pose: PoseBar<f64>,
    /// With respect to the velocity of what comes out.
    pub velocity: Vector3<f64>,
}

impl InjectorBar {
    /// The zero cotangent.
    pub fn zero() -> Self {
        Self {
            pose: PoseBar::zero(),
            velocity: Vector3::zeros(),
        }
    }
}

/// Derivatives with respect to a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolBar {
    /// With respect to where it starts.
    pub start: StanceBar<f64>,
    /// With respect to the numbers of its commands, one after the other.
    pub commands: Vec<f64>,
}

/// Derivatives with respect to a collider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColliderBar {
    /// With respect to its friction.
    pub friction: f64,
    /// With respect to its placement in the world or in the frame that it is mounted on.
    pub pose: PoseBar<f64>,
}

impl ColliderBar {
    /// The zero cotangent.
    pub fn zero() -> Self {
        Self {
            friction: 0.0,
            pose: PoseBar::zero(),
        }
    }
}

impl<T: Real> Gradient<T> {
    /// With respect to particles alone.
    pub fn of_particles(particles: Particles<T>) -> Self {
        Self {
            particles,
            bodies: Vec::new(),
            activations: Vec::new(),
            forces: Vec::new(),
            shares: Vec::new(),
            gravity: Vector3::zeros(),
            walls: [[0.0; 2]; 3],
            colliders: Vec::new(),
            tools: Vec::new(),
            policies: Vec::new(),
            injectors: Vec::new(),
            rigids: Vec::new(),
            gas: None,
        }
    }

    /// Of a run of gas alone, in a world without matter.
    pub fn of_gas(gas: gas::rollout::Gradient<T>) -> Self {
        Self {
            gravity: gas.model.gravity,
            gas: Some(gas),
            ..Self::of_particles(Particles::zeros(0, 0))
        }
    }

    /// The same gradient in `f64`.
    pub fn widen(self) -> Gradient<f64> {
        Gradient {
            particles: self.particles.cast(),
            bodies: self.bodies,
            activations: self.activations,
            forces: self.forces,
            shares: self.shares,
            gravity: self.gravity,
            walls: self.walls,
            colliders: self.colliders,
            tools: self.tools,
            policies: self.policies,
            injectors: self.injectors,
            rigids: self.rigids,
            gas: self.gas.map(gas::rollout::Gradient::widen),
        }
    }
}

/// Turns the cotangents of the laws' inner parameters into those of the parameters that
/// a scene names.
pub(super) fn named_parameters<T: Real>(
    world: &World<T>,
    inner: &[[f64; 1 + PARAMETERS]],
) -> Vec<[f64; 1 + PARAMETERS]> {
    let convert = |bar: &[f64; 1 + PARAMETERS], named: [f64; PARAMETERS]| {
        let mut all = [bar[0]; 1 + PARAMETERS];
        all[1..].copy_from_slice(&named);
        all
    };
    let law_bar = |bar: &[f64; 1 + PARAMETERS]| -> [f64; PARAMETERS] {
        std::array::from_fn(|index| bar[index + 1])
    };
    let (liquids, solids) = inner.split_at(world.liquids.len());
    let liquids = world
        .liquids
        .iter()
        .zip(liquids)
        .map(|(body, bar)| convert(bar, body.law.parameters_vjp(&law_bar(bar))));
    let solids = world
        .solids
        .iter()
        .zip(solids)
        .map(|(body, bar)| convert(bar, body.law.parameters_vjp(&law_bar(bar))));
    liquids.chain(solids).collect()
}
