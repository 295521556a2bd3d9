//! The tabs at the side.

use backflow_viewer_panels::{
    legend,
    marks::mark,
    optimise::{self, OptimiseAction},
    text, tree, view,
    views::{self, ViewAction},
};
use backflow_viewer_session::Player;
use egui::RichText;

use crate::{
    camera::{Orbit, PRESETS},
    desk::Desk,
    draw::{matter::Shown, smoke::Smoke},
    files::{Files, Purpose},
    learn::Learning,
    view::View,
};

/// What is drawn.
pub fn view_tab(
    ui: &mut egui::Ui,
    player: &mut Player,
    view: &mut View,
    shown: &Shown,
    smoke: &Smoke,
) {
    if view::panel(ui, &mut view.settings) {
        player.show(view.settings.field);
    }
    ui.separator();
    if let (Some(stage), Some((field, range))) = (&view.stage, shown.range()) {
        let known = player
            .current()
            .is_some_and(|frame| frame.values(field).is_some());
        let known = known || field == backflow_viewer_session::Field::Gradient && range.upper > 0.0;
        legend::panel(ui, stage, field, range, known);
    }
    let Some(stage) = view.stage.clone() else {
        return;
    };
    let Some(gas) = &stage.gas else { return };
    ui.separator();
    view::gas_panel(ui, gas, &mut view.settings);
    if let Some((look, ranges)) = smoke.legend() {
        let coloured = look.colour.and_then(|index| {
            let quantity = gas.quantities.get(index)?;
            Some((quantity, *ranges.get(index)?))
        });
        if let Some((quantity, range)) = coloured {
            legend::bar(ui, &quantity.name, quantity.unit, range);
        }
    }
}

/// Places to look from.
pub fn views(
    ui: &mut egui::Ui,
    desk: &mut Desk,
    player: &Player,
    learning: &mut Learning,
    view: &View,
    orbit: &mut Orbit,
) {
    let Some(stage) = &view.stage else { return };
    ui.separator();
    let kept: Vec<&str> = stage.views.iter().map(|view| &*view.name).collect();
    let presets = PRESETS.map(|(name, ..)| name);
    match views::panel(ui, &presets, &kept, desk.document.is_some()) {
        Some(ViewAction::Look(name)) => orbit.turn_to(&name, &stage.views),
        Some(ViewAction::Keep) => desk.keep_view(orbit.bookmark(), player, learning),
        None => {}
    }
}

/// The scene as a tree.
pub fn scene_tab(
    ui: &mut egui::Ui,
    desk: &mut Desk,
    player: &Player,
    learning: &mut Learning,
    faults: &[backflow::sim::scene::Fault],
) {
    let Some(document) = &mut desk.document else {
        ui.weak("A recorded run cannot be edited.");
        return;
    };
    ui.horizontal_wrapped(|ui| {
        for (index, (name, _)) in tree::PARTS.iter().enumerate() {
            let response = ui.selectable_label(desk.part == index, *name);
            mark(&response, format!("part {name}"));
            if response.clicked() {
                desk.part = index;
            }
        }
    });
    let fields = tree::PARTS
        .get(desk.part)
        .map_or(&[][..], |(_, fields)| fields);
    if let Some(edit) = tree::panel(ui, document.value(), &desk.schema, faults, fields) {
        match document.edit(edit.value, &edit.field) {
            Ok(_) => {
                desk.text = text::TextState::default();
                desk.apply(player, learning);
            }
            Err(error) => desk.message = Some(error.to_string()),
        }
    } else if !ui.ctx().egui_is_using_pointer() {
        document.settle();
    }
}

/// The scene as text.
pub fn text_tab(ui: &mut egui::Ui, desk: &mut Desk, player: &Player, learning: &mut Learning) {
    let Some(document) = &mut desk.document else {
        ui.weak("A recorded run has no text.");
        return;
    };
    if desk.text.text.is_empty() {
        desk.text.text = document.text().unwrap_or_default();
    }
    if text::panel(ui, &mut desk.text) {
        match document.edit_text(&desk.text.text) {
            Ok(_) => {
                desk.text.error = None;
                desk.apply(player, learning);
            }
            Err(error) => desk.text.error = Some(error.to_string()),
        }
    }
}

/// Optimisations.
pub fn optimise_tab(
    ui: &mut egui::Ui,
    desk: &mut Desk,
    player: &mut Player,
    learning: &mut Learning,
    files: &mut Files,
) {
    let mut state = learning.state(learning.settings.clone().unwrap_or_default());
    let actions = optimise::panel(ui, &mut state);
    learning.ghosts = state.ghosts;
    learning.settings = Some(state.settings);
    for action in actions {
        if action == OptimiseAction::Save {
            files.ask(Purpose::SaveBest);
        } else if let Err(error) = learning.act(&action, player) {
            desk.message = Some(error);
        }
    }
}

/// Pictures and demonstrations; true where a film is to be begun or ended.
pub fn share_tab(
    ui: &mut egui::Ui,
    desk: &mut Desk,
    player: &Player,
    files: &mut Files,
    filming: Option<usize>,
) -> bool {
    ui.label(RichText::new("Pictures").strong());
    if ui.button("Screenshot (F12)").clicked() {
        files.screenshot = true;
    }
    let text = match filming {
        Some(taken) => format!("End the film (F10): {taken} pictures"),
        None => "Film (F10)".to_owned(),
    };
    let film = ui.button(text).on_hover_text(
        "A picture of each frame from now on, without the panels; at the end GIF, and MP4 with ffmpeg",
    );
    mark(&film, "film");
    ui.separator();
    ui.label(RichText::new("Demonstration").strong());
    ui.weak("Move the tool by hand, then save what it did.");
    let save = ui.button("Save as controls…").on_hover_text(
        "A scene whose tool moves as you moved it: `backflow optimize` starts from there",
    );
    mark(&save, "save controls");
    if save.clicked() {
        files.ask(Purpose::SaveControls);
    }
    let bodies = player.current().map(|frame| frame.stage.bodies.clone());
    for (index, body) in bodies.unwrap_or_default().iter().enumerate() {
        ui.horizontal_wrapped(|ui| {
            ui.label(format!("{} as goal:", body.name));
            if ui
                .small_button("now")
                .on_hover_text("For the loss Chamfer")
                .clicked()
            {
                files.ask(Purpose::SaveGoal {
                    body: index,
                    all: false,
                });
            }
            if ui
                .small_button("all frames")
                .on_hover_text("For the loss PairedL2")
                .clicked()
            {
                files.ask(Purpose::SaveGoal {
                    body: index,
                    all: true,
                });
            }
        });
    }
    if let Some(note) = &desk.note {
        ui.separator();
        ui.label(note);
    }
    film.clicked()
}
