//! What the tests of this crate share.

use std::{convert::Infallible, sync::LazyLock};

use backflow_diff::{Real, gradcheck::dot_product};
use backflow_optim::Random;
use backflow_sim::{
    collider::{Cuboid, Shape},
    pose::Pose,
    scene::spec::{Law, Material},
};
use nalgebra::{DMatrix, Vector3};
use num_dual::Dual64;
use rayon::prelude::*;

use crate::{
    data::{Counts, Families, Recipe, Split, Trajectory, simulate},
    graph::Reach,
    model::{Config, Kind, Obstacle, Operator, Room, Scales, Window, first_weights},
    train::{Trainer, Training},
};

/// Columns of `rows` numbers.
pub(crate) fn matrix<T: Real>(rows: usize, x: &[T]) -> DMatrix<T> {
    DMatrix::from_column_slice(rows, x.len() / rows, x)
}

/// Checks that `vjp(x, y_bar)` is the transpose of the tangent of `function`, at a random `x` of
/// `inputs` numbers, to round-off.
pub(crate) fn check(
    inputs: usize,
    function: impl Fn(&[Dual64]) -> Vec<Dual64>,
    vjp: impl Fn(&[f64], &[f64]) -> Vec<f64>,
) {
    let x = Random::new(1, &[inputs as u64]).normals(inputs);
    check_at(&x, function, vjp);
}

/// As [`check`], at `x`.
pub(crate) fn check_at(
    x: &[f64],
    function: impl Fn(&[Dual64]) -> Vec<Dual64>,
    vjp: impl Fn(&[f64], &[f64]) -> Vec<f64>,
) {
    let v = Random::new(2, &[]).normals(x.len());
    let jvp = |v: &[f64]| {
        let dual: Vec<_> = x
            .iter()
            .zip(v)
            .map(|(&x, &v)| Dual64::from_parts(x, v))
            .collect();
        function(&dual)
            .iter()
            .map(|y| y.tangent())
            .collect::<Vec<_>>()
    };
    let w = Random::new(3, &[]).normals(jvp(&v).len());
    dot_product::<Infallible>(
        |v| Ok(jvp(v)),
        |w| Ok(vjp(x, w)),
        &v,
        &w,
        1e-12, // rounding of sums of a few thousand terms
    )
    .unwrap();
}

/// A data set that takes a second to make.
pub(crate) fn recipe() -> Recipe {
    let jelly = Material::NeoHookean {
        density: 1000.0,
        young: 2e4,
        poisson: 0.3,
    };
    Recipe {
        version: 1,
        materials: [("jelly".to_owned(), jelly)].into(),
        size: [0.5; 3],
        cell: 0.05,
        per_axis: 2,
        walls: Law::Separating,
        gravity: [0.0, -9.81, 0.0],
        frame: 0.01,
        frames: 12,
        radius: [0.06, 0.08],
        speed: 1.0,
        spin: 3.0,
        shapes: Families::default(),
        counts: Counts {
            train: 3,
            validation: 1,
            test: 1,
        },
        seed: 1,
    }
}

/// A small operator with forces between pairs and random weights.
pub(crate) fn pair_operator<T: Real>() -> Operator<T> {
    pairs(false)
}

/// The same with lengths in spacings.
pub(crate) fn spaced_operator<T: Real>() -> Operator<T> {
    pairs(true)
}

fn pairs<T: Real>(spacings: bool) -> Operator<T> {
    let free = operator::<T>(true);
    let config = Config {
        kind: Kind::Pairs,
        spacings,
        ..free.config
    };
    let scales = Scales {
        spacing: spacings.then_some(0.25),
        ..free.scales
    };
    let weights = first_weights(&config, 3).into_iter();
    let weights = weights.map(|w| T::of(4.0 * w)).collect();
    Operator::new(config, scales, weights).unwrap()
}

/// A small operator of GIOROM's shape with random weights.
pub(crate) fn giorom_operator<T: Real>() -> Operator<T> {
    let free = operator::<T>(false);
    let config = Config {
        history: 2,
        ..Config::giorom(6, free.config.reach, 0.2)
    };
    let weights = first_weights(&config, 3).into_iter();
    let weights = weights.map(|w| T::of(4.0 * w)).collect();
    Operator::new(config, free.scales, weights).unwrap()
}

