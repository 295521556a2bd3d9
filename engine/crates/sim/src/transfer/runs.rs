//! Stresses of the particles of a chunk. Laws take the particles of one body
//! together, up to sixteen at a time: a run.

use std::ops::Range;

use backflow_diff::{
    Real,
    lanes::{Lanes, Stored, WIDTH},
};

use super::{patch::Patch, stencil::CHUNK};
use crate::{
    material::{Group, Law, StressBar},
    particle::{
        split::CloudRef,
        visits::{Visit, place_of},
    },
};

const _: () = assert!(CHUNK <= WIDTH);

/// A number of each particle of a chunk.
pub type PerVisit<A> = [A; CHUNK];

/// Parts of a chunk whose particles belong to one body.
#[inline(always)]
fn runs<'a, T: Real, P: Law<T>>(
    patch: &'a Patch<'_, T, P>,
    visits: &'a [Visit],
) -> impl Iterator<Item = (&'a P, Range<usize>)> {
    let mut begin = 0;
    visits
        .chunk_by(|a, b| patch.owner(place_of(*a)) == patch.owner(place_of(*b)))
        .map(move |run| {
            let range = begin..begin + run.len();
            begin = range.end;
            (&patch.body(place_of(run[0])).law, range)
        })
}

/// The particles of a run where they are before a substep.
#[inline(always)]
fn before<'a, T: Real, S>(cloud: &CloudRef<'a, T, S>, visits: &[Visit]) -> Group<'a, T, S> {
    let (motion, strain) = (cloud.motion, cloud.strain);
    Group::new(visits.len(), |at| {
        let place = place_of(visits[at]);
        (&strain[place], &motion[place])
    })
}

/// Fills in the stresses.
#[inline(always)]
pub fn stresses<T: Real, P: Law<T>, L: Lanes<T>>(
    isa: L::Isa,
    patch: &Patch<'_, T, P>,
    cloud: &CloudRef<'_, T, P::Strain>,
    visits: &[Visit],
    stresses: &mut PerVisit<Stored<T>>,
) {
    for (law, run) in runs(patch, visits) {
        let group = before(cloud, &visits[run.clone()]);
        law.stresses::<L>(isa, &group, &mut stresses[run]);
    }
}

/// Fills in the cotangents of what the stresses depend on from those of the stresses.
#[inline(always)]
pub fn stresses_vjp<T: Real, P: Law<T>, L: Lanes<T>>(
    isa: L::Isa,
    patch: &Patch<'_, T, P>,
    cloud: &CloudRef<'_, T, P::Strain>,
    visits: &[Visit],
    stress_bars: &PerVisit<Stored<T>>,
    bars: &mut PerVisit<StressBar<T, P::Strain>>,
) {
    for (law, run) in runs(patch, visits) {
        let group = before(cloud, &visits[run.clone()]);
        law.stresses_vjp::<L>(isa, &group, &stress_bars[run.clone()], &mut bars[run]);
    }
}
