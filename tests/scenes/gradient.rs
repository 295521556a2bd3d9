//! The gradient of every scene.

use std::path::Path;

use backflow::task::{Task, variables::Variable};
use serde_json::Value;

use crate::{
    files::{QUALITY, each},
    harness::Folder,
};

/// The slice of `gradcheck` that holds a variable.
fn slice_of(task: &Task, variable: &Variable) -> String {
    let of_particles = |name: &String| task.spec.bodies.iter().any(|body| body.name == *name);
    match variable {
        // It names every tool.
        Variable::Controls { tool, .. } if tool.is_empty() => {
            format!("tool.{}.controls", task.spec.tools[0].name)
        }
        // A body is moved by moving its particles.
        Variable::Position { body, .. } if of_particles(body) => format!("{body}.particles.x"),
        _ => variable.name(),
    }
}

fn passes(path: &Path) -> Result<(), String> {
    let task = Task::load(path, QUALITY).map_err(|error| error.to_string())?;
    let quality = QUALITY.to_string();
    let ran = Folder::with(&[]).run(&[
        "gradcheck",
        path.to_str().unwrap(),
        "--quality",
        &quality,
        "--substeps",
        "60",
        "--json",
    ]);
    if ran.code != Some(0) {
        return Err(ran.to_string());
    }
    let object = ran.object();
    let slices = object["slices"].as_array().unwrap();
    for slice in slices {
        let verdict = slice["verdict"].as_str().unwrap();
        let second = verdict == "second order" && slice["rate"].as_f64() >= Some(1.9);
        if !second && !["exact", "to round-off", "no effect"].contains(&verdict) {
            return Err(format!("{slice}"));
        }
    }
    let optimize = task.spec.optimize.as_ref();
    for variable in optimize.map_or(&[][..], |optimize| &optimize.variables) {
        let name = slice_of(&task, variable);
        let slice = slices.iter().find(|slice| slice["slice"] == name.as_str());
        let verdict = slice.map_or(&Value::Null, |slice| &slice["verdict"]);
        if !verdict.is_string() || verdict == "no effect" {
            return Err(format!("{name} is optimised, and checked as {verdict}"));
        }
    }
    Ok(())
}

#[test]
fn every_gradient_is_right_and_what_is_optimised_matters() {
    each(passes);
}
