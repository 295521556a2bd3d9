//! What the colours stand for.

use backflow_viewer_session::{
    Field, Stage,
    colour::{Range, body_colour, viridis},
    stage::Role,
};
use egui::{Color32, Rect, Sense, Ui, vec2};

fn colour([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// A number to three digits.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return format!("{value:.2e}");
    }
    let digits = match size {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The bodies with their colours, or the range of a field.
pub fn panel(ui: &mut Ui, stage: &Stage, field: Field, range: Range, known: bool) {
    if field == Field::Body {
        let bodies = stage.bodies.iter();
        let mut lines: Vec<String> = bodies
            .map(|body| format!("{} · {} particles", body.name, body.count))
            .collect();
        for solid in &stage.solids {
            // A body may have several parts.
            if solid.role == Role::Body(lines.len() - stage.bodies.len()) {
                lines.push(format!("{} · rigid", solid.name));
            }
        }
        for (index, text) in lines.into_iter().enumerate() {
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(vec2(12.0, 12.0), Sense::hover());
                ui.painter()
                    .circle_filled(rect.center(), 5.0, colour(body_colour(index)));
                ui.label(text);
            });
        }
        return;
    }
    if !known {
        ui.label(format!("{} was not recorded", field.name()));
        return;
    }
    bar(ui, field.name(), field.unit(), range);
}

/// The range of a quantity, from the first colour to the last.
pub fn bar(ui: &mut Ui, name: &str, unit: &str, range: Range) {
    ui.label(match unit {
        "" => name.to_owned(),
        unit => format!("{name} ({unit})"),
    });
    let (rect, _) = ui.allocate_exact_size(vec2(160.0, 12.0), Sense::hover());
    let steps = 40;
    for step in 0..steps {
        let share = |step: i32| step as f32 / steps as f32;
        let [left, right] = [step, step + 1].map(|at| rect.left() + rect.width() * share(at));
        let bar = Rect::from_x_y_ranges(left..=right, rect.y_range());
        ui.painter()
            .rect_filled(bar, 0.0, colour(viridis(share(step))));
    }
    ui.horizontal(|ui| {
        ui.label(short(range.lower.into()));
        ui.add_space(90.0);
        ui.label(short(range.upper.into()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let known = [
            (0.0, "0.000"),
            (0.5, "0.500"),
            (12.34, "12.3"),
            (2e4, "20000"),
            (1.5e-5, "1.50e-5"),
            (-3.0, "-3.00"),
        ];
        for (value, text) in known {
            assert_eq!(short(value), text);
        }
    }
}
