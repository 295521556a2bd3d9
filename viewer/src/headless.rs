//! An application without a window, which is driven picture by picture.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bevy::{
    app::SubApps,
    camera::RenderTarget,
    prelude::*,
    render::{
        RenderPlugin,
        pipelined_rendering::PipelinedRenderingPlugin,
        render_resource::PollType,
        renderer::RenderDevice,
        view::screenshot::{Screenshot, ScreenshotCaptured},
    },
    window::ExitCondition,
    winit::WinitPlugin,
};

use backflow_viewer_session::share::ShareError;

use crate::{args::Arguments, camera::SceneCamera, capture, view::View};

/// Why pictures cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// The scene or run cannot be used.
    #[error("{0}")]
    Input(String),
    /// There is no such view.
    #[error("--view {name:?}: expected one of {known}")]
    View {
        /// The name that was given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An animation cannot be written.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// The renderer did not answer.
    #[error("the renderer gave no picture")]
    Renderer,
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Where the pixels of a picture arrive.
type Pixels = Arc<Mutex<Option<Vec<u8>>>>;

/// An application that is driven picture by picture.
pub struct Headless {
    apps: SubApps,
    canvas: Handle<Image>,
    size: (u32, u32),
}

/// Updates that a picture may take to arrive, at most.
const PATIENCE: usize = 16;

impl Headless {
    /// Sets the application up.
    pub fn new(arguments: &Arguments) -> Self {
        let size = arguments.size.unwrap_or((1280, 720));
        let mut app = App::new();
        app.add_plugins(
            DefaultPlugins
                .set(WindowPlugin {
                    primary_window: None,
                    exit_condition: ExitCondition::DontExit,
                    ..default()
                })
                .set(RenderPlugin {
                    synchronous_pipeline_compilation: true,
                    ..default()
                })
                .set(crate::logging())
                .disable::<WinitPlugin>()
                // Its frame of delay would mix pictures up.
                .disable::<PipelinedRenderingPlugin>(),
        );
        crate::plugins(&mut app, arguments);
        let canvas = app
            .world_mut()
            .resource_mut::<Assets<Image>>()
            .add(capture::canvas(size.0, size.1));
        app.finish();
        app.cleanup();
        let mut headless = Self {
            apps: std::mem::take(app.sub_apps_mut()),
            canvas,
            size,
        };
        let mut view = headless.world().resource_mut::<View>();
        view.settings.dark = !arguments.light;
        view.choose(arguments);
        // The camera is spawned by the first update.
        headless.update();
        let target = RenderTarget::Image(headless.canvas.clone().into());
        let world = headless.world();
        let cameras: Vec<Entity> = world
            .query_filtered::<Entity, With<SceneCamera>>()
            .iter(world)
            .collect();
        for camera in cameras {
            world.entity_mut(camera).insert(target.clone());
        }
        headless
    }

    /// The world of the application.
    pub fn world(&mut self) -> &mut World {
        self.apps.main.world_mut()
    }

    /// Renders once.
    pub fn update(&mut self) {
        self.apps.update();
        let device = self.apps.main.world().resource::<RenderDevice>();
        // A device that is lost shows in the picture that never comes.
        let _ = device.wgpu_device().poll(PollType::wait_indefinitely());
    }

    /// The present picture: rows from the top, red, green, blue and opacity.
    ///
    /// # Errors
    /// The renderer gives none.
    pub fn picture(&mut self) -> Result<Vec<u8>, HeadlessError> {
        let pixels: Pixels = Arc::default();
        let arrived = Arc::clone(&pixels);
        let canvas = self.canvas.clone();
        self.world().spawn(Screenshot::image(canvas)).observe(
            move |captured: On<ScreenshotCaptured>| {
                let mut pixels = arrived.lock().unwrap_or_else(PoisonError::into_inner);
                pixels.clone_from(&captured.image.data);
            },
        );
        for _ in 0..PATIENCE {
            self.update();
            let mut arrived = pixels.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(pixels) = arrived.take() {
                return Ok(pixels);
            }
        }
        Err(HeadlessError::Renderer)
    }

    /// Size of the pictures (pixels).
    pub fn size(&self) -> (u32, u32) {
        self.size
    }
}

/// Writes a picture.
///
/// # Errors
/// The file cannot be written.
pub fn write_png(path: &Path, size: (u32, u32), rgba: &[u8]) -> Result<(), HeadlessError> {
    let rgb: Vec<u8> = rgba
        .chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect();
    let image = backflow::sim::io::Image {
        width: size.0 as usize,
        height: size.1 as usize,
        rgb,
    };
    backflow::sim::io::write_png(path, &image).map_err(|error| HeadlessError::Write {
        path: path.to_owned(),
        source: std::io::Error::other(error),
    })
}
