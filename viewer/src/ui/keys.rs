//! What keys do, apart from those that move the camera and the tool.

use backflow_viewer_panels::time::TimeAction;
use bevy::prelude::*;

use super::time::act;
use crate::{
    desk::Desk,
    files::{Files, Purpose},
    learn::Learning,
    play::Playing,
    view::View,
};

/// Does what keys ask for.
pub fn shortcuts(
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
    if keys.just_pressed(KeyCode::KeyF) && !control {
        view.settings.surface = !view.settings.surface;
    }
    if keys.just_pressed(KeyCode::KeyM) && !control {
        view.settings.handles = !view.settings.handles;
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
