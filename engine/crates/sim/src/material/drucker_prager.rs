//! Sand and soil: shear stress up to a share of the pressure.

use backflow_diff::Real;
use nalgebra::ComplexField;

use super::{
    Elasticity, PARAMETERS,
    flow::{Flow, Flowed, Slopes, Trial},
    parting::part,
};
use crate::world::cast;

/// Drucker and Prager's yield condition without dilatancy (Klar et al. 2016, sec. 7):
/// `|dev tau| + 3 alpha (sigma - c) <= 0` with the mean stress `sigma`, the cohesion `c` and
/// `alpha = sqrt(2/3) 2 sin(phi) / (3 - sin(phi))`.
///
/// At a mean tension beyond `c` matter comes apart and keeps no shear. What it expands there
/// is the history: it must close before it presses again (Tampubolon et al. 2017, sec. 4.3.4).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DruckerPrager<T: Real> {
    /// Its elastic constants.
    pub elasticity: Elasticity<T>,
    /// Friction angle phi in triaxial compression (rad).
    pub friction_angle: T,
    /// Cohesion c: the mean tension at which it comes apart (Pa).
    pub cohesion: T,
}

impl<T: Real> DruckerPrager<T> {
    /// The same law in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> DruckerPrager<U> {
        DruckerPrager {
            elasticity: self.elasticity.cast(),
            friction_angle: cast(self.friction_angle),
            cohesion: cast(self.cohesion),
        }
    }
}

impl<T: Real> Flow<T> for DruckerPrager<T> {
    const NAMES: &'static [&'static str] = &["young", "poisson", "friction_angle", "cohesion"];

    fn elasticity(&self) -> &Elasticity<T> {
        &self.elasticity
    }

    fn rest(&self) -> [T; PARAMETERS - 2] {
        [self.friction_angle, self.cohesion, T::zero()]
    }

    fn with(&self, elasticity: Elasticity<T>, [friction_angle, cohesion, _]: [T; 3]) -> Self {
        Self {
            elasticity,
            friction_angle,
            cohesion,
        }
    }

    /// The shear is at most `3 alpha B x`, with `x` how far the mean strain is below that of
    /// the tip and `B = (2 mu + 3 lambda) / (2 mu)`.
    fn flow(
        &self,
        inner: &[T::Primal; PARAMETERS],
        trial: &Trial<T::Primal>,
        _dt: T::Primal,
    ) -> Flowed<T::Primal> {
        let of = T::Primal::of;
        let (zero, one, three) = (of(0.0), of(1.0), of(3.0));
        let &[mu, lambda, angle, ..] = inner;
        let parted = part(inner, 3, trial);
        let below = parted.below.0;
        let sine = angle.sin();
        let root = of((2.0_f64 / 3.0).sqrt() * 2.0);
        let alpha = root * sine / (three - sine);
        let ratio = one + three * lambda / (of(2.0) * mu);
        let most = three * alpha * ratio * below;
        let scale = if below <= zero {
            Slopes::constant(zero)
        } else if trial.shear <= most {
            Slopes::constant(one)
        } else {
            let per_shear = one / trial.shear;
            let slope = three * alpha * ratio * per_shear;
            let mut scale = Slopes::combine(most * per_shear, &[(slope, parted.below)]);
            scale.1[0] -= most * per_shear * per_shear;
            let by_ratio = three * alpha * below * per_shear;
            scale.1[3] -= by_ratio * three * lambda / (of(2.0) * mu * mu);
            scale.1[4] += by_ratio * three / (of(2.0) * mu);
            let by_angle = root * three * angle.cos() / ((three - sine) * (three - sine));
            scale.1[5] += three * ratio * below * per_shear * by_angle;
            scale
        };
        Flowed {
            scale,
            mean: parted.mean,
            history: parted.history,
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::Matrix3;

    use super::{
        super::{Deformation, Law, Solid, Yielding, testing::*},
        *,
    };

    fn law(cohesion: f64) -> Yielding<DruckerPrager<f64>> {
        Yielding(DruckerPrager {
            elasticity: Elasticity::new(2.0, 0.3),
            friction_angle: 0.6,
            cohesion,
        })
    }

    #[test]
    fn vjps_are_the_transposes_on_the_cone_at_its_tip_and_within() {
        for cohesion in [0.0, 0.2] {
            let flows = check_flow(&Solid::DruckerPrager(law(cohesion)), &[0.0, 0.05]);
            assert!(flows.contains(&true));
        }
    }

    #[test]
    fn strains_flow_to_the_cone_and_tension_leaves_no_stress() {
        let (law, alpha) = (law(0.0), {
            let sine = 0.6_f64.sin();
            (2.0_f64 / 3.0).sqrt() * 2.0 * sine / (3.0 - sine)
        });
        let mut seen = [false; 3];
        for f in stretches() {
            for size in [0.9, 1.0, 1.1] {
                let after = law.project(&Deformation::new(&(f * size), 0.0), 0.01);
                let stress = law.stress(&after, &Matrix3::zeros());
                let mean = stress.trace() / 3.0;
                let shear = (stress - Matrix3::from_diagonal_element(mean)).norm();
                assert!(shear + 3.0 * alpha * mean <= 1e-10, "{shear} {mean}");
                let loose = (f * size).determinant() >= 1.0;
                if loose {
                    assert!(stress.norm() <= 1e-12);
                    let expanded = (f * size).determinant().ln();
                    assert!((after.history() - expanded).abs() <= 1e-12);
                }
                let elastic = (after.f() - f * size).norm() <= 1e-12;
                seen[if loose { 0 } else { 1 + usize::from(elastic) }] = true;
                let again = law.project(&after, 0.01);
                assert!((again.f() - after.f()).norm() <= 1e-10 || loose);
            }
        }
        assert_eq!(seen, [true; 3]);
    }

    #[test]
    fn what_came_apart_closes_before_it_presses() {
        let law = law(0.0);
        let loose = Deformation::new(&(Matrix3::identity() * 1.05), 0.0);
        let apart = law.project(&loose, 0.01);
        let closing = |size: f64| {
            let trial = Deformation::new(&(apart.f() * size), apart.history());
            law.stress(&law.project(&trial, 0.01), &Matrix3::zeros())
                .trace()
        };
        assert!(closing(1.0 / 1.04).abs() <= 1e-12);
        assert!(closing(1.0 / 1.06) < -1e-3);
    }
}
