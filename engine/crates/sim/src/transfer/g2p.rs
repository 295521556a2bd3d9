//! Grid to particles: velocity, affine velocity, strain and position by APIC
//! (Jiang et al. 2015), and the return map of the material.

use backflow_diff::{
    Real,
    lanes::{Lanes, Stored},
};
use nalgebra::Vector3;

use super::{
    field::{
        field_of, load_motion, meet_slopes, motion_mask, motion_of, position_of, quads, velocity_of,
    },
    hold::{hold, quiet},
    patch::{BodyBar, Patch, inverse_inertia},
    rows::{Rows, add_rows, load_rows},
    stencil::{CHUNK, Place, Splines, chunk},
};
use crate::{
    grid::{
        Stencil,
        block::{Tile, fits},
    },
    material::{Law, Strain},
    particle::{
        Motion,
        split::{CloudMut, CloudRef},
        visits::{place_of, start_of},
    },
};

/// What a block reports of a substep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Whether a particle left the reach of its tile, so that all must be sorted.
    pub stale: bool,
    /// How many particles were kept from leaving the domain.
    pub held: usize,
}

impl Moved {
    /// What two blocks report together.
    pub fn merge(self, other: Self) -> Self {
        Self {
            stale: self.stale || other.stale,
            held: self.held + other.held,
        }
    }
}

