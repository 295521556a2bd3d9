//! Training of the search direction.

use backflow_sim::gas::{
    learned::{network::Network, samples::Samples},
    poisson::Poisson,
};

use super::{CHANNELS, TrainPressure};
use crate::cli::{
    Failure,
    training::{self, batch},
};

/// Right-hand sides that are trained on.
const SAMPLES: usize = 256;

/// Seeds of the samples and of the weights at the start.
const SEEDS: [u64; 2] = [1, 2];

/// A network for the matrix.
///
/// # Errors
/// A loss that is not finite.
pub(super) fn train(options: &TrainPressure, poisson: &Poisson<f64>) -> Result<Network, Failure> {
    let samples = Samples::new(poisson.clone(), SAMPLES, SEEDS[0]);
    let mut network = Network::new(CHANNELS, options.filters, SEEDS[1]);
    let start = network.weights.clone();
    let loss = |weights: &[f64], number: usize, bar: &mut [f64]| {
        network.weights.copy_from_slice(weights);
        let batch = batch(number, options.batch, SAMPLES);
        samples.loss(&network, &batch, bar)
    };
    let weights = training::train(&start, options.iterations, options.json, loss)?;
    network.weights = weights;
    Ok(network)
}
