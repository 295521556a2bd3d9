//! Particles to grid: momentum and mass by MLS-MPM (Hu et al. 2018, eq. 29).

use backflow_diff::{
    Real,
    lanes::{
        Lanes, Stored,
        columns::{columns, pack, unpack},
    },
};
use nalgebra::Matrix3;

use super::{
    field::{field_of, load_motion, meet_slopes, motion_mask, motion_of, position_of, quads},
    patch::{BodyBar, Patch, inverse_inertia},
    rows::{Rows, add_rows, load_rows},
    runs,
    stencil::{CHUNK, Place, Splines, chunk},
};
use crate::{
    grid::block::Tile,
    material::{Law, Strain, StressBar},
    particle::{
        Motion,
        split::{CloudMut, CloudRef},
        visits::{place_of, start_of},
    },
    world::Body,
};

/// Whether a term of [`p2g_vjp`] is left out, so that a test can see the gradient check fail.
#[cfg(feature = "broken-vjp")]
static SPOILT: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Leaves a term of [`p2g_vjp`] out from now on, or not.
#[cfg(feature = "broken-vjp")]
pub fn spoil(spoilt: bool) {
    SPOILT.store(spoilt, std::sync::atomic::Ordering::Relaxed);
}

/// What the particles of one body have in common.
struct Scale<T: Real, L> {
    /// `dt V 4/dx^2 dx` (m^2 s): slope of the momentum per cell and unit of stress.
    stiffness: T,
    /// Turns the lanes of [`field_of`] into momentum, per cell; zero in the fourth lanes.
    momentum: L,
    /// The mass in its lane.
    mass_lane: L,
    /// The stiffness on the diagonal of the matrix.
    diagonal: L,
    /// Turns cotangents of value and slopes per cell into those of v and C.
    motion: L,
}

impl<T: Real, L: Lanes<T>> Scale<T, L> {
    #[inline(always)]
    fn new<P: Law<T>>(isa: L::Isa, patch: &Patch<'_, T, P>, body: &Body<T, P>) -> Self {
        let dx = patch.lattice.dx;
        let mass = body.density * body.volume;
        let stiffness = body.volume * (patch.dt * inverse_inertia(patch.lattice) * dx);
        let mut mass_lane = [T::zero(); 16];
        mass_lane[3] = mass;
        let slope = mass * dx;
        Self {
            stiffness,
            momentum: quads(isa, [mass, slope, slope, slope]),
            mass_lane: L::load(isa, &mass_lane),
            diagonal: columns(isa, &Matrix3::from_diagonal_element(stiffness)),
            motion: motion_mask(isa, T::zero(), mass, slope),
        }
    }

    /// What a particle scatters, of `stress` if stresses are grouped: momentum `m v + (m C - dt V 4/dx^2 tau)(x_i - x_p)` and
    /// mass `m`.
    #[inline(always)]
    fn field<P: Law<T>>(
        &self,
        isa: L::Isa,
        law: &P,
        motion: &Motion<T>,
        strain: &P::Strain,
        stress: &Stored<T>,
    ) -> L {
        let inertia =
            field_of(load_motion::<T, L>(isa, motion)).mul_add(self.momentum, self.mass_lane);
        let stiffness = L::splat(isa, self.stiffness);
        if P::GROUPED {
            return unpack(stress.lanes::<L>(isa)).neg_mul_add(stiffness, inertia);
        }
        match law.pressure(strain) {
            Some(pressure) => self.diagonal.mul_add(L::splat(isa, pressure), inertia),
            None => columns::<T, L>(isa, &law.stress(strain, &motion.c()))
                .neg_mul_add(stiffness, inertia),
        }
    }
}

/// Scales of the body of the particle at hand; most particles follow one of the same body.
struct Scales<'a, T: Real, P: Law<T>, L> {
    owner: usize,
    body: &'a Body<T, P>,
    scale: Scale<T, L>,
}

impl<'a, T: Real, P: Law<T>, L: Lanes<T>> Scales<'a, T, P, L> {
    #[inline(always)]
    fn new(isa: L::Isa, patch: &Patch<'a, T, P>) -> Self {
        let (owner, body) = (patch.owner(0), patch.body(0));
        Self {
            owner,
            body,
            scale: Scale::new(isa, patch, body),
        }
    }

    #[inline(always)]
    fn turn_to(&mut self, isa: L::Isa, patch: &Patch<'a, T, P>, place: usize) {
        let owner = patch.owner(place);
        if owner != self.owner {
            *self = Self {
                owner,
                body: patch.body(place),
                scale: Scale::new(isa, patch, patch.body(place)),
            };
        }
    }
}

/// Cotangent of the mass of the particles of one body after the other, summed lane by lane.
struct MassBar<T, L> {
    owner: usize,
    volume: T,
    sum: L,
    /// The unit of the field: 1 for the value, dx for the slopes per cell.
    unit: L,
    /// One where the field holds the mass.
    mass: L,
}

