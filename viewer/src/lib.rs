//! The desktop viewer of Backflow: bevy plugins, one concern each.
//!
//! | module | what it does |
//! |---|---|
//! | [`play`] | lets time go on |
//! | [`view`] | what is looked at and how |
//! | [`draw`] | matter, solids, floor, lines |
//! | [`camera`] | turns, shifts, flies |
//! | [`touch`] | moves the tool by mouse and keys |
//! | [`place`] | puts bodies, tools and solids elsewhere |
//! | [`ui`] | panels |
//! | [`desk`] | what is open |
//! | [`learn`] | optimisations beside the scene |
//! | [`memory`] | what is remembered from one time to the next |
//! | [`files`] | dialogs, dropped files, screenshots |
//! | [`status`] | what it is at, for programs that drive it |
//! | [`headless`] | an application without a window |
//! | [`filming`] | films of the window |
//! | [`film`] | pictures without a window |

pub mod args;
pub mod camera;
pub mod capture;
pub mod desk;
pub mod draw;
pub mod files;
pub mod film;
pub mod filming;
pub mod headless;
pub mod learn;
pub mod memory;
pub mod place;
pub mod play;
pub mod status;
pub mod touch;
pub mod ui;
pub mod view;

use std::process::ExitCode;

use backflow_viewer_session::{Player, simulation::Condition};
use bevy::{
    log::LogPlugin, prelude::*, render::pipelined_rendering::PipelinedRenderingPlugin,
    window::WindowResolution, winit::WinitSettings,
};
use bevy_egui::EguiPlugin;
use clap::Parser;

use args::Arguments;

/// Adds the plugins of the viewer.
pub fn plugins(app: &mut App, arguments: &Arguments) {
    let interactive = !arguments.headless;
    app.insert_resource(ClearColor(Color::BLACK))
        .init_resource::<ui::Free>()
        .init_resource::<touch::Grip>()
        .init_resource::<place::Placing>()
        .init_resource::<files::Files>()
        .insert_resource(desk::Desk {
            quality: arguments.quality,
            recording: (arguments.recording as usize) << 20,
            ..default()
        })
        .add_plugins((
            play::PlayPlugin { clock: interactive },
            view::ViewPlugin,
            learn::LearnPlugin,
            draw::matter::MatterPlugin,
            draw::smoke::SmokePlugin,
            draw::ghosts::GhostsPlugin,
            draw::liquids::LiquidsPlugin,
            draw::solids::SolidsPlugin,
            draw::ground::GroundPlugin,
            draw::lines::LinesPlugin,
            camera::CameraPlugin {
                interactive,
                smooth: !arguments.rough,
            },
        ));
    if interactive || arguments.panels {
        app.add_plugins((EguiPlugin::default(), ui::PanelsPlugin));
    }
    if interactive {
        app.add_plugins((
            touch::TouchPlugin,
            place::PlacePlugin,
            files::FilesPlugin,
            filming::FilmingPlugin,
            memory::MemoryPlugin,
        ));
    }
    if let Some(path) = &arguments.status {
        app.add_plugins(status::StatusPlugin(path.clone()));
    }
}

/// Only what users should know of is logged.
fn logging() -> LogPlugin {
    LogPlugin {
        filter: "error,wgpu_hal=off".to_owned(),
        ..default()
    }
}

/// What is wrong with a run; empty if nothing is.
pub fn complaint(player: &Player) -> String {
    let condition = player
        .simulation
        .as_ref()
        .map(|simulation| simulation.condition());
    match condition {
        Some(Condition::Refused(refusal)) => refusal.text.clone(),
        Some(Condition::Failed(error)) => error,
        _ => String::new(),
    }
}

/// Opens the window and runs until it is closed.
fn windowed(arguments: &Arguments) -> AppExit {
    let remembered = memory::read();
    let (width, height) = arguments.size.unwrap_or(remembered.size);
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .set(WindowPlugin {
                primary_window: Some(Window {
                    title: "Backflow".to_owned(),
                    name: Some("backflow-viewer".to_owned()),
                    resolution: WindowResolution::new(width, height),
                    // No picture waits behind another: what is touched answers at once.
                    desired_maximum_frame_latency: std::num::NonZero::new(1),
                    ..default()
                }),
                ..default()
            })
            .set(logging())
            // Drawn in the same round as asked for, what is touched is on the screen a picture
            // earlier.
            .disable::<PipelinedRenderingPlugin>(),
    )
    // A run goes on when its window is behind another one.
    .insert_resource(WinitSettings::continuous());
    plugins(&mut app, arguments);
    let world = app.world_mut();
    world.resource_mut::<view::View>().settings.dark = remembered.dark && !arguments.light;
    world.resource_mut::<view::View>().choose(arguments);
    world.resource_mut::<desk::Desk>().recent = remembered.recent;
    let folder = arguments.scenes.clone().or_else(desk::scenes_folder);
    if let Some(folder) = folder {
        let cache = desk::cache_folder();
        world.resource_mut::<desk::Desk>().look_into(&folder, cache);
    }
    if let Some(path) = &arguments.path {
        world.resource_scope(|world, mut desk: Mut<desk::Desk>| {
            world.resource_scope(|world, mut playing: Mut<play::Playing>| {
                world.resource_scope(|world, mut learning: Mut<learn::Learning>| {
                    let mut orbit = world.resource_mut::<camera::Orbit>();
                    desk.open(path, &mut playing, &mut learning, &mut orbit);
                    if let Some(beside) = &arguments.beside {
                        desk.open_beside(beside, &mut playing);
                    }
                });
            });
        });
    }
    app.run()
}

/// The command: parses its arguments and runs.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    explain_missing_driver();
    if arguments.headless {
        return match film::run(&arguments) {
            Ok(written) => {
                say(&format!(
                    "{written} pictures in {}",
                    arguments.out.display()
                ));
                ExitCode::SUCCESS
            }
            Err(error) => {
                complain(&error.to_string());
                match error {
                    headless::HeadlessError::Input(_) | headless::HeadlessError::View { .. } => {
                        ExitCode::from(2)
                    }
                    _ => ExitCode::from(1),
                }
            }
        };
    }
    if no_display() {
        complain("there is no display to open a window on; --headless renders without one");
        return ExitCode::from(1);
    }
    match windowed(&arguments) {
        AppExit::Success => ExitCode::SUCCESS,
        AppExit::Error(code) => ExitCode::from(code.get()),
    }
}

/// Whether there is nowhere to open a window.
fn no_display() -> bool {
    let missing = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    cfg!(all(unix, not(target_os = "macos")))
        && missing("DISPLAY")
        && missing("WAYLAND_DISPLAY")
        && missing("WAYLAND_SOCKET")
}

/// The renderer panics where it finds no driver: that is said as what it means.
fn explain_missing_driver() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.contains("Unable to find a GPU") {
            complain(
                "no graphics driver was found: install one for Vulkan, or a software one \
                 (Debian: apt-get install mesa-vulkan-drivers libvulkan1)",
            );
            std::process::exit(1);
        }
        usual(panic);
    }));
}

#[allow(clippy::print_stdout, reason = "this is the command's own output")]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "this is the command's own output")]
fn complain(text: &str) {
    eprintln!("backflow-viewer: {text}");
}
