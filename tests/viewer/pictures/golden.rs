//! Pictures that were looked at once, and are the same ever since but for what drivers round
//! differently. `BACKFLOW_WRITE_GOLDEN=1 cargo test -p backflow-viewer --test pictures golden` takes
//! the present ones for right: look at them before they are committed.

use std::path::PathBuf;

use crate::{
    command::{pictures, root},
    picture::Picture,
};

/// Share of the pixels that may differ by more than [`BY`]: edges of balls, which fall on either side
/// of the middle of a pixel.
const SHARE: f64 = 0.01;

/// Difference of a channel that is not seen.
const BY: u8 = 24;

fn golden(name: &str) -> PathBuf {
    root().join(format!("tests/viewer/pictures/golden/{name}.png"))
}

/// Compares the last picture of a scene with the one that was looked at.
fn compare(name: &str, scene: &str, frame: &str, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["--frames", frame, "--every", frame];
    arguments.extend(more);
    let found = pictures(
        &root().join("scenes").join(scene),
        folder.path(),
        &arguments,
    );
    let last = found.last().unwrap();
    if std::env::var_os("BACKFLOW_WRITE_GOLDEN").is_some() {
        let made = folder.path().join(format!("{frame:0>4}.png"));
        std::fs::create_dir_all(golden(name).parent().unwrap()).unwrap();
        std::fs::copy(made, golden(name)).unwrap();
    }
    let share = last.differs(&Picture::read(&golden(name)), BY);
    assert!(share < SHARE, "{name}: {share}");
    // The comparison tells pictures apart: the start of the run is another one.
    let other = found[0].differs(&Picture::read(&golden(name)), BY);
    assert!(other > SHARE, "{name}: the start differs by {other} alone");
}

#[test]
fn a_liquid_by_speed_is_as_it_was() {
    compare("throw", "fluid/throw.ron", "8", &["--colour", "speed"]);
}

#[test]
fn a_paddle_and_a_rigid_box_are_as_they_were() {
    compare("push_box", "rigid/push_box.ron", "10", &["--light"]);
}

#[test]
fn smoke_is_as_it_was() {
    compare("plume", "gas/plume.ron", "24", &["--quality", "0.5"]);
}
