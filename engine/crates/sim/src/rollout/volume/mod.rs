//! Liquids keep their volume: at the start of each frame the volume ratios of their particles
//! come closer to the space that the particles take.
//!
//! A volume ratio is a product of increments, `J <- J (1 + dt tr C)`, and nothing ties it to where
//! the particles are: over thousands of substeps it forgets. Particles come to lie denser than `J`
//! says, so that their liquid shrinks; those that splashes pulled apart keep a `J` far above 1 and
//! resist nothing when they are back. The density on the grid does not forget, but is too low at a
//! free surface, as all sums over kernels are: two cells below one it is right to 0.14 %, at one and
//! a half it lacks 1.6 %. A wider sum says how deep a particle lies. Corrected by
//! the density where that is right, liquids keep their volume; corrected nearer to the surface,
//! layers there sink as fast as those below rise, and the pool settles at a density that is too
//! high. What may be taken away anywhere is a `J` above both 1 and what the space allows: it
//! belongs to no pressure.

mod filling;
#[cfg(test)]
mod tests;

use backflow_diff::Real;
use rayon::prelude::*;

use self::filling::{Filling, Nodes, at_rest, born, inside, inside_smoothed};
use crate::{
    grid::Stencil,
    particle::{Motion, Order, Particles},
    world::World,
};

/// Fillings of the surroundings (1) between which a particle comes to count as deep inside the liquid:
/// around a full one, which two cells below a surface have to 2 percent.
const DEEP: [f64; 2] = [0.99, 1.01];

/// Those between which it comes to count as part of the liquid at all, not as spray: half is the
/// filling at the surface.
const WITHIN: [f64; 2] = [0.5, 0.6];

/// Particles that one task works on at least.
const GRAIN: usize = 1024;

/// Share of the mismatch that is corrected at the start of a frame; `None` if nothing is.
fn share<T: Real>(world: &World<T>, step: usize) -> Option<T> {
    let due = step.is_multiple_of(world.clock.substeps) && !world.liquids.is_empty();
    (due && world.volume_rate > T::zero()).then(|| {
        let frame = world.clock.dt * T::of(world.clock.substeps as f64);
        T::one() - (-world.volume_rate * frame).exp()
    })
}

/// Smooth step from 0 to 1 between the two ends, and its slope.
fn step_between<T: Real>(ends: [f64; 2], at: T) -> (T, T) {
    let (one, width) = (T::one(), T::of(ends[1] - ends[0]));
    let part = (at - T::of(ends[0])) / width;
    if part <= T::zero() {
        (T::zero(), T::zero())
    } else if part >= one {
        (one, T::zero())
    } else {
        let smooth = part * part * (T::of(3.0) - part - part);
        (smooth, T::of(6.0) * part * (one - part) / width)
    }
}

/// What a volume ratio `j` changes by in the time of the rate, and its derivatives.
struct Change<T: Real> {
    value: T,
    /// With respect to the ratio, the filling and that of the surroundings.
    slopes: [T; 3],
}

impl<T: Real> Change<T> {
    fn of(j: T, filling: T, around: T) -> Self {
        let (zero, one) = (T::zero(), T::one());
        let (deep, deep_slope) = step_between(DEEP, around);
        let (within, within_slope) = step_between(WITHIN, around);
        let room = one / filling;
        let room_slope = -room * room;
        let (most, most_slope) = if room > one {
            (room, room_slope)
        } else {
            (one, zero)
        };
        let (gap, excess) = (room - j, j - most);
        let mut change = Self {
            value: deep * gap,
            slopes: [-deep, deep * room_slope, deep_slope * gap],
        };
        if excess > zero {
            let part = (one - deep) * within;
            change.value -= part * excess;
            change.slopes[0] -= part;
            change.slopes[1] += part * most_slope;
            change.slopes[2] -= ((one - deep) * within_slope - deep_slope * within) * excess;
        }
        change
    }
}

