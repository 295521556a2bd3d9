//! Panels are clicked, dragged and typed into, without a window.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use backflow::{
    optim::Settings,
    sim::scene::{Fault, parse},
    task::OptimizeSpec,
};
use backflow_viewer_panels::{
    gallery::{self, Card},
    keys,
    optimise::{self, Curve, Ghosts, OptimiseAction, OptimiseState},
    schema::Schema,
    text::{self, TextState},
    time::{self, TimeAction, TimeState},
    tree, view,
    view::ViewSettings,
    views::{self, ViewAction},
};
use backflow_viewer_session::{
    Field,
    edit::at_mut,
    gas::{Quantity, StageGas},
    optimise::{Activity, Point},
};
use egui::accesskit::Role;
use egui_kittest::{Harness, kittest::Queryable};
use serde_json::{Value, json};

fn scene() -> Value {
    let text = include_str!("../../../scenes/fluid/push.ron");
    let (spec, _) = parse::<OptimizeSpec>(text, "push").unwrap();
    serde_json::to_value(&spec).unwrap()
}

#[test]
fn buttons_of_the_time_bar_ask_for_what_they_say() {
    let state = TimeState {
        position: 3,
        count: 9,
        index: 3,
        total: 60,
        speed: 1.0,
        live: true,
        ..TimeState::default()
    };
    let mut harness = Harness::new_ui_state(
        |ui, asked: &mut Vec<TimeAction>| asked.extend(time::bar(ui, &state)),
        Vec::new(),
    );
    for (label, action) in [
        ("▶ Play", TimeAction::Play(true)),
        ("⏵ Step", TimeAction::Step),
        ("⏴", TimeAction::StepBack),
        ("⏮ Reset", TimeAction::Reset),
    ] {
        harness.get_by_label(label).click();
        harness.run();
        assert_eq!(harness.state_mut().drain(..).collect::<Vec<_>>(), [action]);
    }
    let slider = harness.get_by_role(Role::Slider).rect();
    harness.drag_at(slider.center());
    harness.run();
    harness.drop_at(slider.right_center());
    harness.run();
    assert!(
        harness.state().contains(&TimeAction::Seek(8)),
        "{:?}",
        harness.state()
    );
}

#[test]
fn a_card_of_the_gallery_is_chosen_by_a_click() {
    let card = |title: &str, kind: &str| Card {
        title: title.to_owned(),
        about: format!("What {title} shows."),
        kind: kind.to_owned(),
        picture: None,
    };
    let cards = [card("dam break", "fluid"), card("reach", "solid")];
    let mut harness = Harness::new_ui_state(
        |ui, chosen: &mut Option<usize>| *chosen = gallery::panel(ui, &cards).or(*chosen),
        None,
    );
    harness.run();
    assert_eq!(*harness.state(), None);
    harness.get_by_role_and_label(Role::Button, "reach").click();
    harness.run();
    assert_eq!(*harness.state(), Some(1));
}

#[test]
fn view_settings_are_switched() {
    let mut harness = Harness::new_ui_state(
        |ui, (settings, changed): &mut (ViewSettings, bool)| {
            *changed |= view::panel(ui, settings);
        },
        (ViewSettings::default(), false),
    );
    harness.get_by_label("Grid").click();
    harness.run();
    assert!(!harness.state().0.grid && !harness.state().1);
    harness.get_by_role(Role::ComboBox).click();
    harness.run();
    harness.get_by_label("speed (m/s)").click();
    harness.run();
    assert_eq!(
        (harness.state().0.field, harness.state().1),
        (Field::Speed, true)
    );
}

#[test]
fn smoke_is_coloured_by_what_is_chosen_and_switched_off() {
    let quantity = |name: &str, lifts| Quantity {
        name: name.to_owned(),
        unit: "",
        reference: 0.0,
        lifts,
    };
    let gas = StageGas {
        min: nalgebra::Vector3::zeros(),
        cell: 0.1,
        cells: [8; 3],
        quantities: vec![quantity("heat", true), quantity("speed", false)],
    };
    let mut harness = Harness::new_ui_state(
        move |ui, settings: &mut ViewSettings| view::gas_panel(ui, &gas, settings),
        ViewSettings::default(),
    );
    harness.get_by_label("Smoke").click();
    harness.run();
    assert!(!harness.state().smoke);
    let colour = harness.get_all_by_role(Role::ComboBox).last().unwrap();
    colour.click();
    harness.run();
    harness.get_by_label("heat").click();
    harness.run();
    assert_eq!(harness.state().tint.as_deref(), Some("heat"));
    assert_eq!(harness.state().thickness, None);
}

#[test]
fn a_number_of_a_material_is_changed_in_the_tree() {
    let schema = Schema::default();
    let mut harness = Harness::builder().with_size([320.0, 900.0]).build_ui_state(
        |ui, scene: &mut Value| {
            if let Some(edit) = tree::panel(ui, scene, &schema, &[], &["materials"]) {
                assert_eq!(edit.field, "materials.\"cork\".density");
                *scene = edit.value;
            }
        },
        scene(),
    );
    harness.run();
    let place = harness.get_by_value("300 kg/m^3").rect().center();
    harness.drag_at(place);
    harness.run();
    harness.hover_at(place + egui::vec2(30.0, 0.0));
    harness.run();
    harness.drop_at(place + egui::vec2(30.0, 0.0));
    harness.run();
    let density = harness.state()["materials"]["cork"]["NeoHookean"]["density"].as_f64();
    assert!(density > Some(310.0), "{density:?}");
}

