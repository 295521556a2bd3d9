//! Rigid bodies.

use backflow_sim::{
    pose::{exp, exp_vjp},
    rollout::Gradient,
    scene::Scene,
};
use nalgebra::Vector3;

use super::{super::variables::Variable, Place, Setup, indices, pick, put};

/// What a variable of a rigid body changes.
#[derive(Debug)]
enum Field {
    /// Velocity of the centre of mass, along these axes.
    Velocity(Vec<usize>),
    /// Position of the centre of mass, along these axes.
    Position(Vec<usize>),
    /// A turn on top of the scene's.
    Rotation,
    /// Angular velocity about these axes.
    Spin(Vec<usize>),
    /// Mass (kg), with the moments of inertia for each kilogram.
    Mass(Vector3<f64>),
    /// Friction against walls, colliders and rigid bodies.
    Friction,
}

/// A variable of a rigid body.
#[derive(Debug)]
pub(super) struct Rigid {
    body: usize,
    field: Field,
}

impl Rigid {
    /// The place of a variable that is of a rigid body; `None` for others.
    pub fn find(variable: &Variable, scene: &Scene) -> Option<Self> {
        let bodies = &scene.world.rigids;
        let find = |name: &String| bodies.iter().position(|body| body.name == *name);
        let (body, field) = match variable {
            Variable::Velocity { body, axes, .. } => (find(body)?, Field::Velocity(indices(axes))),
            Variable::Position { body, axes, .. } => (find(body)?, Field::Position(indices(axes))),
            Variable::Rotation { body, .. } => (find(body)?, Field::Rotation),
            Variable::Spin { body, axes, .. } => (find(body)?, Field::Spin(indices(axes))),
            Variable::Mass { body, .. } => {
                let body = find(body)?;
                (body, Field::Mass(bodies[body].moments / bodies[body].mass))
            }
            Variable::Friction { collider, .. } => (find(collider)?, Field::Friction),
            _ => return None,
        };
        Some(Self { body, field })
    }
}

impl Place for Rigid {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        let body = &setup.world.rigids[self.body];
        match &self.field {
            Field::Velocity(axes) => pick(axes, &body.start.twist.linear),
            Field::Position(axes) => pick(axes, &body.start.pose.position),
            Field::Rotation => vec![0.0; 3],
            Field::Spin(axes) => pick(axes, &body.start.twist.angular),
            Field::Mass(_) => vec![body.mass],
            Field::Friction => vec![body.friction],
        }
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let body = &mut setup.world.rigids[self.body];
        let start = &mut body.start;
        match &self.field {
            Field::Velocity(axes) => put(axes, values, &mut start.twist.linear),
            Field::Position(axes) => put(axes, values, &mut start.pose.position),
            Field::Rotation => {
                let turn = exp(&Vector3::from_column_slice(values));
                start.pose.rotation = turn * start.pose.rotation;
            }
            Field::Spin(axes) => put(axes, values, &mut start.twist.angular),
            Field::Mass(moments) => {
                body.mass = values[0];
                body.moments = moments * values[0];
            }
            Field::Friction => body.friction = values[0],
        }
    }

    fn pull(&self, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let body = &gradient.rigids[self.body];
        let (start, constants) = (&body.start, &body.parameters);
        match &self.field {
            Field::Velocity(axes) => pick(axes, &start.twist.linear),
            Field::Position(axes) => pick(axes, &start.pose.position),
            Field::Rotation => {
                let theta = Vector3::from_column_slice(values);
                let bar = exp_vjp(&theta, &start.pose.rotation);
                bar.iter().copied().collect()
            }
            Field::Spin(axes) => pick(axes, &start.twist.angular),
            Field::Mass(moments) => vec![constants.mass + constants.moments.dot(moments)],
            Field::Friction => vec![constants.friction],
        }
    }
}
