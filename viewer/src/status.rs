//! What the viewer is at, in a file, for programs that drive it.

use std::path::PathBuf;

use backflow_viewer_panels::marks;
use backflow_viewer_session::{handle::Handle, stage::Role};
use bevy::prelude::*;
use bevy_egui::{EguiContexts, EguiPrimaryContextPass};
use nalgebra::Vector3;
use serde_json::json;

use crate::{
    camera::SceneCamera,
    desk::Desk,
    draw::liquids::covered,
    filming::Filming,
    learn::Learning,
    place::{Placing, SIZE},
    play::Playing,
    view::View,
};

/// Writes a file with every picture.
pub struct StatusPlugin(
    /// The file.
    pub PathBuf,
);

impl Plugin for StatusPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(StatusFile {
            path: self.0.clone(),
            pictures: 0,
        })
        .add_systems(EguiPrimaryContextPass, write.after(crate::ui::panels));
    }
}

#[derive(Resource)]
struct StatusFile {
    path: PathBuf,
    pictures: u64,
}

fn write(
    mut file: ResMut<StatusFile>,
    mut contexts: EguiContexts,
    playing: Res<Playing>,
    view: Res<View>,
    desk: Res<Desk>,
    learning: Res<Learning>,
    placing: Res<Placing>,
    filming: Res<Filming>,
    cameras: Query<(&Camera, &GlobalTransform), With<SceneCamera>>,
) -> Result {
    file.pictures += 1;
    let player = playing.player.as_ref();
    let frame = player.and_then(|player| player.current());
    let centre = frame.and_then(|frame| frame.centre());
    let tool = frame
        .and_then(|frame| frame.tool(0))
        .map(|pose| pose.position);
    // Where its first part is seen: what a mouse can take hold of.
    let tool_on_screen = frame.and_then(|frame| {
        let part = frame
            .stage
            .solids
            .iter()
            .find(|solid| solid.role == Role::Tool)?;
        let at = part.placed(&frame.poses).position.map(|x| x as f32);
        let (camera, transform) = cameras.single().ok()?;
        let at = camera.world_to_viewport(transform, Vec3::new(at.x, at.y, at.z));
        at.ok().map(|at| [at.x, at.y])
    });
    // Where the handles are seen: of what is chosen, the tips of its arrows, too.
    let mut handles = serde_json::Map::new();
    let mut seen = |name: &str, at: &Vector3<f64>| {
        let at = Vec3::new(at.x as f32, at.y as f32, at.z as f32);
        if let Ok((camera, transform)) = cameras.single()
            && let Ok(at) = camera.world_to_viewport(transform, at)
        {
            handles.insert(name.to_owned(), json!([at.x, at.y]));
        }
    };
    for posed in &placing.all {
        seen(&posed.path, &posed.position);
    }
    if let (Some(posed), Some(stage)) = (placing.chosen(), &view.stage) {
        for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
            let outline = Handle::Arrow(axis).outline(&posed.position, SIZE * stage.diagonal());
            outline.iter().for_each(|at| seen(name, at));
        }
    }
    let losses: Vec<f64> = learning
        .optimisation
        .as_ref()
        .map(|run| run.points().iter().map(|point| point.best).collect())
        .unwrap_or_default();
    let document = desk.document.as_ref();
    let status = json!({
        "pictures": file.pictures,
        "screen": if player.is_some() { "scene" } else { "gallery" },
        "scene": frame.map(|frame| frame.stage.name.clone()),
        "frame": frame.map(|frame| frame.index),
        "playing": player.is_some_and(|player| player.playing),
        "field": view.settings.field.name(),
        "dark": view.settings.dark,
        "centre": centre.map(|centre| [centre.x, centre.y, centre.z]),
        "tool": tool.map(|at| [at.x, at.y, at.z]),
        "tool_on_screen": tool_on_screen,
        "handles": handles,
        "surface": frame.is_some_and(|frame| covered(&view, &frame.stage)),
        "beside": playing
            .beside
            .as_ref()
            .and_then(|player| player.current())
            .map(|frame| frame.index),
        "film": filming.taken(),
        "note": desk.note,
        "changed": document.is_some_and(|document| document.changed()),
        "document": document.map(|document| document.value()),
        "message": desk.message,
        "optimisation": learning
            .optimisation
            .as_ref()
            .map(|run| format!("{:?}", run.activity())),
        "losses": losses,
        "widgets": marks::take(contexts.ctx_mut()?),
    });
    // Whoever reads it finds all of it, the last one or this one; it need not outlive the system.
    let part = file.path.with_extension("part");
    std::fs::write(&part, status.to_string())?;
    std::fs::rename(&part, &file.path)?;
    Ok(())
}
