//! Particles to grid: momentum and mass by MLS-MPM (Hu et al. 2018, eq. 29).

use backflow_diff::Real;
use nalgebra::{Matrix3, Vector3};

use super::stencil::{Affine, gather, pull_weights, scatter, tile_base};
use crate::{
    grid::{Lattice, Stencil, block::Tile},
    material::{Law, PARAMETERS, Strain, StressBar},
    particle::{Cloud, order::Slots, split::CloudMut},
    world::Body,
};

/// Cotangents of a body's density and of its law's inner parameters.
pub type BodyBar<T> = [T; 1 + PARAMETERS];

/// Whether a term of [`p2g_vjp`] is left out, so that a test can see the gradient check fail.
#[cfg(feature = "broken-vjp")]
static SPOILT: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Leaves a term of [`p2g_vjp`] out from now on, or not.
#[cfg(feature = "broken-vjp")]
pub fn spoil(spoilt: bool) {
    SPOILT.store(spoilt, std::sync::atomic::Ordering::Relaxed);
}

/// `4 / dx^2`: inverse of the inertia-like tensor of quadratic B-splines (Jiang et al.
/// 2015, sec. 5.3), 1/m^2.
#[inline(always)]
pub fn inverse_inertia<T: Real>(lattice: &Lattice<T>) -> T {
    T::of(4.0) * lattice.inverse_dx() * lattice.inverse_dx()
}

/// What a particle scatters: momentum `m v + (m C - dt V 4/dx^2 tau)(x_i - x_p)` and
/// mass `m`.
#[inline(always)]
fn field<T: Real>(
    v: &Vector3<T>,
    c: &Matrix3<T>,
    stress: &Matrix3<T>,
    mass: T,
    stiffness: T,
) -> Affine<T> {
    Affine::new(&(v * mass), &(c * mass - stress * stiffness), mass)
}

/// Adds the momentum and mass of the particles in `range` to the tile of block `at`:
/// `p_i += w_i (m v + A (x_i - x_p))`, `m_i += w_i m` with `A = m C - dt V 4/dx^2 tau`.
#[inline(always)]
pub fn p2g<T: Real, L: Law<T>>(
    lattice: &Lattice<T>,
    dt: T,
    bodies: &[Body<T, L>],
    at: &[i32; 3],
    slots: &Slots,
    range: std::ops::Range<usize>,
    cloud: &Cloud<T, L::Strain>,
    tile: &mut Tile<T>,
) {
    for slot in range {
        let body = &bodies[usize::from(slots.bodies[slot])];
        let (mass, stiffness) = (
            body.density * body.volume,
            dt * body.volume * inverse_inertia(lattice),
        );
        let stress = body.law.stress(&cloud.strain[slot], &cloud.c[slot]);
        let field = field(&cloud.v[slot], &cloud.c[slot], &stress, mass, stiffness);
        let stencil = Stencil::at(lattice, &cloud.x[slot]);
        scatter(tile, tile_base(at, &stencil), &stencil, &field, lattice.dx);
    }
}

