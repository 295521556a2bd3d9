//! What the command line says.

use std::path::PathBuf;

use backflow_viewer_session::Field;
use clap::Parser;

/// Plays, edits and optimises scenes of Backflow, live; or renders them without a window.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "backflow-viewer",
    version,
    after_help = "Examples:
  backflow-viewer                                   # the gallery
  backflow-viewer scenes/fluid/throw.ron            # a scene
  backflow-viewer runs/throw-20261124-101500        # a recorded run
  backflow-viewer --beside runs/push-20261124-101500 runs/push-20261124-093000
  backflow-viewer --headless --frames 60 --size 1280x720 --out pictures scenes/fluid/throw.ron
  backflow-viewer --headless --fly \"top,three quarters,front\" --surface --gif scenes/fluid/dam_break.ron
  backflow-viewer --headless --smoke-colour heat --out pictures scenes/gas/plume.ron"
)]
pub struct Arguments {
    /// A scene, a run folder, a trajectory (npz) or a set of grasps (json); the gallery if there is none.
    pub path: Option<PathBuf>,
    /// Render without a window.
    #[arg(long, requires = "path")]
    pub headless: bool,
    /// Frames to render after the first; all of the run by default.
    #[arg(long, value_name = "N", requires = "headless")]
    pub frames: Option<usize>,
    /// Render every so many frames.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "headless")]
    pub every: usize,
    /// Size of the pictures or of the window (pixels).
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<(u32, u32)>,
    /// Folder that pictures are written to.
    #[arg(long, value_name = "DIR", default_value = "pictures")]
    pub out: PathBuf,
    /// What colours stand for: body, speed, pressure, strain.
    #[arg(long, value_name = "FIELD", default_value = "body", value_parser = field)]
    pub colour: Field,
    /// What gas is thick by: one of its scalars, or speed; the first scalar that is no temperature by
    /// default.
    #[arg(long, value_name = "NAME")]
    pub smoke: Option<String>,
    /// What the colour of gas stands for: one of its scalars, speed, or plain.
    #[arg(long, value_name = "NAME")]
    pub smoke_colour: Option<String>,
    /// Where to look from: "three quarters", front, side or top; or a bookmark of the scene.
    #[arg(long, value_name = "NAME", default_value = "three quarters")]
    pub view: String,
    /// Let the camera go through these views over the frames, smoothly: names as of --view.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        requires = "headless"
    )]
    pub fly: Vec<String>,
    /// A scene, a run folder or a trajectory to show beside it, frame by frame.
    #[arg(long, value_name = "PATH", requires = "path")]
    pub beside: Option<PathBuf>,
    /// Draw liquids as surfaces instead of balls.
    #[arg(long)]
    pub surface: bool,
    /// Also write the surface of each liquid as `<frame>-<body>.obj`.
    #[arg(long, requires = "headless")]
    pub meshes: bool,
    /// Turn the camera by so many degrees over the frames.
    #[arg(
        long,
        value_name = "DEGREES",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    pub turn: f32,
    /// Light colours instead of dark ones.
    #[arg(long)]
    pub light: bool,
    /// Scales the number of cells along each axis, and particles with it.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub quality: f64,
    /// Memory that the frames of a live run take, at most (MiB): beyond it every second is forgotten.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub recording: u32,
    /// One sample a pixel instead of four: rougher edges, faster. A window that the processor draws has
    /// one anyway.
    #[arg(long)]
    pub rough: bool,
    /// Also write `animation.gif`.
    #[arg(long, requires = "headless")]
    pub gif: bool,
    /// Also write `video.mp4`, with ffmpeg.
    #[arg(long, requires = "headless")]
    pub mp4: bool,
    /// Draw the panels, too.
    #[arg(long, requires = "headless")]
    pub panels: bool,
    /// Write what the viewer is at to this file with every picture, for programs that drive it.
    #[arg(long, value_name = "FILE", conflicts_with = "headless")]
    pub status: Option<PathBuf>,
    /// Folder of the gallery's scenes.
    #[arg(long, value_name = "DIR")]
    pub scenes: Option<PathBuf>,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x');
    let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    match sides {
        Some((w @ 16..=8192, h @ 16..=8192)) => Ok((w, h)),
        _ => Err("expected a size such as 1280x720, sides of 16 to 8192 pixels".to_owned()),
    }
}

fn field(text: &str) -> Result<Field, String> {
    Field::named(text).ok_or_else(|| {
        let names = Field::ALL.map(Field::name).join(", ");
        format!("expected one of {names}")
    })
}
