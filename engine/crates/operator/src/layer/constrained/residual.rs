//! What a field should make zero.

use backflow_diff::Real;

/// Equations of a field of numbers, each of which reads a few of them: a discrete differential equation, say.
pub trait Residual: Sync {
    /// Number of equations.
    fn equations(&self) -> usize;

    /// Which numbers of the field an equation reads; the first is where it stands.
    fn reads(&self, equation: usize) -> Vec<usize>;

    /// What is left of an equation; `u` is what it reads, in that order.
    fn value<T: Real>(&self, equation: usize, u: &[T]) -> T;

    /// Adds the cotangent of `u` for that of the value.
    fn value_vjp<T: Real>(&self, equation: usize, u: &[T], value_bar: T, u_bar: &mut [T]);

    /// Adds what the slopes of the value change by along `v`: its second derivative times `v`. Nothing, if the
    /// equation is linear.
    fn slopes_jvp<T: Real>(&self, equation: usize, u: &[T], v: &[T], out: &mut [T]) {
        let _ = (equation, u, v, out);
    }

    /// Root mean square of what is left of all equations.
    fn size(&self, field: &[f64]) -> f64 {
        let square = |equation| {
            let u: Vec<f64> = (self.reads(equation).into_iter())
                .map(|at| field[at])
                .collect();
            self.value(equation, &u).powi(2)
        };
        let sum: f64 = (0..self.equations()).map(square).sum();
        (sum / self.equations().max(1) as f64).sqrt()
    }

    /// Adds the cotangent of the field for that of [`Residual::size`].
    fn size_vjp(&self, field: &[f64], size_bar: f64, field_bar: &mut [f64]) {
        // d sqrt(mean r^2) = r dr / (n size); where it is zero, it is least: no slope.
        let scale = self.equations() as f64 * self.size(field);
        if scale == 0.0 {
            return;
        }
        for equation in 0..self.equations() {
            let reads = self.reads(equation);
            let u: Vec<f64> = reads.iter().map(|&at| field[at]).collect();
            let bar = size_bar * self.value(equation, &u) / scale;
            let mut u_bar = vec![0.0; u.len()];
            self.value_vjp(equation, &u, bar, &mut u_bar);
            for (at, bar) in reads.into_iter().zip(u_bar) {
                field_bar[at] += bar;
            }
        }
    }
}
