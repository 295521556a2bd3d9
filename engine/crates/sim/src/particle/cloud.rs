//! What particles carry: motion and strain.

use std::ops::Range;

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{Motion, Order};
use crate::{
    material::{Deformation, Strain},
    world::cast,
};

/// Particles of one kind: liquids with `S = T` (volume ratio J), solids with
/// `S = Deformation<T>`. The same type holds cotangents.
#[derive(Debug, Clone, PartialEq)]
pub struct Cloud<T: Real, S> {
    /// Where the particles are and how they move.
    pub motion: Vec<Motion<T>>,
    /// Strain measures (1).
    pub strain: Vec<S>,
}

/// All particles of a run, or all their cotangents.
#[derive(Debug, Clone, PartialEq)]
pub struct Particles<T: Real> {
    /// Particles that remember their volume ratio.
    pub liquid: Cloud<T, T>,
    /// Particles that remember their deformation gradient.
    pub solid: Cloud<T, Deformation<T>>,
}

impl<T: Real, S: Strain<T>> Cloud<T, S> {
    /// `count` zero cotangents.
    pub fn zeros(count: usize) -> Self {
        Self {
            motion: vec![Motion::zero(); count],
            strain: vec![S::zero(); count],
        }
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.motion.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.motion.is_empty()
    }

    /// Appends an undeformed particle without affine velocity.
    pub fn push(&mut self, x: Vector3<T>, v: Vector3<T>) {
        self.motion.push(Motion::new(&x, &v, &Matrix3::zeros()));
        self.strain.push(S::undeformed());
    }

    /// Appends undeformed particles; returns their slots.
    pub fn extend(&mut self, motions: impl Iterator<Item = Motion<T>>) -> Range<usize> {
        let first = self.len();
        self.motion.extend(motions);
        self.strain.resize(self.motion.len(), S::undeformed());
        first..self.len()
    }

    /// Bytes that one particle takes.
    pub const fn bytes_each() -> usize {
        size_of::<Motion<T>>() + size_of::<S>()
    }

    /// Overwrites `self` with `other`, reusing the memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.motion.clone_from(&other.motion);
        self.strain.clone_from(&other.strain);
    }

    /// Overwrites the particles from slot `first` on with those of `other`.
    fn copy_from_slot(&mut self, other: &Self, first: usize) {
        self.motion[first..].copy_from_slice(&other.motion[first..]);
        self.strain[first..].copy_from_slice(&other.strain[first..]);
    }

    /// The same particles with slot `i` taken from slot `source[i]`.
    pub fn gathered(&self, source: &[u32]) -> Self {
        fn take<V: Copy>(values: &[V], source: &[u32]) -> Vec<V> {
            source.iter().map(|&slot| values[slot as usize]).collect()
        }
        Self {
            motion: take(&self.motion, source),
            strain: take(&self.strain, source),
        }
    }

    /// What is not finite in the first slot where something is not.
    pub fn first_non_finite(&self) -> Option<(usize, &'static str)> {
        let bad = |values: &[T]| values.iter().any(|value| !value.to_f64().is_finite());
        (0..self.len()).find_map(|slot| {
            let motion = &self.motion[slot];
            if bad(motion.x().as_slice()) {
                Some((slot, "position"))
            } else if bad(motion.v().as_slice()) {
                Some((slot, "velocity"))
            } else if bad(motion.c().as_slice()) {
                Some((slot, "velocity gradient"))
            } else if bad(self.strain[slot].components()) {
                Some((slot, "strain"))
            } else {
                None
            }
        })
    }
}

impl<T: Real> Particles<T> {
    /// Zero cotangents for as many particles.
    pub fn zeros(liquids: usize, solids: usize) -> Self {
        Self {
            liquid: Cloud::zeros(liquids),
            solid: Cloud::zeros(solids),
        }
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.liquid.len() + self.solid.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.liquid.is_empty() && self.solid.is_empty()
    }