impl<T: Real, L: Lanes<T>> MassBar<T, L> {
    #[inline(always)]
    fn new<P: Law<T>>(isa: L::Isa, patch: &Patch<'_, T, P>) -> Self {
        let dx = patch.lattice.dx;
        let mut mass = [T::zero(); 16];
        mass[3] = T::one();
        Self {
            owner: patch.owner(0),
            volume: patch.body(0).volume,
            sum: L::splat(isa, T::zero()),
            unit: quads(isa, [T::one(), dx, dx, dx]),
            mass: L::load(isa, &mass),
        }
    }

    /// Adds that of a particle: its field for a mass of one, times the cotangent of its field.
    #[inline(always)]
    fn add(&mut self, motion: L, field_bar: L) {
        let field = field_of(motion).mul_add(self.unit, self.mass);
        self.sum = field.mul_add(field_bar, self.sum);
    }

    /// Hands the sum over as that of the density of the body at hand.
    #[inline(always)]
    fn hand_over(&mut self, isa: L::Isa, body_bars: &mut [BodyBar<T>]) {
        let mut sums = [T::zero(); 16];
        self.sum.sum_within_quads().store(&mut sums);
        body_bars[self.owner][0] += (sums[0] + sums[4] + (sums[8] + sums[12])) * self.volume;
        self.sum = L::splat(isa, T::zero());
    }
}

/// Adds the momentum and mass of the particles of `patch` to its tile:
/// `p_i += w_i (m v + A (x_i - x_p))`, `m_i += w_i m` with `A = m C - dt V 4/dx^2 tau`.
#[inline(always)]
pub fn p2g<T: Real, P: Law<T>, L: Lanes<T>>(
    isa: L::Isa,
    patch: &Patch<'_, T, P>,
    cloud: &CloudRef<'_, T, P::Strain>,
    tile: &mut Tile<T>,
) {
    let splines = Splines::<L>::new(isa, patch.lattice, &patch.at);
    let mut scales = Scales::<T, P, L>::new(isa, patch);
    let nothing = [L::splat(isa, T::zero()); 9];
    let (mut start, mut rows) = (start_of(patch.visits[0]), nothing);
    let (mut places, mut fields) = ([Place::zero(); CHUNK], [Stored::zero(); CHUNK]);
    let mut stresses = [Stored::zero(); CHUNK];
    for visits in patch.visits.chunks(chunk(P::GROUPED)) {
        if P::GROUPED {
            runs::stresses::<T, P, L>(isa, patch, cloud, visits, &mut stresses);
        }
        for (k, &visit) in visits.iter().enumerate() {
            let place = place_of(visit);
            scales.turn_to(isa, patch, place);
            let (motion, strain) = (&cloud.motion[place], &cloud.strain[place]);
            let (law, scale) = (&scales.body.law, &scales.scale);
            fields[k].put::<L>(scale.field(isa, law, motion, strain, &stresses[k]));
            splines.weigh(load_motion::<T, L>(isa, motion), &mut places[k]);
        }
        for ((&visit, at), field) in visits.iter().zip(&places).zip(&fields) {
            if start_of(visit) != start {
                add_rows(isa, tile, start, rows);
                (start, rows) = (start_of(visit), nothing);
            }
            splines.scatter(isa, &mut rows, at, &splines.along_z(isa, at, field));
        }
    }
    add_rows(isa, tile, start, rows);
}

