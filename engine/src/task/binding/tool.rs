//! Where a tool starts.

use backflow_sim::{
    pose::{exp, exp_vjp},
    rollout::Gradient,
};
use nalgebra::Vector3;

use super::{Place, Setup, pick, put};

/// Initial position of a tool.
#[derive(Debug)]
pub(super) struct Position {
    /// Index of the tool.
    pub tool: usize,
    /// Free axes.
    pub axes: Vec<usize>,
}

/// Initial turn of a tool, on top of the scene's.
#[derive(Debug)]
pub(super) struct Rotation {
    /// Index of the tool.
    pub tool: usize,
}

/// Initial positions of the joints of a tool.
#[derive(Debug)]
pub(super) struct Joints {
    /// Index of the tool.
    pub tool: usize,
}

impl Place for Position {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        pick(
            &self.axes,
            &setup.world.tools[self.tool].start.pose.position,
        )
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let start = &mut setup.world.tools[self.tool].start;
        put(&self.axes, values, &mut start.pose.position);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        pick(&self.axes, &gradient.tools[self.tool].start.pose.position)
    }
}

impl Place for Rotation {
    fn values(&self, _setup: &Setup) -> Vec<f64> {
        vec![0.0; 3]
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let pose = &mut setup.world.tools[self.tool].start.pose;
        pose.rotation = exp(&Vector3::from_column_slice(values)) * pose.rotation;
    }

    fn pull(&self, values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let theta = Vector3::from_column_slice(values);
        let bar = exp_vjp(&theta, &gradient.tools[self.tool].start.pose.rotation);
        bar.iter().copied().collect()
    }
}

impl Place for Joints {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        setup.world.tools[self.tool].start.joints.to_vec()
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let joints = &mut setup.world.tools[self.tool].start.joints;
        joints
            .iter_mut()
            .zip(values)
            .for_each(|(q, value)| *q = *value);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        gradient.tools[self.tool].start.joints.to_vec()
    }
}
