//! Materials to begin with.

use serde_json::{Value, json};

/// Materials by name, soft enough to run at the pace of a window: stiffness and bulk modulus are
/// far below those of the substances they are named after.
pub fn materials() -> Vec<(&'static str, Value)> {
    vec![
        (
            "water",
            json!({"Liquid": {"density": 1000.0, "bulk_modulus": 2e4, "viscosity": 0.01, "exponent": 7.0, "tension": false}}),
        ),
        (
            "honey",
            json!({"Liquid": {"density": 1400.0, "bulk_modulus": 3e4, "viscosity": 8.0, "exponent": 7.0, "tension": false}}),
        ),
        (
            "jelly",
            json!({"NeoHookean": {"density": 1000.0, "young": 1e4, "poisson": 0.4}}),
        ),
        (
            "rubber",
            json!({"FixedCorotated": {"density": 1100.0, "young": 1e5, "poisson": 0.4}}),
        ),
        (
            "cork",
            json!({"NeoHookean": {"density": 300.0, "young": 2e4, "poisson": 0.2}}),
        ),
        (
            "dough",
            json!({"BoxPlastic": {"density": 1000.0, "young": 1e4, "poisson": 0.3, "compression": 0.02, "extension": 0.02}}),
        ),
        (
            "clay",
            json!({"VonMises": {"density": 1600.0, "young": 5e4, "poisson": 0.3, "yield_stress": 500.0, "hardening": 0.0}}),
        ),
        (
            "sand",
            json!({"DruckerPrager": {"density": 1600.0, "young": 5e4, "poisson": 0.25, "friction_angle": 0.6, "cohesion": 0.0}}),
        ),
        (
            "ice cream",
            json!({"HerschelBulkley": {"density": 600.0, "young": 2e4, "poisson": 0.3, "yield_stress": 60.0, "consistency": 10.0, "exponent": 0.7, "cohesion": null}}),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use backflow::sim::scene::{build::Law, spec::Material};

    use super::*;

    #[test]
    fn presets_are_materials() {
        for (name, preset) in materials() {
            let material: Material =
                serde_json::from_value(preset).unwrap_or_else(|error| panic!("{name}: {error}"));
            let law = Law::of(&material);
            assert!(
                law.parameters().count() > 0 && material.density() > 0.0,
                "{name}"
            );
        }
    }
}
