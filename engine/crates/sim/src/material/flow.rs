//! Plastic flow of solids with Hencky's elasticity.
//!
//! Flow keeps the principal axes. What it does to the logarithms of the principal stretches
//! is a scaling of their deviator and a shift of their mean, which depend on both and on
//! one number of the past: a law is a function of three numbers.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{
    Deformation, Elasticity, Law, PARAMETERS, StressBar,
    hencky::{self, Principal, of_value, sinhc},
};

/// What a flow depends on, then the inner parameters of the law.
pub(super) const INPUTS: usize = 3 + PARAMETERS;

/// Inputs of a flow: length of the deviator of the trial strain, its mean, the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial<P> {
    /// Length of the deviator (1).
    pub shear: P,
    /// Mean of the logarithms of the stretches (1).
    pub mean: P,
    /// What the law keeps of the past.
    pub history: P,
}

/// A number and its derivatives with respect to shear, mean, history and inner parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slopes<P>(pub P, pub [P; INPUTS]);

impl<P: Real> Slopes<P> {
    /// A constant.
    pub fn constant(value: P) -> Self {
        Self(value, [P::zero(); INPUTS])
    }

    /// The input with this number.
    pub fn input(value: P, index: usize) -> Self {
        let mut slopes = [P::zero(); INPUTS];
        slopes[index] = P::one();
        Self(value, slopes)
    }

    /// A number of this value that changes as the sum of `factor * term` does.
    pub fn combine(value: P, terms: &[(P, Self)]) -> Self {
        let mut slopes = [P::zero(); INPUTS];
        for (factor, term) in terms {
            for (sum, slope) in slopes.iter_mut().zip(term.1) {
                *sum += *factor * slope;
            }
        }
        Self(value, slopes)
    }
}

/// What a flow makes of a trial strain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flowed<P> {
    /// Factor on the deviator (1).
    pub scale: Slopes<P>,
    /// Mean of the logarithms of the stretches (1).
    pub mean: Slopes<P>,
    /// The history after it.
    pub history: Slopes<P>,
}

impl<P: Real> Flowed<P> {
    /// No flow.
    pub fn elastic(trial: &Trial<P>) -> Self {
        Self {
            scale: Slopes::constant(P::one()),
            mean: Slopes::input(trial.mean, 1),
            history: Slopes::input(trial.history, 2),
        }
    }
}

/// How matter flows; see the module.
pub(super) trait Flow<T: Real>: Copy + Send + Sync + 'static {
    /// Its elasticity.
    fn elasticity(&self) -> &Elasticity<T>;

    /// Its parameters after `mu` and `lambda`.
    fn rest(&self) -> [T; PARAMETERS - 2];

    /// The same law with other parameters.
    fn with(&self, elasticity: Elasticity<T>, rest: [T; PARAMETERS - 2]) -> Self;

    /// Names of its parameters, the elastic ones first.
    const NAMES: &'static [&'static str];

    /// Flow of a trial strain in a step `dt` (s) of matter with these inner parameters.
    fn flow(
        &self,
        inner: &[T::Primal; PARAMETERS],
        trial: &Trial<T::Primal>,
        dt: T::Primal,
    ) -> Flowed<T::Primal>;
}

/// A law with Hencky's elasticity and a flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Yielding<F>(pub F);

/// A return map at one strain, with its derivative.
struct Return<P: Real> {
    principal: Principal<P>,
    shear: P,
    deviator: Vector3<P>,
    flowed: Flowed<P>,
    /// Stretches after the flow.
    after: Vector3<P>,
}

impl<P: Real<Primal = P>> Return<P> {
    #[inline]
    fn new<T: Real<Primal = P>, F: Flow<T>>(flow: &F, strain: &Deformation<T>, dt: T) -> Self {
        let principal = Principal::of(&strain.f().map(T::primal));
        let mean = principal.log.sum() / P::of(3.0);
        let deviator = principal.log.add_scalar(-mean);
        let shear = deviator.norm();
        let trial = Trial {
            shear,
            mean,
            history: strain.history().primal(),
        };
        let flowed = flow.flow(&inner(flow).map(T::primal), &trial, dt.primal());
        let after = deviator.map(|d| (d * flowed.scale.0 + flowed.mean.0).exp());
        Self {
            principal,
            shear,
            deviator,
            flowed,
            after,
        }
    }

    /// Slopes of stretches across: `(s'_i - s'_j) / (s_i - s_j)` and
    /// `(s'_i + s'_j) / (s_i + s_j)`.
    #[inline]
    fn across(&self, i: usize, j: usize) -> [P; 2] {
        let (s, log) = (&self.principal.s, &self.principal.log);
        let scale = self.flowed.scale.0;
        let half_gap = (log[i] - log[j]) * P::of(0.5);
        let growth = (self.after[i] * self.after[j] / (s[i] * s[j])).sqrt();
        [
            growth * scale * sinhc(scale * half_gap) / sinhc(half_gap),
            (self.after[i] + self.after[j]) / (s[i] + s[j]),
        ]
    }

    /// Scales the entries off the diagonal, a symmetric map.
    #[inline]
    fn fill_across(&self, from: &Matrix3<P>, to: &mut Matrix3<P>) {
        let half = P::of(0.5);
        for (i, j) in [(0, 1), (1, 2), (2, 0)] {
            let [even, odd] = self.across(i, j);
            let symmetric = even * (from[(i, j)] + from[(j, i)]) * half;
            let skew = odd * (from[(i, j)] - from[(j, i)]) * half;
            to[(i, j)] = symmetric + skew;
            to[(j, i)] = symmetric - skew;
        }
    }

