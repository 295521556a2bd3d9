//! Where widgets are on the screen, by name: for programs that drive the viewer.

use std::collections::BTreeMap;

use egui::{Context, Id, Response};

/// Middles of widgets (points) by name.
pub type Marks = BTreeMap<String, [f32; 2]>;

fn id() -> Id {
    Id::new("marks")
}

/// Notes where a widget is, as far as it is seen.
pub fn mark(response: &Response, name: impl Into<String>) {
    if !response.interact_rect.is_positive() {
        return;
    }
    let centre = response.interact_rect.center();
    response.ctx.data_mut(|data| {
        let marks: &mut Marks = data.get_temp_mut_or_default(id());
        marks.insert(name.into(), [centre.x, centre.y]);
    });
}

/// The widgets that were noted since the last time.
pub fn take(context: &Context) -> Marks {
    context.data_mut(|data| std::mem::take(data.get_temp_mut_or_default::<Marks>(id())))
}
