//! What someone does who opens the viewer for the first time.

use std::path::Path;

use serde_json::Value;

use crate::screen::Screen;

/// A folder with one scene in it, for the gallery to show.
fn scenes(folder: &Path) -> String {
    let scenes = folder.join("scenes");
    std::fs::create_dir(&scenes).unwrap();
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenes/fluid/push.ron");
    std::fs::copy(original, scenes.join("push.ron")).unwrap();
    scenes.display().to_string()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

#[test]
fn a_scene_is_opened_played_steered_changed_optimised_saved_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let scenes = scenes(folder.path());
    let arguments = ["--quality", "0.5", "--scenes", &scenes];
    let mut screen = Screen::open(folder.path(), "720x480", &arguments);
    assert_eq!(screen.status()["screen"], "gallery");

    // The gallery; pause, step. A run has sixty frames: they suffice for what follows.
    screen.click("card push");
    screen.until("the scene", |status| status["scene"] == "push");
    screen.until("frame 3", |status| status["frame"].as_u64() >= Some(3));
    screen.key("space");
    let paused = screen.until("the pause", |status| status["playing"] == false);
    screen.pictures(3);
    assert_eq!(screen.status()["frame"], paused["frame"]);
    screen.click("step");
    let next = paused["frame"].as_u64().unwrap() + 1;
    let before = screen.until("the step", |status| status["frame"].as_u64() == Some(next));

    // The tool is dragged with the mouse, and the fluid gives way.
    let at = |status: &Value, axis: usize| number(&status["tool_on_screen"][axis]);
    let grip = [at(&before, 0), at(&before, 1)];
    screen.point(grip);
    screen.button(true, 1);
    screen.key("space");
    for step in 1..=3 {
        screen.point([grip[0] + 20.0 * f64::from(step), grip[1]]);
    }
    screen.until("the tool", |status| {
        number(&status["tool"][0]) > number(&before["tool"][0]) + 0.03
    });
    screen.until("the fluid", |status| {
        number(&status["centre"][0]) > number(&before["centre"][0]) + 5e-4
    });
    screen.button(false, 1);

    // Back to the start, and on by the button; what plays is filmed.
    screen.key("r");
    screen.until("the start", |status| status["frame"].as_u64() == Some(0));
    screen.key("F10");
    screen.click("play");
    screen.until("frame 2", |status| status["frame"].as_u64() >= Some(2));
    let filmed = screen.status()["film"].as_u64();
    assert!(filmed >= Some(2), "{filmed:?}");
    screen.key("F10");
    screen.until("the film", |status| {
        let note = status["note"].as_str();
        note.is_some_and(|note| note.contains("animation.gif"))
    });
    assert!(folder.path().join("backflow-film-001/0001.png").is_file());
    screen.key("r");
    screen.until("the start", |status| status["frame"].as_u64() == Some(0));

    // The tool is put elsewhere by the arrow of its handles along x; that is taken back.
    screen.key("m");
    let placed = screen.until("handles", |status| !status["handles"]["tools[0]"].is_null());
    let start = |status: &Value| number(&status["document"]["tools"][0]["position"][0]);
    let spot =
        |status: &Value, name: &str| [0, 1_usize].map(|i| number(&status["handles"][name][i]));
    screen.point(spot(&placed, "tools[0]"));
    screen.button(true, 1);
    screen.button(false, 1);
    let chosen = screen.until("arrows", |status| !status["handles"]["x"].is_null());
    let tip = spot(&chosen, "x");
    screen.point(tip);
    screen.button(true, 1);
    // Away from the pool, which it must not reach into.
    screen.point([tip[0] - 8.0, tip[1]]);
    screen.point([tip[0] - 16.0, tip[1]]);
    screen.button(false, 1);
    // Poses of what runs are single-precision numbers.
    let there = |status: &Value| (number(&status["tool"][0]) - start(status)).abs() < 1e-6;
    screen.until("the tool elsewhere", |status| {
        start(status) < start(&placed) - 0.01 && there(status)
    });
    screen.chord("ctrl", "z");
    screen.until("the tool where it was", |status| {
        start(status) == start(&placed) && there(status)
    });
    screen.key("m");

    // Water is drawn as a surface, and as balls again.
    screen.key("f");
    screen.until("the surface", |status| status["surface"] == true);
    screen.key("f");
    screen.until("the balls", |status| status["surface"] == false);

    // A material is changed, and the scene goes by it.
    screen.click("tab Scene");
    screen.click("part Matter");
    let place = screen.widget("field materials.\"cork\".density");
    screen.point(place);
    screen.button(true, 1);
    for step in 1..=3 {
        screen.point([place[0] + 20.0 * f64::from(step), place[1]]);
    }
    screen.button(false, 1);
    let density =
        |status: &Value| number(&status["document"]["materials"]["cork"]["NeoHookean"]["density"]);
    let changed = screen.until("the material", |status| density(status) > 300.5);
    assert_eq!(changed["changed"], true);

    // The view is kept in the scene.
    screen.click("tab View");
    screen.click("keep view");
    screen.until("the view", |status| {
        status["document"]["views"][0]["name"] == "view 1"
    });

    // An optimisation is started, and the loss falls.
    screen.click("tab Optimise");
    screen.click("optimise");
    screen.until("an optimisation", |status| {
        !status["optimisation"].is_null()
    });
    screen.until("the loss", |status| {
        let losses = status["losses"].as_array().map_or(&[][..], Vec::as_slice);
        matches!(losses, [first, .., last] if number(last) < 0.99 * number(first))
    });
    // Both plots are drawn by now.
    screen.widget("plot Loss");

    // Saved, closed and opened again, the change is there.
    screen.chord("ctrl", "s");
    screen.until("the file", |status| status["changed"] == false);
    screen.click("gallery");
    screen.until("the gallery", |status| status["screen"] == "gallery");
    screen.click("card push");
    let again = screen.until("the scene", |status| status["scene"] == "push");
    let (found, saved) = (density(&again), density(&changed));
    assert!((found - saved).abs() < 1e-9, "{found} {saved}");
}
