//! Tangent and cotangent maps are transposes of one another.

use std::fmt;

use super::{CheckError, Vacuous, check_finite, check_length, check_not_zero, dot, evaluate};

/// Both sides of `<J v, w> = <v, J^T w>`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DotProductReport {
    /// `<J v, w>`.
    pub forward: f64,
    /// `<v, J^T w>`.
    pub backward: f64,
    /// `|<J v, w> - <v, J^T w>| / max(|<J v, w>|, |<v, J^T w>|)`.
    pub error: f64,
    /// What the error may be.
    pub tolerance: f64,
}

impl fmt::Display for DotProductReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            forward,
            backward,
            error,
            tolerance,
        } = self;
        write!(
            f,
            "<Jv,w> = {forward:.16e}, <v,J'w> = {backward:.16e}, \
             relative difference {error:.1e} (tolerance {tolerance:.1e})"
        )
    }
}

/// Checks `<J v, w> = <v, J^T w>` for the maps `v -> J v` and `w -> J^T w` at one point.
///
/// Refuses zero vectors, zero products, and products that are perpendicular to the test
/// vectors to round-off.
pub fn dot_product<E: fmt::Display>(
    jvp: impl FnOnce(&[f64]) -> Result<Vec<f64>, E>,
    vjp: impl FnOnce(&[f64]) -> Result<Vec<f64>, E>,
    v: &[f64],
    w: &[f64],
    tolerance: f64,
) -> Result<DotProductReport, CheckError> {
    for vector in [v, w] {
        check_finite("a test vector", vector)?;
        check_not_zero(vector, Vacuous::ZeroDirection)?;
    }
    let jv = evaluate(jvp(v), || "forwards".to_string())?;
    let jtw = evaluate(vjp(w), || "backwards".to_string())?;
    check_length("J v", jv.len(), w.len())?;
    check_length("J^T w", jtw.len(), v.len())?;
    check_finite("J v", &jv)?;
    check_finite("J^T w", &jtw)?;
    if jv.iter().chain(&jtw).all(|&value| value == 0.0) {
        return Err(CheckError::Vacuous(Vacuous::ZeroGradient));
    }
    let (forward, backward) = (dot(&jv, w), dot(v, &jtw));
    let size = forward.abs().max(backward.abs());
    let lengths = (dot(&jv, &jv) * dot(w, w))
        .sqrt()
        .max((dot(&jtw, &jtw) * dot(v, v)).sqrt());
    if size <= 16.0 * f64::EPSILON * lengths {
        return Err(CheckError::Vacuous(Vacuous::Perpendicular));
    }
    let error = (forward - backward).abs() / size;
    let report = DotProductReport {
        forward,
        backward,
        error,
        tolerance,
    };
    if error <= tolerance {
        Ok(report)
    } else {
        Err(CheckError::DotProduct(report))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::{super::Vacuous, CheckError, dot_product};

    const A: [[f64; 3]; 2] = [[1.0, -2.0, 0.5], [0.3, 4.0, -1.0]];
    const V: [f64; 3] = [0.2, 1.0, -0.7];
    const W: [f64; 2] = [1.5, -0.4];

    fn jvp(v: &[f64]) -> Result<Vec<f64>, Infallible> {
        Ok(A.iter().map(|row| super::dot(row, v)).collect())
    }

    fn vjp(w: &[f64]) -> Result<Vec<f64>, Infallible> {
        Ok((0..3).map(|j| A[0][j] * w[0] + A[1][j] * w[1]).collect())
    }

    #[test]
    fn transposes_pass() {
        let report = dot_product(jvp, vjp, &V, &W, 1e-15).unwrap();
        assert!(report.error <= 1e-15);
        assert!(report.to_string().contains("tolerance 1.0e-15"));
    }

    #[test]
    fn anything_else_fails() {
        let wrong = |w: &[f64]| vjp(w).map(|g| g.iter().map(|g| 1.01 * g).collect::<Vec<_>>());
        let error = dot_product(jvp, wrong, &V, &W, 1e-12).unwrap_err();
        assert!(matches!(error, CheckError::DotProduct(report) if report.error > 5e-3));
        let zero = |_: &[f64]| Ok::<_, Infallible>(vec![0.0; 3]);
        assert!(matches!(
            dot_product(jvp, zero, &V, &W, 1e-12),
            Err(CheckError::DotProduct(_))
        ));
        let nan = |_: &[f64]| Ok::<_, Infallible>(vec![f64::NAN; 3]);
        assert!(matches!(
            dot_product(jvp, nan, &V, &W, 1.0),
            Err(CheckError::NotFinite { .. })
        ));
        let short = |_: &[f64]| Ok::<_, Infallible>(vec![1.0; 2]);
        assert!(matches!(
            dot_product(jvp, short, &V, &W, 1.0),
            Err(CheckError::Length { .. })
        ));
        let failing = |_: &[f64]| Err::<Vec<f64>, _>("no value");
        let found = dot_product(|_: &[f64]| Ok(vec![1.0; 2]), failing, &V, &W, 1.0);
        assert!(matches!(found, Err(CheckError::Evaluation { .. })));
    }

    #[test]
    fn nothing_checked_does_not_pass() {
        let vacuous = |found, expected| assert_eq!(found, Err(CheckError::Vacuous(expected)));
        vacuous(
            dot_product(jvp, vjp, &[0.0; 3], &W, 1.0),
            Vacuous::ZeroDirection,
        );
        vacuous(
            dot_product(jvp, vjp, &V, &[0.0; 2], 1.0),
            Vacuous::ZeroDirection,
        );
        let zero_2 = |_: &[f64]| Ok::<_, Infallible>(vec![0.0; 2]);
        let zero_3 = |_: &[f64]| Ok::<_, Infallible>(vec![0.0; 3]);
        vacuous(
            dot_product(zero_2, zero_3, &V, &W, 1.0),
            Vacuous::ZeroGradient,
        );
        let left = |_: &[f64]| Ok::<_, Infallible>(vec![0.4, 1.5]);
        let right = |_: &[f64]| Ok::<_, Infallible>(vec![1.0, -0.2, 0.0]);
        vacuous(
            dot_product(left, right, &V, &W, 1.0),
            Vacuous::Perpendicular,
        );
    }
}
