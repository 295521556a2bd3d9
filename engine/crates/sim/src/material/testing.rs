//! What the tests of laws share: strains, and the checks of derivatives.

use backflow_diff::lanes::{Kernel, WIDTH, portably};
use nalgebra::{Rotation3, Vector3};
use num_dual::Dual64;
use proptest::prelude::*;

use super::*;
use crate::particle::Motion;

/// Solids of every law.
pub(super) fn solids() -> [Solid<f64>; 9] {
    let elasticity = Elasticity::new(2e4, 0.3);
    let elastic = FixedCorotated { elasticity };
    [
        Solid::NeoHookean(NeoHookean { elasticity }),
        Solid::FixedCorotated(elastic),
        Solid::BoxPlastic(BoxPlastic {
            elastic,
            compression: 0.1,
            extension: 0.1,
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
        Solid::Snow(Snow {
            elastic,
            compression: 0.05,
            extension: 0.05,
            hardening: 10.0,
        }),
        Solid::Muscle(Muscle {
            passive: NeoHookean { elasticity },
            strength: 1e3,
            azimuth: 0.4,
            elevation: -0.3,
        }),
        Solid::Rigid(Rigid),
    ]
}

pub(super) fn matrix(size: f64) -> impl Strategy<Value = Matrix3<f64>> {
    prop::array::uniform9(-size..size).prop_map(|rows| Matrix3::from_row_slice(&rows))
}

pub(super) fn rotation(axis: [f64; 3]) -> Matrix3<f64> {
    Rotation3::new(Vector3::from(axis)).into_inner()
}

/// A strain of a solid that remembers nothing, or a direction in which only F changes.
pub(super) fn strain(f: &Matrix3<f64>) -> Deformation<f64> {
    Deformation::new(f, 0.0)
}

/// Sixteen strains: one, and what it becomes as it is turned and sheared.
pub(super) fn others(f: &Matrix3<f64>) -> [Deformation<f64>; WIDTH] {
    std::array::from_fn(|at| {
        let mut shear = Matrix3::identity();
        shear[(0, 1)] = 0.05 * at as f64;
        strain(&(rotation([0.0, 0.3 * at as f64, 0.0]) * shear * f))
    })
}

/// Deformations without inversion: the volume ratio is at least 0.1.
pub(super) fn deformation() -> impl Strategy<Value = Matrix3<f64>> {
    matrix(0.6)
        .prop_map(|m| Matrix3::identity() + m)
        .prop_filter("no inversion", |f| f.determinant() > 0.1)
}

/// Deformations with equal singular values, the normal case at the start of a run.
pub(super) fn degenerate() -> Vec<Matrix3<f64>> {
    let (u, v) = (rotation([0.3, -1.1, 0.7]), rotation([-0.8, 0.2, 1.9]));
    let mut all = vec![Matrix3::identity(), u];
    for s in [[0.8; 3], [1.2, 1.2, 0.7], [0.7, 1.2, 1.2], [1.0, 1.0, 1.05]] {
        all.push(u * Matrix3::from_diagonal(&Vector3::from(s)) * v);
    }
    all
}

/// A strain with a tangent.
pub(super) fn lift<S: Strain<f64>, D: Strain<Dual64>>(value: &S, tangent: &S) -> D {
    let mut lifted = D::undeformed();
    let parts = value.components().iter().zip(tangent.components());
    for (entry, (value, tangent)) in lifted.components_mut().iter_mut().zip(parts) {
        *entry = Dual64::new(*value, *tangent);
    }
    lifted
}

pub(super) fn inner<S: Strain<f64>>(a: &S, b: &S) -> f64 {
    a.components()
        .iter()
        .zip(b.components())
        .map(|(a, b)| a * b)
        .sum()
}

pub(super) fn tangents<D: Strain<Dual64>>(value: &D) -> Vec<f64> {
    value.components().iter().map(|entry| entry.eps).collect()
}

/// `<J d, w>` against `<d, J^T w>`, relative to `|J d| |w|`: a direction that is nearly
/// orthogonal leaves no digits to compare. Where `J d` itself is round-off of terms of
/// size 1, as at no strain, it need only be that.
pub(super) fn assert_transpose(forward: &[f64], weights: &[f64], backward: f64, label: &str) {
    let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let along: f64 = forward.iter().zip(weights).map(|(a, b)| a * b).sum();
    let tolerance = (1e-12 * norm(forward)).max(1e-14) * norm(weights);
    let error = (along - backward).abs();
    assert!(
        error <= tolerance,
        "{label}: {along} forward, {backward} back"
    );
}

/// The stress of matter at rest.
pub(super) fn stress<T: Real, P: Law<T>>(law: &P, strain: &P::Strain) -> Matrix3<T> {
    law.stress(strain, &Matrix3::zeros())
}

/// Stresses and their cotangents of a group.
struct Grouped<'a, P: Law<f64>>(
    &'a P,
    &'a [P::Strain; WIDTH],
    &'a [Matrix3<f64>; WIDTH],
    usize,
);

impl<P: Law<f64>> Clone for Grouped<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Law<f64>> Copy for Grouped<'_, P> {}

impl<P: Law<f64>> Kernel<f64> for Grouped<'_, P> {
    type Output = Vec<(Matrix3<f64>, StressBar<f64, P::Strain>)>;

    #[inline(always)]
    fn run<L: Lanes<f64>>(self, isa: L::Isa) -> Self::Output {
        let Self(law, strains, matrices, count) = self;
        let motions = matrices.map(|m| Motion::new(&Vector3::zeros(), &Vector3::zeros(), &m));
        let weights = matrices.map(|matrix| {
            let mut record = Stored::zero();
            record.set_matrix(&matrix);
            record
        });
        let group = Group::new(count, |lane| (&strains[lane], &motions[lane]));
        let mut stresses = vec![Stored::zero(); count];
        let mut bars = vec![StressBar::zero(); count];
        law.stresses::<L>(isa, &group, &mut stresses);
        law.stresses_vjp::<L>(isa, &group, &weights[..count], &mut bars);
        let stresses = stresses.iter().map(Stored::matrix);
        stresses.zip(bars).collect()
    }
}

