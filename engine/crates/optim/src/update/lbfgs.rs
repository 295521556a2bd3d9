//! L-BFGS: a quasi-Newton step from the last few changes of point and gradient.
//!
//! Two-loop recursion (Nocedal & Wright 2006, algorithm 7.4) inside algorithm 7.5, with the
//! strong-Wolfe search of [`wolfe`](super::wolfe). Bounds are kept by two-metric projection
//! (Bertsekas 1982): entries held at a bound take no part in the direction, the trial points
//! are projected, and sufficient decrease is measured along the bent path.
//!
//! Why not the crate `argmin`: its executor owns the loop and calls the objective from inside
//! the line search, so that a search cannot be stopped after any evaluation, saved, and resumed
//! to the same bits next to the other updates of this folder. Here every trial is one
//! iteration of the driver, and all memory is plain data.

use serde::{Deserialize, Serialize};

use super::wolfe::{Conditions, Verdict, Wolfe};
use super::{Step, Update};
use crate::context::Context;
use crate::objective::Evaluation;
use crate::parameters::Layout;
use crate::vector::{add_scaled, difference, dot, norm};

/// Share of the quasi-Newton step tried first by default.
pub(super) fn default_rate() -> f64 {
    1.0
}

/// Curvature pairs kept by default.
pub(super) fn default_memory() -> usize {
    10
}

/// c1 by default (Nocedal & Wright 2006, section 3.1).
pub(super) fn default_decrease() -> f64 {
    1e-4
}

/// c2 by default, as advised for quasi-Newton directions (Nocedal & Wright 2006, section 3.1).
pub(super) fn default_curvature() -> f64 {
    0.9
}

/// Trials of one line search by default.
pub(super) fn default_probes() -> usize {
    20
}

/// A pair enters only if the angle between s and y is this far from a right one:
/// `s.y > SAFEGUARD |s| |y|`. Below, 1/s.y would amplify round-off (1e-16) beyond use.
const SAFEGUARD: f64 = 1e-10;

/// Change of point and gradient over one accepted step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// s = x_{k+1} - x_k.
    pub point: Vec<f64>,
    /// y = g_{k+1} - g_k.
    pub gradient: Vec<f64>,
}

/// The line search under way and the iterate it started from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// x_k.
    pub origin: Vec<f64>,
    /// f(x_k).
    pub value: f64,
    /// g_k.
    pub gradient: Vec<f64>,
    /// d, zero in the entries held at a bound.
    pub direction: Vec<f64>,
    /// Lengths tried so far.
    pub wolfe: Wolfe,
}

/// Limited-memory BFGS. The rate scales the first trial of every search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lbfgs {
    /// Most pairs kept (default: 10).
    pub memory: usize,
    /// Demands on a step length (defaults: c1 = 1e-4, c2 = 0.9, 20 trials).
    pub conditions: Conditions,
    /// Curvature pairs, oldest first.
    pub pairs: Vec<Pair>,
    /// Pairs refused by the curvature safeguard so far.
    pub refused: usize,
    /// The search under way; none before the first evaluation and after a restart.
    pub search: Option<Search>,
    /// Whether nothing finite has been told since the last restart.
    pub restarted: bool,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self::new()
    }
}