    /// Overwrites `self` with `other`, reusing the memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.liquid.copy_from(&other.liquid);
        self.solid.copy_from(&other.solid);
    }

    /// Overwrites the particles that lie behind all blocks of `order` with those of `other`, as
    /// many in the same order.
    pub fn copy_behind(&mut self, other: &Self, order: &Order) {
        let (liquids, solids) = order
            .blocks
            .last()
            .map_or((0, 0), |block| (block.liquid.end, block.solid.end));
        self.liquid.copy_from_slot(&other.liquid, liquids);
        self.solid.copy_from_slot(&other.solid, solids);
    }

    /// Bytes of `liquids` and `solids` particles.
    pub const fn bytes(liquids: usize, solids: usize) -> usize {
        liquids * Cloud::<T, T>::bytes_each() + solids * Cloud::<T, Deformation<T>>::bytes_each()
    }
}

impl<T: Real> Particles<T> {
    /// The same particles in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Particles<U> {
        fn motions<T: Real, U: Real>(from: &[Motion<T>]) -> Vec<Motion<U>> {
            from.iter().map(Motion::cast).collect()
        }
        Particles {
            liquid: Cloud {
                motion: motions(&self.liquid.motion),
                strain: self.liquid.strain.iter().map(|&j| cast(j)).collect(),
            },
            solid: Cloud {
                motion: motions(&self.solid.motion),
                strain: self.solid.strain.iter().map(Deformation::cast).collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Liquid particles that are told apart by every part of them.
    fn cloud(count: usize) -> Cloud<f64, f64> {
        let mut cloud = Cloud::zeros(0);
        for slot in 0..count {
            let number = slot as f64;
            cloud.push(Vector3::repeat(number), Vector3::repeat(-number));
            cloud.motion[slot].set_c(&Matrix3::repeat(0.5 * number));
            cloud.strain[slot] = 1.0 + number;
        }
        cloud
    }

    #[test]
    fn a_new_particle_is_undeformed_and_does_not_deform() {
        let (x, v) = (Vector3::new(1.0, 2.0, 3.0), Vector3::new(-4.0, 5.0, 6.0));
        let mut particles: Particles<f64> = Particles::zeros(0, 0);
        assert!(particles.is_empty());
        particles.liquid.push(x, v);
        particles.solid.push(x, v);
        let expected = Motion::new(&x, &v, &Matrix3::zeros());
        assert_eq!(particles.liquid.motion, [expected]);
        assert_eq!(particles.solid.motion, [expected]);
        assert_eq!(particles.liquid.strain, [1.0]);
        assert_eq!(particles.solid.strain, [Deformation::undeformed()]);
        assert_eq!(particles.len(), 2);
    }

    #[test]
    fn gathering_takes_all_parts_of_a_particle() {
        let before = cloud(5);
        let after = before.gathered(&[3, 0, 4, 1]);
        for (slot, source) in [3, 0, 4, 1].into_iter().enumerate() {
            assert_eq!(after.motion[slot], before.motion[source]);
            assert_eq!(after.strain[slot], before.strain[source]);
        }
        assert_eq!(after.len(), 4);
        let mut copy = cloud(2);
        copy.copy_from(&after);
        assert_eq!(copy, after);
    }

    #[test]
    fn the_first_slot_that_is_not_finite_is_named_with_its_part() {
        assert_eq!(cloud(4).first_non_finite(), None);
        let infinite = Vector3::new(0.0, f64::INFINITY, 0.0);
        let mut bad = cloud(4);
        bad.strain[3] = f64::NAN;
        assert_eq!(bad.first_non_finite(), Some((3, "strain")));
        bad.motion[2].set_c(&Matrix3::repeat(f64::NAN));
        assert_eq!(bad.first_non_finite(), Some((2, "velocity gradient")));
        bad.motion[1].set_v(&infinite);
        assert_eq!(bad.first_non_finite(), Some((1, "velocity")));
        bad.motion[0].set_x(&infinite);
        assert_eq!(bad.first_non_finite(), Some((0, "position")));
    }

    #[test]
    fn casting_there_and_back_keeps_small_whole_numbers() {
        let mut particles = Particles::zeros(0, 0);
        particles.liquid = cloud(4);
        particles
            .solid
            .push(Vector3::repeat(3.0), Vector3::repeat(5.0));
        assert_eq!(particles.cast::<f32>().cast::<f64>(), particles);
    }

    #[test]
    fn bytes_are_those_of_the_arrays() {
        // 16 scalars of motion, then one scalar of strain or as many again.
        assert_eq!(Particles::<f32>::bytes(2, 3), 4 * (2 * 17 + 3 * 32));
        assert_eq!(Particles::<f64>::bytes(2, 3), 8 * (2 * 17 + 3 * 32));
    }
}
