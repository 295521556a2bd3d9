//! What the commands work on: a scene with its variables, its judge and its run folder.

pub mod benchmark;
pub mod binding;
pub mod criterion;
pub mod environment;
pub mod folder;
pub mod frames;
pub mod gas;
pub mod meter;
pub mod objective;
pub mod plan;
pub mod scenarios;
pub mod scheme;
pub mod staged;
pub mod taken;
pub mod variables;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use backflow_optim::{LayoutError, Settings};
use backflow_sim::scene::{
    Fault, Meshes, Scene, SceneError, Spec,
    build::Law,
    build_with, load_with,
    spec::{ForceLaw, Material, Motion, Walls},
};
use serde::{Deserialize, Serialize};

use self::{binding::PARAMETER_NAMES, scenarios::Scenarios, scheme::Scheme, variables::Variable};

/// The `optimize` part of a scene: what may change, and how it is improved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OptimizeSpec {
    /// What may change.
    pub variables: Vec<Variable>,
    /// Motions by the names of tools that the optimisation begins with instead of the scene's, which
    /// still is what it is scored against. Default: the scene's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub guess: BTreeMap<String, Motion>,
    /// Scenarios in which it is judged. Default: the scene as it stands; see [`Scenarios`].
    #[serde(default, skip_serializing_if = "Scenarios::is_empty")]
    pub scenarios: Scenarios,
    /// How the problem grows to that of the scene on the way. Default: it does not; see
    /// [`Scheme`].
    #[serde(default, skip_serializing_if = "Scheme::is_empty")]
    pub scheme: Scheme,
    /// How it is improved. Default: see [`Settings`].
    #[serde(default)]
    pub settings: Settings,
    /// The least that the loss could be, for scores. Default: 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bound: f64,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// A scene file with all that it names.
#[derive(Debug, Clone)]
pub struct Task {
    /// The specification, at the quality asked for.
    pub spec: Spec<OptimizeSpec>,
    /// The scene built from it.
    pub scene: Scene,
    /// Folder that its files are relative to.
    pub directory: PathBuf,
}

