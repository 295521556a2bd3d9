use backflow_diff::lanes::Portable;
use nalgebra::Matrix3;
use num_dual::Dual64;

use super::{
    super::{p2g::p2g_vjp, testing::*},
    *,
};
use crate::{
    grid::{
        Lattice,
        block::{Node, tile_base},
    },
    material::{Deformation, PARAMETERS},
    particle::{Cloud, visits::plan_visits},
    world::Body,
};

static STILL: Tile<f64> = [[0.0; 4]; NODES];

/// Moves all particles of block [`AT`].
fn advance<T: Real, P: Law<T>>(
    lattice: &Lattice<T>,
    bodies: &[Body<T, P>],
    tile: &Tile<T>,
    cloud: &mut Cloud<T, P::Strain>,
) -> Moved {
    let patch = Patch {
        lattice,
        dt: T::of(DT),
        bodies,
        at: AT,
        owners: &owners(),
        visits: &visits(lattice, cloud),
    };
    g2p::<T, P, Portable<T>>((), &patch, tile, &mut CloudMut::of(cloud), None)
}

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
    let bodies = laws.map(|law| body(law, 900.0));
    let mut bar: Cloud<f64, P::Strain> = tangent(4);
    let (weights, mut nodes) = (bar.clone(), STILL);
    let mut body_bars = [[0.0; 1 + PARAMETERS]; 2];
    let patch = Patch {
        lattice: lattices.0,
        dt: DT,
        bodies: &bodies,
        at: AT,
        owners: &owners(),
        visits: &visits(lattices.0, &cloud),
    };
    g2p_vjp::<f64, P, Portable<f64>>(
        (),
        &patch,
        &CloudRef::of(&cloud, 0..COUNT),
        After::By(&grid),
        &mut CloudMut::of(&mut bar),
        &mut nodes,
        &mut body_bars,
    );
    // With the state after it at hand, whatever held particles back, the bits are the same.
    let (mut same, mut same_nodes) = (weights.clone(), STILL);
    let mut same_body_bars = [[0.0; 1 + PARAMETERS]; 2];
    let mut after = cloud.clone();
    advance(lattices.0, &bodies, &grid, &mut after);
    g2p_vjp::<f64, P, Portable<f64>>(
        (),
        &patch,
        &CloudRef::of(&cloud, 0..COUNT),
        After::Known(&after.motion),
        &mut CloudMut::of(&mut same),
        &mut same_nodes,
        &mut same_body_bars,
    );
    assert_eq!(same, bar, "{label}");
    assert_eq!((same_nodes, same_body_bars), (nodes, body_bars), "{label}");
    // The weights are pulled with those of particles to grid, to which nothing comes here. The
    // velocities before the substep are not read.
    p2g_vjp::<f64, P, Portable<f64>>(
        (),
        &patch,
        &CloudRef::of(&cloud, 0..COUNT),
        &STILL,
        &grid,
        &mut CloudMut::of(&mut bar),
        &mut [[0.0; 1 + PARAMETERS]; 2],
    );
    for motion in &bar.motion {
        assert_eq!(
            (motion.v(), motion.c()),
            (Vector3::zeros(), Matrix3::zeros())
        );
    }

    let push_laws =
        |grid_direction: &[Node<f64>; NODES], direction: &Cloud<f64, P::Strain>, laws: [D; 2]| {
            let mut after: Cloud<Dual64, D::Strain> = lift(&cloud, direction);
            let bodies = laws.map(|law| body(law, Dual64::from(900.0)));
            let grid = lift_nodes(&grid, grid_direction);
            let moved = advance(lattices.1, &bodies, &grid, &mut after);
            let mut tangent = cloud.clone();
            for slot in 0..COUNT {
                let lanes = after.motion[slot].lanes().map(|entry| entry.eps);
                *tangent.motion[slot].lanes_mut() = lanes;
                let entries = tangent.strain[slot].components_mut().iter_mut();
                for (entry, dual) in entries.zip(after.strain[slot].components()) {
                    *entry = dual.eps;
                }
            }
            (tangent, moved.held)
        };
    let push = |grid_direction: &_, direction: &_| push_laws(grid_direction, direction, duals);
    let (tangent, held) = push(&grid_direction, &Cloud::zeros(COUNT));
    let [forward, scale] = pairing(&tangent, &weights);
    let backward = dot(&grid_direction, &nodes);
    let error = (forward - backward).abs();
    assert!(
        error <= 1e-12 * scale,
        "{label}, grid: {forward} {backward}"
    );
    for index in 0..2 {
        let inner = std::array::from_fn(|at| body_bars[index][1 + at]);
        let named = laws[index].parameters_vjp(&inner);
        for (at, name) in laws[index].parameter_names().iter().enumerate() {
            let mut moved = duals;
            let mut parameters = duals[index].parameters();
            parameters[at].eps = 1.0;
            moved[index] = duals[index].with_parameters(parameters);
            let (tangent, _) = push_laws(&STILL, &Cloud::zeros(COUNT), moved);
            let [forward, scale] = pairing(&tangent, &weights);
            let error = (forward - named[at]).abs();
            assert!(error <= 1e-12 * scale, "{label}: {name}");
        }
    }
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
    let (laws, lattices) = (liquids(), (&tight(), &tight()));
    let held = check(lattices, laws, laws.map(|law| law.cast::<Dual64>()), "held");
    assert!(held > 0 && held < COUNT, "{held}");
}