/// A small operator of free accelerations with random weights.
pub(crate) fn operator<T: Real>(balanced: bool) -> Operator<T> {
    let config = Config {
        kind: Kind::Free,
        width: 6,
        layers: 2,
        history: 2,
        reach: Reach {
            radius: 0.35,
            cap: 5,
        },
        latent: Some(0.3),
        rest: true,
        balanced,
        spacings: false,
    };
    let scales = Scales {
        frame: 0.05,
        velocity: 1.0,
        acceleration: 20.0,
        spacing: None,
    };
    let weights = first_weights(&config, 3);
    let weights = weights.iter().map(|&w| T::of(4.0 * w)).collect();
    Operator::new(config, scales, weights).unwrap()
}

/// A box of one metre.
pub(crate) fn room() -> Room {
    Room::plain([[0.0; 3], [1.0; 3]], [0.0, -9.81, 0.0])
}

/// The same with a turned box in it.
pub(crate) fn obstructed() -> Room {
    let obstacle = Obstacle {
        shape: Shape::Cuboid(Cuboid {
            half_extents: Vector3::new(0.15, 0.2, 0.25),
            rounding: 0.0,
        }),
        pose: Pose::from_rotation_vector(
            Vector3::new(0.45, 0.5, 0.55),
            &Vector3::new(0.3, -0.2, 0.4),
        ),
    };
    Room {
        obstacles: vec![obstacle],
        ..room()
    }
}

/// How many samples lie on the surface of an obstacle.
pub(crate) fn pushed<T: Real>(room: &Room, x: &DMatrix<T>) -> usize {
    let on = |x: Vector3<f64>| {
        let mut obstacles = room.obstacles.iter();
        obstacles.any(|obstacle| obstacle.probe(&x).distance.abs() < 1e-12)
    };
    let columns = x.column_iter();
    columns
        .filter(|x| on(Vector3::new(x[0].to_f64(), x[1].to_f64(), x[2].to_f64())))
        .count()
}

const SAMPLES: usize = 14;

/// Samples all over the room, some of which leave it in a step.
pub(crate) fn window() -> Window<f64> {
    let mut random = Random::new(8, &[]);
    let start: Vec<f64> = (0..3 * SAMPLES).map(|_| random.uniform()).collect();
    let mut x = start.clone();
    for _ in 0..3 {
        x.extend(start.iter().map(|x| x + 0.03 * random.normal()));
    }
    windowed(&x)
}

/// A window from its numbers.
pub(crate) fn windowed<T: Real>(x: &[T]) -> Window<T> {
    let mut parts = x.chunks_exact(3 * SAMPLES).map(|x| matrix(3, x));
    let rest = parts.next().unwrap();
    Window {
        rest,
        x: parts.collect(),
    }
}

/// The numbers of a window.
pub(crate) fn flat(window: &Window<f64>) -> Vec<f64> {
    let parts = std::iter::once(&window.rest).chain(&window.x);
    parts.flat_map(|x| x.iter().copied()).collect()
}

/// An operator that knows nothing but free fall.
pub(crate) fn still(frame: f64) -> Operator<f32> {
    let config = Config {
        width: 2,
        layers: 1,
        history: 1,
        ..Config::default()
    };
    let scales = Scales {
        frame,
        velocity: 1.0,
        acceleration: 1.0,
        spacing: None,
    };
    let size = first_weights(&config, 0).len();
    Operator::new(config, scales, vec![0.0; size]).unwrap()
}

/// Trajectories of a split of a recipe of jelly.
pub(crate) fn trajectories(recipe: &Recipe, split: Split) -> Vec<Trajectory> {
    let one = |number| simulate(recipe, "jelly", split, number).unwrap();
    let numbers = 0..recipe.counts.of(split);
    numbers.into_par_iter().map(one).collect()
}

/// A training that takes seconds.
pub(crate) fn settings() -> Training {
    Training {
        model: Config {
            width: 16,
            layers: 2,
            history: 2,
            reach: Reach {
                radius: 0.1,
                cap: 8,
            },
            ..Config::default()
        },
        samples: 48,
        sets: 2,
        iterations: 500,
        batch: 2,
        rate: 3e-3,
        warmup: 20,
        unroll: 2,
        single: 0.5,
        noise: 0.3,
        validate: 100,
        ..Training::default()
    }
}

/// A tiny operator that has been trained, and the data that it has learned from.
pub(crate) static TINY: LazyLock<(Recipe, Operator<f32>)> = LazyLock::new(|| {
    let recipe = Recipe {
        frames: 40,
        counts: Counts {
            train: 6,
            validation: 1,
            test: 2,
        },
        radius: [0.07, 0.08],
        ..recipe()
    };
    let [train, validation] =
        [Split::Train, Split::Validation].map(|split| trajectories(&recipe, split));
    let mut trainer = Trainer::new(settings(), &train, &validation).unwrap();
    trainer.run(&mut |_, _| true).unwrap();
    (recipe, trainer.operator().unwrap())
});
