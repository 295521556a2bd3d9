//! Matter that comes apart under tension and closes again before it presses.

use backflow_diff::Real;

use super::{
    PARAMETERS,
    flow::{INPUTS, Slopes, Trial},
};

/// Mean strain of matter that comes apart at a tension, and the history of its expansion.
pub(super) struct Parted<P> {
    /// Mean strain with what was expanded before, less than at the tip by this much.
    pub below: Slopes<P>,
    /// Mean strain after it.
    pub mean: Slopes<P>,
    /// What it has expanded after it, the sum over the axes.
    pub history: Slopes<P>,
}

/// Lets matter come apart where its mean stress is above `tension`, the inner parameter
/// with this number.
pub(super) fn part<P: Real>(
    inner: &[P; PARAMETERS],
    tension: usize,
    trial: &Trial<P>,
) -> Parted<P> {
    let (zero, one, three) = (P::zero(), P::one(), P::of(3.0));
    // Mean stress over mean strain.
    let stiffness = P::of(2.0) * inner[0] + three * inner[1];
    let tip = inner[tension] / stiffness;
    let mut tip = Slopes(tip, [zero; INPUTS]);
    tip.1[3] = -P::of(2.0) * tip.0 / stiffness;
    tip.1[4] = -three * tip.0 / stiffness;
    tip.1[3 + tension] = one / stiffness;
    let (mean, history) = (
        Slopes::input(trial.mean, 1),
        Slopes::input(trial.history, 2),
    );
    let closed = Slopes::combine(
        trial.mean + trial.history / three,
        &[(one, mean), (one / three, history)],
    );
    let below = Slopes::combine(tip.0 - closed.0, &[(one, tip), (-one, closed)]);
    if below.0 > zero {
        return Parted {
            below,
            mean: closed,
            history: Slopes::constant(zero),
        };
    }
    let expanded = trial.history + three * (trial.mean - tip.0);
    Parted {
        below,
        mean: tip,
        history: Slopes::combine(expanded, &[(one, history), (three, mean), (-three, tip)]),
    }
}
