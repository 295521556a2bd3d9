//! `backflow gradcheck`: checks the gradient of a scene against finite differences.

use std::path::PathBuf;

use backflow_diff::gradcheck::{CheckError, TaylorParams, TaylorReport, Verdict, taylor};
use backflow_optim::{Objective, Settings};
use backflow_sim::scene::spec::{Axis, Law, Material, Motion, When};
use clap::Args;
use serde_json::json;

use super::{
    Failure,
    options::RunArguments,
    out::{Progress, say, say_json},
};
use crate::task::{
    OptimizeSpec, Task,
    binding::Binding,
    criterion::Judge,
    objective::RolloutObjective,
    variables::{Field, Freedom, Variable},
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
    /// Substeps to run at most, in whole frames; chaos makes longer runs unfit to check.
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

/// A number in [-1, 1] for each entry (splitmix64).
fn direction(seed: u64, length: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..length).map(|_| next()).collect()
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
    for (name, material) in &spec.materials {
        if !spec.bodies.iter().any(|body| body.material == *name) {
            continue;
        }
        let parameters: &[(&str, f64)] = match material {
            Material::Liquid {
                density,
                bulk_modulus,
                ..
            } => &[
                ("density", 0.1 * density),
                ("bulk_modulus", 0.1 * bulk_modulus),
                ("viscosity", 0.1),
            ],
            Material::NeoHookean { density, young, .. }
            | Material::FixedCorotated { density, young, .. }
            | Material::BoxPlastic { density, young, .. } => &[
                ("density", 0.1 * density),
                ("young", 0.1 * young),
                ("poisson", 0.02),
            ],
        };
        for &(parameter, scale) in parameters {
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
        if matches!(collider.law, Law::Coulomb(_)) {
            variables.push(Variable::Friction {
                collider: collider.name.clone(),
                scale: 0.1,
            });
        }
    }
    if spec.tool.is_some() {
        let axes = vec![
            Freedom::X,
            Freedom::Y,
            Freedom::Z,
            Freedom::Rx,
            Freedom::Ry,
            Freedom::Rz,
        ];
        let scale = 0.05;
        variables.push(Variable::Controls {
            axes,
            limit: None,
            hold: 1,
            scale,
        });
        variables.push(Variable::ToolPosition {
            axes: Axis::ALL.to_vec(),
            scale: 0.02 * dx,
        });
        variables.push(Variable::ToolRotation { scale: 0.01 });
    }
    variables
}

/// Shortens a run to about `substeps`; losses of later frames are read at its end.
fn shortened(task: &Task, substeps: usize) -> Result<Task, Failure> {
    let mut spec = task.spec.clone();
    let frames = (substeps / task.scene.world.clock.substeps).clamp(1, spec.time.frames);
    if frames < spec.time.frames {
        spec.time.frames = frames;
        for loss in &mut spec.losses {
            let late = match loss.when {
                When::Frame(frame) => frame >= frames,
                When::Frames(_, last) => last >= frames,
                When::End | When::Every => false,
            };
            if late {
                loss.when = When::End;
            }
        }
        if let Some(Motion::Frames(given)) = spec.tool.as_mut().map(|tool| &mut tool.motion) {
            given.truncate(frames);
        }
    }
    spec.optimize = Some(OptimizeSpec {
        variables: everything(task),
        settings: Settings::default(),
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
        let x = binding.start();
        let gradient = objective.gradient(&x).map_err(Failure::work)?.gradient;
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
        let (mut tables, mut failed) = (Vec::new(), Vec::new());
        for (index, slice) in slices.iter().enumerate() {
            progress.at(index, &slice.name);
            let mut towards = vec![0.0; x.len()];
            towards[slice.range.clone()]
                .copy_from_slice(&direction(self.seed + index as u64, slice.range.len()));
            let steps = (task.scene.world.clock.frames * task.scene.world.clock.substeps) as f64;
            let params = TaylorParams {
                step: 0.1,
                halvings: 18,
                noise: f64::EPSILON * 4.0 * steps.sqrt(),
                ..TaylorParams::default()
            };
            let result = taylor(|x| objective.value(x), &x, &gradient, &towards, &params);
            let (verdict, table) = match &result {
                Ok(report) => (name(report.verdict), report.to_string()),
                // Nothing in this scene depends on it, in truth and in the gradient.
                Err(CheckError::Vacuous(why)) => ("no effect", why.to_string()),
                Err(error) => {
                    failed.push(slice.name.clone());
                    ("FAILED", error.to_string())
                }
            };
            tables.push((
                slice.name.clone(),
                verdict,
                table,
                result.ok().as_ref().and_then(rate),
            ));
        }
        progress.at(slices.len(), "");
        progress.end();
        self.print(&task, &tables)?;
        if failed.is_empty() {
            Ok(())
        } else {
            Err(Failure::Work(format!(
                "the gradient fails for {}",
                failed.join(", ")
            )))
        }
    }

    fn print(
        &self,
        task: &Task,
        tables: &[(String, &'static str, String, Option<f64>)],
    ) -> Result<(), Failure> {
        let checked = tables
            .iter()
            .filter(|(_, verdict, ..)| *verdict != "no effect")
            .count();
        if self.run.json {
            let slices: Vec<_> = tables
                .iter()
                .map(|(slice, verdict, _, rate)| {
                    json!({ "slice": slice, "verdict": verdict, "rate": rate })
                })
                .collect();
            say_json(&json!({ "scene": task.spec.name, "slices": slices }));
        } else {
            for (slice, verdict, table, _) in tables {
                say(&format!("{slice}: {verdict}\n{table}\n"));
            }
            let frames = task.scene.world.clock.frames;
            say(&format!(
                "{}: {frames} frames of {} substeps, {} particles",
                task.spec.name,
                task.scene.world.clock.substeps,
                task.scene.particles.len()
            ));
            for (slice, verdict, _, rate) in tables {
                let rate = rate.map_or(String::new(), |rate| format!("rate {rate:.3}"));
                say(&format!("  {slice:<28} {verdict:<14} {rate}"));
            }
        }
        if checked == 0 {
            return Err(Failure::work(
                "the loss depends on nothing in the scene: nothing was checked",
            ));
        }
        Ok(())
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::SecondOrder { .. } => "second order",
        Verdict::Exact => "exact",
        Verdict::Failed => "FAILED",
    }
}

/// The least rate over the halvings that count.
fn rate(report: &TaylorReport) -> Option<f64> {
    let Verdict::SecondOrder { halvings } = report.verdict else {
        return None;
    };
    let last = report.rows.iter().rposition(|row| !row.round_off)?;
    let rows = &report.rows[(last + 1).saturating_sub(halvings)..=last];
    rows.iter().filter_map(|row| row.rate_with).reduce(f64::min)
}
