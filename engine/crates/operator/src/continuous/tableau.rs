//! The coefficients of an explicit method of order 5 with an embedded one of order 4.
//!
//! Tsitouras 2011, "Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption".
//! The last stage of a step is the first of the next one.

/// Stages of a step.
pub(super) const STAGES: usize = 7;

/// `c_i`: when a stage is, over the length of the step.
pub(super) const C: [f64; STAGES] = [0.0, 0.161, 0.327, 0.9, 0.980_025_540_904_509_7, 1.0, 1.0];

/// `a_ij`: what stage `i + 2` is made of. The last row is that of the solution, whose own share is zero.
pub(super) const A: [&[f64]; STAGES - 1] = [
    &[0.161],
    &[-0.008_480_655_492_356_989, 0.335_480_655_492_357],
    &[
        2.897_153_057_105_493_5,
        -6.359_448_489_975_075,
        4.362_295_432_869_581_5,
    ],
    &[
        5.325_864_828_439_257,
        -11.748_883_564_062_828,
        7.495_539_342_889_836_5,
        -0.092_495_066_361_755_25,
    ],
    &[
        5.861_455_442_946_42,
        -12.920_969_317_847_11,
        8.159_367_898_576_159,
        -0.071_584_973_281_401,
        -0.028_269_050_394_068_383,
    ],
    &[
        0.096_460_766_818_065_23,
        0.01,
        0.479_889_650_414_499_6,
        1.379_008_574_103_742,
        -3.290_069_515_436_081,
        2.324_710_524_099_774,
    ],
];

/// `b_i - b^_i`: the solution less that of order 4.
pub(super) const ERROR: [f64; STAGES] = [
    -0.001_780_011_052_225_777,
    -0.000_816_434_459_656_746_9,
    0.007_880_878_010_261_995,
    -0.144_711_007_173_262_9,
    0.582_357_165_452_555_2,
    -0.458_082_105_929_186_97,
    1.0 / 66.0,
];

/// How long a step may be, times the largest rate of decay, before it grows what should decay: where the region of
/// stability meets the negative axis.
pub(super) const STABLE: f64 = 3.5068;

/// `b_i(s)`: the shares of the stages in the solution at the part `s` of the step, of order 4.
pub(super) fn between(s: f64) -> [f64; STAGES] {
    let square = s * s;
    [
        -1.053_088_497_729_021_6
            * s
            * (s - 1.329_989_018_975_141)
            * (square - 1.436_402_854_171_635_2 * s + 0.713_981_691_707_420_9),
        0.1017 * square * (square - 2.196_656_833_824_975_2 * s + 1.294_985_250_737_463),
        2.490_627_285_651_253
            * square
            * (square - 2.385_356_454_720_616_5 * s + 1.578_034_682_080_925),
        -16.548_102_889_244_902
            * square
            * (s - 1.217_129_272_955_332_5)
            * (s - 0.616_204_060_378_000_9),
        47.379_521_962_819_28
            * square
            * (s - 1.203_071_208_372_362_7)
            * (s - 0.658_047_292_653_547_4),
        -34.870_657_861_496_61 * square * (s - 1.2) * (s - 2.0 / 3.0),
        2.5 * square * (s - 1.0) * (s - 0.6),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a_ij` of all stages.
    fn matrix() -> [[f64; STAGES]; STAGES] {
        let mut matrix = [[0.0; STAGES]; STAGES];
        for (row, a) in matrix[1..].iter_mut().zip(A) {
            row[..a.len()].copy_from_slice(a);
        }
        matrix
    }

    fn through(v: [f64; STAGES]) -> [f64; STAGES] {
        matrix().map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum())
    }

    fn each(f: impl Fn(usize) -> f64) -> [f64; STAGES] {
        std::array::from_fn(f)
    }

    /// What the conditions of order say of shares: sum over stages, what it should be, and the order.
    /// (Hairer, Norsett & Wanner 1993, table II.2.2.)
    fn conditions() -> Vec<([f64; STAGES], f64, usize)> {
        let (c, ac) = (C, through(C));
        let ac2 = through(each(|i| c[i] * c[i]));
        let aac = through(ac);
        vec![
            ([1.0; STAGES], 1.0, 1),
            (c, 2.0, 2),
            (each(|i| c[i].powi(2)), 3.0, 3),
            (ac, 6.0, 3),
            (each(|i| c[i].powi(3)), 4.0, 4),
            (each(|i| c[i] * ac[i]), 8.0, 4),
            (ac2, 12.0, 4),
            (aac, 24.0, 4),
            (each(|i| c[i].powi(4)), 5.0, 5),
            (each(|i| c[i].powi(2) * ac[i]), 10.0, 5),
            (each(|i| ac[i].powi(2)), 20.0, 5),
            (each(|i| c[i] * ac2[i]), 15.0, 5),
            (through(each(|i| c[i].powi(3))), 20.0, 5),
            (each(|i| c[i] * aac[i]), 30.0, 5),
            (through(each(|i| c[i] * ac[i])), 40.0, 5),
            (through(ac2), 60.0, 5),
            (through(aac), 120.0, 5),
        ]
    }

    fn sum(shares: &[f64], values: &[f64]) -> f64 {
        shares.iter().zip(values).map(|(b, v)| b * v).sum()
    }

    #[test]
    fn a_stage_is_made_of_as_much_as_it_is_late() {
        for (row, c) in matrix().iter().zip(C) {
            let sum: f64 = row.iter().sum();
            assert!((sum - c).abs() < 1e-14, "{sum} {c}");
        }
    }

    #[test]
    fn the_solution_is_of_order_5_and_the_embedded_one_of_order_4() {
        let b = matrix()[STAGES - 1];
        for (values, whole, order) in conditions() {
            assert!(
                (sum(&b, &values) - 1.0 / whole).abs() < 1e-14,
                "{order} {whole}"
            );
            let off = sum(&ERROR, &values).abs();
            if order < 5 {
                assert!(off < 1e-14, "{order} {whole} {off}");
            }
        }
        let off = sum(&ERROR, &each(|i| C[i].powi(4))).abs();
        assert!(off > 1e-5, "{off}");
    }

    #[test]
    fn shares_between_are_of_order_4_and_end_at_those_of_the_solution() {
        for s in [0.0, 0.2, 0.5, 0.9, 1.0] {
            for (values, whole, order) in conditions() {
                if order < 5 {
                    let off = sum(&between(s), &values) - s.powi(order as i32) / whole;
                    assert!(off.abs() < 1e-13, "{s} {order} {whole} {off}");
                }
            }
        }
        let b = matrix()[STAGES - 1];
        for (share, b) in between(1.0).iter().zip(b) {
            assert!((share - b).abs() < 1e-13, "{share} {b}");
        }
    }
}
