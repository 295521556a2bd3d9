//! Stresses of elastic laws at homogeneous deformations.

use backflow_sim::{
    material::{Deformation, Elasticity, FixedCorotated, Law, NeoHookean, Solid},
    rollout::store::RunError,
};
use nalgebra::{Matrix3, Vector3};

use super::{Case, Outcome, Reference, Tier};

pub const CASE: Case = Case {
    id: "S1-S4",
    about: "stress of the elastic laws: uniaxial strain, uniaxial stress, simple shear",
    remark: "",
    run,
};

fn stress(law: &Solid<f64>, f: &Matrix3<f64>) -> Matrix3<f64> {
    law.stress(&Deformation::new(f, 0.0), &Matrix3::zeros()) / f.determinant()
}

/// Lateral stretch that leaves no lateral stress, by bisection.
fn lateral(law: &Solid<f64>, stretch: f64) -> f64 {
    let at = |lateral: f64| Matrix3::from_diagonal(&Vector3::new(stretch, lateral, lateral));
    let (mut low, mut high) = (0.5, 1.5);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if stress(law, &at(middle))[(1, 1)] < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

fn run(_tier: Tier, reference: &Reference) -> Result<Outcome, RunError> {
    let elasticity = Elasticity::new(1e5, 0.3);
    let neo = Solid::NeoHookean(NeoHookean { elasticity });
    let corotated = Solid::FixedCorotated(FixedCorotated { elasticity });
    let mut outcome = Outcome::default();
    let along = |x: f64, y: f64| Matrix3::from_diagonal(&Vector3::new(x, y, y));
    for stretch in [0.8, 0.9, 1.1, 1.2] {
        let value = stress(&neo, &along(stretch, 1.0))[(0, 0)];
        let name = format!("neo-Hookean uniaxial strain {stretch}");
        outcome.measure(reference, &name, "-", value);
    }
    for stretch in [1.1, 1.2, 1.5] {
        let lateral = lateral(&neo, stretch);
        let value = stress(&neo, &along(stretch, lateral))[(0, 0)];
        let name = format!("neo-Hookean uniaxial stress {stretch}");
        outcome.measure(reference, &name, "-", value);
    }
    let mut shear = Matrix3::identity();
    shear[(0, 1)] = 0.5;
    let value = stress(&neo, &shear)[(0, 1)];
    outcome.measure(reference, "neo-Hookean simple shear 0.5", "-", value);
    for stretch in [0.9, 1.1] {
        // P = sigma in uniaxial strain: the area across stays 1.
        let value = stress(&corotated, &along(stretch, 1.0))[(0, 0)];
        let name = format!("fixed corotated uniaxial strain {stretch}");
        outcome.measure(reference, &name, "-", value);
    }
    Ok(outcome)
}
