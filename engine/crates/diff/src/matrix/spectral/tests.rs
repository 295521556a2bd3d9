use nalgebra::{Matrix3, Vector3};
use num_dual::Dual64;
use proptest::prelude::*;

use super::{SingularMap, spectral, spectral_jvp, spectral_vjp};
use crate::{
    Real,
    matrix::{
        polar, polar_jvp,
        samples::{
            any_matrix, any_proper_matrix, any_rotation, codirection, direction, lift, tangent,
            with_singular_values,
        },
    },
};

/// `f(s) = s^3`, so that `U f(S) V^T = F F^T F`.
struct Cube;

impl<P: Real> SingularMap<P> for Cube {
    fn value(&self, s: P) -> P {
        s * s * s
    }

    fn slope(&self, s: P) -> P {
        P::of(3.0) * s * s
    }
}

/// `f(s) = 1`, so that `U f(S) V^T` is the polar rotation.
struct One;

impl<P: Real> SingularMap<P> for One {
    fn value(&self, _s: P) -> P {
        P::one()
    }

    fn slope(&self, _s: P) -> P {
        P::zero()
    }
}

/// `f(s) = exp(s - 1)`: smooth, neither odd nor a polynomial.
struct Exponential;

impl<P: Real> SingularMap<P> for Exponential {
    fn value(&self, s: P) -> P {
        (s - P::one()).exp()
    }

    fn slope(&self, s: P) -> P {
        (s - P::one()).exp()
    }
}

/// Clamps to `[0.9, 1.1]`.
struct Clamp;

impl<P: Real> SingularMap<P> for Clamp {
    fn value(&self, s: P) -> P {
        s.max(P::of(0.9)).min(P::of(1.1))
    }

    fn slope(&self, s: P) -> P {
        if s < P::of(0.9) || s > P::of(1.1) {
            P::zero()
        } else {
            P::one()
        }
    }
}

const GAPS: [f64; 16] = [
    0.0, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3,
    1e-2,
];

fn cube<T: Real>(f: &Matrix3<T>) -> Matrix3<T> {
    f * f.transpose() * f
}

/// Relative fault of the dot product test.
fn transposition<M: SingularMap<f64>>(f: &Matrix3<f64>, map: &M) -> f64 {
    let (df, bar) = (direction(), codirection());
    let dy = tangent(&spectral(&lift(f, &df), map));
    let f_bar = spectral_vjp(f, map, &bar);
    let size = (dy.norm() * bar.norm()).max(f_bar.norm() * df.norm());
    (dy.dot(&bar) - f_bar.dot(&df)).abs() / size.max(f64::MIN_POSITIVE)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn cube_is_that_of_matrix_products(f in any_matrix(), df in any_matrix()) {
        let lifted = lift(&f, &df);
        let (found, expected) = (spectral(&lifted, &Cube), cube(&lifted));
        let (value, slope) = (found - expected, tangent(&found) - tangent(&expected));
        prop_assert!(value.map(|x| x.re).norm() <= 1e-13);
        prop_assert!(slope.norm() <= 1e-13);
    }

    #[test]
    fn jvp_and_vjp_are_transposes(f in any_matrix()) {
        prop_assert!(transposition(&f, &Cube) <= 1e-12);
        prop_assert!(transposition(&f, &One) <= 1e-12);
        prop_assert!(transposition(&f, &Exponential) <= 1e-12);
        prop_assert!(transposition(&f, &Clamp) <= 1e-12);
    }

    #[test]
    fn rotations_on_either_side_pass_through(
        f in any_proper_matrix(), q in any_rotation(), r in any_rotation(),
    ) {
        prop_assume!(f.determinant() > 1e-3);
        let turned = spectral(&(q * f * r), &Exponential);
        prop_assert!((turned - q * spectral(&f, &Exponential) * r).norm() <= 1e-12);
    }

    #[test]
    fn single_precision_agrees(f in any_matrix()) {
        // Some 25 roundings of the size of the cube and of its derivative.
        let (rounding, size) = (25.0 * f64::from(f32::EPSILON), f.norm());
        let single = f.map(|x| x as f32);
        let found = spectral(&single, &Cube).map(f64::from);
        prop_assert!((found - cube(&f)).norm() <= rounding * size.powi(3));
        let bar = codirection().map(|x| x as f32);
        let found = spectral_vjp(&single, &Cube, &bar).map(f64::from);
        let expected = spectral_vjp(&f, &Cube, &codirection());
        let slope = 3.0 * size * size * codirection().norm();
        prop_assert!((found - expected).norm() <= rounding * slope);
    }
}

