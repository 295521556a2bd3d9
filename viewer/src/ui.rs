//! The panels in the window, and what they ask for.

mod cards;
mod keys;
mod tabs;
mod time;

use backflow_viewer_panels::{gallery, marks::mark};
use backflow_viewer_session::{Player, simulation::Condition};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, EguiGlobalSettings, EguiPrimaryContextPass, PrimaryEguiContext};
use egui::{LayerId, RichText, UiBuilder};

pub use cards::Cards;

use crate::{
    camera::{Orbit, SceneCamera},
    desk::{Desk, Tab},
    draw::{
        matter::Shown,
        smoke::{Smoke, Smokes},
    },
    files::{Files, Purpose},
    filming::Filming,
    learn::Learning,
    play::Playing,
    view::View,
};

/// Draws the panels.
pub struct PanelsPlugin;

impl Plugin for PanelsPlugin {
    fn build(&self, app: &mut App) {
        // Of several cameras, the panels belong to that of the scene.
        app.insert_resource(EguiGlobalSettings {
            auto_create_primary_context: false,
            ..default()
        })
        .add_observer(|added: On<Add, SceneCamera>, mut commands: Commands| {
            commands.entity(added.entity).insert(PrimaryEguiContext);
        });
        app.init_resource::<Cards>()
            .add_systems(Update, (cards::pictures, keys::shortcuts))
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
    (shown, smokes): (Res<Shown>, Res<Smokes>),
    filming: Option<ResMut<Filming>>,
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
        let taken = filming.as_ref().and_then(|filming| filming.taken());
        let film = scene_panels(
            &mut root,
            &mut desk,
            &mut playing,
            &mut view,
            &mut learning,
            &mut files,
            &mut orbit,
            (&shown, smokes.first()),
            taken,
        );
        if let Some(mut filming) = filming.filter(|_| film)
            && let Err(error) = filming.toggle(&playing)
        {
            desk.message = Some(error);
        }
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
            if playing.player.is_some() && ui.button("Open beside…").clicked() {
                files.ask(Purpose::OpenBeside);
            }
            if playing.beside.is_some() && ui.button("Close what is beside").clicked() {
                playing.beside = None;
            }
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

/// The panels around a scene; true where a film is to be begun or ended.
fn scene_panels(
    root: &mut egui::Ui,
    desk: &mut Desk,
    playing: &mut Playing,
    view: &mut View,
    learning: &mut Learning,
    files: &mut Files,
    orbit: &mut Orbit,
    (shown, smoke): (&Shown, &Smoke),
    filming: Option<usize>,
) -> bool {
    let Some(player) = &mut playing.player else {
        return false;
    };
    let mut film = false;
    let (complaint, faults) = judged(player);
    egui::Panel::bottom("time").show(root, |ui| {
        ui.add_space(2.0);
        for action in backflow_viewer_panels::time::bar(ui, &time::state(player)) {
            time::act(player, action);
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
                    Tab::View => {
                        tabs::view_tab(ui, player, view, shown, smoke);
                        tabs::views(ui, desk, player, learning, view, orbit);
                    }
                    Tab::Scene => tabs::scene_tab(ui, desk, player, learning, &faults),
                    Tab::Text => tabs::text_tab(ui, desk, player, learning),
                    Tab::Optimise => tabs::optimise_tab(ui, desk, player, learning, files),
                    Tab::Share => film = tabs::share_tab(ui, desk, player, files, filming),
                });
        });
    film
}

fn windows(context: &egui::Context, desk: &mut Desk) {
    egui::Window::new("Keys")
        .open(&mut desk.keys)
        .collapsible(false)
        .resizable(false)
        .show(context, backflow_viewer_panels::keys::panel);
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
