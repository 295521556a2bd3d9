//! What someone does who opens the viewer for the first time.

use crate::screen::Screen;

#[test]
fn from_the_gallery_to_a_scene_that_plays_pauses_steps_and_is_steered() {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = Screen::open(folder.path(), &["--quality", "0.5"]);
    assert_eq!(screen.status()["screen"], "gallery");
    screen.click("card push");
    screen.until("the scene", |status| status["scene"] == "push");
    screen.until("frame 3", |status| status["frame"].as_u64() >= Some(3));
    screen.click("play");
    let paused = screen.until("the pause", |status| status["playing"] == false);
    screen.pictures(4);
    assert_eq!(screen.status()["frame"], paused["frame"]);
    screen.click("step");
    let next = paused["frame"].as_u64().unwrap() + 1;
    screen.until("the step", |status| status["frame"].as_u64() == Some(next));
    // The paddle is where the status says; the fluid answers to it.
    let before = screen.status();
    let tool = |status: &serde_json::Value| status["tool"][0].as_f64().unwrap();
    screen.key("space");
    screen.hold("Right", 12);
    let after = screen.until("the tool", |status| tool(status) > tool(&before) + 0.02);
    let wave = |status: &serde_json::Value| status["centre"][0].as_f64().unwrap();
    let moved = screen.until("the fluid", |status| wave(status) > wave(&before) + 1e-4);
    assert!(wave(&moved) > wave(&before), "{before} {after} {moved}");
    screen.key("r");
    screen.until("the start", |status| status["frame"].as_u64() == Some(0));
}
