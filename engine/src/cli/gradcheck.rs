//! `backflow gradcheck`: checks the gradient of a scene against finite differences.

mod gas;

use std::path::PathBuf;

use backflow_diff::gradcheck::{CheckError, TaylorParams, TaylorReport, Vacuous, Verdict, taylor};
use backflow_optim::Objective;
use backflow_sim::scene::{
    build,
    spec::{Axis, Law, Motion, Tool, Walls},
};
use clap::Args;
use serde_json::json;

use super::{
    Failure,
    options::RunArguments,
    out::{Progress, say, say_json},
};
use backflow_sim::rollout::store::RunError;

use crate::task::{
    OptimizeSpec, Task,
    binding::Binding,
    criterion::Judge,
    objective::RolloutObjective,
    variables::{Field, Freedom, Variable, knots::Shape},
};

/// Checks the gradient of a scene with respect to everything in it by Taylor's series:
/// `J(x + h d) - J(x) - h g.d` must shrink with the square of `h`.
///
/// Runs in double precision; exits with 1 where a rate is below 1.9.
#[derive(Debug, Args)]
#[command(after_help = "Example: backflow gradcheck scenes/fluid/push.ron --quality 0.5")]
pub struct Gradcheck {
    /// Scene file.
    scene: PathBuf,
    /// Substeps to run at most, in whole frames, of which a frame of gas counts for twenty; chaos makes longer runs unfit to check.
    #[arg(long, default_value_t = 200, value_name = "N")]
    substeps: usize,
    /// Seed of the random directions.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Check this slice alone, such as `gravity`; all by default.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Spoils a term of the adjoint, to show that the check notices.
    #[cfg(feature = "broken-vjp")]
    #[arg(long, hide = true)]
    broken: bool,
    #[command(flatten)]
    run: RunArguments,
}

