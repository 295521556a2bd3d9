//! The reference of the scene format, from the comments of its types.

use std::fmt::Write;

use super::{locate::parent, spec::Preset};

/// The sources of the types, in the order of the reference.
const SOURCES: [&str; 14] = [
    include_str!("spec/mod.rs"),
    include_str!("spec/domain.rs"),
    include_str!("spec/time.rs"),
    include_str!("spec/matter.rs"),
    include_str!("spec/preset.rs"),
    include_str!("spec/shape.rs"),
    include_str!("spec/force.rs"),
    include_str!("spec/collider.rs"),
    include_str!("spec/rigid.rs"),
    include_str!("spec/tool.rs"),
    include_str!("spec/injector.rs"),
    include_str!("spec/collector.rs"),
    include_str!("spec/gas.rs"),
    include_str!("spec/view.rs"),
];

/// The source of the losses, the last of the reference.
const LOSSES: &str = include_str!("spec/loss.rs");

/// What the reference starts with.
const PREAMBLE: &str = "\
# Scenes

One file a scene, in [RON](https://github.com/ron-rs/ron). Fields with a default may be left out; an
optional field is written without `Some`. Units are SI, angles radians, y is up. `backflow check FILE`
reports everything that is wrong with a scene at once.

This page is made from the comments of the types in `engine/crates/sim/src/scene/spec`; a test keeps it
equal to them.
";

/// A type of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub about: String,
    /// Whether it is one of several variants, otherwise a struct.
    pub is_enum: bool,
    /// Its fields or variants; those of a variant follow it.
    pub items: Vec<Item>,
}

/// A field of a struct, or a variant of an enum, or a field of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What it means, with its unit in brackets.
    pub about: String,
    /// Type of a field; what a variant wraps.
    pub kind: String,
    /// Text of the default; `None` where the field must be there.
    pub default: Option<String>,
    /// Whether it is a field of the variant before it.
    pub nested: bool,
}

/// The page that describes every field of a scene: `scenes/README.md`.
pub fn reference() -> String {
    let mut page = PREAMBLE.to_owned();
    for Type {
        name,
        about,
        is_enum,
        items,
    } in types()
    {
        let (column, title) = if is_enum {
            ("variant or field", name)
        } else if name == "Spec" {
            ("field", "The file".to_owned())
        } else {
            ("field", name)
        };
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## {title}\n\n{about}\n\n");
        let _ = writeln!(
            page,
            "| {column} | type | default | meaning |\n|---|---|---|---|"
        );
        for Item {
            name,
            about,
            kind,
            default,
            nested,
        } in items
        {
            let about = match preset(&title, &name) {
                Some(material) => format!("{about} `{material}`"),
                None => about,
            };
            let variant = is_enum && !nested;
            let name = match (variant, kind.is_empty()) {
                (true, false) => format!("`{name}({kind})`"),
                (true, true) => format!("`{name}`"),
                (false, _) if nested => format!("— `{name}`"),
                (false, _) => format!("`{name}`"),
            };
            let kind = if variant { String::new() } else { kind };
            let default = match default {
                _ if variant => String::new(),
                Some(default) => default,
                None => "**required**".to_owned(),
            };
            let _ = writeln!(page, "| {name} | {kind} | {default} | {about} |");
        }
    }
    page
}

/// A material of the library as a scene would write it.
fn preset(title: &str, name: &str) -> Option<String> {
    let mut all = Preset::ALL.into_iter().filter(|_| title == "Preset");
    let preset = all.find(|preset| format!("{preset:?}") == name)?;
    let config = ron::ser::PrettyConfig::new()
        .compact_structs(true)
        .separator(" ");
    ron::ser::to_string_pretty(&preset.material(), config).ok()
}

/// Fields that what is at `path` may have; `variant` tells the variant at a path, where
/// there is one. Empty where that is not known.
pub(super) fn fields_at(path: &str, variant: impl Fn(&str) -> String) -> Vec<String> {
    let types = types();
    let find = |name: &str| types.iter().find(|known| known.name == name);
    let fields = |known: &Type, variant: &str| -> Vec<Item> {
        let mut inside = !known.is_enum;
        let mut fields = Vec::new();
        for item in &known.items {
            if known.is_enum && !item.nested {
                inside = item.name == variant;
            } else if inside {
                fields.push(item.clone());
            }
        }
        fields
    };
    // The path of each thing on the way, from the outside in.
    let mut way: Vec<&str> =
        std::iter::successors(Some(path), |&path| (!path.is_empty()).then(|| parent(path)))
            .collect();
    way.reverse();
    let mut at = find("Spec");
    for (outside, here) in way.iter().zip(&way[1..]) {
        let name = here[outside.len()..].trim_start_matches('.');
        // An index, or a name that the user gave, stays at the type of the elements.
        if !name.starts_with(['[', '"']) {
            at = at.and_then(|known| {
                let fields = fields(known, &variant(outside));
                let field = fields.iter().find(|field| field.name == name)?;
                types
                    .iter()
                    .find(|known| field.kind.contains(&format!("[{}]", known.name)))
            });
        }
    }
    let Some(known) = at else { return Vec::new() };
    fields(known, &variant(path))
        .into_iter()
        .map(|field| field.name)
        .collect()
}

