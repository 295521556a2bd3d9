//! The first iterations of every scene that says how it is optimised.

use std::path::Path;

use backflow::task::Task;

use crate::{
    files::{QUALITY, each},
    harness::Folder,
};

fn improves(path: &Path) -> Result<(), String> {
    let task = Task::load(path, QUALITY).map_err(|error| error.to_string())?;
    if task.spec.optimize.is_none() {
        return Ok(());
    }
    let folder = Folder::with(&[]);
    let quality = QUALITY.to_string();
    let arguments = [
        "optimize",
        path.to_str().unwrap(),
        "--quality",
        &quality,
        "--iterations",
        "3",
        "--json",
    ];
    let ran = folder.run(&arguments);
    if ran.code != Some(0) {
        return Err(ran.to_string());
    }
    let report = ran.object();
    let (first, best) = (report["first_loss"].as_f64(), report["best_loss"].as_f64());
    let finite = best.is_some_and(f64::is_finite) && best <= first;
    let complete = report["iterations"] == 3 && report["backoffs"] == 0;
    if finite && complete {
        Ok(())
    } else {
        Err(ran.to_string())
    }
}

#[test]
fn every_optimisation_starts_without_trouble() {
    each(improves);
}
