//! What is known of the fields of a scene: their types, units, meanings and defaults, from the
//! comments of the types themselves.

use std::collections::BTreeMap;

use backflow::sim::scene::reference::{Item, Type, schema};
use serde_json::{Value, json};

/// The types of a scene by name.
#[derive(Debug, Clone)]
pub struct Schema(BTreeMap<String, Type>);

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A struct or enum of the schema.
    Named(String),
    /// Perhaps nothing.
    Optional(Box<Kind>),
    /// Some of a kind, in order.
    List(Box<Kind>),
    /// Some of a kind, by name.
    Map(Box<Kind>),
    /// Anything else: numbers, text, and what the schema does not know.
    Plain,
}

impl Default for Schema {
    fn default() -> Self {
        let types = schema().into_iter();
        Self(types.map(|known| (known.name.clone(), known)).collect())
    }
}

impl Schema {
    /// One that knows nothing.
    pub fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// The kind of the whole file.
    pub fn root(&self) -> Kind {
        Kind::Named("Spec".to_owned())
    }

    /// A type by name.
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.0.get(name)
    }

    /// The kind that a Rust type stands for.
    pub fn kind(&self, rust: &str) -> Kind {
        let inside = |outer: &str| {
            let rest = rust.strip_prefix(outer)?;
            rest.strip_suffix('>').map(|rest| Box::new(self.kind(rest)))
        };
        if let Some(inner) = inside("Option<") {
            Kind::Optional(inner)
        } else if let Some(inner) = inside("Vec<") {
            Kind::List(inner)
        } else if let Some(inner) = inside("BTreeMap<String, ") {
            Kind::Map(inner)
        } else if self.0.contains_key(rust) {
            Kind::Named(rust.to_owned())
        } else {
            Kind::Plain
        }
    }

    /// The fields of a struct, or of a variant of an enum.
    pub fn fields(&self, name: &str, variant: Option<&str>) -> Vec<&Item> {
        let Some(known) = self.get(name) else {
            return Vec::new();
        };
        let mut inside = !known.is_enum;
        let mut fields = Vec::new();
        for item in &known.items {
            if known.is_enum && !item.nested {
                inside = Some(item.name.as_str()) == variant;
            } else if inside {
                fields.push(item);
            }
        }
        fields
    }

    /// The variants of an enum.
    pub fn variants(&self, name: &str) -> Vec<&Item> {
        let known = self.get(name).filter(|known| known.is_enum);
        let items = known.map_or(&[] as &[Item], |known| &known.items);
        items.iter().filter(|item| !item.nested).collect()
    }

    /// A value of a variant: with what the fields of `before` of the same name hold, with
    /// defaults, and with usual numbers where there are none.
    pub fn variant(&self, name: &str, variant: &str, before: &Value) -> Value {
        let fields = self.fields(name, Some(variant));
        let wrapped = self
            .variants(name)
            .into_iter()
            .find(|item| item.name == variant)
            .map_or("", |item| item.kind.as_str());
        if fields.is_empty() && wrapped.is_empty() {
            return Value::String(variant.to_owned());
        }
        let content = if fields.is_empty() {
            self.blank(wrapped, variant)
        } else {
            let old = before.as_object().and_then(|before| before.values().next());
            let kept = |field: &str| old.and_then(|old| old.get(field)).cloned();
            fields
                .into_iter()
                .map(|item| {
                    let value = kept(&item.name).unwrap_or_else(|| self.value(item));
                    (item.name.clone(), value)
                })
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        json!({ variant: content })
    }

    /// A value of a struct of defaults and usual numbers.
    pub fn blank(&self, rust: &str, field: &str) -> Value {
        match self.kind(rust) {
            Kind::Optional(_) => Value::Null,
            Kind::List(_) => json!([]),
            Kind::Map(_) => json!({}),
            Kind::Named(name) => {
                let variants = self.variants(&name);
                match variants.first() {
                    Some(first) => self.variant(&name, &first.name.clone(), &Value::Null),
                    None => self
                        .fields(&name, None)
                        .into_iter()
                        .map(|item| (item.name.clone(), self.value(item)))
                        .collect::<serde_json::Map<_, _>>()
                        .into(),
                }
            }
            Kind::Plain => match rust {
                "f64" => json!(usual(field)),
                "[f64; 3]" => json!(vec![usual(field); 3]),
                "usize" | "u32" | "u64" => json!(1),
                "usize, usize" => json!([0, 1]),
                "bool" => json!(false),
                "String" => json!(field),
                _ => Value::Null,
            },
        }
    }

    fn value(&self, item: &Item) -> Value {
        let default = item.default.as_deref().map(|text| text.trim_matches('`'));
        let parsed = default.and_then(|text| self.parse(text, &item.kind));
        parsed.unwrap_or_else(|| self.blank(&item.kind, &item.name))
    }

    /// A default as it stands in the comments.
    fn parse(&self, text: &str, rust: &str) -> Option<Value> {
        if let Kind::Named(name) = self.kind(rust) {
            let variant = text.split('(').next()?;
            return self
                .variants(&name)
                .iter()
                .any(|item| item.name == variant)
                .then(|| self.variant(&name, variant, &Value::Null));
        }
        let numbers = || -> Option<Vec<f64>> {
            let inner = text.trim_matches(['(', ')']).split(',');
            inner.map(|part| part.trim().parse().ok()).collect()
        };
        match rust {
            "f64" => text.parse::<f64>().ok().map(|value| json!(value)),
            "[f64; 3]" => numbers()
                .filter(|found| found.len() == 3)
                .map(|found| json!(found)),
            "usize" | "u32" | "u64" => text.parse::<u64>().ok().map(|value| json!(value)),
            "bool" => text.parse::<bool>().ok().map(|value| json!(value)),
            "String" => Some(json!(text.trim_matches('"'))),
            _ => None,
        }
    }
}

