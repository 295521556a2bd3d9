//! Fixed corotated elastic solid.

use backflow_diff::{
    Real,
    lanes::{Lanes, Stored, WIDTH},
    matrix::{cofactor, polar, polar_lanes, polar_vjp, polar_vjp_lanes},
};
use nalgebra::Matrix3;

use super::{Deformation, Elasticity, Group, Law, PARAMETERS, StressBar, fill, group};

/// `psi = mu |F - R|^2 + lambda/2 (J - 1)^2` with `R` the polar rotation of `F`
/// (Stomakhin et al. 2012, eq. 6).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedCorotated<T: Real> {
    /// Its elastic constants.
    pub elasticity: Elasticity<T>,
}

impl<T: Real> Law<T> for FixedCorotated<T> {
    type Strain = Deformation<T>;

    /// `tau = 2 mu (F - R) F^T + lambda J (J - 1) I`.
    #[inline(always)]
    fn stress(&self, strain: &Deformation<T>, _gradient: &Matrix3<T>) -> Matrix3<T> {
        let (f, Elasticity { mu, lambda, .. }) = (strain.f(), self.elasticity);
        let j = f.determinant();
        ((f - polar(&f)) * f.transpose()) * (T::of(2.0) * mu)
            + Matrix3::from_diagonal_element(lambda * j * (j - T::one()))
    }

