use backflow_diff::lanes::Portable;
use nalgebra::Vector3;
use num_dual::Dual64;

use super::{super::testing::*, *};
use crate::{
    grid::{
        Stencil,
        block::{BLOCK, MARGIN, TILE},
    },
    material::{Deformation, PARAMETERS},
    particle::Cloud,
};

/// What all particles of block [`AT`] scatter.
fn scattered<T: Real, P: Law<T>>(bodies: &[Body<T, P>], cloud: &Cloud<T, P::Strain>) -> Tile<T> {
    let (lattice, owners) = (lattice(), owners());
    let patch = Patch {
        lattice: &lattice,
        dt: T::of(DT),
        bodies,
        at: AT,
        owners: &owners,
        visits: &visits(&lattice, cloud),
    };
    let cloud = CloudRef::of(cloud, 0..COUNT);
    let mut nodes = [[T::zero(); 4]; NODES];
    p2g::<T, P, Portable<T>>((), &patch, &cloud, &mut nodes);
    nodes
}

/// `<J d, w>` against `<d, J^T w>` with `d` in the particles, then in each body's
/// density and parameters.
fn check<P: Law<f64>, D: Law<Dual64>>(laws: [P; 2], duals: [D; 2], label: &str) {
    let (cloud, direction) = (cloud::<P::Strain>(), tangent(2));
    let weights = tile(5);
    let bodies = laws.map(|law| body(law, 900.0));
    // What a later stage hands on for positions and strains adds up.
    let later = tangent(3);
    let mut bar: Cloud<f64, P::Strain> = tangent(3);
    let mut body_bars = [[0.0; 1 + PARAMETERS]; 2];
    let (lattice, owners) = (lattice(), owners());
    let patch = Patch {
        lattice: &lattice,
        dt: DT,
        bodies: &bodies,
        at: AT,
        owners: &owners,
        visits: &visits(&lattice, &cloud),
    };
    p2g_vjp::<f64, P, Portable<f64>>(
        (),
        &patch,
        &CloudRef::of(&cloud, 0..COUNT),
        &weights,
        // Nothing was scattered to velocities.
        &[[0.0; 4]; NODES],
        &mut CloudMut::of(&mut bar),
        &mut body_bars,
    );
    for slot in 0..COUNT {
        let later: &Cloud<f64, P::Strain> = &later;
        bar.motion[slot].add_x(&-later.motion[slot].x());
        let entries = bar.strain[slot].components_mut().iter_mut();
        for (entry, later) in entries.zip(later.strain[slot].components()) {
            *entry -= later;
        }
    }
    let push = |cloud: &Cloud<Dual64, D::Strain>, bodies: &[Body<Dual64, D>; 2]| {
        let nodes = scattered(bodies, cloud);
        dot(&nodes.map(|node| node.map(|entry| entry.eps)), &weights)
    };
    let still = duals.map(|law| body(law, Dual64::from(900.0)));
    let forward = push(&lift(&cloud, &direction), &still);
    let [backward, scale] = pairing(&direction, &bar);
    assert!(
        (forward - backward).abs() <= 1e-12 * scale,
        "{label}: {forward} {backward}"
    );

    let steady = lift(&cloud, &Cloud::zeros(COUNT));
    for index in 0..2 {
        let mut bodies = still.clone();
        bodies[index].density.eps = 1.0;
        let forward = push(&steady, &bodies);
        let backward = body_bars[index][0];
        assert!(
            (forward - backward).abs() <= 1e-12 * forward.abs(),
            "{label}: density"
        );
        let inner = std::array::from_fn(|at| body_bars[index][1 + at]);
        let named = laws[index].parameters_vjp(&inner);
        for (at, name) in laws[index].parameter_names().iter().enumerate() {
            let mut parameters = duals[index].parameters();
            parameters[at].eps = 1.0;
            let mut bodies = still.clone();
            bodies[index].law = duals[index].with_parameters(parameters);
            let (forward, backward) = (push(&steady, &bodies), named[at]);
            let error = (forward - backward).abs();
            assert!(error <= 1e-12 * forward.abs(), "{label}: {name}");
        }
    }
}

