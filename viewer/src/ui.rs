//! The panels in the window, and what they ask for.

use backflow_viewer_panels::{
    gallery::{self, Card},
    keys, legend,
    marks::mark,
    optimise::{self, OptimiseAction},
    text,
    time::{self, TimeAction, TimeState},
    tree, view,
};
use backflow_viewer_session::{Player, simulation::Condition};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, EguiTextureHandle, EguiUserTextures};
use egui::{LayerId, RichText, UiBuilder};

use crate::{
    camera::Orbit,
    desk::{Desk, Pictures, Tab},
    draw::matter::Shown,
    files::{Files, Purpose},
    learn::Learning,
    play::Playing,
    view::View,
};

/// Draws the panels.
pub struct PanelsPlugin;

impl Plugin for PanelsPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Cards>()
            .add_systems(Update, (pictures, shortcuts))
            .add_systems(EguiPrimaryContextPass, panels);
    }
}

/// The part of the window that panels leave free.
#[derive(Resource, Default, Clone, Copy)]
pub struct Free {
    /// Lower and upper corner (points); all of the window where there are no panels.
    pub area: Option<[Vec2; 2]>,
    /// Whether the mouse is over a panel.
    pub pointer_on_panel: bool,
}

impl Free {
    /// Middle of the free part.
    pub fn centre(&self, size: Vec2) -> Vec2 {
        self.area.map_or(size * 0.5, |[min, max]| (min + max) * 0.5)
    }

    /// Share of the window that is free, along each axis.
    pub fn share(&self, size: Vec2) -> Vec2 {
        let share = self.area.map_or(Vec2::ONE, |[min, max]| (max - min) / size);
        share.clamp(Vec2::splat(0.1), Vec2::ONE)
    }
}

/// Cards of the gallery, and the images they show.
#[derive(Resource, Default)]
pub struct Cards(Vec<Card>);

fn pictures(
    mut desk: ResMut<Desk>,
    mut cards: ResMut<Cards>,
    mut images: ResMut<Assets<Image>>,
    mut textures: ResMut<EguiUserTextures>,
) {
    if cards.0.len() != desk.entries.len() {
        cards.0 = desk
            .entries
            .iter()
            .map(|entry| Card {
                title: entry.title.clone(),
                about: entry.about.clone(),
                kind: entry.kind.clone(),
                picture: None,
            })
            .collect();
    }
    let mut done = false;
    if let Some(Pictures(receiver)) = &desk.pictures {
        let receiver = receiver
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            match receiver.try_recv() {
                Ok(made) => {
                    let rgba = made
                        .rgb
                        .chunks_exact(3)
                        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])
                        .collect();
                    let image = images.add(crate::capture::picture(made.size, rgba));
                    let texture = textures.add_image(EguiTextureHandle::Strong(image));
                    if let Some(card) = cards.0.get_mut(made.index) {
                        card.picture = Some(texture);
                    }
                }
                Err(error) => {
                    done = error == std::sync::mpsc::TryRecvError::Disconnected;
                    break;
                }
            }
        }
    }
    if done {
        desk.pictures = None;
    }
}

fn time_state(player: &Player) -> TimeState {
    let frame = player.current();
    TimeState {
        playing: player.playing,
        position: player.position(),
        count: player.recording.len(),
        index: frame.map_or(0, |frame| frame.index),
        total: frame.map_or(0, |frame| frame.stage.frames),
        time: frame.map_or(0.0, |frame| frame.time),
        speed: player.speed,
        live: player.simulation.is_some(),
    }
}

fn act(player: &mut Player, action: TimeAction) {
    match action {
        TimeAction::Play(playing) => player.play(playing),
        TimeAction::Step => player.step(),
        TimeAction::StepBack => player.step_back(),
        TimeAction::Reset => player.reset(),
        TimeAction::Seek(position) => player.seek(position),
        TimeAction::Speed(speed) => player.speed = speed,
    }
}