/// Numbers in [-1, 1] (splitmix64).
fn noise(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// A random point near the scene: where matter rests in perfect order, whole layers of it
/// sit exactly on a kink (neither approaching a wall nor leaving it), where there is
/// no derivative to check.
fn near(start: &[f64], seed: u64) -> Vec<f64> {
    let mut next = noise(seed ^ 0x5EED);
    start.iter().map(|value| value + next()).collect()
}

/// A direction for a slice of a gradient: half of it random, so that every entry counts,
/// half of it along the gradient, so that the slope is not lost among the curvature of
/// thousands of entries.
fn direction(seed: u64, gradient: &[f64]) -> Vec<f64> {
    let mut next = noise(seed);
    let largest = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
    let along = if largest > 0.0 { 0.5 / largest } else { 0.0 };
    gradient.iter().map(|g| 0.5 * next() + along * g).collect()
}

/// Every class of input that the scene has, each in the unit of a small change.
fn everything(task: &Task) -> Vec<Variable> {
    let spec = &task.spec;
    let dx = task.scene.world.lattice.dx;
    let mut variables = vec![Variable::Gravity { scale: 1.0 }];
    for body in &spec.bodies {
        let name = &body.name;
        let axes = Axis::ALL.to_vec();
        variables.push(Variable::Velocity {
            body: name.clone(),
            axes,
            limit: None,
            scale: 0.1,
        });
        for (field, scale) in [
            (Field::X, 0.02 * dx),
            (Field::V, 0.1),
            (Field::C, 1.0),
            (Field::F, 0.01),
        ] {
            variables.push(Variable::Particles {
                body: name.clone(),
                field,
                scale,
            });
        }
    }
    for force in &task.scene.world.forces {
        let mut names = force.law.names().to_vec();
        names.dedup();
        variables.extend(names.into_iter().map(|parameter| Variable::Force {
            force: force.name.clone(),
            parameter: parameter.to_owned(),
            scale: if parameter == "centre" {
                0.02 * dx
            } else {
                0.1
            },
        }));
    }
    let weighed = spec.bodies.iter().filter(|body| body.gravity.is_some());
    variables.extend(weighed.map(|body| Variable::GravityShare {
        body: body.name.clone(),
        scale: 0.1,
    }));
    for activation in &task.scene.world.activations {
        variables.push(Variable::Activation {
            body: task.scene.world.solids[activation.body].name.clone(),
            limit: 1.0,
            hold: 1,
            scale: 0.05,
        });
    }
    for (name, material) in &spec.materials {
        if !spec.materials_of_bodies().any(|made_of| made_of == name) {
            continue;
        }
        let law = build::Law::of(material);
        let parameters = law.parameters().map(|(name, value)| match name {
            "poisson" => (name, 0.02),
            "viscosity" => (name, 0.1),
            "friction_angle" | "azimuth" | "elevation" => (name, 0.02),
            // A tenth, or something that is seen where there is nothing yet.
            _ if value > 0.0 => (name, 0.1 * value),
            _ => (name, 1.0),
        });
        let density = ("density", 0.1 * material.density());
        for (parameter, scale) in std::iter::once(density).chain(parameters) {
            variables.push(Variable::Material {
                material: name.clone(),
                parameter: parameter.to_owned(),
                lower: None,
                upper: None,
                log: false,
                scale,
            });
        }
    }
    for collider in &spec.colliders {
        let name = &collider.name;
        if matches!(collider.law, Law::Coulomb(_)) {
            variables.push(Variable::Friction {
                collider: name.clone(),
                scale: 0.1,
            });
        }
        variables.push(Variable::ColliderPosition {
            collider: name.clone(),
            axes: Axis::ALL.to_vec(),
            scale: 0.02 * dx,
        });
        variables.push(Variable::ColliderRotation {
            collider: name.clone(),
            scale: 0.01,
        });
    }
    for rigid in &spec.rigids {
        let (body, axes) = (rigid.name.clone(), Axis::ALL.to_vec());
        variables.push(Variable::Position {
            body: body.clone(),
            axes: axes.clone(),
            scale: 0.02 * dx,
        });
        variables.push(Variable::Velocity {
            body: body.clone(),
            axes: axes.clone(),
            limit: None,
            scale: 0.1,
        });
        variables.push(Variable::Rotation {
            body: body.clone(),
            scale: 0.01,
        });
        variables.push(Variable::Spin {
            body: body.clone(),
            axes,
            limit: None,
            scale: 0.1,
        });
        let mass = task
            .scene
            .world
            .rigids
            .iter()
            .find(|known| known.name == body);
        variables.push(Variable::Mass {
            body: body.clone(),
            lower: None,
            upper: None,
            log: false,
            scale: 0.1 * mass.map_or(1.0, |rigid| rigid.mass),
        });
        if rigid.friction > 0.0 {
            variables.push(Variable::Friction {
                collider: body,
                scale: 0.1,
            });
        }
    }
    let walls = spec.domain.walls.laws();
    for (name, law) in Walls::NAMES.as_flattened().iter().zip(walls.as_flattened()) {
        if matches!(law, Law::Coulomb(_)) {
            variables.push(Variable::WallFriction {
                wall: (*name).to_owned(),
                scale: 0.1,
            });
        }
    }
    for tool in &spec.tools {
        variables.extend(of_tool(tool, dx));
    }
    for injector in &spec.injectors {
        variables.push(Variable::NozzleVelocity {
            injector: injector.name.clone(),
            axes: Axis::ALL.to_vec(),
            limit: None,
            scale: 0.1,
        });
    }
    if let Some(gas) = &spec.gas {
        variables.extend(gas::everything(gas, dx).into_iter().map(Variable::Gas));
    }
    variables
}

/// Every class of input of a tool.
fn of_tool(tool: &Tool, dx: f64) -> Vec<Variable> {
    let joints = tool.joints.iter();
    let joints = joints.map(|joint| Freedom::Joint(joint.name.clone()));
    let name = || tool.name.clone();
    let mut variables = vec![
        Variable::Controls {
            tool: name(),
            axes: Freedom::RIGID.into_iter().chain(joints).collect(),
            limit: None,
            hold: 1,
            knots: Shape::Steps,
            scale: match tool.motion {
                Motion::Poses(_) => 0.02 * dx,
                _ => 0.05,
            },
        },
        Variable::ToolPosition {
            tool: name(),
            axes: Axis::ALL.to_vec(),
            scale: 0.02 * dx,
        },
        Variable::ToolRotation {
            tool: name(),
            scale: 0.01,
        },
    ];
    if tool.policy.is_some() {
        variables.push(Variable::Policy {
            tool: name(),
            scale: 0.1,
        });
    }
    if !tool.joints.is_empty() {
        variables.push(Variable::ToolJoints {
            tool: name(),
            scale: 0.02 * dx,
        });
    }
    variables
}

/// Shortens a run to about `substeps`; losses of later frames are read at its end.
fn shortened(task: &Task, substeps: usize) -> Result<Task, Failure> {
    let each = match &task.spec.gas {
        Some(_) => gas::SUBSTEPS,
        None => task.scene.world.clock.substeps,
    };
    let mut spec = task.spec.shortened(substeps / each);
    if let Some(gas) = &mut spec.gas {
        gas.tolerance = gas.tolerance.min(gas::TOLERANCE);
    }
    spec.optimize = Some(OptimizeSpec {
        variables: everything(task),
        ..OptimizeSpec::default()
    });
    Task::new(spec, task.directory.clone()).map_err(Failure::input)
}

impl Gradcheck {
    /// Runs the command.
    ///
    /// # Errors
    /// Wrong input, or a gradient that fails.
    pub fn run(&self) -> Result<(), Failure> {
        #[cfg(feature = "broken-vjp")]
        backflow_sim::transfer::p2g::spoil(self.broken);
        self.run.on_threads(|| self.work())
    }

    fn work(&self) -> Result<(), Failure> {
        let task = shortened(&self.run.load(&self.scene)?, self.substeps)?;
        let binding = Binding::new(&task.spec, &task.scene).map_err(Failure::input)?;
        let judge = Judge::new::<f64>(&task.scene).map_err(Failure::input)?;
        let memory = Some(self.run.memory);
        let always = Box::new(|_, _| true);
        let mut objective =
            RolloutObjective::<f64>::new(&task.scene, &binding, &judge, memory, always);
        objective.plan().map_err(Failure::input)?;
        let slices: Vec<_> = binding
            .layout()
            .slices()
            .iter()
            .filter(|slice| self.only.as_ref().is_none_or(|only| *only == slice.name))
            .cloned()
            .collect();
        if slices.is_empty() {
            let names: Vec<&str> = binding
                .layout()
                .slices()
                .iter()
                .map(|slice| slice.name.as_str())
                .collect();
            let only = self.only.as_deref().unwrap_or_default();
            return Err(Failure::Input(format!(
                "--only {only}: expected one of {names:?}"
            )));
        }
        let mut progress = Progress::new(slices.len(), "slices", self.run.json);
        let mut rows: Vec<Option<Row>> = vec![None; slices.len()];
        for attempt in 0..POINTS {
            if rows.iter().all(|row| row.as_ref().is_some_and(Row::passed)) {
                break;
            }
            let seed = self.seed + attempt * 1000;
            let x = near(&binding.start(), seed);
            let gradient = objective.gradient(&x).map_err(Failure::work)?.gradient;
            for (index, (slice, row)) in slices.iter().zip(&mut rows).enumerate() {
                if row.as_ref().is_some_and(Row::passed) {
                    continue;
                }
                progress.at(index, &slice.name);
                let mut part = vec![0.0; x.len()];
                part[slice.range.clone()].copy_from_slice(&gradient[slice.range.clone()]);
                let mut towards = vec![0.0; x.len()];
                towards[slice.range.clone()]
                    .copy_from_slice(&direction(seed + index as u64, &part[slice.range.clone()]));
                let value = |x: &[f64]| objective.value(x);
                let checked = Row::check(&slice.name, value, &x, &part, &towards);
                // Where nothing depends on it at one point, another may tell more, but a
                // verdict is not forgotten.
                if checked.passed() || row.is_none() || attempt + 1 == POINTS {
                    *row = Some(Row {
                        points: attempt + 1,
                        ..checked
                    });
                }
            }
        }
        progress.at(slices.len(), "");
        progress.end();
        let rows: Vec<Row> = rows.into_iter().flatten().collect();
        self.print(&task, &rows)?;
        let failed: Vec<&str> = rows
            .iter()
            .filter(|row| !row.passed())
            .map(|row| row.slice.as_str())
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            let failed = failed.join(", ");
            Err(Failure::Work(format!("the gradient fails for {failed}")))
        }
    }

    fn print(&self, task: &Task, rows: &[Row]) -> Result<(), Failure> {
        if self.run.json {
            let slices: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({
                        "slice": row.slice,
                        "verdict": row.verdict,
                        "rate": row.rate,
                        "resolution": row.resolution,
                        "points": row.points,
                    })
                })
                .collect();
            say_json(&json!({ "scene": task.spec.name, "slices": slices }));
        } else {
            for Row {
                slice,
                verdict,
                table,
                ..
            } in rows
            {
                say(&format!("{slice}: {verdict}\n{table}\n"));
            }
            let (name, clock) = (&task.spec.name, &task.scene.world.clock);
            let (frames, substeps) = (clock.frames, clock.substeps);
            say(&match &task.scene.gas {
                Some(gas) => format!("{name}: {frames} frames, {} cells", gas.model.grid.count()),
                None => format!(
                    "{name}: {frames} frames of {substeps} substeps, {} particles",
                    task.scene.particles.len()
                ),
            });
            for Row {
                slice,
                verdict,
                rate,
                resolution,
                ..
            } in rows
            {
                let rate = rate.map_or(String::new(), |rate| format!("rate {rate:.3}"));
                let sure = resolution.map_or(String::new(), |sure| format!("to {sure:.0e}"));
                say(&format!("  {slice:<28} {verdict:<14} {rate:<12} {sure}"));
            }
        }
        if rows.iter().all(|row| row.verdict == NO_EFFECT) {
            return Err(Failure::work(
                "the loss depends on nothing in the scene: nothing was checked",
            ));
        }
        Ok(())
    }
}