/// Checks [`Law::stresses`] and [`Law::stresses_vjp`] against the particles one by one.
pub(super) fn assert_groups<P: Law<f64>>(law: &P, strains: &[P::Strain; WIDTH]) {
    let matrices: [Matrix3<f64>; WIDTH] =
        std::array::from_fn(|lane| rotation([lane as f64 * 0.7, 1.0, -0.3]) * 2.0);
    for count in [1, 7, WIDTH] {
        let grouped = Grouped(law, strains, &matrices, count);
        for found in [portably(grouped), f64::launch(grouped)] {
            assert_eq!(found.len(), count);
            for (lane, (stress, bar)) in found.iter().enumerate() {
                let (strain, matrix) = (&strains[lane], &matrices[lane]);
                let expected = law.stress(strain, matrix);
                // Rounding differs, and rotations of ill-conditioned strains with it.
                let near = |found: f64, expected: f64, size: f64| {
                    assert!(
                        (found - expected).abs() <= 1e-13 * size,
                        "{found} {expected}"
                    );
                };
                for entry in 0..9 {
                    near(stress[entry], expected[entry], expected.norm() + 1.0);
                }
                let expected = law.stress_vjp(strain, matrix, matrix);
                let size = inner(&expected.strain, &expected.strain).sqrt() + 10.0;
                let parts = bar
                    .strain
                    .components()
                    .iter()
                    .zip(expected.strain.components());
                for (found, expected) in parts {
                    near(*found, *expected, size);
                }
                for entry in 0..9 {
                    near(bar.gradient[entry], expected.gradient[entry], size);
                }
                for (found, expected) in bar.parameters.iter().zip(expected.parameters) {
                    near(*found, expected, size);
                }
            }
        }
    }
}

/// Checks [`Law::stress_vjp`] and [`Law::parameters_vjp`] one input at a time: the
/// strain, the velocity gradient, every parameter that a scene names.
pub(super) fn assert_stress_vjp<P: Law<f64>, D: Law<Dual64>>(
    law: &P,
    dual: &D,
    strain: &P::Strain,
    gradient: &Matrix3<f64>,
    strain_tangent: &P::Strain,
    [gradient_tangent, weights]: [&Matrix3<f64>; 2],
) {
    let bar = law.stress_vjp(strain, gradient, weights);
    let still = P::Strain::zero();
    let steady = gradient.map(Dual64::from);
    let check = |stress: Matrix3<Dual64>, backward: f64, label: &str| {
        let forward = stress.map(|entry| entry.eps);
        assert_transpose(forward.as_slice(), weights.as_slice(), backward, label);
    };
    let dual_stress =
        |dual: &D, strain: D::Strain, gradient: &Matrix3<Dual64>| dual.stress(&strain, gradient);
    let stress = dual_stress(dual, lift(strain, strain_tangent), &steady);
    check(stress, inner(&bar.strain, strain_tangent), "strain");
    let moving = gradient.zip_map(gradient_tangent, Dual64::new);
    let stress = dual_stress(dual, lift(strain, &still), &moving);
    check(
        stress,
        bar.gradient.dot(gradient_tangent),
        "velocity gradient",
    );
    let named = law.parameters_vjp(&bar.parameters);
    for (index, name) in law.parameter_names().iter().enumerate() {
        let mut parameters = dual.parameters();
        parameters[index].eps = 1.0;
        let moved = dual.with_parameters(parameters);
        let stress = dual_stress(&moved, lift(strain, &still), &steady);
        check(stress, named[index], name);
    }
    for index in law.parameter_names().len()..PARAMETERS {
        assert_eq!(named[index], 0.0, "parameter without a name");
    }
}

