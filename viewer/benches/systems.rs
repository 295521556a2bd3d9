//! What the viewer's own systems cost for a picture, without a driver:
//! `cargo bench -p backflow-viewer --bench systems`, with `--profile dev` as the tests are built.
//!
//! Two frames of 100,000 particles are shown in turns, so that every buffer is filled anew with
//! each picture. `light`, `colours` and `buffers` are the parts that go through all particles, `systems` is the time of those of this package that draw, `picture` that of all
//! of the application, bevy's part without a renderer included.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, reads the clock and prints"
)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use backflow::{
    sim::scene::parse,
    task::{OptimizeSpec, Task},
};
use backflow_viewer::{args::Arguments, play::Playing, plugins, view::View};
use backflow_viewer_session::{
    Field, Frame, Player, Stage,
    balls::{Choice, Packer, Part, shine},
    colour::{Range, colours},
    light::Light,
};
use bevy::{
    app::MainScheduleOrder,
    ecs::schedule::ScheduleLabel,
    prelude::*,
    render::{
        RenderPlugin,
        settings::{RenderCreation, WgpuSettings},
    },
    window::ExitCondition,
    winit::WinitPlugin,
};
use clap::Parser;

/// A tank of 100,000 particles, eight a cell.
const TANK: &str = r#"(
    version: 1,
    name: "tank",
    domain: (size: (1, 0.8, 0.5), cell: 0.02),
    time: (frames: 2, frame: 0.01),
    materials: {"water": Liquid(density: 1000, bulk_modulus: 2e4)},
    bodies: [(name: "water", material: "water", shape: Box(half: (0.25, 0.2, 0.25)), position: (0.3, 0.25, 0.25))],
)"#;

/// Pictures that are not counted, and that are.
const PICTURES: [usize; 2] = [10, 200];

/// The present frame, and one in which the matter has moved a bit.
fn frames() -> Vec<Arc<Frame>> {
    let (spec, _) = parse::<OptimizeSpec>(TANK, "tank").unwrap();
    let task = Task::new(spec, Path::new("").to_owned()).unwrap();
    let stage = Arc::new(Stage::of(&task));
    let frame = |index: usize| {
        let moved = 0.013 * index as f64;
        let motion = &task.scene.particles.liquid.motion;
        let x: Vec<[f32; 3]> = motion
            .iter()
            .map(|motion| <[f32; 3]>::from(motion.x().map(|x| (x + moved) as f32)))
            .collect();
        Arc::new(Frame {
            index,
            time: 0.01 * index as f64,
            speed: x.iter().map(|x| x[1]).collect(),
            extra: None,
            counts: vec![x.len()],
            poses: stage.start.clone(),
            gas: None,
            stage: Arc::clone(&stage),
            x,
        })
    };
    vec![frame(0), frame(1)]
}

/// When the schedule began that the drawing systems are in.
#[derive(Resource)]
struct Began(Instant);

/// Time that it took, picture by picture.
#[derive(Resource, Default)]
struct Took(Vec<Duration>);

/// Run right before and after [`PostUpdate`].
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
enum Around {
    Before,
    After,
}

/// An application without window and renderer, with the viewer's plugins or without.
fn application(viewer: bool) -> App {
    let arguments = Arguments::parse_from(["backflow-viewer", "--headless", "--rough", "tank.ron"]);
    let mut app = App::new();
    app.add_plugins(
        DefaultPlugins
            .set(WindowPlugin {
                primary_window: None,
                exit_condition: ExitCondition::DontExit,
                ..default()
            })
            .set(RenderPlugin {
                render_creation: RenderCreation::Automatic(Box::new(WgpuSettings {
                    backends: None,
                    ..default()
                })),
                ..default()
            })
            .disable::<WinitPlugin>(),
    );
    if viewer {
        plugins(&mut app, &arguments);
        app.world_mut().resource_mut::<View>().settings.field = Field::Speed;
        app.world_mut().resource_mut::<Playing>().player = Some(Player::recorded(frames()));
    }
    app.init_resource::<Took>()
        .insert_resource(Began(Instant::now()))
        .add_systems(Around::Before, |mut began: ResMut<Began>| {
            began.0 = Instant::now();
        })
        .add_systems(
            Around::After,
            |began: Res<Began>, mut took: ResMut<Took>| {
                took.0.push(began.0.elapsed());
            },
        );
    let mut order = app.world_mut().resource_mut::<MainScheduleOrder>();
    order.insert_before(PostUpdate, Around::Before);
    order.insert_after(PostUpdate, Around::After);
    app.finish();
    app.cleanup();
    app
}

/// Medians of the time of a picture (s) and of the part of it that draws.
fn measured(viewer: bool) -> [f64; 2] {
    let mut app = application(viewer);
    let mut pictures = Vec::new();
    for picture in 0..PICTURES[0] + PICTURES[1] {
        if let Some(mut playing) = app.world_mut().get_resource_mut::<Playing>()
            && let Some(player) = &mut playing.player
        {
            player.seek(picture % 2);
        }
        let start = Instant::now();
        app.update();
        pictures.push(start.elapsed());
    }
    let took = app.world().resource::<Took>().0.clone();
    [pictures, took].map(|mut times| {
        let mut times = times.split_off(PICTURES[0]);
        times.sort();
        times[times.len() / 2].as_secs_f64()
    })
}

/// Medians of the time (s) of the parts that go through all particles: light, colours, buffers.
fn parts() -> [f64; 3] {
    let frames = frames();
    let mut light = Light::new(&frames[0].stage.bounds);
    let (mut rgb, mut times) = (Vec::new(), [const { Vec::new() }; 3]);
    let mut packer = Packer::default();
    let choice = Choice {
        of: Part::All,
        shell: true,
    };
    for picture in 0..PICTURES[1] {
        let frame = &frames[picture % 2];
        let mut clock = Instant::now();
        let mut lap = |part: &mut Vec<f64>| {
            part.push(clock.elapsed().as_secs_f64());
            clock = Instant::now();
        };
        shine(&mut light, frame, None);
        lap(&mut times[0]);
        let range = Range::of(&frame.speed);
        colours(frame, Field::Speed, None, range, &mut rgb);
        lap(&mut times[1]);
        std::hint::black_box(packer.pack(frame, &rgb, &light, choice, rgb.len()));
        lap(&mut times[2]);
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

fn main() {
    let [light, colours, buffers] = parts().map(|time| 1e3 * time);
    let (with, without) = (measured(true), measured(false));
    let particles = frames()[0].x.len();
    let systems = 1e3 * (with[1] - without[1]);
    let picture = 1e3 * with[0];
    println!(
        "{{\"particles\": {particles}, \"light_ms\": {light:.2}, \"colours_ms\": {colours:.2}, \
         \"buffers_ms\": {buffers:.2}, \"systems_ms\": {systems:.2}, \"picture_ms\": {picture:.2}}}"
    );
}
