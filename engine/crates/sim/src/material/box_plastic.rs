//! Fixed corotated solid whose principal stretches stay in a box.

use backflow_diff::{
    Real,
    lanes::{Lanes, Stored},
};
use nalgebra::Matrix3;

use super::{
    Deformation, Elasticity, FixedCorotated, Group, Law, PARAMETERS, StressBar, fill,
    stretch_box::StretchBox,
};

/// Elastic while every principal stretch is in `[1 - compression, 1 + extension]`;
/// beyond, the stretch flows back to the box (Stomakhin et al. 2013, sec. 5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxPlastic<T: Real> {
    /// The elastic part.
    pub elastic: FixedCorotated<T>,
    /// Critical compression (1), in (0, 1).
    pub compression: T,
    /// Critical extension (1), positive.
    pub extension: T,
}

impl<T: Real> BoxPlastic<T> {
    fn bounds(&self) -> StretchBox<T> {
        StretchBox::new(self.compression, self.extension)
    }
}

impl<T: Real> Law<T> for BoxPlastic<T> {
    type Strain = Deformation<T>;

    /// The stress of the elastic part, see [`FixedCorotated`].
    #[inline(always)]
    fn stress(&self, strain: &Deformation<T>, gradient: &Matrix3<T>) -> Matrix3<T> {
        self.elastic.stress(strain, gradient)
    }