impl Lbfgs {
    /// Without memory, with the default numbers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            memory: default_memory(),
            conditions: Conditions {
                decrease: default_decrease(),
                curvature: default_curvature(),
                probes: default_probes(),
            },
            pairs: Vec::new(),
            refused: 0,
            search: None,
            restarted: false,
        }
    }

    /// Starts a search from an iterate and moves `x` to its first trial; false if no direction
    /// descends.
    fn begin(&mut self, x: &mut [f64], value: f64, gradient: &[f64], context: &Context) -> bool {
        let mut direction = self.direction(x, gradient, context.layout);
        let mut slope = dot(gradient, &direction);
        if !(slope < 0.0 && slope.is_finite()) {
            self.pairs.clear();
            direction = self.direction(x, gradient, context.layout);
            slope = dot(gradient, &direction);
        }
        if !(slope < 0.0 && slope.is_finite()) {
            return false;
        }
        // without curvature a step of unit length at most: the gradient's size says nothing
        let scale = if self.pairs.is_empty() {
            (1.0 / norm(&direction)).min(1.0)
        } else {
            1.0
        };
        let wolfe = Wolfe::new(value, slope, context.rate * scale);
        let origin = x.to_vec();
        add_scaled(x, wolfe.length(), &direction);
        self.search = Some(Search {
            origin,
            value,
            gradient: gradient.to_vec(),
            direction,
            wolfe,
        });
        true
    }

    /// `d = -P H P g` by the two-loop recursion, where P drops the entries held at a bound and
    /// `H_0 = (s.y / y.y) I` of the newest pair (Nocedal & Wright 2006, eq. 7.20).
    fn direction(&self, x: &[f64], gradient: &[f64], layout: &Layout) -> Vec<f64> {
        let mut q = layout.projected_gradient(x, gradient);
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for Pair { point, gradient } in self.pairs.iter().rev() {
            let alpha = dot(point, &q) / dot(point, gradient);
            add_scaled(&mut q, -alpha, gradient);
            alphas.push(alpha);
        }
        if let Some(Pair { point, gradient }) = self.pairs.last() {
            let gamma = dot(point, gradient) / dot(gradient, gradient);
            q.iter_mut().for_each(|entry| *entry *= gamma);
        }
        for (Pair { point, gradient }, alpha) in self.pairs.iter().zip(alphas.iter().rev()) {
            let beta = dot(gradient, &q) / dot(point, gradient);
            add_scaled(&mut q, alpha - beta, point);
        }
        for i in 0..q.len() {
            let held = layout.bounds()[i].blocks(x[i], -gradient[i]);
            q[i] = if held { 0.0 } else { -q[i] };
        }
        q
    }

    /// Keeps the curvature seen between two iterates, if it is positive beyond round-off.
    fn remember(&mut self, search: &Search, x: &[f64], gradient: &[f64]) {
        let point = difference(x, &search.origin);
        let gradient = difference(gradient, &search.gradient);
        let curvature = dot(&point, &gradient);
        if curvature > SAFEGUARD * norm(&point) * norm(&gradient) {
            self.pairs.push(Pair { point, gradient });
            let excess = self.pairs.len().saturating_sub(self.memory);
            self.pairs.drain(..excess);
        } else {
            self.refused += 1;
        }
    }
}

/// Slope of the value along the projected path: entries that have met a bound stand still.
/// At the corner itself it is the derivative to the right.
fn path_slope(search: &Search, x: &[f64], gradient: &[f64], layout: &Layout) -> f64 {
    let mut slope = 0.0;
    for (i, bounds) in layout.bounds().iter().enumerate() {
        if !bounds.blocks(x[i], search.direction[i]) {
            slope += gradient[i] * search.direction[i];
        }
    }
    slope
}

impl Update for Lbfgs {
    fn step(&mut self, x: &mut [f64], evaluation: &Evaluation, context: &Context<'_>) -> Step {
        let Evaluation {
            value, gradient, ..
        } = evaluation;
        let Some(mut search) = self.search.take() else {
            return if self.begin(x, *value, gradient, context) {
                Step::Accepted
            } else {
                Step::Stalled
            };
        };
        self.restarted = false;
        let slope = path_slope(&search, x, gradient, context.layout);
        let predicted = dot(&search.gradient, &difference(x, &search.origin));
        let verdict = search
            .wolfe
            .tell(&self.conditions, *value, slope, predicted);
        match verdict {
            Verdict::Accept => {
                self.remember(&search, x, gradient);
                if self.begin(x, *value, gradient, context) {
                    return Step::Accepted;
                }
                Step::Stalled
            }
            Verdict::Try(length) => {
                x.copy_from_slice(&search.origin);
                add_scaled(x, length, &search.direction);
                self.search = Some(search);
                Step::Probe
            }
            Verdict::Fail => {
                x.copy_from_slice(&search.origin);
                let steepest = self.pairs.is_empty();
                self.pairs.clear();
                if !steepest && self.begin(x, search.value, &search.gradient, context) {
                    return Step::Probe;
                }
                Step::Stalled
            }
        }
    }

    /// Drops the search; the curvature is still that of f and is kept, unless this is the second
    /// restart in a row.
    fn restart(&mut self) {
        if self.restarted {
            self.pairs.clear();
        }
        self.restarted = true;
        self.search = None;
    }

