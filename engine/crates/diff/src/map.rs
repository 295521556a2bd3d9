//! Functions of flat vectors with their vector-Jacobian products.

use crate::memory::Reversible;

/// A differentiable function `y = f(x)` between flat vectors.
pub trait Map {
    /// What the forward pass leaves for the backward pass.
    type Tape;

    /// Why the function may have no value; [`Infallible`](std::convert::Infallible) if it always has.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Length of `x`.
    fn inputs(&self) -> usize;

    /// Length of `y`.
    fn outputs(&self) -> usize;

    /// `y` and the tape that [`Map::vjp`] reads.
    fn apply(&self, x: &[f64]) -> Result<(Vec<f64>, Self::Tape), Self::Error>;

    /// `x_bar = (df/dx)^T y_bar` at the `x` of the tape.
    fn vjp(&self, tape: &Self::Tape, y_bar: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// `y` alone: the same bits as from [`Map::apply`].
    fn value(&self, x: &[f64]) -> Result<Vec<f64>, Self::Error> {
        Ok(self.apply(x)?.0)
    }

    /// Its exact inverse, if there is one.
    fn reversible(&self) -> Option<&dyn Reversible> {
        None
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Maps that the tests of this crate share.

    use std::convert::Infallible;

    use super::Map;
    use crate::memory::Reversible;

    /// `y_i = sin(a x_i + x_{i+1}) + x_i / 2`: smooth, coupled, not symmetric.
    pub(crate) struct Wave(pub(crate) f64);

    impl Wave {
        fn argument(&self, x: &[f64], i: usize) -> f64 {
            self.0 * x[i] + x[(i + 1) % x.len()]
        }
    }

    impl Map for Wave {
        type Tape = Vec<f64>;
        type Error = Infallible;

        fn inputs(&self) -> usize {
            4
        }

        fn outputs(&self) -> usize {
            4
        }

        fn apply(&self, x: &[f64]) -> Result<(Vec<f64>, Vec<f64>), Infallible> {
            let y = (0..x.len())
                .map(|i| self.argument(x, i).sin() + 0.5 * x[i])
                .collect();
            Ok((y, x.to_vec()))
        }

        fn vjp(&self, x: &Vec<f64>, y_bar: &[f64]) -> Result<Vec<f64>, Infallible> {
            let mut x_bar = vec![0.0; x.len()];
            for i in 0..x.len() {
                let slope = self.argument(x, i).cos() * y_bar[i];
                x_bar[i] += self.0 * slope + 0.5 * y_bar[i];
                x_bar[(i + 1) % x.len()] += slope;
            }
            Ok(x_bar)
        }
    }

    /// Additive coupling `q' = q + tanh(a p)`, `p' = p - tanh(a q')`.
    pub(crate) struct Coupling(pub(crate) f64);

    impl Map for Coupling {
        type Tape = [f64; 4];
        type Error = Infallible;

        fn inputs(&self) -> usize {
            4
        }

        fn outputs(&self) -> usize {
            4
        }

        fn apply(&self, x: &[f64]) -> Result<(Vec<f64>, [f64; 4]), Infallible> {
            let q = [0, 1].map(|i| x[i] + (self.0 * x[i + 2]).tanh());
            let p = [0, 1].map(|i| x[i + 2] - (self.0 * q[i]).tanh());
            Ok((vec![q[0], q[1], p[0], p[1]], [x[2], x[3], q[0], q[1]]))
        }

        fn vjp(&self, tape: &[f64; 4], y_bar: &[f64]) -> Result<Vec<f64>, Infallible> {
            let slope = |x: f64| self.0 * (1.0 - (self.0 * x).tanh().powi(2));
            let q_bar = [0, 1].map(|i| y_bar[i] - slope(tape[i + 2]) * y_bar[i + 2]);
            let p_bar = [0, 1].map(|i| y_bar[i + 2] + slope(tape[i]) * q_bar[i]);
            Ok(vec![q_bar[0], q_bar[1], p_bar[0], p_bar[1]])
        }

        fn reversible(&self) -> Option<&dyn Reversible> {
            Some(self)
        }
    }

    impl Reversible for Coupling {
        fn inverse(&self, y: &[f64]) -> Vec<f64> {
            let p = [0, 1].map(|i| y[i + 2] + (self.0 * y[i]).tanh());
            let q = [0, 1].map(|i| y[i] - (self.0 * p[i]).tanh());
            vec![q[0], q[1], p[0], p[1]]
        }
    }
}
