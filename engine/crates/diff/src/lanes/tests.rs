//! Every operation on every lanes of the machine, against [`Portable`].

use nalgebra::Matrix3;
use proptest::prelude::*;

use super::*;
use crate::Real;

/// A scalar whose kernels can be run on every lanes that the machine has.
trait Every: Real {
    fn every<K: Kernel<Self> + Copy>(kernel: K) -> Vec<(&'static str, K::Output)>;
}

impl Every for f32 {
    #[cfg(target_arch = "x86_64")]
    fn every<K: Kernel<Self> + Copy>(kernel: K) -> Vec<(&'static str, K::Output)> {
        x86::every::run_f32(kernel)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn every<K: Kernel<Self> + Copy>(_: K) -> Vec<(&'static str, K::Output)> {
        Vec::new()
    }
}

impl Every for f64 {
    #[cfg(target_arch = "x86_64")]
    fn every<K: Kernel<Self> + Copy>(kernel: K) -> Vec<(&'static str, K::Output)> {
        x86::every::run_f64(kernel)
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn every<K: Kernel<Self> + Copy>(_: K) -> Vec<(&'static str, K::Output)> {
        Vec::new()
    }
}

fn stored<T: Real, L: Lanes<T>>(lanes: L) -> [T; WIDTH] {
    let mut to = [T::zero(); WIDTH];
    lanes.store(&mut to);
    to
}

/// The numbers that the operations are applied to.
#[derive(Debug, Clone, Copy)]
struct Operations<T> {
    a: [T; WIDTH],
    b: [T; WIDTH],
    c: [T; WIDTH],
    /// What is compared; may hold NaN.
    measure: [T; WIDTH],
    /// What it is compared with; may hold NaN.
    bound: [T; WIDTH],
    from: [usize; WIDTH],
}

/// What the operations give.
struct Results<T> {
    /// Of operations that round as `Portable` does, or not at all.
    exact: Vec<(&'static str, [T; WIDTH])>,
    mul_add: [T; WIDTH],
    neg_mul_add: [T; WIDTH],
    indices: [i32; WIDTH],
    any_above: bool,
}

impl<T: Real> Kernel<T> for Operations<T> {
    type Output = Results<T>;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Results<T> {
        let load = |from: &[T; WIDTH]| L::load(isa, from);
        let (a, b, c) = (load(&self.a), load(&self.b), load(&self.c));
        let (measure, bound) = (load(&self.measure), load(&self.bound));
        let quad = [self.a[3], self.a[1], self.a[0], self.a[2]];
        let exact = [
            ("load", a),
            ("splat", L::splat(isa, self.a[5])),
            ("repeat", L::repeat(isa, &quad)),
            ("add", a.add(b)),
            ("sub", a.sub(b)),
            ("mul", a.mul(b)),
            // IEEE 754 rounds a quotient in one way only.
            ("div", a.div(b)),
            ("permute", a.permute(self.from)),
            (
                "permute backwards",
                a.permute([15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
            ),
            ("lane 0", a.lane::<0>()),
            ("lane 1", a.lane::<1>()),
            ("lane 2", a.lane::<2>()),
            ("lane 3", a.lane::<3>()),
            ("element 0", a.element::<0>()),
            ("element 3", a.element::<3>()),
            ("element 4", a.element::<4>()),
            ("element 7", a.element::<7>()),
            ("element 8", a.element::<8>()),
            ("element 13", a.element::<13>()),
            ("element 15", a.element::<15>()),
            ("quad 0", a.quad::<0>()),
            ("quad 1", a.quad::<1>()),
            ("quad 2", a.quad::<2>()),
            ("quad 3", a.quad::<3>()),
            ("sum_quads", L::sum_quads([a, b, c, a.add(b)])),
            ("sum_within_quads", a.sum_within_quads()),
            ("floor", a.floor()),
            ("unless_at_most", a.unless_at_most(measure, bound)),
            ("unless_at_most of NaN", measure.unless_at_most(a, b)),
        ];
        Results {
            exact: exact.map(|(name, lanes)| (name, stored(lanes))).to_vec(),
            mul_add: stored(a.mul_add(b, c)),
            neg_mul_add: stored(a.neg_mul_add(b, c)),
            indices: a.indices(),
            any_above: measure.any_above(bound),
        }
    }
}

/// Whether two numbers are equal, NaN to NaN.
fn same<T: Real>(a: T, b: T) -> bool {
    a == b || (a.to_f64().is_nan() && b.to_f64().is_nan())
}

fn all_same<T: Real>(a: &[T], b: &[T]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| same(a, b))
}

/// Asserts that every lanes of the machine agree with [`Portable`].
fn compare<T: Every>(inputs: Operations<f64>) {
    let of = |lanes: [f64; WIDTH]| lanes.map(T::of);
    let inputs = Operations {
        a: of(inputs.a),
        b: of(inputs.b),
        c: of(inputs.c),
        measure: of(inputs.measure),
        bound: of(inputs.bound),
        from: inputs.from,
    };
    let expected = inputs.run::<Portable<T>>(());
    let mut runs = T::every(inputs);
    runs.push(("launch", T::launch(inputs)));
    for (lanes, found) in runs {
        for ((name, found), (_, expected)) in found.exact.iter().zip(&expected.exact) {
            assert!(
                all_same(found, expected),
                "{lanes} {name}: {found:?} {expected:?}"
            );
        }
        assert_eq!(found.exact.len(), expected.exact.len());
        assert_eq!(found.indices, expected.indices, "{lanes}");
        assert_eq!(found.any_above, expected.any_above, "{lanes}");
        for lane in 0..WIDTH {
            // Half an epsilon for the product, one each for the two sums.
            let product = (inputs.a[lane] * inputs.b[lane]).abs();
            let bound = T::of(1.5) * T::default_epsilon() * (product + inputs.c[lane].abs());
            let near = |a: T, b: T| (a - b).abs() <= bound;
            assert!(
                near(found.mul_add[lane], expected.mul_add[lane])
                    && near(found.neg_mul_add[lane], expected.neg_mul_add[lane]),
                "{lanes} {inputs:?}"
            );
        }
    }
}

/// Numbers of any sign, with whole ones, halves and zeros among them.
fn any_lanes() -> impl Strategy<Value = [f64; WIDTH]> {
    prop::array::uniform16(prop_oneof![
        4 => -100.0..100.0_f64,
        2 => (-200..200_i32).prop_map(|whole| f64::from(whole) * 0.5),
        1 => Just(0.0),
        1 => Just(-0.0),
    ])
}

/// Few different numbers and what is not one.
fn any_compared() -> impl Strategy<Value = [f64; WIDTH]> {
    prop::array::uniform16(prop_oneof![
        6 => (-2..3_i32).prop_map(f64::from),
        1 => Just(-0.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
    ])
}

fn any_operations() -> impl Strategy<Value = Operations<f64>> {
    let numbers = (any_lanes(), any_lanes(), any_lanes());
    let compared = (any_compared(), any_compared());
    (numbers, compared, prop::array::uniform16(0..WIDTH)).prop_map(
        |((a, b, c), (measure, bound), from)| Operations {
            a,
            b,
            c,
            measure,
            bound,
            from,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn lanes_of_f32_are_those_of_portable(inputs in any_operations()) {
        compare::<f32>(inputs);
    }

    #[test]
    fn lanes_of_f64_are_those_of_portable(inputs in any_operations()) {
        compare::<f64>(inputs);
    }

    #[test]
    fn matrices_come_back_as_they_were(
        matrices in prop::array::uniform16(prop::array::uniform9(-9.0..9.0_f64)),
    ) {
        let matrices = matrices.map(|entries| Matrix3::from_column_slice(&entries));
        round_trip(matrices);
        round_trip(matrices.map(|matrix| matrix.map(|entry| entry as f32)));
    }
}

/// The entries of sixteen matrices as they are loaded, and the matrices stored again.
#[derive(Clone, Copy)]
struct RoundTrip<T>([Matrix3<T>; WIDTH]);

impl<T: Real> Kernel<T> for RoundTrip<T> {
    type Output = ([[T; WIDTH]; 9], [Matrix3<T>; WIDTH]);

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output {
        let matrices = Matrices::<L>::load(isa, &self.0.each_ref());
        let mut records = [Stored::zero(); WIDTH];
        for (record, matrix) in records.iter_mut().zip(&self.0) {
            record.set_matrix(matrix);
        }
        let same = Matrices::<L>::load_records(isa, &records.each_ref());
        assert_eq!(matrices.0.map(stored), same.0.map(stored));
        let back = same.store_records(isa);
        assert_eq!(back.map(|record| record.matrix()), self.0);
        assert!(back.iter().all(|record| record.0[..7] == [T::zero(); 7]));
        (matrices.0.map(stored), matrices.store())
    }
}

/// What is computed of two sets of matrices, matrix by matrix.
#[derive(Clone, Copy)]
struct Algebra<T>([[Matrix3<T>; WIDTH]; 2]);

impl<T: Real> Kernel<T> for Algebra<T> {
    type Output = ([[Matrix3<T>; WIDTH]; 8], [[T; WIDTH]; 3]);

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output {
        let [a, b] = self.0.map(|m| Matrices::<L>::load(isa, &m.each_ref()));
        let three = L::splat(isa, T::of(3.0));
        let cofactor = a.cofactor();
        (
            [
                a.plus(b),
                a.minus(b),
                a.scale(three),
                a.scale_add(three, b),
                a.plus_diagonal(three),
                a.transpose(),
                a.times(b),
                cofactor,
            ]
            .map(Matrices::store),
            [a.trace(), a.dot(b), a.determinant(&cofactor)].map(stored),
        )
    }
}

#[test]
fn algebra_is_that_of_each_matrix() {
    let number = |seed: usize| ((seed * 37 + 11) % 101) as f64 / 25.0 - 2.0;
    let matrices = [0, 1].map(|set| {
        std::array::from_fn(|lane| {
            Matrix3::from_fn(|row, column| number(144 * set + 9 * lane + 3 * row + column))
        })
    });
    let mut runs = f64::every(Algebra(matrices));
    runs.push(("Portable", Algebra(matrices).run::<Portable<f64>>(())));
    for (lanes, (found, scalars)) in runs {
        for lane in 0..WIDTH {
            let (a, b) = (&matrices[0][lane], &matrices[1][lane]);
            let expected = [
                a + b,
                a - b,
                a * 3.0,
                a * 3.0 + b,
                a + Matrix3::from_diagonal_element(3.0),
                a.transpose(),
                a * b,
                crate::matrix::cofactor(a),
            ];
            for (found, expected) in found.iter().zip(expected) {
                assert!((found[lane] - expected).norm() <= 1e-14 * 50.0, "{lanes}");
            }
            let expected = [a.trace(), a.dot(b), a.determinant()];
            for (found, expected) in scalars.iter().zip(expected) {
                assert!((found[lane] - expected).abs() <= 1e-14 * 50.0, "{lanes}");
            }
        }
    }
}

fn round_trip<T: Every>(matrices: [Matrix3<T>; WIDTH]) {
    let kernel = RoundTrip(matrices);
    let mut runs = T::every(kernel);
    runs.push(("Portable", kernel.run::<Portable<T>>(())));
    for (lanes, (entries, back)) in runs {
        assert_eq!(back, matrices, "{lanes}");
        for (lane, matrix) in matrices.iter().enumerate() {
            for (row, column) in (0..3).flat_map(|row| (0..3).map(move |j| (row, j))) {
                let entry = entries[3 * column + row][lane];
                assert_eq!(entry, matrix[(row, column)], "{lanes}");
            }
        }
    }
}

/// [`Lanes::any_above`] and [`Lanes::unless_at_most`] of ones.
#[derive(Clone, Copy)]
struct Above<T>([T; WIDTH], [T; WIDTH]);

impl<T: Real> Kernel<T> for Above<T> {
    type Output = (bool, [T; WIDTH]);

    #[inline(always)]
    fn run<L: Lanes<T>>(self, isa: L::Isa) -> Self::Output {
        let (a, b) = (L::load(isa, &self.0), L::load(isa, &self.1));
        let ones = L::splat(isa, T::one());
        (a.any_above(b), stored(ones.unless_at_most(a, b)))
    }
}

fn assert_above<T: Every>(a: [T; WIDTH], b: [T; WIDTH], expected: [bool; WIDTH]) {
    let kernel = Above(a, b);
    let mut runs = T::every(kernel);
    runs.push(("Portable", kernel.run::<Portable<T>>(())));
    let ones = expected.map(|above| if above { T::one() } else { T::zero() });
    for (lanes, (any, kept)) in runs {
        assert_eq!(any, expected.contains(&true), "{lanes} {a:?} {b:?}");
        assert_eq!(kept, ones, "{lanes} {a:?} {b:?}");
    }
}

fn one_lane_above<T: Every>() {
    let a: [T; WIDTH] = std::array::from_fn(|lane| T::of(lane as f64 - 7.0));
    assert_above(a, a, [false; WIDTH]);
    assert_above(a, a.map(|value| value + T::one()), [false; WIDTH]);
    for lane in 0..WIDTH {
        let mut expected = [false; WIDTH];
        expected[lane] = true;
        for value in [a[lane] + T::of(0.5), T::of(f64::NAN), T::of(f64::INFINITY)] {
            let mut larger = a;
            larger[lane] = value;
            assert_above(larger, a, expected);
        }
        for value in [
            a[lane] - T::of(0.5),
            T::of(f64::NAN),
            T::of(f64::NEG_INFINITY),
        ] {
            let mut smaller = a;
            smaller[lane] = value;
            assert_above(a, smaller, expected);
        }
    }
}

#[test]
fn one_lane_that_is_above_or_nan_is_found() {
    one_lane_above::<f32>();
    one_lane_above::<f64>();
}

#[test]
fn portable_lanes_are_what_their_documentation_says() {
    let numbers: [f64; WIDTH] = std::array::from_fn(|lane| lane as f64);
    let a = Portable::load((), &numbers);
    let of = |value: fn(usize) -> f64| -> [f64; WIDTH] { std::array::from_fn(value) };
    let quads = Portable::repeat((), &[0.0, 1.0, 2.0, 3.0]);
    assert_eq!(stored(quads), of(|lane| (lane % 4) as f64));
    assert_eq!(stored(Portable::splat((), 4.0)), [4.0; WIDTH]);
    let b = Portable::splat((), 2.0);
    assert_eq!(stored(a.add(b)), of(|lane| lane as f64 + 2.0));
    assert_eq!(stored(a.sub(b)), of(|lane| lane as f64 - 2.0));
    assert_eq!(stored(a.mul(b)), of(|lane| lane as f64 * 2.0));
    assert_eq!(stored(a.div(b)), of(|lane| lane as f64 * 0.5));
    assert_eq!(
        stored(a.mul_add(b, quads)),
        of(|lane| (2 * lane + lane % 4) as f64)
    );
    let negative = stored(a.neg_mul_add(b, quads));
    assert_eq!(negative, of(|lane| (lane % 4) as f64 - 2.0 * lane as f64));
    let shifted = a.permute(std::array::from_fn(|lane| (lane + 5) % WIDTH));
    assert_eq!(stored(shifted), of(|lane| ((lane + 5) % WIDTH) as f64));
    assert_eq!(stored(a.lane::<2>()), of(|lane| (lane / 4 * 4 + 2) as f64));
    assert_eq!(stored(a.element::<11>()), [11.0; WIDTH]);
    assert_eq!(stored(a.quad::<3>()), of(|lane| (12 + lane % 4) as f64));
    // Quads start with 0, 4, 8 and 12.
    let sums = Portable::sum_quads([a, a.add(b), quads, b]);
    assert_eq!(
        stored(sums),
        of(|lane| {
            let within = (lane % 4) as f64;
            [24.0 + 4.0 * within, 32.0 + 4.0 * within, 4.0 * within, 8.0][lane / 4]
        })
    );
    let sums = stored(a.sum_within_quads());
    assert_eq!(sums, of(|lane| (16 * (lane / 4) + 6) as f64));
    let thirds = a
        .sub(Portable::splat((), 8.0))
        .mul(Portable::splat((), 0.25));
    assert_eq!(
        stored(thirds.floor()),
        of(|lane| ((lane as f64 - 8.0) * 0.25).floor())
    );
    let whole: [i32; WIDTH] = std::array::from_fn(|lane| (lane as i32 - 8) / 4);
    assert_eq!(thirds.indices(), whole);
}

#[test]
fn the_level_is_the_widest_that_the_machine_has() {
    assert!(available(Level::Portable));
    assert!(Level::ALL.is_sorted_by(|a, b| a < b));
    let has: Vec<_> = Level::ALL
        .into_iter()
        .filter(|&level| available(level))
        .collect();
    assert_eq!(has.last(), Some(&level()));
    // The limit that holds from the start: it disturbs no other test.
    limit(Level::Avx512);
    assert_eq!(has.last(), Some(&level()));
}

#[test]
fn levels_have_different_names() {
    assert_eq!(Level::ALL.map(Level::name), ["portable", "avx2", "avx512"]);
}