#[test]
fn vjp_is_the_transpose_for_solids_and_liquids() {
    for law in solids() {
        let laws = [law, solids()[0]];
        check(
            laws,
            laws.map(|law| law.cast::<Dual64>()),
            &format!("{law:?}"),
        );
    }
    let laws = liquids();
    check(laws, laws.map(|law| law.cast::<Dual64>()), "liquids");
}

#[test]
fn momentum_and_mass_are_those_of_the_formula_for_solids_and_liquids() {
    fn check<P: Law<f64>>(laws: [P; 2]) {
        let (cloud, lattice) = (cloud::<P::Strain>(), lattice::<f64>());
        let bodies = laws.map(|law| body(law, 900.0));
        let (mut expected, mut scale) = ([[0.0; 4]; NODES], [0.0_f64; 4]);
        for slot in 0..COUNT {
            let (body, motion) = (&bodies[slot % 2], &cloud.motion[slot]);
            let (x, c) = (motion.x(), motion.c());
            let stencil = Stencil::at(&lattice, &x);
            let mass = body.density * body.volume;
            let stress = body.law.stress(&cloud.strain[slot], &c);
            let slope = c * mass - stress * (DT * body.volume * inverse_inertia(&lattice));
            for node in 0..27 {
                let offset = [node / 9, node / 3 % 3, node % 3];
                let [i, j, k] = offset;
                let w = &stencil.weights;
                let weight = w[i].x * w[j].y * w[k].z;
                let at = |axis: usize| stencil.base[axis] + offset[axis] as i32;
                let arm = lattice.position([0, 1, 2].map(|axis| at(axis) as usize)) - x;
                let momentum = (motion.v() * mass + slope * arm) * weight;
                let local = |axis: usize| (at(axis) - AT[axis] * BLOCK as i32 + MARGIN) as usize;
                let node = &mut expected[(local(0) * TILE + local(1)) * TILE + local(2)];
                let part = [momentum.x, momentum.y, momentum.z, weight * mass];
                for channel in 0..4 {
                    node[channel] += part[channel];
                    scale[channel] = scale[channel].max(part[channel].abs());
                }
            }
        }
        for (node, expected) in scattered(&bodies, &cloud).iter().zip(&expected) {
            for channel in 0..4 {
                // Round-off of a sum of few terms of this size.
                let error = (node[channel] - expected[channel]).abs();
                assert!(error <= 1e-13 * scale[channel], "{node:?} {expected:?}");
            }
        }
    }
    for law in solids() {
        check([law, solids()[0]]);
    }
    check(liquids());
}

#[test]
fn stress_moves_no_momentum_and_no_angular_momentum() {
    // sum_i grad w_i = 0, and tau is symmetric.
    for law in solids() {
        let bodies = [body(law, 900.0), body(law, 900.0)];
        let mut cloud: Cloud<f64, Deformation<f64>> = cloud();
        for motion in &mut cloud.motion {
            motion.set_v(&Vector3::zeros());
            motion.set_c(&Matrix3::zeros());
        }
        let nodes = scattered(&bodies, &cloud);
        let (mut momentum, mut angular, mut scale) = (Vector3::zeros(), Vector3::zeros(), 0.0);
        for (index, [x, y, z, _]) in nodes.into_iter().enumerate() {
            let impulse = Vector3::new(x, y, z);
            momentum += impulse;
            let at = [index / 64, index / 8 % 8, index % 8].map(|node| node as f64);
            angular += Vector3::from(at).cross(&impulse);
            scale += impulse.norm();
        }
        // In cells of the tile: arms are up to eight.
        assert!(momentum.norm() <= 1e-14 * scale && scale > 0.0);
        assert!(angular.norm() <= 1e-13 * scale);
    }
}
