//! How promising a network is before it is trained.

use backflow_optim::Random;
use rayon::prelude::*;

use super::{Trainer, loss};
use crate::error::OperatorError;

impl Trainer {
    /// How far the excerpts of the data agree on which way the weights should go (Zhang & Jia 2022, "GradSign: model
    /// performance inference with theoretical insights", algorithm 1): the sum over the weights, as they are now, of
    /// `|sum_i sign(dl_i / dw)|` over `excerpts` losses `l_i` of one step. Networks with a greater score are expected to
    /// learn better. It takes as long as so many excerpts of a training, on any number of threads the same.
    ///
    /// # Errors
    /// A loss that is not finite.
    pub fn grad_sign(&self, excerpts: usize) -> Result<f64, OperatorError> {
        let operator = self.with(&self.state.weights)?;
        let one = |number: usize| {
            let mut random = Random::new(self.settings.seed, &[0x6773, number as u64]);
            let excerpt = self.train.excerpt(
                operator.steps(),
                1,
                &self.scales,
                self.settings.noise,
                &mut random,
            );
            let mut bar = vec![0.0_f32; operator.weights.len()];
            let memory = self.settings.memory.drawn(&mut random);
            let value = loss(&operator, &excerpt, memory, &mut bar)?;
            if !value.is_finite() {
                return Err(OperatorError::NotFinite {
                    what: "the loss",
                    place: format!("of excerpt {number}"),
                });
            }
            Ok(bar)
        };
        let bars: Vec<_> = (0..excerpts).into_par_iter().map(one).collect();
        let mut votes = vec![0.0; operator.weights.len()];
        for bar in bars {
            for (votes, bar) in votes.iter_mut().zip(bar?) {
                // Neither way where nothing depends on the weight.
                *votes += if bar == 0.0 {
                    0.0
                } else {
                    f64::from(bar.signum())
                };
            }
        }
        Ok(votes.into_iter().map(f64::abs).sum())
    }
}