/// Cotangents of the particles in `range` from those of the nodes in `tile` (momentum
/// and mass). On entry `bar.x` and `bar.strain` hold what later stages contribute; on
/// return `bar` is the cotangent of the state before the substep. The cotangents of each
/// body's density and inner parameters are added to `body_bars`.
#[inline(always)]
pub fn p2g_vjp<T: Real, L: Law<T>>(
    lattice: &Lattice<T>,
    dt: T,
    bodies: &[Body<T, L>],
    at: &[i32; 3],
    slots: &Slots,
    range: std::ops::Range<usize>,
    cloud: &Cloud<T, L::Strain>,
    tile: &Tile<T>,
    bar: &mut CloudMut<'_, T, L::Strain>,
    body_bars: &mut [BodyBar<T>],
) {
    for (local, slot) in range.enumerate() {
        let index = usize::from(slots.bodies[slot]);
        let body = &bodies[index];
        let (mass, stiffness) = (
            body.density * body.volume,
            dt * body.volume * inverse_inertia(lattice),
        );
        let (v, c) = (&cloud.v[slot], &cloud.c[slot]);
        let stress = body.law.stress(&cloud.strain[slot], c);
        let field = field(v, c, &stress, mass, stiffness);
        let stencil = Stencil::at(lattice, &cloud.x[slot]);
        let base = tile_base(at, &stencil);

        let sums = gather(tile, base, &stencil, lattice.dx);
        let value_bar = Vector3::new(sums.value[0], sums.value[1], sums.value[2]);
        let affine_bar = Matrix3::from_fn(|row, column| sums.slope[column][row]);
        let weights = pull_weights(
            tile,
            base,
            &stencil,
            &field,
            lattice.dx,
            lattice.inverse_dx(),
        );
        let affine = c * mass - stress * stiffness;
        let StressBar {
            strain,
            gradient,
            parameters,
        } = body
            .law
            .stress_vjp(&cloud.strain[slot], c, &(affine_bar * -stiffness));

        bar.x[local] += weights - affine.transpose() * value_bar;
        #[cfg(feature = "broken-vjp")]
        if SPOILT.load(std::sync::atomic::Ordering::Relaxed) {
            bar.x[local] -= weights;
        }
        bar.v[local] = value_bar * mass;
        bar.c[local] = affine_bar * mass + gradient;
        bar.strain[local] = bar.strain[local].plus(&strain);
        let mass_bar = value_bar.dot(v) + affine_bar.dot(c) + sums.value[3];
        let body_bar = &mut body_bars[index];
        body_bar[0] += mass_bar * body.volume;
        for (sum, part) in body_bar[1..].iter_mut().zip(parameters) {
            *sum += part;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use num_dual::Dual64;

    use super::{super::stencil::tests::*, *};
    use crate::material::{BoxPlastic, Elasticity, FixedCorotated, Liquid, NeoHookean, Solid};

    pub(in crate::transfer) const COUNT: usize = 6;
    pub(in crate::transfer) const DT: f64 = 2e-3;

    /// Two bodies, which the particles belong to by turns.
    pub(in crate::transfer) fn slots() -> Slots {
        let ids = (0..COUNT as u32).collect();
        Slots {
            ids,
            bodies: (0..COUNT as u16).map(|slot| slot % 2).collect(),
        }
    }

    pub(in crate::transfer) fn body<T: Real, L>(law: L, density: T) -> Body<T, L> {
        let volume = T::of(2e-4);
        Body {
            name: String::new(),
            law,
            density,
            volume,
            range: 0..COUNT,
        }
    }

    pub(in crate::transfer) fn solids() -> [Solid<f64>; 3] {
        let elasticity = Elasticity::new(2e4, 0.3);
        let elastic = FixedCorotated { elasticity };
        [
            Solid::NeoHookean(NeoHookean { elasticity }),
            Solid::FixedCorotated(elastic),
            Solid::BoxPlastic(BoxPlastic {
                elastic,
                compression: 0.03,
                extension: 0.02,
            }),
        ]
    }

    pub(in crate::transfer) fn liquids() -> [Liquid<f64>; 2] {
        let law = Liquid {
            bulk_modulus: 2e4,
            viscosity: 3.0,
            exponent: 7.0,
            tension: true,
        };
        [
            law,
            Liquid {
                viscosity: 0.0,
                exponent: 1.0,
                tension: false,
                ..law
            },
        ]
    }

    /// Particles in block [`AT`], in motion and strained.
    pub(in crate::transfer) fn cloud<S: Strain<f64>>() -> Cloud<f64, S> {
        let mut cloud: Cloud<f64, S> = tangent(1);
        for slot in 0..COUNT {
            cloud.x[slot] = place(slot);
            let mut strain = S::undeformed();
            let random = cloud.strain[slot];
            for (entry, noise) in strain.components_mut().iter_mut().zip(random.components()) {
                *entry += 0.1 * noise;
            }
            cloud.strain[slot] = strain;
        }
        cloud
    }

    /// Random numbers in the place of particles: a direction, or weights.
    pub(in crate::transfer) fn tangent<S: Strain<f64>>(seed: usize) -> Cloud<f64, S> {
        let mut cloud: Cloud<f64, S> = Cloud::zeros(COUNT);
        for slot in 0..COUNT {
            let seed = seed * 1000 + slot;
            cloud.x[slot] = vector(seed);
            cloud.v[slot] = vector(seed + 100);
            cloud.c[slot] = matrix(seed);
            for (index, entry) in cloud.strain[slot].components_mut().iter_mut().enumerate() {
                *entry = noise(seed * 10 + index + 3_000_000);
            }
        }
        cloud
    }

    pub(in crate::transfer) fn lift<S: Strain<f64>, D: Strain<Dual64>>(
        value: &Cloud<f64, S>,
        tangent: &Cloud<f64, S>,
    ) -> Cloud<Dual64, D> {
        let mut lifted: Cloud<Dual64, D> = Cloud::zeros(COUNT);
        for slot in 0..COUNT {
            lifted.x[slot] = lift_vector(&value.x[slot], &tangent.x[slot]);
            lifted.v[slot] = lift_vector(&value.v[slot], &tangent.v[slot]);
            lifted.c[slot] = lift_matrix(&value.c[slot], &tangent.c[slot]);
            let parts = value.strain[slot].components().iter();
            let parts = parts.zip(tangent.strain[slot].components());
            for (entry, (value, tangent)) in
                lifted.strain[slot].components_mut().iter_mut().zip(parts)
            {
                *entry = Dual64::new(*value, *tangent);
            }
        }
        lifted
    }

    /// `<a, b>` and the sum of the magnitudes of its terms.
    pub(in crate::transfer) fn pairing<S: Strain<f64>>(
        a: &Cloud<f64, S>,
        b: &Cloud<f64, S>,
    ) -> [f64; 2] {
        let mut sums = [0.0; 2];
        let mut add = |a: &[f64], b: &[f64]| {
            for (a, b) in a.iter().zip(b) {
                sums[0] += a * b;
                sums[1] += (a * b).abs();
            }
        };
        for slot in 0..COUNT {
            add(a.x[slot].as_slice(), b.x[slot].as_slice());
            add(a.v[slot].as_slice(), b.v[slot].as_slice());
            add(a.c[slot].as_slice(), b.c[slot].as_slice());
            add(a.strain[slot].components(), b.strain[slot].components());
        }
        sums
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
        p2g_vjp(
            &lattice(),
            DT,
            &bodies,
            &AT,
            &slots(),
            0..COUNT,
            &cloud,
            &weights,
            &mut CloudMut::of(&mut bar),
            &mut body_bars,
        );
        for slot in 0..COUNT {
            let later: &Cloud<f64, P::Strain> = &later;
            bar.x[slot] -= later.x[slot];
            let entries = bar.strain[slot].components_mut().iter_mut();
            for (entry, later) in entries.zip(later.strain[slot].components()) {
                *entry -= later;
            }
        }
        let push = |cloud: &Cloud<Dual64, D::Strain>, bodies: &[Body<Dual64, D>; 2]| {
            let mut nodes = [[Dual64::from(0.0); 4]; NODES];
            let dt = Dual64::from(DT);
            p2g(
                &lattice(),
                dt,
                bodies,
                &AT,
                &slots(),
                0..COUNT,
                cloud,
                &mut nodes,
            );
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
    fn stress_moves_no_momentum_and_no_angular_momentum() {
        // sum_i grad w_i = 0, and tau is symmetric.
        for law in solids() {
            let bodies = [body(law, 900.0), body(law, 900.0)];
            let mut cloud: Cloud<f64, Matrix3<f64>> = cloud();
            cloud.v.fill(Vector3::zeros());
            cloud.c.fill(Matrix3::zeros());
            let mut nodes = [[0.0; 4]; NODES];
            p2g(
                &lattice(),
                DT,
                &bodies,
                &AT,
                &slots(),
                0..COUNT,
                &cloud,
                &mut nodes,
            );
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
}
