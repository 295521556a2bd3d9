//! Activations of muscles.

use backflow_sim::{
    rollout::Gradient,
    scene::{Kind, Scene},
};

use super::{Place, Setup};

/// Activation of a muscle, a value every so many frames.
#[derive(Debug)]
pub(super) struct Activation {
    /// Its number in the world.
    index: usize,
    hold: usize,
}

impl Activation {
    /// Finds the activation of a body by its name.
    pub fn find(scene: &Scene, body: &str, hold: usize) -> Option<Self> {
        let body = scene.bodies.iter().find(|known| known.name == *body)?;
        let mut activations = scene.world.activations.iter();
        let solid = body.kind == Kind::Solid;
        let index = activations.position(|known| solid && known.body == body.index)?;
        Some(Self { index, hold })
    }
}

impl Place for Activation {
    fn values(&self, setup: &Setup) -> Vec<f64> {
        let frames = setup.world.activations[self.index].frames.iter();
        frames.step_by(self.hold).copied().collect()
    }

    fn apply(&self, values: &[f64], setup: &mut Setup) {
        let frames = setup.world.activations[self.index].frames.iter_mut();
        for (frame, activation) in frames.enumerate() {
            *activation = values[frame / self.hold];
        }
    }

    fn pull(&self, _values: &[f64], gradient: &Gradient<f64>) -> Vec<f64> {
        let knots = gradient.activations[self.index].chunks(self.hold);
        knots.map(|knot| knot.iter().sum()).collect()
    }
}