fn shortcuts(
    keys: Res<ButtonInput<KeyCode>>,
    mut playing: ResMut<Playing>,
    mut view: ResMut<View>,
    mut desk: ResMut<Desk>,
    mut learning: ResMut<Learning>,
    mut files: ResMut<Files>,
    wants: Option<Res<bevy_egui::input::EguiWantsInput>>,
) {
    if wants.is_some_and(|wants| wants.wants_any_keyboard_input()) {
        return;
    }
    let control = keys.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]);
    if keys.just_pressed(KeyCode::F1) {
        desk.keys = !desk.keys;
    }
    let shift = keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    if control && keys.just_pressed(KeyCode::KeyG) {
        desk.close(&mut playing, &mut learning);
    }
    if control && keys.just_pressed(KeyCode::KeyO) {
        files.ask(Purpose::Open);
    }
    if control && keys.just_pressed(KeyCode::KeyS) {
        if shift {
            files.ask(Purpose::SaveScene);
        } else {
            desk.save(None);
        }
    }
    if control
        && keys.just_pressed(KeyCode::KeyZ)
        && let Some(player) = &playing.player
    {
        desk.undo(shift, player, &mut learning);
    }
    if keys.just_pressed(KeyCode::KeyT) && !control {
        view.settings.dark = !view.settings.dark;
    }
    let Some(player) = &mut playing.player else {
        return;
    };
    if keys.just_pressed(KeyCode::KeyV) && !control {
        view.settings.field = next_field(view.settings.field);
        player.show(view.settings.field);
    }
    for (key, action) in [
        (KeyCode::Space, TimeAction::Play(!player.playing)),
        (KeyCode::Period, TimeAction::Step),
        (KeyCode::Comma, TimeAction::StepBack),
        (KeyCode::KeyR, TimeAction::Reset),
    ] {
        if keys.just_pressed(key) && !control {
            act(player, action);
        }
    }
}

fn next_field(field: backflow_viewer_session::Field) -> backflow_viewer_session::Field {
    let all = backflow_viewer_session::Field::ALL;
    let at = all.iter().position(|known| *known == field).unwrap_or(0);
    all[(at + 1) % all.len()]
}

/// How long a press may last to be a click (s).
const CLICK: f64 = 6.0;

/// Width of the panel at the right (points).
const SIDE: f32 = 300.0;

/// Draws all panels.
pub fn panels(
    mut contexts: EguiContexts,
    mut desk: ResMut<Desk>,
    mut playing: ResMut<Playing>,
    mut view: ResMut<View>,
    mut learning: ResMut<Learning>,
    mut files: ResMut<Files>,
    mut orbit: ResMut<Orbit>,
    mut free: ResMut<Free>,
    cards: Res<Cards>,
    shown: Res<Shown>,
) -> Result {
    let context = contexts.ctx_mut()?.clone();
    // A press may last longer than usual where pictures take long to draw.
    context.options_mut(|options| options.input_options.max_click_duration = CLICK);
    let dark = view.settings.dark;
    context.set_visuals(if dark {
        egui::Visuals::dark()
    } else {
        egui::Visuals::light()
    });
    let mut root = egui::Ui::new(
        context.clone(),
        "root".into(),
        UiBuilder::new()
            .layer_id(LayerId::background())
            .max_rect(context.viewport_rect()),
    );
    egui::Panel::top("bar").show(&mut root, |ui| {
        top(
            ui,
            &mut desk,
            &mut playing,
            &mut learning,
            &mut files,
            &view,
        );
    });
    if playing.player.is_none() {
        let mut chosen = None;
        egui::CentralPanel::default().show(&mut root, |ui| {
            chosen = gallery::panel(ui, &cards.0);
        });
        if let Some(entry) = chosen.and_then(|index| desk.entries.get(index)) {
            let path = entry.path.clone();
            desk.open(&path, &mut playing, &mut learning, &mut orbit);
            if let Some(player) = &mut playing.player {
                player.show(view.settings.field);
                player.play(true);
            }
        }
        free.area = None;
    } else {
        scene_panels(
            &mut root,
            &mut desk,
            &mut playing,
            &mut view,
            &mut learning,
            &mut files,
            &shown,
        );
        let rect = root.available_rect_before_wrap();
        let corner = |at: egui::Pos2| Vec2::new(at.x, at.y);
        free.area = Some([corner(rect.min), corner(rect.max)]);
    }
    windows(&context, &mut desk);
    files.show(&context, &mut desk, &mut playing, &mut learning, &mut orbit);
    free.pointer_on_panel = context.egui_wants_pointer_input()
        || context.pointer_latest_pos().is_some_and(|at| {
            free.area.is_none_or(|[min, max]| {
                at.x < min.x || at.y < min.y || at.x > max.x || at.y > max.y
            })
        });
    Ok(())
}

