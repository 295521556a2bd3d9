//! What steps of operators take: those of pairs at most half of what GIOROM's stepper does.

use backflow::operator::{
    Operator,
    graph::Reach,
    model::{Config, Room, Scales, Window, first_weights},
    rollout::{Memory, Unrolled, roll},
};
use nalgebra::DMatrix;

/// Samples of a ball, falling in a box: a spiral from its middle outwards, evenly dense.
fn window(samples: usize, steps: usize, frame: f64) -> Window<f32> {
    let rest = DMatrix::from_fn(3, samples, |axis, i| {
        let share = (i as f64 + 0.5) / samples as f64;
        let height = 1.0 - 2.0 * ((i as f64 * 0.618_034) % 1.0);
        let (sin, cos) = (i as f64 * 2.399_963).sin_cos();
        let across = (1.0 - height * height).sqrt();
        let direction = [across * cos, height, across * sin][axis];
        (0.3 + 0.1 * share.cbrt() * direction) as f32
    });
    let at = |step: usize| {
        let fallen = frame * (step as f64 - steps as f64);
        let mut x = rest.clone();
        x.row_mut(1).add_scalar_mut(-fallen as f32);
        x
    };
    Window {
        x: (0..steps).map(at).collect(),
        rest,
    }
}

/// Bytes that are taken at most at once during `work`.
fn peak(work: impl FnOnce()) -> usize {
    let _profiler = dhat::Profiler::builder().testing().build();
    work();
    dhat::HeapStats::get().max_bytes
}

/// Peaks of a rollout of four steps, and of four steps with their gradient.
fn peaks(config: Config, samples: usize) -> [usize; 2] {
    const STEPS: usize = 4;
    let scales = Scales {
        frame: 0.01,
        velocity: 1.0,
        acceleration: 20.0,
        spacing: Some(0.04),
    };
    let weights: Vec<f32> = first_weights(&config, 0)
        .iter()
        .map(|&w| w as f32)
        .collect();
    let mut bar = vec![0.0; weights.len()];
    let operator = Operator::new(config, scales, weights).unwrap();
    let room = Room {
        bounds: [[0.0; 3], [0.6; 3]],
        gravity: [0.0, -9.81, 0.0],
        obstacles: Vec::new(),
    };
    let window = window(samples, operator.steps(), scales.frame);
    let rolled = peak(|| {
        roll(&operator, &room, &window, STEPS).unwrap();
    });
    let pulled = peak(|| {
        let memory = Memory::Tape;
        let unrolled = Unrolled::new(&operator, &room, &window, STEPS, memory).unwrap();
        let bars = vec![
            (
                DMatrix::from_element(3, samples, 1.0),
                DMatrix::zeros(3, samples)
            );
            STEPS
        ];
        unrolled.pull(&operator, &room, &bars, &mut bar).unwrap();
    });
    [rolled, pulled]
}

/// The shapes of `assets/operators/comparison.ron`.
pub(crate) fn steps() {
    let reach = Reach {
        radius: 0.1,
        cap: 12,
    };
    let pairs = Config {
        reach,
        spacings: true,
        ..Config::default()
    };
    for samples in [64, 1000] {
        let ours = peaks(pairs, samples);
        let giorom = peaks(Config::giorom(32, reach, 0.0375), samples);
        let gns = peaks(Config::graph_network_simulator(32, reach), samples);
        for (at, what) in ["a rollout", "four steps with their gradient"]
            .into_iter()
            .enumerate()
        {
            let share = ours[at] as f64 / giorom[at] as f64;
            println!(
                "{what} of {samples} samples: pairs {} KiB, giorom {} KiB, gns {} KiB; {share:.2} of giorom",
                ours[at] >> 10,
                giorom[at] >> 10,
                gns[at] >> 10
            );
            assert!(share <= 0.5, "{what}, {samples} samples: {share}");
        }
    }
}