    #[inline(always)]
    fn stresses<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        group: &Group<'_, T, Deformation<T>>,
        stresses: &mut [Stored<T>],
    ) {
        let Elasticity { mu, lambda, .. } = self.elasticity;
        let f = group.f::<L>(isa);
        let j = f.determinant(&f.cofactor());
        let stretch = f.minus(polar_lanes(isa, f));
        let change = j.sub(L::splat(isa, T::one()));
        let tau = stretch
            .times(f.transpose())
            .scale(L::splat(isa, T::of(2.0) * mu))
            .plus_diagonal(L::splat(isa, lambda).mul(j).mul(change));
        let tau = tau.store_records(isa);
        for (stress, tau) in stresses.iter_mut().zip(&tau) {
            *stress = *tau;
        }
    }

    /// `F_bar = 2 mu (tau_bar F + tau_bar^T (F - R)) + R_bar dR/dF + lambda (2J - 1) tr(tau_bar) cof F`
    /// with `R_bar = -2 mu tau_bar F`.
    #[inline(always)]
    fn stress_vjp(
        &self,
        strain: &Deformation<T>,
        _gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Deformation<T>> {
        let (f, Elasticity { mu, lambda, .. }) = (strain.f(), self.elasticity);
        let (two, one) = (T::of(2.0), T::one());
        let (j, trace) = (f.determinant(), stress_bar.trace());
        let rotation = polar(&f);
        let stretch = f - rotation;
        let along = (stress_bar * f) * (two * mu);
        let f_bar = along
            + (stress_bar.transpose() * stretch) * (two * mu)
            + polar_vjp(&f, &rotation, &-along)
            + cofactor(&f) * (lambda * (two * j - one) * trace);
        StressBar {
            strain: Deformation::new(&f_bar, T::zero()),
            gradient: Matrix3::zeros(),
            parameters: fill([
                two * stress_bar.dot(&(stretch * f.transpose())),
                trace * j * (j - one),
            ]),
        }
    }

    #[inline(always)]
    fn stresses_vjp<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        group: &Group<'_, T, Deformation<T>>,
        stress_bars: &[Stored<T>],
        bars: &mut [StressBar<T, Deformation<T>>],
    ) {
        let Elasticity { mu, lambda, .. } = self.elasticity;
        let [one, two] = [L::splat(isa, T::one()), L::splat(isa, T::of(2.0))];
        let two_mu = L::splat(isa, T::of(2.0) * mu);
        let (f, bar) = (group.f::<L>(isa), group::load(isa, stress_bars));
        let rotation = polar_lanes(isa, f);
        let (stretch, cofactor) = (f.minus(rotation), f.cofactor());
        let (j, trace) = (f.determinant(&cofactor), bar.trace());
        let along = bar.times(f).scale(two_mu);
        let across = bar.transpose().times(stretch).scale_add(two_mu, along);
        let turned = polar_vjp_lanes(isa, f, rotation, along);
        let spherical = L::splat(isa, lambda).mul(trace);
        let spherical = spherical.mul(two.mul(j).sub(one));
        let f_bar = cofactor.scale_add(spherical, across.minus(turned));
        let f_bar = f_bar.store_records(isa);
        let [mut mu_bar, mut lambda_bar] = [[T::zero(); WIDTH]; 2];
        two.mul(bar.dot(stretch.times(f.transpose())))
            .store(&mut mu_bar);
        trace.mul(j).mul(j.sub(one)).store(&mut lambda_bar);
        for (lane, bar) in bars.iter_mut().enumerate() {
            *bar = StressBar {
                strain: Deformation::of_record(f_bar[lane]),
                gradient: Matrix3::zeros(),
                parameters: fill([mu_bar[lane], lambda_bar[lane]]),
            };
        }
    }

    fn sound_speed(&self, density: T) -> T {
        self.elasticity.sound_speed(density)
    }

    #[inline(always)]
    fn viscosity(&self) -> T {
        T::zero()
    }

    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        let [young, poisson] = self.elasticity.parameters_vjp(inner[0], inner[1]);
        fill([young, poisson])
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        Elasticity::<T>::NAMES
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        fill([self.elasticity.young, self.elasticity.poisson])
    }

    fn with_parameters(&self, [young, poisson, ..]: [T; PARAMETERS]) -> Self {
        Self {
            elasticity: Elasticity::new(young, poisson),
        }
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::{
        super::{Solid, testing::*},
        *,
    };

    fn law() -> Solid<f64> {
        Solid::FixedCorotated(FixedCorotated {
            elasticity: Elasticity::new(2.0, 0.3),
        })
    }

    proptest! {
        #[test]
        fn stress_vjp_is_the_transpose(
            f in deformation(),
            tangent in matrix(1.0),
            weights in matrix(1.0),
        ) {
            let (law, still) = (law(), Matrix3::zeros());
            let dual = law.cast::<Dual64>();
            assert_stress_vjp(&law, &dual, &strain(&f), &still, &strain(&tangent), [&weights, &weights]);
            assert_groups(&law, &others(&f));
            assert_project_vjp(&law, &dual, &strain(&f), [&strain(&tangent), &strain(&weights)]);
        }
    }

    #[test]
    fn stress_vjp_is_the_transpose_at_equal_stretches() {
        let (tangent, weights) = (rotation([0.4, 1.0, -0.3]), rotation([2.0, -0.1, 0.5]));
        let law = law();
        for f in degenerate() {
            let dual = law.cast::<Dual64>();
            let still = Matrix3::zeros();
            assert_stress_vjp(
                &law,
                &dual,
                &strain(&f),
                &still,
                &strain(&tangent),
                [&weights, &weights],
            );
        }
    }

    #[test]
    fn sound_speed_is_that_of_the_stiffness() {
        let (law, density) = (law(), 800.0);
        let speed = law.sound_speed(density);
        let modulus = wave_modulus(&law.cast::<Dual64>());
        assert!((density * speed * speed - modulus).abs() <= 1e-12 * modulus);
    }

    #[test]
    fn stress_is_that_of_the_stretch_alone() {
        // Along the principal axes P_i = 2 mu (s_i - 1) + lambda (J - 1) J / s_i.
        let law = law();
        let Elasticity { mu, lambda, .. } = Elasticity::new(2.0, 0.3);
        let (u, v) = (rotation([0.3, -1.1, 0.7]), rotation([-0.8, 0.2, 1.9]));
        let s = nalgebra::Vector3::new(0.8, 1.1, 1.4);
        let j: f64 = s.product();
        let principal = s.map(|s| 2.0 * mu * (s - 1.0) * s + lambda * (j - 1.0) * j);
        let f = u * Matrix3::from_diagonal(&s) * v.transpose();
        let expected = u * Matrix3::from_diagonal(&principal) * u.transpose();
        let stress = stress(&law, &strain(&f));
        assert!((stress - expected).norm() <= 1e-12 * expected.norm());
    }
}
