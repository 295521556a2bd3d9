//! Scenarios that one set of variables is judged in: other materials, places, frictions, seeds.

use backflow_optim::{Ensemble, EnsembleError, LayoutError, Member, Random};
use backflow_sim::{
    Compiled,
    rollout::frame::Criterion,
    scene::{Fault, Scene, Spec},
};
use serde::{Deserialize, Serialize};

use super::{
    OptimizeSpec, Task,
    binding::Binding,
    criterion::{CriterionError, Judge},
    objective::{OnStep, RolloutObjective},
    scheme::Stage,
    variables::Variable,
};

/// The `scenarios` of an `optimize` part: what is optimised is the weighted mean of the loss over
/// them. Without any it is the loss of the scene as it stands; a scene with some is judged in these
/// alone.
///
/// A scenario sets things that a variable could be, so that whatever can be optimised can be varied.
/// The duration of a substep is that of the scene, which has to suit the stiffest material and
/// the fastest motion of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenarios {
    /// Scenarios written out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Scenario>,
    /// Scenarios drawn at random (none by default).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub random: Vec<Randomised>,
}

/// A scenario written out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name in metrics.
    pub name: String,
    /// Its share in the mean (1 by default).
    #[serde(default = "one")]
    pub weight: f64,
    /// What is set, and to which values, in the units of the scene.
    pub set: Vec<(Variable, Vec<f64>)>,
}

/// Domain randomisation: scenarios drawn at random (Tobin et al. 2017), each with weight 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Randomised {
    /// How many.
    pub count: usize,
    /// Seed (0 by default).
    #[serde(default)]
    pub seed: u64,
    /// What varies, and how; every entry is drawn on its own.
    pub vary: Vec<(Variable, Draw)>,
}

/// How a value is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Draw {
    /// Uniform from the first to the second; uniform in its logarithm where the variable is `log`.
    Between(f64, f64),
    /// Normal about the value of the scene with this standard deviation; of its logarithm where the
    /// variable is `log`.
    About(f64),
}

/// Name of the only scenario of a scene that declares none.
pub const THE_SCENE: &str = "scene";

fn one() -> f64 {
    1.0
}

impl Scenarios {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.random.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let drawn: usize = self.random.iter().map(|random| random.count).sum();
        self.listed.len() + drawn
    }

    /// The variables that are set or varied, with the place of each in the file.
    fn variables(&self) -> impl Iterator<Item = (String, &Variable)> {
        let listed = self.listed.iter().enumerate().flat_map(|(i, scenario)| {
            let set = scenario.set.iter().enumerate();
            set.map(move |(j, (variable, _))| (format!("listed[{i}].set[{j}]"), variable))
        });
        let random = self.random.iter().enumerate().flat_map(|(i, random)| {
            let vary = random.vary.iter().enumerate();
            vary.map(move |(j, (variable, _))| (format!("random[{i}].vary[{j}]"), variable))
        });
        listed.chain(random)
    }

    /// What is wrong with them, under `optimize.scenarios`.
    pub(super) fn faults(
        &self,
        spec: &Spec<OptimizeSpec>,
        variable_faults: &dyn Fn(&Spec<OptimizeSpec>, &Variable, &str, &mut Vec<Fault>),
        faults: &mut Vec<Fault>,
    ) {
        let path = "optimize.scenarios";
        for (place, variable) in self.variables() {
            variable_faults(spec, variable, &format!("{path}.{place}"), faults);
        }
        for (i, scenario) in self.listed.iter().enumerate() {
            if !(scenario.weight > 0.0 && scenario.weight.is_finite()) {
                let field = format!("{path}.listed[{i}].weight");
                let found = scenario.weight.to_string();
                faults.push(Fault::new(field, found, "a positive number"));
            }
            let repeated = self.listed[..i]
                .iter()
                .any(|other| other.name == scenario.name);
            if repeated {
                let field = format!("{path}.listed[{i}].name");
                let expected = "a name that no scenario before has";
                faults.push(Fault::new(field, format!("{:?}", scenario.name), expected));
            }
        }
        for (i, random) in self.random.iter().enumerate() {
            if random.count == 0 {
                let field = format!("{path}.random[{i}].count");
                faults.push(Fault::new(field, "0".to_owned(), "at least 1"));
            }
            for (j, (variable, draw)) in random.vary.iter().enumerate() {
                let (sound, expected) = match *draw {
                    Draw::Between(from, to) => (
                        from < to && (from > 0.0 || !variable.log()) && to.is_finite(),
                        "an ascending pair, positive where `log`",
                    ),
                    Draw::About(deviation) => (
                        deviation > 0.0 && deviation.is_finite(),
                        "a positive number",
                    ),
                };
                if !sound {
                    let field = format!("{path}.random[{i}].vary[{j}]");
                    faults.push(Fault::new(field, format!("{draw:?}"), expected));
                }
            }
        }
    }
}

