//! What the tests of the transfers share: a block, particles in it, and their tangents.

use backflow_diff::{Real, lanes::Portable};
use nalgebra::{Matrix3, Vector3};
use num_dual::Dual64;

use super::stencil::{CHUNK, Splines};
use crate::{
    grid::{
        Lattice, Stencil,
        block::{BLOCK, Node, TILE_NODES, Tile},
    },
    material::{
        BoxPlastic, DruckerPrager, Elasticity, FixedCorotated, HerschelBulkley, Liquid, NeoHookean,
        Solid, Strain, VonMises, Yielding,
    },
    particle::{
        Cloud, Motion,
        visits::{Visit, plan_visits},
    },
    world::Body,
};

/// The block that the tests of the transfers work in.
pub(super) const AT: [i32; 3] = [1, 2, 1];

pub(super) const NODES: usize = TILE_NODES;

/// A number in [-1, 1] without pattern.
pub(super) fn noise(seed: usize) -> f64 {
    let mixed = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

pub(super) fn vector(seed: usize) -> Vector3<f64> {
    Vector3::from_fn(|row, _| noise(3 * seed + row))
}

pub(super) fn matrix(seed: usize) -> Matrix3<f64> {
    Matrix3::from_fn(|row, column| noise(9 * seed + 3 * row + column + 7_000_000))
}

/// A tile of numbers, its padding included.
pub(super) fn tile(seed: usize) -> Tile<f64> {
    std::array::from_fn(|node| {
        std::array::from_fn(|channel| noise(seed * 10_000 + 4 * node + channel))
    })
}

pub(super) fn dot(a: &[Node<f64>], b: &[Node<f64>]) -> f64 {
    a.iter()
        .flatten()
        .zip(b.iter().flatten())
        .map(|(a, b)| a * b)
        .sum()
}

pub(super) fn lift_vector(value: &Vector3<f64>, tangent: &Vector3<f64>) -> Vector3<Dual64> {
    value.zip_map(tangent, Dual64::new)
}

pub(super) fn lift_matrix(value: &Matrix3<f64>, tangent: &Matrix3<f64>) -> Matrix3<Dual64> {
    value.zip_map(tangent, Dual64::new)
}

pub(super) fn lift_nodes<const N: usize>(
    value: &[Node<f64>; N],
    tangent: &[Node<f64>; N],
) -> [Node<Dual64>; N] {
    std::array::from_fn(|node| {
        std::array::from_fn(|channel| Dual64::new(value[node][channel], tangent[node][channel]))
    })
}

pub(super) fn lattice<T: Real>() -> Lattice<T> {
    Lattice::over(
        Vector3::new(0.1, -0.2, 0.3).map(T::of),
        [12; 3],
        T::of(0.125),
    )
}

/// A domain whose walls some of the particles are just beyond of.
pub(super) fn tight<T: Real>() -> Lattice<T> {
    let mut lattice: Lattice<T> = lattice();
    lattice.nodes = [10, 16, 9];
    lattice
}

/// A place in block [`AT`] or in the cell around it that its particles may drift to.
pub(super) fn place(seed: usize) -> Vector3<f64> {
    let lattice = lattice::<f64>();
    let cells = AT.map(|at| f64::from(at) * BLOCK as f64 + 2.5);
    lattice.origin + (Vector3::from(cells) + vector(seed + 100_000) * 2.99) * lattice.dx
}

/// More than one loop takes, and not a multiple of what it takes.
pub(super) const COUNT: usize = 2 * CHUNK + 5;
pub(super) const DT: f64 = 2e-3;

/// Two bodies, which the particles belong to by turns.
pub(super) fn owners() -> Vec<u16> {
    (0..COUNT as u16).map(|place| place % 2).collect()
}

pub(super) fn body<T: Real, L>(law: L, density: T) -> Body<T, L> {
    let volume = T::of(2e-4);
    Body {
        name: String::new(),
        law,
        density,
        volume,
        gravity: None,
        range: 0..COUNT,
    }
}

pub(super) fn solids() -> [Solid<f64>; 6] {
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
        Solid::VonMises(Yielding(VonMises {
            elasticity,
            yield_stress: 900.0,
            hardening: 3e3,
        })),
        Solid::DruckerPrager(Yielding(DruckerPrager {
            elasticity,
            friction_angle: 0.6,
            cohesion: 150.0,
        })),
        Solid::HerschelBulkley(Yielding(HerschelBulkley {
            elasticity,
            yield_stress: 300.0,
            consistency: 4.0,
            cohesion: 400.0,
            exponent: 0.7,
        })),
    ]
}

