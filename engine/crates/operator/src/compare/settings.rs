//! What is compared.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{data::Recipe, error::OperatorError, model::Config, text, train::Training};

/// What is compared: a RON file. Each material is learned by each model from each seed, and all of these trainings
/// have the same data, the same samples and the same budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Recipe of the data set: a file beside this one.
    pub data: PathBuf,
    /// Materials of the recipe.
    pub materials: Vec<String>,
    /// Seeds of trainings. Default: 0.
    #[serde(default = "one_seed")]
    pub seeds: Vec<u64>,
    /// CPU time that a training may take (s). The iterations that fit are found by timing a few, are at most those of
    /// `training`, and are written down, so that a training that is stopped goes on to the same bits. Default:
    /// none, all of the iterations.
    #[serde(default)]
    pub cpu_seconds: Option<f64>,
    /// How all models are trained; what it says of the model and the seed does not count.
    #[serde(default)]
    pub training: Training,
    /// The models by name.
    pub models: BTreeMap<String, Contestant>,
}

/// A model of a comparison. What is not given is as in [`Comparison::training`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contestant {
    /// Its shape.
    pub model: Config,
    /// Rate of AdamW.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Steps that the loss spans in the end.
    #[serde(default)]
    pub unroll: Option<usize>,
    /// Noise of the velocities.
    #[serde(default)]
    pub noise: Option<f64>,
    /// Factor by which sets have fewer and more samples.
    #[serde(default)]
    pub spread: Option<f64>,
}

/// One training of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What is learned.
    pub material: String,
    /// By which model.
    pub model: String,
    /// From which seed.
    pub seed: u64,
    /// How, with all of the iterations.
    pub training: Training,
}

fn one_seed() -> Vec<u64> {
    vec![0]
}

impl Comparison {
    /// Reads and checks settings, and the recipe that they name.
    ///
    /// # Errors
    /// A file cannot be read, or everything that is wrong with its numbers.
    pub fn read(path: &Path) -> Result<(Self, Recipe), OperatorError> {
        let settings: Self = text::read(path, "settings of a comparison")?;
        let beside = path.parent().unwrap_or(Path::new(""));
        let recipe = Recipe::read(&beside.join(&settings.data))?;
        let faults = settings.faults(&recipe);
        if faults.is_empty() {
            Ok((settings, recipe))
        } else {
            let path = path.to_owned();
            Err(OperatorError::Faults { path, faults })
        }
    }

    /// Writes them, for [`Comparison::same`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), OperatorError> {
        text::write(self, path, "a comparison that can be written")
    }

    /// Whether a file has the same settings.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn same(&self, path: &Path) -> Result<bool, OperatorError> {
        let there: Self = text::read(path, "settings of a comparison")?;
        Ok(there == *self)
    }

    /// Everything that is wrong.
    fn faults(&self, recipe: &Recipe) -> Vec<String> {
        let mut faults = Vec::new();
        let mut wrong = |field: &str, found: String, expected: &str| {
            faults.push(OperatorError::setting(field, found, expected).to_string());
        };
        for (field, empty) in [
            ("materials", self.materials.is_empty()),
            ("seeds", self.seeds.is_empty()),
        ] {
            if empty {
                wrong(field, "[]".to_owned(), "at least one");
            }
        }
        if self.models.is_empty() {
            wrong("models", "{}".to_owned(), "at least one");
        }
        let known: Vec<_> = recipe.materials.keys().map(String::as_str).collect();
        for (at, material) in self.materials.iter().enumerate() {
            if !known.contains(&material.as_str()) {
                let expected = format!("one of {}", known.join(", "));
                wrong(
                    &format!("materials[{at}]"),
                    format!("{material:?}"),
                    &expected,
                );
            }
            if self.materials[..at].contains(material) {
                let expected = "each material once";
                wrong(
                    &format!("materials[{at}]"),
                    format!("{material:?}"),
                    expected,
                );
            }
        }
        for (at, seed) in self.seeds.iter().enumerate() {
            if self.seeds[..at].contains(seed) {
                wrong(&format!("seeds[{at}]"), seed.to_string(), "each seed once");
            }
        }
        for name in self.models.keys() {
            if !crate::data::is_file_name(name) {
                let expected = "a name of letters, digits, '_' and '-', since it names a folder";
                wrong("models", format!("{name:?}"), expected);
            }
        }
        if let Some(budget) = self.cpu_seconds
            && !(budget > 0.0 && budget.is_finite())
        {
            wrong("cpu_seconds", budget.to_string(), "a positive time (s)");
        }
        if recipe.counts.test == 0 {
            let path = self.data.display();
            wrong(
                &format!("counts.test of {path}"),
                "0".to_owned(),
                "at least 1",
            );
        }
        let base = Training {
            model: Config::default(),
            ..self.training
        };
        if let Err(error) = base.check() {
            faults.push(format!("training.{error}"));
        }
        for (name, model) in &self.models {
            // What is wrong with all of them has been said.
            let own = Training {
                model: model.model,
                rate: model.rate.unwrap_or(1.0),
                unroll: model.unroll.unwrap_or(1),
                noise: model.noise.unwrap_or(0.0),
                spread: model.spread.unwrap_or(1.0),
                ..Training::default()
            };
            if let Err(error) = own.check() {
                faults.push(format!("models[{name:?}].{error}"));
            }
            let least = self.first() + model.unroll.unwrap_or(self.training.unroll);
            if recipe.frames + 1 < least {
                let (path, found) = (self.data.display(), recipe.frames);
                let field = format!("frames of {path}");
                let expected = format!("at least {}, for model {name}", least - 1);
                faults.push(OperatorError::setting(field, found, expected).to_string());
            }
        }
        faults
    }

    /// Positions of a trajectory that all models start from: as many as the one sees that sees most.
    pub fn first(&self) -> usize {
        let steps = self.models.values().map(|model| model.model.history + 1);
        steps.max().unwrap_or(2)
    }

    /// All trainings, all materials and models of the first seed first.
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for &seed in &self.seeds {
            for material in &self.materials {
                for (name, model) in &self.models {
                    let base = self.training;
                    jobs.push(Job {
                        material: material.clone(),
                        model: name.clone(),
                        seed,
                        training: Training {
                            model: model.model,
                            rate: model.rate.unwrap_or(base.rate),
                            unroll: model.unroll.unwrap_or(base.unroll),
                            noise: model.noise.unwrap_or(base.noise),
                            spread: model.spread.unwrap_or(base.spread),
                            seed,
                            ..base
                        },
                    });
                }
            }
        }
        jobs
    }
}

