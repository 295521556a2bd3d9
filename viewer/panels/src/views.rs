//! Places to look from.

use egui::Ui;

use crate::marks::mark;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewAction {
    /// To look from the place of this name.
    Look(String),
    /// To keep the present place in the scene.
    Keep,
}

/// The places of the viewer and of the scene; the present one can be kept in a scene that can be
/// `edited`.
pub fn panel(ui: &mut Ui, presets: &[&str], kept: &[&str], edited: bool) -> Option<ViewAction> {
    let mut action = None;
    ui.horizontal_wrapped(|ui| {
        ui.label("Look from");
        for name in presets.iter().chain(kept) {
            let button = ui.button(*name);
            mark(&button, format!("view {name}"));
            if button.clicked() {
                action = Some(ViewAction::Look((*name).to_owned()));
            }
        }
        if edited {
            let keep = ui
                .button("Keep this view")
                .on_hover_text("In the scene, as one of its `views`");
            mark(&keep, "keep view");
            if keep.clicked() {
                action = Some(ViewAction::Keep);
            }
        }
    });
    action
}
