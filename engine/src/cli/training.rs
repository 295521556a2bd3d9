//! Training of small networks: one batch of samples after the other.

use std::{convert::Infallible, ops::ControlFlow};

use backflow_optim::{
    Driver, DriverState, Evaluation, Layout, Objective, Record, Settings, UpdateSettings,
};

use super::{Failure, out::Progress};

/// Step of Adam.
const RATE: f64 = 3e-3;

/// A loss whose samples change with every gradient.
struct Batches<F> {
    /// Value at weights, over a batch of the samples that is given by its number; adds the gradient.
    loss: F,
    next: usize,
}

impl<F: FnMut(&[f64], usize, &mut [f64]) -> f64> Objective for Batches<F> {
    type Error = Infallible;

    fn value(&mut self, x: &[f64]) -> Result<f64, Infallible> {
        Ok((self.loss)(x, self.next, &mut vec![0.0; x.len()]))
    }

    fn gradient(&mut self, x: &[f64]) -> Result<Evaluation, Infallible> {
        let mut bar = vec![0.0; x.len()];
        let value = (self.loss)(x, self.next, &mut bar);
        self.next += 1;
        Ok(Evaluation::new(value, bar))
    }
}

/// The samples of a batch of `size` that goes round `count` of them.
pub fn batch(number: usize, size: usize, count: usize) -> Vec<usize> {
    (number * size..(number + 1) * size)
        .map(|index| index % count)
        .collect()
}

/// Weights after so many steps of Adam from `start`: the last ones, which are worth more than
/// those of the best batch. `loss` is asked at weights for the value and the gradient over a batch,
/// by its number.
///
/// # Errors
/// A loss that is not finite.
pub fn train(
    start: &[f64],
    iterations: usize,
    quiet: bool,
    loss: impl FnMut(&[f64], usize, &mut [f64]) -> f64,
) -> Result<Vec<f64>, Failure> {
    let mut layout = Layout::new();
    layout.push("weights", start.len()).map_err(Failure::work)?;
    let settings = Settings {
        iterations,
        update: UpdateSettings::Adam {
            rate: RATE,
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
        },
        ..Settings::default()
    };
    let driver = Driver::new(settings, layout).map_err(Failure::work)?;
    let mut state = driver.start(start).map_err(Failure::work)?;
    let mut batches = Batches { loss, next: 0 };
    let mut progress = Progress::new(iterations, "iterations", quiet);
    let mut observer = |record: &Record, _: &DriverState| {
        progress.at(record.iteration + 1, &format!("loss {:.4}", record.value));
        ControlFlow::Continue(())
    };
    driver
        .run(&mut state, &mut batches, &mut observer)
        .map_err(Failure::work)?;
    progress.end();
    Ok(state.x)
}
