//! Snow: elastic within a box of stretches, harder where it was compacted.

use backflow_diff::{Real, matrix::cofactor};
use nalgebra::Matrix3;

use super::{
    Deformation, Elasticity, FixedCorotated, Law, PARAMETERS, StressBar, stretch_box::StretchBox,
};
use crate::world::cast;

/// Snow (Stomakhin et al. 2013): a fixed corotated solid whose principal stretches flow back
/// to `[1 - compression, 1 + extension]` (sec. 5), and whose Lame constants are
/// `exp(xi (1 - J_P))` times those of fresh snow (eq. 2), with the plastic volume ratio `J_P`.
///
/// The history is `ln J_P`. Stiffness grows by at most [`Snow::MOST_HARDENING`], which bounds the
/// time step; beyond, the derivative of the hardening is that of the bound, zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snow<T: Real> {
    /// The elastic part of fresh snow.
    pub elastic: FixedCorotated<T>,
    /// Critical compression (1), in (0, 1).
    pub compression: T,
    /// Critical extension (1), positive.
    pub extension: T,
    /// Hardening coefficient xi (1).
    pub hardening: T,
}

/// Volume ratio that smaller ones, and those of inverted matter, count as.
const LEAST_VOLUME: f64 = 1e-3;

impl<T: Real> Snow<T> {
    /// Most that compaction multiplies the stiffness by (1): with the usual coefficient of 10
    /// that of snow compacted to four fifths of its volume.
    pub const MOST_HARDENING: f64 = 8.0;

    /// The same law in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Snow<U> {
        Snow {
            elastic: FixedCorotated {
                elasticity: self.elastic.elasticity.cast(),
            },
            compression: cast(self.compression),
            extension: cast(self.extension),
            hardening: cast(self.hardening),
        }
    }

    fn bounds(&self) -> StretchBox<T> {
        StretchBox::new(self.compression, self.extension)
    }

    /// Factor on the stiffness, and its slopes along the history and the coefficient.
    fn factor(&self, history: T) -> (T, [T; 2]) {
        let most = T::of(Self::MOST_HARDENING);
        let plastic = history.exp();
        let factor = (self.hardening * (T::one() - plastic)).exp();
        if factor > most {
            return (most, [T::zero(); 2]);
        }
        let slopes = [-self.hardening * plastic, T::one() - plastic];
        (factor, slopes.map(|slope| slope * factor))
    }
}

/// Volume ratio of a deformation, and its slope; see [`LEAST_VOLUME`].
fn volume<T: Real>(f: &Matrix3<T>) -> (T, Matrix3<T>) {
    let (j, least) = (f.determinant(), T::of(LEAST_VOLUME));
    if j < least {
        (least, Matrix3::zeros())
    } else {
        (j, cofactor(f))
    }
}

impl<T: Real> Law<T> for Snow<T> {
    type Strain = Deformation<T>;

    /// That of the elastic part, see [`FixedCorotated`], times `exp(xi (1 - J_P))`.
    fn stress(&self, strain: &Deformation<T>, gradient: &Matrix3<T>) -> Matrix3<T> {
        self.elastic.stress(strain, gradient) * self.factor(strain.history()).0
    }

    fn stress_vjp(
        &self,
        strain: &Deformation<T>,
        gradient: &Matrix3<T>,
        stress_bar: &Matrix3<T>,
    ) -> StressBar<T, Deformation<T>> {
        let (factor, [by_history, by_hardening]) = self.factor(strain.history());
        let fresh = self.elastic.stress(strain, gradient);
        let factor_bar = stress_bar.dot(&fresh);
        let mut bar = self
            .elastic
            .stress_vjp(strain, gradient, &(stress_bar * factor));
        bar.strain = Deformation::new(&bar.strain.f(), factor_bar * by_history);
        bar.parameters[4] = factor_bar * by_hardening;
        bar
    }

    fn is_plastic(&self) -> bool {
        true
    }

    /// `F = U clamp(S) V^T`; what volume the flow takes from F goes to `J_P`.
    fn project(&self, trial: &Deformation<T>, _dt: T) -> Deformation<T> {
        let before = trial.f();
        let after = self.bounds().project(&before);
        let taken = (volume(&before).0 / volume(&after).0).ln();
        Deformation::new(&after, trial.history() + taken)
    }

