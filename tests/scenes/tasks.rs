//! The tasks of benchmarks: each starts, steps, and has the gradient of its loss.

use std::path::Path;

use backflow::{
    optim::Objective,
    task::{Task, binding::Binding, criterion::Judge, objective::RolloutObjective},
};
use backflow_diff::gradcheck::{TaylorParams, taylor};

use crate::files::{QUALITY, each_task};

/// Substeps over which a gradient is checked.
const SUBSTEPS: usize = 50;

/// Frames that pass before free controls come, or reach what is judged; the substeps of the check are
/// those after them.
const LATER: [(&str, usize); 5] = [
    ("gathering_easy", 20),
    ("gathering_hard", 20),
    ("ice_cream_dynamic", 50),
    ("latte_art_stir", 20),
    ("mixing", 30),
];

/// Tasks with kinks of contact between all steps of the check: of them, only the slope is looked
/// at.
const KINKED: [&str; 2] = ["gathering_easy", "rolling_pin"];

/// Tasks with kinks between the larger steps of the check: of them, the slope is compared with the difference over a
/// small one.
const ROUGH: [&str; 1] = ["mixing"];

/// That step, and by how much the two may differ, relative to the slope.
const SMALL: f64 = 2e-5;
const LIKE: f64 = 1e-3;

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

fn differentiates(path: &Path) -> Result<(), String> {
    let task = Task::load(path, QUALITY).map_err(|error| error.to_string())?;
    let optimize = task.spec.optimize.as_ref();
    if optimize.is_none_or(|optimize| optimize.variables.is_empty()) {
        return Err("expected variables".to_owned());
    }
    let name = task.spec.name.clone();
    let before = LATER.iter().find(|(later, _)| *later == name);
    let before = before.map_or(0, |(_, frames)| *frames);
    let frames = before + SUBSTEPS.div_ceil(task.scene.world.clock.substeps);
    let short = task.spec.shortened(frames);
    let task = Task::new(short, task.directory).map_err(|error| error.to_string())?;
    let binding = Binding::new(&task.spec, &task.scene).map_err(|error| error.to_string())?;
    let judge = Judge::new::<f64>(&task.scene).map_err(|error| error.to_string())?;
    let always = Box::new(|_, _| true);
    let mut objective = RolloutObjective::<f64>::new(&task.scene, &binding, &judge, None, always);
    let mut next = noise(7);
    // Away from rest, where whole layers of matter sit on a kink.
    let x: Vec<f64> = binding.start().iter().map(|x| x + 0.3 * next()).collect();
    let found = objective.gradient(&x).map_err(|error| error.to_string())?;
    let gradient = found.gradient;
    let largest = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
    if !found.value.is_finite() || largest == 0.0 {
        return Err(format!("loss {}, largest slope {largest}", found.value));
    }
    if KINKED.contains(&name.as_str()) {
        return Ok(());
    }
    let direction: Vec<f64> = gradient
        .iter()
        .map(|g| 0.5 * next() + 0.5 * g / largest)
        .collect();
    if ROUGH.contains(&name.as_str()) {
        let moved: Vec<f64> = (x.iter().zip(&direction))
            .map(|(x, d)| x + SMALL * d)
            .collect();
        let moved = objective.value(&moved).map_err(|error| error.to_string())?;
        let slope: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        let found = (moved - found.value) / SMALL;
        return if (found - slope).abs() <= LIKE * slope.abs() {
            Ok(())
        } else {
            Err(format!("slope {slope}, but {found} over a small step"))
        };
    }
    let params = TaylorParams {
        step: 0.05,
        halvings: 12,
        ..TaylorParams::default()
    };
    taylor(|x| objective.value(x), &x, &gradient, &direction, &params)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

#[test]
fn every_task_starts_and_has_the_gradient_of_its_loss() {
    each_task(differentiates);
}

#[test]
fn every_task_loads_at_its_full_size() {
    each_task(|path| {
        let task = Task::load(path, 2.0).map_err(|error| error.to_string())?;
        let name = path.file_stem().and_then(|name| name.to_str());
        if name != Some(&task.spec.name)
            || task.spec.about.is_empty()
            || task.spec.losses.is_empty()
        {
            return Err("expected the name of the file, `about` and a loss".to_owned());
        }
        Ok(())
    });
}
