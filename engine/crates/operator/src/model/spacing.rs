//! How far apart samples are.

use backflow_diff::Real;
use nalgebra::DMatrix;

use super::{Config, Scales, Window};
use crate::{error::OperatorError, graph::nearest};

/// How far apart the samples of a body lie at rest, over the mean spacing in the training data: `s`.
///
/// Where lengths are in spacings, a network of pairs sees strains and rates of strain, and what it says are stresses:
/// the acceleration that a stress makes is that of its divergence, which grows as samples lie nearer. With
/// the lengths of edges over `s`, velocities of their ends against each other over `s`, and accelerations over
/// `s`, the same weights stand for the same matter with any number of samples. Without, `s` is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Spacing<T: Real> {
    /// `s` (1).
    pub ratio: T,
    /// The nearest neighbour of each sample at rest; empty where lengths are in metres.
    nearest: Vec<usize>,
    /// `s` of a metre of mean distance (1/m).
    unit: f64,
}

/// Square of what keeps distances differentiable (m^2).
const TINY: f64 = 1e-20;

fn distance<T: Real>(x: &DMatrix<T>, i: usize, j: usize) -> ([T; 3], T) {
    let d = [0, 1, 2].map(|axis| x[(axis, i)] - x[(axis, j)]);
    let square = d.iter().fold(T::of(TINY), |sum, &d| sum + d * d);
    (d, square.sqrt())
}

/// Mean distance of points (m), a column each, from their nearest neighbours; none if there are fewer than two.
///
/// # Errors
/// Points that are not finite.
pub fn mean_spacing<T: Real>(x: &DMatrix<T>) -> Result<Option<f64>, OperatorError> {
    let nearest = nearest(x)?;
    let sum: f64 = nearest
        .iter()
        .enumerate()
        .map(|(i, &j)| distance(x, i, j).1.to_f64())
        .sum();
    Ok((!nearest.is_empty()).then(|| sum / nearest.len() as f64))
}

impl<T: Real> Spacing<T> {
    /// That of a window.
    ///
    /// # Errors
    /// Positions at rest that are not finite.
    pub fn of(config: &Config, scales: &Scales, window: &Window<T>) -> Result<Self, OperatorError> {
        let known = scales.spacing.filter(|_| config.spacings);
        let (Some(mean), true) = (known, window.samples() > 1) else {
            return Ok(Self {
                ratio: T::one(),
                nearest: Vec::new(),
                unit: 0.0,
            });
        };
        let nearest = nearest(&window.rest)?;
        let unit = 1.0 / (mean * nearest.len() as f64);
        let pairs = nearest.iter().enumerate();
        let sum = pairs.fold(T::zero(), |sum, (i, &j)| {
            sum + distance(&window.rest, i, j).1
        });
        Ok(Self {
            ratio: sum * T::of(unit),
            nearest,
            unit,
        })
    }

    /// Adds the cotangent of the positions at rest. Neighbours are held: where another one comes nearer both
    /// are as far.
    pub fn of_vjp(&self, ratio_bar: T, window: &Window<T>, window_bar: &mut Window<T>) {
        let bar = ratio_bar * T::of(self.unit);
        for (i, &j) in self.nearest.iter().enumerate() {
            let (d, r) = distance(&window.rest, i, j);
            for axis in 0..3 {
                let part = bar * d[axis] / r;
                window_bar.rest[(axis, i)] += part;
                window_bar.rest[(axis, j)] -= part;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_at, flat, window, windowed};

    fn setting() -> (Config, Scales) {
        let config = Config {
            spacings: true,
            ..Config::default()
        };
        let scales = Scales {
            frame: 0.1,
            velocity: 0.5,
            acceleration: 1.0,
            spacing: Some(0.05),
        };
        (config, scales)
    }

    #[test]
    fn bodies_of_twice_the_size_have_twice_the_spacing() {
        let (config, scales) = setting();
        let mut window = window();
        let spacing = |window: &Window<f64>| Spacing::of(&config, &scales, window).unwrap().ratio;
        let once = spacing(&window);
        assert!((once - mean_spacing(&window.rest).unwrap().unwrap() / 0.05).abs() < 1e-12);
        window.rest *= 2.0;
        assert!((spacing(&window) - 2.0 * once).abs() < 1e-12);
        let plain = Config::default();
        assert_eq!(Spacing::of(&plain, &scales, &window).unwrap().ratio, 1.0);
    }

    #[test]
    fn adjoint_is_the_transpose_of_the_tangent() {
        let (config, scales) = setting();
        check_at(
            &flat(&window()),
            |x| vec![Spacing::of(&config, &scales, &windowed(x)).unwrap().ratio],
            |x, bar| {
                let window = windowed(x);
                let mut all = window.zeros();
                let spacing = Spacing::of(&config, &scales, &window).unwrap();
                spacing.of_vjp(bar[0], &window, &mut all);
                flat(&all)
            },
        );
    }
}
