//! How long it takes to find many points from few samples.

use backflow_operator::{
    Operator,
    data::{Trajectory, farthest_points},
    decode::{Decoder, Kernel},
    rollout::roll,
    train::Track,
};
use backflow_optim::Random;
use serde_json::{Value, json};

use super::failure;
use crate::{
    bench::{Time, Watch},
    cli::Failure,
};

/// CPU times of decoding (ms).
pub(super) struct Decoding {
    /// Points that are found.
    pub(super) points: usize,
    /// Samples that they are found from.
    pub(super) samples: usize,
    /// Once: the shares of the samples in every point.
    pub(super) shares: f64,
    /// Of a frame: a step of the samples.
    pub(super) step: f64,
    /// Of a frame: the points.
    pub(super) decode: f64,
}

/// Frames that times are taken over.
const FRAMES: usize = 20;

impl Decoding {
    /// For so many points all over the body of a trajectory.
    ///
    /// # Errors
    /// Numbers that are not finite, or a trajectory that is too short.
    pub(super) fn of(
        operator: &Operator<f32>,
        kernel: Option<&Kernel>,
        trajectory: &Trajectory,
        samples: usize,
        points: usize,
    ) -> Result<Self, Failure> {
        let chosen = farthest_points(trajectory.positions(0), samples, 0);
        let track = Track::new(trajectory, 0, chosen);
        let rest = &track.x[0];
        // Between a particle and another one that is among the next of its index, and so near it.
        let mut random = Random::new(0, &[0x6465, points as u64]);
        let mut place = || {
            let first = random.below(trajectory.count);
            let second = (first + 1).min(trajectory.count - 1);
            let (a, b) = (
                trajectory.position(0, first),
                trajectory.position(0, second),
            );
            let share = random.uniform() as f32;
            [0, 1, 2].map(|axis| a[axis] + share * (b[axis] - a[axis]))
        };
        let places: Vec<f32> = (0..points).flat_map(|_| place()).collect();
        let decoder = Decoder::new(rest, &places, kernel).map_err(failure)?;
        let shares = time(|| {
            Decoder::new(rest, &places, kernel)
                .map(drop)
                .map_err(failure)
        })?;
        let steps = operator.steps();
        let excerpt = track.excerpt(steps - 1, steps, 0);
        let run = || roll(operator, &track.room, &excerpt.window, FRAMES).map_err(failure);
        let step = time(|| run().map(drop))? / FRAMES as f64;
        let moved = run()?.0.iter().map(|x| x - rest).collect::<Vec<_>>();
        let decode =
            time(|| (moved.iter()).try_for_each(|u| decoder.apply(u).map(drop).map_err(failure)))?
                / FRAMES as f64;
        let [shares, step, decode] = [shares, step, decode].map(|time| 1e3 * time);
        Ok(Self {
            points,
            samples,
            shares,
            step,
            decode,
        })
    }

    pub(super) fn describe(&self) -> Value {
        json!({
            "points": self.points,
            "samples": self.samples,
            "shares_cpu_ms": self.shares,
            "step_cpu_ms": self.step,
            "decode_cpu_ms": self.decode,
        })
    }

    pub(super) fn line(&self) -> String {
        format!(
            "{} points from {} samples: {:.1} ms once, then {:.2} ms a frame for the samples and {:.2} ms for the points",
            self.points, self.samples, self.shares, self.step, self.decode
        )
    }
}

/// Least time that is measured (s): systems tell CPU times by the tick.
const LEAST: f64 = 0.1;

/// Mean CPU time of some work (s), over as many times as take long enough to tell.
fn time(mut work: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let (watch, mut count) = (Watch::start(), 0);
    loop {
        work()?;
        count += 1;
        let Time { wall, cpu } = watch.time();
        let spent = cpu.unwrap_or(wall);
        if spent >= LEAST {
            return Ok(spent / f64::from(count));
        }
    }
}
