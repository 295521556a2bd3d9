//! Vorticity confinement: small eddies that the grid has smeared are spun up again.

use backflow_diff::Real;

use super::{
    boundary::{Ghost, Ghosts, fill, fill_vjp},
    field::{Field, Velocity, entries_mut, sum},
    grid::Grid,
};

/// Vorticity (1/s), and its gradient (1/(m s)), below which the direction fades out: without it
/// the direction of nothing would have no derivative.
const FAINT: f64 = 1e-3;

/// A vector at the centre of each cell.
type Vectors<T> = [Field<T>; 3];

/// Memory of the confinement.
#[derive(Debug, Clone)]
pub struct ConfineScratch<T: Real> {
    /// Velocity, vorticity, gradient of its size, force over strength.
    centre: Vectors<T>,
    spin: Vectors<T>,
    slope: Vectors<T>,
    force: Vectors<T>,
    size: Field<T>,
    centre_bar: Vectors<T>,
    spin_bar: Vectors<T>,
    slope_bar: Vectors<T>,
    force_bar: Vectors<T>,
    size_bar: Field<T>,
}

impl<T: Real> ConfineScratch<T> {
    /// For a grid.
    pub fn new(grid: &Grid) -> Self {
        let field = Field::zero(grid.centres());
        let vectors = || [0, 1, 2].map(|_| field.clone());
        Self {
            centre: vectors(),
            spin: vectors(),
            slope: vectors(),
            force: vectors(),
            size: field.clone(),
            centre_bar: vectors(),
            spin_bar: vectors(),
            slope_bar: vectors(),
            force_bar: vectors(),
            size_bar: field.clone(),
        }
    }
}

/// Nothing changes across the sides of the box.
fn ghosts<T: Real>(grid: &Grid) -> Ghosts<T> {
    grid.periodic.map(|periodic| {
        if periodic {
            [Ghost::Periodic; 2]
        } else {
            [Ghost::copy(); 2]
        }
    })
}

/// `(q_+ - q_-) / (2 dx)` along an axis.
#[inline(always)]
fn slope<T: Real>(grid: &Grid, q: &Field<T>, axis: usize, index: usize) -> T {
    let stride = q.layout.strides()[axis];
    (q.data[index + stride] - q.data[index - stride]) * T::of(0.5 / grid.dx)
}

/// Adds the cotangent of `q`, ghosts included, for those of its slope; ghosts of `slope_bar`
/// are zero.
fn slope_vjp<T: Real>(
    grid: &Grid,
    axis: usize,
    sign: f64,
    slope_bar: &Field<T>,
    q_bar: &mut Field<T>,
) {
    let layout = q_bar.layout;
    let (stride, count) = (layout.strides()[axis], layout.padded()[axis]);
    let factor = T::of(sign * 0.5 / grid.dx);
    entries_mut(&layout, &mut q_bar.data, |at, index, bar| {
        let mut total = T::zero();
        if at[axis] > 0 {
            total += slope_bar.data[index - stride];
        }
        if at[axis] + 1 < count {
            total -= slope_bar.data[index + stride];
        }
        *bar += factor * total;
    });
}

/// The two other axes in right-handed order.
const fn others(axis: usize) -> [usize; 2] {
    [(axis + 1) % 3, (axis + 2) % 3]
}

/// `|v|` that does not vanish.
#[inline(always)]
fn length<T: Real>(v: [T; 3]) -> T {
    (v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + T::of(FAINT * FAINT)).sqrt()
}

#[inline(always)]
fn at<T: Real>(v: &Vectors<T>, index: usize) -> [T; 3] {
    [v[0].data[index], v[1].data[index], v[2].data[index]]
}