    fn project_vjp(
        &self,
        trial: &Deformation<T>,
        _dt: T,
        bar: &Deformation<T>,
    ) -> (Deformation<T>, [T; PARAMETERS]) {
        let (before, history_bar) = (trial.f(), bar.history());
        let after = self.bounds().project(&before);
        let [[had, had_slope], [has, has_slope]] = [before, after].map(|f| {
            let (volume, slope) = volume(&f);
            [Matrix3::from_element(volume), slope]
        });
        let after_bar = bar.f() - has_slope * (history_bar / has[0]);
        let (f_bar, [compression, extension]) = self.bounds().project_vjp(&before, &after_bar);
        let f_bar = f_bar + had_slope * (history_bar / had[0]);
        let none = T::zero();
        (
            Deformation::new(&f_bar, history_bar),
            [none, none, compression, extension, none],
        )
    }

    /// Of snow that is as hard as it can be.
    fn sound_speed(&self, density: T) -> T {
        self.elastic.sound_speed(density) * T::of(Self::MOST_HARDENING.sqrt())
    }

    fn viscosity(&self) -> T {
        T::zero()
    }

    fn parameters_vjp(&self, inner: &[f64; PARAMETERS]) -> [f64; PARAMETERS] {
        let mut named = *inner;
        [named[0], named[1]] = self.elastic.elasticity.parameters_vjp(inner[0], inner[1]);
        named
    }

    fn parameter_names(&self) -> &'static [&'static str] {
        &["young", "poisson", "compression", "extension", "hardening"]
    }

    fn parameters(&self) -> [T; PARAMETERS] {
        let Elasticity { young, poisson, .. } = self.elastic.elasticity;
        [
            young,
            poisson,
            self.compression,
            self.extension,
            self.hardening,
        ]
    }

    fn with_parameters(
        &self,
        [young, poisson, compression, extension, hardening]: [T; PARAMETERS],
    ) -> Self {
        Self {
            elastic: FixedCorotated {
                elasticity: Elasticity::new(young, poisson),
            },
            compression,
            extension,
            hardening,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Solid, Strain, testing::*},
        *,
    };

    fn law() -> Snow<f64> {
        Snow {
            elastic: FixedCorotated {
                elasticity: Elasticity::new(2.0, 0.3),
            },
            compression: 0.04,
            extension: 0.02,
            hardening: 10.0,
        }
    }

    #[test]
    fn vjps_are_the_transposes_in_fresh_compacted_and_loose_snow() {
        // ln 0.7 is harder than the bound.
        let flows = check_flow(&Solid::Snow(law()), &[0.0, -0.1, 0.7_f64.ln(), 0.2]);
        assert!(flows.contains(&true) && flows.contains(&false));
    }

    #[test]
    fn flow_keeps_the_volume_and_stays_in_the_box() {
        for f in stretches() {
            let after = law().project(&Deformation::new(&f, 0.1), 0.01);
            let volume = after.history() - 0.1 + after.f().determinant().ln();
            assert!((volume - f.determinant().ln()).abs() <= 1e-12);
            let s = after.f().singular_values();
            assert!(s.iter().all(|s| (0.96 - 1e-12..=1.02 + 1e-12).contains(s)));
        }
    }

    #[test]
    fn compacted_snow_is_harder_by_the_law_and_up_to_its_bound() {
        let still = Matrix3::zeros();
        let f = Matrix3::identity() * 0.99;
        let stress = |history: f64| law().stress(&Deformation::new(&f, history), &still)[(0, 0)];
        let fresh = stress(Deformation::<f64>::undeformed().history());
        assert!((stress(0.9_f64.ln()) / fresh - 1.0_f64.exp()).abs() <= 1e-12);
        assert!((stress(1.1_f64.ln()) / fresh - (-1.0_f64).exp()).abs() <= 1e-12);
        assert!((stress(0.5_f64.ln()) / fresh - Snow::<f64>::MOST_HARDENING).abs() <= 1e-12);
    }
}
