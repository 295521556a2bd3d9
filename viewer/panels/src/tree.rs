//! The scene as a tree of fields that can be edited: units, meanings and defaults on hover,
//! faults beside the fields that they are about.

use backflow::sim::scene::{Fault, reference::Item};
use egui::{Color32, DragValue, RichText, Ui};
use serde_json::{Value, json};

use crate::schema::{Kind, Schema, unit};

/// A change of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The whole tree, changed.
    pub value: Value,
    /// Path of the field that was changed.
    pub field: String,
}

/// What the tree is drawn with.
struct Tree<'a> {
    schema: &'a Schema,
    faults: &'a [Fault],
    changed: Option<String>,
}

/// Parts of a scene with a tab of their own, and the fields they show.
pub const PARTS: [(&str, &[&str]); 5] = [
    ("Matter", &["materials", "bodies", "forces", "volume_rate"]),
    ("World", &["gravity", "domain", "time", "views"]),
    (
        "Solids",
        &["colliders", "rigids", "tools", "injectors", "collectors"],
    ),
    ("Goal", &["losses", "metrics", "optimize"]),
    ("All", &[]),
];

/// The fields of a scene, or some of them; what was changed.
pub fn panel(
    ui: &mut Ui,
    scene: &Value,
    schema: &Schema,
    faults: &[Fault],
    only: &[&str],
) -> Option<Edit> {
    let mut value = scene.clone();
    let mut tree = Tree {
        schema,
        faults,
        changed: None,
    };
    tree.fields(ui, &mut value, "Spec", None, "", only);
    tree.changed.map(|field| Edit { value, field })
}

/// The path of a field of what is at `path`.
fn child(path: &str, name: &str) -> String {
    match (path, name) {
        ("", name) => name.to_owned(),
        (path, name) => format!("{path}.{name}"),
    }
}