/// All types of the format, with kinds as they are in Rust: what an editor of scenes needs to
/// know. The file itself is the type `Spec`.
pub fn schema() -> Vec<Type> {
    let mut types = Vec::new();
    for source in SOURCES.iter().chain([&LOSSES]) {
        read(source, &mut types);
    }
    types
}

/// All types of the format, with kinds as users know them.
fn types() -> Vec<Type> {
    let mut types = schema();
    let names: Vec<_> = types.iter().map(|known| known.name.clone()).collect();
    for item in types.iter_mut().flat_map(|known| &mut known.items) {
        item.kind = kind(&item.kind, &names);
    }
    types
}

/// Reads the public types of a source file that rustfmt has laid out.
fn read(source: &str, types: &mut Vec<Type>) {
    let (mut about, mut inside) = (String::new(), false);
    for line in source.lines() {
        let (text, indent) = (line.trim(), line.len() - line.trim_start().len());
        if let Some(comment) = text.strip_prefix("///") {
            if !about.is_empty() {
                about.push(' ');
            }
            about += comment.trim();
            continue;
        }
        if text.starts_with("#[") {
            continue;
        }
        let declared = text
            .strip_prefix("pub struct ")
            .or(text.strip_prefix("pub enum "));
        if let Some(declared) = declared.filter(|text| text.ends_with('{')) {
            let name = declared.split(['<', ' ']).next().unwrap_or("").to_owned();
            let is_enum = text.starts_with("pub enum ");
            let about = prose(&std::mem::take(&mut about));
            types.push(Type {
                name,
                about,
                is_enum,
                items: Vec::new(),
            });
            inside = true;
        } else if line == "}" {
            inside = false;
        } else if let Some(known) = types.last_mut().filter(|_| inside && !about.is_empty()) {
            known
                .items
                .push(item(&std::mem::take(&mut about), text, indent > 4));
        }
        about.clear();
    }
}

/// A field `name: Type,` or a variant `Name,`, `Name(Type),` or `Name {`.
fn item(comment: &str, text: &str, nested: bool) -> Item {
    let text = text
        .trim_start_matches("pub ")
        .trim_end_matches([',', '{', ' ']);
    let (name, kind) = match text.split_once([':', '(']) {
        Some((name, kind)) => (name, kind.trim().trim_end_matches(')')),
        None => (text, ""),
    };
    let (about, default) = match comment.split_once("Default: ") {
        Some((about, default)) => (about, Some(value(default.trim_end_matches('.')))),
        None => (comment, None),
    };
    let (about, name, kind) = (prose(about), name.to_owned(), kind.to_owned());
    Item {
        name,
        about,
        kind,
        default,
        nested,
    }
}

/// A default: what can stand in a file is code, the rest is prose.
fn value(default: &str) -> String {
    if default == "none" || default.starts_with("that of ") {
        default.to_owned()
    } else {
        format!("`{default}`")
    }
}

/// A comment as prose of a table: links to code become code.
fn prose(comment: &str) -> String {
    comment
        .trim()
        .replace("[`", "`")
        .replace("`]", "`")
        .replace('|', "\\|")
}

/// A type as users know it; types of the format become links.
fn kind(rust: &str, known: &[String]) -> String {
    let inside = |outer: &str| {
        rust.strip_prefix(outer)
            .and_then(|rest| rest.strip_suffix('>'))
    };
    if let Some(inner) = inside("Option<") {
        kind(inner, known)
    } else if let Some(inner) = inside("Vec<") {
        format!("list of {}", kind(inner, known))
    } else if let Some(inner) = inside("BTreeMap<String, ") {
        format!("{{name: {}}}", kind(inner, known))
    } else if known.iter().any(|name| name == rust) {
        format!("[{rust}](#{})", rust.to_lowercase())
    } else {
        match rust {
            "f64" => "number",
            "[f64; 3]" => "(x, y, z)",
            "u32" | "u64" | "usize" => "whole number",
            "usize, usize" => "first, last",
            "String, String" => "text, text",
            "[f64; 2]" => "(least, greatest)",
            "String" => "text",
            "bool" => "`true` or `false`",
            "O" => "see `backflow optimize --help`",
            other => other,
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests;
