//! Constitutive laws at homogeneous deformations: closed forms, objectivity, isotropy.

use backflow_sim::material::{
    BoxPlastic, Deformation, Elasticity, FixedCorotated, Law, Liquid, NeoHookean, Solid,
};
use nalgebra::{Matrix3, Rotation3, Vector3};
use proptest::prelude::*;

use crate::reference::{Row, rows};

const ELASTIC_LAWS: &str = include_str!("../reference/elastic_laws.csv");

/// The rows of one check.
fn table(id: &str) -> Vec<Row<'static>> {
    let rows: Vec<_> = rows(ELASTIC_LAWS)
        .into_iter()
        .filter(|row| row.text("id") == id)
        .collect();
    assert!(!rows.is_empty(), "no rows {id}");
    rows
}

fn law(row: &Row<'_>) -> Solid<f64> {
    let elasticity = Elasticity::new(row.number("young_pa"), row.number("poisson"));
    match row.text("law") {
        "neo_hookean" => Solid::NeoHookean(NeoHookean { elasticity }),
        "fixed_corotated" => Solid::FixedCorotated(FixedCorotated { elasticity }),
        other => panic!("no law `{other}`"),
    }
}

/// Kirchhoff stress `tau` of a solid; it does not depend on the velocity gradient.
fn kirchhoff(law: &Solid<f64>, f: &Matrix3<f64>) -> Matrix3<f64> {
    law.stress(&Deformation::new(f, 0.0), &Matrix3::zeros())
}

/// Cauchy stress `tau / J`.
fn cauchy(law: &Solid<f64>, f: &Matrix3<f64>) -> Matrix3<f64> {
    kirchhoff(law, f) / f.determinant()
}

fn stretch(along: f64, across: f64) -> Matrix3<f64> {
    Matrix3::from_diagonal(&Vector3::new(along, across, across))
}

fn assert_near(row: &Row<'_>, value: f64, scale: f64) {
    let (expected, tolerance) = (row.number("value"), row.number("tolerance"));
    assert!(
        (value - expected).abs() <= tolerance * scale,
        "{} {} {} at {}: {value}, expected {expected}",
        row.text("id"),
        row.text("law"),
        row.text("quantity"),
        row.text("amount"),
    );
}

#[test]
fn neo_hookean_stress_under_uniaxial_strain() {
    for row in table("S1") {
        let stress = cauchy(&law(&row), &stretch(row.number("amount"), 1.0));
        assert_near(&row, stress[(0, 0)], row.number("value").abs());
    }
}

#[test]
fn neo_hookean_stress_and_lateral_stretch_under_uniaxial_stress() {
    for row in table("S2") {
        let (law, along) = (law(&row), row.number("amount"));
        // The lateral stress rises with the lateral stretch: bisection.
        let (mut low, mut high) = (0.5, 1.5);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if cauchy(&law, &stretch(along, middle))[(1, 1)] > 0.0 {
                high = middle;
            } else {
                low = middle;
            }
        }
        let value = match row.text("quantity") {
            "lateral_stretch" => low,
            _ => cauchy(&law, &stretch(along, low))[(0, 0)],
        };
        assert_near(&row, value, row.number("value").abs());
    }
}

#[test]
fn neo_hookean_stress_under_simple_shear() {
    let table = table("S3");
    let scale = table
        .iter()
        .map(|row| row.number("value").abs())
        .fold(0.0, f64::max);
    for row in &table {
        let mut f = Matrix3::identity();
        f[(0, 1)] = row.number("amount");
        let stress = cauchy(&law(row), &f);
        let at = match row.text("quantity") {
            "cauchy_xy" => (0, 1),
            "cauchy_xx" => (0, 0),
            _ => (1, 1),
        };
        assert_near(row, stress[at], scale);
    }
}

#[test]
fn fixed_corotated_stress_under_uniaxial_strain() {
    for row in table("S4") {
        let f = stretch(row.number("amount"), 1.0);
        // P = tau F^-T, and F is diagonal.
        let piola = kirchhoff(&law(&row), &f)[(0, 0)] / f[(0, 0)];
        assert_near(&row, piola, row.number("value").abs());
    }
}

fn matrix(size: f64) -> impl Strategy<Value = Matrix3<f64>> {
    prop::array::uniform9(-size..size).prop_map(|rows| Matrix3::from_row_slice(&rows))
}

fn rotation() -> impl Strategy<Value = Matrix3<f64>> {
    prop::array::uniform3(-3.0..3.0)
        .prop_map(|axis| Rotation3::new(Vector3::from(axis)).into_inner())
}

/// Deformations without inversion: the volume ratio is at least 0.1.
fn deformation() -> impl Strategy<Value = Matrix3<f64>> {
    matrix(0.6)
        .prop_map(|m| Matrix3::identity() + m)
        .prop_filter("no inversion", |f| f.determinant() > 0.1)
}

fn solids() -> [Solid<f64>; 3] {
    let elasticity = Elasticity::new(1.0, 0.3);
    let elastic = FixedCorotated { elasticity };
    [
        Solid::NeoHookean(NeoHookean { elasticity }),
        Solid::FixedCorotated(elastic),
        Solid::BoxPlastic(BoxPlastic {
            elastic,
            compression: 0.1,
            extension: 0.05,
        }),
    ]
}

proptest! {
    // Moduli and stretches are of size 1, so 1e-12 is round-off of some matrix products.

    #[test]
    fn a_rotated_observer_sees_the_rotated_stress(f in deformation(), q in rotation()) {
        for law in solids() {
            let stress = kirchhoff(&law, &f);
            let seen = kirchhoff(&law, &(q * f));
            prop_assert!((seen - q * stress * q.transpose()).norm() <= 1e-12, "{law:?}");
            prop_assert!((stress - stress.transpose()).norm() <= 1e-12, "{law:?}");
        }
    }

    #[test]
    fn a_body_turned_before_it_is_strained_has_the_same_stress(
        f in deformation(),
        q in rotation(),
    ) {
        for law in solids() {
            let stress = kirchhoff(&law, &f);
            let turned = kirchhoff(&law, &(f * q));
            prop_assert!((turned - stress).norm() <= 1e-12, "{law:?}");
        }
    }

    #[test]
    fn plastic_flow_is_objective_and_isotropic(f in deformation(), q in rotation()) {
        for law in solids() {
            let project = |f: Matrix3<f64>| law.project(&Deformation::new(&f, 0.0), 0.01).f();
            let flowed = project(f);
            prop_assert!((project(q * f) - q * flowed).norm() <= 1e-12, "{law:?}");
            prop_assert!((project(f * q) - flowed * q).norm() <= 1e-12, "{law:?}");
            prop_assert!((project(flowed) - flowed).norm() <= 1e-12, "{law:?}");
        }
    }

    #[test]
    fn a_liquid_is_objective_and_pulls_on_no_rotation(
        gradient in matrix(1.0),
        q in rotation(),
        j in 0.5..1.5_f64,
    ) {
        let law = Liquid { bulk_modulus: 1.0, viscosity: 0.7, exponent: 3.0, tension: true };
        let stress = law.stress(&j, &gradient);
        let seen = law.stress(&j, &(q * gradient * q.transpose()));
        prop_assert!((seen - q * stress * q.transpose()).norm() <= 1e-12);
        let spin = gradient - gradient.transpose();
        let spinning = law.stress(&j, &(gradient + spin));
        prop_assert!((spinning - stress).norm() <= 1e-12);
    }
}
