//! Every update with every estimator that it makes sense with goes on from a saved state to the same bits.

use backflow_optim::{Bounds, Driver, DriverState, Settings};

use crate::toys::{Scenarios, dot, layout};

/// Updates and estimators as scenes write them.
const PAIRS: [(&str, &str); 22] = [
    ("AdamW()", "Adjoint"),
    ("AdamP()", "Adjoint"),
    ("DiffGrad()", "Adjoint"),
    ("DiffGrad(scale: 1)", "Adjoint"),
    ("AdaGradNorm()", "AdaptiveBatch()"),
    ("Mfac()", "Adjoint"),
    ("Mfac()", "AdaptiveBatch(batch: 1)"),
    ("Normalized()", "Harpg()"),
    ("Igt()", "PolicyGradient()"),
    ("Igt()", "PolicyGradient(samples: 3)"),
    ("Surrogate()", "Adjoint"),
    ("Surrogate(columns: 2, hidden: 4)", "Adjoint"),
    ("Consensus(particles: 5)", "Values"),
    ("Consensus(particles: 5, spread: 0)", "Values"),
    ("CmaEs()", "Values"),
    ("CmaEs(diagonal: true)", "Values"),
    ("Random(spread: 0)", "Values"),
    ("Idle", "Values"),
    ("Adam()", "Consensus(samples: 4)"),
    ("Adam()", "GaussianProcess()"),
    ("Adam()", "HessianAlignment(gradient: 0.1, hessian: 0.1)"),
    ("Adam()", "Rectified(slices: [\"x\"])"),
];

/// Three scenarios of a curved bowl, undefined far out.
fn bowl(scenario: usize, x: &[f64]) -> (f64, Vec<f64>) {
    let square = dot(x, x);
    if square > 6.0 {
        return (f64::NAN, vec![f64::NAN; x.len()]);
    }
    let away: Vec<f64> = x.iter().map(|x| x - 0.3 * scenario as f64).collect();
    let value = 0.5 * dot(&away, &away) + 0.1 * square * square;
    (
        value,
        away.iter()
            .zip(x)
            .map(|(a, x)| a + 0.4 * square * x)
            .collect(),
    )
}

#[test]
fn saved_state_goes_on_to_the_same_bits() {
    for (update, estimator) in PAIRS {
        let settings = Settings {
            iterations: 40,
            update: ron::from_str(update).unwrap(),
            estimator: ron::from_str(estimator).unwrap(),
            ..Settings::default()
        };
        let again: Settings = ron::from_str(&ron::to_string(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
        let mut bounded = layout(3);
        bounded.bound("x", Bounds::between(-2.0, 2.0)).unwrap();
        let driver = Driver::new(settings, bounded).unwrap();
        let start = [1.0, -0.8, 0.5];
        let mut whole = driver.start(&start).unwrap();
        let expected = driver
            .run(&mut whole, &mut Scenarios::new(3, bowl), &mut ())
            .unwrap();
        let mut state = driver.start(&start).unwrap();
        while driver.finished(&state).is_none() {
            driver
                .advance(&mut state, &mut Scenarios::new(3, bowl))
                .unwrap();
            let text = ron::to_string(&state).unwrap();
            state = ron::from_str::<DriverState>(&text).unwrap();
        }
        assert_eq!(state, whole, "{update} {estimator}");
        assert!(
            expected.best_value <= expected.first_value,
            "{update} {estimator}"
        );
    }
}
