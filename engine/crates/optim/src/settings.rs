//! Everything a run is told, as it stands in a scene.

use serde::{Deserialize, Serialize};

use crate::clip::Clip;
use crate::curvature::Lanczos;
use crate::estimator::EstimatorSettings;
use crate::fault::{Fault, Faults};
use crate::guard::Guard;
use crate::plain;
use crate::schedule::ScheduleSettings;
use crate::stop::Plateau;
use crate::update::UpdateSettings;

/// The product update x schedule x estimator, with its stops. Every field may be left out:
///
/// ```
/// # fn read(text: &str) -> Result<backflow_optim::Settings, ron::error::SpannedError> {
/// ron::from_str(text)
/// # }
/// # let settings = read(
/// r#"(
///     iterations: 60,
///     update: Adam(rate: 0.05),
///     schedule: Cosine(floor: 0.1),
///     clip: Norm(1.0),
///     plateau: (patience: 10, relative: 1e-3),
///     target: 0.01,
/// )"#
/// # )?;
/// # assert_eq!(settings.iterations, 60);
/// # Ok::<(), ron::error::SpannedError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Evaluations of value and gradient, the start included (default: 100).
    pub iterations: usize,
    /// How the vector moves (default: `Adam()`).
    pub update: UpdateSettings,
    /// How the rate changes (default: `Constant`).
    pub schedule: ScheduleSettings,
    /// Where the gradient comes from (default: `Adjoint`).
    pub estimator: EstimatorSettings,
    /// Sets the unit of the rate by the curvature at the start (default: off).
    #[serde(with = "plain", skip_serializing_if = "Option::is_none")]
    pub lanczos: Option<Lanczos>,
    /// How long gradients are shortened (default: `None`).
    pub clip: Clip,
    /// What happens at non-finite numbers (default: 5 halvings, recovery after 10 iterations).
    pub guard: Guard,
    /// Ends a run that no longer improves (default: never).
    #[serde(with = "plain", skip_serializing_if = "Option::is_none")]
    pub plateau: Option<Plateau>,
    /// Ends the run at a value less than or equal to this (default: never).
    #[serde(with = "plain", skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Ends the run where the norm of the projected gradient is less than or equal to this,
    /// in units of value per parameter (default: never).
    #[serde(with = "plain", skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            iterations: 100,
            update: UpdateSettings::default(),
            schedule: ScheduleSettings::default(),
            estimator: EstimatorSettings::default(),
            lanczos: None,
            clip: Clip::default(),
            guard: Guard::default(),
            plateau: None,
            target: None,
            gradient_norm: None,
        }
    }
}

impl Settings {
    /// Every bad number at once, as (field, value, what was expected); empty if all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut list = Vec::new();
        let mut faults = Faults::new("", &mut list);
        faults.at_least_one("iterations", self.iterations);
        if let Some(target) = self.target {
            faults.require(target.is_finite(), "target", target, "a finite number");
        }
        if let Some(norm) = self.gradient_norm {
            faults.not_negative("gradient_norm", norm);
        }
        let clips = self.clip != Clip::None && self.update.searches_lines();
        let clip = format!("{:?}", self.clip);
        faults.require(
            !clips,
            "clip",
            clip,
            "None with Lbfgs, whose line search needs the true gradient",
        );
        let blind = self.estimator.gives_values_alone() && !self.update.ignores_gradients();
        faults.require(
            !blind,
            "estimator",
            "Values",
            "one that gives gradients, which this update needs",
        );
        let zero = self.estimator.gives_values_alone() && self.gradient_norm.is_some();
        faults.require(
            !zero,
            "gradient_norm",
            self.gradient_norm.unwrap_or_default(),
            "no such stop with the estimator Values, which gives none",
        );
        if let Some(lanczos) = &self.lanczos {
            lanczos.faults(&mut list);
        }
        self.update.faults(&mut list);
        self.schedule.faults(self.iterations, &mut list);
        self.estimator.faults(&mut list);
        self.clip.faults(&mut list);
        self.guard.faults(&mut list);
        if let Some(plateau) = &self.plateau {
            plateau.faults(&mut list);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        ron::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_scene_reads_well_and_everything_may_be_left_out() {
        let text = "(iterations: 60, update: Adam(rate: 0.05), schedule: Cosine(floor: 0.1), \
                    clip: Norm(1.0), plateau: (patience: 10, relative: 1e-3), target: 0.5)";
        let settings = read(text).unwrap();
        assert_eq!(settings.update, UpdateSettings::adam(0.05));
        assert_eq!(settings.plateau, Some(Plateau::default()));
        assert_eq!(settings.target, Some(0.5));
        assert_eq!(settings.faults(), []);
        assert_eq!(read("()").unwrap(), Settings::default());
        assert_eq!(Settings::default().faults(), []);
        let terse = read("(update: Lbfgs(), clip: None, estimator: FiniteDifference())").unwrap();
        assert_eq!(terse.update, UpdateSettings::lbfgs());
        let sgd = read("(update: Sgd(momentum: 0.5, nesterov: true, rate: 1))").unwrap();
        assert_eq!(sgd.update.rate(), 1.0);
    }

    #[test]
    fn written_settings_read_back_the_same() {
        for text in [
            "()",
            "(update: Lbfgs(memory: 4), gradient_norm: 1e-9, target: -1.5)",
            "(schedule: Linear(warmup: 5), clip: Value(0.1), plateau: (absolute: 1e-6))",
            "(estimator: FiniteDifference(step: 1e-4), guard: (recover: 0))",
        ] {
            let settings = read(text).unwrap();
            let written = ron::to_string(&settings).unwrap();
            assert_eq!(read(&written).unwrap(), settings, "{written}");
            let written = serde_json::to_string(&settings).unwrap();
            let again: Settings = serde_json::from_str(&written).unwrap();
            assert_eq!(again, settings, "{written}");
        }
    }

    #[test]
    fn unknown_fields_are_refused_by_name() {
        for text in [
            "(iteration: 60)",
            "(update: Adam(ratte: 0.05))",
            "(schedule: Cosine(flor: 0.1))",
            "(plateau: (patiense: 3))",
            "(guard: (halving: 3))",
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("Unexpected field"), "{text}: {error}");
        }
        assert!(
            read("(update: Adamm(rate: 0.05))")
                .unwrap_err()
                .contains("Adamm")
        );
    }

    #[test]
    fn all_faults_are_listed_at_once() {
        let text = "(iterations: 0, update: Adam(rate: -1, beta1: 1.5, epsilon: 0), \
                    schedule: Cosine(floor: 2, warmup: 7), clip: Norm(0), target: NaN, \
                    gradient_norm: -1, plateau: (patience: 0), estimator: FiniteDifference(step: 0))";
        let faults = read(text).unwrap().faults();
        let fields: Vec<_> = faults.iter().map(|(field, ..)| field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "iterations",
                "target",
                "gradient_norm",
                "update.rate",
                "update.beta1",
                "update.epsilon",
                "schedule.floor",
                "schedule.warmup",
                "estimator.step",
                "clip",
                "plateau.patience"
            ]
        );
        assert_eq!(faults[3].1, "-1");
        let text = "(update: Lbfgs(memory: 0, decrease: 0.6, curvature: 0.5), clip: Norm(1))";
        assert_eq!(read(text).unwrap().faults().len(), 4);
    }
}
