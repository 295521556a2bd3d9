//! Films without a window: picture by picture, each after its frame has been simulated, so that the
//! same command gives the same pictures.

use std::path::Path;

use backflow::sim::{io::write_obj, mesh::Mesh, scene::spec::Bookmark};
use backflow_viewer_session::{Player, flight, share, skin};
use bevy::math::Vec2;

use crate::{
    args::Arguments,
    camera::{Orbit, PRESETS},
    desk,
    headless::{Headless, HeadlessError, write_png},
    play::Playing,
    ui::Free,
    view::View,
};

/// A scene or a run, ready for its first picture.
fn opened(path: &Path, arguments: &Arguments) -> Result<Player, HeadlessError> {
    let recording = (arguments.recording as usize) << 20;
    let mut player =
        desk::player(path, arguments.quality, recording).map_err(HeadlessError::Input)?;
    player.show(arguments.colour);
    if player.simulation.is_some() && !player.wait() {
        return Err(HeadlessError::Input(crate::complaint(&player)));
    }
    Ok(player)
}

/// The place of a name in the scene that is shown.
fn place(headless: &mut Headless, name: &str) -> Result<Bookmark, HeadlessError> {
    let (width, height) = headless.size();
    let aspect = width as f32 / height as f32;
    let world = headless.world();
    let share = world
        .resource::<Free>()
        .share(Vec2::new(width as f32, height as f32));
    let view = world.resource::<View>();
    let views = view.stage.as_ref().map_or(&[][..], |stage| &stage.views);
    let known = PRESETS.iter().map(|(name, ..)| *name);
    let known = known.chain(views.iter().map(|view| &*view.name));
    if !known.clone().any(|known| known == name) {
        let known = known.map(|name| format!("{name:?}"));
        return Err(HeadlessError::View {
            name: name.to_owned(),
            known: known.collect::<Vec<_>>().join(", "),
        });
    }
    let mut orbit = Orbit::default();
    orbit.turn_to(name, views);
    if PRESETS.iter().any(|(preset, ..)| *preset == name)
        && let Some(bounds) = view.bounds()
    {
        orbit.fit(&bounds, aspect, share);
    }
    Ok(orbit.bookmark())
}

/// Renders a scene or a run to numbered pictures.
///
/// # Errors
/// It cannot be used, rendered or written.
pub fn run(arguments: &Arguments) -> Result<usize, HeadlessError> {
    let Some(path) = &arguments.path else {
        return Err(HeadlessError::Input("expected a scene or a run".to_owned()));
    };
    let player = opened(path, arguments)?;
    let beside = arguments.beside.as_ref();
    let beside = beside.map(|path| opened(path, arguments)).transpose()?;
    std::fs::create_dir_all(&arguments.out).map_err(|source| HeadlessError::Write {
        path: arguments.out.clone(),
        source,
    })?;
    let total = player.current().map_or(0, |frame| frame.stage.frames);
    let frames = arguments.frames.unwrap_or(total);
    let mut headless = Headless::new(arguments);
    let mut playing = headless.world().resource_mut::<Playing>();
    (playing.player, playing.beside) = (Some(player), beside);
    // The panels take their place; the shaders are compiled meanwhile.
    headless.update();
    headless.update();
    let names = match arguments.fly.as_slice() {
        [] => std::slice::from_ref(&arguments.view),
        names => names,
    };
    let stops = names.iter().map(|name| place(&mut headless, name.trim()));
    let stops: Vec<Bookmark> = stops.collect::<Result<_, _>>()?;
    let mut written = Vec::new();
    for frame in 0..=frames {
        if frame > 0 && !go_on(&mut headless)? {
            break;
        }
        if frame % arguments.every.max(1) != 0 {
            continue;
        }
        let share = frame as f64 / frames.max(1) as f64;
        if let Some(mut view) = flight::along(&stops, share) {
            view.yaw += f64::from(arguments.turn.to_radians()) * share;
            headless.world().resource_mut::<Orbit>().look(&view);
        }
        headless.update();
        let pixels = headless.picture()?;
        let path = arguments.out.join(format!("{frame:04}.png"));
        write_png(&path, headless.size(), &pixels)?;
        written.push(path);
        if arguments.meshes {
            write_meshes(&mut headless, &arguments.out, frame)?;
        }
    }
    let frame_time = frame_time(&mut headless);
    let rate = 1.0 / (frame_time * arguments.every.max(1) as f64);
    if arguments.gif {
        share::write_gif(&arguments.out.join("animation.gif"), &written, rate)?;
    }
    if arguments.mp4 {
        share::write_mp4(&arguments.out.join("video.mp4"), &arguments.out, rate)?;
    }
    Ok(written.len())
}

/// Goes on by a frame, and what is beside with it; false at the end.
fn go_on(headless: &mut Headless) -> Result<bool, HeadlessError> {
    let mut playing = headless.world().resource_mut::<Playing>();
    let Playing { player, beside, .. } = &mut *playing;
    let Some(player) = player else {
        return Ok(false);
    };
    if !player.wait() {
        let complaint = crate::complaint(player);
        return if complaint.is_empty() {
            Ok(false)
        } else {
            Err(HeadlessError::Input(complaint))
        };
    }
    if let (Some(beside), Some(frame)) = (beside, player.current()) {
        beside.reach(frame.index);
    }
    Ok(true)
}

/// Writes the surfaces of the liquids of the present frame.
fn write_meshes(headless: &mut Headless, out: &Path, number: usize) -> Result<(), HeadlessError> {
    let playing = headless.world().resource::<Playing>();
    let frame = playing.player.as_ref().and_then(|player| player.current());
    let Some(frame) = frame else { return Ok(()) };
    let skins = skin::skins(frame).map_err(|error| HeadlessError::Input(error.to_string()))?;
    for (body, surface) in skins {
        let name = frame.stage.bodies.get(body).map_or("", |body| &body.name);
        let path = out.join(format!("{number:04}-{name}.obj"));
        let mesh = Mesh {
            vertices: surface
                .positions
                .iter()
                .map(|x| nalgebra::Vector3::from(x.map(f64::from)))
                .collect(),
            triangles: surface.triangles,
        };
        write_obj(&path, &mesh).map_err(|error| HeadlessError::Write {
            path,
            source: std::io::Error::other(error),
        })?;
    }
    Ok(())
}

/// Duration of a frame (s).
fn frame_time(headless: &mut Headless) -> f64 {
    let playing = headless.world().resource::<Playing>();
    let frame = playing.player.as_ref().and_then(|player| player.current());
    frame.map_or(1.0 / 50.0, |frame| frame.stage.frame_time)
}
