//! Where the gas at each sample was a time before: backwards along the flow.

use backflow_diff::Real;

use super::{
    field::{Velocity, rows_mut},
    grid::{Grid, Layout},
    spread::{Slab, Spread},
    stencil::{Reach, Stencil},
};

/// A place in the box, in cells from its lower corner.
pub type Point<T> = [T; 3];

/// The flow that is traced.
struct Flow<'a, T: Real> {
    velocity: &'a Velocity<T>,
    reach: [Reach<T>; 3],
    /// Cells that a gas of 1 m/s goes in the time step.
    scale: T,
}

impl<'a, T: Real> Flow<'a, T> {
    fn new(grid: &Grid, velocity: &'a Velocity<T>, dt: f64) -> Self {
        Self {
            velocity,
            reach: [0, 1, 2].map(|axis| Reach::new(grid, &velocity[axis].layout)),
            scale: T::of(dt / grid.dx),
        }
    }

    #[inline(always)]
    fn stencils(&self, at: &Point<T>) -> [Stencil<T>; 3] {
        [0, 1, 2].map(|axis| self.reach[axis].stencil(at))
    }

    /// Displacement in the time step at the velocity of a point.
    #[inline(always)]
    fn at(&self, at: &Point<T>) -> Point<T> {
        let stencils = self.stencils(at);
        [0, 1, 2].map(|axis| stencils[axis].value(&self.velocity[axis].data) * self.scale)
    }

    /// The points of Ralston's method and where it ends.
    #[inline(always)]
    fn trace(&self, start: &Point<T>) -> [Point<T>; 3] {
        let k1 = self.at(start);
        let x1 = back(start, &[(T::of(0.5), &k1)]);
        let k2 = self.at(&x1);
        let x2 = back(start, &[(T::of(0.75), &k2)]);
        let k3 = self.at(&x2);
        let [a, b, c] = WEIGHTS.map(T::of);
        [x1, x2, back(start, &[(a, &k1), (b, &k2), (c, &k3)])]
    }

    /// Adds the cotangents of the velocity for that of a displacement, and returns that of the
    /// point.
    #[inline(always)]
    fn at_vjp(&self, at: &Point<T>, bar: &Point<T>, slabs: &mut [Slab<T>]) -> Point<T> {
        let mut at_bar = [T::zero(); 3];
        let stencils = self.stencils(at);
        for axis in 0..3 {
            let bar = bar[axis] * self.scale;
            let stencil = &stencils[axis];
            let gradient = stencil.gradient(&self.velocity[axis].data);
            for (sum, slope) in at_bar.iter_mut().zip(gradient) {
                *sum += bar * slope;
            }
            for (entry, weight) in stencil.entries().into_iter().zip(stencil.weights()) {
                slabs[axis].add(entry, bar * weight);
            }
        }
        at_bar
    }
}

/// Weights of Ralston's third-order method (Ralston 1962); its points are at 1/2 and 3/4.
const WEIGHTS: [f64; 3] = [2.0 / 9.0, 3.0 / 9.0, 4.0 / 9.0];

#[inline(always)]
fn back<T: Real>(start: &Point<T>, parts: &[(T, &Point<T>)]) -> Point<T> {
    let mut end = *start;
    for (weight, k) in parts {
        for axis in 0..3 {
            end[axis] -= *weight * k[axis];
        }
    }
    end
}

/// Place of a sample, in cells.
#[inline(always)]
fn place<T: Real>(offset: &[f64; 3], at: [usize; 3]) -> Point<T> {
    [0, 1, 2].map(|axis| T::of(at[axis] as f64 + offset[axis]))
}

/// Where the gas at the samples of `layout` was `dt` seconds before, by Ralston's third-order
/// method through the velocity at one time; a negative `dt` asks where it goes.
///
/// Ghosts of `velocity` must be filled.
pub fn trace<T: Real>(
    grid: &Grid,
    velocity: &Velocity<T>,
    layout: &Layout,
    dt: f64,
    points: &mut [Point<T>],
) {
    let (flow, offset) = (Flow::new(grid, velocity, dt), layout.offset());
    rows_mut(layout, points, |at, _, point| {
        *point = flow.trace(&place(&offset, at))[2];
    });
}