#[test]
fn a_body_is_doubled_and_deleted() {
    let schema = Schema::default();
    let mut harness = Harness::builder()
        .with_size([360.0, 1400.0])
        .build_ui_state(
            |ui, scene: &mut Value| {
                if let Some(edit) = tree::panel(ui, scene, &schema, &[], &["bodies"]) {
                    *scene = edit.value;
                }
            },
            scene(),
        );
    harness.get_by_label("block").click();
    harness.run();
    harness.run();
    harness.get_by_label("Duplicate").click();
    harness.run();
    let bodies = harness.state()["bodies"].as_array().unwrap().clone();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[2]["name"], json!("block copy"));
    harness.get_by_label("Delete").click();
    harness.run();
    assert_eq!(harness.state()["bodies"].as_array().unwrap().len(), 2);
    assert_eq!(harness.state()["bodies"][1]["name"], json!("block copy"));
}

#[test]
fn a_fault_stands_at_its_field() {
    let schema = Schema::default();
    let fault = Fault::new("gravity", "(0, NaN, 0)", "finite numbers");
    let harness = Harness::builder().with_size([360.0, 400.0]).build_ui_state(
        |ui, scene: &mut Value| {
            tree::panel(
                ui,
                scene,
                &schema,
                std::slice::from_ref(&fault),
                &["gravity"],
            );
        },
        scene(),
    );
    assert!(harness.query_by_label("expected finite numbers").is_some());
}

#[test]
fn a_material_becomes_another_law_and_keeps_its_density() {
    let schema = Schema::default();
    let mut scene = scene();
    let cork = at_mut(&mut scene, "materials.\"cork\"").unwrap();
    *cork = schema.variant("Material", "VonMises", cork);
    assert_eq!(cork["VonMises"]["density"], json!(300.0));
    assert_eq!(cork["VonMises"]["young"], json!(2e4));
    assert_eq!(cork["VonMises"]["hardening"], json!(0.0));
}

fn optimise_state() -> OptimiseState {
    OptimiseState {
        settings: Settings::default(),
        activity: None,
        curves: Vec::new(),
        ghosts: Ghosts::default(),
    }
}

#[test]
fn an_optimisation_is_started_paused_and_given_another_update() {
    let mut harness = Harness::builder().with_size([360.0, 900.0]).build_ui_state(
        |ui, (state, asked): &mut (OptimiseState, Vec<OptimiseAction>)| {
            asked.extend(optimise::panel(ui, state));
        },
        (optimise_state(), Vec::new()),
    );
    harness.get_by_label("Start optimising").click();
    harness.run();
    assert_eq!(harness.state().1, [OptimiseAction::Start]);
    harness.state_mut().1.clear();
    harness.state_mut().0.activity = Some(Activity::Running);
    harness.state_mut().0.curves = vec![Curve {
        name: "run".to_owned(),
        points: (0..5)
            .map(|iteration| Point {
                iteration,
                loss: 1.0 / (1.0 + iteration as f64),
                best: 0.2,
                gradient_norm: 0.5,
                scores: vec![("share".to_owned(), 0.5)],
            })
            .collect(),
    }];
    harness.run();
    harness.get_by_label("Pause").click();
    harness.run();
    assert_eq!(harness.state().1, [OptimiseAction::Pause(true)]);
    harness.state_mut().1.clear();
    assert!(harness.query_by_label("share").is_some());
    let update = harness.get_all_by_role(Role::ComboBox).next().unwrap();
    update.click();
    harness.run();
    harness.get_by_label("Sgd").click();
    harness.run();
    assert_eq!(harness.state().1, [OptimiseAction::Configure]);
    assert!(matches!(
        harness.state().0.settings.update,
        backflow::optim::UpdateSettings::Sgd { .. }
    ));
}

#[test]
fn broken_text_shows_the_line_that_broke() {
    let state = TextState {
        text: "(\n  version: true,\n)".to_owned(),
        error: Some("text:2:12: version: expected integer, found `true,`".to_owned()),
    };
    let mut harness = Harness::new_ui_state(
        |ui, (state, applied): &mut (TextState, bool)| *applied |= text::panel(ui, state),
        (state, false),
    );
    let shown = "  version: true,\n           ^";
    assert!(harness.query_by_label(shown).is_some());
    harness.get_by_label("Apply").click();
    harness.run();
    assert!(harness.state().1);
}

#[test]
fn the_keyboard_map_lists_every_key_once() {
    let mut names: Vec<_> = keys::KEYS.iter().map(|(name, _)| name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    let harness = Harness::new_ui(keys::panel);
    assert!(harness.query_by_label("play or pause").is_some());
}

#[test]
fn views_are_chosen_and_kept() {
    let mut harness = Harness::new_ui_state(
        |ui, asked: &mut Vec<ViewAction>| {
            asked.extend(views::panel(ui, &["front", "top"], &["mine"], true));
        },
        Vec::new(),
    );
    for name in ["top", "mine", "Keep this view"] {
        harness.get_by_label(name).click();
        harness.run();
    }
    let look = |name: &str| ViewAction::Look(name.to_owned());
    assert_eq!(
        harness.state(),
        &[look("top"), look("mine"), ViewAction::Keep]
    );
    let mut recorded = Harness::new_ui(|ui| {
        views::panel(ui, &["front"], &[], false);
    });
    recorded.run();
    assert!(recorded.query_by_label("Keep this view").is_none());
}
