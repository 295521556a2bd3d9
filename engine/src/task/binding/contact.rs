//! Walls and colliders.

use backflow_sim::{
    pose::{exp, exp_vjp},
    rollout::Gradient,
    scene::{Scene, spec::Walls},
};
use nalgebra::Vector3;

use super::{Place, Setup, pick, put};

/// Index of a collider.
pub(super) fn find(scene: &Scene, name: &str) -> Option<usize> {
    let colliders = &scene.world.colliders;
    colliders.iter().position(|known| known.name == name)
}

/// Axis and side of a wall.
pub(super) fn wall(name: &str) -> Option<(usize, usize)> {
    let at = Walls::NAMES
        .iter()
        .flatten()
        .position(|known| *known == name)?;
    Some((at / 2, at % 2))
}

/// Friction of a collider.
#[derive(Debug)]
pub(super) struct Friction(pub usize);

/// Friction of a wall.
#[derive(Debug)]
pub(super) struct WallFriction {
    /// Axis that it lies across.
    pub axis: usize,
    /// 0 at the lower end, 1 at the upper.
    pub side: usize,
}

/// Position of a collider in the frame that it is in.
#[derive(Debug)]
pub(super) struct Position {
    /// Index of the collider.
    pub collider: usize,
    /// Free axes.
    pub axes: Vec<usize>,
}

/// Turn of a collider in the frame that it is in, on top of the scene's.
#[derive(Debug)]
pub(super) struct Rotation(pub usize);

impl Place for Friction {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        vec![setup.world.colliders[self.0].friction]
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        setup.world.colliders[self.0].friction = values[0];
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        vec![gradient.colliders[self.0].friction]
    }
}

impl Place for WallFriction {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        vec![setup.world.walls[self.axis][self.side].friction]
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        setup.world.walls[self.axis][self.side].friction = values[0];
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        vec![gradient.walls[self.axis][self.side]]
    }
}

impl Place for Position {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        pick(
            &self.axes,
            &setup.world.colliders[self.collider].pose.position,
        )
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let pose = &mut setup.world.colliders[self.collider].pose;
        put(&self.axes, values, &mut pose.position);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        pick(&self.axes, &gradient.colliders[self.collider].pose.position)
    }
}

impl Place for Rotation {
    fn values(&self, _setup: &Setup) -> Vec<f64> {
        vec![0.0; 3]
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let pose = &mut setup.world.colliders[self.0].pose;
        pose.rotation = exp(&Vector3::from_column_slice(values)) * pose.rotation;
    }

    fn pull(&self, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let theta = Vector3::from_column_slice(values);
        let bar = exp_vjp(&theta, &gradient.colliders[self.0].pose.rotation);
        bar.iter().copied().collect()
    }
}
