//! Weights of policies.

use backflow_sim::{rollout::Gradient, world::World};

use super::{Place, Setup};

/// The weights of a policy.
#[derive(Debug)]
pub(super) struct Weights {
    /// Its number in the world.
    policy: usize,
}

impl Weights {
    /// Finds the policy of a tool.
    pub fn find(world: &World<f64>, tool: usize) -> Option<Self> {
        let mut policies = world.policies.iter();
        let policy = policies.position(|policy| policy.tool == tool)?;
        Some(Self { policy })
    }
}

impl Place for Weights {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        setup.world.policies[self.policy].weights.clone()
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        setup.world.policies[self.policy]
            .weights
            .copy_from_slice(values);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        gradient.policies[self.policy].clone()
    }
}
