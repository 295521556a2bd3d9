//! A step of Tsitouras's method.

use backflow_diff::Real;
use nalgebra::DMatrix;

use super::{
    Dynamics,
    tableau::{A, C, ERROR, STABLE, STAGES, between},
};

/// Which errors of a step are let pass: those whose [`Step::error`] is at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Of an entry, in its unit.
    pub absolute: f64,
    /// Of an entry, over its size (1).
    pub relative: f64,
}

impl Default for Tolerance {
    /// 1e-6 both.
    fn default() -> Self {
        Self {
            absolute: 1e-6,
            relative: 1e-6,
        }
    }
}

/// A step with what its adjoint needs:
///
/// ```text
/// g_i = u + h sum_(j<i) a_ij k_j,    k_i = f(g_i, t + c_i h),    u(t + h) = g_7
/// ```
#[derive(Debug, Clone)]
pub struct Step<T: Real, K> {
    /// Its start (s).
    pub t: f64,
    /// Its length (s).
    pub h: f64,
    /// The state at its start, `g_1`, at its stages and at its end.
    g: Vec<DMatrix<T>>,
    /// Derivatives there.
    k: Vec<DMatrix<T>>,
    /// Tapes of all but the first, which belongs to the step before.
    tapes: Vec<K>,
}

/// Cotangents of what a step has.
#[derive(Debug, Clone)]
pub struct StepBar<T: Real> {
    g: Vec<DMatrix<T>>,
    k: Vec<DMatrix<T>>,
}

/// `sum + h sum_i share_i stage_i`.
fn gather<T: Real>(sum: &mut DMatrix<T>, h: f64, shares: &[f64], stages: &[DMatrix<T>]) {
    for (share, stage) in shares.iter().zip(stages) {
        let share = T::of(h * share);
        sum.zip_apply(stage, |sum, stage| *sum += share * stage);
    }
}

/// Adds to the cotangents of the stages what follows from that of the sum.
fn scatter<T: Real>(stages: &mut [DMatrix<T>], h: f64, shares: &[f64], sum: &DMatrix<T>) {
    for (stage, share) in stages.iter_mut().zip(shares) {
        let share = T::of(h * share);
        stage.zip_apply(sum, |stage, sum| *stage += share * sum);
    }
}

/// The one of two with the larger magnitude, and whether it is the first.
fn larger<T: Real>(a: T, b: T) -> (T, bool) {
    if a.abs() >= b.abs() {
        (a, true)
    } else {
        (b, false)
    }
}

/// Euclidean norm of all entries.
fn norm<T: Real>(x: &DMatrix<T>) -> T {
    x.iter().fold(T::zero(), |sum, &x| sum + x * x).sqrt()
}

impl<T: Real> StepBar<T> {
    /// Adds the cotangents of [`Step::end`] and of [`Step::slope`].
    pub fn add_end(&mut self, end: &DMatrix<T>, slope: &DMatrix<T>) {
        self.g[STAGES - 1] += end;
        self.k[STAGES - 1] += slope;
    }
}

impl<T: Real, K: Clone> Step<T, K> {
    /// From `u` at `t`, where the derivative is `k`, to `t + h`: six derivatives.
    pub fn new<D: Dynamics<T, Tape = K>>(
        dynamics: &D,
        weights: &[T],
        [t, h]: [f64; 2],
        u: DMatrix<T>,
        k: DMatrix<T>,
    ) -> Self {
        let (mut g, mut all, mut tapes) = (vec![u], vec![k], Vec::with_capacity(STAGES - 1));
        for (a, c) in A.iter().zip(&C[1..]) {
            let mut at = g[0].clone();
            gather(&mut at, h, a, &all);
            let (k, tape) = dynamics.apply(weights, t + c * h, &at);
            g.push(at);
            all.push(k);
            tapes.push(tape);
        }
        Self {
            t,
            h,
            g,
            k: all,
            tapes,
        }
    }

    /// The state at its start.
    pub fn start(&self) -> &DMatrix<T> {
        &self.g[0]
    }

    /// The state at its end.
    pub fn end(&self) -> &DMatrix<T> {
        &self.g[STAGES - 1]
    }

    /// The derivative at its end, where the next step begins.
    pub fn slope(&self) -> &DMatrix<T> {
        &self.k[STAGES - 1]
    }

    /// The state at time `t` within the step, to order 4.
    pub fn at(&self, t: f64) -> DMatrix<T> {
        let mut u = self.g[0].clone();
        gather(&mut u, self.h, &between((t - self.t) / self.h), &self.k);
        u
    }

    /// Adds to `bar` what follows from the cotangent of [`Step::at`].
    pub fn at_vjp(&self, t: f64, u_bar: &DMatrix<T>, bar: &mut StepBar<T>) {
        bar.g[0] += u_bar;
        scatter(&mut bar.k, self.h, &between((t - self.t) / self.h), u_bar);
    }

