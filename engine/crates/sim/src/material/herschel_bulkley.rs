//! Paste, ice cream, mud: solid below a shear stress, a thick liquid above.

use backflow_diff::Real;
use nalgebra::ComplexField;

use super::{
    Elasticity, PARAMETERS,
    flow::{Flow, Flowed, INPUTS, Slopes, Trial},
    parting::part,
};
use crate::world::cast;

/// Steps in which the rate of flow is found at most: bisection alone needs as many bits.
const MAXIMUM_STEPS: usize = 100;

/// Herschel and Bulkley's fluid as an elastic solid with viscoplastic flow: in simple shear
/// `tau = Y + K rate^n` where it flows, rigid but for its elasticity where it does not
/// (Herschel & Bulkley 1926; with n = 1 Bingham's). The flow of a step is implicit, as in
/// Yue et al. 2015, sec. 3, here in Hencky strains: with the shear `q' = q - r` after it,
///
/// `2 mu q' = sqrt(2) (Y + K (sqrt(2) r / dt)^n)`.
///
/// At a mean tension beyond its cohesion it comes apart, see
/// [`DruckerPrager`](super::DruckerPrager).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HerschelBulkley<T: Real> {
    /// Its elastic constants.
    pub elasticity: Elasticity<T>,
    /// Yield stress Y in simple shear (Pa).
    pub yield_stress: T,
    /// Consistency K (Pa s^n).
    pub consistency: T,
    /// Cohesion: the mean tension at which it comes apart (Pa).
    pub cohesion: T,
    /// Flow index n (1), positive: below 1 it thins as it shears.
    pub exponent: T,
}

impl<T: Real> HerschelBulkley<T> {
    /// The same law in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> HerschelBulkley<U> {
        HerschelBulkley {
            elasticity: self.elasticity.cast(),
            yield_stress: cast(self.yield_stress),
            consistency: cast(self.consistency),
            cohesion: cast(self.cohesion),
            exponent: cast(self.exponent),
        }
    }
}

/// The positive root `r` of `a (q - r) - b - c r^n = 0` with `a q > b`, by Newton's steps
/// within a bracket.
fn root<P: Real>(a: P, q: P, b: P, c: P, n: P) -> P {
    if n == P::one() {
        return (a * q - b) / (a + c);
    }
    let (mut low, mut high) = (P::zero(), q - b / a);
    let mut r = high * P::of(0.5);
    for _ in 0..MAXIMUM_STEPS {
        let power = c * r.powf(n);
        let rest = a * (q - r) - b - power;
        if rest > P::zero() {
            low = r;
        } else {
            high = r;
        }
        let next = r + rest / (a + n * power / r);
        let next = if next > low && next < high {
            next
        } else {
            (low + high) * P::of(0.5)
        };
        if (next - r).abs() <= P::default_epsilon() * r {
            return next;
        }
        r = next;
    }
    r
}

impl<T: Real> Flow<T> for HerschelBulkley<T> {
    const NAMES: &'static [&'static str] = &[
        "young",
        "poisson",
        "yield_stress",
        "consistency",
        "cohesion",
    ];

    fn elasticity(&self) -> &Elasticity<T> {
        &self.elasticity
    }

    fn rest(&self) -> [T; PARAMETERS - 2] {
        [self.yield_stress, self.consistency, self.cohesion]
    }

    fn with(
        &self,
        elasticity: Elasticity<T>,
        [yield_stress, consistency, cohesion]: [T; 3],
    ) -> Self {
        Self {
            elasticity,
            yield_stress,
            consistency,
            cohesion,
            exponent: self.exponent,
        }
    }

    fn flow(
        &self,
        inner: &[T::Primal; PARAMETERS],
        trial: &Trial<T::Primal>,
        dt: T::Primal,
    ) -> Flowed<T::Primal> {
        let of = T::Primal::of;
        let (zero, one, two, root_two) = (of(0.0), of(1.0), of(2.0), of(2.0_f64.sqrt()));
        let &[mu, _, limit, consistency, _] = inner;
        let parted = part(inner, 4, trial);
        let shear = trial.shear;
        let mut scale = Slopes::constant(one);
        if two * mu * shear > root_two * limit {
            let n = self.exponent.primal();
            let per_rate = (root_two / dt).powf(n);
            let thick = root_two * consistency * per_rate;
            let flow = root(two * mu, shear, root_two * limit, thick, n);
            let power = flow.powf(n);
            // The implicit derivative.
            let resistance = two * mu + n * thick * power / flow;
            let mut slopes = [zero; INPUTS];
            slopes[0] = two * mu / resistance;
            slopes[3] = two * (shear - flow) / resistance;
            slopes[5] = -root_two / resistance;
            slopes[6] = -root_two * per_rate * power / resistance;
            let flow = Slopes(flow, slopes);
            scale = Slopes::combine(one - flow.0 / shear, &[(-one / shear, flow)]);
            scale.1[0] += flow.0 / (shear * shear);
        }
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

    fn law(exponent: f64, consistency: f64) -> Yielding<HerschelBulkley<f64>> {
        Yielding(HerschelBulkley {
            elasticity: Elasticity::new(2.0, 0.3),
            yield_stress: 0.1,
            consistency,
            cohesion: 0.3,
            exponent,
        })
    }

    #[test]
    fn vjps_are_the_transposes_below_the_limit_and_above() {
        for (exponent, consistency) in [(1.0, 0.02), (0.5, 0.05), (1.7, 0.01)] {
            let law = Solid::HerschelBulkley(law(exponent, consistency));
            let flows = check_flow(&law, &[0.0, 0.03]);
            assert!(flows.contains(&true) && flows.contains(&false));
        }
    }

    #[test]
    fn steady_shear_is_that_of_the_formula() {
        // Simple shear at a small elastic strain: the stress settles at Y + K rate^n.
        let dt = 1e-4;
        for (exponent, consistency) in [(1.0, 0.02), (0.5, 0.05), (1.7, 0.01), (1.0, 0.0)] {
            let law = law(exponent, consistency);
            let stiff = Yielding(HerschelBulkley {
                elasticity: Elasticity::new(200.0, 0.3),
                ..law.0
            });
            for rate in [0.5, 2.0] {
                let mut gradient = Matrix3::zeros();
                gradient[(0, 1)] = rate;
                let mut strain = Deformation::new(&Matrix3::identity(), 0.0);
                for _ in 0..3000 {
                    let f = strain.f() + gradient * strain.f() * dt;
                    strain = stiff.project(&Deformation::new(&f, strain.history()), dt);
                }
                let found = stiff.stress(&strain, &Matrix3::zeros())[(0, 1)];
                let expected = 0.1 + consistency * rate.powf(exponent);
                // The elastic strain turns with the flow, by its own size.
                assert!(
                    (found - expected).abs() <= 3e-3 * expected,
                    "{found} {expected}"
                );
            }
        }
    }
}