/// A number that a field of this name may well have, in its unit.
fn usual(field: &str) -> f64 {
    match field {
        "density" => 1000.0,
        "young" => 2e4,
        "poisson" => 0.3,
        "bulk_modulus" => 2e4,
        "yield_stress" => 200.0,
        "consistency" => 10.0,
        "friction_angle" | "angle" => 0.6,
        "compression" | "extension" => 0.02,
        "radius" | "half" | "half_length" | "half_height" => 0.05,
        "tube" => 0.02,
        "position" | "target" => 0.0,
        "Coulomb" | "safety" => 0.5,
        _ => 1.0,
    }
}

/// The unit in the meaning of a field: the first pair of brackets that holds one.
pub fn unit(about: &str) -> Option<&str> {
    about.split('(').skip(1).find_map(|rest| {
        let unit = rest.split(')').next()?;
        let alike = |c: char| c.is_ascii_alphanumeric() || "/^*-. ".contains(c);
        let first = unit.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        let known = ["1", "m", "s", "kg", "Pa", "N", "rad", "K", "J", "W"];
        (known.contains(&first) && unit.chars().all(alike)).then_some(unit)
    })
}

#[cfg(test)]
mod tests {
    use backflow::{sim::scene::Spec, task::OptimizeSpec};

    use super::*;

    #[test]
    fn units_are_read_from_meanings() {
        for (about, known) in [
            ("Density at rest (kg/m^3).", Some("kg/m^3")),
            ("Shear viscosity (Pa s). ", Some("Pa s")),
            ("Poisson's ratio (1), above -1 and below 0.5.", Some("1")),
            ("The law (see above).", None),
            ("Its name.", None),
        ] {
            assert_eq!(unit(about), known, "{about}");
        }
    }

    #[test]
    fn every_variant_of_a_material_and_a_shape_can_be_made() {
        let schema = Schema::default();
        for (name, count) in [("Material", 7), ("Shape", 7), ("Law", 4), ("Sampling", 2)] {
            let variants = schema.variants(name);
            assert!(variants.len() >= count, "{name}");
        }
        let text = include_str!("../../../scenes/fluid/throw.ron");
        let (spec, _) = backflow::sim::scene::parse::<OptimizeSpec>(text, "throw").unwrap();
        let scene = serde_json::to_value(&spec).unwrap();
        for item in schema.variants("Material") {
            let mut scene = scene.clone();
            let before = scene["materials"]["cream"].clone();
            let made = schema.variant("Material", &item.name, &before);
            scene["materials"]["cream"] = made;
            let read: Result<Spec<OptimizeSpec>, _> = serde_json::from_value(scene);
            let read = read.unwrap_or_else(|error| panic!("{}: {error}", item.name));
            // A preset has a density of its own.
            if item.name != "Preset" {
                assert_eq!(read.materials["cream"].density(), 1000.0, "{}", item.name);
            }
        }
        for item in schema.variants("Shape") {
            let mut scene = scene.clone();
            scene["bodies"][0]["shape"] = schema.variant("Shape", &item.name, &Value::Null);
            let read: Result<Spec<OptimizeSpec>, _> = serde_json::from_value(scene);
            assert!(read.is_ok(), "{}: {:?}", item.name, read.err());
        }
    }

    #[test]
    fn a_new_body_and_a_new_collider_fit_the_scene() {
        let schema = Schema::default();
        let text = include_str!("../../../scenes/fluid/throw.ron");
        let (spec, _) = backflow::sim::scene::parse::<OptimizeSpec>(text, "throw").unwrap();
        let mut scene = serde_json::to_value(&spec).unwrap();
        for (list, name) in [
            ("bodies", "Body"),
            ("colliders", "Collider"),
            ("losses", "Loss"),
        ] {
            let blank = schema.blank(name, "");
            scene[list].as_array_mut().unwrap().push(blank);
        }
        let read: Result<Spec<OptimizeSpec>, _> = serde_json::from_value(scene);
        assert!(read.is_ok(), "{:?}", read.err());
    }
}
