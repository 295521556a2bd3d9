//! How a frame is cut into steps of the gas.

use backflow_diff::Real;

use super::{
    boundary::Side,
    diffuse::stable,
    model::{Gas, Model, Moment},
};

/// Time of a run of gas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// Frames of the run.
    pub frames: usize,
    /// Duration of a frame (s).
    pub frame: f64,
    /// Steps of every frame; chosen at the start of each if `None`.
    pub steps: Option<usize>,
}

/// Steps of a frame, at most.
pub const MOST: usize = 4096;

/// Steps that a frame of `duration` seconds takes from `gas`: so many that no gas crosses more
/// than `courant` cells, at the speed it has, that sides give it, or that jets and fans may
/// bring it to in the frame; and that diffusion is stable. At most [`MOST`].
///
/// The number does not change under small changes of the gas, so that it has no derivative;
/// where it jumps, the derivative is that of the number taken.
pub fn steps<T: Real>(model: &Model<T>, moment: &Moment<T>, gas: &Gas<T>, duration: f64) -> usize {
    let mut speed = gas.fastest();
    for side in model.sides.iter().flatten() {
        if let Side::Wall { velocity, .. } | Side::Inflow { velocity, .. } = side {
            speed = velocity
                .iter()
                .map(|v| v.to_f64().abs())
                .fold(speed, f64::max);
        }
    }
    for placement in &moment.obstacles {
        speed = speed.max(placement.twist.linear.norm().to_f64());
    }
    let jets = moment
        .jets
        .iter()
        .map(|(_, blow)| blow.strength.to_f64().abs());
    let fans = model
        .sources
        .iter()
        .map(|source| source.push.norm().to_f64());
    let push: f64 = jets.chain(fans).fold(0.0, f64::max);
    speed += push * duration;
    let mut wanted = speed * duration / (model.method.courant * model.grid.dx);
    let diffusivities = model
        .species
        .iter()
        .filter_map(|species| species.diffusivity);
    for diffusivity in diffusivities.chain(model.viscosity) {
        if diffusivity > T::zero() {
            wanted = wanted.max(duration / stable(&model.grid, diffusivity.to_f64()));
        }
    }
    // A quotient that misses a whole number by round-off is that number.
    ((wanted * (1.0 - 1e-12)).ceil().max(1.0) as usize).min(MOST)
}
