//! The scenes to choose from.

use egui::{Align, Color32, Layout, RichText, ScrollArea, Sense, Stroke, TextureId, Ui, vec2};

/// A scene of the gallery.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Its title.
    pub title: String,
    /// What it shows, in one line.
    pub about: String,
    /// The folder it is in: fluid, solid and so on.
    pub kind: String,
    /// Its picture, if it has been made.
    pub picture: Option<TextureId>,
}

/// Width of a card (points).
const WIDTH: f32 = 248.0;

/// Space between two cards (points).
const GAP: f32 = 12.0;

/// Height of its picture (points).
const PICTURE: f32 = 146.0;

/// The gallery; the index of the card that was chosen.
pub fn panel(ui: &mut Ui, cards: &[Card]) -> Option<usize> {
    let mut chosen = None;
    ui.add_space(12.0);
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        ui.heading(RichText::new("Backflow").size(26.0).strong());
        ui.label(RichText::new("Choose a scene, or drop a file here").weak());
    });
    ui.add_space(8.0);
    ScrollArea::vertical()
        .auto_shrink([false, false])
        .show(ui, |ui| {
            let mut kinds: Vec<&str> = cards.iter().map(|card| card.kind.as_str()).collect();
            kinds.dedup();
            for kind in kinds {
                ui.horizontal(|ui| {
                    ui.add_space(12.0);
                    ui.label(RichText::new(kind).strong().size(15.0));
                });
                let of_kind: Vec<(usize, &Card)> = cards
                    .iter()
                    .enumerate()
                    .filter(|(_, card)| card.kind == kind)
                    .collect();
                let columns = ((ui.available_width() / (WIDTH + GAP)) as usize).max(1);
                for row in of_kind.chunks(columns) {
                    ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
                        ui.spacing_mut().item_spacing.x = GAP;
                        for (index, card) in row {
                            if self::card(ui, card) {
                                chosen = Some(*index);
                            }
                        }
                    });
                    ui.add_space(GAP);
                }
                ui.add_space(10.0);
            }
        });
    chosen
}

/// A card; whether it was clicked.
fn card(ui: &mut Ui, card: &Card) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(WIDTH, PICTURE + 66.0), Sense::click());
    crate::marks::mark(&response, format!("card {}", card.title));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, &card.title));
    let visuals = ui.style().interact(&response);
    let edge = if response.hovered() {
        Stroke::new(1.5, visuals.fg_stroke.color)
    } else {
        Stroke::new(1.0, ui.visuals().widgets.noninteractive.bg_stroke.color)
    };
    ui.painter().rect(
        rect,
        8.0,
        ui.visuals().faint_bg_color,
        edge,
        egui::StrokeKind::Inside,
    );
    let picture = egui::Rect::from_min_size(rect.min, vec2(WIDTH, PICTURE)).shrink(4.0);
    match card.picture {
        Some(texture) => {
            let whole = egui::Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
            ui.painter().image(texture, picture, whole, Color32::WHITE);
        }
        None => {
            ui.painter()
                .rect_filled(picture, 6.0, ui.visuals().extreme_bg_color);
        }
    }
    let text = egui::Rect::from_min_max(picture.left_bottom(), rect.max).shrink2(vec2(8.0, 5.0));
    let layout = Layout::top_down(Align::Min);
    ui.scope_builder(egui::UiBuilder::new().max_rect(text).layout(layout), |ui| {
        ui.add(egui::Label::new(RichText::new(&card.title).strong()).selectable(false));
        let about = RichText::new(&card.about).small().weak();
        ui.add(egui::Label::new(about).selectable(false).truncate());
    });
    response
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .on_hover_text(&card.about)
        .clicked()
}