/// Why scenarios cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Variables of a scenario clash.
    #[error("scenario \"{name}\": {source}")]
    Layout {
        /// Its name.
        name: String,
        /// How.
        source: LayoutError,
    },
    /// A scenario sets another number of values than there are.
    #[error(
        "scenario \"{name}\": {variable} is set to {found} values; expected {expected}, one an entry"
    )]
    Length {
        /// Its name.
        name: String,
        /// What is set.
        variable: String,
        /// Values given.
        found: usize,
        /// Values needed.
        expected: usize,
    },
    /// Its losses cannot be evaluated.
    #[error("scenario \"{name}\": {source}")]
    Criterion {
        /// Its name.
        name: String,
        /// Why.
        source: Box<CriterionError>,
    },
    /// They make no ensemble.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
}

/// A scenario ready to be run.
pub struct Case {
    name: String,
    weight: f64,
    pub(super) scene: Scene,
    pub(super) binding: Binding,
    pub(super) judge: Judge,
}

/// The scenarios of a task: one, the scene as it stands, where it declares none.
pub struct Cases(Vec<Case>);

impl Cases {
    /// Builds the scenarios of `task`; goals are resolved in scalar `T`.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    pub fn new<T: Compiled<Wide = f64>>(task: &Task) -> Result<Self, ScenarioError> {
        let scenarios = task.spec.optimize.as_ref().map(|o| o.scenarios.clone());
        let scenarios = scenarios.unwrap_or_default();
        let mut cases = Vec::new();
        for scenario in &scenarios.listed {
            let Scenario { name, weight, set } = scenario;
            let (variables, values): (Vec<_>, Vec<_>) = set.iter().cloned().unzip();
            let scene = varied(task, name, variables, |_, _, at| Ok(values[at].clone()))?;
            cases.push(case::<T>(task, name, *weight, scene)?);
        }
        for (group, random) in scenarios.random.iter().enumerate() {
            for number in 0..random.count {
                let name = format!("random {group}.{number}");
                let (variables, draws): (Vec<_>, Vec<_>) = random.vary.iter().cloned().unzip();
                let scene = varied(task, &name, variables, |variable, values, at| {
                    let place = [group as u64, number as u64, at as u64];
                    let mut source = Random::new(random.seed, &place);
                    Ok(values
                        .iter()
                        .map(|v| drawn(variable, draws[at], *v, &mut source))
                        .collect())
                })?;
                cases.push(case::<T>(task, &name, 1.0, scene)?);
            }
        }
        if cases.is_empty() {
            cases.push(case::<T>(task, THE_SCENE, 1.0, task.scene.clone())?);
        }
        Ok(Self(cases))
    }

    /// The same scenarios in the scene of a stage; the losses are those of the whole run.
    ///
    /// # Errors
    /// Variables that clash.
    pub fn at(self, spec: &Spec<OptimizeSpec>, stage: &Stage) -> Result<Self, ScenarioError> {
        let moved = |case: Case| {
            let scene = stage.of(&case.scene);
            let binding = Binding::new(spec, &scene);
            let binding = binding.map_err(|source| ScenarioError::Layout {
                name: case.name.clone(),
                source,
            })?;
            Ok(Case {
                scene,
                binding,
                ..case
            })
        };
        let cases: Result<_, ScenarioError> = self.0.into_iter().map(moved).collect();
        Ok(Self(cases?))
    }

    /// Whether a loss is read within the first `frames` frames.
    pub fn reads_within(&self, frames: usize) -> bool {
        let reads = |case: &Case| (0..frames).any(|frame| case.judge.reads(frame));
        self.0.iter().any(reads)
    }

    /// One of them.
    pub(super) fn case(&self, index: usize) -> &Case {
        &self.0[index]
    }

    /// Substeps of one run of one of them.
    pub fn substeps(&self) -> u64 {
        let clock = self.0.first().map(|case| &case.scene.world.clock);
        clock.map_or(0, |clock| (clock.frames * clock.substeps) as u64)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their mean as an objective; `memory` is shared by those that run at the same time, and
    /// `on_step` is told of every substep of each.
    ///
    /// # Errors
    /// A weight that is no weight.
    pub fn objective<'a, T: Compiled<Wide = f64>>(
        &'a self,
        memory: Option<usize>,
        on_step: &dyn Fn() -> OnStep<'a>,
    ) -> Result<Ensemble<RolloutObjective<'a, T>>, ScenarioError> {
        let at_once = self.0.len().min(rayon::current_num_threads()).max(1);
        let memory = memory.map(|bytes| bytes / at_once);
        let member = |case: &'a Case| Member {
            name: case.name.clone(),
            weight: case.weight,
            objective: RolloutObjective::new(
                &case.scene,
                &case.binding,
                &case.judge,
                memory,
                on_step(),
            ),
        };
        Ok(Ensemble::new(self.0.iter().map(member).collect())?)
    }
}

