//! What plays: time goes on with every picture.

use std::sync::Arc;

use backflow_viewer_session::Player;
use bevy::prelude::*;

/// Lets time go on.
pub struct PlayPlugin {
    /// Whether time goes by the clock; otherwise whoever drives the application moves it.
    pub clock: bool,
}

impl Plugin for PlayPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Playing>();
        if self.clock {
            app.add_systems(Update, tick);
        }
    }
}

/// What plays.
#[derive(Resource, Default)]
pub struct Playing {
    /// The run that is shown; none in the gallery.
    pub player: Option<Player>,
    /// The run that is shown beside it, frame by frame.
    pub beside: Option<Player>,
    /// Gradient of the loss with respect to each particle's initial position, as its norm (1/m).
    pub gradient: Option<Arc<Vec<f32>>>,
    /// Whether the gradient is another than in the last picture.
    pub gradient_changed: bool,
}

/// Lets the time between two pictures pass.
pub fn tick(mut playing: ResMut<Playing>, time: Res<Time>) {
    let Playing { player, beside, .. } = &mut *playing;
    let Some(player) = player else { return };
    player.tick(time.delta_secs_f64());
    if let (Some(beside), Some(frame)) = (beside, player.current()) {
        beside.follow(frame.index);
    }
}