/// Vorticity, its size, the slope of that, and the force over strength and time.
fn shape<T: Real>(grid: &Grid, u: &Velocity<T>, scratch: &mut ConfineScratch<T>) {
    let (ghosts, half) = (ghosts(grid), T::of(0.5));
    for axis in 0..3 {
        let layout = u[axis].layout;
        let stride = layout.strides()[axis];
        scratch.centre[axis].set(|at, _| {
            let face = layout.index(at);
            half * (u[axis].data[face] + u[axis].data[face + stride])
        });
        fill(&mut scratch.centre[axis], &ghosts);
    }
    for axis in 0..3 {
        let [b, c] = others(axis);
        let centre = &scratch.centre;
        scratch.spin[axis]
            .set(|_, index| slope(grid, &centre[c], b, index) - slope(grid, &centre[b], c, index));
    }
    let spin = &scratch.spin;
    scratch.size.set(|_, index| length(at(spin, index)));
    fill(&mut scratch.size, &ghosts);
    for axis in 0..3 {
        let size = &scratch.size;
        scratch.slope[axis].set(|_, index| slope(grid, size, axis, index));
    }
    let gradient = &scratch.slope;
    for axis in 0..3 {
        let [b, c] = others(axis);
        scratch.force[axis].set(|_, index| {
            let (g, w) = (at(gradient, index), at(spin, index));
            (g[b] * w[c] - g[c] * w[b]) / length(g)
        });
        fill(&mut scratch.force[axis], &ghosts);
    }
}

/// Adds `dt epsilon dx (N x w)` to the velocity, with `w` the vorticity and
/// `N = grad |w| / |grad |w||` (Fedkiw, Stam & Jensen 2001, eq. 11), both faded out below
/// `FAINT`; `strength` is `epsilon` (m/s per unit of vorticity and cell). Ghosts must be
/// filled.
pub fn confine<T: Real>(
    grid: &Grid,
    strength: T,
    dt: f64,
    u: &mut Velocity<T>,
    scratch: &mut ConfineScratch<T>,
) {
    shape(grid, u, scratch);
    let factor = strength * T::of(0.5 * dt * grid.dx);
    for axis in 0..3 {
        let force = &scratch.force[axis];
        let stride = force.layout.strides()[axis];
        u[axis].update(|at, _, u| {
            let above = force.layout.index(at);
            *u += factor * (force.data[above - stride] + force.data[above]);
        });
    }
}

/// Adds to the cotangents of the velocity, which are those after [`confine`] and become those
/// before, and returns that of the strength; `u` is that before, ghosts of its cotangents
/// included.
pub fn confine_vjp<T: Real>(
    grid: &Grid,
    strength: T,
    dt: f64,
    u: &Velocity<T>,
    u_bar: &mut Velocity<T>,
    scratch: &mut ConfineScratch<T>,
) -> f64 {
    shape(grid, u, scratch);
    let rules = ghosts::<T>(grid);
    let unit = 0.5 * dt * grid.dx;
    let factor = strength * T::of(unit);
    let mut strength_bar = 0.0;
    for axis in 0..3 {
        let (force, bars) = (&scratch.force[axis], &u_bar[axis]);
        let stride = force.layout.strides()[axis];
        strength_bar += unit
            * sum(&bars.layout, |at, index| {
                let above = force.layout.index(at);
                (bars.data[index] * (force.data[above - stride] + force.data[above])).to_f64()
            });
        // A cell is beside two faces; a ghost beside one.
        let layout = bars.layout;
        let count = layout.shape[axis];
        let force_layout = force.layout;
        entries_mut(
            &force_layout,
            &mut scratch.force_bar[axis].data,
            |at, _, bar| {
                *bar = T::zero();
                let outside = |along: usize| {
                    along != axis && (at[along] == 0 || at[along] > force_layout.shape[along])
                };
                if outside(0) || outside(1) || outside(2) {
                    return;
                }
                let mut face = at.map(|at| at.wrapping_sub(1));
                // The face above this cell has this cell below it.
                for along in [at[axis].wrapping_sub(1), at[axis]] {
                    face[axis] = along;
                    if along < count {
                        *bar += factor * bars.data[layout.index(face)];
                    }
                }
            },
        );
        fill_vjp(&mut scratch.force_bar[axis], &rules);
    }
    cross_vjp(scratch);
    scratch.size_bar.clear();
    for axis in 0..3 {
        slope_vjp(
            grid,
            axis,
            1.0,
            &scratch.slope_bar[axis],
            &mut scratch.size_bar,
        );
    }
    fill_vjp(&mut scratch.size_bar, &rules);
    let (size_bar, size, spin) = (&scratch.size_bar, &scratch.size, &scratch.spin);
    for axis in 0..3 {
        scratch.spin_bar[axis].update(|_, index, bar| {
            *bar += size_bar.data[index] * spin[axis].data[index] / size.data[index];
        });
    }
    for bar in &mut scratch.centre_bar {
        bar.clear();
    }
    for axis in 0..3 {
        let [b, c] = others(axis);
        slope_vjp(
            grid,
            b,
            1.0,
            &scratch.spin_bar[axis],
            &mut scratch.centre_bar[c],
        );
        slope_vjp(
            grid,
            c,
            -1.0,
            &scratch.spin_bar[axis],
            &mut scratch.centre_bar[b],
        );
    }
    for axis in 0..3 {
        fill_vjp(&mut scratch.centre_bar[axis], &rules);
        let (bars, half) = (&scratch.centre_bar[axis], T::of(0.5));
        let layout = u_bar[axis].layout;
        let cells = grid.cells[axis];
        let stride = bars.layout.strides()[axis];
        entries_mut(&layout, &mut u_bar[axis].data, |at, _, bar| {
            let outside =
                |along: usize| along != axis && (at[along] == 0 || at[along] > grid.cells[along]);
            if outside(0) || outside(1) || outside(2) || at[axis] == 0 || at[axis] > cells + 1 {
                return;
            }
            // The cell above face `at` has the number of the face.
            let own = bars.layout.index(at.map(|at| at.wrapping_sub(1)));
            if at[axis] <= cells {
                *bar += half * bars.data[own];
            }
            if at[axis] >= 2 {
                *bar += half * bars.data[own - stride];
            }
        });
    }
    strength_bar
}

