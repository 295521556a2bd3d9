use std::{path::Path, time::Duration};

use backflow::{
    sim::{
        rollout::{State, forward::Rollout},
        scene::spec::Material,
    },
    task::{frames::bodies, objective::RolloutObjective},
};
use nalgebra::Vector3;

use super::*;
use crate::{
    edit::Document,
    optimise::{Activity, Optimisation},
    player::Player,
};

const TANK: &str = r#"(
    version: 1,
    name: "tank",
    domain: (size: (0.8, 0.4, 0.08), cell: 0.04, walls: (default: Slip), locked: [Z]),
    time: (frames: 12, frame: 0.02),
    materials: {"water": Liquid(density: 1000, bulk_modulus: 1e4)},
    bodies: [
        (name: "pool", material: "water", shape: Box(half: (0.25, 0.08, 0.04)), position: (0.5, 0.08, 0.04)),
    ],
    colliders: [
        (name: "paddle", shape: Box(half: (0.04, 0.16, 0.08)), width: 0.02, on: Tool("paddle")),
    ],
    tools: [(name: "paddle", position: (0.12, 0.2, 0.04), motion: Constant(linear: (0.4, 0, 0)))],
    losses: [(term: CentreOfMass(body: "pool", target: (0.6, 0.1, 0.04), axes: [X]))],
    optimize: (
        variables: [Controls(axes: [X], limit: 1, hold: 4)],
        settings: (iterations: 6, update: Adam(rate: 0.1)),
    ),
)"#;

/// Looks at something until it must have happened: minutes, for a machine with other work.
const PATIENCE: usize = 20_000;

fn spec() -> Spec<OptimizeSpec> {
    backflow::sim::scene::parse(TANK, "tank").unwrap().0
}

fn origin() -> Origin {
    Origin::Spec(Box::new(spec()), Path::new("").to_owned())
}

fn start() -> Simulation {
    Simulation::start(origin()).unwrap()
}

/// A player that has shown the first frame.
fn player() -> Player {
    let mut player = Player::live(start(), 1 << 30);
    assert!(player.wait());
    player
}

/// Lets time pass until something holds.
fn until(player: &mut Player, what: &str, holds: impl Fn(&Player) -> bool) {
    for _ in 0..PATIENCE {
        if holds(player) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
        player.tick(0.02);
    }
    panic!("{what} never happened");
}

#[test]
fn a_live_run_has_the_bits_of_a_run_of_the_command() {
    let mut player = player();
    while player.wait() {}
    let task = Task::new(spec(), Path::new("").to_owned()).unwrap();
    let world = task.scene.world.cast::<f32>();
    let mut state = State::new(&world, task.scene.particles.cast());
    let mut rollout = Rollout::new(&world, &task.scene.programs);
    for step in 0..rollout.steps() {
        rollout.advance(&mut state, step).unwrap();
    }
    let expected: Vec<f32> = bodies(&task.scene, &world, &state, 11)
        .iter()
        .flat_map(|body| body.x.iter().map(|&x| x as f32))
        .collect();
    let last = player.current().unwrap();
    assert_eq!((last.index, player.recording.len()), (12, 13));
    assert!(last.x.iter().flatten().eq(&expected), "positions differ");
}

#[test]
fn frames_wait_for_the_window_and_no_more_than_two_are_made_ahead() {
    let simulation = start();
    simulation.run(true);
    assert_eq!(simulation.wait().unwrap().index, 0);
    for _ in 0..PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
        if simulation.pulse().0 == QUEUE {
            break;
        }
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(simulation.pulse(), (QUEUE, QUEUE as u64));
    let mut last = 0;
    while let Some(frame) = simulation.wait() {
        assert_eq!(frame.index, last + 1);
        last = frame.index;
    }
    assert_eq!(last, 12);
}

