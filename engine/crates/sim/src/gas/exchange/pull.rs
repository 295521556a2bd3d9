//! What the gas does to the matter at its faces.

use backflow_diff::Real;

use super::{Coupling, CouplingBar};
use crate::gas::{
    drag::{Matter, MatterBar},
    field::{Field, Velocity, sum},
    grid::Grid,
};

/// What the gas does to matter at every face, a step: an acceleration times the density of the
/// matter and the time (kg/(m^2 s)). `dragged` is the velocity of the gas after drag, `drops`
/// how the pressure differs across a face, `open` the share of it that is open.
///
/// `pull = k dt (u - u_m) - rho pressed open drop`: matter gets what the drag takes from the gas,
/// and the pressure acts on its volume as on that of the gas. Across what is closed pressures differ
/// by what nothing determines: beside walls there is no gas, and the pressure in a closed box is
/// known up to a constant.
pub fn pull<T: Real>(
    grid: &Grid,
    coupling: &Coupling<T>,
    matter: &Matter<T>,
    dragged: &Velocity<T>,
    open: &Velocity<T>,
    drops: &Velocity<T>,
    dt: f64,
) -> Velocity<T> {
    let mut pull = Field::zero_velocity(grid);
    for axis in 0..3 {
        let (u, own, drop) = (
            &dragged[axis].data,
            &matter.velocity[axis].data,
            &drops[axis].data,
        );
        let (rate, pressed) = (&matter.rate[axis].data, &matter.pressed[axis].data);
        let open = &open[axis].data;
        pull[axis].set(|_, index| {
            let drag = if rate[index] > T::zero() {
                coupling.drag * T::of(dt) * (u[index] - own[index])
            } else {
                T::zero()
            };
            drag - coupling.density * pressed[index] * open[index] * drop[index]
        });
    }
    pull
}

/// Adds the cotangents of the velocity of the matter, of the gas and of the open share, writes
/// those of the drops; adds those of the coupling.
pub fn pull_vjp<T: Real>(
    coupling: &Coupling<T>,
    matter: &Matter<T>,
    dragged: &Velocity<T>,
    open: &Velocity<T>,
    drops: &Velocity<T>,
    dt: f64,
    bar: &Velocity<T>,
    matter_bar: &mut MatterBar<T>,
    drops_bar: &mut Velocity<T>,
    coupling_bar: &mut CouplingBar,
) {
    for axis in 0..3 {
        let (u, own, drop) = (
            &dragged[axis].data,
            &matter.velocity[axis].data,
            &drops[axis].data,
        );
        let (rate, bar) = (&matter.rate[axis].data, &bar[axis]);
        let (pressed, open) = (&matter.pressed[axis].data, &open[axis].data);
        let factor = |index: usize| {
            if rate[index] > T::zero() {
                coupling.drag * T::of(dt) * bar.data[index]
            } else {
                T::zero()
            }
        };
        matter_bar.velocity[axis].update(|_, index, sum| *sum -= factor(index));
        matter_bar.dragged[axis].update(|_, index, sum| *sum += factor(index));
        matter_bar.pressed[axis].update(|_, index, sum| {
            *sum -= coupling.density * open[index] * drop[index] * bar.data[index];
        });
        matter_bar.open[axis].update(|_, index, sum| {
            *sum -= coupling.density * pressed[index] * drop[index] * bar.data[index];
        });
        drops_bar[axis]
            .set(|_, index| -coupling.density * pressed[index] * open[index] * bar.data[index]);
        let layout = bar.layout;
        coupling_bar.drag += dt
            * sum(&layout, |_, index| {
                if rate[index] > T::zero() {
                    (bar.data[index] * (u[index] - own[index])).to_f64()
                } else {
                    0.0
                }
            });
        coupling_bar.density -= sum(&layout, |_, index| {
            (bar.data[index] * pressed[index] * open[index] * drop[index]).to_f64()
        });
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::gas::{
        exchange::{
            load, matter,
            tests::{some, tangent_velocity, velocity_dot},
        },
        testing::{assert_close, box_grid, clean_velocity, dual_velocity, noise_velocity},
    };

    #[test]
    fn pull_vjp_is_the_transpose() {
        let (grid, dt) = (box_grid([5, 4, 6], [true, false, true]), 0.05);
        let own = Coupling {
            drag: 20.0,
            share: 0.8,
            density: 1.2,
        };
        let matter = matter(&grid, &own, &load(&grid, &some(1, &grid)));
        let [dragged, open, drops, dv, dd, dopen, dp, ds, bar] = [5, 7, 9, 13, 17, 19, 21, 25, 29]
            .map(|seed| clean_velocity(&noise_velocity(seed, &grid)));
        let mut dual = Matter::<Dual64>::nothing(&grid);
        dual.velocity = dual_velocity(&matter.velocity, &dv);
        dual.rate = matter.rate.clone().map(|field| field.cast());
        dual.pressed = dual_velocity(&matter.pressed, &ds);
        let moved = Coupling {
            drag: Dual64::new(20.0, 0.7),
            share: Dual64::from(0.8),
            density: Dual64::new(1.2, 0.03),
        };
        let after = pull(
            &grid,
            &moved,
            &dual,
            &dual_velocity(&dragged, &dd),
            &dual_velocity(&open, &dopen),
            &dual_velocity(&drops, &dp),
            dt,
        );
        let forward = velocity_dot(&tangent_velocity(&after), &bar);

        let mut matter_bar = MatterBar::zero(&grid);
        let (mut drops_bar, mut coupling_bar) =
            (Field::zero_velocity(&grid), CouplingBar::default());
        pull_vjp(
            &own,
            &matter,
            &dragged,
            &open,
            &drops,
            dt,
            &bar,
            &mut matter_bar,
            &mut drops_bar,
            &mut coupling_bar,
        );
        let backward = velocity_dot(&dv, &matter_bar.velocity)
            + velocity_dot(&dd, &matter_bar.dragged)
            + velocity_dot(&dopen, &matter_bar.open)
            + velocity_dot(&dp, &drops_bar)
            + velocity_dot(&ds, &matter_bar.pressed)
            + 0.7 * coupling_bar.drag
            + 0.03 * coupling_bar.density;
        assert_close(forward, backward);
    }
}
