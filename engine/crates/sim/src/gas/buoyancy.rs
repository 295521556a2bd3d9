//! Warm gas rises, heavy smoke sinks.

use backflow_diff::Real;
use nalgebra::Vector3;

use super::{
    field::{Field, Velocity, sum},
    grid::Grid,
};

/// How a scalar makes gas lighter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lift<T: Real> {
    /// Relative loss of density per unit of the scalar (1 over its unit): 1/T for a temperature
    /// of an ideal gas, negative for what is heavier than the gas.
    pub expansion: T,
    /// The scalar where gas is as heavy as its surroundings.
    pub reference: T,
}

/// The cells below and above a face normal to `axis`, in the array of a scalar with ghosts.
#[inline(always)]
fn cells_of(centre: &super::grid::Layout, axis: usize, at: [usize; 3]) -> [usize; 2] {
    let above = centre.index(at);
    [above - centre.strides()[axis], above]
}

/// Adds `-g dt sum_s beta_s (s - s_0)` to the velocity, by the mean of the two cells of a face
/// (Boussinesq 1903). Ghosts of the scalars must be filled.
pub fn buoyancy<T: Real>(
    gravity: &Vector3<T>,
    lifts: impl Iterator<Item = Lift<T>> + Clone,
    scalars: &[Field<T>],
    dt: f64,
    u: &mut Velocity<T>,
) {
    for axis in 0..3 {
        let factor = -gravity[axis] * T::of(0.5 * dt);
        if gravity[axis] == T::zero() {
            continue;
        }
        for (lift, scalar) in lifts.clone().zip(scalars) {
            u[axis].update(|at, _, u| {
                let [below, above] = cells_of(&scalar.layout, axis, at);
                let twice =
                    scalar.data[below] + scalar.data[above] - lift.reference - lift.reference;
                *u += factor * lift.expansion * twice;
            });
        }
    }
}

/// Adds the cotangents of the scalars, ghosts included, and of the lifts, and returns that of
/// gravity.
pub fn buoyancy_vjp<T: Real>(
    grid: &Grid,
    gravity: &Vector3<T>,
    lifts: impl Iterator<Item = Lift<T>> + Clone,
    scalars: &[Field<T>],
    dt: f64,
    u_bar: &Velocity<T>,
    scalars_bar: &mut [Field<T>],
    lifts_bar: &mut [Lift<f64>],
) -> Vector3<f64> {
    let mut gravity_bar = Vector3::zeros();
    for axis in 0..3 {
        let layout = grid.faces()[axis];
        let bars = &u_bar[axis];
        for (which, lift) in lifts.clone().enumerate() {
            let scalar = &scalars[which];
            // Per unit of gravity and of expansion.
            let excess = sum(&layout, |at, index| {
                let [below, above] = cells_of(&scalar.layout, axis, at);
                let twice =
                    scalar.data[below] + scalar.data[above] - lift.reference - lift.reference;
                (bars.data[index] * twice).to_f64()
            }) * -0.5
                * dt;
            gravity_bar[axis] += excess * lift.expansion.to_f64();
            lifts_bar[which].expansion += excess * gravity[axis].to_f64();
            let pull = (gravity[axis] * lift.expansion).to_f64();
            lifts_bar[which].reference +=
                pull * dt * sum(&layout, |_, index| bars.data[index].to_f64());
            if pull == 0.0 {
                continue;
            }
            let factor = -gravity[axis] * lift.expansion * T::of(0.5 * dt);
            let [nx, ny, nz] = layout.shape;
            for k in 0..nz {
                for j in 0..ny {
                    for i in 0..nx {
                        let [below, above] = cells_of(&scalar.layout, axis, [i, j, k]);
                        let bar = factor * bars.data[layout.index([i, j, k])];
                        scalars_bar[which].data[below] += bar;
                        scalars_bar[which].data[above] += bar;
                    }
                }
            }
        }
    }
    gravity_bar
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::gas::testing::{
        assert_close, box_grid, clean_velocity, dot, dual, noise, noise_velocity, tangent,
    };

    #[test]
    fn buoyancy_vjp_is_the_transpose() {
        let grid = box_grid([4, 5, 3], [false, false, true]);
        let layout = grid.centres();
        let gravity = Vector3::new(0.3, -9.8, 1.1);
        let lift = |expansion, reference| Lift {
            expansion,
            reference,
        };
        let lifts = [lift(0.003, 1.5), lift(-0.2, 0.1)];
        let (tilt, shift) = (Vector3::new(0.4, 0.2, -0.6), [(0.7, -0.2), (0.1, 0.9)]);
        let scalars = [noise(1, layout), noise(2, layout)];
        let directions = [noise(3, layout), noise(4, layout)];
        let moved = [0, 1].map(|i| dual(&scalars[i], &directions[i]));
        let lifts_dual = [0, 1].map(|i| Lift {
            expansion: Dual64::new(lifts[i].expansion, shift[i].0),
            reference: Dual64::new(lifts[i].reference, shift[i].1),
        });
        let mut u = Field::<Dual64>::zero_velocity(&grid);
        buoyancy(
            &gravity.zip_map(&tilt, Dual64::new),
            lifts_dual.into_iter(),
            &moved,
            0.1,
            &mut u,
        );
        let bar = clean_velocity(&noise_velocity(9, &grid));
        let forward: f64 = (0..3).map(|a| dot(&tangent(&u[a]), &bar[a])).sum();
        let mut scalars_bar = [Field::zero(layout), Field::zero(layout)];
        let mut lifts_bar = [lift(0.0, 0.0); 2];
        let gravity_bar = buoyancy_vjp(
            &grid,
            &gravity,
            lifts.into_iter(),
            &scalars,
            0.1,
            &bar,
            &mut scalars_bar,
            &mut lifts_bar,
        );
        let backward: f64 = gravity_bar.dot(&tilt)
            + (0..2)
                .map(|i| {
                    dot(&directions[i], &scalars_bar[i])
                        + lifts_bar[i].expansion * shift[i].0
                        + lifts_bar[i].reference * shift[i].1
                })
                .sum::<f64>();
        assert_close(forward, backward);
    }
}
