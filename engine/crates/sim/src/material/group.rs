//! Particles whose stresses are computed together.

use backflow_diff::{
    Real,
    lanes::{Lanes, Matrices, Stored, WIDTH},
};
use nalgebra::Matrix3;

use super::Deformation;
use crate::particle::Motion;

/// Up to sixteen particles of one body. A group that has fewer is filled up with its first:
/// laws that use all lanes need not ask.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a, T, S> {
    count: usize,
    strains: [&'a S; WIDTH],
    motions: [&'a Motion<T>; WIDTH],
}

impl<'a, T: Real, S> Group<'a, T, S> {
    /// The particles 0 to `count`, which is 1 to 16, by strain and motion.
    #[inline(always)]
    pub fn new(count: usize, particle: impl Fn(usize) -> (&'a S, &'a Motion<T>)) -> Self {
        let (strain, motion) = particle(0);
        let (mut strains, mut motions) = ([strain; WIDTH], [motion; WIDTH]);
        for lane in 1..count.min(WIDTH) {
            (strains[lane], motions[lane]) = particle(lane);
        }
        Self {
            count,
            strains,
            motions,
        }
    }

    /// Strain and velocity gradient (1/s) of each.
    #[inline(always)]
    pub fn particles(&self) -> impl Iterator<Item = (&'a S, Matrix3<T>)> {
        let pairs = self.strains.into_iter().zip(self.motions);
        pairs
            .take(self.count)
            .map(|(strain, motion)| (strain, motion.c()))
    }
}

impl<T: Real> Group<'_, T, Deformation<T>> {
    /// The deformation gradients in lanes.
    #[inline(always)]
    pub fn f<L: Lanes<T>>(&self, isa: L::Isa) -> Matrices<L> {
        let mut records = [self.strains[0].record(); WIDTH];
        for (record, strain) in records.iter_mut().zip(self.strains) {
            *record = strain.record();
        }
        Matrices::load_records(isa, &records)
    }
}

/// The first of some matrices in lanes, then any.
#[inline(always)]
pub(super) fn load<T: Real, L: Lanes<T>>(isa: L::Isa, matrices: &[Stored<T>]) -> Matrices<L> {
    let nothing = Stored::zero();
    let mut records = [&nothing; WIDTH];
    for (record, matrix) in records.iter_mut().zip(matrices) {
        *record = matrix;
    }
    Matrices::load_records(isa, &records)
}