pub(super) fn liquids() -> [Liquid<f64>; 2] {
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

/// Particles in block [`AT`], in motion and strained. Every third one has the next two
/// in its cell.
pub(super) fn cloud<S: Strain<f64>>() -> Cloud<f64, S> {
    let mut cloud: Cloud<f64, S> = tangent(1);
    let lattice = lattice::<f64>();
    for slot in 0..COUNT {
        let x = place(slot - slot % 3);
        let base = Vector3::from(Stencil::base_of(&lattice, &x)).map(f64::from);
        let beside = base + Vector3::repeat(1.0) + vector(slot + 200_000) * 0.49;
        cloud.motion[slot].set_x(&if slot % 3 == 0 {
            x
        } else {
            lattice.origin + beside * lattice.dx
        });
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
pub(super) fn tangent<S: Strain<f64>>(seed: usize) -> Cloud<f64, S> {
    let mut cloud: Cloud<f64, S> = Cloud::zeros(COUNT);
    for slot in 0..COUNT {
        let seed = seed * 1000 + slot;
        cloud.motion[slot] = Motion::new(&vector(seed), &vector(seed + 100), &matrix(seed));
        for (index, entry) in cloud.strain[slot].components_mut().iter_mut().enumerate() {
            *entry = noise(seed * 10 + index + 3_000_000);
        }
    }
    cloud
}

pub(super) fn lift<S: Strain<f64>, D: Strain<Dual64>>(
    value: &Cloud<f64, S>,
    tangent: &Cloud<f64, S>,
) -> Cloud<Dual64, D> {
    let mut lifted: Cloud<Dual64, D> = Cloud::zeros(COUNT);
    for slot in 0..COUNT {
        let (motion, along) = (&value.motion[slot], &tangent.motion[slot]);
        lifted.motion[slot] = Motion::new(
            &lift_vector(&motion.x(), &along.x()),
            &lift_vector(&motion.v(), &along.v()),
            &lift_matrix(&motion.c(), &along.c()),
        );
        let parts = value.strain[slot].components().iter();
        let parts = parts.zip(tangent.strain[slot].components());
        for (entry, (value, tangent)) in lifted.strain[slot].components_mut().iter_mut().zip(parts)
        {
            *entry = Dual64::new(*value, *tangent);
        }
    }
    lifted
}

/// `<a, b>` and the sum of the magnitudes of its terms.
pub(super) fn pairing<S: Strain<f64>>(a: &Cloud<f64, S>, b: &Cloud<f64, S>) -> [f64; 2] {
    let mut sums = [0.0; 2];
    let mut add = |a: &[f64], b: &[f64]| {
        for (a, b) in a.iter().zip(b) {
            sums[0] += a * b;
            sums[1] += (a * b).abs();
        }
    };
    for slot in 0..COUNT {
        let (a_motion, b_motion) = (a.motion[slot].lanes(), b.motion[slot].lanes());
        assert_eq!([a_motion[0], b_motion[0]], [0.0; 2], "an unused lane");
        add(a_motion, b_motion);
        add(a.strain[slot].components(), b.strain[slot].components());
    }
    sums
}

/// The order in which the particles of block [`AT`] are visited.
pub(super) fn visits<T: Real, S>(lattice: &Lattice<T>, cloud: &Cloud<T, S>) -> Vec<Visit> {
    let (mut starts, mut visits) = (vec![0; cloud.motion.len()], vec![0; cloud.motion.len()]);
    Splines::<Portable<T>>::new((), lattice, &AT).starts((), &cloud.motion, &mut starts);
    plan_visits(&starts, &mut visits);
    visits
}
