//! How long runs of a workload take.

use std::time::Instant;

use backflow_sim::Compiled;
use backflow_sim::rollout::{
    forward::{Rollout, Scratch},
    reverse::Pass,
    store::{RunError, plan},
};
use clap::ValueEnum;

use super::Workload;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Runs forward.
    Forward,
    /// Runs forward, then runs forward and back.
    Grad,
}

/// Times of one run (s), wall and CPU.
#[derive(Debug, Clone, Copy, Default)]
pub struct Time {
    /// By the clock on the wall.
    pub wall: f64,
    /// Of all threads; `None` where the system does not tell.
    pub cpu: Option<f64>,
}

/// What was measured; every run a time, least first.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Runs forward alone.
    pub forward: Vec<Time>,
    /// The forward pass of runs forward and back, which keeps states.
    pub keeping: Vec<Time>,
    /// The reverse pass, with what it computes again.
    pub backward: Vec<Time>,
    /// Value of the loss.
    pub loss: f64,
    /// Norm of the gradient, and its product with W's direction.
    pub gradient: Option<(f64, f64)>,
    /// Centre of mass, mean velocity, kinetic energy at the end.
    pub totals: ([f64; 3], [f64; 3], f64),
    /// Substeps that a gradient runs forwards, over those of the run.
    pub passes: f64,
}

/// A stopwatch of both times.
pub(crate) struct Watch {
    wall: Instant,
    cpu: Option<f64>,
}

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "the command may read the clock")]
    pub(crate) fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu_seconds(),
        }
    }

    pub(crate) fn time(&self) -> Time {
        let cpu = cpu_seconds().zip(self.cpu).map(|(now, then)| now - then);
        Time {
            wall: self.wall.elapsed().as_secs_f64(),
            cpu,
        }
    }
}

/// Runs `workload` once to warm up and `repetitions` times for the record, in `memory`
/// bytes.
///
/// # Errors
/// A run that fails, or too little memory.
pub fn measure<T: Compiled<Wide = f64>>(
    workload: &Workload<T>,
    mode: Mode,
    repetitions: usize,
    memory: usize,
) -> Result<Measured, RunError> {
    let steps = workload.world.clock.substeps;
    let plan = plan(&workload.world, &workload.start, steps, Some(memory))?;
    let mut measured = Measured {
        passes: plan.forward_passes(),
        ..Measured::default()
    };
    let mut scratch = Scratch::default();
    for repetition in 0..=repetitions {
        let record = repetition > 0;
        let mut state = workload.start.clone();
        let mut rollout = Rollout::new(&workload.world, &[]).with_scratch(scratch);
        let watch = Watch::start();
        measured.loss = rollout.value(&mut state, workload, &mut |_, _| true)?;
        if record {
            measured.forward.push(watch.time());
        }
        measured.totals = workload.totals(&state);
        if mode == Mode::Grad {
            let watch = Watch::start();
            let mut turned = None;
            let (loss, gradient) =
                rollout.gradient(&workload.start, workload, None, &plan, &mut |pass, _| {
                    if pass == Pass::Reverse && turned.is_none() {
                        turned = Some(watch.time());
                    }
                    true
                })?;
            let (total, keeping) = (watch.time(), turned.unwrap_or_default());
            if record {
                measured.keeping.push(keeping);
                measured.backward.push(Time {
                    wall: total.wall - keeping.wall,
                    cpu: total
                        .cpu
                        .zip(keeping.cpu)
                        .map(|(total, keeping)| total - keeping),
                });
            }
            measured.loss = loss;
            measured.gradient = Some(workload.norm_and_slope(&gradient));
        }
        scratch = rollout.into_scratch();
    }
    for times in [
        &mut measured.forward,
        &mut measured.keeping,
        &mut measured.backward,
    ] {
        times.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    }
    Ok(measured)
}

/// CPU time of all threads of this process so far (s), where the system tells.
fn cpu_seconds() -> Option<f64> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(nanoseconds as f64 * 1e-9)
}

/// Most memory that this process ever held (MiB), where the system tells.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// Processes that ran or waited to run during the last minute, where the system tells.
pub fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
