//! What the transfers between one kind of particles in a block and its tile read.

use backflow_diff::Real;

use crate::{
    grid::Lattice,
    material::{Law, PARAMETERS},
    particle::visits::Visit,
    world::Body,
};

/// Cotangents of a body's density and of its law's inner parameters.
pub type BodyBar<T> = [T; 1 + PARAMETERS];

/// The particles of one kind in a block. A particle's place is its slot, counted from the
/// first of the block.
#[derive(Clone, Copy)]
pub struct Patch<'a, T: Real, P: Law<T>> {
    /// The grid.
    pub lattice: &'a Lattice<T>,
    /// Time step (s).
    pub dt: T,
    /// Bodies of this kind.
    pub bodies: &'a [Body<T, P>],
    /// The block.
    pub at: [i32; 3],
    /// Body of the particle at each place.
    pub owners: &'a [u16],
    /// The order in which the particles are visited.
    pub visits: &'a [Visit],
}

impl<'a, T: Real, P: Law<T>> Patch<'a, T, P> {
    /// Index of the body of the particle at `place`.
    #[inline(always)]
    pub fn owner(&self, place: usize) -> usize {
        usize::from(self.owners[place])
    }

    /// Body of the particle at `place`.
    #[inline(always)]
    pub fn body(&self, place: usize) -> &'a Body<T, P> {
        &self.bodies[self.owner(place)]
    }
}

/// `4 / dx^2`: inverse of the inertia-like tensor of quadratic B-splines (Jiang et al.
/// 2015, sec. 5.3), 1/m^2.
#[inline(always)]
pub fn inverse_inertia<T: Real>(lattice: &Lattice<T>) -> T {
    T::of(4.0) * lattice.inverse_dx() * lattice.inverse_dx()
}
