//! Constitutive laws: one law a file, each with its derivative beside it.

mod box_plastic;
mod elasticity;
mod fixed_corotated;
mod liquid;
mod neo_hookean;
mod solid;
mod strain;

use backflow_diff::{
    Real,
    lanes::{Lanes, WIDTH},
};
use nalgebra::Matrix3;

pub use box_plastic::BoxPlastic;
pub use elasticity::Elasticity;
pub use fixed_corotated::FixedCorotated;
pub use liquid::Liquid;
pub use neo_hookean::NeoHookean;
pub use solid::Solid;
pub use strain::Strain;

/// Parameters of a law that a gradient is taken with respect to, at most.
pub const PARAMETERS: usize = 3;

/// Cotangents of what a stress depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StressBar<T: Real, S> {
    /// Of the strain measure.
    pub strain: S,
    /// Of the velocity gradient.
    pub gradient: Matrix3<T>,
    /// Of the law's inner parameters (those that the formula of the stress names).
    pub parameters: [T; PARAMETERS],
}

/// What the stress of a law and its derivative share; see [`Law::Factor`].
pub trait Factor: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// That of a law that has none.
    fn none() -> Self;
}

impl Factor for () {
    fn none() {}
}

impl<T: Real> Factor for Matrix3<T> {
    fn none() -> Self {
        Self::identity()
    }
}

/// A constitutive law: what stress a strain causes and what strain it admits.
pub trait Law<T: Real>: Copy + Send + Sync + 'static {
    /// The strain it is written in.
    type Strain: Strain<T>;

    /// A function of the strain that the stress and its derivative share, such as the polar
    /// rotation; `()` if there is none.
    type Factor: Factor;

    /// The factors of sixteen particles, so that their computation can use all lanes.
    #[inline(always)]
    fn factors<L: Lanes<T>>(
        &self,
        _isa: L::Isa,
        _strains: &[Self::Strain; WIDTH],
    ) -> [Self::Factor; WIDTH] {
        [Self::Factor::none(); WIDTH]
    }

    /// Kirchhoff stress `tau = J sigma` (Pa), positive in tension, at `strain` with its
    /// `factor` and velocity gradient `gradient` (1/s).
    fn stress(
        &self,
        strain: &Self::Strain,
        factor: &Self::Factor,
        gradient: &Matrix3<T>,
    ) -> Matrix3<T>;

    /// `p` if the stress is `-p I` (Pa), which is cheaper to transfer than a matrix.
    #[inline(always)]
    fn pressure(&self, _strain: &Self::Strain) -> Option<T> {
        None
    }

    /// Whether the stress depends on the velocity gradient.
    #[inline(always)]
    fn is_viscous(&self) -> bool {
        // A dual may have a tangent where its value is zero.
        self.viscosity() != T::zero() || T::DUAL
    }

    /// Cotangents of [`Law::stress`]; that of the factor is part of the strain's.
    fn stress_vjp(
        &self,
        strain: &Self::Strain,
        factor: &Self::Factor,
        gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Self::Strain>;

    /// The admissible strain nearest to a trial strain (return map).
    fn project(&self, trial: &Self::Strain) -> Self::Strain;

    /// Cotangent of the trial strain of [`Law::project`].
    fn project_vjp(&self, trial: &Self::Strain, bar: &Self::Strain) -> Self::Strain;

    /// Fastest wave of the undeformed material (m/s) at `density` (kg/m^3).
    fn sound_speed(&self, density: T) -> T;

    /// Shear viscosity (Pa s) that bounds the time step.
    fn viscosity(&self) -> T;

    /// Cotangents of the parameters as a scene names them ([`Law::parameter_names`])
    /// from those of the inner ones.
    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS];

    /// Names of the differentiable parameters, in the order of their cotangents.
    fn parameter_names(&self) -> &'static [&'static str];

    /// Parameters as a scene names them.
    fn parameters(&self) -> [T; PARAMETERS];

    /// The same law with other parameters.
    #[must_use]
    fn with_parameters(&self, parameters: [T; PARAMETERS]) -> Self;
}

#[cfg(test)]
mod tests {
    use backflow_diff::lanes::Portable;
    use nalgebra::{Rotation3, Vector3};
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::*;

    pub(super) fn matrix(size: f64) -> impl Strategy<Value = Matrix3<f64>> {
        prop::array::uniform9(-size..size).prop_map(|rows| Matrix3::from_row_slice(&rows))
    }

    pub(super) fn rotation(axis: [f64; 3]) -> Matrix3<f64> {
        Rotation3::new(Vector3::from(axis)).into_inner()
    }

    /// Deformations without inversion: the volume ratio is at least 0.1.
    pub(super) fn deformation() -> impl Strategy<Value = Matrix3<f64>> {
        matrix(0.6)
            .prop_map(|m| Matrix3::identity() + m)
            .prop_filter("no inversion", |f| f.determinant() > 0.1)
    }

