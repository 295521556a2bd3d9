//! Steps of smoke in a flat box, and networks that stand for them.

use nalgebra::Vector3;

use super::{conv::Maps, network::Tape, stagger::Staggered};
use crate::{
    gas::{
        advect::Scheme,
        boundary::Side,
        buoyancy::Lift,
        field::Field,
        grid::{Grid, Place},
        model::{Gas, Method, Model, Moment, Species, Splitting},
        pressure::Precondition,
        projector::PressureError,
        step::{Workspace, step},
    },
    random::fraction,
};

/// Velocity along x, along y, smoke.
pub const CHANNELS: usize = 3;

/// Cells that gas of 1 m/s goes in a step.
const COURANT: f64 = 1.0;

/// Steps before the first and between two states that are kept.
const APART: usize = 4;

/// Blobs of smoke at the start, their greatest radius over the edge of the box.
const BLOBS: u64 = 3;
const RADIUS: f64 = 0.15;

/// Smoke that rises in a unit box of `cells` by `cells` by 1 cells, between walls that it slides
/// along.
#[derive(Debug)]
pub struct Smoke {
    model: Model<f64>,
    workspace: Workspace<f64>,
}

impl Smoke {
    /// The box.
    pub fn new(cells: usize) -> Self {
        let slip = || [Side::slip_wall(1), Side::slip_wall(1)];
        let lift = Lift {
            expansion: 1.0,
            reference: 0.0,
        };
        let grid = Grid {
            origin: Vector3::zeros(),
            dx: 1.0 / cells as f64,
            cells: [cells, cells, 1],
            periodic: [false, false, true],
        };
        let sides = [slip(), slip(), [Side::Periodic, Side::Periodic]];
        let method = Method {
            scheme: Scheme::SemiLagrangian,
            conservative: false,
            splitting: Splitting::Projected,
            precondition: Precondition::Multigrid,
            tolerance: 1e-8,
            courant: 1.0,
        };
        let model = Model {
            gravity: Vector3::new(0.0, -1.0, 0.0),
            species: vec![Species {
                name: "smoke".to_owned(),
                diffusivity: None,
                lift,
            }],
            ..Model::plain(grid, sides, method)
        };
        let workspace = Workspace::new(&model);
        Self { model, workspace }
    }

    /// Gas at rest with blobs of smoke, by a seed.
    fn start(&self, seed: u64) -> Gas<f64> {
        let mut gas = Gas::at_rest(&self.model);
        let grid = &self.model.grid;
        // Seeds that follow each other share no numbers.
        let number = |blob: u64, which: u64| fraction(64 * seed, BLOBS * which + blob);
        gas.scalars[0] = Field::from_fn(grid, grid.centres(), |x| {
            let blob = |blob: u64| {
                let middle = [0, 1].map(|axis| 0.2 + 0.6 * number(blob, axis));
                let radius = RADIUS * (0.5 + 0.5 * number(blob, 2));
                let square = (x.x - middle[0]).powi(2) + (x.y - middle[1]).powi(2);
                (-square / (radius * radius)).exp()
            };
            (0..BLOBS).map(blob).sum()
        });
        gas
    }

    fn step(&mut self, gas: &mut Gas<f64>) -> Result<(), PressureError> {
        let dt = COURANT * self.model.grid.dx;
        step(
            &self.model,
            &Moment::still(),
            None,
            gas,
            dt,
            &mut self.workspace,
        )?;
        Ok(())
    }

    /// The gas as channels over the cells: of a component of the velocity each cell has that of its
    /// upper face, which is all of it, since nothing goes through the walls.
    fn maps(&self, gas: &Gas<f64>) -> Maps {
        let cells = self.model.grid.cells;
        let mut maps = Maps::zero(cells, CHANNELS);
        for axis in 0..2 {
            let field = &gas.velocity[axis];
            let layout = self.model.grid.layout(Place::Face(axis));
            for (cell, value) in maps.values[axis].iter_mut().enumerate() {
                let mut at = [cell % cells[0], cell / cells[0], 0];
                at[axis] += 1;
                *value = field.data[layout.index(at)];
            }
        }
        maps.values[2] = gas.scalars[0].samples();
        maps
    }

    /// Steps of `runs` runs of `kept` states each, from seeds on: what there is before, and after.
    ///
    /// # Errors
    /// No pressure.
    pub fn steps(
        &mut self,
        runs: usize,
        kept: usize,
        seed: u64,
    ) -> Result<Vec<[Maps; 2]>, PressureError> {
        let mut steps = Vec::with_capacity(runs * kept);
        for run in 0..runs {
            let mut gas = self.start(seed + run as u64);
            for _ in 0..kept {
                for _ in 0..APART {
                    self.step(&mut gas)?;
                }
                let before = self.maps(&gas);
                self.step(&mut gas)?;
                steps.push([before, self.maps(&gas)]);
            }
        }
        Ok(steps)
    }
}