impl Tree<'_> {
    /// What is wrong with a field, below it.
    fn complain(&self, ui: &mut Ui, path: &str) {
        for fault in self.faults.iter().filter(|fault| fault.path == path) {
            let text = format!("expected {}", fault.expected);
            ui.label(
                RichText::new(text)
                    .color(Color32::from_rgb(235, 90, 80))
                    .small(),
            );
        }
    }

    /// Whether something is wrong at or under a path.
    fn wrong(&self, path: &str) -> bool {
        self.faults.iter().any(|fault| {
            let rest = fault.path.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    fn title(&self, name: &str, path: &str) -> RichText {
        if self.wrong(path) {
            RichText::new(name).color(Color32::from_rgb(235, 90, 80))
        } else {
            RichText::new(name)
        }
    }

    /// The fields of a struct or of a variant.
    fn fields(
        &mut self,
        ui: &mut Ui,
        value: &mut Value,
        name: &str,
        variant: Option<&str>,
        path: &str,
        only: &[&str],
    ) {
        let schema = self.schema;
        for item in schema.fields(name, variant) {
            if !only.is_empty() && !only.contains(&item.name.as_str()) {
                continue;
            }
            let at = child(path, &item.name);
            let kind = schema.kind(&item.kind);
            let Some(value) = value.get_mut(&item.name) else {
                continue;
            };
            self.field(ui, value, &kind, item, &at);
            self.complain(ui, &at);
        }
    }

    /// A field with its name in front.
    fn field(&mut self, ui: &mut Ui, value: &mut Value, kind: &Kind, item: &Item, path: &str) {
        let hover = match &item.default {
            Some(default) => format!("{}\nDefault: {default}", item.about),
            None => item.about.clone(),
        };
        let title = self.title(&item.name, path);
        let unit = unit(&item.about).filter(|unit| *unit != "1").unwrap_or("");
        match (kind, &*value) {
            (Kind::List(_) | Kind::Map(_), _) => {
                egui::CollapsingHeader::new(title)
                    .id_salt(path)
                    .default_open(path.len() < 12)
                    .show(ui, |ui| self.value(ui, value, kind, &item.name, unit, path))
                    .header_response
                    .on_hover_text(hover);
            }
            (Kind::Named(name), _) if !self.schema.get(name).is_some_and(|known| known.is_enum) => {
                egui::CollapsingHeader::new(title)
                    .id_salt(path)
                    .show(ui, |ui| self.value(ui, value, kind, &item.name, unit, path))
                    .header_response
                    .on_hover_text(hover);
            }
            (Kind::Plain, Value::Object(_)) => {
                egui::CollapsingHeader::new(title)
                    .id_salt(path)
                    .show(ui, |ui| self.value(ui, value, kind, &item.name, unit, path));
            }
            _ => {
                ui.horizontal_wrapped(|ui| {
                    ui.label(title).on_hover_text(&hover);
                    self.value(ui, value, kind, &item.name, unit, path);
                });
            }
        }
    }

    fn value(
        &mut self,
        ui: &mut Ui,
        value: &mut Value,
        kind: &Kind,
        name: &str,
        unit: &str,
        path: &str,
    ) {
        match kind {
            Kind::Optional(inner) => self.optional(ui, value, inner, name, unit, path),
            Kind::List(inner) => self.list(ui, value, inner, name, path),
            Kind::Map(inner) => self.map(ui, value, inner, name, path),
            Kind::Named(known) => self.named(ui, value, known, path),
            Kind::Plain => self.plain(ui, value, unit, path),
        }
    }

    fn optional(
        &mut self,
        ui: &mut Ui,
        value: &mut Value,
        inner: &Kind,
        name: &str,
        unit: &str,
        path: &str,
    ) {
        if value.is_null() {
            ui.weak("none");
            let blank = match inner {
                Kind::Named(known) => self.schema.blank(known, name),
                _ => self.schema.blank("f64", name),
            };
            if matches!(inner, Kind::Named(_)) && ui.small_button("set").clicked() {
                *value = blank;
                self.changed = Some(path.to_owned());
            }
            return;
        }
        self.value(ui, value, inner, name, unit, path);
        if ui.small_button("✖").on_hover_text("Leave it out").clicked() {
            *value = Value::Null;
            self.changed = Some(path.to_owned());
        }
    }

    fn list(&mut self, ui: &mut Ui, value: &mut Value, inner: &Kind, name: &str, path: &str) {
        let Some(entries) = value.as_array_mut() else {
            return;
        };
        let (mut removed, mut doubled) = (None, None);
        for (index, entry) in entries.iter_mut().enumerate() {
            let at = format!("{path}[{index}]");
            let title = entry.get("name").and_then(Value::as_str);
            let title = title.map_or_else(|| format!("{index}"), str::to_owned);
            let title = self.title(&title, &at);
            egui::CollapsingHeader::new(title)
                .id_salt(&at)
                .show(ui, |ui| {
                    self.value(ui, entry, inner, name, "", &at);
                    ui.horizontal(|ui| {
                        if ui.small_button("Duplicate").clicked() {
                            doubled = Some(index);
                        }
                        if ui.small_button("Delete").clicked() {
                            removed = Some(index);
                        }
                    });
                });
            self.complain(ui, &at);
        }
        if let Kind::Named(known) = inner
            && ui.small_button(format!("Add to {name}")).clicked()
        {
            entries.push(self.schema.blank(known, name));
            self.changed = Some(path.to_owned());
        }
        if let Some(index) = removed {
            entries.remove(index);
            self.changed = Some(path.to_owned());
        }
        if let Some(index) = doubled {
            let mut double = entries[index].clone();
            if let Some(name) = double.get_mut("name") {
                *name = json!(format!("{} copy", name.as_str().unwrap_or("")));
            }
            entries.insert(index + 1, double);
            self.changed = Some(path.to_owned());
        }
    }

    fn map(&mut self, ui: &mut Ui, value: &mut Value, inner: &Kind, name: &str, path: &str) {
        let Some(entries) = value.as_object_mut() else {
            return;
        };
        for (key, entry) in entries.iter_mut() {
            let at = format!("{path}.{key:?}");
            let title = self.title(key, &at);
            egui::CollapsingHeader::new(title)
                .id_salt(&at)
                .default_open(true)
                .show(ui, |ui| self.value(ui, entry, inner, name, "", &at));
            self.complain(ui, &at);
        }
        if let Kind::Named(known) = inner
            && ui.small_button(format!("Add to {name}")).clicked()
        {
            let free = (1..).map(|n| format!("new {n}"));
            let key = free.into_iter().find(|key| !entries.contains_key(key));
            entries.insert(key.unwrap_or_default(), self.schema.blank(known, name));
            self.changed = Some(path.to_owned());
        }
    }

    /// A struct, or an enum with its variants to choose from.
    fn named(&mut self, ui: &mut Ui, value: &mut Value, name: &str, path: &str) {
        if !self.schema.get(name).is_some_and(|known| known.is_enum) {
            self.fields(ui, value, name, None, path, &[]);
            return;
        }
        let now = match &*value {
            Value::String(variant) => variant.clone(),
            Value::Object(fields) => fields.keys().next().cloned().unwrap_or_default(),
            _ => String::new(),
        };
        let mut chosen = now.clone();
        let schema = self.schema;
        ui.vertical(|ui| {
            egui::ComboBox::from_id_salt((path, "variant"))
                .selected_text(&chosen)
                .show_ui(ui, |ui| {
                    for item in schema.variants(name) {
                        ui.selectable_value(&mut chosen, item.name.clone(), &item.name)
                            .on_hover_text(&item.about);
                    }
                });
            if name == "Material" {
                self.presets(ui, value, path);
            }
            if let Some(content) = value.get_mut(&now) {
                let fields = schema.fields(name, Some(&now));
                if fields.is_empty() {
                    let item = schema
                        .variants(name)
                        .into_iter()
                        .find(|item| item.name == now);
                    let kind = item.map_or(Kind::Plain, |item| schema.kind(&item.kind));
                    self.value(ui, content, &kind, &now, "", path);
                } else {
                    self.fields(ui, content, name, Some(&now), path, &[]);
                }
            }
        });
        if chosen != now {
            *value = schema.variant(name, &chosen, value);
            self.changed = Some(path.to_owned());
        }
    }

    fn presets(&mut self, ui: &mut Ui, value: &mut Value, path: &str) {
        egui::ComboBox::from_id_salt((path, "preset"))
            .selected_text("Preset")
            .show_ui(ui, |ui| {
                for (name, preset) in crate::presets::materials() {
                    if ui.selectable_label(false, name).clicked() {
                        *value = preset;
                        self.changed = Some(path.to_owned());
                    }
                }
            });
    }

    /// Numbers, text, switches, and what the schema does not know.
    fn plain(&mut self, ui: &mut Ui, value: &mut Value, unit: &str, path: &str) {
        let changed = match value {
            Value::Bool(on) => ui.checkbox(on, "").changed(),
            Value::Number(number) => {
                if let Some(mut whole) = number.as_u64() {
                    let changed = ui
                        .add(DragValue::new(&mut whole).suffix(suffix(unit)))
                        .changed();
                    *value = json!(whole);
                    changed
                } else {
                    let mut real = number.as_f64().unwrap_or(0.0);
                    let speed = (real.abs() * 0.01).max(1e-4);
                    let drag = DragValue::new(&mut real)
                        .speed(speed)
                        .suffix(suffix(unit))
                        .max_decimals(6);
                    let response = ui.add(drag);
                    crate::marks::mark(&response, format!("field {path}"));
                    *value = json!(real);
                    response.changed()
                }
            }
            Value::String(text) => ui
                .add(egui::TextEdit::singleline(text).desired_width(110.0))
                .changed(),
            Value::Array(entries) => {
                for (index, entry) in entries.iter_mut().enumerate() {
                    let at = format!("{path}[{index}]");
                    self.plain(ui, entry, unit, &at);
                }
                return;
            }
            Value::Object(entries) => {
                ui.vertical(|ui| {
                    for (key, entry) in entries.iter_mut() {
                        let at = child(path, key);
                        if entry.is_object() {
                            ui.collapsing(key, |ui| self.plain(ui, entry, "", &at));
                        } else {
                            ui.horizontal_wrapped(|ui| {
                                ui.label(key);
                                self.plain(ui, entry, "", &at);
                            });
                        }
                    }
                });
                return;
            }
            Value::Null => {
                ui.weak("none");
                false
            }
        };
        if changed {
            self.changed = Some(path.to_owned());
        }
    }
}

/// A value that no schema describes; whether it was changed.
pub fn plain(ui: &mut Ui, value: &mut Value) -> bool {
    let schema = Schema::empty();
    let mut tree = Tree {
        schema: &schema,
        faults: &[],
        changed: None,
    };
    tree.plain(ui, value, "", "value");
    tree.changed.is_some()
}

fn suffix(unit: &str) -> String {
    if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    }
}