    /// Deformations with equal singular values, the normal case at the start of a run.
    pub(super) fn degenerate() -> Vec<Matrix3<f64>> {
        let (u, v) = (rotation([0.3, -1.1, 0.7]), rotation([-0.8, 0.2, 1.9]));
        let mut all = vec![Matrix3::identity(), u];
        for s in [[0.8; 3], [1.2, 1.2, 0.7], [0.7, 1.2, 1.2], [1.0, 1.0, 1.05]] {
            all.push(u * Matrix3::from_diagonal(&Vector3::from(s)) * v);
        }
        all
    }

    /// A strain with a tangent.
    pub(super) fn lift<S: Strain<f64>, D: Strain<Dual64>>(value: &S, tangent: &S) -> D {
        let mut lifted = D::undeformed();
        let parts = value.components().iter().zip(tangent.components());
        for (entry, (value, tangent)) in lifted.components_mut().iter_mut().zip(parts) {
            *entry = Dual64::new(*value, *tangent);
        }
        lifted
    }

    pub(super) fn inner<S: Strain<f64>>(a: &S, b: &S) -> f64 {
        a.components()
            .iter()
            .zip(b.components())
            .map(|(a, b)| a * b)
            .sum()
    }

    fn tangents<D: Strain<Dual64>>(value: &D) -> Vec<f64> {
        value.components().iter().map(|entry| entry.eps).collect()
    }

    /// `<J d, w>` against `<d, J^T w>`, relative to `|J d| |w|`: a direction that is nearly
    /// orthogonal leaves no digits to compare. Where `J d` itself is round-off of terms of
    /// size 1, as at no strain, it need only be that.
    pub(super) fn assert_transpose(forward: &[f64], weights: &[f64], backward: f64, label: &str) {
        let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let along: f64 = forward.iter().zip(weights).map(|(a, b)| a * b).sum();
        let tolerance = (1e-12 * norm(forward)).max(1e-14) * norm(weights);
        let error = (along - backward).abs();
        assert!(
            error <= tolerance,
            "{label}: {along} forward, {backward} back"
        );
    }

    /// The factor of one strain.
    fn factor<T: Real, P: Law<T>>(law: &P, strain: &P::Strain) -> P::Factor {
        law.factors::<Portable<T>>((), &[*strain; WIDTH])[0]
    }

    /// The stress of a solid at rest.
    pub(super) fn stress<T: Real, P: Law<T>>(law: &P, strain: &P::Strain) -> Matrix3<T> {
        law.stress(strain, &factor(law, strain), &Matrix3::zeros())
    }

    /// Checks [`Law::stress_vjp`] and [`Law::parameters_vjp`] one input at a time: the
    /// strain, the velocity gradient, every parameter that a scene names.
    pub(super) fn assert_stress_vjp<P: Law<f64>, D: Law<Dual64>>(
        law: &P,
        dual: &D,
        strain: &P::Strain,
        gradient: &Matrix3<f64>,
        strain_tangent: &P::Strain,
        [gradient_tangent, weights]: [&Matrix3<f64>; 2],
    ) {
        let bar = law.stress_vjp(strain, &factor(law, strain), gradient, weights);
        let still = P::Strain::zero();
        let steady = gradient.map(Dual64::from);
        let check = |stress: Matrix3<Dual64>, backward: f64, label: &str| {
            let forward = stress.map(|entry| entry.eps);
            assert_transpose(forward.as_slice(), weights.as_slice(), backward, label);
        };
        let dual_stress = |dual: &D, strain: D::Strain, gradient: &Matrix3<Dual64>| {
            dual.stress(&strain, &factor(dual, &strain), gradient)
        };
        let stress = dual_stress(dual, lift(strain, strain_tangent), &steady);
        check(stress, inner(&bar.strain, strain_tangent), "strain");
        let moving = gradient.zip_map(gradient_tangent, Dual64::new);
        let stress = dual_stress(dual, lift(strain, &still), &moving);
        check(
            stress,
            bar.gradient.dot(gradient_tangent),
            "velocity gradient",
        );
        let named = law.parameters_vjp(&bar.parameters);
        for (index, name) in law.parameter_names().iter().enumerate() {
            let mut parameters = dual.parameters();
            parameters[index].eps = 1.0;
            let moved = dual.with_parameters(parameters);
            let stress = dual_stress(&moved, lift(strain, &still), &steady);
            check(stress, named[index], name);
        }
        for index in law.parameter_names().len()..PARAMETERS {
            assert_eq!(named[index], 0.0, "parameter without a name");
        }
    }

