//! Optional settings written without `Some(..)`: present means set, absent means off.
//!
//! `target: 0.1` reads better in a scene than `target: Some(0.1)`, and works whatever
//! extensions the RON reader has switched on.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the content alone; fields use it with `skip_serializing_if = "Option::is_none"`.
pub(crate) fn serialize<T: Serialize, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads the content alone; fields use it with `default`, so that absence is `None`.
pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
