//! Time as the bar shows it, and what it asks for.

use backflow_viewer_panels::time::{TimeAction, TimeState};
use backflow_viewer_session::Player;

/// What the bar shows.
pub fn state(player: &Player) -> TimeState {
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

/// Does what was asked for.
pub fn act(player: &mut Player, action: TimeAction) {
    match action {
        TimeAction::Play(playing) => player.play(playing),
        TimeAction::Step => player.step(),
        TimeAction::StepBack => player.step_back(),
        TimeAction::Reset => player.reset(),
        TimeAction::Seek(position) => player.seek(position),
        TimeAction::Speed(speed) => player.speed = speed,
    }
}