#[test]
fn an_affine_velocity_field_is_read_exactly() {
    let lattice = lattice::<f64>();
    let (rate, drift) = (matrix(77), vector(77));
    let velocity = |x: &Vector3<f64>| drift + rate * x;
    let mut grid = STILL;
    for (index, node) in grid.iter_mut().enumerate() {
        let local = [index / 64, index / 8 % 8, index % 8];
        let at = [0, 1, 2].map(|axis| AT[axis] as usize * 4 + local[axis] - 1);
        let v = velocity(&lattice.position(at));
        *node = [v.x, v.y, v.z, 0.0];
    }
    let before: Cloud<f64, Deformation<f64>> = cloud();
    let mut after = before.clone();
    let law = solids()[0];
    let bodies = [body(law, 900.0), body(law, 900.0)];
    advance(&lattice, &bodies, &grid, &mut after);
    for slot in 0..COUNT {
        let (x, f) = (before.motion[slot].x(), before.strain[slot].f());
        let moved = &after.motion[slot];
        assert!((moved.v() - velocity(&x)).norm() <= 1e-13);
        assert!((moved.c() - rate).norm() <= 1e-12);
        assert!((moved.x() - x - velocity(&x) * DT).norm() <= 1e-14);
        assert!((after.strain[slot].f() - f - rate * f * DT).norm() <= 1e-14);
    }
}

#[test]
fn a_particle_that_leaves_its_tile_or_is_not_finite_makes_the_order_stale() {
    let (lattice, laws) = (lattice::<f64>(), liquids());
    let bodies = laws.map(|law| body(law, 900.0));
    let mut still: Cloud<f64, f64> = cloud();
    assert_eq!(
        advance(&lattice, &bodies, &STILL, &mut still),
        Moved::default()
    );
    // Five cells in one substep.
    let gone = [5.0 * lattice.dx / DT, 0.0, 0.0, 0.0];
    for velocity in [
        gone,
        [0.0, f64::NAN, 0.0, 0.0],
        [0.0, 0.0, f64::INFINITY, 0.0],
    ] {
        let mut cloud: Cloud<f64, f64> = cloud();
        let moved = advance(&lattice, &bodies, &[velocity; NODES], &mut cloud);
        assert!(moved.stale, "{velocity:?}");
    }
}

#[test]
fn a_position_that_is_not_finite_is_not_taken_for_one_at_the_first_node() {
    // Indices of what is not finite are those of the first block.
    let (lattice, at) = (lattice::<f64>(), [0; 3]);
    assert!(fits(
        &at,
        &Stencil::base_of(&lattice, &Vector3::repeat(f64::NAN))
    ));
    let x = lattice.min() + Vector3::repeat(0.3 * lattice.dx);
    let start = tile_base(&at, &Stencil::base_of(&lattice, &x)) as u16;
    let mut visits = [0];
    plan_visits(&[start], &mut visits);
    let patch = Patch {
        lattice: &lattice,
        dt: DT,
        bodies: &liquids().map(|law| body(law, 900.0)),
        at,
        owners: &[0],
        visits: &visits,
    };
    for (velocity, stale) in [(0.0, false), (f64::NAN, true)] {
        let mut cloud: Cloud<f64, f64> = Cloud::zeros(0);
        cloud.push(x, Vector3::zeros());
        let grid = [[velocity, velocity, velocity, 0.0]; NODES];
        let view = &mut CloudMut::of(&mut cloud);
        let moved = g2p::<f64, _, Portable<f64>>((), &patch, &grid, view, None);
        assert_eq!(moved.stale, stale, "{velocity}");
    }
}
