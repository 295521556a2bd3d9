//! What the gas is told of the matter at its faces.

use backflow_diff::Real;

use super::{Coupling, CouplingBar, load::Load};
use crate::gas::{
    drag::{Matter, MatterBar},
    field::{Field, sum},
    grid::Grid,
};

/// Share of matter below which its velocity is that of nothing.
const FAINT: f64 = 1e-12;

/// What the gas is told of matter: its share of each face, at most that of the coupling, its
/// velocity, how fast gas takes that, `k alpha / (rho (1 - share))`, and the part of its volume that
/// pressure acts on, `share / alpha`.
///
/// Where the share is bounded, its derivative is zero.
pub fn matter<T: Real>(grid: &Grid, coupling: &Coupling<T>, load: &Load<T>) -> Matter<T> {
    let mut matter = Matter::nothing(grid);
    for axis in 0..3 {
        let (alpha, flow) = (&load.alpha[axis].data, &load.flow[axis].data);
        let (share, carried) = (
            &mut matter.occupied.share[axis],
            &mut matter.occupied.carried[axis],
        );
        share.set(|_, index| T::one() - alpha[index].min(coupling.share));
        carried.set(|_, index| {
            let (taken, velocity) = taken(coupling, alpha[index], flow[index]);
            taken * velocity
        });
        matter.velocity[axis].set(|_, index| taken(coupling, alpha[index], flow[index]).1);
        matter.rate[axis].set(|_, index| {
            let taken = alpha[index].min(coupling.share);
            coupling.drag * alpha[index] / (coupling.density * (T::one() - taken))
        });
        matter.pressed[axis].set(|_, index| {
            if alpha[index] > coupling.share {
                coupling.share / alpha[index]
            } else {
                T::one()
            }
        });
    }
    matter
}

/// Share and velocity of matter at a face.
#[inline(always)]
fn taken<T: Real>(coupling: &Coupling<T>, alpha: T, flow: T) -> (T, T) {
    let velocity = if alpha > T::of(FAINT) {
        flow / alpha
    } else {
        T::zero()
    };
    (alpha.min(coupling.share), velocity)
}

/// Cotangents of the load; adds those of the coupling.
pub fn matter_vjp<T: Real>(
    grid: &Grid,
    coupling: &Coupling<T>,
    load: &Load<T>,
    bar: &MatterBar<T>,
    coupling_bar: &mut CouplingBar,
) -> Load<T> {
    let mut load_bar = Load {
        alpha: Field::zero_velocity(grid),
        flow: Field::zero_velocity(grid),
    };
    for axis in 0..3 {
        let (alpha, flow) = (&load.alpha[axis].data, &load.flow[axis].data);
        let share_bar = &bar.occupied.share[axis].data;
        let carried_bar = &bar.occupied.carried[axis].data;
        let (velocity_bar, rate_bar) = (&bar.velocity[axis].data, &bar.rate[axis].data);
        let pressed_bar = &bar.pressed[axis].data;
        // Cotangents of the velocity and, but for what goes through it, of alpha.
        let parts = |index: usize| {
            let (share, velocity) = taken(coupling, alpha[index], flow[index]);
            let velocity_bar = velocity_bar[index] + share * carried_bar[index];
            let mut share_bar = velocity * carried_bar[index] - share_bar[index];
            let free = T::one() - share;
            let unit = coupling.drag / coupling.density;
            share_bar += rate_bar[index] * unit * alpha[index] / (free * free);
            let mut alpha_bar = rate_bar[index] * unit / free;
            if alpha[index] < coupling.share {
                alpha_bar += share_bar;
            } else if alpha[index] > coupling.share {
                alpha_bar -= pressed_bar[index] * coupling.share / (alpha[index] * alpha[index]);
            }
            (velocity, velocity_bar, alpha_bar)
        };
        load_bar.alpha[axis].set(|_, index| {
            let (velocity, velocity_bar, alpha_bar) = parts(index);
            if alpha[index] > T::of(FAINT) {
                alpha_bar - velocity_bar * velocity / alpha[index]
            } else {
                alpha_bar
            }
        });
        load_bar.flow[axis].set(|_, index| {
            if alpha[index] > T::of(FAINT) {
                parts(index).1 / alpha[index]
            } else {
                T::zero()
            }
        });
        let layout = load.alpha[axis].layout;
        let per_drag = sum(&layout, |_, index| {
            let free = T::one() - alpha[index].min(coupling.share);
            (rate_bar[index] * alpha[index] / free).to_f64()
        });
        let (drag, density) = (coupling.drag.to_f64(), coupling.density.to_f64());
        coupling_bar.drag += per_drag / density;
        coupling_bar.density -= per_drag * drag / (density * density);
    }
    load_bar
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::gas::{
        exchange::{
            load,
            tests::{some, tangent_velocity, velocity_dot},
        },
        testing::{assert_close, box_grid, clean_velocity, dual_velocity, noise_velocity},
    };

    #[test]
    fn matter_vjp_is_the_transpose() {
        let grid = box_grid([5, 4, 6], [true, false, true]);
        // Some faces are bounded by the share.
        let coupling = |drag: Dual64, density: Dual64| Coupling {
            drag,
            share: Dual64::from(0.15),
            density,
        };
        let moved = coupling(Dual64::new(20.0, 0.7), Dual64::new(1.2, 0.03));
        let load = load(&grid, &some(1, &grid));
        let [da, df] = [11, 15].map(|seed| clean_velocity(&noise_velocity(seed, &grid)));
        let dual = Load {
            alpha: dual_velocity(&load.alpha, &da),
            flow: dual_velocity(&load.flow, &df),
        };
        let after = matter(&grid, &moved, &dual);
        let [share, carried, velocity, rate, pressed] =
            [21, 25, 29, 33, 37].map(|seed| clean_velocity(&noise_velocity(seed, &grid)));
        let forward = velocity_dot(&tangent_velocity(&after.occupied.share), &share)
            + velocity_dot(&tangent_velocity(&after.occupied.carried), &carried)
            + velocity_dot(&tangent_velocity(&after.velocity), &velocity)
            + velocity_dot(&tangent_velocity(&after.rate), &rate)
            + velocity_dot(&tangent_velocity(&after.pressed), &pressed);

        let own = Coupling {
            drag: 20.0,
            share: 0.15,
            density: 1.2,
        };
        let mut bar = MatterBar::zero(&grid);
        bar.occupied.share = share;
        bar.occupied.carried = carried;
        bar.velocity = velocity;
        bar.rate = rate;
        bar.pressed = pressed;
        let mut coupling_bar = CouplingBar::default();
        let load_bar = matter_vjp(&grid, &own, &load, &bar, &mut coupling_bar);
        let backward = velocity_dot(&da, &load_bar.alpha)
            + velocity_dot(&df, &load_bar.flow)
            + 0.7 * coupling_bar.drag
            + 0.03 * coupling_bar.density;
        assert_close(forward, backward);
    }
}
