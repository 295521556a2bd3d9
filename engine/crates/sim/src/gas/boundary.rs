//! The sides of the box: walls, inflow, outflow, and axes that repeat themselves.

use backflow_diff::Real;

use super::field::Field;

/// What is at a side of the box.
#[derive(Debug, Clone, PartialEq)]
pub enum Side<T: Real> {
    /// The opposite side: both sides of the axis say so.
    Periodic,
    /// A wall.
    Wall {
        /// Its velocity (m/s); what is normal to it blows or sucks.
        velocity: [T; 3],
        /// Whether gas slides along it; else it takes the velocity of the wall.
        slip: bool,
        /// What each scalar is there; `None` where nothing flows through.
        scalars: Vec<Option<T>>,
    },
    /// Gas comes in.
    Inflow {
        /// Its velocity (m/s).
        velocity: [T; 3],
        /// Its scalars.
        scalars: Vec<T>,
    },
    /// Gas goes where it wants; the pressure is that of the surroundings, and what comes back
    /// is what is there.
    Outflow,
    /// The same, but what comes in is what surrounds the box, and was at rest there
    /// ([`super::calm`]): without it what has left once heats or darkens what comes in, more and
    /// more, and an eddy that crosses the side grows.
    Open {
        /// The scalars of the surroundings.
        scalars: Vec<T>,
    },
}

/// The six sides, `[axis][0: lower, 1: upper]`.
pub type Sides<T> = [[Side<T>; 2]; 3];

/// How a ghost follows from the sample beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ghost<T: Real> {
    /// It is the sample at the other end.
    Periodic,
    /// `factor * sample + offset`.
    Affine {
        /// 1 for a quantity that does not change across the side, -1 for one that has a value
        /// at it.
        factor: T,
        /// Twice that value.
        offset: T,
    },
}

/// How the ghosts of a field follow from its samples, side by side.
pub type Ghosts<T> = [[Ghost<T>; 2]; 3];

impl<T: Real> Ghost<T> {
    /// Nothing changes across the side.
    pub fn copy() -> Self {
        Self::Affine {
            factor: T::one(),
            offset: T::zero(),
        }
    }

    /// The field is `value` half-way to the ghost.
    pub fn value(value: T) -> Self {
        Self::Affine {
            factor: -T::one(),
            offset: value + value,
        }
    }
}

impl<T: Real> Side<T> {
    /// A wall that gas slides along and nothing goes through.
    pub fn slip_wall(scalars: usize) -> Self {
        Self::Wall {
            velocity: [T::zero(); 3],
            slip: true,
            scalars: vec![None; scalars],
        }
    }

    /// A wall at rest that gas sticks to and nothing goes through.
    pub fn wall(scalars: usize) -> Self {
        Self::Wall {
            velocity: [T::zero(); 3],
            slip: false,
            scalars: vec![None; scalars],
        }
    }

    /// The ghosts of component `component` of the velocity at this side of `axis`. Those in
    /// the direction of the component itself are never read.
    fn of_velocity(&self, axis: usize, component: usize) -> Ghost<T> {
        match self {
            Self::Periodic => Ghost::Periodic,
            Self::Wall { velocity, slip, .. } if component != axis && !slip => {
                Ghost::value(velocity[component])
            }
            Self::Inflow { velocity, .. } if component != axis => Ghost::value(velocity[component]),
            _ => Ghost::copy(),
        }
    }

    /// The ghosts of a scalar.
    fn of_scalar(&self, index: usize) -> Ghost<T> {
        match self {
            Self::Periodic => Ghost::Periodic,
            Self::Wall { scalars, .. } => match scalars.get(index) {
                Some(Some(value)) => Ghost::value(*value),
                _ => Ghost::copy(),
            },
            Self::Inflow { scalars, .. } | Self::Open { scalars } => match scalars.get(index) {
                Some(value) => Ghost::value(*value),
                None => Ghost::copy(),
            },
            Self::Outflow => Ghost::copy(),
        }
    }

    /// Velocity through the side (m/s) where it is given, along `axis`.
    pub fn through(&self, axis: usize) -> Option<T> {
        match self {
            Self::Wall { velocity, .. } | Self::Inflow { velocity, .. } => Some(velocity[axis]),
            Self::Periodic | Self::Outflow | Self::Open { .. } => None,
        }
    }
}

