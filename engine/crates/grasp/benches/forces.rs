//! The programme of the forces, sixteen at a time, and whole candidates, on one thread:
//! `cargo bench -p backflow-grasp --bench forces`. The figure that counts is items (programmes or candidates)
//! a second.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use backflow_diff::lanes::WIDTH;
use backflow_grasp::{
    force::{Batch, Contact, Limits, Rows, admm, loads},
    hand::library,
    object::{Fineness, Object},
    synthesis::{Settings, synthesize},
};
use backflow_sim::mesh::generate;
use divan::{Bencher, counter::ItemsCount};
use nalgebra::Vector3;

fn main() {
    divan::main();
}

/// Contacts of a hand on a ball, a little apart for each `phase` (rad).
fn contacts(count: usize, phase: f64) -> Vec<Contact<f64>> {
    (0..count)
        .map(|finger| {
            // The last is the thumb, opposite the others.
            let around = if finger + 1 == count {
                3.0
            } else {
                0.4 * finger as f64 - 0.6
            };
            let (angle, height) = (around + phase, 0.3 * (finger as f64 + phase).sin());
            let outward = Vector3::new(angle.cos(), angle.sin(), height).normalize();
            Contact::new(outward * 0.6, &-outward)
        })
        .collect()
}

/// Programmes of hands of five and of four fingers.
const FINGERS: [usize; 2] = [5, 4];

fn rows(count: usize) -> Rows {
    let sums = [((0..count).collect(), 1.0), (vec![count - 1], 0.5)];
    Rows::new(count, &Limits::of(&sums))
}

fn set(batch: &mut Batch<f32>, count: usize, phase: f64) {
    for lane in 0..WIDTH {
        batch.set_contacts(lane, &contacts(count, phase + 0.05 * (lane / 6) as f64));
        batch.set_load(lane, &loads()[lane % 6]);
    }
}

/// From the forces of contacts that were 1 % of the ball's radius away.
#[divan::bench(args = FINGERS)]
fn warm(bencher: Bencher, count: usize) {
    let rows = rows(count);
    let mut batch = Batch::<f32>::new(&rows);
    set(&mut batch, count, 0.0);
    batch.solve(&rows, &admm::Settings::default());
    let mut phase = 0.0;
    bencher.counter(ItemsCount::new(WIDTH)).bench_local(|| {
        phase = 0.01 - phase;
        set(&mut batch, count, phase);
        batch.solve(&rows, &admm::Settings::default())
    });
}

#[divan::bench(args = FINGERS)]
fn cold(bencher: Bencher, count: usize) {
    let rows = rows(count);
    let mut batch = Batch::<f32>::new(&rows);
    set(&mut batch, count, 0.0);
    bencher.counter(ItemsCount::new(WIDTH)).bench_local(|| {
        batch.reset();
        batch.solve(&rows, &admm::Settings::default())
    });
}

/// Eight candidates of a cup 7 cm wide, from their starts to their scores.
#[divan::bench(args = ["shadow", "allegro", "leap"], sample_count = 5)]
fn candidates(bencher: Bencher, hand: &str) {
    let hand = library::named(hand).unwrap();
    let cup = generate::cup(0.035, 0.09, 0.006, 32);
    let object = Object::of_mesh("cup", cup, &Fineness::default()).unwrap();
    let settings = Settings {
        candidates: 1,
        ..Settings::default()
    };
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    bencher
        .counter(ItemsCount::new(8_usize))
        .bench_local(|| one.install(|| synthesize(&hand, &object, 8, &settings).unwrap()));
}
