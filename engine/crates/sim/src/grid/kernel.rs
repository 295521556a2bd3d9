//! Quadratic B-spline weights of the 27 nodes around a particle.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::Lattice;

/// Where each node's spline has its centre, in cells from the base node.
pub const CENTRE: [f64; 3] = [1.5, 1.0, 0.5];

/// Constant term of each node's weight.
pub const CONSTANT: [f64; 3] = [0.0, 0.75, 0.0];

/// Quadratic coefficient of each node's weight.
pub const CURVATURE: [f64; 3] = [0.5, -1.0, 0.5];

/// Slope of each node's weight per cell from the centre: twice [`CURVATURE`].
pub const STEEPNESS: [f64; 3] = [1.0, -2.0, 1.0];

/// The stencil of one particle.
///
/// With `f = (x - origin) / dx - base`, `f` in [0.5, 1.5): weights
/// `(1.5 - f)^2 / 2`, `3/4 - (f - 1)^2`, `(f - 0.5)^2 / 2` per axis
/// (Steffen, Kirby & Berzins 2008; Jiang et al. 2016, eq. 123).
#[derive(Debug, Clone, Copy)]
pub struct Stencil<T: Real> {
    /// Lowest node of the 3 x 3 x 3 stencil.
    pub base: [i32; 3],
    /// Position of the particle relative to the base node, in cells.
    pub offset: Vector3<T>,
    /// `weights[node][axis]`.
    pub weights: [Vector3<T>; 3],
}

impl<T: Real> Stencil<T> {
    /// Lowest node of the stencil at position `x` (m), which must not lie below the
    /// lattice.
    #[inline(always)]
    pub fn base_of(lattice: &Lattice<T>, x: &Vector3<T>) -> [i32; 3] {
        let cell = (x - lattice.origin) * lattice.inverse_dx() - Vector3::repeat(T::of(0.5));
        [
            cell.x.trunc_index(),
            cell.y.trunc_index(),
            cell.z.trunc_index(),
        ]
    }

    /// The stencil at position `x` (m).
    #[inline(always)]
    pub fn at(lattice: &Lattice<T>, x: &Vector3<T>) -> Self {
        let base = Self::base_of(lattice, x);
        let offset = (x - lattice.origin) * lattice.inverse_dx()
            - Vector3::new(
                T::of(f64::from(base[0])),
                T::of(f64::from(base[1])),
                T::of(f64::from(base[2])),
            );
        let weights = std::array::from_fn(|node| {
            let (constant, curvature) = (T::of(CONSTANT[node]), T::of(CURVATURE[node]));
            offset.map(|f| {
                let d = f - T::of(CENTRE[node]);
                curvature * d * d + constant
            })
        });
        Self {
            base,
            offset,
            weights,
        }
    }

    /// Derivatives of the weights with respect to `x` (1/m): `slopes[node][axis]`.
    #[inline(always)]
    pub fn slopes(&self, inverse_dx: T) -> [Vector3<T>; 3] {
        std::array::from_fn(|node| {
            let steepness = T::of(STEEPNESS[node]) * inverse_dx;
            self.offset.map(|f| (f - T::of(CENTRE[node])) * steepness)
        })
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;
    use proptest::prelude::*;

    use super::*;

    fn lattice<T: Real>() -> Lattice<T> {
        Lattice::over(
            Vector3::new(-0.3, 0.2, 1.0).map(T::of),
            [5, 6, 7],
            T::of(0.1),
        )
    }

    fn place() -> impl Strategy<Value = Vector3<f64>> {
        prop::array::uniform3(0.0..=1.0).prop_map(|part: [f64; 3]| {
            let (min, max) = (lattice::<f64>().min(), lattice::<f64>().max());
            min + (max - min).component_mul(&Vector3::from(part))
        })
    }

    proptest! {
        // Weights are of size 1 and slopes of size 1 / dx: 1e-13 and 1e-12 are round-off.

        #[test]
        fn stencil_is_the_nearest_and_lies_in_the_lattice(x in place()) {
            let stencil = Stencil::at(&lattice::<f64>(), &x);
            for axis in 0..3 {
                let offset = stencil.offset[axis];
                prop_assert!((0.5 - 1e-12..1.5 + 1e-12).contains(&offset), "{offset}");
                prop_assert!(stencil.base[axis] >= 0);
                prop_assert!((stencil.base[axis] as usize) + 2 < lattice::<f64>().nodes[axis]);
            }
        }

        #[test]
        fn weights_sum_to_one_and_are_not_negative(x in place()) {
            let weights = Stencil::at(&lattice::<f64>(), &x).weights;
            let sum: Vector3<f64> = weights.iter().sum();
            prop_assert!((sum - Vector3::repeat(1.0)).norm() <= 1e-14);
            prop_assert!(weights.iter().all(|weight| weight.min() >= 0.0));
        }

        #[test]
        fn weights_reproduce_the_position_with_the_variance_of_quadratic_splines(x in place()) {
            let lattice = lattice::<f64>();
            let Stencil { base, weights, .. } = Stencil::at(&lattice, &x);
            let (mut mean, mut variance) = (Vector3::zeros(), Vector3::zeros());
            for (node, weight) in weights.iter().enumerate() {
                let at = lattice.position(base.map(|base| base as usize + node));
                mean += weight.component_mul(&at);
                variance += weight.component_mul(&(at - x).map(|arm| arm * arm));
            }
            prop_assert!((mean - x).norm() <= 1e-13);
            // dx^2 / 4, whose inverse the affine velocities are scaled by.
            let expected = Vector3::repeat(0.25 * lattice.dx * lattice.dx);
            prop_assert!((variance - expected).norm() <= 1e-13);
        }

        #[test]
        fn slopes_are_the_derivatives_of_the_weights_and_sum_to_zero(x in place()) {
            let stencil = Stencil::at(&lattice::<f64>(), &x);
            let slopes = stencil.slopes(lattice::<f64>().inverse_dx());
            let moving = Stencil::at(&lattice::<Dual64>(), &x.map(|x| Dual64::new(x, 1.0)));
            for (slope, weight) in slopes.iter().zip(&moving.weights) {
                prop_assert!((slope - weight.map(|weight| weight.eps)).norm() <= 1e-12);
            }
            prop_assert!(slopes.iter().sum::<Vector3<f64>>().norm() <= 1e-12);
        }
    }
}
