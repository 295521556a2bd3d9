//! What is drawn and how.

use backflow_viewer_session::{Field, gas::StageGas, smoke::PLAIN_NAME};
use egui::Ui;

use crate::marks::mark;

/// What is drawn and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewSettings {
    /// What the colour of a particle stands for.
    pub field: Field,
    /// Radius of the balls, as a multiple of that of a particle (1).
    pub radius: f32,
    /// Whether gas is drawn as smoke.
    pub smoke: bool,
    /// The quantity that smoke is thick by; none for the usual one.
    pub thickness: Option<String>,
    /// The quantity that smoke is coloured by, or [`PLAIN_NAME`]; none for the usual one.
    pub tint: Option<String>,
    /// How dense smoke is, as a multiple of the usual (1).
    pub density: f32,
    /// Whether liquids are drawn as surfaces instead of balls.
    pub surface: bool,
    /// Whether what has a pose has handles to put it elsewhere by.
    pub handles: bool,
    /// Whether matter casts shadows.
    pub shadows: bool,
    /// Whether there is a floor.
    pub floor: bool,
    /// Whether the floor has lines.
    pub grid: bool,
    /// Whether the edges of the domain are drawn.
    pub domain: bool,
    /// Whether axes are drawn.
    pub axes: bool,
    /// Whether colliders and tools are drawn.
    pub solids: bool,
    /// Whether targets of losses are drawn.
    pub targets: bool,
    /// Whether gradients are drawn as arrows.
    pub arrows: bool,
    /// Dark or light colours.
    pub dark: bool,
}

impl Default for ViewSettings {
    fn default() -> Self {
        Self {
            field: Field::Body,
            radius: 1.15,
            smoke: true,
            thickness: None,
            tint: None,
            density: 1.0,
            surface: false,
            handles: false,
            shadows: true,
            floor: true,
            grid: true,
            domain: true,
            axes: true,
            solids: true,
            targets: true,
            arrows: true,
            dark: true,
        }
    }
}

/// The panel; true where the field is another.
pub fn panel(ui: &mut Ui, settings: &mut ViewSettings) -> bool {
    let before = settings.field;
    ui.horizontal(|ui| {
        ui.label("Colour");
        egui::ComboBox::from_id_salt("field")
            .selected_text(settings.field.name())
            .show_ui(ui, |ui| {
                for field in Field::ALL {
                    let text = match field.unit() {
                        "" => field.name().to_owned(),
                        unit => format!("{} ({unit})", field.name()),
                    };
                    ui.selectable_value(&mut settings.field, field, text);
                }
            });
    });
    ui.add(
        egui::Slider::new(&mut settings.radius, 0.3..=2.0)
            .text("Radius")
            .fixed_decimals(2),
    )
    .on_hover_text("Radius of the balls, as a multiple of that of a particle (1)");
    ui.horizontal_wrapped(|ui| {
        for (value, name, meaning) in [
            (
                &mut settings.surface,
                "Surface",
                "Liquids as surfaces instead of balls (F)",
            ),
            (
                &mut settings.handles,
                "Handles",
                "Put bodies, tools and solids elsewhere, at the start of a run (M)",
            ),
            (
                &mut settings.shadows,
                "Shadows",
                "Matter casts soft shadows",
            ),
            (&mut settings.floor, "Floor", "The plane under the domain"),
            (&mut settings.grid, "Grid", "Lines on the floor"),
            (
                &mut settings.domain,
                "Domain",
                "Edges of the box that matter lives in",
            ),
            (&mut settings.axes, "Axes", "x red, y green, z blue"),
            (&mut settings.solids, "Solids", "Colliders and tools"),
            (
                &mut settings.targets,
                "Targets",
                "Where losses want matter to be",
            ),
            (
                &mut settings.arrows,
                "Arrows",
                "Gradients of an optimisation",
            ),
        ] {
            ui.checkbox(value, name).on_hover_text(meaning);
        }
    });
    before != settings.field
}

/// How gas is drawn.
pub fn gas_panel(ui: &mut Ui, gas: &StageGas, settings: &mut ViewSettings) {
    let smoke = ui
        .checkbox(&mut settings.smoke, "Smoke")
        .on_hover_text("Gas as smoke");
    mark(&smoke, "smoke");
    let names: Vec<&str> = gas.quantities.iter().map(|known| &*known.name).collect();
    quantity(ui, "Thick by", &names, &mut settings.thickness);
    let colours: Vec<&str> = std::iter::once(PLAIN_NAME).chain(names).collect();
    quantity(ui, "Coloured by", &colours, &mut settings.tint);
    ui.add(
        egui::Slider::new(&mut settings.density, 0.1..=10.0)
            .logarithmic(true)
            .text("Density")
            .fixed_decimals(2),
    )
    .on_hover_text("How dense smoke is drawn, as a multiple of the usual (1)");
}

/// A choice of a quantity, or of the usual one.
fn quantity(ui: &mut Ui, label: &str, names: &[&str], chosen: &mut Option<String>) {
    const USUAL: &str = "usual";
    ui.horizontal(|ui| {
        ui.label(label);
        // A name of another scene does not count here.
        let known = chosen.as_deref().filter(|name| names.contains(name));
        let response = egui::ComboBox::from_id_salt(label)
            .selected_text(known.unwrap_or(USUAL))
            .show_ui(ui, |ui| {
                ui.selectable_value(chosen, None, USUAL);
                for name in names {
                    ui.selectable_value(chosen, Some((*name).to_owned()), *name);
                }
            });
        mark(&response.response, label);
    });
}
