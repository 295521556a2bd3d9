//! Where the nodes of the background grid are.

use backflow_diff::Real;
use nalgebra::Vector3;

/// Nodes kept outside the domain on each side, so that the stencil of a particle on
/// a wall is whole.
pub const PADDING: usize = 2;

/// A regular grid of nodes: node `(i, j, k)` is at `origin + (i, j, k) * dx`.
///
/// The domain is the box from node [`PADDING`] to node `nodes - 1 - PADDING` of each
/// axis; its walls act on the nodes of those planes and beyond.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lattice<T: Real> {
    /// Position of node (0, 0, 0) (m).
    pub origin: Vector3<T>,
    /// Spacing (m).
    pub dx: T,
    /// Nodes along each axis.
    pub nodes: [usize; 3],
}

impl<T: Real> Lattice<T> {
    /// The grid whose domain starts at `min` and has `cells` cells of `dx` along each axis.
    pub fn over(min: Vector3<T>, cells: [usize; 3], dx: T) -> Self {
        let padding = T::of(PADDING as f64);
        Self {
            origin: min - Vector3::repeat(padding * dx),
            dx,
            nodes: cells.map(|count| count + 1 + 2 * PADDING),
        }
    }

    /// `1 / dx` (1/m).
    #[inline(always)]
    pub fn inverse_dx(&self) -> T {
        T::one() / self.dx
    }

    /// Lower corner of the domain (m).
    pub fn min(&self) -> Vector3<T> {
        self.origin + Vector3::repeat(T::of(PADDING as f64) * self.dx)
    }

    /// Upper corner of the domain (m).
    pub fn max(&self) -> Vector3<T> {
        let last = |axis: usize| T::of((self.nodes[axis] - 1 - PADDING) as f64);
        self.origin + Vector3::new(last(0), last(1), last(2)) * self.dx
    }

    /// Position of a node (m).
    #[inline(always)]
    pub fn position(&self, node: [usize; 3]) -> Vector3<T> {
        self.origin
            + Vector3::new(
                T::of(node[0] as f64),
                T::of(node[1] as f64),
                T::of(node[2] as f64),
            ) * self.dx
    }

    /// Blocks of [`BLOCK`](super::block::BLOCK) nodes along each axis.
    pub fn blocks(&self) -> [usize; 3] {
        self.nodes.map(|count| count.div_ceil(super::block::BLOCK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_lies_between_the_padding() {
        let min = Vector3::new(-0.5, 1.0, 2.25);
        let lattice = Lattice::over(min, [4, 6, 9], 0.25);
        assert_eq!(lattice.nodes, [9, 11, 14]);
        assert_eq!(lattice.min(), min);
        assert_eq!(lattice.max(), min + Vector3::new(1.0, 1.5, 2.25));
        assert_eq!(lattice.position([PADDING; 3]), min);
        let last = lattice.nodes.map(|count| count - 1 - PADDING);
        assert_eq!(lattice.position(last), lattice.max());
        // Enough blocks of four for all nodes, and no more.
        assert_eq!(lattice.blocks(), [3, 3, 4]);
    }
}