/// Adds the cotangents of the velocity, ghosts included, for those of the points.
pub fn trace_vjp<T: Real>(
    grid: &Grid,
    velocity: &Velocity<T>,
    layout: &Layout,
    dt: f64,
    points_bar: &mut [Point<T>],
    velocity_bar: &mut Velocity<T>,
    spread: &mut Spread<T>,
) {
    let (flow, offset) = (Flow::new(grid, velocity, dt), layout.offset());
    let scaled = |bar: &Point<T>, by: f64| bar.map(|bar| bar * T::of(by));
    spread.run(layout, &grid.faces(), points_bar, |at, _, bar, slabs| {
        if bar.iter().all(|bar| *bar == T::zero()) {
            return;
        }
        let start = place(&offset, at);
        let [x1, x2, _] = flow.trace(&start);
        let x2_bar = flow.at_vjp(&x2, &scaled(bar, -WEIGHTS[2]), slabs);
        let mut k2_bar = scaled(bar, -WEIGHTS[1]);
        for axis in 0..3 {
            k2_bar[axis] -= T::of(0.75) * x2_bar[axis];
        }
        let x1_bar = flow.at_vjp(&x1, &k2_bar, slabs);
        let mut k1_bar = scaled(bar, -WEIGHTS[0]);
        for axis in 0..3 {
            k1_bar[axis] -= T::of(0.5) * x1_bar[axis];
        }
        flow.at_vjp(&start, &k1_bar, slabs);
    });
    for (axis, bar) in velocity_bar.iter_mut().enumerate() {
        spread.collect(axis, bar);
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::gas::testing::{
        assert_close, box_grid, dot, dual_velocity, noise_points, noise_velocity, tangents,
    };

    #[test]
    fn uniform_flow_is_traced_exactly() {
        let grid = box_grid([8, 8, 8], [true; 3]);
        let mut velocity = noise_velocity(1, &grid);
        for (axis, u) in velocity.iter_mut().enumerate() {
            u.data.fill(0.1 * (axis as f64 + 1.0));
        }
        let layout = grid.centres();
        let mut points = vec![[0.0; 3]; layout.size()];
        trace(&grid, &velocity, &layout, 0.5, &mut points);
        let point = points[layout.index([2, 3, 4])];
        for axis in 0..3 {
            let start = [2.5, 3.5, 4.5][axis];
            let expected = start - 0.5 * 0.1 * (axis as f64 + 1.0) / grid.dx;
            assert!((point[axis] - expected).abs() < 1e-14);
        }
    }

    #[test]
    fn rigid_rotation_is_traced_to_third_order() {
        let grid = box_grid([16, 16, 1], [false, false, true]);
        let middle = grid.origin.map(|corner| corner + 8.0 * grid.dx);
        let faces = grid.faces();
        let velocity = [0, 1, 2].map(|axis| {
            crate::gas::field::Field::<f64>::from_fn(&grid, faces[axis], |x| match axis {
                0 => -(x.y - middle.y),
                1 => x.x - middle.x,
                _ => 0.0,
            })
        });
        let layout = grid.centres();
        let error = |dt: f64| {
            let mut points = vec![[0.0; 3]; layout.size()];
            trace(&grid, &velocity, &layout, dt, &mut points);
            let point = points[layout.index([10, 6, 0])];
            let (x, y) = (2.5_f64, -1.5_f64);
            let (c, s) = (dt.cos(), dt.sin());
            let known = [x * c + y * s + 8.0, y * c - x * s + 8.0];
            (point[0] - known[0]).hypot(point[1] - known[1])
        };
        // One step of a third-order method: the error falls by 2^4 when the step is halved.
        let ratio = error(0.2) / error(0.1);
        assert!((ratio - 16.0).abs() < 1.0, "{ratio}");
    }

    #[test]
    fn trace_vjp_is_the_transpose() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([5, 4, 6], periodic);
            let layout = grid.faces()[1];
            let (u, direction) = (noise_velocity(1, &grid), noise_velocity(7, &grid));
            // Far enough that some leave the box.
            let dt = 2.0 * grid.dx;
            let mut moved = vec![[Dual64::from(0.0); 3]; layout.size()];
            trace(
                &grid,
                &dual_velocity(&u, &direction),
                &layout,
                dt,
                &mut moved,
            );
            let mut bar = noise_points(13, &layout);
            let forward: f64 = tangents(&moved)
                .iter()
                .zip(&bar)
                .map(|(a, b)| a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
                .sum();
            let mut u_bar = crate::gas::field::Field::zero_velocity(&grid);
            let mut spread = Spread::default();
            trace_vjp(&grid, &u, &layout, dt, &mut bar, &mut u_bar, &mut spread);
            let backward: f64 = (0..3).map(|axis| dot(&direction[axis], &u_bar[axis])).sum();
            assert_close(forward, backward);
        }
    }
}
