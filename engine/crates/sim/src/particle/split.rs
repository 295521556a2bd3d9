//! Disjoint mutable views of the particles of each block, so that blocks can be
//! worked on in parallel without sharing.

use std::ops::Range;

use backflow_diff::{Real, lanes::prefetch};

use super::{
    Motion,
    cloud::{Cloud, Particles},
    order::ParticleBlock,
};
use crate::material::Deformation;

/// Blocks below which work is not split further among threads.
const GRAIN: usize = 4;

/// A mutable view of a contiguous part of a [`Cloud`].
pub struct CloudMut<'a, T: Real, S> {
    /// Where the particles are and how they move.
    pub motion: &'a mut [Motion<T>],
    /// Strain measures.
    pub strain: &'a mut [S],
}

/// A view of a contiguous part of a [`Cloud`].
#[derive(Clone, Copy)]
pub struct CloudRef<'a, T: Real, S> {
    /// Where the particles are and how they move.
    pub motion: &'a [Motion<T>],
    /// Strain measures.
    pub strain: &'a [S],
}

/// Asks for the particle that lies behind `place` by as many as there are, which is one of the
/// next block if these are those of a block: while a block is at work, the next one is on its way
/// from memory, particle by particle. The loops of the transfers do not look far enough ahead to
/// ask for it in time. Strains of liquids are few bytes, and in line.
#[inline(always)]
fn prefetch_behind<T, S>(motion: &[Motion<T>], strain: &[S], place: usize) {
    prefetch(&motion[place], motion.len());
    if size_of::<S>() > size_of::<T>() {
        prefetch(&strain[place], strain.len());
    }
}

impl<'a, T: Real, S> CloudRef<'a, T, S> {
    /// Asks for the particle of the next block that lies where `place` is in this one.
    #[inline(always)]
    pub fn prefetch_next(&self, place: usize) {
        prefetch_behind(self.motion, self.strain, place);
    }

    /// A view of the particles in some slots.
    pub fn of(cloud: &'a Cloud<T, S>, slots: Range<usize>) -> Self {
        Self {
            motion: &cloud.motion[slots.clone()],
            strain: &cloud.strain[slots],
        }
    }
}

/// A view of the particles of a block.
#[derive(Clone, Copy)]
pub struct ParticlesRef<'a, T: Real> {
    /// Its liquid particles.
    pub liquid: CloudRef<'a, T, T>,
    /// Its solid particles.
    pub solid: CloudRef<'a, T, Deformation<T>>,
}

impl<'a, T: Real> ParticlesRef<'a, T> {
    /// A view of the particles of `block`.
    pub fn of(particles: &'a Particles<T>, block: &ParticleBlock) -> Self {
        Self {
            liquid: CloudRef::of(&particles.liquid, block.liquid.clone()),
            solid: CloudRef::of(&particles.solid, block.solid.clone()),
        }
    }
}

/// A mutable view of the particles of some consecutive blocks.
pub struct ParticlesMut<'a, T: Real> {
    /// Its liquid particles.
    pub liquid: CloudMut<'a, T, T>,
    /// Its solid particles.
    pub solid: CloudMut<'a, T, Deformation<T>>,
}

/// Something that can be cut between two blocks.
pub trait Split: Sized + Send {
    /// The parts before and from block `at` of `blocks`, the blocks that `self` covers.
    fn split(self, blocks: &[ParticleBlock], at: usize) -> (Self, Self);

    /// What belongs to `block`, the only one that `self` covers: without particles that lie
    /// behind all blocks.
    fn only(self, block: &ParticleBlock) -> Self;
}

impl<'a, T: Real, S> CloudMut<'a, T, S> {
    /// A view of the whole cloud.
    pub fn of(cloud: &'a mut Cloud<T, S>) -> Self {
        Self {
            motion: &mut cloud.motion,
            strain: &mut cloud.strain,
        }
    }

    /// Asks for the particle of the next block that lies where `place` is in this one.
    #[inline(always)]
    pub fn prefetch_next(&self, place: usize) {
        prefetch_behind(self.motion, self.strain, place);
    }

    /// The first `count` particles.
    fn first(self, count: usize) -> Self {
        self.split_at(count).0
    }

    /// The same view for a while.
    fn lend(&mut self) -> CloudMut<'_, T, S> {
        CloudMut {
            motion: self.motion,
            strain: self.strain,
        }
    }

    /// The same view, to read.
    fn read(&self) -> CloudRef<'_, T, S> {
        CloudRef {
            motion: self.motion,
            strain: self.strain,
        }
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let (motion, motion_rest) = self.motion.split_at_mut(at);
        let (strain, strain_rest) = self.strain.split_at_mut(at);
        (
            Self { motion, strain },
            Self {
                motion: motion_rest,
                strain: strain_rest,
            },
        )
    }
}

impl<'a, T: Real> ParticlesMut<'a, T> {
    /// A view of all particles.
    pub fn of(particles: &'a mut Particles<T>) -> Self {
        Self {
            liquid: CloudMut::of(&mut particles.liquid),
            solid: CloudMut::of(&mut particles.solid),
        }
    }

