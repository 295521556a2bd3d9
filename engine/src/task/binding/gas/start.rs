//! How a gas starts.

use backflow_sim::{
    gas::{Gas, rollout::Gradient},
    scene::GasScene,
};

use super::GasPlace;

/// The velocity of every face, one component after the other.
#[derive(Debug)]
pub(super) struct Velocity;

fn samples(gas: &Gas<f64>) -> Vec<f64> {
    gas.velocity.iter().flat_map(|u| u.samples()).collect()
}

impl GasPlace for Velocity {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        samples(&gas.initial)
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        let mut rest = values;
        for u in &mut gas.initial.velocity {
            let (own, others) = rest.split_at(u.layout.count());
            u.set_samples(own);
            rest = others;
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        samples(&gradient.gas)
    }
}

/// A scalar in every cell, by its number.
#[derive(Debug)]
pub(super) struct Scalar(pub(super) usize);

impl GasPlace for Scalar {
    fn values(&self, gas: &GasScene) -> Vec<f64> {
        gas.initial.scalars[self.0].samples()
    }

    fn apply(&self, values: &[f64], gas: &mut GasScene) {
        gas.initial.scalars[self.0].set_samples(values);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        gradient.gas.scalars[self.0].samples()
    }
}
