//! The pressure by Jacobi's sweeps, as FluidLab has it, and the derivative through all of them: a
//! twin of the projection to compare with.

use backflow::{diff::linear::LinearOperator, sim::gas::poisson::Poisson};

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// `x <- x + D^-1 (b - A x)` until `|b - A x| <= tolerance |b|`: the sweeps that it takes, and the
/// relative residual.
pub fn sweep(poisson: &Poisson<f64>, b: &[f64], tolerance: f64, most: usize) -> (usize, f64) {
    let mut x = vec![0.0; b.len()];
    let (mut ax, size) = (vec![0.0; b.len()], norm(b));
    let mut left = 1.0;
    for count in 0..most {
        poisson.apply(&x, &mut ax);
        // What is measured costs nothing next to so many sweeps.
        if count % 100 == 0 {
            let r: Vec<f64> = b.iter().zip(&ax).map(|(b, ax)| b - ax).collect();
            left = norm(&r) / size;
            if left <= tolerance {
                return (count, left);
            }
        }
        let each = x.iter_mut().zip(b).zip(&ax).zip(&poisson.diagonal);
        for (((x, b), ax), d) in each {
            if *d > 0.0 {
                *x += (b - ax) / d;
            }
        }
    }
    (most, left)
}

/// The cotangent of `b` for that of `x` after `count` sweeps: `b_bar += D^-1 x_bar`, then
/// `x_bar <- x_bar - A D^-1 x_bar`, once a sweep. Cotangents of the faces, which would need every
/// iterate, are left out, so that it costs less than it would.
pub fn sweep_vjp(poisson: &Poisson<f64>, count: usize, x_bar: &[f64]) -> Vec<f64> {
    let mut bar = x_bar.to_vec();
    let [mut b_bar, mut scaled, mut product] = [0, 1, 2].map(|_| vec![0.0; bar.len()]);
    for _ in 0..count {
        let each = scaled
            .iter_mut()
            .zip(&bar)
            .zip(&poisson.diagonal)
            .zip(&mut b_bar);
        for (((scaled, bar), d), b_bar) in each {
            *scaled = if *d > 0.0 { bar / d } else { 0.0 };
            *b_bar += *scaled;
        }
        poisson.apply(&scaled, &mut product);
        bar.iter_mut()
            .zip(&product)
            .for_each(|(bar, ax)| *bar -= ax);
    }
    b_bar
}