/// The cotangents of the slope and of the vorticity for those of `N x w`.
fn cross_vjp<T: Real>(scratch: &mut ConfineScratch<T>) {
    let ConfineScratch {
        spin,
        slope,
        force_bar,
        spin_bar,
        slope_bar,
        ..
    } = scratch;
    for axis in 0..3 {
        let [b, c] = others(axis);
        // f = g x w / |g|: w_bar = f_bar x g / |g|.
        spin_bar[axis].set(|_, index| {
            let (g, f) = (at(slope, index), at(force_bar, index));
            (f[b] * g[c] - f[c] * g[b]) / length(g)
        });
        // g_bar = (w x f_bar - n (n . (w x f_bar))) / |g|, n = g / |g|.
        slope_bar[axis].set(|_, index| {
            let (g, w, f) = (at(slope, index), at(spin, index), at(force_bar, index));
            let size = length(g);
            let turned = [0, 1, 2].map(|axis| {
                let [b, c] = others(axis);
                w[b] * f[c] - w[c] * f[b]
            });
            let along = (turned[0] * g[0] + turned[1] * g[1] + turned[2] * g[2]) / (size * size);
            (turned[axis] - along * g[axis]) / size
        });
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::gas::testing::{
        assert_close, box_grid, clean_velocity, dot, dual_velocity, noise_velocity, tangent,
    };

    #[test]
    fn gas_that_does_not_spin_is_left_alone() {
        let grid = box_grid([5, 4, 6], [false; 3]);
        let mut u = [0, 1, 2].map(|axis| Field::constant(grid.faces()[axis], 0.4));
        let before = u.clone();
        confine(&grid, 0.5, 0.1, &mut u, &mut ConfineScratch::new(&grid));
        assert_eq!(u, before);
    }

    #[test]
    fn confine_vjp_is_the_transpose() {
        for periodic in [[false; 3], [true, false, true]] {
            let grid = box_grid([5, 4, 6], periodic);
            let (u, direction) = (noise_velocity(1, &grid), noise_velocity(5, &grid));
            let bar = clean_velocity(&noise_velocity(9, &grid));
            let mut moved = dual_velocity(&u, &direction);
            let mut scratch = ConfineScratch::new(&grid);
            confine(&grid, Dual64::new(0.6, 0.3), 0.1, &mut moved, &mut scratch);
            let forward: f64 = (0..3).map(|a| dot(&tangent(&moved[a]), &bar[a])).sum();
            let mut u_bar = bar.clone();
            let mut scratch = ConfineScratch::new(&grid);
            let strength_bar = confine_vjp(&grid, 0.6, 0.1, &u, &mut u_bar, &mut scratch);
            let backward =
                0.3 * strength_bar + (0..3).map(|a| dot(&direction[a], &u_bar[a])).sum::<f64>();
            assert_close(forward, backward);
        }
    }
}