    /// The estimate of the error of every entry over what is let pass, and the latter.
    fn errors(&self, tolerance: Tolerance) -> (DMatrix<T>, DMatrix<T>) {
        let mut errors = DMatrix::zeros(self.g[0].nrows(), self.g[0].ncols());
        gather(&mut errors, self.h, &ERROR, &self.k);
        let passes = self.g[0].zip_map(self.end(), |a, b| {
            T::of(tolerance.absolute) + T::of(tolerance.relative) * larger(a, b).0.abs()
        });
        errors.component_div_assign(&passes);
        (errors, passes)
    }

    /// `E`: root mean square over all entries of the difference from the embedded solution over `absolute +
    /// relative max(|u(t)|, |u(t + h)|)`, at most 1 where the step is accurate enough.
    pub fn error(&self, tolerance: Tolerance) -> T {
        let (errors, _) = self.errors(tolerance);
        norm(&errors) / T::of(errors.len() as f64).sqrt()
    }

    /// Adds to `bar` what follows from the cotangent of [`Step::error`]; where it is zero, nothing. The larger of two
    /// magnitudes that are equal is that at the start.
    pub fn error_vjp(&self, tolerance: Tolerance, error_bar: T, bar: &mut StepBar<T>) {
        let (errors, passes) = self.errors(tolerance);
        let size = norm(&errors);
        if size.to_f64() == 0.0 {
            return;
        }
        let scale = error_bar / (size * T::of(errors.len() as f64).sqrt());
        let bars = errors.zip_map(&passes, |error, pass| scale * error / pass);
        scatter(&mut bar.k, self.h, &ERROR, &bars);
        for at in 0..errors.len() {
            let (u, first) = larger(self.g[0][at], self.end()[at]);
            let pass_bar = -bars[at] * errors[at] * T::of(tolerance.relative);
            let end = if first { 0 } else { STAGES - 1 };
            bar.g[end][at] += if u.is_sign_negative() {
                -pass_bar
            } else {
                pass_bar
            };
        }
    }

    /// `k_7 - k_6` and `g_7 - g_6`, both at the end of the step.
    fn ends(&self) -> [DMatrix<T>; 2] {
        [&self.k, &self.g].map(|x| &x[STAGES - 1] - &x[STAGES - 2])
    }

    /// `S = |k_7 - k_6| / |g_7 - g_6| / 3.5068` (1/s): how fast the stiffest part of the dynamics is, over what the
    /// method bears at steps of 1 s (Shampine 1977; Hairer & Wanner 1996, section IV.2). Zero where the two states
    /// are the same.
    pub fn stiffness(&self) -> T {
        let [k, g] = self.ends().map(|x| norm(&x));
        if g.to_f64() == 0.0 {
            return T::zero();
        }
        k / (g * T::of(STABLE))
    }

    /// Adds to `bar` what follows from the cotangent of [`Step::stiffness`]; where it is zero, nothing.
    pub fn stiffness_vjp(&self, stiffness_bar: T, bar: &mut StepBar<T>) {
        let ends = self.ends();
        let [k, g] = [&ends[0], &ends[1]].map(norm);
        if g.to_f64() == 0.0 || k.to_f64() == 0.0 {
            return;
        }
        let stiffness = k / (g * T::of(STABLE));
        let scales = [stiffness / (k * k), -stiffness / (g * g)];
        let bars = [&mut bar.k, &mut bar.g].into_iter();
        for ((bar, x), scale) in bars.zip(ends).zip(scales) {
            let x = x * (scale * stiffness_bar);
            bar[STAGES - 1] += &x;
            bar[STAGES - 2] -= x;
        }
    }

    /// Cotangents of nothing, for what follows to add to.
    pub fn bar(&self) -> StepBar<T> {
        let zero = DMatrix::zeros(self.g[0].nrows(), self.g[0].ncols());
        StepBar {
            g: vec![zero.clone(); STAGES],
            k: vec![zero; STAGES],
        }
    }

