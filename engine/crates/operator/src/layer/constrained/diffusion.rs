//! Steady diffusion on a plane grid.

use backflow_diff::Real;

use super::Residual;
use crate::error::OperatorError;

/// What is left of `-div((1 + b u^2) grad u) = f`, times the square of the spacing, at the nodes of a plane grid that
/// are not on its edge. With neighbours n of a node, in the middle of whose edges the conductivity is that of both,
///
/// ```text
/// r = -sum_n (1 + b (u^2 + u_n^2) / 2) (u_n - u) - spacing^2 f
/// ```
///
/// What the field is on the edge, is up to who makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Diffusion {
    nodes: [usize; 2],
    stiffening: f64,
    /// `spacing^2 f` of each equation.
    source: Vec<f64>,
}

impl Diffusion {
    /// On so many nodes a side, those of the first side next to each other. `stiffening` is b (1/u^2): with 0 it is
    /// Poisson's equation. `source` is `spacing^2 f`, in units of u, at each node; on the edge it is not read.
    ///
    /// # Errors
    /// A side of less than 3 nodes, or a source of another length.
    pub fn new(nodes: [usize; 2], stiffening: f64, source: &[f64]) -> Result<Self, OperatorError> {
        if let Some(side) = nodes.into_iter().find(|&side| side < 3) {
            return Err(OperatorError::mismatch(
                "nodes of a side",
                side,
                "at least 3",
            ));
        }
        let count = nodes[0] * nodes[1];
        if source.len() != count {
            let what = "numbers of a source";
            return Err(OperatorError::mismatch(what, source.len(), count));
        }
        let mut all = Self {
            nodes,
            stiffening,
            source: Vec::new(),
        };
        let places = (0..all.equations()).map(|equation| all.node(equation));
        all.source = places.map(|node| source[node]).collect();
        Ok(all)
    }

    /// The node at which an equation stands.
    fn node(&self, equation: usize) -> usize {
        let inner = self.nodes[0] - 2;
        (equation % inner + 1) + self.nodes[0] * (equation / inner + 1)
    }
}

impl Residual for Diffusion {
    fn equations(&self) -> usize {
        (self.nodes[0] - 2) * (self.nodes[1] - 2)
    }

    fn reads(&self, equation: usize) -> Vec<usize> {
        let (node, row) = (self.node(equation), self.nodes[0]);
        vec![node, node - 1, node + 1, node - row, node + row]
    }

    fn value<T: Real>(&self, equation: usize, u: &[T]) -> T {
        let half = T::of(0.5 * self.stiffening);
        let flow = |&n: &T| (T::one() + half * (u[0] * u[0] + n * n)) * (n - u[0]);
        let all = u[1..].iter().map(flow).fold(T::zero(), |sum, q| sum + q);
        -all - T::of(self.source[equation])
    }

    fn value_vjp<T: Real>(&self, _: usize, u: &[T], value_bar: T, u_bar: &mut [T]) {
        let b = T::of(self.stiffening);
        for (at, &n) in u.iter().enumerate().skip(1) {
            let whole = T::one() + T::of(0.5) * b * (u[0] * u[0] + n * n);
            u_bar[0] -= value_bar * (b * u[0] * (n - u[0]) - whole);
            u_bar[at] -= value_bar * (b * n * (n - u[0]) + whole);
        }
    }

    fn slopes_jvp<T: Real>(&self, _: usize, u: &[T], v: &[T], out: &mut [T]) {
        let (b, three) = (T::of(self.stiffening), T::of(3.0));
        for (at, &n) in u.iter().enumerate().skip(1) {
            let cross = u[0] - n;
            out[0] -= b * ((n - three * u[0]) * v[0] + cross * v[at]);
            out[at] -= b * (cross * v[0] + (three * n - u[0]) * v[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check;

    #[test]
    fn adjoints_are_the_transposes_of_the_tangents() {
        let residual = Diffusion::new([3, 4], 0.7, &[0.2; 12]).unwrap();
        check(
            5,
            |u| vec![residual.value(1, u)],
            |u, bar| {
                let mut all = vec![0.0; 5];
                residual.value_vjp(1, u, bar[0], &mut all);
                all
            },
        );
        // The second derivative is symmetric.
        check(
            5,
            |u| {
                let mut slopes = vec![Real::of(0.0); 5];
                residual.value_vjp(1, u, Real::of(1.0), &mut slopes);
                slopes
            },
            |u, bar| {
                let mut all = vec![0.0; 5];
                residual.slopes_jvp(1, u, bar, &mut all);
                all
            },
        );
    }

    #[test]
    fn size_has_the_slope_of_its_difference() {
        let residual = Diffusion::new([4, 5], 0.7, &[0.2; 20]).unwrap();
        let field: Vec<f64> = (0..20).map(|at| (at as f64).sin()).collect();
        let mut bar = vec![0.0; 20];
        residual.size_vjp(&field, 2.0, &mut bar);
        for at in 0..20 {
            let shifted = |by: f64| {
                let mut field = field.clone();
                field[at] += by;
                2.0 * residual.size(&field)
            };
            let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            assert!((bar[at] - difference).abs() < 1e-8);
        }
    }

    #[test]
    fn waves_solve_the_linear_equation_with_their_own_values_as_source() {
        let (nodes, pi) = ([9, 7], std::f64::consts::PI);
        let wave = |at: usize| {
            let (x, y) = ((at % 9) as f64 / 8.0, (at / 9) as f64 / 6.0);
            (2.0 * pi * x).sin() * (pi * y).sin()
        };
        // 4 - 2 cos(2 pi / 8) - 2 cos(pi / 6)
        let value = 4.0 - 2.0 * (pi / 4.0).cos() - 2.0 * (pi / 6.0).cos();
        let field: Vec<f64> = (0..63).map(wave).collect();
        let source: Vec<f64> = field.iter().map(|u| value * u).collect();
        let residual = Diffusion::new(nodes, 0.0, &source).unwrap();
        assert!(residual.size(&field) < 1e-14);
        assert!(residual.size(&[0.0; 63]) > 0.1);
        let error = Diffusion::new([2, 9], 0.0, &source).unwrap_err();
        assert!(error.to_string().starts_with("nodes of a side: found 2"));
        assert!(Diffusion::new(nodes, 0.0, &source[1..]).is_err());
    }
}
