//! The keyboard map.

use egui::{Grid, RichText, Ui};

/// Keys and what they do.
pub const KEYS: [(&str, &str); 24] = [
    ("space", "play or pause"),
    (".  ,", "one frame on, one back"),
    ("R", "reset: back to the start"),
    ("1 2 3 4", "look from three quarters, front, side, top"),
    ("Home", "fit the view to the scene"),
    ("W A S D Q E", "fly"),
    ("left mouse", "turn; on the tool: move it"),
    ("right mouse", "shift the view (also shift and left)"),
    ("wheel", "nearer, farther"),
    ("arrow keys", "move the tool left, right, up, down"),
    ("page up, down", "move the tool away, nearer"),
    ("X Y Z held", "drag the tool along an axis only"),
    ("V", "next colour: body, speed, pressure, strain, gradient"),
    ("F", "liquids as surfaces or as balls"),
    ("M", "handles: put things elsewhere, at the start"),
    ("T", "dark or light"),
    ("ctrl O", "open a scene, a run or a trajectory"),
    ("ctrl S", "save the scene; with shift under another name"),
    ("ctrl Z", "undo; with shift redo"),
    ("ctrl G", "gallery"),
    ("F12", "screenshot"),
    ("F10", "begin a film, or end it"),
    ("F11", "full screen"),
    ("F1", "this map"),
];

/// The map.
pub fn panel(ui: &mut Ui) {
    Grid::new("keys")
        .num_columns(2)
        .striped(true)
        .show(ui, |ui| {
            for (keys, meaning) in KEYS {
                ui.label(RichText::new(keys).monospace().strong());
                ui.label(meaning);
                ui.end_row();
            }
        });
}
