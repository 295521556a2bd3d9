//! Adam that does not lengthen what only its direction matters of.

use serde::{Deserialize, Serialize};

use super::{Adam, Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::vector::{dot, norm};

/// Threshold by default.
pub(super) fn default_delta() -> f64 {
    0.1
}

/// Factor on the decay of a projected slice by default.
pub(super) fn default_ratio() -> f64 {
    0.1
}

/// AdamP (Heo et al. 2021, "AdamP: slowing down the slowdown for momentum optimizers on
/// scale-invariant weights", algorithm 2). For a slice w of n entries, its gradient g and Adam's
/// direction d:
///
/// ```text
/// if |g.w| / (|g| |w|) < delta / sqrt(n):   d <- d - w (w.d) / (w.w),   decay <- ratio decay
/// w <- w - rate (d + decay w)
/// ```
///
/// A value that does not depend on the length of w, as that of an unnormalised quaternion, has a
/// gradient across w; Adam's direction is not, and its steps make w ever longer and so ever
/// slower. The projection keeps the length. On other slices it is AdamW.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamP {
    /// Moments and their numbers.
    pub adam: Adam,
    /// Cosine, times the root of the length, below which a gradient counts as across
    /// (default: 0.1).
    pub delta: f64,
    /// Share of x taken away per unit of rate (default: 0).
    pub decay: f64,
    /// Factor on the decay of a projected slice (default: 0.1).
    pub ratio: f64,
    /// Names of the slices that may be projected; all with more than one entry if empty
    /// (default: empty).
    pub slices: Vec<String>,
}

impl AdamP {
    /// At rest, with the default numbers.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self {
            adam: Adam::new(dimension),
            delta: default_delta(),
            decay: 0.0,
            ratio: default_ratio(),
            slices: Vec::new(),
        }
    }

    /// Whether a gradient is across `w` up to the threshold.
    fn across(&self, gradient: &[f64], w: &[f64]) -> bool {
        let lengths = norm(gradient) * norm(w);
        let limit = self.delta / (w.len() as f64).sqrt();
        lengths > 0.0 && dot(gradient, w).abs() / lengths < limit
    }
}

impl Update for AdamP {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let mut direction = self.adam.direction(&evaluation.gradient);
        for slice in context.layout.slices() {
            let w = &mut x[slice.range.clone()];
            let d = &mut direction[slice.range.clone()];
            let listed = self.slices.is_empty() || self.slices.contains(&slice.name);
            let gradient = &evaluation.gradient[slice.range.clone()];
            let mut decay = self.decay;
            if listed && w.len() > 1 && self.across(gradient, w) {
                let radial = dot(w, d) / dot(w, w);
                d.iter_mut().zip(&*w).for_each(|(d, w)| *d -= radial * w);
                decay *= self.ratio;
            }
            for (w, d) in w.iter_mut().zip(d) {
                *w -= context.rate * (*d + decay * *w);
            }
        }
        Step::Accepted
    }

    fn restart(&mut self) {
        self.adam.restart();
    }

    fn fits(&self, dimension: usize) -> bool {
        self.adam.fits(dimension)
    }
}