fn case<T: Compiled<Wide = f64>>(
    task: &Task,
    name: &str,
    weight: f64,
    scene: Scene,
) -> Result<Case, ScenarioError> {
    let name = name.to_owned();
    let binding = Binding::new(&task.spec, &scene);
    let binding = binding.map_err(|source| ScenarioError::Layout {
        name: name.clone(),
        source,
    })?;
    let judge = Judge::new::<T>(&scene).map_err(|source| ScenarioError::Criterion {
        name: name.clone(),
        source: Box::new(source),
    })?;
    Ok(Case {
        name,
        weight,
        scene,
        binding,
        judge,
    })
}

/// A value drawn, in the units of the scene.
fn drawn(variable: &Variable, draw: Draw, value: f64, random: &mut Random) -> f64 {
    let (into, back): (fn(f64) -> f64, fn(f64) -> f64) = if variable.log() {
        (f64::ln, f64::exp)
    } else {
        (|v| v, |v| v)
    };
    match draw {
        Draw::Between(from, to) => {
            let (from, to) = (into(from), into(to));
            back(from + (to - from) * random.uniform())
        }
        Draw::About(deviation) => back(into(value) + deviation * random.normal()),
    }
}

/// The scene with variables set to what `values` says of each, from its values in the scene.
fn varied(
    task: &Task,
    name: &str,
    variables: Vec<Variable>,
    values: impl Fn(&Variable, &[f64], usize) -> Result<Vec<f64>, ScenarioError>,
) -> Result<Scene, ScenarioError> {
    let mut spec = task.spec.clone();
    spec.optimize = Some(OptimizeSpec {
        variables: variables.clone(),
        ..OptimizeSpec::default()
    });
    let binding = Binding::new(&spec, &task.scene);
    let binding = binding.map_err(|source| ScenarioError::Layout {
        name: name.to_owned(),
        source,
    })?;
    let start = binding.start();
    let current = binding.as_values(&start);
    let mut flat = Vec::with_capacity(start.len());
    for (at, (variable, slice)) in variables.iter().zip(binding.layout().slices()).enumerate() {
        let found = values(variable, &current[slice.range.clone()], at)?;
        if found.len() != slice.range.len() {
            return Err(ScenarioError::Length {
                name: name.to_owned(),
                variable: slice.name.clone(),
                found: found.len(),
                expected: slice.range.len(),
            });
        }
        let entry = |value: f64| {
            let value = if variable.log() { value.ln() } else { value };
            value / variable.scale()
        };
        flat.extend(found.into_iter().map(entry));
    }
    let setup = binding.setup(&flat);
    let mut scene = task.scene.clone();
    scene.world = setup.world;
    scene.particles = setup.particles;
    scene.programs = setup.programs;
    scene.gas = setup.gas;
    Ok(scene)
}
