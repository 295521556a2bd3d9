//! Networks beside the steps of the solver.

use backflow_sim::gas::learned::{
    conv::Maps,
    smoke::{CHANNELS, Surrogate},
    stagger::{join, split},
};
use serde_json::{Value, json};

use crate::cli::out::Watch;

/// Times that the networks are run to be timed; the least counts.
const TIMES: usize = 20;

/// What a surrogate is worth.
pub(super) struct Judged {
    stride: usize,
    trained: f64,
    /// Error of a step over the change in it.
    pub(super) error: f64,
    /// Time of the slowest network on its part, of one thread (s).
    pub(super) seconds: f64,
    /// Time to split the box and to join it (s).
    around: f64,
}

/// The error of a surrogate on steps, and the time of its slowest part.
pub(super) fn compare(surrogate: &Surrogate, steps: &[[Maps; 2]], trained: f64) -> Judged {
    let networks = &surrogate.staggered.networks;
    let mut bar = vec![0.0; surrogate.staggered.weights().len()];
    let error = surrogate.loss(steps.iter(), &mut bar).sqrt();
    let stride = surrogate.staggered.stride;
    let whole = steps.first().map(|[before, _]| before.clone());
    let whole = whole.unwrap_or_else(|| Maps::zero([stride; 3], CHANNELS));
    let parts = split(&whole, stride);
    let least = |run: &mut dyn FnMut()| {
        let times = (0..TIMES).map(|_| {
            let watch = Watch::start();
            run();
            watch.seconds()
        });
        times.fold(f64::INFINITY, f64::min)
    };
    let each = networks.iter().zip(&parts).map(|(network, part)| {
        least(&mut || {
            std::hint::black_box(network.apply(part));
        })
    });
    let seconds = each.fold(0.0, f64::max);
    let around = least(&mut || {
        let parts = split(&whole, stride);
        std::hint::black_box(join(&parts, whole.cells, stride));
    });
    Judged {
        stride,
        trained,
        error,
        seconds,
        around,
    }
}

impl Judged {
    /// As JSON.
    pub(super) fn json(&self) -> Value {
        json!({
            "stride": self.stride,
            "training_seconds": self.trained,
            "relative_error": self.error,
            "critical_path_seconds": self.seconds,
            "split_and_join_seconds": self.around,
        })
    }

    /// As text.
    pub(super) fn line(&self) -> String {
        format!(
            "stride {}: error {:.4} of the change in a step, {:.2e} s a part, {:.2e} s to split and \
             join, trained in {:.0} s",
            self.stride, self.error, self.seconds, self.around, self.trained
        )
    }
}