    /// The same view for a while.
    pub fn lend(&mut self) -> ParticlesMut<'_, T> {
        ParticlesMut {
            liquid: self.liquid.lend(),
            solid: self.solid.lend(),
        }
    }

    /// The same view, to read.
    pub fn read(&self) -> ParticlesRef<'_, T> {
        ParticlesRef {
            liquid: self.liquid.read(),
            solid: self.solid.read(),
        }
    }
}

impl<T: Real> Split for ParticlesMut<'_, T> {
    fn split(self, blocks: &[ParticleBlock], at: usize) -> (Self, Self) {
        let liquids = blocks[at].liquid.start - blocks[0].liquid.start;
        let solids = blocks[at].solid.start - blocks[0].solid.start;
        let (liquid, liquid_rest) = self.liquid.split_at(liquids);
        let (solid, solid_rest) = self.solid.split_at(solids);
        (
            Self { liquid, solid },
            Self {
                liquid: liquid_rest,
                solid: solid_rest,
            },
        )
    }

    fn only(self, block: &ParticleBlock) -> Self {
        Self {
            liquid: self.liquid.first(block.liquid.len()),
            solid: self.solid.first(block.solid.len()),
        }
    }
}

/// `width` consecutive items a block.
pub struct PerBlock<'a, V> {
    /// The items of the blocks covered.
    pub items: &'a mut [V],
    /// Items of one block.
    pub width: usize,
}

impl<V: Send> Split for PerBlock<'_, V> {
    fn split(self, _blocks: &[ParticleBlock], at: usize) -> (Self, Self) {
        let (items, rest) = self.items.split_at_mut(at * self.width);
        (
            Self {
                items,
                width: self.width,
            },
            Self {
                items: rest,
                width: self.width,
            },
        )
    }

    fn only(self, _block: &ParticleBlock) -> Self {
        self
    }
}

/// An item a particle of each kind.
pub struct PerParticle<'a, A> {
    /// Items of the liquid particles.
    pub liquid: &'a mut [A],
    /// Items of the solid particles.
    pub solid: &'a mut [A],
}

impl<A> PerParticle<'_, A> {
    /// The same view for a while.
    pub fn lend(&mut self) -> PerParticle<'_, A> {
        PerParticle {
            liquid: self.liquid,
            solid: self.solid,
        }
    }
}

impl<A: Send> Split for PerParticle<'_, A> {
    fn split(self, blocks: &[ParticleBlock], at: usize) -> (Self, Self) {
        let liquids = blocks[at].liquid.start - blocks[0].liquid.start;
        let solids = blocks[at].solid.start - blocks[0].solid.start;
        let (liquid, liquid_rest) = self.liquid.split_at_mut(liquids);
        let (solid, solid_rest) = self.solid.split_at_mut(solids);
        (
            Self { liquid, solid },
            Self {
                liquid: liquid_rest,
                solid: solid_rest,
            },
        )
    }

    fn only(self, block: &ParticleBlock) -> Self {
        Self {
            liquid: &mut self.liquid[..block.liquid.len()],
            solid: &mut self.solid[..block.solid.len()],
        }
    }
}

impl<A: Split> Split for Option<A> {
    fn split(self, blocks: &[ParticleBlock], at: usize) -> (Self, Self) {
        match self {
            Some(view) => {
                let (view, rest) = view.split(blocks, at);
                (Some(view), Some(rest))
            }
            None => (None, None),
        }
    }

    fn only(self, block: &ParticleBlock) -> Self {
        self.map(|view| view.only(block))
    }
}

impl<A: Split, B: Split> Split for (A, B) {
    fn split(self, blocks: &[ParticleBlock], at: usize) -> (Self, Self) {
        let (a, a_rest) = self.0.split(blocks, at);
        let (b, b_rest) = self.1.split(blocks, at);
        ((a, b), (a_rest, b_rest))
    }

    fn only(self, block: &ParticleBlock) -> Self {
        (self.0.only(block), self.1.only(block))
    }
}

/// Runs `work` on every block with its part of `view`, on as many threads as there
/// are, and merges what it returns in an order that does not depend on them.
pub fn for_each_block<V: Split, R: Send>(
    blocks: &[ParticleBlock],
    view: V,
    work: &(impl Fn(&ParticleBlock, V) -> R + Sync),
    merge: &(impl Fn(R, R) -> R + Sync),
) -> Option<R> {
    match blocks {
        [] => None,
        [block] => Some(work(block, view.only(block))),
        _ => {
            let at = blocks.len() / 2;
            let (left, right) = view.split(blocks, at);
            let left = || for_each_block(&blocks[..at], left, work, merge);
            let right = || for_each_block(&blocks[at..], right, work, merge);
            let (left, right) = if blocks.len() > GRAIN {
                rayon::join(left, right)
            } else {
                (left(), right())
            };
            match (left, right) {
                (Some(left), Some(right)) => Some(merge(left, right)),
                (one, other) => one.or(other),
            }
        }
    }
}

#[cfg(test)]
mod tests;
