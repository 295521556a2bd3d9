//! The methods that are compared, as settings of the driver.

use backflow_optim::{EstimatorSettings, Layout, ScheduleSettings, Settings, UpdateSettings};

use super::ablation::Ablation;
use crate::task::{meter::GRADIENT, scheme::Scheme};

/// A method by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether it follows gradients of the simulation.
    pub differentiable: bool,
    /// What it leaves out of the scene's own method, if it is that without a part.
    pub without: Option<Ablation>,
}

const fn method(name: &'static str, about: &'static str, differentiable: bool) -> Method {
    Method {
        name,
        about,
        differentiable,
        without: None,
    }
}

const fn without(name: &'static str, about: &'static str, part: Ablation) -> Method {
    Method {
        without: Some(part),
        ..method(name, about, true)
    }
}

/// All methods, in the order of the table.
pub const METHODS: [Method; 15] = [
    method("scene", "what the scene's optimize part says", true),
    method("adam", "Adam with a cosine schedule", true),
    method("adamw", "AdamW with a linear schedule", true),
    method("diffgrad", "diffGrad with a cosine schedule", true),
    method("lbfgs", "L-BFGS", true),
    method("gaussian", "Adam on gradients of a Gaussian process", false),
    method("hopping", "Adam on gradients of consensus", false),
    method("policy", "N-PG-IGT, one rollout a step", false),
    method("cbo", "consensus-based optimisation", false),
    method("cma", "CMA-ES", false),
    method("random", "points drawn at random", false),
    method("idle", "nothing", false),
    without("hard", "`scene` with hard contact", Ablation::SoftContact),
    without(
        "whole",
        "`scene` with the whole horizon from the start",
        Ablation::Horizon,
    ),
    without(
        "unattracted",
        "`scene` without terms of attraction",
        Ablation::Attraction,
    ),
];

impl Method {
    /// Whether it is the scene's own, or that without a part.
    pub fn is_of_scene(&self) -> bool {
        self.name == "scene" || self.without.is_some()
    }
}

/// Spread of what is drawn at random, over the rate of Adam.
const SPREAD: f64 = 3.0;

/// Variables from which on CMA-ES keeps the diagonal alone.
const MANY: usize = 100;

/// What the settings of a method follow from.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// What the scene says.
    pub scene: &'a Settings,
    /// How the problem grows, for methods of the scene.
    pub scheme: &'a Scheme,
    /// Frames of a run.
    pub frames: usize,
    /// The variables.
    pub layout: &'a Layout,
    /// Value at the start; the unit of the value.
    pub first: f64,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Substeps that may be spent.
    pub budget: u64,
    /// Substeps of a value.
    pub value_cost: u64,
}

impl Setting<'_> {
    /// A step of Adam: the scene's rate where its update is of that kind, else 0.05.
    fn unit(&self) -> f64 {
        match &self.scene.update {
            UpdateSettings::Adam { rate, .. }
            | UpdateSettings::AdamW { rate, .. }
            | UpdateSettings::AdamP { rate, .. }
            | UpdateSettings::DiffGrad { rate, .. } => *rate,
            _ => 0.05,
        }
    }

    /// Iterations that the budget pays, of so many values each.
    fn iterations(&self, values: u64) -> usize {
        let cost = (values * self.value_cost).max(1);
        self.budget.div_ceil(cost).max(1) as usize
    }

    /// The settings of a method; none of that name.
    pub fn of(&self, name: &str) -> Option<Settings> {
        let (unit, seed) = (self.unit(), self.seed);
        let cosine = ScheduleSettings::Cosine {
            floor: 0.1,
            warmup: 0,
        };
        let base = Settings {
            iterations: self.iterations(GRADIENT),
            guard: self.scene.guard,
            ..Settings::default()
        };
        let adam = |estimator: EstimatorSettings, values: u64| Settings {
            update: UpdateSettings::adam(unit),
            schedule: cosine.clone(),
            iterations: self.iterations(values),
            estimator,
            ..base.clone()
        };
        let blind = |update: UpdateSettings| Settings {
            update,
            estimator: EstimatorSettings::Values,
            iterations: self.iterations(1),
            ..base.clone()
        };
        let UpdateSettings::Adam {
            beta1,
            beta2,
            epsilon,
            ..
        } = UpdateSettings::adam(unit)
        else {
            return None;
        };
        Some(match name {
            "scene" | "hard" | "whole" | "unattracted" => Settings {
                iterations: self.scheme.iterations(
                    self.frames,
                    GRADIENT * self.value_cost,
                    self.budget,
                ),
                target: None,
                plateau: None,
                ..self.scene.clone()
            },
            "adam" => adam(EstimatorSettings::Adjoint, GRADIENT),
            "adamw" => Settings {
                update: UpdateSettings::AdamW {
                    rate: unit,
                    beta1,
                    beta2,
                    epsilon,
                    decay: 0.01,
                },
                schedule: ScheduleSettings::Linear {
                    floor: 0.0,
                    warmup: 0,
                },
                ..base
            },
            "diffgrad" => Settings {
                update: UpdateSettings::DiffGrad {
                    rate: unit,
                    beta1,
                    beta2,
                    epsilon,
                    scale: None,
                },
                schedule: cosine,
                ..base
            },
            "lbfgs" => Settings {
                update: UpdateSettings::lbfgs(),
                ..base
            },
            "gaussian" => adam(
                EstimatorSettings::GaussianProcess {
                    queries: 2,
                    neighbours: 150,
                    spread: unit,
                    length: 10.0,
                    noise: 1e-6,
                    seed,
                },
                3,
            ),
            "hopping" => adam(
                EstimatorSettings::Consensus {
                    samples: 8,
                    spread: unit,
                    sharpness: 1.0,
                    seed,
                },
                9,
            ),
            "policy" => Settings {
                update: UpdateSettings::Igt {
                    rate: unit * (self.layout.dimension() as f64).sqrt(),
                },
                estimator: EstimatorSettings::PolicyGradient {
                    samples: 1,
                    spread: unit,
                    memory: 0.9,
                    seed,
                },
                schedule: cosine,
                iterations: self.iterations(1),
                ..base
            },
            "cbo" => blind(UpdateSettings::Consensus {
                rate: 0.1,
                particles: 12,
                drift: 1.0,
                noise: 2.0,
                sharpness: 30.0 / self.first.abs().max(f64::MIN_POSITIVE),
                spread: SPREAD * unit,
                seed,
            }),
            "cma" => blind(UpdateSettings::CmaEs {
                spread: SPREAD * unit,
                candidates: 0,
                diagonal: self.layout.dimension() > MANY,
                seed,
            }),
            "random" => blind(UpdateSettings::Random {
                spread: SPREAD * unit,
                seed,
            }),
            "idle" => blind(UpdateSettings::Idle),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_sound_settings_that_keep_to_the_budget() {
        let mut layout = Layout::new();
        layout.push("x", 4).unwrap();
        let setting = Setting {
            scene: &Settings::default(),
            scheme: &Scheme::default(),
            frames: 10,
            layout: &layout,
            first: 2.0,
            seed: 1,
            budget: 90_000,
            value_cost: 1000,
        };
        for method in METHODS {
            let settings = setting.of(method.name).unwrap();
            assert_eq!(settings.faults(), [], "{}", method.name);
            assert!(settings.iterations <= 90, "{}", method.name);
        }
        assert_eq!(setting.of("adam").unwrap().iterations, 30);
        assert_eq!(setting.of("cma").unwrap().iterations, 90);
        assert!(setting.of("nothing").is_none());
    }
}