/// Why a task cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The scene is not sound.
    #[error(transparent)]
    Scene(#[from] SceneError),
    /// Its variables clash.
    #[error("optimize.variables: {0}")]
    Layout(#[from] LayoutError),
}

impl Task {
    /// Reads and builds a scene; `quality` scales cells and particles.
    ///
    /// # Errors
    /// Everything that is wrong with the scene, at once.
    pub fn load(path: &Path, quality: f64) -> Result<Self, TaskError> {
        Self::load_cached(path, quality, None)
    }

    /// Like [`Task::load`], with the distance grids of meshes kept in the folder `cache`.
    ///
    /// # Errors
    /// As [`Task::load`].
    pub fn load_cached(path: &Path, quality: f64, cache: Option<&Path>) -> Result<Self, TaskError> {
        let meshes = Meshes::new(path.parent().unwrap_or(Path::new(""))).cached(cache);
        let spec = load_with(path, &meshes, faults)?.at_quality(quality);
        Self::build(spec, &meshes)
    }

    /// Reads and builds a scene as it was run: its files are relative to `directory`.
    ///
    /// # Errors
    /// Everything that is wrong with the scene, at once.
    pub fn reload(path: &Path, directory: &Path) -> Result<Self, TaskError> {
        let meshes = Meshes::new(directory);
        Self::build(load_with(path, &meshes, faults)?, &meshes)
    }

    /// Builds a scene whose files are relative to `directory`.
    ///
    /// # Errors
    /// Everything that is wrong with the scene, at once.
    pub fn new(spec: Spec<OptimizeSpec>, directory: PathBuf) -> Result<Self, TaskError> {
        Self::build(spec, &Meshes::new(&directory))
    }

    /// Builds a change of it, with the distance grids of meshes kept in the folder `cache`.
    ///
    /// # Errors
    /// Everything that is wrong with the scene, at once.
    pub fn changed(
        &self,
        spec: Spec<OptimizeSpec>,
        cache: Option<&Path>,
    ) -> Result<Self, TaskError> {
        Self::build(spec, &Meshes::new(&self.directory).cached(cache))
    }

    fn build(spec: Spec<OptimizeSpec>, meshes: &Meshes) -> Result<Self, TaskError> {
        let scene = build_with(&spec, meshes)?;
        let faults = unplaced(&spec, &scene);
        if !faults.is_empty() {
            let origin = format!("scene {:?}", spec.name);
            return Err(SceneError::Faults { origin, faults }.into());
        }
        Ok(Self {
            spec,
            scene,
            directory: meshes.directory().to_owned(),
        })
    }
}

/// Parses the text of a scene, see [`scene::parse`](backflow_sim::scene::parse). The parser is
/// compiled once, here, for all who need not know what it is generic over.
///
/// # Errors
/// The text is not RON, or a value has the wrong type.
pub fn parse(text: &str, origin: &str) -> Result<(Spec<OptimizeSpec>, Vec<Fault>), SceneError> {
    backflow_sim::scene::parse(text, origin)
}

/// Variables of the gas that stand for nothing in a scene: only once it is built is known what it
/// has.
fn unplaced(spec: &Spec<OptimizeSpec>, scene: &Scene) -> Vec<Fault> {
    let variables = spec.optimize.iter().flat_map(|own| &own.variables);
    let mut faults = Vec::new();
    for (index, variable) in variables.enumerate() {
        if let (Variable::Gas(variable), Some(gas)) = (variable, &scene.gas)
            && let Err((field, expected)) = binding::gas::find(variable, gas)
        {
            let path = format!("optimize.variables[{index}].{field}");
            faults.push(Fault::new(path, variable.name(), expected));
        }
    }
    faults
}

/// What is wrong with the `optimize` part of a scene.
pub fn faults(spec: &Spec<OptimizeSpec>) -> Vec<Fault> {
    let Some(optimize) = &spec.optimize else {
        return Vec::new();
    };
    let mut faults: Vec<Fault> = optimize
        .settings
        .faults()
        .into_iter()
        .map(|(field, value, expected)| {
            Fault::new(format!("optimize.settings.{field}"), value, expected)
        })
        .collect();
    let frames = spec.time.frames;
    optimize.scheme.faults(frames, &mut faults);
    optimize
        .scenarios
        .faults(spec, &variable_faults, &mut faults);
    for name in optimize.guess.keys() {
        if !spec.tools.iter().any(|tool| tool.name == *name) {
            let field = format!("optimize.guess.{name:?}");
            faults.push(Fault::new(field, name.clone(), "the name of a tool"));
        }
    }
    if optimize.variables.is_empty() {
        let expected = "at least one variable";
        faults.push(Fault::new("optimize.variables", "[]", expected));
    }
    for (index, variable) in optimize.variables.iter().enumerate() {
        variable_faults(
            spec,
            variable,
            &format!("optimize.variables[{index}]"),
            &mut faults,
        );
        let name = variable.name();
        if optimize.variables[..index]
            .iter()
            .any(|earlier| earlier.name() == name)
        {
            let expected = "a variable that is not listed before";
            faults.push(Fault::new(
                format!("optimize.variables[{index}]"),
                name,
                expected,
            ));
        }
    }
    faults
}

fn variable_faults(
    spec: &Spec<OptimizeSpec>,
    variable: &Variable,
    path: &str,
    faults: &mut Vec<Fault>,
) {
    let mut check = |sound: bool, field: &str, value: String, expected: &str| {
        if !sound {
            faults.push(Fault::new(format!("{path}.{field}"), value, expected));
        }
    };
    let scale = variable.scale();
    check(
        scale > 0.0 && scale.is_finite(),
        "scale",
        scale.to_string(),
        "a positive number",
    );
    match variable {
        Variable::Controls {
            tool,
            axes,
            limit,
            hold,
            ..
        } => {
            check_tool(spec, tool, &mut check);
            check(
                !axes.is_empty(),
                "axes",
                "[]".to_owned(),
                "at least one degree of freedom",
            );
            if let Some(tool) = spec.tool(tool).and_then(|tool| spec.tools.get(tool)) {
                let unknown = axes.iter().find(|axis| axis.entry(tool).is_none());
                let known: Vec<&str> = tool.joints.iter().map(|joint| &*joint.name).collect();
                let expected = format!("joints of the tool, which has {known:?}");
                check(unknown.is_none(), "axes", format!("{axes:?}"), &expected);
            }
            check(*hold > 0, "hold", hold.to_string(), "at least 1 frame");
            check_limit(*limit, &mut check);
        }
        Variable::ToolPosition { tool, .. } | Variable::ToolRotation { tool, .. } => {
            check_tool(spec, tool, &mut check);
        }
        Variable::ToolJoints { tool, .. } => {
            check_tool(spec, tool, &mut check);
            let tool_of = spec.tool(tool).and_then(|tool| spec.tools.get(tool));
            let jointed = tool_of.is_none_or(|tool| !tool.joints.is_empty());
            check(jointed, "tool", format!("{tool:?}"), "a tool with joints");
        }
        Variable::Policy { tool, .. } => {
            check_tool(spec, tool, &mut check);
            let tool_of = spec.tool(tool).and_then(|tool| spec.tools.get(tool));
            let steered = tool_of.is_none_or(|tool| tool.policy.is_some());
            check(steered, "tool", format!("{tool:?}"), "a tool with a policy");
        }
        Variable::Velocity { body, limit, .. } => {
            check(
                has_body(spec, body) || has_rigid(spec, body),
                "body",
                format!("{body:?}"),
                &movable(spec),
            );
            check_limit(*limit, &mut check);
        }
        Variable::Position { body, .. } => {
            check(
                has_body(spec, body) || has_rigid(spec, body),
                "body",
                format!("{body:?}"),
                &movable(spec),
            );
        }
        Variable::Rotation { body, .. } => {
            let found = has_rigid(spec, body);
            check(found, "body", format!("{body:?}"), &rigids_of(spec));
        }
        Variable::Spin { body, limit, .. } => {
            let found = has_rigid(spec, body);
            check(found, "body", format!("{body:?}"), &rigids_of(spec));
            check_limit(*limit, &mut check);
        }
        Variable::Mass {
            body, lower, upper, ..
        } => {
            let found = has_rigid(spec, body);
            check(found, "body", format!("{body:?}"), &rigids_of(spec));
            let positive = lower.is_none_or(|lower| lower > 0.0);
            check(positive, "lower", format!("{lower:?}"), "a positive number");
            let ordered = lower.zip(*upper).is_none_or(|(lower, upper)| lower < upper);
            check(ordered, "lower", format!("{lower:?}"), "less than `upper`");
        }
        Variable::Particles { body, .. } => {
            check(
                has_body(spec, body),
                "body",
                format!("{body:?}"),
                &bodies_of(spec),
            );
        }
        Variable::Material {
            material,
            parameter,
            lower,
            upper,
            ..
        } => {
            let used = spec
                .materials_of_bodies()
                .any(|made_of| made_of == material);
            let known: Vec<&str> = spec.materials.keys().map(String::as_str).collect();
            let expected = format!("a material that a body is made of, of {known:?}");
            check(used, "material", format!("{material:?}"), &expected);
            let law = spec.materials.get(material);
            let fits = law.is_none_or(|law| parameters_of(law).contains(&parameter.as_str()));
            let expected = match law {
                Some(law) => format!("one of {:?}", parameters_of(law)),
                None => PARAMETER_NAMES.to_owned(),
            };
            check(fits, "parameter", format!("{parameter:?}"), &expected);
            let ordered = lower.zip(*upper).is_none_or(|(lower, upper)| lower < upper);
            check(ordered, "lower", format!("{lower:?}"), "less than `upper`");
        }
        Variable::WallFriction { wall, .. } => {
            let known = Walls::NAMES.as_flattened();
            let expected = format!("one of {known:?}");
            let found = known.contains(&wall.as_str());
            check(found, "wall", format!("{wall:?}"), &expected);
        }
        Variable::ColliderPosition { collider, .. }
        | Variable::ColliderRotation { collider, .. } => {
            let colliders = spec.colliders.iter().map(|collider| &collider.name);
            let known: Vec<&str> = colliders.map(String::as_str).collect();
            let expected = format!("one of the colliders {known:?}");
            let found = known.contains(&collider.as_str());
            check(found, "collider", collider.clone(), &expected);
        }
        Variable::Friction { collider, .. } => {
            let colliders = spec.colliders.iter().map(|collider| &collider.name);
            let rigids = spec.rigids.iter().map(|rigid| &rigid.name);
            let known: Vec<&str> = colliders.chain(rigids).map(String::as_str).collect();
            let expected = format!("one of the colliders and rigid bodies {known:?}");
            check(
                known.contains(&collider.as_str()),
                "collider",
                collider.clone(),
                &expected,
            );
        }
        Variable::NozzleVelocity {
            injector, limit, ..
        } => {
            let injectors = spec.injectors.iter();
            let known: Vec<&str> = injectors.map(|injector| &*injector.name).collect();
            let expected = format!("one of the injectors {known:?}");
            let found = known.contains(&injector.as_str());
            check(found, "injector", format!("{injector:?}"), &expected);
            check_limit(*limit, &mut check);
        }
        Variable::Activation {
            body, limit, hold, ..
        } => {
            let muscles = spec.bodies.iter().filter(|body| {
                let material = spec.materials.get(&body.material);
                material.is_some_and(|own| matches!(own.resolved(), Material::Muscle { .. }))
            });
            let muscles: Vec<&str> = muscles.map(|body| body.name.as_str()).collect();
            let expected = format!("one of the bodies {muscles:?}, which are muscles");
            let known = muscles.contains(&body.as_str());
            check(known, "body", format!("{body:?}"), &expected);
            let inside = *limit > 0.0 && *limit <= 1.0;
            check(inside, "limit", limit.to_string(), "above 0 and at most 1");
            check(*hold > 0, "hold", hold.to_string(), "at least 1 frame");
        }
        Variable::Force {
            force, parameter, ..
        } => {
            let known: Vec<&str> = spec
                .forces
                .iter()
                .map(|force| force.name.as_str())
                .collect();
            let expected = format!("one of the forces {known:?}");
            let given = spec.forces.iter().find(|known| known.name == *force);
            check(given.is_some(), "force", format!("{force:?}"), &expected);
            if let Some(given) = given {
                let names = parameters_of_force(&given.law);
                let expected = format!("one of {names:?}");
                let known = names.contains(&parameter.as_str());
                check(known, "parameter", format!("{parameter:?}"), &expected);
            }
        }
        Variable::GravityShare { body, .. } => {
            let mut bodies = spec.bodies.iter();
            let given = bodies.any(|known| known.name == *body && known.gravity.is_some());
            let expected = "a body whose `gravity` is given";
            check(given, "body", format!("{body:?}"), expected);
        }
        Variable::Gravity { .. } => {}
        Variable::Gas(variable) => {
            let name = variable.name();
            check(spec.gas.is_some(), "gas", name, "a scene with gas");
            let hold = variable.hold();
            check(hold > 0, "hold", hold.to_string(), "at least 1 frame");
            let (lower, upper) = variable.bounds();
            let ordered = lower.zip(upper).is_none_or(|(lower, upper)| lower < upper);
            check(ordered, "lower", format!("{lower:?}"), "less than `upper`");
        }
    }
}

fn check_tool(
    spec: &Spec<OptimizeSpec>,
    tool: &str,
    check: &mut impl FnMut(bool, &str, String, &str),
) {
    let known: Vec<&str> = spec.tools.iter().map(|tool| &*tool.name).collect();
    let expected = format!("a scene with a tool of that name, of {known:?}");
    check(
        spec.tool(tool).is_some(),
        "tool",
        format!("{tool:?}"),
        &expected,
    );
}

fn check_limit(limit: Option<f64>, check: &mut impl FnMut(bool, &str, String, &str)) {
    let sound = limit.is_none_or(|limit| limit > 0.0 && limit.is_finite());
    check(sound, "limit", format!("{limit:?}"), "a positive number");
}

fn has_body(spec: &Spec<OptimizeSpec>, name: &str) -> bool {
    spec.bodies.iter().any(|body| body.name == name)
}

fn has_rigid(spec: &Spec<OptimizeSpec>, name: &str) -> bool {
    spec.rigids.iter().any(|rigid| rigid.name == name)
}

fn rigids_of(spec: &Spec<OptimizeSpec>) -> String {
    let known: Vec<&str> = spec.rigids.iter().map(|rigid| &*rigid.name).collect();
    format!("one of the rigid bodies {known:?}")
}

/// What has a position and a velocity at the start.
fn movable(spec: &Spec<OptimizeSpec>) -> String {
    if spec.rigids.is_empty() {
        bodies_of(spec)
    } else {
        format!("{} or {}", bodies_of(spec), rigids_of(spec))
    }
}

fn bodies_of(spec: &Spec<OptimizeSpec>) -> String {
    let known: Vec<&str> = spec.bodies.iter().map(|body| body.name.as_str()).collect();
    format!("one of the bodies {known:?}")
}

/// Names of the parameters of a force.
fn parameters_of_force(law: &ForceLaw) -> &'static [&'static str] {
    match law {
        ForceLaw::Constant { .. } => &["acceleration"],
        ForceLaw::Wind { .. } => &["velocity", "rate"],
        ForceLaw::Drag { .. } => &["linear", "quadratic"],
        ForceLaw::Vortex { .. } => &["swirl", "centre", "radius"],
        ForceLaw::Point { .. } => &["centre", "strength", "radius"],
    }
}

/// Names of the parameters of a material that have a gradient.
fn parameters_of(material: &Material) -> Vec<&'static str> {
    let law = Law::of(material);
    let names = law.parameters().map(|(name, _)| name);
    std::iter::once("density").chain(names).collect()
}
