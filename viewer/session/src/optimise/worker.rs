//! The thread of an optimisation: it advances, rests, takes over other methods.

use std::{
    ops::ControlFlow,
    sync::{Arc, PoisonError},
};

use backflow::{
    optim::{Driver, DriverState, Record, RunError as DriverError, Settings},
    sim::rollout::store::RunError,
    task::{Task, binding::Binding, criterion::Judge},
};

use super::{Activity, Iteration, Point, Shared, watched::Watched};

/// Runs to a stop; what went wrong as text.
pub fn work(task: &Task, settings: Settings, shared: &Arc<Shared>) -> Result<(), String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let binding = Binding::new(&task.spec, &task.scene).map_err(|error| say(&error))?;
    let judge = Judge::new::<f32>(&task.scene).map_err(|error| say(&error))?;
    let layout = binding.layout().clone();
    let mut driver = Driver::new(settings, layout.clone()).map_err(|error| say(&error))?;
    let mut state = driver
        .start(&binding.guess())
        .map_err(|error| say(&error))?;
    let mut objective = Watched::new(&task.scene, &binding, &judge, shared);
    loop {
        if let Some(settings) = wait(shared) {
            driver = Driver::new(settings, layout.clone()).map_err(|error| say(&error))?;
            let best = state.best.take();
            let (iteration, x) = (state.iteration, state.x.clone());
            state = driver.start(&x).map_err(|error| say(&error))?;
            (state.iteration, state.best) = (iteration, best);
        }
        if shared.lock().quit {
            return Ok(());
        }
        if let Some(outcome) = driver.finished(&state) {
            let stop = format!("{:?}", outcome.stop);
            shared.lock().activity = Activity::Finished(stop);
            shared.wake.notify_all();
            // Other settings may go on from here.
            if rest(shared).is_break() {
                return Ok(());
            }
            state.stop = None;
            continue;
        }
        match driver.advance(&mut state, &mut objective) {
            Ok(record) => publish(shared, &record, &state, objective.latest.take()),
            Err(DriverError::Objective {
                source: RunError::Interrupted,
                ..
            }) => return Ok(()),
            Err(error) => return Err(say(&error)),
        }
    }
}

/// Waits while it is to rest; the settings to go on with, if there are others.
fn wait(shared: &Shared) -> Option<Settings> {
    let mut inner = shared.lock();
    while inner.pause && !inner.quit {
        inner.activity = Activity::Paused;
        shared.wake.notify_all();
        inner = shared
            .wake
            .wait(inner)
            .unwrap_or_else(PoisonError::into_inner);
    }
    inner.activity = Activity::Running;
    inner.settings.take()
}

/// Waits for other settings after the end.
fn rest(shared: &Shared) -> ControlFlow<()> {
    let mut inner = shared.lock();
    while inner.settings.is_none() && !inner.quit {
        inner = shared
            .wake
            .wait(inner)
            .unwrap_or_else(PoisonError::into_inner);
    }
    if inner.quit {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

fn publish(shared: &Shared, record: &Record, state: &DriverState, latest: Option<Iteration>) {
    let mut inner = shared.lock();
    inner.points.push(Point {
        iteration: record.iteration,
        loss: record.value,
        best: state.best.as_ref().map_or(record.value, |best| best.value),
        gradient_norm: record.gradient_norm,
        scores: record.metrics.clone(),
    });
    if let Some(mut latest) = latest {
        latest.index = record.iteration;
        let latest = Arc::new(latest);
        inner.previous = inner.latest.replace(Arc::clone(&latest));
        let better = inner
            .best
            .as_ref()
            .is_none_or(|best| latest.loss < best.loss);
        if better {
            inner.best = Some(latest);
        }
    }
    drop(inner);
    shared.wake.notify_all();
}
