//! Play, pause, step, speed and the timeline.

use egui::{Slider, Ui};

use crate::marks::mark;

/// What the bar shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeState {
    /// Whether time goes on.
    pub playing: bool,
    /// Position among the recorded frames.
    pub position: usize,
    /// How many frames are recorded.
    pub count: usize,
    /// Number of the frame that is shown.
    pub index: usize,
    /// Frames of the whole run.
    pub total: usize,
    /// Time of it since the start (s).
    pub time: f64,
    /// Times real time (1).
    pub speed: f64,
    /// Whether frames are still being made.
    pub live: bool,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimeAction {
    /// Play, or pause.
    Play(bool),
    /// One frame on.
    Step,
    /// One frame back.
    StepBack,
    /// Back to the start.
    Reset,
    /// To the recorded frame at a position.
    Seek(usize),
    /// So many times real time (1).
    Speed(f64),
}

/// Speeds to choose from, times real time (1).
const SPEEDS: [f64; 6] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0];

/// The bar at the bottom.
pub fn bar(ui: &mut Ui, state: &TimeState) -> Vec<TimeAction> {
    let mut actions = Vec::new();
    let mut ask = |asked: bool, action: TimeAction| {
        if asked {
            actions.push(action);
        }
    };
    ui.horizontal(|ui| {
        let reset = ui.button("⏮ Reset").on_hover_text("Back to the start (R)");
        mark(&reset, "reset");
        ask(reset.clicked(), TimeAction::Reset);
        let back = ui.button("⏴").on_hover_text("One frame back (,)");
        ask(back.clicked(), TimeAction::StepBack);
        let play = if state.playing {
            "⏸ Pause"
        } else {
            "▶ Play"
        };
        let play = ui.button(play).on_hover_text("Play or pause (space)");
        mark(&play, "play");
        ask(play.clicked(), TimeAction::Play(!state.playing));
        let step = ui.button("⏵ Step").on_hover_text("One frame on (.)");
        mark(&step, "step");
        ask(step.clicked(), TimeAction::Step);
        let mut speed = state.speed;
        egui::ComboBox::from_id_salt("speed")
            .width(60.0)
            .selected_text(format!("{speed}×"))
            .show_ui(ui, |ui| {
                for choice in SPEEDS {
                    ui.selectable_value(&mut speed, choice, format!("{choice}×"));
                }
            });
        ask(speed != state.speed, TimeAction::Speed(speed));
        ui.label(format!(
            "frame {} of {} · {:.2} s",
            state.index, state.total, state.time
        ));
        let last = state.count.saturating_sub(1);
        let mut position = state.position;
        ui.spacing_mut().slider_width = (ui.available_width() - 90.0).max(60.0);
        ui.add_enabled(
            last > 0,
            Slider::new(&mut position, 0..=last.max(1)).show_value(false),
        )
        .on_hover_text("Frames recorded so far: drag to look at them again");
        ask(
            position != state.position && last > 0,
            TimeAction::Seek(position),
        );
        ui.label(if state.live { "live" } else { "recorded" });
    });
    actions
}
