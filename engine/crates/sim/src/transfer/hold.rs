//! Where particles may be: in the domain, and within reach of the tile of their block.

use backflow_diff::Real;
use nalgebra::Vector3;

use crate::grid::{
    Lattice,
    block::{BLOCK, MARGIN},
};

/// Keeps a position within half a cell of the domain; says along which axes it had to.
///
/// Half a cell beyond a wall no node but the wall's own reaches a particle, so that matter
/// comes to rest there by itself: only violent motion is held, and counted.
#[inline(always)]
pub fn hold<T: Real>(lattice: &Lattice<T>, x: &Vector3<T>) -> (Vector3<T>, [bool; 3]) {
    let skin = Vector3::repeat(lattice.dx * T::of(0.5));
    let (min, max) = (lattice.min() - skin, lattice.max() + skin);
    let mut held = [false; 3];
    let mut inside = *x;
    for axis in 0..3 {
        if x[axis] < min[axis] {
            inside[axis] = min[axis];
            held[axis] = true;
        } else if x[axis] > max[axis] {
            inside[axis] = max[axis];
            held[axis] = true;
        }
    }
    (inside, held)
}

/// A box in which nothing need be done about a position: within the domain and within the
/// reach of the tile of block `at`, with some room for round-off.
pub fn quiet<T: Real>(lattice: &Lattice<T>, at: &[i32; 3]) -> (Vector3<T>, Vector3<T>) {
    let room = 1e-3;
    // In cells from the lattice's origin; a stencil starts half a cell below its particle.
    let reach = f64::from(MARGIN) - 0.5 - room;
    let cell = |axis: usize, offset: f64| T::of(f64::from(at[axis] * BLOCK as i32) + offset);
    let mut bounds = (lattice.min(), lattice.max());
    for axis in 0..3 {
        let low = cell(axis, -reach) * lattice.dx + lattice.origin[axis];
        let high = cell(axis, BLOCK as f64 + 1.0 + reach) * lattice.dx + lattice.origin[axis];
        if low > bounds.0[axis] {
            bounds.0[axis] = low;
        }
        if high < bounds.1[axis] {
            bounds.1[axis] = high;
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::grid::{Stencil, block::fits};

    #[test]
    fn positions_are_held_within_half_a_cell_of_the_domain() {
        let lattice = lattice::<f64>();
        let skin = Vector3::repeat(0.5 * lattice.dx);
        let (min, max) = (lattice.min() - skin, lattice.max() + skin);
        let step = Vector3::new(0.1, 0.0, 0.0);
        assert_eq!(hold(&lattice, &min), (min, [false; 3]));
        assert_eq!(hold(&lattice, &max), (max, [false; 3]));
        assert_eq!(hold(&lattice, &(min - step)), (min, [true, false, false]));
        assert_eq!(hold(&lattice, &(max + step)), (max, [true, false, false]));
    }

    #[test]
    fn nothing_is_to_be_done_about_positions_within_the_quiet_box() {
        for lattice in [lattice::<f64>(), tight()] {
            let (low, high) = quiet(&lattice, &AT);
            let ((min, max), middle) = ((lattice.min(), lattice.max()), (low + high) * 0.5);
            for axis in 0..3 {
                for (end, side) in [(low[axis], -1.0), (high[axis], 1.0)] {
                    let mut x = middle;
                    x[axis] = end;
                    assert_eq!(hold(&lattice, &x), (x, [false; 3]));
                    assert!(fits(&AT, &Stencil::base_of(&lattice, &x)));
                    // Hardly further there is, or the particle is at a wall.
                    x[axis] += side * 2e-3 * lattice.dx;
                    let leaves = !fits(&AT, &Stencil::base_of(&lattice, &x));
                    assert!(leaves || x[axis] < min[axis] || x[axis] > max[axis]);
                }
            }
        }
    }
}
