//! Many postures at once, on one thread: `cargo bench -p backflow-grasp --bench kinematics`. The figure that
//! counts is items (postures) a second.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use backflow_grasp::hand::{
    Hand,
    batch::Spot,
    kinematics::{Frames, FramesBar, Posture, PostureBar},
    library,
};
use divan::{Bencher, counter::ItemsCount};
use nalgebra::{Rotation3, Vector3};

fn main() {
    divan::main();
}

const HANDS: [&str; 3] = ["shadow", "allegro", "leap"];
const COUNT: usize = 4096;

/// A hand, its postures placed, and the pads of its fingers.
struct Case {
    hand: Hand,
    postures: Vec<Posture<f64>>,
    frames: Vec<Frames<f64>>,
    spots: Vec<Spot>,
}

impl Case {
    fn new(name: &str) -> Self {
        let hand = library::named(name).unwrap();
        let posture = |index: usize| {
            let part = index as f64 / COUNT as f64;
            Posture {
                position: Vector3::new(part, -part, 0.1),
                rotation: Rotation3::from_scaled_axis(Vector3::new(1.0, part, 2.0)).into_inner(),
                joints: hand
                    .joints
                    .iter()
                    .map(|joint| joint.range.0 + part * (joint.range.1 - joint.range.0))
                    .collect(),
            }
        };
        let postures: Vec<Posture<f64>> = (0..COUNT).map(posture).collect();
        let mut frames = vec![hand.frames(); COUNT];
        hand.place_all(&postures, &mut frames).unwrap();
        Self {
            spots: hand.fingers.iter().map(Spot::pad).collect(),
            hand,
            postures,
            frames,
        }
    }

    /// Runs something on one thread.
    fn run(&mut self, bencher: Bencher, mut job: impl FnMut(&mut Self) + Send) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
        let pool = pool.build().unwrap();
        bencher
            .counter(ItemsCount::new(COUNT))
            .bench_local(|| pool.install(|| job(self)));
    }
}

/// The frames of all links.
#[divan::bench(args = HANDS)]
fn frames(bencher: Bencher, hand: &str) {
    Case::new(hand).run(bencher, |case| {
        case.hand
            .place_all(&case.postures, &mut case.frames)
            .unwrap();
    });
}

/// Frames, pads, and the gradient of a function of the pads.
#[divan::bench(args = HANDS)]
fn gradient(bencher: Bencher, hand: &str) {
    let mut case = Case::new(hand);
    let (links, joints) = (case.hand.links.len(), case.hand.joints.len());
    let mut bars = vec![FramesBar::new(links); COUNT];
    let mut back = vec![PostureBar::new(joints); COUNT];
    let mut points = vec![Vector3::zeros(); COUNT * case.spots.len()];
    case.run(bencher, |case| {
        let (hand, frames, spots) = (&case.hand, &mut case.frames, &case.spots);
        hand.place_all(&case.postures, frames).unwrap();
        hand.points_all(frames, spots, &mut points).unwrap();
        hand.points_all_vjp(frames, spots, &points, &mut bars, &mut back)
            .unwrap();
    });
}

/// Jacobians of the pads, with frames that are there.
#[divan::bench(args = HANDS)]
fn jacobians(bencher: Bencher, hand: &str) {
    let mut case = Case::new(hand);
    let size = COUNT * case.spots.len() * (6 + case.hand.joints.len());
    let (mut moves, mut turns) = (vec![Vector3::zeros(); size], vec![Vector3::zeros(); size]);
    case.run(bencher, |case| {
        case.hand
            .jacobians_all(&case.frames, &case.spots, &mut moves, &mut turns)
            .unwrap();
    });
}
