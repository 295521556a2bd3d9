//! The methods of an optimisation to choose from, whatever there are in this version.

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, Deserializer, Error, Visitor, value::Error as Plain},
    forward_to_deserialize_any,
};
use serde_json::{Value, json};

/// A source that has nothing to give, but notes which variants are asked for.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Plain;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Plain> {
        Err(Plain::custom("nothing to read"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Plain> {
        *self.0 = variants;
        Err(Plain::custom("nothing to read"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Names of the variants of an enum.
pub fn variants<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut variants: &'static [&'static str] = &[];
    // It always fails: only what it asked for matters.
    let _ = T::deserialize(Asked(&mut variants));
    variants
}

/// The variants that need no more than their name, as trees with all their defaults.
pub fn choices<T: DeserializeOwned + Serialize>() -> Vec<(&'static str, Value)> {
    let made = |name: &&'static str| {
        let bare = json!(name);
        let empty = json!({ *name: {} });
        [bare, empty].into_iter().find_map(|value| {
            let read: T = serde_json::from_value(value).ok()?;
            Some((*name, serde_json::to_value(read).ok()?))
        })
    };
    variants::<T>().iter().filter_map(made).collect()
}

/// The variant that a tree stands for.
pub fn variant_of(value: &Value) -> &str {
    match value {
        Value::String(name) => name,
        Value::Object(fields) => fields.keys().next().map_or("", String::as_str),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use backflow::optim::{EstimatorSettings, ScheduleSettings, UpdateSettings};

    use super::*;

    #[test]
    fn methods_are_found_with_their_defaults() {
        let names = |choices: Vec<(&'static str, Value)>| -> Vec<&'static str> {
            choices.into_iter().map(|(name, _)| name).collect()
        };
        for name in ["Adam", "Sgd", "Lbfgs"] {
            assert!(names(choices::<UpdateSettings>()).contains(&name), "{name}");
        }
        for name in ["Constant", "Linear", "Cosine"] {
            assert!(
                names(choices::<ScheduleSettings>()).contains(&name),
                "{name}"
            );
        }
        assert!(names(choices::<EstimatorSettings>()).contains(&"Adjoint"));
        let adam = choices::<UpdateSettings>()
            .into_iter()
            .find(|(name, _)| *name == "Adam");
        assert_eq!(adam.unwrap().1["Adam"]["beta1"], json!(0.9));
        assert_eq!(variant_of(&json!({"Adam": {}})), "Adam");
        assert_eq!(variant_of(&json!("Constant")), "Constant");
    }
}
