//! Scenes as environments: what a policy sees, does and is paid.

use backflow::{
    optim::{Bounds, Objective},
    task::{
        Task,
        binding::Binding,
        criterion::Judge,
        environment::{Environment, EnvironmentSettings, SceneEnvironment},
        objective::RolloutObjective,
    },
};

use crate::{
    harness::{Folder, changed},
    scene::{DROP, TINY},
};

/// `DROP` judged in every frame, with bounds on the controls.
fn task(text: &str) -> Task {
    let folder = Folder::with(&[("scene.ron", text)]);
    Task::load(&folder.path("scene.ron"), 1.0).unwrap()
}

fn drop_every_frame() -> Task {
    let every = "target: (0.4, 0.3, 0.2)), when: Every),";
    task(&changed(
        DROP,
        &[
            ("target: (0.4, 0.3, 0.2))),", every),
            ("Controls(axes: [X, Y])", "Controls(axes: [X, Y], limit: 3)"),
        ],
    ))
}

#[test]
fn rewards_of_an_episode_add_up_to_minus_the_loss_of_its_controls() {
    let task = drop_every_frame();
    let settings = EnvironmentSettings {
        particles: 10,
        ..EnvironmentSettings::default()
    };
    let mut environment = SceneEnvironment::<f64>::new(&task, settings).unwrap();
    assert_eq!(environment.action_bounds(), [Bounds::between(-3.0, 3.0); 2]);
    let actions = [[1.0, -2.0], [0.5, 4.0], [-1.0, 0.0], [2.0, -1.0]];
    let episode = |environment: &mut SceneEnvironment<f64>| {
        let mut seen = vec![environment.reset(0).unwrap().flat()];
        let mut total = 0.0;
        for (frame, action) in actions.iter().enumerate() {
            let step = environment.step(action).unwrap();
            assert_eq!(step.done, frame == 3);
            assert_eq!(step.clamped, usize::from(frame == 1));
            assert_eq!(step.reward, environment.reward());
            seen.push(step.observation.flat());
            total += step.reward;
        }
        (seen, total)
    };
    let (seen, total) = episode(&mut environment);
    // two bodies of at most ten particles with x and v, and a tool of one frame without joints
    let first = environment.reset(0).unwrap();
    let particles: usize = first.bodies.iter().map(|body| body.x.len() / 3).sum();
    assert!(particles <= 20 && first.bodies.len() == 2);
    assert!(seen.iter().all(|seen| seen.len() == 6 * particles + 12));
    assert_eq!(
        episode(&mut environment),
        (seen, total),
        "the same bits again"
    );

    let binding = Binding::new(&task.spec, &task.scene).unwrap();
    let judge = Judge::new::<f64>(&task.scene).unwrap();
    let on_step = Box::new(|_, _| true);
    let mut objective = RolloutObjective::<f64>::new(&task.scene, &binding, &judge, None, on_step);
    let mut x = binding.start();
    let flat = actions
        .as_flattened()
        .iter()
        .map(|a: &f64| a.clamp(-3.0, 3.0));
    x.splice(2.., flat);
    let loss = objective.value(&x).unwrap();
    assert!((total / loss + 1.0).abs() < 1e-12, "{total} {loss}");
}

#[test]
fn after_the_last_frame_nothing_moves() {
    let task = drop_every_frame();
    let mut environment =
        SceneEnvironment::<f32>::new(&task, EnvironmentSettings::default()).unwrap();
    for _ in 0..4 {
        environment.step(&[0.0, 0.0]).unwrap();
    }
    let last = environment.observe();
    let step = environment.step(&[1.0, 1.0]).unwrap();
    assert_eq!(
        (step.observation, step.reward, step.done),
        (last, 0.0, true)
    );
}

#[test]
fn a_scene_without_controls_is_no_environment() {
    let made = SceneEnvironment::<f32>::new(&task(TINY), EnvironmentSettings::default());
    let error = made.err().unwrap().to_string();
    assert!(error.contains("Controls"), "{error}");
}