/// Corrects the volume ratios of the liquid particles where substep `step` starts a frame.
///
/// With the volume that all liquid has at rest on the nodes, `V_i = sum_p w_ip V_p`, and the space
/// that the nodes have in the domain, `S_i`, the filling at a particle is
/// `phi = sum_i w_ip V_i / sum_i w_ip S_i`, and `psi` the same with both sums smoothed by
/// (1, 2, 1) / 4 along each axis. Then
/// `J <- J + a (d (1 / phi - J) - (1 - d) n max(0, J - max(1, 1 / phi)))` with the share
/// `a = 1 - exp(-rate T)` of a frame of duration T; `d` and `n` rise from 0 to 1 as `psi` goes
/// through `DEEP` and `WITHIN`.
pub fn keep_volume<T: Real>(
    world: &World<T>,
    step: usize,
    order: &Order,
    particles: &mut Particles<T>,
) {
    let Some(share) = share(world, step) else {
        return;
    };
    let born = born(order);
    let motions = &particles.liquid.motion[born.clone()];
    let ratios = &mut particles.liquid.strain[born];
    let nodes = at_rest(world, order, motions);
    let wide = nodes.clone().smoothed();
    let each = ratios.par_iter_mut().zip(motions);
    each.with_min_len(GRAIN).for_each(|(j, motion)| {
        let stencil = Stencil::at(&world.lattice, &motion.x());
        let own = Filling::at(&nodes, &stencil, inside).filling;
        let around = Filling::at(&wide, &stencil, inside_smoothed).filling;
        *j += share * Change::of(*j, own, around).value;
    });
}

/// Cotangents of [`keep_volume`] from the volume ratios before it, `ratios`; positions are
/// those of `motions`.
pub fn keep_volume_vjp<T: Real>(
    world: &World<T>,
    step: usize,
    order: &Order,
    motions: &[Motion<T>],
    ratios: &[T],
    bars: &mut Particles<T>,
) {
    let Some(share) = share(world, step) else {
        return;
    };
    let born = born(order);
    let (motions, ratios) = (&motions[born.clone()], &ratios[born.clone()]);
    let nodes = at_rest(world, order, motions);
    let wide = nodes.clone().smoothed();
    let mut node_bars = Nodes::zeros(&world.lattice);
    let mut wide_bars = Nodes::zeros(&world.lattice);
    let bars = &mut bars.liquid;
    let (motion_bars, ratio_bars) = (&mut bars.motion[born.clone()], &mut bars.strain[born]);
    let each = motions.iter().zip(ratios);
    for ((motion, &j), (bar, j_bar)) in each.zip(motion_bars.iter_mut().zip(ratio_bars.iter_mut()))
    {
        let stencil = Stencil::at(&world.lattice, &motion.x());
        let own = Filling::at(&nodes, &stencil, inside);
        let around = Filling::at(&wide, &stencil, inside_smoothed);
        let change_bar = share * *j_bar;
        let slopes = Change::of(j, own.filling, around.filling).slopes;
        let [more, own_bar, around_bar] = slopes.map(|slope| slope * change_bar);
        *j_bar += more;
        node_bars.scatter(&stencil, own_bar / own.space);
        wide_bars.scatter(&stencil, around_bar / around.space);
        bar.add_x(&(own.slope * own_bar + around.slope * around_bar));
    }
    let wide_bars = wide_bars.smoothed();
    for (bar, wide) in node_bars.values.iter_mut().zip(&wide_bars.values) {
        *bar += *wide;
    }
    let each = motion_bars.par_iter_mut().zip(motions);
    each.zip(&order.liquid.bodies)
        .with_min_len(GRAIN)
        .for_each(|((bar, motion), &body)| {
            let volume = world.liquids[usize::from(body)].volume;
            let stencil = Stencil::at(&world.lattice, &motion.x());
            bar.add_x(&(node_bars.slope(&stencil) * volume));
        });
}