/// The ghosts of a component of the velocity.
pub fn velocity_ghosts<T: Real>(sides: &Sides<T>, component: usize) -> Ghosts<T> {
    [0, 1, 2].map(|axis| [0, 1].map(|side| sides[axis][side].of_velocity(axis, component)))
}

/// The ghosts of a scalar.
pub fn scalar_ghosts<T: Real>(sides: &Sides<T>, index: usize) -> Ghosts<T> {
    [0, 1, 2].map(|axis| [0, 1].map(|side| sides[axis][side].of_scalar(index)))
}

/// The ghosts of a scalar that has been carried a step and is looked at once more: as
/// [`scalar_ghosts`], but nothing changes across an open side, through which it has gone out.
pub fn carried_ghosts<T: Real>(sides: &Sides<T>, index: usize) -> Ghosts<T> {
    let of = |side: &Side<T>| match side {
        Side::Open { .. } => Ghost::copy(),
        side => side.of_scalar(index),
    };
    [0, 1, 2].map(|axis| [0, 1].map(|end| of(&sides[axis][end])))
}

/// Visits the pairs (ghost, sample that it follows from, sample at the other end) of one side.
///
/// Axes are filled one after the other, so that those of an axis run over the ghosts of the
/// axes before it.
fn visit(
    layout: &super::grid::Layout,
    axis: usize,
    side: usize,
    mut each: impl FnMut(usize, usize, usize),
) {
    let (padded, strides) = (layout.padded(), layout.strides());
    let n = layout.shape[axis];
    let (ghost, inner, other) = if side == 0 { (0, 1, n) } else { (n + 1, n, 1) };
    let range = |along: usize| {
        if along < axis {
            0..padded[along]
        } else {
            1..padded[along] - 1
        }
    };
    let [first, second] = match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    };
    for b in range(second) {
        for a in range(first) {
            let base = a * strides[first] + b * strides[second];
            let at = |along: usize| base + along * strides[axis];
            each(at(ghost), at(inner), at(other));
        }
    }
}

/// Fills the ghosts.
pub fn fill<T: Real>(field: &mut Field<T>, ghosts: &Ghosts<T>) {
    let layout = field.layout;
    let data = &mut field.data;
    for axis in 0..3 {
        for side in 0..2 {
            match ghosts[axis][side] {
                Ghost::Periodic => visit(&layout, axis, side, |ghost, _, other| {
                    data[ghost] = data[other];
                }),
                Ghost::Affine { factor, offset } => {
                    visit(&layout, axis, side, |ghost, inner, _| {
                        data[ghost] = factor * data[inner] + offset;
                    })
                }
            }
        }
    }
}