    /// Cotangents of the state and of the derivative at the start; adds to that of the weights.
    pub fn pull<D: Dynamics<T, Tape = K>>(
        &self,
        dynamics: &D,
        weights: &[T],
        bar: StepBar<T>,
        weights_bar: &mut [T],
    ) -> [DMatrix<T>; 2] {
        let StepBar { mut g, mut k } = bar;
        for stage in (1..STAGES).rev() {
            let (Some(g_bar), Some(k_bar)) = (g.pop(), k.pop()) else {
                break;
            };
            let t = self.t + C[stage] * self.h;
            let tape = &self.tapes[stage - 1];
            let at = &self.g[stage];
            let at_bar = g_bar + dynamics.apply_vjp(weights, t, at, tape, k_bar, weights_bar);
            g[0] += &at_bar;
            scatter(&mut k, self.h, A[stage - 1], &at_bar);
        }
        [g.swap_remove(0), k.swap_remove(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layer::Mlp,
        testing::{check, matrix},
    };

    /// `du/dt = -t u^2`, which `1 / (1 + t^2 / 2)` solves.
    struct Fall;

    impl Dynamics<f64> for Fall {
        type Tape = ();

        fn apply(&self, _: &[f64], t: f64, u: &DMatrix<f64>) -> (DMatrix<f64>, ()) {
            (u.map(|u| -t * u * u), ())
        }

        fn apply_vjp(
            &self,
            _: &[f64],
            t: f64,
            u: &DMatrix<f64>,
            _: &(),
            bar: DMatrix<f64>,
            _: &mut [f64],
        ) -> DMatrix<f64> {
            bar.zip_map(u, |bar, u| -2.0 * t * u * bar)
        }
    }

    /// Errors at the end of two seconds and between, of so many steps.
    fn errors(steps: usize) -> [f64; 2] {
        let h = 2.0 / steps as f64;
        let exact = |t: f64| 1.0 / (1.0 + 0.5 * t * t);
        let mut u = DMatrix::from_element(1, 1, 1.0);
        let mut between: f64 = 0.0;
        for at in 0..steps {
            let t = h * at as f64;
            let (k, ()) = Fall.apply(&[], t, &u);
            let step = Step::new(&Fall, &[], [t, h], u, k);
            let middle = t + 0.4 * h;
            between = between.max((step.at(middle)[0] - exact(middle)).abs());
            u = step.end().clone();
        }
        [(u[0] - exact(2.0)).abs(), between]
    }

    #[test]
    fn the_end_is_of_order_5_and_what_is_between_of_order_4() {
        let [coarse, fine] = [20, 40].map(errors);
        let order = |at: usize| (coarse[at] / fine[at]).log2();
        assert!((4.7..5.6).contains(&order(0)), "{coarse:?} {fine:?}");
        assert!(order(1) > 3.9, "{coarse:?} {fine:?}");
        assert!(fine[0] < 1e-8, "{fine:?}");
    }

    #[test]
    fn stiffness_is_the_rate_of_decay_over_what_the_method_bears() {
        /// `du/dt = -30 u`.
        struct Decay;
        impl Dynamics<f64> for Decay {
            type Tape = ();
            fn apply(&self, _: &[f64], _: f64, u: &DMatrix<f64>) -> (DMatrix<f64>, ()) {
                (-30.0 * u, ())
            }
            fn apply_vjp(
                &self,
                _: &[f64],
                _: f64,
                _: &DMatrix<f64>,
                _: &(),
                bar: DMatrix<f64>,
                _: &mut [f64],
            ) -> DMatrix<f64> {
                -30.0 * bar
            }
        }
        let u = DMatrix::from_element(1, 1, 1.0);
        let step = Step::new(&Decay, &[], [0.0, 0.05], u.clone(), -30.0 * u);
        assert!((step.stiffness() - 30.0 / 3.5068).abs() < 1e-9);
        // It grows what should decay at 3.5068 / 30 s and not before.
        for (h, grows) in [(3.50 / 30.0, false), (3.51 / 30.0, true)] {
            let u = DMatrix::from_element(1, 1, 1.0);
            let step = Step::new(&Decay, &[], [0.0, h], u.clone(), -30.0 * u);
            assert_eq!(step.end()[0].abs() > 1.0, grows, "{h}");
        }
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        let field = Mlp::new(3, 5, 3, false);
        let (size, times, middle) = (field.size(), [0.3, 0.4], 0.45);
        let tolerance = Tolerance {
            absolute: 0.01,
            relative: 0.02,
        };
        check(
            size + 12,
            |x| {
                let (weights, x) = x.split_at(size);
                let [u, k] = [&x[..6], &x[6..]].map(|x| matrix(3, x));
                let step = Step::new(&field, weights, times, u, k);
                let mut all = [step.end(), step.slope(), &step.at(middle)]
                    .iter()
                    .flat_map(|x| x.iter().copied())
                    .collect::<Vec<_>>();
                all.extend([step.error(tolerance), step.stiffness()]);
                all
            },
            |x, bar| {
                let (weights, x) = x.split_at(size);
                let [u, k] = [&x[..6], &x[6..]].map(|x| matrix(3, x));
                let step = Step::new(&field, weights, times, u, k);
                let mut all = step.bar();
                let parts = [0, 6, 12].map(|at| matrix(3, &bar[at..at + 6]));
                all.add_end(&parts[0], &parts[1]);
                step.at_vjp(middle, &parts[2], &mut all);
                step.error_vjp(tolerance, bar[18], &mut all);
                step.stiffness_vjp(bar[19], &mut all);
                let mut weights_bar = vec![0.0; size];
                let bars = step.pull(&field, weights, all, &mut weights_bar);
                weights_bar.extend(bars.iter().flat_map(|bar| bar.iter()));
                weights_bar
            },
        );
    }
}
