//! Grid to particles: velocity, affine velocity, strain and position by APIC
//! (Jiang et al. 2015), and the return map of the material.

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::{
    p2g::inverse_inertia,
    stencil::{Affine, fits, gather, pull_weights, scatter, tile_base},
};
use crate::{
    grid::{Lattice, Stencil, block::Tile},
    material::{Law, Strain},
    particle::{Cloud, order::Slots, split::CloudMut},
    world::Body,
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

/// Velocity and velocity gradient of a particle:
/// `v = sum w_i v_i`, `C = 4/dx^2 sum w_i v_i (x_i - x_p)^T`.
#[inline(always)]
fn read<T: Real>(
    lattice: &Lattice<T>,
    tile: &Tile<T>,
    base: usize,
    stencil: &Stencil<T>,
) -> (Vector3<T>, Matrix3<T>) {
    let Affine { value, slope } = gather(tile, base, stencil, lattice.dx);
    let scale = inverse_inertia(lattice);
    (
        Vector3::new(value[0], value[1], value[2]),
        Matrix3::from_fn(|row, column| slope[column][row] * scale),
    )
}

/// Keeps a position within half a cell of the domain; says along which axes it had to.
///
/// Half a cell beyond a wall no node but the wall's own reaches a particle, so that matter
/// comes to rest there by itself: only violent motion is held, and counted.
#[inline(always)]
fn hold<T: Real>(lattice: &Lattice<T>, x: &Vector3<T>) -> (Vector3<T>, [bool; 3]) {
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

/// Moves the particles in `range` by the grid velocities in the tile of block `at`:
/// `v`, `C` from the grid, `strain <- project(advance(strain, C, dt))`, `x <- x + dt v`,
/// kept in the domain.
#[inline(always)]
pub fn g2p<T: Real, L: Law<T>>(
    lattice: &Lattice<T>,
    dt: T,
    bodies: &[Body<T, L>],
    at: &[i32; 3],
    slots: &Slots,
    range: std::ops::Range<usize>,
    tile: &Tile<T>,
    cloud: &mut CloudMut<'_, T, L::Strain>,
) -> Moved {
    let mut moved = Moved::default();
    for (local, slot) in range.enumerate() {
        let law = &bodies[usize::from(slots.bodies[slot])].law;
        let stencil = Stencil::at(lattice, &cloud.x[local]);
        let (v, c) = read(lattice, tile, tile_base(at, &stencil), &stencil);
        let (x, held) = hold(lattice, &(cloud.x[local] + v * dt));
        cloud.x[local] = x;
        cloud.v[local] = v;
        cloud.c[local] = c;
        cloud.strain[local] = law.project(&cloud.strain[local].advance(&c, dt));
        moved.stale |= !fits(at, &Stencil::base_of(lattice, &x));
        moved.held += usize::from(held.contains(&true));
    }
    moved
}

/// Cotangents of [`g2p`]: those of the grid velocities are added to `nodes`; on entry
/// `bar` holds the cotangents of the state after the substep, on return `bar.x` and
/// `bar.strain` those of the state before it, as far as this stage goes. A coordinate
/// that was kept in the domain passes nothing on.
#[inline(always)]
pub fn g2p_vjp<T: Real, L: Law<T>>(
    lattice: &Lattice<T>,
    dt: T,
    bodies: &[Body<T, L>],
    at: &[i32; 3],
    slots: &Slots,
    range: std::ops::Range<usize>,
    cloud: &Cloud<T, L::Strain>,
    tile: &Tile<T>,
    bar: &mut CloudMut<'_, T, L::Strain>,
    nodes: &mut Tile<T>,
) {
    let scale = inverse_inertia(lattice);
    for (local, slot) in range.enumerate() {
        let law = &bodies[usize::from(slots.bodies[slot])].law;
        let (x, strain) = (&cloud.x[slot], &cloud.strain[slot]);
        let stencil = Stencil::at(lattice, x);
        let base = tile_base(at, &stencil);
        let (v, c) = read(lattice, tile, base, &stencil);

        let trial_bar = law.project_vjp(&strain.advance(&c, dt), &bar.strain[local]);
        let (strain_bar, gradient_bar) = strain.advance_vjp(&c, dt, &trial_bar);
        let c_bar = bar.c[local] + gradient_bar;
        let (_, held) = hold(lattice, &(x + v * dt));
        let mut x_bar = bar.x[local];
        for axis in 0..3 {
            if held[axis] {
                x_bar[axis] = T::zero();
            }
        }
        let v_bar = bar.v[local] + x_bar * dt;

        let field = Affine::new(&v_bar, &(c_bar * scale), T::zero());
        let weights = pull_weights(
            tile,
            base,
            &stencil,
            &field,
            lattice.dx,
            lattice.inverse_dx(),
        );
        // d(x_i - x_p)/dx_p = -I, and sum w_i v_i = v.
        bar.x[local] = x_bar + weights - (c_bar.transpose() * v) * scale;
        bar.strain[local] = strain_bar;
        scatter(nodes, base, &stencil, &field, lattice.dx);
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::{
        super::{p2g::tests::*, stencil::tests::*},
        *,
    };
    use crate::grid::block::Node;

    const STILL: Tile<f64> = [[0.0; 4]; NODES];

    /// `<J d, w>` against `<d, J^T w>` with `d` in the grid velocities and in the
    /// particles' positions and strains.
    fn check<P: Law<f64>, D: Law<Dual64>>(
        lattices: (&Lattice<f64>, &Lattice<Dual64>),
        laws: [P; 2],
        duals: [D; 2],
        label: &str,
    ) -> usize {
        let (cloud, direction) = (cloud::<P::Strain>(), tangent(2));
        let (mut grid, mut grid_direction) = (tile(7), tile(8));
        for node in grid.iter_mut().chain(&mut grid_direction) {
            // Velocities have three components.
            node[3] = 0.0;
        }
        let (bodies, slots) = (laws.map(|law| body(law, 900.0)), slots());
        let mut bar: Cloud<f64, P::Strain> = tangent(4);
        let (weights, mut nodes) = (bar.clone(), STILL);
        g2p_vjp(
            lattices.0,
            DT,
            &bodies,
            &AT,
            &slots,
            0..COUNT,
            &cloud,
            &grid,
            &mut CloudMut::of(&mut bar),
            &mut nodes,
        );
        // The velocities before the substep are not read.
        bar.v.fill(Vector3::zeros());
        bar.c.fill(Matrix3::zeros());

        let push = |grid_direction: &[Node<f64>; NODES], direction: &Cloud<f64, P::Strain>| {
            let mut after: Cloud<Dual64, D::Strain> = lift(&cloud, direction);
            let bodies = duals.map(|law| body(law, Dual64::from(900.0)));
            let moved = g2p(
                lattices.1,
                Dual64::from(DT),
                &bodies,
                &AT,
                &slots,
                0..COUNT,
                &lift_nodes(&grid, grid_direction),
                &mut CloudMut::of(&mut after),
            );
            let mut tangent = cloud.clone();
            for slot in 0..COUNT {
                tangent.x[slot] = after.x[slot].map(|entry| entry.eps);
                tangent.v[slot] = after.v[slot].map(|entry| entry.eps);
                tangent.c[slot] = after.c[slot].map(|entry| entry.eps);
                let entries = tangent.strain[slot].components_mut().iter_mut();
                for (entry, dual) in entries.zip(after.strain[slot].components()) {
                    *entry = dual.eps;
                }
            }
            (tangent, moved.held)
        };
        let (tangent, held) = push(&grid_direction, &Cloud::zeros(COUNT));
        let [forward, scale] = pairing(&tangent, &weights);
        let backward = dot(&grid_direction, &nodes);
        let error = (forward - backward).abs();
        assert!(
            error <= 1e-12 * scale,
            "{label}, grid: {forward} {backward}"
        );
        let (tangent, _) = push(&STILL, &direction);
        let [forward, scale] = pairing(&tangent, &weights);
        let [backward, _] = pairing(&direction, &bar);
        let error = (forward - backward).abs();
        assert!(
            error <= 1e-12 * scale,
            "{label}, particles: {forward} {backward}"
        );
        held
    }

    #[test]
    fn vjp_is_the_transpose_for_solids_and_liquids() {
        let lattices = (&lattice(), &lattice());
        for law in solids() {
            let laws = [law, solids()[1]];
            let duals = laws.map(|law| law.cast::<Dual64>());
            assert_eq!(check(lattices, laws, duals, &format!("{law:?}")), 0);
        }
        let laws = liquids();
        let duals = laws.map(|law| law.cast::<Dual64>());
        assert_eq!(check(lattices, laws, duals, "liquids"), 0);
    }

    #[test]
    fn vjp_is_the_transpose_where_walls_hold_particles_back() {
        // A domain whose walls some of the particles are just beyond of.
        fn tight<T: Real>() -> Lattice<T> {
            let mut lattice: Lattice<T> = lattice();
            lattice.nodes = [10, 16, 9];
            lattice
        }
        let (laws, lattices) = (liquids(), (&tight(), &tight()));
        let held = check(lattices, laws, laws.map(|law| law.cast::<Dual64>()), "held");
        assert!(held > 0 && held < COUNT, "{held}");
    }

    #[test]
    fn an_affine_velocity_field_is_read_exactly() {
        let (lattice, slots) = (lattice::<f64>(), slots());
        let (rate, drift) = (matrix(77), vector(77));
        let velocity = |x: &Vector3<f64>| drift + rate * x;
        let mut grid = STILL;
        for (index, node) in grid.iter_mut().enumerate() {
            let local = [index / 64, index / 8 % 8, index % 8];
            let at = [0, 1, 2].map(|axis| AT[axis] as usize * 4 + local[axis] - 1);
            let v = velocity(&lattice.position(at));
            *node = [v.x, v.y, v.z, 0.0];
        }
        let before: Cloud<f64, Matrix3<f64>> = cloud();
        let mut after = before.clone();
        let law = solids()[0];
        let bodies = [body(law, 900.0), body(law, 900.0)];
        let view = &mut CloudMut::of(&mut after);
        g2p(&lattice, DT, &bodies, &AT, &slots, 0..COUNT, &grid, view);
        for slot in 0..COUNT {
            let (x, f) = (&before.x[slot], &before.strain[slot]);
            assert!((after.v[slot] - velocity(x)).norm() <= 1e-13);
            assert!((after.c[slot] - rate).norm() <= 1e-12);
            assert!((after.x[slot] - x - velocity(x) * DT).norm() <= 1e-14);
            assert!((after.strain[slot] - f - rate * f * DT).norm() <= 1e-14);
        }
    }

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
}
