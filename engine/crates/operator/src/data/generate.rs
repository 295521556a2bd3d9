//! Data sets from rollouts of the engine.

use std::path::Path;

use backflow_optim::Random;
use backflow_sim::{
    io::FileError,
    rollout::{State, forward::Rollout},
    scene::{
        self,
        spec::{Body, Domain, Sampling, Shape, Spec, Substep, Time, Walls},
    },
};

use super::{
    recipe::{Family, REACH, Recipe, Split},
    set::DataSet,
    trajectory::Trajectory,
};
use crate::error::OperatorError;

/// Makes every trajectory of a recipe that is not yet in `folder`: `recipe.ron` and
/// `<material>/<split>-<number>.npz`, see [`Trajectory`]. What is there already is kept, so that
/// generating can be stopped at any time; `on_done` is told how many of how many are done, and
/// stops it with `false`.
///
/// # Errors
/// A wrong recipe, a folder that holds another one, a rollout that blows up, or files that cannot
/// be written.
pub fn generate(
    recipe: &Recipe,
    folder: &Path,
    on_done: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<(), OperatorError> {
    let all: Vec<&str> = recipe.materials.keys().map(String::as_str).collect();
    generate_of(recipe, &all, folder, on_done)
}

/// As [`generate`], of some of the materials of the recipe.
///
/// # Errors
/// As [`generate`], or a material that the recipe does not have.
pub fn generate_of(
    recipe: &Recipe,
    materials: &[&str],
    folder: &Path,
    on_done: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<(), OperatorError> {
    recipe.check()?;
    std::fs::create_dir_all(folder).map_err(FileError::of("create", folder))?;
    let path = folder.join(DataSet::RECIPE);
    if path.is_file() {
        let there = Recipe::read(&path)?;
        if there != *recipe {
            let what = format!("recipe in {}", folder.display());
            return Err(OperatorError::mismatch(
                what,
                "another one",
                "the same; give another folder for another data set",
            ));
        }
    } else {
        recipe.write(&path)?;
    }
    let each: usize = Split::ALL.map(|split| recipe.counts.of(split)).iter().sum();
    let (mut done, total) = (0, each * materials.len());
    for &material in materials {
        let inner = folder.join(material);
        std::fs::create_dir_all(&inner).map_err(FileError::of("create", &inner))?;
        for split in Split::ALL {
            for number in 0..recipe.counts.of(split) {
                let path = DataSet::path(folder, material, split, number);
                if !path.is_file() {
                    simulate(recipe, material, split, number)?.write(&path)?;
                }
                done += 1;
                if !on_done(done, total) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Runs one trajectory of a recipe in single precision.
///
/// # Errors
/// A scene that cannot be run, or numbers that are not finite.
pub fn simulate(
    recipe: &Recipe,
    material: &str,
    split: Split,
    number: usize,
) -> Result<Trajectory, OperatorError> {
    let spec = spec(recipe, material, split, number)?;
    run(&spec)
}

/// Runs the scene of a trajectory, with one body.
///
/// # Errors
/// A scene that cannot be run, or numbers that are not finite.
pub fn run(spec: &Spec<()>) -> Result<Trajectory, OperatorError> {
    let scene = scene::build(spec, Path::new(""))?;
    let world = scene.world.cast::<f32>();
    let mut state = State::new(&world, scene.particles.cast());
    let mut rollout = Rollout::new(&world, &scene.programs);
    let failed = |source| OperatorError::Engine {
        name: spec.name.clone(),
        source,
    };
    let mut x = Vec::new();
    let mut keep = |state: &State<f32>| {
        let particles = state.canonical(&world);
        let motions = particles.liquid.motion.iter();
        for motion in motions.chain(&particles.solid.motion) {
            x.extend(motion.x().iter());
        }
    };
    keep(&state);
    for frame in 0..world.clock.frames {
        rollout.advance_frame(&mut state, frame).map_err(failed)?;
        let step = (frame + 1) * world.clock.substeps;
        state.check(&world, step).map_err(failed)?;
        keep(&state);
    }
    let count = scene.particles.liquid.len() + scene.particles.solid.len();
    let bounds = [spec.domain.min, {
        let end = |axis: usize| spec.domain.min[axis] + spec.domain.size[axis];
        [end(0), end(1), end(2)]
    }];
    let substeps = world.clock.substeps * world.clock.frames;
    Ok(Trajectory {
        count,
        x,
        frame: spec.time.frame,
        bounds,
        gravity: spec.gravity,
        substeps,
    })
}

/// The scene of a trajectory: a body with random shape, place, turn and motion.
///
/// # Errors
/// A material or a number that the recipe does not have.
pub fn spec(
    recipe: &Recipe,
    material: &str,
    split: Split,
    number: usize,
) -> Result<Spec<()>, OperatorError> {
    let position = recipe.materials.keys().position(|name| name == material);
    let (Some(position), Some(law)) = (position, recipe.materials.get(material)) else {
        let known: Vec<_> = recipe.materials.keys().map(String::as_str).collect();
        let expected = format!("one of {}", known.join(", "));
        return Err(OperatorError::setting("material", material, expected));
    };
    let families = recipe.shapes.of(split);
    if number >= recipe.counts.of(split) || families.is_empty() {
        let expected = format!("below {}", recipe.counts.of(split));
        return Err(OperatorError::setting(
            format!("number of the trajectory ({})", split.name()),
            number,
            expected,
        ));
    }
    // The places of two trajectories differ, and so do their numbers.
    let place = [position as u64, split as u64, number as u64];
    let mut random = Random::new(recipe.seed, &place);
    let family = families[number % families.len()];
    let [least, greatest] = recipe.radius;
    let radius = least + (greatest - least) * random.uniform();
    let shape = shape(family, radius, &mut random);
    let direction = |random: &mut Random| {
        let v = random.normals(3);
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-12);
        [v[0] / length, v[1] / length, v[2] / length]
    };
    let along = |direction: [f64; 3], length: f64| direction.map(|d| d * length);
    let angle = std::f64::consts::PI * random.uniform();
    let rotation = along(direction(&mut random), angle);
    let speed = recipe.speed * random.uniform();
    let velocity = along(direction(&mut random), speed);
    let rate = recipe.spin * random.uniform();
    let spin = along(direction(&mut random), rate);
    let margin = REACH * radius + 2.0 * recipe.cell;
    let mut place = |axis: usize| {
        let room = recipe.size[axis] - 2.0 * margin;
        margin + room.max(0.0) * random.uniform()
    };
    let position = [place(0), place(1), place(2)];
    Ok(Spec {
        version: scene::spec::VERSION,
        name: format!("{material}-{}-{number:03}", split.name()),
        about: format!("{family:?}"),
        domain: Domain {
            min: [0.0; 3],
            size: recipe.size,
            cell: recipe.cell,
            walls: Walls {
                default: recipe.walls,
                ..Walls::default()
            },
            locked: Vec::new(),
        },
        gravity: recipe.gravity,
        volume_rate: 0.0,
        time: Time {
            frames: recipe.frames,
            frame: recipe.frame,
            substep: Substep::Auto,
        },
        materials: [(material.to_owned(), *law)].into(),
        bodies: vec![Body {
            name: "body".to_owned(),
            material: material.to_owned(),
            shape,
            position,
            rotation,
            velocity,
            spin,
            particles: Sampling::Lattice {
                per_axis: recipe.per_axis,
            },
            gravity: None,
            constants: Default::default(),
            activation: Default::default(),
        }],
        forces: Vec::new(),
        colliders: Vec::new(),
        rigids: Vec::new(),
        tools: Vec::new(),
        injectors: Vec::new(),
        collectors: Vec::new(),
        losses: Vec::new(),
        metrics: Vec::new(),
        gas: None,
        views: Vec::new(),
        optimize: None,
    })
}

/// A shape of a family with the volume of a ball of `radius` (m).
fn shape(family: Family, radius: f64, random: &mut Random) -> Shape {
    let volume = 4.0 / 3.0 * std::f64::consts::PI * radius.powi(3);
    let mut between = |low: f64, high: f64| low + (high - low) * random.uniform();
    let cuboid = |edges: [f64; 3], rounding: f64| {
        let scale = (volume / (8.0 * edges.iter().product::<f64>())).cbrt();
        let half = edges.map(|edge| edge * scale);
        let least = half.iter().fold(f64::INFINITY, |a, &b| a.min(b));
        Shape::Box {
            half,
            rounding: rounding * least,
        }
    };
    match family {
        Family::Sphere => Shape::Sphere { radius },
        Family::Box => cuboid([1.0, between(0.6, 1.0), between(0.6, 1.0)], 0.0),
        Family::Slab => cuboid([1.0, 0.35, between(0.7, 1.0)], 0.5),
        Family::Cylinder => {
            // V = 2 pi r^3 (h / r), h half of the height
            let slenderness = between(0.6, 1.5);
            let radius = (volume / (2.0 * std::f64::consts::PI * slenderness)).cbrt();
            Shape::Cylinder {
                radius,
                half_height: slenderness * radius,
            }
        }
        Family::Capsule => {
            // V = pi r^3 (4/3 + 2 l / r), l half of the length of the segment
            let slenderness = between(0.5, 1.2);
            let radius = (volume / (std::f64::consts::PI * (4.0 / 3.0 + 2.0 * slenderness))).cbrt();
            Shape::Capsule {
                radius,
                half_length: slenderness * radius,
            }
        }
        Family::Torus => {
            // V = 2 pi^2 R r^2
            let slenderness = between(0.45, 0.55);
            let square = 2.0 * std::f64::consts::PI.powi(2) * slenderness * slenderness;
            let ring = (volume / square).cbrt();
            Shape::Torus {
                radius: ring,
                tube: slenderness * ring,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::recipe;

    #[test]
    fn trajectories_are_pure_functions_of_their_place() {
        let recipe = recipe();
        let a = simulate(&recipe, "jelly", Split::Train, 1).unwrap();
        let b = simulate(&recipe, "jelly", Split::Train, 1).unwrap();
        let other = simulate(&recipe, "jelly", Split::Train, 2).unwrap();
        assert_eq!(a, b);
        assert_ne!(a.x[..3], other.x[..3]);
        assert_eq!(a.x.len(), 3 * a.count * (recipe.frames + 1));
    }

    #[test]
    fn bodies_have_the_volume_they_should_and_fit_when_turned() {
        let mut random = Random::new(2, &[]);
        let all = [
            Family::Sphere,
            Family::Box,
            Family::Cylinder,
            Family::Capsule,
            Family::Torus,
            Family::Slab,
        ];
        for family in all {
            for _ in 0..50 {
                let shape = shape(family, 1.0, &mut random);
                let (reach, volume) = match shape {
                    Shape::Sphere { radius } => (radius, None),
                    Shape::Box { half, rounding } => (
                        half.iter().map(|h| h * h).sum::<f64>().sqrt(),
                        (rounding == 0.0).then(|| 8.0 * half.iter().product::<f64>()),
                    ),
                    Shape::Cylinder {
                        radius,
                        half_height,
                    } => (
                        radius.hypot(half_height),
                        Some(2.0 * std::f64::consts::PI * radius * radius * half_height),
                    ),
                    Shape::Capsule {
                        radius,
                        half_length,
                    } => (radius + half_length, None),
                    Shape::Torus { radius, tube } => (radius + tube, None),
                    ref other => panic!("{other:?}"),
                };
                assert!(reach <= REACH, "{shape:?} reaches {reach}");
                if let Some(volume) = volume {
                    let ball = 4.0 / 3.0 * std::f64::consts::PI;
                    assert!((volume - ball).abs() < 1e-12 * ball);
                }
            }
        }
    }

    #[test]
    fn generating_goes_on_where_it_was_stopped_and_keeps_recipes_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut recipe = recipe();
        let mut calls = Vec::new();
        generate(&recipe, folder.path(), &mut |done, total| {
            calls.push((done, total));
            done < 2
        })
        .unwrap();
        assert_eq!(calls, [(1, 5), (2, 5)]);
        let path = DataSet::path(folder.path(), "jelly", Split::Train, 0);
        let first = std::fs::read(&path).unwrap();
        generate(&recipe, folder.path(), &mut |_, _| true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        assert!(DataSet::path(folder.path(), "jelly", Split::Test, 0).is_file());
        recipe.seed += 1;
        let error = generate(&recipe, folder.path(), &mut |_, _| true).unwrap_err();
        assert!(error.to_string().contains("another folder"), "{error}");
    }
}