#[test]
fn cube_holds_at_equal_nearly_equal_tiny_and_negative_values() {
    let equal = GAPS.into_iter().flat_map(|gap| {
        [
            [1.0 + gap, 1.0, 1.0 - gap],
            [1.3, 0.8 + gap, 0.8],
            [1.0, 1.0, gap - 1.0],
        ]
    });
    let tiny = [
        [1.0, 1e-8, 1e-12],
        [1.0, 1e-12, 1e-12],
        [1.0, 1e-8, -1e-8],
        [1.0, 1.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
    ];
    for s in equal.chain(tiny) {
        for f in [
            with_singular_values(s),
            Matrix3::from_diagonal(&Vector3::from(s)),
        ] {
            let lifted = lift(&f, &direction());
            let expected = tangent(&cube(&lifted));
            let found = tangent(&spectral(&lifted, &Cube));
            assert!(
                (found - expected).norm() <= 3e-14,
                "{s:?}: {}",
                (found - expected).norm()
            );
            assert!(transposition(&f, &Cube) <= 1e-14, "{s:?}");
        }
    }
}

#[test]
fn constant_one_is_the_polar_rotation() {
    for gap in GAPS {
        for s in [
            [1.0 + gap, 1.0, 1.0 - gap],
            [1.3, 0.8 + gap, 0.8],
            [1.0, 0.9, -gap],
        ] {
            let f = with_singular_values(s);
            let r = polar(&f);
            assert!((spectral(&f, &One) - r).norm() <= 1e-14, "{s:?}");
            let expected = polar_jvp(&f, &r, &direction());
            let found = spectral_jvp(&f, &One, &direction());
            assert!((found - expected).norm() <= 1e-13, "{s:?}");
        }
    }
}

#[test]
fn quotients_are_accurate_for_every_gap() {
    // exp: (e^a - e^b) / (a - b) = e^m sinh(h) / h with m the mean and h half the gap.
    let mut worst = 0.0_f64;
    for gap in GAPS.into_iter().chain([0.03, 0.049, 0.051, 0.1, 0.3]) {
        let (a, b) = (1.0 + gap, 1.0);
        let h = 0.5 * (a - b);
        let ratio = if h < 0.05 {
            1.0 + h * h / 6.0 + h.powi(4) / 120.0 + h.powi(6) / 5040.0
        } else {
            h.sinh() / h
        };
        let exact = (0.5 * (a + b) - 1.0).exp() * ratio;
        let map = Exponential;
        let found = super::difference_quotient(&map, a, b, map.value(a), map.value(b));
        worst = worst.max((found / exact - 1.0).abs());
    }
    assert!(worst <= 2e-14, "{worst:e}");
}

#[test]
fn quotient_across_a_kink_is_exact() {
    // One value clamped, one not, closer than the gap where slopes are averaged.
    let map = Clamp;
    for gap in [1e-2_f64, 1e-4, 1e-6] {
        let (a, b) = (1.1 + gap, 1.1 - 3.0 * gap);
        let found = super::difference_quotient(&map, a, b, map.value(a), map.value(b));
        assert!((found - 0.75).abs() <= 1e-9, "{found} at {gap}");
    }
}

#[test]
fn vjp_is_the_central_difference() {
    for s in [
        [1.2, 1.0, 0.8],
        [1.3, 1.3, 0.5],
        [1.05, 1.0, 0.95],
        [0.7, 0.7, 0.7],
    ] {
        let f = with_singular_values(s);
        let h = 1e-5;
        let along = |h: f64| spectral(&(f + direction() * h), &Clamp).dot(&codirection());
        let difference = (along(h) - along(-h)) / (2.0 * h);
        let f_bar = spectral_vjp(&f, &Clamp, &codirection());
        assert!(
            (f_bar.dot(&direction()) - difference).abs() <= 1e-8,
            "{s:?}"
        );
    }
}

#[test]
fn inside_the_clamp_nothing_changes() {
    let f = with_singular_values([1.05, 1.0, 0.95]);
    assert!((spectral(&f, &Clamp) - f).norm() <= 2e-15);
    assert!((spectral_vjp(&f, &Clamp, &codirection()) - codirection()).norm() <= 1e-13);
}

#[test]
fn derivative_is_bounded_where_the_function_jumps() {
    for s in [
        [0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [1.0, 1.0, -1.0],
        [1.0, 1e-17, 1e-17],
    ] {
        let f = Matrix3::from_diagonal(&Vector3::from(s));
        for bar in [
            spectral_vjp(&f, &Clamp, &codirection()),
            spectral_vjp(&f, &One, &codirection()),
            spectral_vjp(&f, &Exponential, &codirection()),
        ] {
            assert!(bar.iter().all(|x| x.is_finite()), "{s:?}");
        }
    }
}

#[test]
fn vjp_of_duals_follows_the_cotangent_and_refuses_the_matrix() {
    let f = with_singular_values([1.2, 1.0, 0.8]);
    let bar = lift(&codirection(), &direction());
    let found = tangent(&spectral_vjp(&f.map(Dual64::from), &Cube, &bar));
    assert_eq!(found, spectral_vjp(&f, &Cube, &direction()));
    let refused = spectral_vjp(&lift(&f, &direction()), &Cube, &bar);
    assert!(refused.iter().all(|x| x.eps.is_nan() && x.re.is_finite()));
}
