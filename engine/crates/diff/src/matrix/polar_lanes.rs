//! The rotation of the polar decomposition of sixteen matrices at once.

use nalgebra::Matrix3;

use super::polar::{MAXIMUM_STEPS, WELL_CONDITIONED, WELL_SEPARATED, polar, polar_vjp};
use crate::{
    Real,
    lanes::{Lanes, Matrices, WIDTH},
};

/// [`polar`] of sixteen matrices at once, by Newton's iteration without scaling. If one of
/// them is too ill-conditioned for it, all are computed one by one.
#[inline(always)]
pub fn polar_lanes<T: Real, L: Lanes<T>>(isa: L::Isa, f: Matrices<L>) -> Matrices<L> {
    let mut x = f;
    if !T::DUAL && newton_lanes(isa, &mut x) {
        return x;
    }
    let mut rotations = f.store();
    for rotation in &mut rotations {
        *rotation = polar(rotation);
    }
    Matrices::load(isa, &rotations.each_ref())
}

/// The iteration of [`polar`] without scaling, in place; says whether it settled, which it does not
/// where a matrix is too ill-conditioned for it.
#[inline(always)]
fn newton_lanes<T: Real, L: Lanes<T>>(isa: L::Isa, x: &mut Matrices<L>) -> bool {
    let half = L::splat(isa, T::of(0.5));
    let enough = L::splat(isa, T::of(0.5) * T::default_epsilon());
    for step in 0..MAXIMUM_STEPS {
        let cofactor = x.cofactor();
        let determinant = x.determinant(&cofactor);
        if step == 0 && !well_conditioned(isa, *x, determinant) {
            return false;
        }
        let across = half.div(determinant);
        let mut change = L::splat(isa, T::zero());
        for at in 0..9 {
            let entry = x.0[at];
            let next = cofactor.0[at].mul_add(across, entry.mul(half));
            let moved = next.sub(entry);
            change = moved.mul_add(moved, change);
            x.0[at] = next;
        }
        // Convergence is quadratic: the next error is half the square of this change.
        if !change.any_above(enough) {
            return true;
        }
    }
    false
}

/// Whether no cofactor of any of the matrices loses digits.
#[inline(always)]
fn well_conditioned<T: Real, L: Lanes<T>>(isa: L::Isa, x: Matrices<L>, determinant: L) -> bool {
    let square: L = x.dot(x);
    let least = T::of(WELL_CONDITIONED * WELL_CONDITIONED);
    let floor = square.mul(square).mul(square.mul(L::splat(isa, least)));
    // Both false for NaN, too.
    !L::splat(isa, T::zero()).any_above(determinant)
        && !floor.any_above(determinant.mul(determinant))
}

/// [`polar_vjp`] of sixteen matrices at once. If the spin of one of them is not well
/// determined, all are computed one by one.
#[inline(always)]
pub fn polar_vjp_lanes<T: Real, L: Lanes<T>>(
    isa: L::Isa,
    f: Matrices<L>,
    r: Matrices<L>,
    r_bar: Matrices<L>,
) -> Matrices<L> {
    let back = r.transpose();
    let product = back.times(f);
    let minus_half = L::splat(isa, T::of(-0.5));
    // K = tr(S) I - S with S the symmetric part of the product.
    let k = product.plus(product.transpose()).scale(minus_half);
    let k = k.plus_diagonal(product.trace());
    let adjugate = k.cofactor();
    let determinant = k.determinant(&adjugate);
    let trace: L = k.trace();
    let floor = trace
        .mul(trace)
        .mul(trace.mul(L::splat(isa, T::of(WELL_SEPARATED))));
    // The scalar way carries the tangents of duals where it inverts by values.
    if floor.any_above(determinant) || T::DUAL {
        let (f, r, r_bar) = (f.store(), r.store(), r_bar.store());
        let all: [Matrix3<T>; WIDTH] =
            std::array::from_fn(|lane| polar_vjp(&f[lane], &r[lane], &r_bar[lane]));
        return Matrices::load(isa, &all.each_ref());
    }
    let m = back.times(r_bar).0;
    let axial = [m[5].sub(m[7]), m[6].sub(m[2]), m[1].sub(m[3])];
    let inverse = L::splat(isa, T::one()).div(determinant);
    let a = adjugate.0;
    let mut spin = axial;
    for row in 0..3 {
        let first = a[row].mul(axial[0]);
        let second = a[row + 3].mul_add(axial[1], first);
        spin[row] = a[row + 6].mul_add(axial[2], second).mul(inverse);
    }
    let zero = L::splat(isa, T::zero());
    let [x, y, z] = spin;
    let [x_back, y_back, z_back] = [zero.sub(x), zero.sub(y), zero.sub(z)];
    r.times(Matrices([
        zero, z, y_back, z_back, zero, x, y, x_back, zero,
    ]))
}

