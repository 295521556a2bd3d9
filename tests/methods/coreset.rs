//! Dataset quantization (Zhou et al. 2023): with 30 % of the windows an operator errs on validation by at most 1.05
//! times what it does with all, in the median of five seeds.
//!
//! Hoped for was that a random 30 % does worse. On this small data set it hardly does (measured: 6.88e-3 m^2 by
//! quantization, 6.92e-3 by chance, 7.44e-3 with all): any third of it is enough. It is held to be no worse.

use backflow::operator::{
    data::{Recipe, Split, Trajectory, simulate},
    graph::Reach,
    model::Config,
    train::{Trainer, Training, Windows},
};

/// Median over seeds of the error on validation.
fn median(windows: Windows, train: &[Trajectory], validation: &[Trajectory]) -> f64 {
    let mut errors: Vec<f64> = (0..5)
        .map(|seed| {
            let settings = Training {
                model: Config {
                    width: 16,
                    reach: Reach {
                        radius: 0.1,
                        cap: 8,
                    },
                    ..Config::default()
                },
                windows,
                samples: 48,
                sets: 2,
                iterations: 300,
                batch: 2,
                warmup: 20,
                unroll: 2,
                single: 0.5,
                noise: 0.3,
                validate: 60,
                seed,
                ..Training::default()
            };
            let mut trainer = Trainer::new(settings, train, validation).unwrap();
            trainer.run(&mut |_, _| true).unwrap();
            trainer.state.best_score
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    errors[2]
}

#[test]
fn a_third_of_the_windows_teaches_as_much_as_all() {
    let recipe = include_str!("../../assets/operators/small.ron");
    let recipe = Recipe {
        frames: 60,
        ..ron::from_str(recipe).unwrap()
    };
    let material = recipe.materials.keys().next().unwrap();
    let make = |split, count| -> Vec<Trajectory> {
        (0..count)
            .map(|number| simulate(&recipe, material, split, number).unwrap())
            .collect()
    };
    let (train, validation) = (make(Split::Train, 6), make(Split::Validation, 1));
    let [all, quantized, random] = [Windows::All, Windows::Quantized(0.3), Windows::Random(0.3)]
        .map(|windows| median(windows, &train, &validation));
    println!("all {all:.3e} m^2, 30 % by quantization {quantized:.3e}, by chance {random:.3e}");
    assert!(quantized <= 1.05 * all, "{quantized} {all}");
    assert!(quantized <= 1.05 * random, "{quantized} {random}");
}
