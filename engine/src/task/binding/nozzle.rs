//! What comes out of a nozzle.

use backflow_sim::rollout::Gradient;

use super::{Place, Setup, pick, put};

/// Velocity of what comes out of an injector.
#[derive(Debug)]
pub(super) struct Velocity {
    /// Index of the injector.
    pub injector: usize,
    /// Free axes.
    pub axes: Vec<usize>,
}

impl Place for Velocity {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        pick(&self.axes, &setup.world.injectors[self.injector].velocity)
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let injector = &mut setup.world.injectors[self.injector];
        put(&self.axes, values, &mut injector.velocity);
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        pick(&self.axes, &gradient.injectors[self.injector].velocity)
    }
}
