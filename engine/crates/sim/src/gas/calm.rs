//! Gas that comes in through an open side comes from rest.
//!
//! What is carried in through an open side was outside, where nothing moves. The ghosts of a
//! velocity there are copies, so that what goes out goes on as it was; what comes in is slowed
//! down here, by an implicit upwind difference between the side and the rest beyond it:
//! `u <- u / (1 + v dt / dx)`, `v` the speed inwards. Without it an eddy that crosses the side comes
//! back as strong as it left, and grows until it fills the box.

use backflow_diff::Real;

use super::{
    boundary::{Side, Sides},
    field::Velocity,
    grid::{Grid, places},
};

/// A sample beside an open side: its component and entry, and the entries of the component normal to
/// the side whose mean goes out through it there.
struct Beside {
    component: usize,
    entry: usize,
    faces: [usize; 2],
}

/// Slows down what came in within `dt` seconds: `u` was carried along `velocity`.
pub fn calm<T: Real>(
    grid: &Grid,
    sides: &Sides<T>,
    velocity: &Velocity<T>,
    dt: f64,
    u: &mut Velocity<T>,
) {
    visit(grid, sides, |axis, inwards, beside| {
        if let Some(factor) = factor(grid, &velocity[axis].data, inwards, dt, beside.faces) {
            u[beside.component].data[beside.entry] *= factor;
        }
    });
}

/// Changes the cotangents of what [`calm`] left to those of what it found, and adds those of the
/// velocity; `u` is what it left.
pub fn calm_vjp<T: Real>(
    grid: &Grid,
    sides: &Sides<T>,
    velocity: &Velocity<T>,
    dt: f64,
    u: &Velocity<T>,
    u_bar: &mut Velocity<T>,
    velocity_bar: &mut Velocity<T>,
) {
    let scale = T::of(0.5 * dt / grid.dx);
    // At an edge of two open sides there are two factors; the derivative of the product is the
    // product times that of each factor over the factor.
    visit(grid, sides, |axis, inwards, beside| {
        let (component, entry) = (beside.component, beside.entry);
        if let Some(factor) = factor(grid, &velocity[axis].data, inwards, dt, beside.faces) {
            let bar = u[component].data[entry] * u_bar[component].data[entry];
            for face in beside.faces {
                velocity_bar[axis].data[face] -= T::of(inwards) * scale * factor * bar;
            }
        }
    });
    calm(grid, sides, velocity, dt, u_bar);
}

/// What is left of a velocity where gas comes in, `None` where it goes out.
fn factor<T: Real>(
    grid: &Grid,
    normal: &[T],
    inwards: f64,
    dt: f64,
    faces: [usize; 2],
) -> Option<T> {
    let speed = T::of(0.5 * inwards) * (normal[faces[0]] + normal[faces[1]]);
    (speed > T::zero()).then(|| (T::one() + speed * T::of(dt / grid.dx)).recip())
}

/// Visits the samples beside open sides with the axis of the side and the sign of what comes in.
fn visit<T: Real>(grid: &Grid, sides: &Sides<T>, mut each: impl FnMut(usize, f64, Beside)) {
    let layouts = grid.faces();
    for (axis, ends) in sides.iter().enumerate() {
        for (end, side) in ends.iter().enumerate() {
            if !matches!(side, Side::Open { .. }) {
                continue;
            }
            let last = grid.cells[axis];
            let (face, cell) = if end == 0 { (0, 0) } else { (last, last - 1) };
            let inwards = if end == 0 { 1.0 } else { -1.0 };
            for (component, layout) in layouts.iter().enumerate() {
                let mut shape = layout.shape;
                shape[axis] = 1;
                for at in places(shape) {
                    let (mut own, mut below, mut above) = (at, at, at);
                    own[axis] = if component == axis { face } else { cell };
                    (below[axis], above[axis]) = (face, face);
                    if component != axis {
                        // A face lies between two cells, one of which a side cuts off.
                        let cells = grid.cells[component];
                        let before = if grid.periodic[component] {
                            cells - 1
                        } else {
                            0
                        };
                        below[component] = at[component].checked_sub(1).unwrap_or(before);
                        above[component] = at[component].min(cells - 1);
                    }
                    let faces = [below, above].map(|at| layouts[axis].index(at));
                    let entry = layout.index(own);
                    each(
                        axis,
                        inwards,
                        Beside {
                            component,
                            entry,
                            faces,
                        },
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::{
        boundary::Side,
        field::Field,
        testing::{
            assert_close, box_grid, clean_velocity, dot, dual_sides, dual_velocity, mixed_sides,
            noise_velocity, tangent,
        },
    };

    #[test]
    fn what_comes_in_is_slowed_down_and_what_goes_out_is_not() {
        let grid = box_grid([5, 4, 3], [false, false, true]);
        let open = || Side::Open { scalars: vec![] };
        let around = || [Side::Periodic, Side::Periodic];
        let sides = [[open(), open()], [Side::wall(0), Side::wall(0)], around()];
        let mut velocity = Field::zero_velocity(&grid);
        velocity[0].data.fill(0.5);
        let mut u = grid.faces().map(|layout| Field::constant(layout, 1.0));
        let dt = 0.1;
        calm(&grid, &sides, &velocity, dt, &mut u);
        let left = 1.0 / (1.0 + 0.5 * dt / grid.dx);
        for (component, u) in u.iter().enumerate() {
            let at = |x: usize| u.data[u.layout.index([x, 1, 2])];
            let last = u.layout.shape[0] - 1;
            assert!((at(0) - left).abs() < 1e-15, "{component}");
            assert!((1..=last).all(|x| at(x) == 1.0), "{component}");
        }
    }

    #[test]
    fn vjp_is_the_transpose_of_the_tangent() {
        let grid = box_grid([4, 3, 5], [false, false, false]);
        let mut sides = mixed_sides(&grid);
        // Two of them meet at an edge.
        sides[1][1] = sides[0][1].clone();
        for periodic in [false, true] {
            let mut grid = grid;
            grid.periodic[2] = periodic;
            if periodic {
                sides[2] = [Side::Periodic, Side::Periodic];
            }
            let velocity = clean_velocity(&noise_velocity(1, &grid));
            let along = clean_velocity(&noise_velocity(4, &grid));
            let (u, direction) = (noise_velocity(7, &grid), noise_velocity(10, &grid));
            let [u, direction] = [u, direction].map(|field| clean_velocity(&field));
            let bars = clean_velocity(&noise_velocity(13, &grid));
            let dt = 0.2;
            let mut moved = dual_velocity(&u, &direction);
            let carrying = dual_velocity(&velocity, &along);
            calm(&grid, &dual_sides(&sides), &carrying, dt, &mut moved);
            let mut left = u;
            calm(&grid, &sides, &velocity, dt, &mut left);
            let (mut u_bar, mut velocity_bar) = (bars.clone(), Field::zero_velocity(&grid));
            calm_vjp(
                &grid,
                &sides,
                &velocity,
                dt,
                &left,
                &mut u_bar,
                &mut velocity_bar,
            );
            let sum = |pairs: [f64; 3]| pairs.iter().sum::<f64>();
            let forward = sum([0, 1, 2].map(|c| dot(&tangent(&moved[c]), &bars[c])));
            let back =
                [0, 1, 2].map(|c| dot(&direction[c], &u_bar[c]) + dot(&along[c], &velocity_bar[c]));
            assert_close(forward, sum(back));
        }
    }
}
