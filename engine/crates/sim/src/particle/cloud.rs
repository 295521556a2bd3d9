//! What particles carry, as arrays of one quantity each.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use crate::{material::Strain, world::cast};

/// Particles of one kind: liquids with `S = T` (volume ratio J), solids with
/// `S = Matrix3<T>` (deformation gradient F). The same type holds cotangents.
#[derive(Debug, Clone, PartialEq)]
pub struct Cloud<T: Real, S> {
    /// Positions (m).
    pub x: Vec<Vector3<T>>,
    /// Velocities (m/s).
    pub v: Vec<Vector3<T>>,
    /// Affine velocity matrices C, the velocity gradients (1/s).
    pub c: Vec<Matrix3<T>>,
    /// Strain measures (1).
    pub strain: Vec<S>,
}

/// All particles of a run, or all their cotangents.
#[derive(Debug, Clone, PartialEq)]
pub struct Particles<T: Real> {
    /// Particles that remember their volume ratio.
    pub liquid: Cloud<T, T>,
    /// Particles that remember their deformation gradient.
    pub solid: Cloud<T, Matrix3<T>>,
}

impl<T: Real, S: Strain<T>> Cloud<T, S> {
    /// `count` zero cotangents.
    pub fn zeros(count: usize) -> Self {
        Self {
            x: vec![Vector3::zeros(); count],
            v: vec![Vector3::zeros(); count],
            c: vec![Matrix3::zeros(); count],
            strain: vec![S::zero(); count],
        }
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Appends an undeformed particle without affine velocity.
    pub fn push(&mut self, x: Vector3<T>, v: Vector3<T>) {
        self.x.push(x);
        self.v.push(v);
        self.c.push(Matrix3::zeros());
        self.strain.push(S::undeformed());
    }

    /// Bytes that one particle takes.
    pub const fn bytes_each() -> usize {
        size_of::<Vector3<T>>() * 2 + size_of::<Matrix3<T>>() + size_of::<S>()
    }

    /// Overwrites `self` with `other`, reusing the memory.
    pub fn copy_from(&mut self, other: &Self) {
        self.x.clone_from(&other.x);
        self.v.clone_from(&other.v);
        self.c.clone_from(&other.c);
        self.strain.clone_from(&other.strain);
    }

    /// The same particles with slot `i` taken from slot `source[i]`.
    pub fn gathered(&self, source: &[u32]) -> Self {
        fn take<V: Copy>(values: &[V], source: &[u32]) -> Vec<V> {
            source.iter().map(|&slot| values[slot as usize]).collect()
        }
        Self {
            x: take(&self.x, source),
            v: take(&self.v, source),
            c: take(&self.c, source),
            strain: take(&self.strain, source),
        }
    }

    /// What is not finite in the first slot where something is not.
    pub fn first_non_finite(&self) -> Option<(usize, &'static str)> {
        let bad = |values: &[T]| values.iter().any(|value| !value.to_f64().is_finite());
        (0..self.len()).find_map(|slot| {
            if bad(self.x[slot].as_slice()) {
                Some((slot, "position"))
            } else if bad(self.v[slot].as_slice()) {
                Some((slot, "velocity"))
            } else if bad(self.c[slot].as_slice()) {
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

    /// Bytes of `liquids` and `solids` particles.
    pub const fn bytes(liquids: usize, solids: usize) -> usize {
        liquids * Cloud::<T, T>::bytes_each() + solids * Cloud::<T, Matrix3<T>>::bytes_each()
    }
}

impl<T: Real> Particles<T> {
    /// The same particles in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Particles<U> {
        fn vectors<T: Real, U: Real>(from: &[Vector3<T>]) -> Vec<Vector3<U>> {
            from.iter().map(|vector| vector.map(cast)).collect()
        }
        fn matrices<T: Real, U: Real>(from: &[Matrix3<T>]) -> Vec<Matrix3<U>> {
            from.iter().map(|matrix| matrix.map(cast)).collect()
        }
        Particles {
            liquid: Cloud {
                x: vectors(&self.liquid.x),
                v: vectors(&self.liquid.v),
                c: matrices(&self.liquid.c),
                strain: self.liquid.strain.iter().map(|&j| cast(j)).collect(),
            },
            solid: Cloud {
                x: vectors(&self.solid.x),
                v: vectors(&self.solid.v),
                c: matrices(&self.solid.c),
                strain: matrices(&self.solid.strain),
            },
        }
    }
}
