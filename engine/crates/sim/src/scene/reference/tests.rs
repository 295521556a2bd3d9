use std::{cell::RefCell, fmt};

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor,
};

use super::*;
use crate::scene::spec;

/// What a type asks a format for: its fields, or its variants and theirs.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    fields: Vec<String>,
    variants: Vec<(String, Vec<String>)>,
}

/// A format that only listens.
#[derive(Clone, Copy)]
struct Listener<'a>(&'a RefCell<Asked>, usize);

#[derive(Debug)]
struct Heard;

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("heard")
    }
}

impl std::error::Error for Heard {}

impl de::Error for Heard {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Heard;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Heard> {
        Err(Heard)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Heard> {
        self.0.borrow_mut().fields = owned(fields);
        Err(Heard)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Heard> {
        let Some(name) = variants.get(self.1) else {
            return Err(Heard);
        };
        self.0
            .borrow_mut()
            .variants
            .push(((*name).to_owned(), Vec::new()));
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Listener<'_> {
    type Error = Heard;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Heard> {
        let index = de::value::U64Deserializer::<Heard>::new(self.1 as u64);
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Listener<'_> {
    type Error = Heard;

    fn unit_variant(self) -> Result<(), Heard> {
        Err(Heard)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Heard> {
        Err(Heard)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Heard> {
        Err(Heard)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Heard> {
        if let Some(last) = self.0.borrow_mut().variants.last_mut() {
            last.1 = owned(fields);
        }
        Err(Heard)
    }
}

/// What serde asks for when it reads a `T`.
fn asked<T: for<'de> Deserialize<'de>>() -> Asked {
    let asked = RefCell::new(Asked::default());
    for variant in 0.. {
        let before = asked.borrow().variants.len();
        let _ = T::deserialize(Listener(&asked, variant));
        if asked.borrow().variants.len() == before {
            break;
        }
    }
    asked.into_inner()
}

/// What the reference knows about a type.
fn described(name: &str) -> Asked {
    let types = types();
    let known = types
        .iter()
        .find(|known| known.name == name)
        .unwrap_or_else(|| panic!("{name}"));
    let mut described = Asked::default();
    for item in &known.items {
        match (known.is_enum, item.nested) {
            (true, false) => described.variants.push((item.name.clone(), Vec::new())),
            (true, true) => described
                .variants
                .last_mut()
                .unwrap()
                .1
                .push(item.name.clone()),
            (false, _) => described.fields.push(item.name.clone()),
        }
    }
    described
}

#[test]
fn reference_has_every_field_that_serde_reads() {
    let mut count = 0;
    macro_rules! equal {
        ($($name:ident),*) => {$({
            assert_eq!(described(stringify!($name)), asked::<spec::$name>());
            count += 1;
        })*};
    }
    assert_eq!(described("Spec"), asked::<spec::Spec<()>>());
    equal!(
        Domain,
        Walls,
        Axis,
        Time,
        Substep,
        Material,
        Activation,
        Body,
        Sampling,
        Preset,
        Shape,
        Force,
        ForceLaw,
        Collider,
        Law,
        Attachment,
        Stage,
        Rigid,
        Weight,
        Support,
        Tool,
        Policy,
        Joint,
        JointKind,
        Limits,
        Workspace,
        Motion,
        Velocity,
        Placement,
        Stroke,
        Action,
        Injector,
        Nozzle,
        Collector,
        Gas,
        GasScalar,
        GasSides,
        GasSide,
        GasObstacle,
        GasJet,
        GasSource,
        GasBlob,
        GasScheme,
        GasSplitting,
        GasPressure,
        GasCoupling,
        GasLoss,
        GasTerm,
        Loss,
        When,
        Term,
        Source,
        PairTarget,
        ChamferTarget,
        Metric,
        Figure,
        Bookmark
    );
    // Of the types of the reference none is left out here.
    assert_eq!(types().len(), count + 1);
}

/// Whether a line has a field that may be left out, not an argument.
fn is_optional(line: &str) -> bool {
    line.contains(": Option<") && !line.contains("fn ")
}

#[test]
fn defaults_are_said_where_serde_has_them() {
    for source in SOURCES.iter().chain([&LOSSES]) {
        let lines: Vec<_> = source.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let attribute = line.trim().starts_with("#[serde(default");
            let optional = line.contains("pub ") && is_optional(line);
            if attribute || optional {
                // The comment right above, which may take several lines.
                let comment: Vec<_> = lines[..number]
                    .iter()
                    .rev()
                    .take_while(|line| line.trim().starts_with("///"))
                    .collect();
                assert!(
                    comment.iter().any(|line| line.contains("Default: ")),
                    "{line}"
                );
            }
        }
        let said = source.matches("Default: ").count();
        let optional = lines.iter().filter(|line| is_optional(line)).count();
        let meant = source.matches("#[serde(default").count() + optional;
        // `spec/mod.rs` says once what the word means.
        let once = source.matches("after `Default:`").count();
        assert_eq!(said, meant, "{once}");
    }
}

#[test]
fn page_of_the_scenes_is_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../scenes/README.md");
    if std::env::var_os("BACKFLOW_WRITE_REFERENCE").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        page,
        reference(),
        "set BACKFLOW_WRITE_REFERENCE=1 to write the page anew"
    );
}

#[test]
fn fields_of_a_place_are_those_of_its_type_and_variant() {
    let none = |_: &str| String::new();
    assert!(fields_at("", none).contains(&"gravity".to_owned()));
    assert_eq!(fields_at("time", none), ["frames", "frame", "substep"]);
    let liquid = |path: &str| {
        if path.ends_with('"') {
            "Liquid".into()
        } else {
            String::new()
        }
    };
    assert_eq!(
        fields_at("materials.\"a.b\"", liquid)[..2],
        ["density", "bulk_modulus"]
    );
    let sphere = |_: &str| "Sphere".to_owned();
    assert_eq!(fields_at("bodies[3].shape", sphere), ["radius"]);
    assert!(fields_at("optimize.steps", none).is_empty());
}