impl Job {
    /// Its folder in that of the comparison.
    pub fn folder(&self, out: &Path) -> PathBuf {
        let name = format!("{}-{}", self.model, self.seed);
        out.join(&self.material).join(name)
    }

    /// The file of the decoder, which all models share.
    pub fn decoder(&self, out: &Path) -> PathBuf {
        let name = format!("decoder-{}.npz", self.seed);
        out.join(&self.material).join(name)
    }

    /// As many iterations as take `budget` (s of CPU time), if one of the loss's first, of its later ones and a
    /// validation take so long; at most those of the job, at least 10. There are eight validations or as many as
    /// the job says.
    #[must_use]
    pub fn fitted(&self, budget: f64, short: f64, long: f64, validation: f64) -> Training {
        const VALIDATIONS: usize = 8;
        let base = self.training;
        let each = base.single * short + (1.0 - base.single) * long;
        let left = budget - VALIDATIONS as f64 * validation;
        let fit = (left / each.max(f64::MIN_POSITIVE)).clamp(10.0, 1e9) as usize;
        let iterations = fit.min(base.iterations);
        Training {
            iterations,
            validate: base.validate.min(iterations.div_ceil(VALIDATIONS)),
            warmup: base.warmup.min(iterations / 10),
            ..base
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::recipe;

    const TEXT: &str = "(
        data: \"data.ron\",
        materials: [\"jelly\"],
        seeds: [0, 7],
        training: (iterations: 100, samples: 20, rate: 2e-3),
        models: {
            \"pairs\": (model: (kind: Pairs)),
            \"gns\": (model: (kind: Free, layers: 10, history: 5), rate: 1e-3),
        },
    )";

    fn read(text: &str) -> Result<Comparison, OperatorError> {
        let folder = tempfile::tempdir().unwrap();
        recipe().write(&folder.path().join("data.ron")).unwrap();
        let path = folder.path().join("comparison.ron");
        std::fs::write(&path, text).unwrap();
        Comparison::read(&path).map(|found| found.0)
    }

    #[test]
    fn every_model_learns_every_material_from_every_seed() {
        let jobs = read(TEXT).unwrap().jobs();
        let names: Vec<_> = (jobs.iter())
            .map(|job| (job.model.as_str(), job.seed, job.training.rate))
            .collect();
        let expected = [
            ("gns", 0, 1e-3),
            ("pairs", 0, 2e-3),
            ("gns", 7, 1e-3),
            ("pairs", 7, 2e-3),
        ];
        assert_eq!(names, expected);
        assert!(jobs.iter().all(|job| job.training.seed == job.seed));
        assert_eq!(jobs[0].training.model.layers, 10);
        assert_eq!(read(TEXT).unwrap().first(), 6);
    }

    #[test]
    fn as_many_iterations_as_the_budget_has_time_for() {
        let mut job = read(TEXT).unwrap().jobs().remove(0);
        job.training.single = 0.5;
        let fitted = job.fitted(60.0, 1.0, 3.0, 2.0);
        assert_eq!(fitted.iterations, 22);
        assert_eq!(fitted.validate, 3);
        assert_eq!(job.fitted(1e9, 1.0, 3.0, 2.0).iterations, 100);
        assert_eq!(job.fitted(1.0, 1.0, 3.0, 2.0).iterations, 10);
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let wrong = TEXT
            .replace("[\"jelly\"]", "[\"jelly\", \"lead\"]")
            .replace("[0, 7]", "[7, 7]")
            .replace("samples: 20", "samples: 0, batch: 2")
            .replace("\"pairs\": (", "\"../x\": (")
            .replace("rate: 1e-3", "rate: -1.0")
            .replace("seeds", "cpu_seconds: 0.0, seeds");
        let error = read(&wrong).unwrap_err().to_string();
        for part in [
            "comparison.ron: 6 settings are wrong",
            "materials[1] = \"lead\": expected one of jelly",
            "seeds[1] = 7: expected each seed once",
            "models = \"../x\": expected a name of letters",
            "cpu_seconds = 0: expected a positive time (s)",
            "training.samples = 0: expected at least 1",
            "models[\"gns\"].rate = -1: expected a positive number",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
        let error = read(&TEXT.replace("layers: 10", "unroll: 3")).unwrap_err();
        assert!(error.to_string().contains("unroll"), "{error}");
        let long = TEXT.replace("rate: 1e-3", "unroll: 30");
        let error = read(&long).unwrap_err().to_string();
        assert!(
            error.contains("frames of data.ron = 12: expected at least 35, for model gns"),
            "{error}"
        );
    }
}
