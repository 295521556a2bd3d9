//! What acts on everything.

use backflow_sim::rollout::Gradient;
use nalgebra::Vector3;

use super::{Place, Setup};

/// Acceleration of gravity.
#[derive(Debug)]
pub(super) struct Gravity;

impl Place for Gravity {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        setup.world.gravity.iter().copied().collect()
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        setup.world.gravity = Vector3::from_column_slice(values);
        if let Some(gas) = &mut setup.gas {
            gas.model.gravity = setup.world.gravity;
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        gradient.gravity.iter().copied().collect()
    }
}