/// Checks [`Law::project_vjp`].
pub(super) fn assert_project_vjp<P: Law<f64>, D: Law<Dual64>>(
    law: &P,
    dual: &D,
    trial: &P::Strain,
    [tangent, weights]: [&P::Strain; 2],
) {
    let (dt, dual_dt) = (0.01, Dual64::from(0.01));
    let forward = tangents(&dual.project(&lift(trial, tangent), dual_dt));
    let (trial_bar, parameters) = law.project_vjp(trial, dt, weights);
    let backward = inner(&trial_bar, tangent);
    assert_transpose(&forward, weights.components(), backward, "return map");
    let named = law.parameters_vjp(&parameters);
    for (index, name) in law.parameter_names().iter().enumerate() {
        let mut parameters = dual.parameters();
        parameters[index].eps = 1.0;
        let moved = dual.with_parameters(parameters);
        let after = moved.project(&lift(trial, &P::Strain::zero()), dual_dt);
        assert_transpose(&tangents(&after), weights.components(), named[index], name);
    }
}

/// Strains of all kinds, compressed and expanded, by equal stretches and by unequal ones.
pub(super) fn stretches() -> Vec<Matrix3<f64>> {
    let (u, v) = (rotation([0.3, -1.1, 0.7]), rotation([-0.8, 0.2, 1.9]));
    let stretches = [
        [1.0, 1.0, 1.0],
        [1.01, 0.99, 1.005],
        [1.02, 1.02, 0.97],
        [0.95, 0.95, 0.95],
        [1.2, 1.0, 0.8],
        [1.1, 0.9, 0.9],
        [1.3, 1.3, 1.3],
        [0.9, 0.85, 0.8],
        [0.95, 0.9499999, 0.9],
        [1.5, 0.9, 0.7],
    ];
    stretches
        .map(|s| u * Matrix3::from_diagonal(&Vector3::from(s)) * v)
        .to_vec()
}

/// Checks the derivatives of a law that flows at [`stretches`] with each history; says
/// where it flowed.
pub(super) fn check_flow(law: &Solid<f64>, histories: &[f64]) -> Vec<bool> {
    let (tangent, weights) = (
        Matrix3::new(0.3, -0.7, 0.5, 0.9, 0.2, -0.4, -0.3, 0.6, -0.8),
        Matrix3::new(-0.6, 0.1, 0.8, 0.3, -0.9, 0.2, 0.5, 0.8, -0.1),
    );
    let (dual, still) = (law.cast::<Dual64>(), Matrix3::zeros());
    let mut flowed = Vec::new();
    for f in stretches() {
        for &history in histories {
            let strain = Deformation::new(&f, history);
            let along = Deformation::new(&tangent, 0.4);
            let bar = Deformation::new(&weights, -0.7);
            assert_stress_vjp(law, &dual, &strain, &still, &along, [&weights, &weights]);
            assert_project_vjp(law, &dual, &strain, [&along, &bar]);
            let after = law.project(&strain, 0.01);
            flowed.push((after.f() - f).norm() > 1e-9);
        }
    }
    assert_groups(law, &others(&stretches()[5]));
    flowed
}

/// Stiffness of the undeformed law against a strain along x that nothing yields to.
pub(super) fn wave_modulus<D: Law<Dual64, Strain = Deformation<Dual64>>>(law: &D) -> f64 {
    let mut f = Matrix3::<Dual64>::identity();
    f[(0, 0)].eps = 1.0;
    stress(law, &Deformation::new(&f, Dual64::from(0.0)))[(0, 0)].eps
}
