//! AdamP (Heo et al. 2021): |q| <= 1.2 after 400 noisy steps on a quaternion where Adam's is
//! >= 1.8 (toy of the catalogue of methods: 1.11 and 2.10); as AdamW elsewhere.

use backflow_optim::{Random, Settings, UpdateSettings};

use crate::toys::{Toy, dot, norm, run};

/// Loss of the direction of q alone: 1 - (q.t)^2 / |q|^2, with noise across q.
fn alignment() -> impl FnMut(&[f64]) -> (f64, Vec<f64>) {
    let target = [0.5, 0.5, -0.5, 0.5];
    let mut call = 0;
    move |q: &[f64]| {
        let (square, along) = (dot(q, q), dot(q, &target));
        let value = 1.0 - along * along / square;
        call += 1;
        let noise = Random::new(11, &[call]).normals(4);
        let radial = dot(&noise, q) / square;
        let entry = |i: usize| {
            let exact =
                -2.0 * along * target[i] / square + 2.0 * along * along * q[i] / (square * square);
            exact + 0.5 * (noise[i] - radial * q[i]) / square.sqrt()
        };
        (value, (0..4).map(entry).collect())
    }
}

fn text(update: &str) -> Settings {
    Settings {
        iterations: 401,
        update: read(update),
        ..Settings::default()
    }
}

/// An update as a scene writes it.
fn read(text: &str) -> UpdateSettings {
    ron::from_str(text).unwrap()
}

#[test]
fn length_of_a_quaternion_is_kept() {
    let start = [1.0, 0.0, 0.0, 0.0];
    let length = |update: &str| {
        let (_, state, _) = run(&text(update), &start, &mut Toy::new(alignment()));
        norm(&state.x)
    };
    let (adam, adam_p) = (length("Adam(rate: 0.06)"), length("AdamP(rate: 0.06)"));
    println!("|q| after 400 steps: Adam {adam:.3}, AdamP {adam_p:.3}");
    assert!(adam >= 1.8, "{adam}");
    assert!(adam_p <= 1.2, "{adam_p}");
}

#[test]
fn on_values_that_depend_on_length_it_is_adam_w() {
    let quadratic = |x: &[f64]| (0.5 * dot(x, x), x.to_vec());
    let start = [1.0, -2.0, 0.5];
    let end = |update: &str| {
        let (_, state, _) = run(&text(update), &start, &mut Toy::new(quadratic));
        state.x
    };
    assert_eq!(
        end("AdamP(rate: 0.01, decay: 0.1)"),
        end("AdamW(rate: 0.01, decay: 0.1)")
    );
    assert_eq!(end("AdamP(rate: 0.01)"), end("AdamW(rate: 0.01, decay: 0)"));
    assert_eq!(end("AdamW(rate: 0.01, decay: 0)"), end("Adam(rate: 0.01)"));
}

#[test]
fn decay_of_adam_w_does_not_depend_on_the_size_of_the_gradient() {
    // no gradient at all: x shrinks by the factor 1 - rate decay a step
    let flat = |x: &[f64]| (0.0, vec![0.0; x.len()]);
    let settings = Settings {
        iterations: 10,
        ..text("AdamW(rate: 0.1, decay: 0.5)")
    };
    let (_, state, _) = run(&settings, &[2.0], &mut Toy::new(flat));
    assert!((state.x[0] - 2.0 * 0.95_f64.powi(10)).abs() < 1e-14);
}