    fn fits(&self, n: usize) -> bool {
        let pairs = self.pairs.iter();
        let fit = |v: &Vec<f64>| v.len() == n;
        pairs.clone().all(|p| fit(&p.point) && fit(&p.gradient))
            && self
                .search
                .iter()
                .all(|s| fit(&s.origin) && fit(&s.gradient) && fit(&s.direction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Driver;
    use crate::parameters::Bounds;
    use crate::record::Outcome;
    use crate::settings::Settings;
    use crate::stop::Stop;
    use crate::testing::{Quadratic, Rosenbrock, layout};
    use crate::update::UpdateSettings;
    use crate::{Objective, ScheduleSettings};
    use proptest::prelude::*;

    fn minimise(
        objective: &mut impl Objective,
        layout: Layout,
        start: &[f64],
        target: f64,
    ) -> Outcome {
        let settings = Settings {
            iterations: 200,
            update: UpdateSettings::lbfgs(),
            schedule: ScheduleSettings::Constant,
            target: Some(target),
            ..Settings::default()
        };
        let driver = Driver::new(settings, layout).unwrap();
        let mut state = driver.start(start).unwrap();
        driver.run(&mut state, objective, &mut ()).unwrap()
    }

    #[test]
    fn a_quadratic_of_condition_1e4_is_solved_to_1e_8_within_200_evaluations() {
        let mut quadratic = Quadratic::conditioned(20, 1e4);
        let first = quadratic.value(&[0.0; 20]).unwrap();
        let outcome = minimise(&mut quadratic, layout(20), &[0.0; 20], 1e-8 * first);
        assert_eq!(outcome.stop, Stop::Target);
        assert!(outcome.best_value <= 1e-8 * first);
        assert!(outcome.iterations <= 200, "{}", outcome.iterations);
    }

    #[test]
    fn rosenbrock_from_its_classic_start_is_solved_to_1e_10() {
        let outcome = minimise(&mut Rosenbrock, layout(2), &[-1.2, 1.0], 1e-10);
        assert_eq!(outcome.stop, Stop::Target);
        assert!(outcome.iterations <= 60, "{}", outcome.iterations);
        assert!((outcome.best_x[0] - 1.0).abs() < 1e-4);
    }

    #[test]
    fn at_round_off_the_search_says_that_it_stalls() {
        let mut quadratic = Quadratic::conditioned(5, 10.0);
        let outcome = minimise(&mut quadratic, layout(5), &[0.0; 5], -1.0);
        assert_eq!(outcome.stop, Stop::Stalled);
        assert!(outcome.best_value <= 1e-25, "{}", outcome.best_value);
    }

    #[test]
    fn the_direction_of_a_full_memory_is_newtons_on_a_quadratic() {
        // exact pairs along the axes give H = A^-1, whatever the initial scaling
        let curvature = [2.0, 8.0, 5.0];
        let mut lbfgs = Lbfgs::new();
        for i in 0..3 {
            let mut point = vec![0.0; 3];
            point[i] = 1.0;
            let mut gradient = vec![0.0; 3];
            gradient[i] = curvature[i];
            lbfgs.pairs.push(Pair { point, gradient });
        }
        let direction = lbfgs.direction(&[0.0; 3], &[2.0, 4.0, -5.0], &layout(3));
        for (found, exact) in direction.iter().zip([-1.0, -0.5, 1.0]) {
            assert!((found - exact).abs() < 1e-15, "{direction:?}");
        }
    }

    #[test]
    fn a_pair_without_positive_curvature_is_refused_and_counted() {
        let mut lbfgs = Lbfgs::new();
        let search = Search {
            origin: vec![0.0],
            value: 0.0,
            gradient: vec![-1.0],
            direction: vec![1.0],
            wolfe: Wolfe::new(0.0, -1.0, 1.0),
        };
        lbfgs.remember(&search, &[1.0], &[-2.0]);
        assert_eq!((lbfgs.pairs.len(), lbfgs.refused), (0, 1));
        lbfgs.remember(&search, &[1.0], &[1.0]);
        assert_eq!((lbfgs.pairs.len(), lbfgs.refused), (1, 1));
    }

    #[test]
    fn a_restart_keeps_the_curvature_once_and_drops_it_when_repeated() {
        let mut lbfgs = Lbfgs::new();
        lbfgs.pairs.push(Pair {
            point: vec![1.0],
            gradient: vec![2.0],
        });
        lbfgs.restart();
        assert_eq!(lbfgs.pairs.len(), 1);
        lbfgs.restart();
        assert!(lbfgs.pairs.is_empty());
    }

    proptest! {
        /// The minimum of a separable quadratic within a box is its centre clamped.
        #[test]
        fn the_optimum_within_bounds_is_found(
            centre in proptest::collection::vec(-3.0..3.0_f64, 6),
            start in proptest::collection::vec(-1.0..1.0_f64, 6),
        ) {
            let mut quadratic = Quadratic::conditioned(6, 100.0);
            quadratic.centre = centre;
            let mut layout = layout(6);
            layout.bound("x", Bounds::between(-1.0, 1.0)).unwrap();
            let exact: Vec<f64> = quadratic.centre.iter().map(|c| c.clamp(-1.0, 1.0)).collect();
            let least = quadratic.value(&exact).unwrap();
            let outcome = minimise(&mut quadratic, layout, &start, least);
            prop_assert!(outcome.best_value <= least + 1e-12 * (1.0 + least),
                "{} {least} {:?}", outcome.best_value, outcome.stop);
        }
    }
}