    /// Checks [`Law::project_vjp`].
    pub(super) fn assert_project_vjp<P: Law<f64>, D: Law<Dual64>>(
        law: &P,
        dual: &D,
        trial: &P::Strain,
        [tangent, weights]: [&P::Strain; 2],
    ) {
        let forward = tangents(&dual.project(&lift(trial, tangent)));
        let backward = inner(&law.project_vjp(trial, weights), tangent);
        assert_transpose(&forward, weights.components(), backward, "return map");
    }

    fn assert_advance_vjp<S: Strain<f64>, D: Strain<Dual64>>(
        strain: &S,
        gradient: &Matrix3<f64>,
        [tangent, weights]: [&S; 2],
        gradient_tangent: &Matrix3<f64>,
    ) {
        let dt = 0.3;
        let (strain_bar, gradient_bar) = strain.advance_vjp(gradient, dt, weights);
        let steady = gradient.map(Dual64::from);
        let after = lift::<S, D>(strain, tangent).advance(&steady, Dual64::from(dt));
        let backward = inner(&strain_bar, tangent);
        assert_transpose(&tangents(&after), weights.components(), backward, "strain");
        let moving = gradient.zip_map(gradient_tangent, Dual64::new);
        let after = lift::<S, D>(strain, &S::zero()).advance(&moving, Dual64::from(dt));
        let backward = gradient_bar.dot(gradient_tangent);
        assert_transpose(
            &tangents(&after),
            weights.components(),
            backward,
            "gradient",
        );
    }

    proptest! {
        #[test]
        fn advance_vjp_is_the_transpose(
            f in deformation(),
            gradient in matrix(1.0),
            tangent in matrix(1.0),
            weights in matrix(1.0),
            gradient_tangent in matrix(1.0),
        ) {
            let along = &gradient_tangent;
            assert_advance_vjp::<_, Matrix3<Dual64>>(&f, &gradient, [&tangent, &weights], along);
            let (j, tangent, weights) = (f[0], tangent[0], weights[0]);
            assert_advance_vjp::<_, Dual64>(&j, &gradient, [&tangent, &weights], along);
        }

        #[test]
        fn volume_ratio_follows_the_determinant_to_first_order(
            f in deformation(),
            gradient in matrix(1.0),
        ) {
            // d det((I + dt grad v) F) = det F tr(grad v) dt.
            let dt = Dual64::new(0.0, 1.0);
            let (gradient, f) = (gradient.map(Dual64::from), f.map(Dual64::from));
            let j = f.determinant().advance(&gradient, dt);
            let change = f.advance(&gradient, dt).determinant() - j;
            prop_assert!(change.re.abs() <= 1e-14 && change.eps.abs() <= 1e-12);
        }
    }

    #[test]
    fn undeformed_matter_is_free_of_stress() {
        let elasticity = Elasticity::new(2e4, 0.3);
        let elastic = FixedCorotated { elasticity };
        let still = Matrix3::zeros();
        for law in [
            Solid::NeoHookean(NeoHookean { elasticity }),
            Solid::FixedCorotated(elastic),
            Solid::BoxPlastic(BoxPlastic {
                elastic,
                compression: 0.1,
                extension: 0.1,
            }),
        ] {
            assert_eq!(stress(&law, &Strain::undeformed()), still, "{law:?}");
            assert_eq!(
                law.project(&Matrix3::identity()),
                Matrix3::identity(),
                "{law:?}"
            );
        }
        let law = Liquid {
            bulk_modulus: 2e4,
            viscosity: 1.0,
            exponent: 7.0,
            tension: true,
        };
        assert_eq!(stress(&law, &Strain::undeformed()), still);
    }

    #[test]
    fn solids_are_not_viscous_and_no_pressure_alone() {
        let elasticity = Elasticity::new(2e4, 0.3);
        let elastic = FixedCorotated { elasticity };
        let gradient = rotation([0.3, -1.1, 0.7]) * 5.0;
        let f = degenerate()[3];
        for law in [
            Solid::NeoHookean(NeoHookean { elasticity }),
            Solid::FixedCorotated(elastic),
            Solid::BoxPlastic(BoxPlastic {
                elastic,
                compression: 0.1,
                extension: 0.1,
            }),
        ] {
            assert!(!law.is_viscous() && law.pressure(&f).is_none(), "{law:?}");
            let moving = law.stress(&f, &factor(&law, &f), &gradient);
            assert_eq!(moving, stress(&law, &f), "{law:?}");
        }
    }

    /// Stiffness of the undeformed law against a strain along x that nothing yields to.
    pub(super) fn wave_modulus<D: Law<Dual64, Strain = Matrix3<Dual64>>>(law: &D) -> f64 {
        let mut f = Matrix3::<Dual64>::identity();
        f[(0, 0)].eps = 1.0;
        stress(law, &f)[(0, 0)].eps
    }
}