/// Points at which a slice is tried: near a kink there is no second order to be seen,
/// while a wrong gradient is wrong everywhere.
const POINTS: u64 = 4;

/// A predicted change within this many times the rounding of the loss is round-off.
const ROUND_OFF: f64 = 16.0;

const FAILED: &str = "FAILED";

const NO_EFFECT: &str = "no effect";

/// What was found for a slice.
#[derive(Debug, Clone)]
struct Row {
    slice: String,
    verdict: &'static str,
    table: String,
    /// Best rate of three halvings in a row.
    rate: Option<f64>,
    /// Relative error of the slope that would have gone unseen.
    resolution: Option<f64>,
    /// Points tried.
    points: u64,
}

impl Row {
    fn passed(&self) -> bool {
        self.verdict != FAILED
    }

    /// Checks one slice: `gradient` and `direction` are zero outside of it.
    fn check(
        slice: &str,
        mut value: impl FnMut(&[f64]) -> Result<f64, RunError>,
        x: &[f64],
        gradient: &[f64],
        direction: &[f64],
    ) -> Self {
        let params = TaylorParams {
            step: 0.1,
            halvings: 18,
            ..TaylorParams::default()
        };
        let mut largest = 0.0_f64;
        let value = |x: &[f64]| value(x).inspect(|found| largest = largest.max(found.abs()));
        let result = taylor(value, x, gradient, direction, &params);
        // Where nothing depends on a slice, the terms of its gradient cancel to round-off.
        let slope: f64 = gradient.iter().zip(direction).map(|(g, d)| g * d).sum();
        let idle = slope.abs() * params.step <= ROUND_OFF * params.noise * largest;
        let (verdict, table) = match &result {
            Ok(report) => (name(report.verdict), report.to_string()),
            // The loss does not change along the direction, and the gradient says so.
            Err(CheckError::Vacuous(Vacuous::ConstantFunction)) if idle => (
                NO_EFFECT,
                "the loss does not depend on it in this run".to_owned(),
            ),
            // Too small an effect to show an order, but predicted to round-off.
            Err(CheckError::TaylorUnresolved(report))
                if report.rows.iter().all(|row| row.round_off) =>
            {
                ("to round-off", report.to_string())
            }
            Err(error) => (FAILED, error.to_string()),
        };
        let report = result.ok();
        Self {
            slice: slice.to_owned(),
            verdict,
            table,
            rate: report.as_ref().and_then(rate),
            resolution: report.map(|report| report.resolution),
            points: 1,
        }
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::SecondOrder { .. } => "second order",
        Verdict::Exact => "exact",
        Verdict::Failed => FAILED,
    }
}

/// The best of the least rates of three halvings in a row before round-off.
fn rate(report: &TaylorReport) -> Option<f64> {
    let clear = report.rows.iter().rposition(|row| !row.round_off)? + 1;
    report.rows[..clear]
        .windows(3)
        .filter_map(|rows| {
            rows.iter()
                .map(|row| row.rate_with)
                .collect::<Option<Vec<_>>>()
        })
        .filter_map(|rates| rates.into_iter().reduce(f64::min))
        .reduce(f64::max)
}
