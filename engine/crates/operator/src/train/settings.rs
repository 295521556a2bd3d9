//! How an operator is trained.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Windows;
use crate::{error::OperatorError, model::Config, rollout::Memory, text};

/// How an operator is trained: a RON file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Shape of the network.
    pub model: Config,
    /// Samples of a body. Default: 128.
    pub samples: usize,
    /// Sets of samples that are drawn of each trajectory. Default: 4.
    pub sets: usize,
    /// Windows of the data that it learns from: `All`, or `Random` or `Quantized` with a share. Default: All.
    pub windows: Windows,
    /// Factor by which these have fewer and more samples: the first set of three has as many as said, the second
    /// so many times fewer, the third so many times more. An operator that learns from several numbers of samples
    /// runs with others, too. At least 1. Default: 1, all the same.
    pub spread: f64,
    /// Steps of the optimiser. Default: 1400.
    pub iterations: usize,
    /// Excerpts of a batch. Default: 4.
    pub batch: usize,
    /// Rate of AdamW. Default: 3e-3.
    pub rate: f64,
    /// Steps in which the rate grows from 0. Default: 100.
    pub warmup: usize,
    /// Factor on the rate at the end of its cosine. Default: 0.01.
    pub floor: f64,
    /// Decay of weights, per rate. Default: 1e-4.
    pub decay: f64,
    /// Greatest norm of a gradient. Default: 1.
    pub clip: f64,
    /// Steps of the operator that the loss spans in the end. Default: 6.
    pub unroll: usize,
    /// What is kept of these steps for the gradient: `Tape`; `Checkpoint`, with which each is done twice, to the same
    /// results; or `Sampled(share: 0.3)`, which keeps that share of what dense layers over edges read, the largest and
    /// some by chance, and estimates their gradients from it. Default: Tape.
    pub memory: Memory,
    /// Share of the iterations in which it spans a single step, at first. Default: 0.15.
    pub single: f64,
    /// Random walk that is added to the velocities of an excerpt, in units of the velocity that the
    /// root mean square acceleration makes in a step. Default: 0.2.
    pub noise: f64,
    /// Steps between two validations. Default: 100.
    pub validate: usize,
    /// Validations without progress after which training stops. Default: 1000, in effect never.
    pub patience: usize,
    /// Steps in which the decoder learns, after the operator; 0 leaves it moving least squares. Default: 1000.
    pub decoder: usize,
    /// What all random numbers follow from. Default: 0.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            model: Config::default(),
            samples: 128,
            sets: 4,
            windows: Windows::All,
            spread: 1.0,
            iterations: 1400,
            batch: 4,
            rate: 3e-3,
            warmup: 100,
            floor: 0.01,
            decay: 1e-4,
            clip: 1.0,
            unroll: 6,
            memory: Memory::Tape,
            single: 0.15,
            noise: 0.2,
            validate: 100,
            patience: 1000,
            decoder: 1000,
            seed: 0,
        }
    }
}

impl Training {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// The file cannot be read, or [`Training::check`].
    pub fn read(path: &Path) -> Result<Self, OperatorError> {
        let settings: Self = text::read(path, "settings of a training")?;
        settings.check()?;
        Ok(settings)
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// The first that is not as expected.
    pub fn check(&self) -> Result<(), OperatorError> {
        self.model.check()?;
        for (field, value) in [
            ("samples", self.samples),
            ("sets", self.sets),
            ("iterations", self.iterations),
            ("batch", self.batch),
            ("unroll", self.unroll),
            ("validate", self.validate),
        ] {
            if value == 0 {
                return Err(OperatorError::setting(field, value, "at least 1"));
            }
        }
        for (field, value) in [("rate", self.rate), ("clip", self.clip)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(OperatorError::setting(field, value, "a positive number"));
            }
        }
        if !(self.spread >= 1.0 && self.spread.is_finite()) {
            let expected = "at least 1";
            return Err(OperatorError::setting("spread", self.spread, expected));
        }
        for (field, value) in [("decay", self.decay), ("noise", self.noise)] {
            if !(value >= 0.0 && value.is_finite()) {
                let expected = "a number that is not negative";
                return Err(OperatorError::setting(field, value, expected));
            }
        }
        if let Some(share) = self.windows.share()
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(OperatorError::setting(
                "windows",
                share,
                "a share above 0, at most 1",
            ));
        }
        if let Memory::Sampled { share, .. } = self.memory
            && !(share > 0.0 && share <= 1.0)
        {
            let expected = "a share above 0, at most 1";
            return Err(OperatorError::setting("memory", share, expected));
        }
        for (field, value) in [("floor", self.floor), ("single", self.single)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(OperatorError::setting(field, value, "0 to 1"));
            }
        }
        Ok(())
    }

    /// Steps of the operator that the loss spans at an iteration.
    pub fn span(&self, iteration: usize) -> usize {
        let single = self.single * self.iterations as f64;
        if (iteration as f64) < single {
            1
        } else {
            self.unroll
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("training.ron");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Training::read(&path)
        };
        let settings = read("(samples: 100, model: (width: 16))").unwrap();
        assert_eq!((settings.samples, settings.model.width), (100, 16));
        assert_eq!(settings.model.layers, 2);
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(error("(batch: 0)"), "batch = 0: expected at least 1");
        assert_eq!(
            error("(model: (width: 0))"),
            "model.width = 0: expected 1 to 1024"
        );
        assert_eq!(
            error("(windows: Quantized(0))"),
            "windows = 0: expected a share above 0, at most 1"
        );
        assert_eq!(
            error("(memory: Sampled(share: 1.5))"),
            "memory = 1.5: expected a share above 0, at most 1"
        );
        assert_eq!(error("(spread: 0.5)"), "spread = 0.5: expected at least 1");
        assert!(error("(speed: 1)").contains("speed"));
    }

    #[test]
    fn the_loss_spans_more_later_on() {
        let settings = Training {
            iterations: 10,
            single: 0.3,
            unroll: 4,
            ..Training::default()
        };
        assert_eq!([0, 2, 3, 9].map(|at| settings.span(at)), [1, 1, 4, 4]);
    }
}