#[test]
fn play_pause_step_and_scrub_show_the_frames_they_name() {
    let mut player = player();
    player.step();
    until(&mut player, "a step", |player| {
        player.current().unwrap().index == 1
    });
    player.step();
    until(&mut player, "a step", |player| {
        player.current().unwrap().index == 2
    });
    player.play(true);
    until(&mut player, "frame 6", |player| {
        player.current().unwrap().index >= 6
    });
    player.play(false);
    let paused = player.current().unwrap().index;
    for _ in 0..20 {
        player.tick(0.02);
    }
    assert_eq!(player.current().unwrap().index, paused);
    player.seek(3);
    assert_eq!(player.current().unwrap().index, 3);
    player.step();
    assert_eq!(player.current().unwrap().index, 4);
    player.play(true);
    until(&mut player, "the end", |player| !player.playing);
    assert_eq!(player.current().unwrap().index, 12);
    player.reset();
    until(&mut player, "the start", |player| {
        player.current().is_some_and(|frame| frame.index == 0)
    });
    assert_eq!(player.recording.len(), 1);
}

#[test]
fn a_run_beside_another_shows_the_same_frames() {
    let (mut player, mut beside) = (player(), player());
    for _ in 0..5 {
        assert!(player.wait());
    }
    for _ in 0..PATIENCE {
        beside.follow(5);
        if beside.current().unwrap().index == 5 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(beside.current().unwrap().index, 5);
    let [one, other] = [&player, &beside].map(|player| player.current().unwrap().x.clone());
    assert_eq!(one, other);
    beside.follow(2);
    assert_eq!(beside.current().unwrap().index, 2);
    beside.reach(9);
    assert_eq!(beside.current().unwrap().index, 9);
    beside.reach(99);
    assert_eq!(beside.current().unwrap().index, 12);
}

#[test]
fn at_the_start_a_body_that_is_put_elsewhere_is_there() {
    let mut player = player();
    let centre = player.current().unwrap().centre().unwrap();
    let mut moved = spec();
    moved.bodies[0].position[0] -= 0.04;
    let origin = Origin::Spec(Box::new(moved), Path::new("").to_owned());
    player.simulation.as_ref().unwrap().build(origin, true);
    until(&mut player, "the move", |player| {
        let now = player.current().unwrap().centre().unwrap();
        // A column of particles may lie on either side of the edge.
        (now.x - centre.x + 0.04).abs() < 0.015
    });
    assert_eq!(player.current().unwrap().index, 0);
}

#[test]
fn a_steered_tool_goes_where_it_is_aimed_and_rests_there() {
    let mut player = player();
    let tool = |player: &Player| player.current().unwrap().tool(0).unwrap().position;
    let from = tool(&player);
    let aim = from + Vector3::new(0.05, -0.02, 0.0);
    let simulation = player.simulation.as_ref().unwrap();
    simulation.steer(Some(Aim {
        tool: 0,
        position: aim,
        spin: Vector3::zeros(),
    }));
    for _ in 0..4 {
        assert!(player.wait());
    }
    assert!((tool(&player) - aim).norm() < 1e-9, "{}", tool(&player));
    player.simulation.as_ref().unwrap().steer(None);
    for _ in 0..3 {
        assert!(player.wait());
    }
    // The script would have moved it on.
    assert!((tool(&player) - aim).norm() < 1e-9);
    let driven = player.simulation.as_ref().unwrap().driven();
    let along = |velocity: &Velocity| Vector3::from(velocity.linear) * 0.02;
    let way: Vector3<f64> = driven[0].iter().map(along).sum();
    assert!(driven[0].len() == 7 && (way - (aim - from)).norm() < 1e-6);
}

#[test]
fn an_edit_keeps_what_goes_on_and_a_bad_one_is_refused() {
    let mut player = player();
    for _ in 0..5 {
        assert!(player.wait());
    }
    let before = player.current().unwrap().clone();
    let mut document = Document::new(&spec(), None, Path::new("").to_owned()).unwrap();
    let mut changed = document.spec().unwrap();
    if let Some(Material::Liquid { viscosity, .. }) = changed.materials.get_mut("water") {
        *viscosity = 20.0;
    }
    let edit = |spec: &Spec<OptimizeSpec>| Origin::Spec(Box::new(spec.clone()), "".into());
    player
        .simulation
        .as_ref()
        .unwrap()
        .build(edit(&changed), true);
    until(&mut player, "the edit", |player| {
        let stage = &player.current().unwrap().stage;
        !Arc::ptr_eq(stage, &before.stage)
    });
    let after = player.current().unwrap().clone();
    assert_eq!((after.index, &after.x), (5, &before.x));
    assert!(player.wait());
    assert_eq!(player.current().unwrap().index, 6);

    let mut bad = changed.clone();
    bad.bodies[0].material = "wine".to_owned();
    player.simulation.as_ref().unwrap().build(edit(&bad), true);
    until(&mut player, "the refusal", |player| {
        let condition = player.simulation.as_ref().unwrap().condition();
        matches!(condition, Condition::Refused(refusal)
            if refusal.faults.iter().any(|fault| fault.path == "bodies[0].material"))
    });
    // What was good goes on.
    assert!(player.current().unwrap().index == 6);
    drop(document.edit_text("("));
    player
        .simulation
        .as_ref()
        .unwrap()
        .build(edit(&changed), true);
    until(&mut player, "the mended scene", |player| {
        matches!(
            player.simulation.as_ref().unwrap().condition(),
            Condition::Ready
        )
    });
    assert!(player.wait() && player.current().unwrap().index == 7);
}

#[test]
fn fields_come_with_frames_when_they_are_asked_for() {
    let mut player = player();
    assert!(player.current().unwrap().values(Field::Pressure).is_none());
    player.show(Field::Pressure);
    until(&mut player, "the pressure", |player| {
        player.current().unwrap().values(Field::Pressure).is_some()
    });
    for _ in 0..6 {
        assert!(player.wait());
    }
    let frame = player.current().unwrap();
    let pressure = frame.values(Field::Pressure).unwrap();
    assert_eq!(pressure.len(), frame.x.len());
    // Under the surface of a pool there is pressure.
    assert!(pressure.iter().any(|&p| p > 100.0));
}

#[test]
fn an_optimisation_has_the_losses_of_the_command_and_can_be_paused_and_changed() {
    let task = Arc::new(Task::new(spec(), Path::new("").to_owned()).unwrap());
    let settings = task.spec.optimize.clone().unwrap().settings;
    let optimisation =
        Optimisation::start("adam".to_owned(), Arc::clone(&task), settings.clone()).unwrap();
    assert_eq!(
        optimisation.wait(),
        Activity::Finished("Iterations".to_owned())
    );
    let points = optimisation.points();
    assert_eq!(points.len(), 6);
    assert!(points[5].best < 0.9 * points[0].loss, "{points:?}");

    let binding = backflow::task::binding::Binding::new(&task.spec, &task.scene).unwrap();
    let judge = backflow::task::criterion::Judge::new::<f32>(&task.scene).unwrap();
    let go_on = Box::new(|_, _| true);
    let mut objective = RolloutObjective::<f32>::new(&task.scene, &binding, &judge, None, go_on);
    let (loss, _) = objective.judged(&binding.start()).unwrap();
    assert_eq!(points[0].loss, loss);

    let best = optimisation.best().unwrap();
    assert_eq!(best.loss, points[5].best);
    assert_eq!((best.ghost.len(), best.way.len()), (12, 12));
    assert_eq!(best.particles_bar.len(), task.scene.particles.len());
    assert!(best.controls_bar.iter().any(|bar| bar.x != 0.0));

    let mut other = settings;
    other.iterations = 9;
    other.update = backflow::optim::UpdateSettings::sgd(0.5, 0.0);
    optimisation.pause(true);
    optimisation.configure(other);
    optimisation.pause(false);
    for _ in 0..PATIENCE {
        if optimisation.points().len() == 9 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(optimisation.points().len(), 9);
}

/// A box in which a hot spot lifts smoke.
const PLUME: &str = r#"(
    version: 1,
    name: "plume",
    domain: (size: (0.4, 0.8, 0.4), cell: 0.05),
    time: (frames: 6, frame: 0.05),
    gas: (
        scalars: {"smoke": (), "heat": (lift: 0.0033)},
        sides: (default: Wall(), y_max: Outflow),
        obstacles: [(name: "ball", shape: Sphere(radius: 0.08), position: (0.2, 0.5, 0.2))],
        sources: [(name: "spot", shape: Sphere(radius: 0.1), position: (0.2, 0.1, 0.2), rates: {"heat": 100, "smoke": 2})],
        losses: [(term: Velocity(target: (0, 1, 0), shape: Box(half: (0.1, 0.1, 0.1)), position: (0.2, 0.6, 0.2)))],
    ),
    optimize: (
        variables: [Gas(Rate(source: "spot", scalar: "heat", lower: 0, upper: 1000, scale: 50))],
        settings: (iterations: 3, update: Adam(rate: 1)),
    ),
)"#;

fn plume() -> Spec<OptimizeSpec> {
    backflow::task::parse(PLUME, "plume").unwrap().0
}

#[test]
fn gas_plays_live_with_the_bits_of_the_command_and_stays_where_the_same_gas_goes_on() {
    let origin = |spec| Origin::Spec(Box::new(spec), Path::new("").to_owned());
    let mut player = Player::live(Simulation::start(origin(plume())).unwrap(), 1 << 30);
    while player.wait() {}
    let last = Arc::clone(player.current().unwrap());
    assert_eq!((last.index, last.x.len()), (6, 0));

    let task = Task::new(plume(), Path::new("").to_owned()).unwrap();
    let scene = task.scene.gas.as_ref().unwrap();
    let (model, mut gas) = (scene.model.cast::<f32>(), scene.initial.cast::<f32>());
    let mut rollout = backflow::sim::gas::Rollout::new(&model, &scene.course, scene.clock);
    for frame in 0..6 {
        rollout.advance(&mut gas, frame).unwrap();
    }
    let expected = crate::gas::GasFrame::of(&model, &gas);
    assert!(last.gas.as_ref() == Some(&expected), "the gas differs");

    // What acts on it is seen, and another strength does not begin anew.
    let roles: Vec<_> = last.stage.solids.iter().map(|solid| solid.role).collect();
    use crate::stage::Role;
    assert_eq!(roles, [Role::Collider, Role::Nozzle]);
    let mut stronger = plume();
    stronger.gas.as_mut().unwrap().sources[0]
        .rates
        .insert("smoke".to_owned(), 5.0);
    let simulation = player.simulation.as_ref().unwrap();
    simulation.build(origin(stronger), true);
    let again = simulation.wait().unwrap();
    assert_eq!(again.index, 6);
    assert!(again.gas == last.gas);
}

#[test]
fn the_best_of_an_optimisation_of_gas_is_played() {
    let task = Arc::new(Task::new(plume(), Path::new("").to_owned()).unwrap());
    let settings = task.spec.optimize.clone().unwrap().settings;
    let optimisation = Optimisation::start("adam".to_owned(), task, settings).unwrap();
    assert_eq!(
        optimisation.wait(),
        Activity::Finished("Iterations".to_owned())
    );
    let points = optimisation.points();
    assert!(points[2].best < points[0].loss, "{points:?}");

    let origin = Origin::Spec(Box::new(plume()), Path::new("").to_owned());
    let mut player = Player::live(Simulation::start(origin).unwrap(), 1 << 30);
    while player.wait() {}
    let heat = |player: &Player| {
        let frame = player.current().unwrap();
        let heat = frame.stage.gas.as_ref().unwrap().find("heat").unwrap();
        frame.gas.as_ref().unwrap().values[heat].iter().sum::<f32>()
    };
    let before = heat(&player);
    let simulation = player.simulation.as_ref().unwrap();
    simulation.choose(optimisation.best().unwrap().x.clone());
    player.reset();
    assert!(player.wait());
    while player.wait() {}
    assert_eq!(player.current().unwrap().index, 6);
    assert!((heat(&player) / before - 1.0).abs() > 0.05, "{before}");
}
