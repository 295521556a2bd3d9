//! What sources do.

use backflow_sim::{gas::rollout::Gradient, scene::GasScene};
use nalgebra::Vector3;

use super::GasPlace;

/// What a source adds to a scalar.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) source: usize,
    pub(super) scalar: usize,
}

impl GasPlace for Rate {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        vec![gas.model.sources[self.source].rates[self.scalar]]
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        gas.model.sources[self.source].rates[self.scalar] = values[0];
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        vec![gradient.course.sources[self.source].rates[self.scalar]]
    }
}

/// How a source pushes the gas.
#[derive(Debug)]
pub(super) struct Push(pub(super) usize);

impl GasPlace for Push {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        gas.model.sources[self.0].push.iter().copied().collect()
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        gas.model.sources[self.0].push = Vector3::from_column_slice(values);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let push = &gradient.course.sources[self.0].push;
        push.iter().copied().collect()
    }
}