    /// Unit deviator; none without shear.
    #[inline]
    fn direction(&self) -> Vector3<P> {
        if self.shear > P::zero() {
            self.deviator / self.shear
        } else {
            Vector3::zeros()
        }
    }

    /// F and history after the flow.
    fn value(&self) -> (Matrix3<P>, P) {
        (
            self.principal.svd.with_values(&self.after),
            self.flowed.history.0,
        )
    }

    /// Tangent along that of F, of the history and of the inner parameters.
    fn jvp(&self, df: &Matrix3<P>, history: P, inner: &[P; PARAMETERS]) -> (Matrix3<P>, P) {
        let svd = &self.principal.svd;
        let m = svd.u.transpose() * df * svd.v;
        let d_log = self.principal.slope.component_mul(&m.diagonal());
        let d_mean = d_log.sum() / P::of(3.0);
        let mut inputs = [P::zero(); INPUTS];
        inputs[..3].copy_from_slice(&[self.direction().dot(&d_log), d_mean, history]);
        inputs[3..].copy_from_slice(inner);
        let along = |slopes: &Slopes<P>| {
            let terms = slopes.1.iter().zip(&inputs);
            terms.fold(P::zero(), |sum, (slope, input)| sum + *slope * *input)
        };
        let Flowed {
            scale,
            mean,
            history,
        } = &self.flowed;
        let d_after = d_log.add_scalar(-d_mean) * scale.0 + self.deviator * along(scale);
        let d_after = d_after.add_scalar(along(mean)).component_mul(&self.after);
        let mut y = Matrix3::from_diagonal(&d_after);
        self.fill_across(&m, &mut y);
        (svd.u * y * svd.v.transpose(), along(history))
    }

    /// Cotangents of F, of the history and of the inner parameters.
    fn vjp(&self, f_bar: &Matrix3<P>, history_bar: P) -> (Matrix3<P>, P, [P; PARAMETERS]) {
        let svd = &self.principal.svd;
        let m = svd.u.transpose() * f_bar * svd.v;
        let after_bar = m.diagonal().component_mul(&self.after);
        let Flowed {
            scale,
            mean,
            history,
        } = &self.flowed;
        let bars = [self.deviator.dot(&after_bar), after_bar.sum(), history_bar];
        let mut inputs = [P::zero(); INPUTS];
        for (slopes, bar) in [scale, mean, history].into_iter().zip(bars) {
            for (input, slope) in inputs.iter_mut().zip(slopes.1) {
                *input += slope * bar;
            }
        }
        let third = P::of(1.0 / 3.0);
        let log_bar =
            after_bar.add_scalar(-after_bar.sum() * third) * scale.0 + self.direction() * inputs[0];
        let log_bar = log_bar.add_scalar(inputs[1] * third);
        let mut y = Matrix3::from_diagonal(&log_bar.component_mul(&self.principal.slope));
        self.fill_across(&m, &mut y);
        let mut inner = [P::zero(); PARAMETERS];
        inner.copy_from_slice(&inputs[3..]);
        (svd.u * y * svd.v.transpose(), inputs[2], inner)
    }
}

/// The parameters that formulas name.
fn inner<T: Real, F: Flow<T>>(flow: &F) -> [T; PARAMETERS] {
    let Elasticity { mu, lambda, .. } = *flow.elasticity();
    let [c, d, e] = flow.rest();
    [mu, lambda, c, d, e]
}

impl<T: Real, F: Flow<T>> Law<T> for Yielding<F> {
    type Strain = Deformation<T>;

    fn stress(&self, strain: &Deformation<T>, _gradient: &Matrix3<T>) -> Matrix3<T> {
        hencky::stress(self.0.elasticity(), strain)
    }

    fn stress_vjp(
        &self,
        strain: &Deformation<T>,
        _gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Deformation<T>> {
        hencky::stress_vjp(self.0.elasticity(), strain, stress_bar)
    }

    fn project(&self, trial: &Deformation<T>, dt: T) -> Deformation<T> {
        let back = Return::new(&self.0, trial, dt);
        let (f, history) = back.value();
        let (df, d_history) = if T::DUAL {
            let along = inner(&self.0).map(T::tangent);
            back.jvp(
                &trial.f().map(T::tangent),
                trial.history().tangent(),
                &along,
            )
        } else {
            (Matrix3::zeros(), T::Primal::of(0.0))
        };
        Deformation::new(
            &f.zip_map(&df, T::from_parts),
            T::from_parts(history, d_history),
        )
    }

    fn is_plastic(&self) -> bool {
        true
    }

    fn project_vjp(
        &self,
        trial: &Deformation<T>,
        dt: T,
        bar: &Deformation<T>,
    ) -> (Deformation<T>, [T; PARAMETERS]) {
        let back = Return::new(&self.0, trial, dt);
        let (f_bar, history_bar, inner) = back.vjp(&bar.f().map(T::primal), bar.history().primal());
        (
            Deformation::new(&f_bar.map(of_value), of_value(history_bar)),
            inner.map(of_value),
        )
    }

    fn sound_speed(&self, density: T) -> T {
        self.0.elasticity().sound_speed(density)
    }

    fn viscosity(&self) -> T {
        T::zero()
    }

    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        let mut named = *inner;
        [named[0], named[1]] = self.0.elasticity().parameters_vjp(inner[0], inner[1]);
        named
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        F::NAMES
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        let Elasticity { young, poisson, .. } = *self.0.elasticity();
        let [c, d, e] = self.0.rest();
        [young, poisson, c, d, e]
    }

    fn with_parameters(&self, [young, poisson, c, d, e]: [T; PARAMETERS]) -> Self {
        Self(self.0.with(Elasticity::new(young, poisson), [c, d, e]))
    }
}