/// `x + D f(x / S)`: networks that stand for a step. Each channel has its own scales.
#[derive(Debug, Clone, PartialEq)]
pub struct Surrogate {
    /// The networks.
    pub staggered: Staggered,
    /// Size of each channel, and of its change in a step: root mean squares.
    pub scales: [[f64; CHANNELS]; 2],
}

/// Root mean squares of the channels of a step, and of their change.
pub fn scales(steps: &[[Maps; 2]]) -> [[f64; CHANNELS]; 2] {
    let mut sums = [[0.0; CHANNELS]; 2];
    let mut count = 0.0;
    for [before, after] in steps {
        count += before.values[0].len() as f64;
        for channel in 0..CHANNELS {
            for (x, y) in before.values[channel].iter().zip(&after.values[channel]) {
                sums[0][channel] += x * x;
                sums[1][channel] += (y - x) * (y - x);
            }
        }
    }
    // What never changes has no size, and any scale will do.
    let root = |sum: f64| if sum > 0.0 { (sum / count).sqrt() } else { 1.0 };
    sums.map(|sums| sums.map(root))
}

impl Surrogate {
    fn scaled(&self, x: &Maps) -> Maps {
        let mut scaled = x.clone();
        for (values, scale) in scaled.values.iter_mut().zip(self.scales[0]) {
            values.iter_mut().for_each(|value| *value /= scale);
        }
        scaled
    }

    /// The state after a step.
    pub fn step(&self, x: &Maps) -> Maps {
        let (mut change, _) = self.staggered.apply(&self.scaled(x));
        for ((change, x), scale) in change.values.iter_mut().zip(&x.values).zip(self.scales[1]) {
            change
                .iter_mut()
                .zip(x)
                .for_each(|(change, x)| *change = x + scale * *change);
        }
        change
    }

    /// How far it is off in steps of the solver, squared: `|f(x / S) - (y - x) / D|^2` over the
    /// number of channels and cells, a mean over the steps. One is what standing still would have.
    /// Adds its gradient by the weights.
    pub fn loss<'a>(
        &self,
        steps: impl Iterator<Item = &'a [Maps; 2]>,
        weights_bar: &mut [f64],
    ) -> f64 {
        let (mut total, mut count) = (0.0, 0.0);
        let mut bars: Vec<(Vec<Tape>, Maps)> = Vec::new();
        for [before, after] in steps {
            let (mut off, tapes) = self.staggered.apply(&self.scaled(before));
            for channel in 0..CHANNELS {
                let pairs = before.values[channel].iter().zip(&after.values[channel]);
                let scale = self.scales[1][channel];
                for (off, (x, y)) in off.values[channel].iter_mut().zip(pairs) {
                    *off -= (y - x) / scale;
                    total += *off * *off;
                }
            }
            count += (CHANNELS * before.values[0].len()) as f64;
            bars.push((tapes, off));
        }
        for (tapes, mut bar) in bars {
            for values in &mut bar.values {
                values.iter_mut().for_each(|value| *value *= 2.0 / count);
            }
            self.staggered.apply_vjp(&tapes, &bar, weights_bar);
        }
        total / count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_of_the_loss_is_the_central_difference() {
        let steps = Smoke::new(8).steps(1, 2, 3).unwrap();
        let surrogate = Surrogate {
            staggered: Staggered::flat(2, [CHANNELS, CHANNELS], 2, 4),
            scales: scales(&steps),
        };
        let weights = surrogate.staggered.weights();
        let direction: Vec<f64> = (0..weights.len()).map(|i| (1.7 * i as f64).sin()).collect();
        let value = |by: f64| {
            let mut moved = surrogate.clone();
            let along: Vec<f64> = weights
                .iter()
                .zip(&direction)
                .map(|(w, d)| w + by * d)
                .collect();
            moved.staggered.set_weights(&along);
            moved.loss(steps.iter(), &mut vec![0.0; weights.len()])
        };
        let by = 1e-6;
        let difference = (value(by) - value(-by)) / (2.0 * by);
        let mut bar = vec![0.0; weights.len()];
        let loss = surrogate.loss(steps.iter(), &mut bar);
        let backward: f64 = bar.iter().zip(&direction).map(|(a, b)| a * b).sum();
        assert!(
            (difference - backward).abs() <= 1e-6 * backward.abs(),
            "{difference} {backward}"
        );
        // The loss is what the step misses the solver by.
        let mut off = 0.0;
        for [before, after] in &steps {
            let found = surrogate.step(before);
            for channel in 0..CHANNELS {
                let scale = surrogate.scales[1][channel];
                let pairs = found.values[channel].iter().zip(&after.values[channel]);
                off += pairs.map(|(a, b)| ((a - b) / scale).powi(2)).sum::<f64>();
            }
        }
        let count = (steps.len() * CHANNELS * 64) as f64;
        assert!((off / count - loss).abs() <= 1e-10 * loss, "{off} {loss}");
    }
}