/// Moves the cotangents of the ghosts to the samples that they follow from, and returns those
/// of the values at the sides (half of the offset, zero where there is none).
pub fn fill_vjp<T: Real>(bars: &mut Field<T>, ghosts: &Ghosts<T>) -> [[f64; 2]; 3] {
    let layout = bars.layout;
    let data = &mut bars.data;
    let mut values = [[0.0; 2]; 3];
    for axis in (0..3).rev() {
        for side in (0..2).rev() {
            match ghosts[axis][side] {
                Ghost::Periodic => visit(&layout, axis, side, |ghost, _, other| {
                    let bar = std::mem::replace(&mut data[ghost], T::zero());
                    data[other] += bar;
                }),
                Ghost::Affine { factor, .. } => {
                    let mut total = 0.0;
                    visit(&layout, axis, side, |ghost, inner, _| {
                        let bar = std::mem::replace(&mut data[ghost], T::zero());
                        data[inner] += factor * bar;
                        total += bar.to_f64();
                    });
                    if factor < T::zero() {
                        values[axis][side] = 2.0 * total;
                    }
                }
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::gas::{
        advect::{AdvectScratch, Scheme, advect},
        grid::Place,
        testing::{assert_close, box_grid, dot, dual, mixed_sides, noise, tangent},
    };

    #[test]
    fn ghosts_hold_the_value_at_the_side() {
        let grid = box_grid([4, 3, 5], [false, true, false]);
        let mut sides = mixed_sides(&grid);
        sides[0][0] = Side::Wall {
            velocity: [0.0, 0.0, 0.7],
            slip: false,
            scalars: vec![Some(2.0), None],
        };
        let mut w = noise(1, grid.layout(Place::Face(2)));
        fill(&mut w, &velocity_ghosts(&sides, 2));
        let (inner, ghost) = (w.layout.index([0, 1, 2]), w.layout.index([0, 1, 2]) - 1);
        assert!((0.5 * (w.data[inner] + w.data[ghost]) - 0.7).abs() < 1e-15);
        let mut q = noise(2, grid.centres());
        fill(&mut q, &scalar_ghosts(&sides, 0));
        let inner = q.layout.index([0, 1, 2]);
        assert!((0.5 * (q.data[inner] + q.data[inner - 1]) - 2.0).abs() < 1e-15);
        // Along y the box repeats itself.
        let stride = q.layout.strides()[1];
        let (first, last) = (q.layout.index([1, 0, 2]), q.layout.index([1, 2, 2]));
        assert_eq!(q.data[first - stride], q.data[last]);
        assert_eq!(q.data[last + stride], q.data[first]);
    }

    #[test]
    fn what_comes_in_at_an_open_side_is_what_surrounds_the_box() {
        let grid = box_grid([6, 1, 1], [false, true, true]);
        let around = [Side::Periodic, Side::Periodic];
        let open = || Side::Open { scalars: vec![0.3] };
        let sides = [[open(), open()], around.clone(), around];
        let (ghosts, carried) = (scalar_ghosts(&sides, 0), [carried_ghosts(&sides, 0)]);
        let mut q = [Field::constant(grid.centres(), 5.0)];
        let mut to = q.clone();
        let u = Field::constant(grid.layout(Place::Face(0)), 1.0);
        let still = [1, 2].map(|axis| Field::zero(grid.layout(Place::Face(axis))));
        let [y, z] = still;
        let (velocity, scheme) = ([u, y, z], Scheme::MacCormack { limited: false });
        let mut after: Vec<Vec<f64>> = Vec::new();
        for _ in 0..10 {
            fill(&mut q[0], &ghosts);
            let (dt, scratch) = (grid.dx, &mut AdvectScratch::default());
            advect(&grid, scheme, &velocity, &q, &carried, dt, &mut to, scratch);
            std::mem::swap(&mut q, &mut to);
            after.push(q[0].samples());
        }
        // It goes on by a cell a step; what was there leaves at the other side as it is.
        let [early, late] = [&after[2], &after[9]];
        assert!((early[0] - 0.3).abs() < 1e-12 && (early[5] - 5.0).abs() < 1e-12);
        assert!(
            late[..5].iter().all(|q| (q - 0.3).abs() < 1e-12),
            "{late:?}"
        );
    }

    #[test]
    fn fill_vjp_is_the_transpose() {
        let grid = box_grid([4, 3, 5], [false, true, false]);
        let sides = mixed_sides(&grid);
        for component in 0..3 {
            let layout = grid.layout(Place::Face(component));
            let (mut q, bar) = (noise(3, layout), noise(4, layout));
            let mut direction = noise(5, layout);
            fill(
                &mut direction,
                &[[Ghost::Affine {
                    factor: 0.0,
                    offset: 0.0,
                }; 2]; 3],
            );
            fill(&mut q, &velocity_ghosts(&sides, component));
            // The value at the lower side of x moves, too.
            let mut ghosts: Ghosts<Dual64> = velocity_ghosts(&sides, component).map(|pair| {
                pair.map(|ghost| match ghost {
                    Ghost::Periodic => Ghost::Periodic,
                    Ghost::Affine { factor, offset } => Ghost::Affine {
                        factor: factor.into(),
                        offset: offset.into(),
                    },
                })
            });
            if let Ghost::Affine { factor, offset } = &mut ghosts[0][0]
                && factor.re < 0.0
            {
                offset.eps = 2.0 * 0.3;
            }
            let mut moved = dual(&q, &direction);
            fill(&mut moved, &ghosts);
            let forward = dot(&tangent(&moved), &bar);
            let mut back = bar.clone();
            let values = fill_vjp(&mut back, &velocity_ghosts(&sides, component));
            assert_close(forward, dot(&direction, &back) + 0.3 * values[0][0]);
        }
    }
}
