//! What the tests of the stages of gas share.

use backflow_diff::Real;
use nalgebra::Vector3;
use num_dual::Dual64;

use super::{
    boundary::{Ghost, Ghosts, Side, Sides},
    field::{Field, Velocity},
    grid::{Grid, Layout},
};

/// A box of cells of an awkward size.
pub(crate) fn box_grid(cells: [usize; 3], periodic: [bool; 3]) -> Grid {
    Grid {
        origin: Vector3::new(0.1, -0.2, 0.3),
        dx: 0.125,
        cells,
        periodic,
    }
}

/// Sides of every kind: a wall that gas sticks to, an open side, a moving wall with a value, inflow,
/// two walls that gas slides along; where the box repeats itself, none.
pub(crate) fn mixed_sides(grid: &Grid) -> Sides<f64> {
    let moving = Side::Wall {
        velocity: [0.3, 0.0, -0.2],
        slip: false,
        scalars: vec![Some(0.6), None],
    };
    let inflow = Side::Inflow {
        velocity: [0.1, -0.4, 0.2],
        scalars: vec![0.7, -0.3],
    };
    let open = Side::Open {
        scalars: vec![0.2, 0.4],
    };
    let mut sides = [
        [Side::wall(2), open],
        [moving, inflow],
        [Side::slip_wall(2), Side::slip_wall(2)],
    ];
    for axis in 0..3 {
        if grid.periodic[axis] {
            sides[axis] = [Side::Periodic, Side::Periodic];
        }
    }
    sides
}

/// A number in (-1, 1) from two.
fn number(seed: u64, index: u64) -> f64 {
    let mut z = (seed << 32 | index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

/// Noise in samples and ghosts.
pub(crate) fn noise(seed: u64, layout: Layout) -> Field<f64> {
    let data = (0..layout.size())
        .map(|index| number(seed, index as u64))
        .collect();
    Field { layout, data }
}

/// Noise in each component.
pub(crate) fn noise_velocity(seed: u64, grid: &Grid) -> Velocity<f64> {
    [0, 1, 2].map(|axis| noise(seed + axis as u64, grid.faces()[axis]))
}

/// Noise at the points of samples, zero at those of ghosts.
pub(crate) fn noise_points(seed: u64, layout: &Layout) -> Vec<[f64; 3]> {
    let mut points = vec![[0.0; 3]; layout.size()];
    super::field::rows_mut(layout, &mut points, |_, index, point| {
        *point = [0, 1, 2].map(|axis| number(seed + axis, index as u64));
    });
    points
}

/// The samples alone.
pub(crate) fn clean(field: &Field<f64>) -> Field<f64> {
    let mut clean = Field::zero(field.layout);
    clean.set_samples(&field.samples());
    clean
}

/// The samples alone.
pub(crate) fn clean_velocity(velocity: &Velocity<f64>) -> Velocity<f64> {
    [0, 1, 2].map(|axis| clean(&velocity[axis]))
}

/// A field with a tangent.
pub(crate) fn dual(value: &Field<f64>, tangent: &Field<f64>) -> Field<Dual64> {
    let data = value
        .data
        .iter()
        .zip(&tangent.data)
        .map(|(&v, &t)| Dual64::new(v, t))
        .collect();
    Field {
        layout: value.layout,
        data,
    }
}

/// A velocity with a tangent.
pub(crate) fn dual_velocity(value: &Velocity<f64>, tangent: &Velocity<f64>) -> Velocity<Dual64> {
    [0, 1, 2].map(|axis| dual(&value[axis], &tangent[axis]))
}

/// Ghosts without tangents.
pub(crate) fn dual_ghosts(ghosts: &Ghosts<f64>) -> Ghosts<Dual64> {
    ghosts.map(|pair| {
        pair.map(|ghost| match ghost {
            Ghost::Periodic => Ghost::Periodic,
            Ghost::Affine { factor, offset } => Ghost::Affine {
                factor: factor.into(),
                offset: offset.into(),
            },
        })
    })
}

/// The tangent of a field.
pub(crate) fn tangent(field: &Field<Dual64>) -> Field<f64> {
    Field {
        layout: field.layout,
        data: field.data.iter().map(|value| value.tangent()).collect(),
    }
}

/// The tangents of points.
pub(crate) fn tangents(points: &[[Dual64; 3]]) -> Vec<[f64; 3]> {
    points
        .iter()
        .map(|point| point.map(|value| value.tangent()))
        .collect()
}

/// The product of all entries, ghosts included.
pub(crate) fn dot(a: &Field<f64>, b: &Field<f64>) -> f64 {
    a.data.iter().zip(&b.data).map(|(a, b)| a * b).sum()
}

/// Both sides of a dot-product test agree to rounding, and are not nothing.
#[track_caller]
pub(crate) fn assert_close(forward: f64, backward: f64) {
    let size = forward.abs().max(backward.abs());
    assert!(size > 1e-6, "{forward} {backward}");
    let error = (forward - backward).abs() / size;
    assert!(error <= 1e-12, "{forward} {backward}: {error:e}");
}

/// The sides in dual numbers, without tangents.
pub(crate) fn dual_sides(sides: &Sides<f64>) -> Sides<Dual64> {
    let side = |side: &Side<f64>| match side {
        Side::Periodic => Side::Periodic,
        Side::Wall {
            velocity,
            slip,
            scalars,
        } => Side::Wall {
            velocity: velocity.map(Dual64::from),
            slip: *slip,
            scalars: scalars
                .iter()
                .map(|value| value.map(Dual64::from))
                .collect(),
        },
        Side::Inflow { velocity, scalars } => Side::Inflow {
            velocity: velocity.map(Dual64::from),
            scalars: scalars.iter().map(|&value| value.into()).collect(),
        },
        Side::Outflow => Side::Outflow,
        Side::Open { scalars } => Side::Open {
            scalars: scalars.iter().map(|&value| value.into()).collect(),
        },
    };
    [0, 1, 2].map(|axis| [0, 1].map(|end| side(&sides[axis][end])))
}
