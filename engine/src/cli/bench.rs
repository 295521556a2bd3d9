//! `backflow bench`: how fast this machine runs a workload that other engines run, too.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    Failure, bytes,
    options::{Precision, on_threads, with_scalar},
    out::{say, say_json},
};
use crate::bench::{Case, Measured, Mode, Order, Size, Workload, load, measure, peak_memory};
use backflow_diff::lanes;
use backflow_sim::rollout::store::RunError;

/// Measures the speed of a falling, spinning block of matter: particles times substeps a
/// second, forward, and forward and back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  backflow bench
  backflow bench --case elastic --mode grad --json
  backflow bench --size L --simd portable
  backflow bench --mode grad --steps 1000 --memory 1GiB")]
pub struct Bench {
    /// What the block is made of.
    #[arg(long, value_enum, default_value_t = Case::Liquid)]
    case: Case,
    /// Particles: T 1,440, S 30,720, M 101,376, L 295,936, XL 1,003,520.
    #[arg(long, value_enum, default_value_t = Size::M, ignore_case = true)]
    size: Size,
    /// Runs forward, or forward and back.
    #[arg(long, value_enum, default_value_t = Mode::Forward)]
    mode: Mode,
    /// Substeps of a run.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Runs that are measured, after one that is not.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    reps: u32,
    /// The order in which particles are listed.
    #[arg(long, value_enum, default_value_t = Order::Lattice)]
    order: Order,
    /// Nodes of the domain along each axis; more than 64 add empty space.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(64..=1024))]
    nodes: u32,
    /// Scalar of the simulation.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// Threads to use; as many as there are cores by default.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Widest instructions to use; the widest that the machine has by default.
    #[arg(long, value_name = "portable|avx2|avx512", value_parser = level)]
    simd: Option<lanes::Level>,
    /// Memory that a gradient may take, such as 512MiB.
    #[arg(long, value_parser = bytes::parse, default_value = "4GiB", value_name = "BYTES")]
    memory: usize,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

fn level(name: &str) -> Result<lanes::Level, String> {
    let names = lanes::Level::ALL.map(lanes::Level::name);
    let level = lanes::Level::ALL
        .into_iter()
        .find(|level| level.name() == name);
    level.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

impl Bench {
    /// Runs the command.
    ///
    /// # Errors
    /// Instructions that the machine does not have, too little memory, a run that fails.
    pub fn run(&self) -> Result<(), Failure> {
        if let Some(level) = self.simd {
            if !lanes::available(level) {
                let name = level.name();
                return Err(Failure::input(format!(
                    "--simd {name}: this machine does not have these instructions"
                )));
            }
            lanes::limit(level);
        }
        let result = on_threads(self.threads, || {
            with_scalar!(self.precision, T => {
                let workload: Workload<T> = Workload::new(
                    self.case,
                    self.size,
                    self.order,
                    self.steps as usize,
                    self.nodes as usize,
                );
                let count = workload.particles();
                let (mode, reps) = (self.mode, self.reps as usize);
                measure(&workload, mode, reps, self.memory)
                    .map(|measured| (count, measured, rayon::current_num_threads()))
                    .map_err(|error| match error {
                        RunError::Budget(_) => Failure::input(error),
                        _ => Failure::work(error),
                    })
            })
        })?;
        let (particles, measured, threads) = result;
        if self.json {
            say_json(&self.record(particles, &measured, threads));
        } else {
            self.tell(particles, &measured, threads);
        }
        Ok(())
    }

    fn tell(&self, particles: usize, measured: &Measured, threads: usize) {
        let work = (particles * self.steps as usize) as f64;
        let rate = |seconds: f64| work / seconds / 1e6;
        say(&format!(
            "{} {:?}, {particles} particles, {} substeps, {threads} threads, {}, {}",
            name(self.case),
            self.size,
            self.steps,
            self.precision.name(),
            lanes::level().name(),
        ));
        let forward = median(&measured.forward);
        say(&format!(
            "forward            {:8.2} M particle-substeps/s",
            rate(forward)
        ));
        if self.mode == Mode::Grad {
            let total = median(&measured.keeping) + median(&measured.backward);
            say(&format!(
                "forward and back   {:8.2} M particle-substeps/s, {:.2} times the forward run, \
                 {:.2} forward passes",
                rate(total),
                total / forward,
                measured.passes,
            ));
        }
        if let Some(memory) = peak_memory() {
            say(&format!("peak memory        {memory:8.1} MiB"));
        }
    }

    fn record(&self, particles: usize, measured: &Measured, threads: usize) -> Value {
        let work = (particles * self.steps as usize) as f64;
        let grad = self.mode == Mode::Grad;
        let forward = if grad {
            &measured.keeping
        } else {
            &measured.forward
        };
        let least = forward.first().map_or(f64::NAN, |time| time.wall);
        let middle = median(forward);
        let backward = grad.then(|| median(&measured.backward));
        let plain = median(&measured.forward);
        let (com, vmean, ke) = measured.totals;
        json!({
            "peer": "backflow",
            "version": env!("CARGO_PKG_VERSION"),
            "case": name(self.case),
            "particles": particles,
            "grid": self.nodes,
            "substeps": self.steps,
            "threads": threads,
            "mode": if grad { "grad" } else { "forward" },
            "prec": self.precision.name(),
            "order": name(self.order),
            "variant": lanes::level().name(),
            "reps": self.reps,
            "forward_s": least,
            "forward_s_median": middle,
            "forward_pps": work / least,
            "forward_pps_median": work / middle,
            "forward_cpu_s": least_cpu(forward),
            "backward_s": measured.backward.first().map(|time| time.wall),
            "backward_s_median": backward,
            "backward_cpu_s": least_cpu(&measured.backward),
            "ratio_total": backward.map(|backward| (middle + backward) / middle),
            "plain_forward_s_median": plain,
            "ratio_to_plain": backward.map(|backward| (middle + backward) / plain),
            "forward_passes": grad.then_some(measured.passes),
            "peak_rss_mb": peak_memory(),
            "load": load(),
            "loss": measured.loss,
            "grad_norm": measured.gradient.map(|(norm, _)| norm),
            "grad_dot_d": measured.gradient.map(|(_, slope)| slope),
            "com": com,
            "vmean": vmean,
            "ke": ke,
        })
    }
}

fn name(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

fn median(times: &[crate::bench::Time]) -> f64 {
    times
        .get(times.len() / 2)
        .map_or(f64::NAN, |time| time.wall)
}

fn least_cpu(times: &[crate::bench::Time]) -> Option<f64> {
    times
        .iter()
        .filter_map(|time| time.cpu)
        .min_by(f64::total_cmp)
}
