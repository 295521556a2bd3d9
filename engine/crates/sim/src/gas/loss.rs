//! What a gas is judged by.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{field::sum, grid::Grid, model::Gas, stencil::Reach};
use crate::{
    collider::{Shape, SignedDistance},
    pose::Pose,
};

/// A number that a gas has at the end of a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// `sum |q - target|` over points, as FluidLab's air circulation has it; where a scalar is at
    /// its target the derivative is zero.
    Sensors {
        /// Number of the scalar.
        species: usize,
        /// Where it is measured (m).
        points: Vec<Vector3<f64>>,
        /// What it should be.
        target: f64,
    },
    /// The mean of `(q - target)^2` over the cells whose centres are in a region.
    Scalar {
        /// Number of the scalar.
        species: usize,
        /// The region.
        region: Region,
        /// What it should be.
        target: f64,
    },
    /// The mean of `|u - target|^2` over the cells whose centres are in a region (m^2/s^2).
    Velocity {
        /// The region.
        region: Region,
        /// What it should be (m/s).
        target: Vector3<f64>,
    },
}

/// A part of space.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Its solid; everything if there is none.
    pub shape: Option<Shape<f64>>,
    /// Where the solid is.
    pub pose: Pose<f64>,
}

/// A [`Measure`] with its weight, in some frames.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// What is measured.
    pub measure: Measure,
    /// Its factor.
    pub weight: f64,
    /// In which frames.
    pub frames: std::ops::Range<usize>,
    /// Whether the mean over the frames is taken, else the sum.
    pub mean: bool,
}

impl Term {
    /// Its weight in a frame.
    pub fn share(&self) -> f64 {
        if self.mean {
            self.weight / self.frames.len().max(1) as f64
        } else {
            self.weight
        }
    }
}

impl Region {
    /// Whether it holds a point.
    pub fn contains(&self, point: &Vector3<f64>) -> bool {
        self.shape
            .as_ref()
            .is_none_or(|shape| shape.contains(&self.pose.inverse_apply(point)))
    }

    /// The number of cells whose centres are in it.
    pub fn cells(&self, grid: &Grid) -> usize {
        let layout = grid.centres();
        sum(&layout, |at, _| {
            f64::from(u8::from(self.contains(&grid.point(&layout, at))))
        }) as usize
    }
}

/// The velocity at the centre of a cell.
fn centre_velocity<T: Real>(gas: &Gas<T>, at: [usize; 3], grid: &Grid) -> [(T, [usize; 2]); 3] {
    [0, 1, 2].map(|axis| {
        let layout = &gas.velocity[axis].layout;
        let mut above = at;
        above[axis] += 1;
        if grid.periodic[axis] && above[axis] == grid.cells[axis] {
            above[axis] = 0;
        }
        let pair = [layout.index(at), layout.index(above)];
        let data = &gas.velocity[axis].data;
        (T::of(0.5) * (data[pair[0]] + data[pair[1]]), pair)
    })
}

impl Measure {
    /// Cells that it reads; `None` for points.
    pub fn cells(&self, grid: &Grid) -> Option<usize> {
        match self {
            Self::Sensors { .. } => None,
            Self::Scalar { region, .. } | Self::Velocity { region, .. } => Some(region.cells(grid)),
        }
    }

    /// Its value.
    pub fn value<T: Real>(&self, grid: &Grid, gas: &Gas<T>) -> f64 {
        let layout = grid.centres();
        match self {
            Self::Sensors {
                species,
                points,
                target,
            } => points
                .iter()
                .map(|point| (probe(grid, gas, *species, point).0 - target).abs())
                .sum(),
            Self::Scalar {
                species,
                region,
                target,
            } => {
                let q = &gas.scalars[*species].data;
                let total = sum(&layout, |at, index| {
                    if region.contains(&grid.point(&layout, at)) {
                        (q[index].to_f64() - target).powi(2)
                    } else {
                        0.0
                    }
                });
                total / region.cells(grid).max(1) as f64
            }
            Self::Velocity { region, target } => {
                let total = sum(&layout, |at, _| {
                    if region.contains(&grid.point(&layout, at)) {
                        let u = centre_velocity(gas, at, grid);
                        (0..3)
                            .map(|axis| (u[axis].0.to_f64() - target[axis]).powi(2))
                            .sum()
                    } else {
                        0.0
                    }
                });
                total / region.cells(grid).max(1) as f64
            }
        }
    }

    /// Adds `weight` times the cotangents of the gas.
    pub fn value_vjp<T: Real>(&self, grid: &Grid, gas: &Gas<T>, weight: f64, bars: &mut Gas<T>) {
        let layout = grid.centres();
        match self {
            Self::Sensors {
                species,
                points,
                target,
            } => {
                for point in points {
                    let (value, entries, weights) = probe(grid, gas, *species, point);
                    let excess = value - target;
                    if excess == 0.0 {
                        continue;
                    }
                    let bar = T::of(weight * excess.signum());
                    for (entry, share) in entries.into_iter().zip(weights) {
                        bars.scalars[*species].data[entry] += bar * share;
                    }
                }
            }
            Self::Scalar {
                species,
                region,
                target,
            } => {
                let q = &gas.scalars[*species].data;
                let factor = 2.0 * weight / region.cells(grid).max(1) as f64;
                bars.scalars[*species].update(|at, index, bar| {
                    if region.contains(&grid.point(&layout, at)) {
                        *bar += T::of(factor * (q[index].to_f64() - target));
                    }
                });
            }
            Self::Velocity { region, target } => {
                let factor = weight / region.cells(grid).max(1) as f64;
                let [nx, ny, nz] = grid.cells;
                for k in 0..nz {
                    for j in 0..ny {
                        for i in 0..nx {
                            let at = [i, j, k];
                            if !region.contains(&grid.point(&layout, at)) {
                                continue;
                            }
                            let u = centre_velocity(gas, at, grid);
                            for (axis, (u, pair)) in u.into_iter().enumerate() {
                                let bar = T::of(factor * (u.to_f64() - target[axis]));
                                for entry in pair {
                                    bars.velocity[axis].data[entry] += bar;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A scalar at a point; ghosts do not count, so that a point within half a cell of a side has
/// the value of the cells beside it.
fn probe<T: Real>(
    grid: &Grid,
    gas: &Gas<T>,
    species: usize,
    point: &Vector3<f64>,
) -> (f64, [usize; 8], [T; 8]) {
    let field = &gas.scalars[species];
    let reach = Reach::new(grid, &field.layout);
    let inside = |axis: usize| {
        let at = (point[axis] - grid.origin[axis]) / grid.dx;
        at.clamp(0.5, grid.cells[axis] as f64 - 0.5)
    };
    let stencil = reach.stencil(&[0, 1, 2].map(|axis| T::of(inside(axis))));
    let weights = stencil.weights();
    // Entries without weight may be ghosts, which are not filled between steps.
    let entries = stencil.entries();
    let value = entries
        .iter()
        .zip(weights)
        .filter(|(_, weight)| *weight != T::zero())
        .map(|(&entry, weight)| (field.data[entry] * weight).to_f64())
        .sum();
    (value, entries, weights)
}