/// The bar at the top: what is open, and files.
fn top(
    ui: &mut egui::Ui,
    desk: &mut Desk,
    playing: &mut Playing,
    learning: &mut Learning,
    files: &mut Files,
    view: &View,
) {
    ui.horizontal(|ui| {
        let gallery = ui.button("Gallery").on_hover_text("All scenes (ctrl G)");
        mark(&gallery, "gallery");
        if gallery.clicked() {
            desk.close(playing, learning);
        }
        ui.menu_button("File", |ui| {
            if ui.button("Open… (ctrl O)").clicked() {
                files.ask(Purpose::Open);
            }
            ui.menu_button("Recent", |ui| {
                for path in desk.recent.clone() {
                    if ui.button(path.display().to_string()).clicked() {
                        files.chosen = Some((Purpose::Open, path));
                    }
                }
            });
            if ui.button("Save (ctrl S)").clicked() {
                desk.save(None);
            }
            if ui.button("Save as… (ctrl shift S)").clicked() {
                files.ask(Purpose::SaveScene);
            }
        });
        if let Some(document) = &desk.document {
            let (undo, redo) = document.can();
            let back = ui.add_enabled(undo, egui::Button::new("Undo"));
            mark(&back, "undo");
            let again = ui.add_enabled(redo, egui::Button::new("Redo"));
            if let Some(player) = &playing.player {
                if back.clicked() {
                    desk.undo(false, player, learning);
                } else if again.clicked() {
                    desk.undo(true, player, learning);
                }
            }
        }
        if let Some(stage) = &view.stage {
            ui.separator();
            let changed = desk.document.as_ref().is_some_and(|it| it.changed());
            let name = if changed {
                format!("{} *", stage.name)
            } else {
                stage.name.clone()
            };
            ui.label(RichText::new(name).strong());
            ui.add(egui::Label::new(RichText::new(&stage.about).weak()).truncate());
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.button("Keys").on_hover_text("F1").clicked() {
                desk.keys = !desk.keys;
            }
        });
    });
}

/// What is wrong with the scene that was last edited, and its faults.
fn judged(player: &Player) -> (String, Vec<backflow::sim::scene::Fault>) {
    let condition = player
        .simulation
        .as_ref()
        .map(|simulation| simulation.condition());
    match condition {
        Some(Condition::Refused(refusal)) => (refusal.text.clone(), refusal.faults.clone()),
        Some(Condition::Failed(error)) => (error, Vec::new()),
        _ => (String::new(), Vec::new()),
    }
}

fn scene_panels(
    root: &mut egui::Ui,
    desk: &mut Desk,
    playing: &mut Playing,
    view: &mut View,
    learning: &mut Learning,
    files: &mut Files,
    shown: &Shown,
) {
    let Some(player) = &mut playing.player else {
        return;
    };
    let (complaint, faults) = judged(player);
    egui::Panel::bottom("time").show(root, |ui| {
        ui.add_space(2.0);
        for action in time::bar(ui, &time_state(player)) {
            act(player, action);
        }
        if !complaint.is_empty() {
            ui.colored_label(egui::Color32::from_rgb(235, 90, 80), &complaint);
        } else if let Some(note) = &desk.note {
            ui.weak(note);
        }
        ui.add_space(2.0);
    });
    egui::Panel::right("side")
        .default_size(SIDE)
        .show(root, |ui| {
            ui.horizontal_wrapped(|ui| {
                for (tab, name) in Tab::ALL {
                    let response = ui.selectable_label(desk.tab == tab, name);
                    mark(&response, format!("tab {name}"));
                    if response.clicked() {
                        desk.tab = tab;
                    }
                }
            });
            ui.separator();
            egui::ScrollArea::vertical()
                .auto_shrink([false, false])
                .show(ui, |ui| match desk.tab {
                    Tab::View => view_tab(ui, player, view, shown),
                    Tab::Scene => scene_tab(ui, desk, player, learning, &faults),
                    Tab::Text => text_tab(ui, desk, player, learning),
                    Tab::Optimise => optimise_tab(ui, desk, player, learning, files),
                    Tab::Share => share_tab(ui, desk, player, files),
                });
        });
}

fn view_tab(ui: &mut egui::Ui, player: &mut Player, view: &mut View, shown: &Shown) {
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
}

fn scene_tab(
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

fn text_tab(ui: &mut egui::Ui, desk: &mut Desk, player: &Player, learning: &mut Learning) {
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

fn optimise_tab(
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

fn share_tab(ui: &mut egui::Ui, desk: &mut Desk, player: &Player, files: &mut Files) {
    ui.label(RichText::new("Pictures").strong());
    if ui.button("Screenshot (F12)").clicked() {
        files.screenshot = true;
    }
    ui.weak("For sequences, GIF and MP4: backflow-viewer --headless --gif --mp4");
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
}

fn windows(context: &egui::Context, desk: &mut Desk) {
    egui::Window::new("Keys")
        .open(&mut desk.keys)
        .collapsible(false)
        .resizable(false)
        .show(context, keys::panel);
    if let Some(message) = desk.message.clone() {
        let mut open = true;
        egui::Window::new("Something is wrong")
            .open(&mut open)
            .collapsible(false)
            .default_width(560.0)
            .show(context, |ui| {
                ui.label(RichText::new(message).monospace());
            });
        if !open {
            desk.message = None;
        }
    }
}
