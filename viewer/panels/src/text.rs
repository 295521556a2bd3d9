//! The scene as text: what is wrong with it stands beside it, in place.

use egui::{Color32, RichText, TextEdit, Ui};

/// A text that is being edited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextState {
    /// The text.
    pub text: String,
    /// What is wrong with it, a line each, as `text:line:column: message`.
    pub error: Option<String>,
}

/// Line and column (from 1) in a message, if it names a place.
pub fn place(message: &str) -> Option<(usize, usize)> {
    message
        .split(':')
        .collect::<Vec<_>>()
        .windows(2)
        .find_map(|pair| {
            let line = pair[0].trim().parse().ok()?;
            let column = pair[1].trim().parse().ok()?;
            Some((line, column))
        })
}

/// The editor; true where the text is to be applied.
pub fn panel(ui: &mut Ui, state: &mut TextState) -> bool {
    let mut apply = false;
    ui.horizontal(|ui| {
        apply = ui
            .button("Apply")
            .on_hover_text("Run the scene as it is written here")
            .clicked();
        if state.error.is_none() {
            ui.weak("The scene that runs");
        }
    });
    if let Some(error) = &state.error {
        for line in error.lines() {
            let text = RichText::new(line)
                .color(Color32::from_rgb(235, 90, 80))
                .small();
            ui.label(text);
            if let Some((number, column)) = place(line)
                && let Some(source) = state.text.lines().nth(number - 1)
            {
                let mark = format!("{}^", " ".repeat(column.saturating_sub(1)));
                ui.label(
                    RichText::new(format!("{source}\n{mark}"))
                        .monospace()
                        .small(),
                );
            }
        }
    }
    egui::ScrollArea::both().max_height(420.0).show(ui, |ui| {
        ui.add(
            TextEdit::multiline(&mut state.text)
                .code_editor()
                .desired_width(f32::INFINITY),
        );
    });
    apply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_messages() {
        assert_eq!(place("text:9:15: domain.cell: expected"), Some((9, 15)));
        assert_eq!(place("optimize: nothing"), None);
    }
}