/// What is known of the motions after a substep.
#[derive(Clone, Copy)]
pub enum After<'a, T> {
    /// They themselves.
    Known(&'a [Motion<T>]),
    /// The velocities of the tile, by which they are found.
    By(&'a Tile<T>),
}

/// How positions follow the grid in one block.
struct Advance<L> {
    /// What is kept of a motion: the position.
    keep: L,
    /// What is taken from the grid: `dt v`, `v`, `C`.
    take: L,
    /// Bounds of [`quiet`]; none in the other lanes.
    low: L,
    high: L,
}

impl<L> Advance<L> {
    #[inline(always)]
    fn new<T: Real, P: Law<T>>(isa: L::Isa, patch: &Patch<'_, T, P>) -> Self
    where
        L: Lanes<T>,
    {
        let (low, high) = quiet(patch.lattice, &patch.at);
        let bound = |x: &Vector3<T>, others: f64| {
            let mut lanes = [T::of(others); 16];
            lanes[1..4].copy_from_slice(x.as_slice());
            L::load(isa, &lanes)
        };
        let per_cell = inverse_inertia(patch.lattice) * patch.lattice.dx;
        Self {
            keep: motion_mask(isa, T::one(), T::zero(), T::zero()),
            take: motion_mask(isa, patch.dt, T::one(), per_cell),
            low: bound(&low, f64::NEG_INFINITY),
            high: bound(&high, f64::INFINITY),
        }
    }

    /// The motion after the substep, if nothing holds the particle:
    /// `x + dt v`, `v = sum w_i v_i`, `C = 4/dx^2 sum w_i v_i (x_i - x_p)^T`.
    #[inline(always)]
    fn free<T: Real>(&self, before: L, sums: L) -> L
    where
        L: Lanes<T>,
    {
        motion_of(sums).mul_add(self.take, before.mul(self.keep))
    }

    /// What [`Advance::free`] returned, from what became of it once the particle was held.
    #[inline(always)]
    fn not_held<T: Real>(&self, isa: L::Isa, dt: T, before: L, after: L) -> L
    where
        L: Lanes<T>,
    {
        let velocities = after.permute([0, 4, 5, 6, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        let take = motion_mask(isa, dt, T::one(), T::one());
        velocities.mul_add(take, before.mul(self.keep))
    }

    /// Whether there is nothing to see to about the position of a motion.
    #[inline(always)]
    fn is_quiet<T: Real>(&self, motion: L) -> bool
    where
        L: Lanes<T>,
    {
        !(self.low.any_above(motion) || motion.any_above(self.high))
    }
}

/// Moves the particles of `patch` by the grid velocities in its tile:
/// `v`, `C` from the grid, `strain <- project(advance(strain, C, dt))`, `x <- x + dt v`,
/// kept in the domain. `copy`, as many particles, becomes the same: written one by one, it is on its
/// way to memory while others are moved.
#[inline(always)]
pub fn g2p<T: Real, P: Law<T>, L: Lanes<T>>(
    isa: L::Isa,
    patch: &Patch<'_, T, P>,
    tile: &Tile<T>,
    cloud: &mut CloudMut<'_, T, P::Strain>,
    mut copy: Option<&mut CloudMut<'_, T, P::Strain>>,
) -> Moved {
    let splines = Splines::<L>::new(isa, patch.lattice, &patch.at);
    let advance = Advance::<L>::new(isa, patch);
    let mut moved = Moved::default();
    let mut start = start_of(patch.visits[0]);
    let mut rows: Rows<L> = load_rows(isa, tile, start);
    let mut places = [Place::zero(); CHUNK];
    let mut gathered = [L::splat(isa, T::zero()); CHUNK];
    for visits in patch.visits.chunks(chunk(P::GROUPED)) {
        for (&visit, at) in visits.iter().zip(&mut places) {
            cloud.prefetch_next(place_of(visit));
            splines.weigh(load_motion::<T, L>(isa, &cloud.motion[place_of(visit)]), at);
        }
        for ((&visit, at), gathered) in visits.iter().zip(&places).zip(&mut gathered) {
            if start_of(visit) != start {
                start = start_of(visit);
                rows = load_rows(isa, tile, start);
            }
            *gathered = splines.gather(isa, &rows, at);
        }
        for ((&visit, at), &gathered) in visits.iter().zip(&places).zip(&gathered) {
            let place = place_of(visit);
            let motion = &mut cloud.motion[place];
            let sums = splines.about_particle(isa, at, gathered);
            let after = advance.free(load_motion(isa, motion), sums);
            after.store(motion.lanes_mut());
            if !advance.is_quiet(after) {
                let (x, held) = hold(patch.lattice, &motion.x());
                motion.set_x(&x);
                // The sort that follows reports what is not finite.
                let finite = x.iter().all(|x| x.is_finite());
                moved.stale |= !finite || !fits(&patch.at, &Stencil::base_of(patch.lattice, &x));
                moved.held += usize::from(held.contains(&true));
            }
            let (law, strain) = (&patch.body(place).law, &mut cloud.strain[place]);
            *strain = strain.advance_lanes::<L>(isa, motion, after, patch.dt);
            if law.is_plastic() {
                *strain = law.project(strain, patch.dt);
            }
            if let Some(copy) = &mut copy {
                (copy.motion[place], copy.strain[place]) = (*motion, *strain);
            }
        }
    }
    moved
}

/// Cotangents of [`g2p`]: those of the grid velocities are added to `nodes`; on entry
/// `bar` holds the cotangents of the state after the substep, on return its positions and
/// strains are those of the state before it, as far as this stage goes, but for what the weights
/// contribute: that is left to [`p2g_vjp`](super::p2g::p2g_vjp), which goes over the same nodes.
/// For that, what was scattered to them is where `bar` has its velocities, as an affine field
/// with slopes per cell. A coordinate
/// that was kept in the domain passes nothing on. The cotangents of each body's inner
/// parameters are added to `body_bars`. `after` are the motions after the substep, or the
/// velocities of the grid that they are found by; the bits are the same either way.
#[inline(always)]
pub fn g2p_vjp<T: Real, P: Law<T>, L: Lanes<T>>(
    isa: L::Isa,
    patch: &Patch<'_, T, P>,
    cloud: &CloudRef<'_, T, P::Strain>,
    after: After<'_, T>,
    bar: &mut CloudMut<'_, T, P::Strain>,
    nodes: &mut Tile<T>,
    body_bars: &mut [BodyBar<T>],
) {
    let splines = Splines::<L>::new(isa, patch.lattice, &patch.at);
    let advance = Advance::<L>::new(isa, patch);
    let inverse_dx = patch.lattice.inverse_dx();
    let per_cell = inverse_inertia(patch.lattice) * patch.lattice.dx;
    let per_metre = quads::<T, L>(isa, [inverse_dx, inverse_dx, inverse_dx, T::zero()]);
    let cotangent = quads::<T, L>(isa, [T::one(), per_cell, per_cell, per_cell]);
    let slope = L::splat(isa, per_cell);
    let step = quads::<T, L>(isa, [patch.dt, T::zero(), T::zero(), T::zero()]);
    let keep = motion_mask::<T, L>(isa, T::one(), T::zero(), T::zero());
    let give = motion_mask::<T, L>(isa, T::zero(), T::one(), T::one());
    let nothing = [L::splat(isa, T::zero()); 9];
    let mut start = start_of(patch.visits[0]);
    let mut scattered = nothing;
    let (mut places, mut fields) = ([Place::zero(); CHUNK], [Stored::zero(); CHUNK]);
    let mut moved = [Motion::zero(); CHUNK];
    for visits in patch.visits.chunks(chunk(P::GROUPED)) {
        for (k, &visit) in visits.iter().enumerate() {
            cloud.prefetch_next(place_of(visit));
            let motion = load_motion::<T, L>(isa, &cloud.motion[place_of(visit)]);
            splines.weigh(motion, &mut places[k]);
        }
        match after {
            After::Known(after) => {
                for (moved, &visit) in moved.iter_mut().zip(visits) {
                    *moved = after[place_of(visit)];
                }
            }
            After::By(tile) => {
                let mut start = start_of(visits[0]);
                let mut rows: Rows<L> = load_rows(isa, tile, start);
                for (k, &visit) in visits.iter().enumerate() {
                    if start_of(visit) != start {
                        start = start_of(visit);
                        rows = load_rows(isa, tile, start);
                    }
                    let sums = splines.gather(isa, &rows, &places[k]);
                    let sums = splines.about_particle(isa, &places[k], sums);
                    let before = load_motion(isa, &cloud.motion[place_of(visit)]);
                    advance.free(before, sums).store(moved[k].lanes_mut());
                }
            }
        }
        for (k, &visit) in visits.iter().enumerate() {
            let place = place_of(visit);
            let (moved, after) = (&moved[k], load_motion::<T, L>(isa, &moved[k]));
            let (law, strain) = (&patch.body(place).law, &cloud.strain[place]);
            let mut trial_bar = bar.strain[place];
            if law.is_plastic() {
                let trial = strain.advance_lanes::<L>(isa, moved, after, patch.dt);
                let parameters;
                (trial_bar, parameters) = law.project_vjp(&trial, patch.dt, &trial_bar);
                let sums = &mut body_bars[patch.owner(place)][1..];
                for (sum, part) in sums.iter_mut().zip(parameters) {
                    *sum += part;
                }
            }
            let (strain_bar, gradient_bar) =
                strain.advance_vjp_lanes::<L>(isa, moved, after, patch.dt, &trial_bar);
            bar.strain[place] = strain_bar;
            let motion_bar = &mut bar.motion[place];
            if !advance.is_quiet(after) {
                let (mut x_bar, mut free) = (motion_bar.x(), Motion::zero());
                let before = load_motion::<T, L>(isa, &cloud.motion[place]);
                let not_held = advance.not_held(isa, patch.dt, before, after);
                not_held.store(free.lanes_mut());
                for (bar, held) in x_bar.iter_mut().zip(hold(patch.lattice, &free.x()).1) {
                    if held {
                        *bar = T::zero();
                    }
                }
                motion_bar.set_x(&x_bar);
            }

            // The field whose value is v_bar + dt x_bar and whose slopes are those of C_bar.
            let lanes = load_motion::<T, L>(isa, motion_bar);
            let x_bar = lanes.permute([1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            let field = field_of(lanes).mul(cotangent);
            let field = x_bar.mul_add(step, gradient_bar.mul_add(slope, field));
            fields[k].put::<L>(field);

            // d(x_i - x_p)/dx_p = -I, and sum w_i v_i = v.
            let slid = meet_slopes(field, velocity_of(after)).mul(per_metre);
            motion_of(field)
                .mul(give)
                .add(lanes.mul(keep))
                .sub(position_of::<T, L>(slid))
                .store(motion_bar.lanes_mut());
        }
        for (k, &visit) in visits.iter().enumerate() {
            if start_of(visit) != start {
                add_rows(isa, nodes, start, scattered);
                (start, scattered) = (start_of(visit), nothing);
            }
            let field = splines.along_z(isa, &places[k], &fields[k]);
            splines.scatter(isa, &mut scattered, &places[k], &field);
        }
    }
    add_rows(isa, nodes, start, scattered);
}

#[cfg(test)]
mod tests;