    #[inline(always)]
    fn stresses<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        group: &Group<'_, T, Deformation<T>>,
        stresses: &mut [Stored<T>],
    ) {
        self.elastic.stresses::<L>(isa, group, stresses);
    }

    #[inline(always)]
    fn stress_vjp(
        &self,
        strain: &Deformation<T>,
        gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Deformation<T>> {
        self.elastic.stress_vjp(strain, gradient, stress_bar)
    }

    #[inline(always)]
    fn stresses_vjp<L: Lanes<T>>(
        &self,
        isa: L::Isa,
        group: &Group<'_, T, Deformation<T>>,
        stress_bars: &[Stored<T>],
        bars: &mut [StressBar<T, Deformation<T>>],
    ) {
        self.elastic
            .stresses_vjp::<L>(isa, group, stress_bars, bars);
    }

    /// `F = U clamp(S) V^T`.
    #[inline]
    fn project(&self, trial: &Deformation<T>, _dt: T) -> Deformation<T> {
        Deformation::new(&self.bounds().project(&trial.f()), trial.history())
    }

    #[inline(always)]
    fn is_plastic(&self) -> bool {
        true
    }

    #[inline]
    fn project_vjp(
        &self,
        trial: &Deformation<T>,
        _dt: T,
        bar: &Deformation<T>,
    ) -> (Deformation<T>, [T; PARAMETERS]) {
        let (f_bar, [compression, extension]) = self.bounds().project_vjp(&trial.f(), &bar.f());
        let none = T::zero();
        (
            Deformation::new(&f_bar, bar.history()),
            [none, none, compression, extension, none],
        )
    }

    fn sound_speed(&self, density: T) -> T {
        self.elastic.sound_speed(density)
    }

    #[inline(always)]
    fn viscosity(&self) -> T {
        T::zero()
    }

    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        let mut named = *inner;
        [named[0], named[1]] = self.elastic.elasticity.parameters_vjp(inner[0], inner[1]);
        named
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        &["young", "poisson", "compression", "extension"]
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        let Elasticity { young, poisson, .. } = self.elastic.elasticity;
        fill([young, poisson, self.compression, self.extension])
    }

    fn with_parameters(
        &self,
        [young, poisson, compression, extension, _]: [T; PARAMETERS],
    ) -> Self {
        Self {
            elastic: FixedCorotated {
                elasticity: Elasticity::new(young, poisson),
            },
            compression,
            extension,
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::{
        super::{Solid, testing::*},
        *,
    };

    const COMPRESSION: f64 = 0.1;
    const EXTENSION: f64 = 0.06;

    fn law() -> Solid<f64> {
        let elastic = FixedCorotated {
            elasticity: Elasticity::new(2.0, 0.3),
        };
        Solid::BoxPlastic(BoxPlastic {
            elastic,
            compression: COMPRESSION,
            extension: EXTENSION,
        })
    }

    /// Whether no stretch is on the edge of the box, where the return map has a kink.
    fn off_the_edge(f: &Matrix3<f64>) -> bool {
        f.singular_values()
            .iter()
            .all(|s| (s - 1.0 + COMPRESSION).abs() > 1e-3 && (s - 1.0 - EXTENSION).abs() > 1e-3)
    }

    fn stretched(s: [f64; 3]) -> Matrix3<f64> {
        rotation([0.3, -1.1, 0.7])
            * Matrix3::from_diagonal(&Vector3::from(s))
            * rotation([-0.8, 0.2, 1.9])
    }

    proptest! {
        #[test]
        fn vjp_is_the_transpose(
            f in deformation().prop_filter("not on the edge", off_the_edge),
            tangent in matrix(1.0),
            weights in matrix(1.0),
        ) {
            let (law, still) = (law(), Matrix3::zeros());
            let dual = law.cast::<Dual64>();
            assert_stress_vjp(&law, &dual, &strain(&f), &still, &strain(&tangent), [&weights, &weights]);
            assert_groups(&law, &others(&f));
            assert_project_vjp(&law, &dual, &strain(&f), [&strain(&tangent), &strain(&weights)]);
        }

        #[test]
        fn projected_stretches_are_in_the_box(f in deformation()) {
            let s = law().project(&strain(&f), 0.01).f().singular_values();
            for s in s.iter() {
                prop_assert!((1.0 - COMPRESSION - 1e-13..=1.0 + EXTENSION + 1e-13).contains(s));
            }
        }
    }

    #[test]
    fn project_vjp_is_the_transpose_at_equal_stretches_and_in_every_branch() {
        let (tangent, weights) = (
            Matrix3::new(0.3, -0.7, 0.5, 0.9, 0.2, -0.4, -0.3, 0.6, -0.8),
            Matrix3::new(-0.6, 0.1, 0.8, 0.3, -0.9, 0.2, 0.5, 0.8, -0.1),
        );
        let law = law();
        for s in [
            [1.0, 1.0, 1.0],
            [1.01, 0.97, 1.03],
            [1.3, 1.3, 1.3],
            [0.7, 0.7, 0.7],
            [1.3, 1.2, 1.1],
            [1.3, 1.3, 1.0],
            [1.2, 1.0, 0.8],
            [1.2, 0.8, 0.8],
            [1.0, 0.8, 0.7],
        ] {
            let dual = law.cast::<Dual64>();
            assert_project_vjp(
                &law,
                &dual,
                &strain(&stretched(s)),
                [&strain(&tangent), &strain(&weights)],
            );
        }
    }

    #[test]
    fn elastic_strains_stay_and_others_go_to_the_box_along_their_axes() {
        for (s, flowed) in [
            ([1.05, 0.95, 1.0], [1.05, 0.95, 1.0]),
            ([1.2, 0.95, 0.8], [1.0 + EXTENSION, 0.95, 1.0 - COMPRESSION]),
            (
                [3.0, 2.0, 0.1],
                [1.0 + EXTENSION, 1.0 + EXTENSION, 1.0 - COMPRESSION],
            ),
        ] {
            let error = law().project(&strain(&stretched(s)), 0.01).f() - stretched(flowed);
            assert!(error.norm() <= 1e-13, "{s:?}");
        }
    }

    #[test]
    fn sound_speed_is_that_of_the_elastic_stiffness() {
        let (law, density) = (law(), 800.0);
        let speed = law.sound_speed(density);
        let modulus = wave_modulus(&law.cast::<Dual64>());
        assert!((density * speed * speed - modulus).abs() <= 1e-12 * modulus);
    }
}