#[cfg(test)]
mod tests {
    use nalgebra::Vector3;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        lanes::{Kernel, Portable},
        matrix::samples::{
            any_matrix, any_proper_matrix, any_rotation, lift, tangent, with_singular_values,
        },
    };

    /// [`polar_lanes`], and whether Newton's iteration settled.
    #[derive(Clone, Copy)]
    struct Polars<T>([Matrix3<T>; WIDTH]);

    impl<T: Real> Kernel<T> for Polars<T> {
        type Output = ([Matrix3<T>; WIDTH], bool);

        #[inline(always)]
        fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output {
            let f = Matrices::<L>::load(isa, &self.0.each_ref());
            (polar_lanes(isa, f).store(), newton_lanes(isa, &mut { f }))
        }
    }

    /// What [`polar_lanes`] gives on portable lanes and on those of the machine.
    fn polars<T: Real>(f: [Matrix3<T>; WIDTH]) -> [([Matrix3<T>; WIDTH], bool); 2] {
        [Polars(f).run::<Portable<T>>(()), T::launch(Polars(f))]
    }

    /// [`polar_vjp_lanes`] of matrices, their rotations and these cotangents.
    #[derive(Clone, Copy)]
    struct PolarVjps<T>([[Matrix3<T>; WIDTH]; 2]);

    impl<T: Real> Kernel<T> for PolarVjps<T> {
        type Output = [Matrix3<T>; WIDTH];

        #[inline(always)]
        fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output {
            let r = self.0[0].map(|f| polar(&f));
            let [f, r, r_bar] =
                [self.0[0], r, self.0[1]].map(|m| Matrices::<L>::load(isa, &m.each_ref()));
            polar_vjp_lanes(isa, f, r, r_bar).store()
        }
    }

    /// The greatest distance of [`polar_lanes`] from [`polar`].
    fn distance<T: Real>(f: [Matrix3<T>; WIDTH]) -> f64 {
        let faults = polars(f).into_iter().flat_map(|(found, _)| {
            let pairs = found.into_iter().zip(f);
            pairs.map(|(r, f)| (r - polar(&f)).map(T::to_f64).norm())
        });
        faults.fold(0.0, f64::max)
    }

    /// Matrices that Newton's iteration in lanes takes.
    fn any_well_conditioned() -> impl Strategy<Value = Matrix3<f64>> {
        any_proper_matrix().prop_filter("ill-conditioned", |f| {
            f.determinant() > 1e-2 * f.norm().powi(3)
        })
    }

    /// Rotations after a stretch by up to 2 or down to half of the size.
    fn any_stretched() -> impl Strategy<Value = Matrix3<f64>> {
        let stretch = prop::array::uniform3(0.5..2.0_f64);
        (any_rotation(), stretch, any_rotation())
            .prop_map(|(u, s, v)| u * Matrix3::from_diagonal(&Vector3::from(s)) * v.transpose())
    }

    /// Whether all entries are the same to the bit, NaN being NaN.
    fn same_bits(a: &[Matrix3<f64>], b: &[Matrix3<f64>]) -> bool {
        let same = |a: &f64, b: &f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        a.len() == b.len()
            && a.iter()
                .flatten()
                .zip(b.iter().flatten())
                .all(|(a, b)| same(a, b))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn lanes_give_the_rotation_of_each_matrix(
            f in prop::array::uniform16(any_well_conditioned()),
        ) {
            // Eighteen epsilon: steps with and without scaling round differently, by up to
            // |F| / (s_2 + s_3) epsilon.
            prop_assert!(distance(f) <= 4e-15);
            prop_assert!(distance(f.map(|f| f.map(|x| x as f32))) <= 2e-6);
        }

        #[test]
        fn lanes_give_the_rotation_of_any_matrices(
            f in prop::array::uniform16(any_proper_matrix()),
        ) {
            // |F| / (s_2 + s_3) is some tens where cofactors begin to lose digits.
            prop_assert!(distance(f) <= 3e-14);
        }

        #[test]
        fn lanes_settle_on_stretched_rotations(f in prop::array::uniform16(any_stretched())) {
            prop_assert!(polars(f).iter().all(|(_, settled)| *settled));
            // As above, with |F| / (s_2 + s_3) of a few.
            prop_assert!(distance(f) <= 4e-15);
            let single = f.map(|f| f.map(|x| x as f32));
            prop_assert!(polars(single).iter().all(|(_, settled)| *settled));
            prop_assert!(distance(single) <= 1e-6);
        }

        #[test]
        fn lanes_pull_back_as_polar_vjp_does(
            f in prop::array::uniform16(any_matrix()),
            r_bar in prop::array::uniform16(any_matrix()),
            stretched in prop::array::uniform16(any_stretched()),
        ) {
            for f in [f, stretched] {
                let kernel = PolarVjps([f, r_bar]);
                for found in [kernel.run::<Portable<f64>>(()), f64::launch(kernel)] {
                    for lane in 0..WIDTH {
                        let expected = polar_vjp(&f[lane], &polar(&f[lane]), &r_bar[lane]);
                        let error = (found[lane] - expected).norm();
                        // Cofactors lose digits as the values come together.
                        prop_assert!(error <= 1e-12 * expected.norm(), "{error} {expected}");
                    }
                }
            }
        }

        #[test]
        fn one_matrix_that_lanes_cannot_take_sends_all_to_polar(
            f in prop::array::uniform16(any_stretched()),
            at in 0..WIDTH,
        ) {
            let reflected = -f[at];
            let mut not_a_number = f[at];
            not_a_number[at % 9] = f64::NAN;
            for bad in [
                Matrix3::zeros(),
                with_singular_values([1.0, 0.0, 0.0]),
                with_singular_values([1.0, 1.0, 1e-17]),
                with_singular_values([1.0, 0.5, -0.3]),
                reflected,
                not_a_number,
                Matrix3::repeat(f64::NAN),
            ] {
                let mut f = f;
                f[at] = bad;
                let expected = f.map(|f| polar(&f));
                for (found, settled) in polars(f) {
                    prop_assert!(!settled, "{bad}");
                    prop_assert!(same_bits(&found, &expected), "{bad}");
                }
            }
        }

        #[test]
        fn lanes_of_duals_carry_the_tangents_of_polar(
            f in prop::array::uniform16(any_stretched()),
            df in prop::array::uniform16(any_matrix()),
        ) {
            let lifted: [_; WIDTH] = std::array::from_fn(|at| lift(&f[at], &df[at]));
            let expected = lifted.map(|f| polar(&f));
            for (found, _) in polars(lifted) {
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert_eq!(found.map(|x| x.re), expected.map(|x| x.re));
                    prop_assert_eq!(tangent(found), tangent(expected));
                }
                prop_assert!(found.iter().any(|r| tangent(r).norm() > 0.0));
            }
        }
    }
}
