//! Dense vector arithmetic with a fixed order of summation, so that the same input gives the
//! same bits.

/// Inner product, summed from the first entry to the last.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sums of squares below this have lost digits of their small terms to underflow.
const SMALLEST_SUM: f64 = 1e-270;

/// Euclidean norm; where squares overflow or vanish, scaled by the largest entry.
pub(crate) fn norm(a: &[f64]) -> f64 {
    let sum = dot(a, a);
    if sum.is_finite() && sum > SMALLEST_SUM {
        return sum.sqrt();
    }
    let largest = a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    let sum: f64 = a.iter().map(|v| (v / largest) * (v / largest)).sum();
    largest * sum.sqrt()
}

/// `y += alpha x`.
pub(crate) fn add_scaled(y: &mut [f64], alpha: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// `a - b`.
pub(crate) fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norm_survives_squares_that_overflow_or_vanish() {
        assert_eq!(norm(&[3.0, 4.0]), 5.0);
        for scale in [1e200, 1e-200, 1e-300] {
            let found = norm(&[3.0 * scale, 4.0 * scale]) / scale;
            assert!((found - 5.0).abs() < 1e-14, "{found}");
        }
        assert_eq!(norm(&[]), 0.0);
        assert_eq!(norm(&[0.0, 0.0]), 0.0);
    }
}
