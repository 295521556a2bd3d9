//! What the window costs: memory over time, and the time from a key to the screen.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::screen::Screen;

/// A tank of sloshing water with about so many thousand particles, eight a cell, that runs for
/// longer than any of these tests.
fn tank(folder: &Path, thousands: usize) -> PathBuf {
    // Ten cells wide and high, and as many more long.
    let length = 0.02 * (thousands as f64 * 1000.0 / 800.0).round();
    let text = format!(
        r#"(
            version: 1,
            name: "tank",
            domain: (size: ({size}, 0.4, 0.2), cell: 0.02, walls: (default: Slip)),
            gravity: (2, -9.81, 0),
            time: (frames: 100000, frame: 0.01),
            materials: {{"water": Liquid(density: 1000, bulk_modulus: 2e4, viscosity: 0.1)}},
            bodies: [(
                name: "water",
                material: "water",
                shape: Box(half: ({half}, 0.1, 0.1)),
                position: ({half}, 0.1, 0.1),
            )],
        )"#,
        size = length + 0.2,
        half = 0.5 * length,
    );
    let path = folder.join("tank.ron");
    std::fs::write(&path, text).unwrap();
    path
}

/// Opens a tank and lets it play.
fn playing(folder: &Path, thousands: usize, size: &str) -> Screen {
    let path = tank(folder, thousands).display().to_string();
    let mut screen = Screen::open(folder, size, &["--recording", "2", &path]);
    screen.until("the scene", |status| status["scene"] == "tank");
    screen.key("space");
    screen.until("frames", |status| status["frame"].as_u64() >= Some(3));
    screen
}

fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    sorted[sorted.len() / 2]
}

/// A whole number of the environment's.
fn asked(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |value| value.parse().unwrap())
}

#[allow(clippy::print_stderr, reason = "a measurement is to be read")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Frames between the first and the last look at the memory, at least.
const FRAMES: u64 = 200;

/// `BACKFLOW_MEMORY_SECONDS` (15) and `BACKFLOW_MEMORY_THOUSANDS` of particles (20) say how long it
/// plays and how much.
#[test]
fn memory_stays_flat_while_a_scene_plays() {
    let seconds = asked("BACKFLOW_MEMORY_SECONDS", 15);
    let thousands = asked("BACKFLOW_MEMORY_THOUSANDS", 20);
    let folder = tempfile::tempdir().unwrap();
    let mut screen = playing(folder.path(), thousands as usize, "480x320");
    let (start, mut samples) = (Instant::now(), Vec::new());
    let few = |samples: &[(u64, u64)]| match samples {
        [first, .., last] => last.0 - first.0 < FRAMES,
        _ => true,
    };
    while start.elapsed() < Duration::from_secs(seconds) || samples.len() < 16 || few(&samples) {
        screen.pictures(3);
        samples.push((screen.status()["frame"].as_u64().unwrap(), screen.memory()));
    }
    // What grows with the frames, without what is set up once.
    let (early, late) = samples.split_at(samples.len() / 2);
    let early = &early[early.len() / 2..];
    let bytes = |part: &[(u64, u64)]| median(&part.iter().map(|s| s.1).collect::<Vec<_>>());
    let grown = bytes(late) as f64 - bytes(early) as f64;
    let frames = median(&late.iter().map(|s| s.0).collect::<Vec<_>>())
        - median(&early.iter().map(|s| s.0).collect::<Vec<_>>());
    let mebi = |bytes: f64| bytes / f64::from(1 << 20);
    say(&format!(
        "memory: {} thousand particles, {seconds} s, {:.0} MiB, {:+.1} MiB over {frames} frames",
        thousands,
        mebi(bytes(late) as f64),
        mebi(grown),
    ));
    assert!(frames > 5, "{frames}");
    // A frame that is kept takes 16 bytes a particle, and more on its way to the screen. What the
    // allocator takes at once, 9 MiB were seen, does not grow with the frames.
    let kept = 16_000.0 * thousands as f64 * frames as f64;
    assert!(
        grown < 0.25 * kept + 10.0 * f64::from(1 << 20),
        "{grown} of {kept}"
    );
}

/// Prints the time from a key that changes the theme to the first pixel of the other theme, with
/// `BACKFLOW_LATENCY_THOUSANDS` of particles (100) simulated meanwhile.
#[test]
#[ignore = "a measurement: cargo test -p backflow-viewer --test window -- --ignored --nocapture"]
fn time_from_a_key_to_the_screen() {
    let thousands = asked("BACKFLOW_LATENCY_THOUSANDS", 100);
    let folder = tempfile::tempdir().unwrap();
    let mut screen = playing(folder.path(), thousands as usize, "480x320");
    let mut answers = Vec::new();
    for _ in 0..15 {
        screen.pictures(3);
        let before = screen.pixel([4, 310]);
        let start = Instant::now();
        screen.xdotool(&["keydown", "t"]);
        while screen.pixel([4, 310]) == before {
            assert!(start.elapsed() < Duration::from_secs(60), "no answer");
            std::thread::sleep(Duration::from_millis(1));
        }
        answers.push(start.elapsed().as_secs_f64() * 1e3);
        screen.xdotool(&["keyup", "t"]);
    }
    let (start, from) = (Instant::now(), screen.status());
    screen.pictures(20);
    let to = screen.status();
    let count = |name: &str| (to[name].as_u64().unwrap() - from[name].as_u64().unwrap()) as f64;
    let rate = |name: &str| count(name) / start.elapsed().as_secs_f64();
    say(&format!(
        "latency: {thousands} thousand particles, 480x320: median {:.0} ms, worst {:.0} ms; {:.1} pictures and {:.1} frames a second",
        median(&answers),
        answers.iter().copied().fold(0.0, f64::max),
        rate("pictures"),
        rate("frame"),
    ));
}
