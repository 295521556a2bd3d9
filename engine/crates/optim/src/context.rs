//! What an estimator or an update may know besides the point and its evaluation.

use crate::parameters::Layout;

/// Where the run stands, handed to [`Estimator`](crate::Estimator) and
/// [`Update`](crate::Update) at every iteration.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Number of the evaluation, from 0. Random estimators derive their numbers from it and
    /// a seed, so that a resumed run draws the same ones.
    pub iteration: usize,
    /// Rate of this iteration: base rate x schedule x backoff. Its unit is that of the update:
    /// parameter units a step for Adam, a dimensionless factor for L-BFGS.
    pub rate: f64,
    /// Names and bounds of the entries, for methods that work slice by slice or within bounds.
    pub layout: &'a Layout,
}