/// Cotangents of the particles of `patch` from those of the nodes in its tile (momentum
/// and mass). On entry `bar` is what [`g2p_vjp`](super::g2p::g2p_vjp) has left, which has
/// scattered a field to nodes of velocities `velocity`; on return it is the cotangent of the
/// state before the substep. The
/// cotangents of each body's density and inner parameters are added to `body_bars`.
#[inline(always)]
pub fn p2g_vjp<T: Real, P: Law<T>, L: Lanes<T>>(
    isa: L::Isa,
    patch: &Patch<'_, T, P>,
    cloud: &CloudRef<'_, T, P::Strain>,
    tile: &Tile<T>,
    velocity: &Tile<T>,
    bar: &mut CloudMut<'_, T, P::Strain>,
    body_bars: &mut [BodyBar<T>],
) {
    let splines = Splines::<L>::new(isa, patch.lattice, &patch.at);
    let inverse_dx = patch.lattice.inverse_dx();
    let zero = L::splat(isa, T::zero());
    let keep = motion_mask::<T, L>(isa, T::one(), T::zero(), T::zero());
    let per_metre = quads::<T, L>(isa, [inverse_dx, inverse_dx, inverse_dx, T::zero()]);
    let mut mass_bar = MassBar::<T, L>::new(isa, patch);
    let mut scales = Scales::<T, P, L>::new(isa, patch);
    let mut start = start_of(patch.visits[0]);
    let mut rows: Rows<L> = load_rows(isa, tile, start);
    let mut velocity_rows: Rows<L> = load_rows(isa, velocity, start);
    let (mut places, mut fields) = ([Place::zero(); CHUNK], [Stored::zero(); CHUNK]);
    // What was scattered to the velocities when they were pulled back.
    let mut scattered = [Stored::zero(); CHUNK];
    let (mut gathered, mut pulled) = ([zero; CHUNK], [zero; CHUNK]);
    let [mut stresses, mut stress_bars] = [[Stored::zero(); CHUNK]; 2];
    let mut pulled_back = [StressBar::zero(); CHUNK];
    for visits in patch.visits.chunks(chunk(P::GROUPED)) {
        if P::GROUPED {
            runs::stresses::<T, P, L>(isa, patch, cloud, visits, &mut stresses);
        }
        for (k, &visit) in visits.iter().enumerate() {
            let place = place_of(visit);
            cloud.prefetch_next(place);
            bar.prefetch_next(place);
            scales.turn_to(isa, patch, place);
            let (motion, strain) = (&cloud.motion[place], &cloud.strain[place]);
            let (law, scale) = (&scales.body.law, &scales.scale);
            fields[k].put::<L>(scale.field(isa, law, motion, strain, &stresses[k]));
            scattered[k].put::<L>(field_of(load_motion(isa, &bar.motion[place])));
            splines.weigh_and_slope(load_motion::<T, L>(isa, motion), &mut places[k]);
        }
        for (k, &visit) in visits.iter().enumerate() {
            if start_of(visit) != start {
                start = start_of(visit);
                rows = load_rows(isa, tile, start);
                velocity_rows = load_rows(isa, velocity, start);
            }
            gathered[k] = splines.gather(isa, &rows, &places[k]);
            let field = splines.along_z(isa, &places[k], &fields[k]);
            let scattered = splines.along_z(isa, &places[k], &scattered[k]);
            let rows = [&rows, &velocity_rows];
            pulled[k] = splines.pull_weights(isa, rows, &places[k], [&field, &scattered]);
        }
        for (k, &visit) in visits.iter().enumerate() {
            let place = place_of(visit);
            scales.turn_to(isa, patch, place);
            let scale = &scales.scale;
            // Cotangents of the value and, per cell, of the slopes of the field.
            gathered[k] = splines.about_particle(isa, &places[k], gathered[k]);
            let stress_bar = gathered[k].mul(L::splat(isa, -scale.stiffness));
            stress_bars[k].put(pack(stress_bar));
            let x_bar = position_of::<T, L>(
                meet_slopes(fields[k].lanes(isa), gathered[k].quad::<0>())
                    .neg_mul_add(per_metre, pulled[k]),
            );
            let motion_bar = &mut bar.motion[place];
            let kept = load_motion::<T, L>(isa, motion_bar).mul(keep);
            motion_of::<T, L>(gathered[k])
                .mul_add(scale.motion, kept)
                .add(x_bar)
                .store(motion_bar.lanes_mut());
            #[cfg(feature = "broken-vjp")]
            if SPOILT.load(std::sync::atomic::Ordering::Relaxed) {
                let mut lanes = [T::zero(); 16];
                position_of::<T, L>(pulled[k]).store(&mut lanes);
                motion_bar.add_x(&-nalgebra::Vector3::from_column_slice(&lanes[1..4]));
            }
        }
        if P::GROUPED {
            let bars = &mut pulled_back;
            runs::stresses_vjp::<T, P, L>(isa, patch, cloud, visits, &stress_bars, bars);
        }
        for (k, &visit) in visits.iter().enumerate() {
            let place = place_of(visit);
            scales.turn_to(isa, patch, place);
            let (body, motion) = (scales.body, &cloud.motion[place]);
            let StressBar {
                strain,
                gradient,
                parameters,
            } = if P::GROUPED {
                pulled_back[k]
            } else {
                let (strain, stress_bar) = (&cloud.strain[place], stress_bars[k].matrix());
                body.law.stress_vjp(strain, &motion.c(), &stress_bar)
            };
            if body.law.is_viscous() {
                let motion_bar = &mut bar.motion[place];
                motion_bar.set_c(&(motion_bar.c() + gradient));
            }
            bar.strain[place] = bar.strain[place].plus(&strain);

            if scales.owner != mass_bar.owner {
                mass_bar.hand_over(isa, body_bars);
                (mass_bar.owner, mass_bar.volume) = (scales.owner, body.volume);
            }
            mass_bar.add(load_motion(isa, motion), gathered[k]);
            let body_bar = &mut body_bars[scales.owner];
            for (sum, part) in body_bar[1..].iter_mut().zip(parameters) {
                *sum += part;
            }
        }
    }
    mass_bar.hand_over(isa, body_bars);
}

#[cfg(test)]
mod tests;
