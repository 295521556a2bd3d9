//! Batches against single postures, central differences and the transpose.

use nalgebra::{Matrix3, Rotation3};
use num_dual::Dual64;

use super::*;
use crate::{hand::library, testing::noise};

/// More than one part, the last one not full.
const COUNT: usize = TOGETHER + 3;

fn posture(hand: &Hand, seed: u64) -> Posture<f64> {
    let joints = hand.joints.iter().zip(0..).map(|(joint, index)| {
        let (low, high) = joint.range;
        low + (high - low) * (0.5 + 0.5 * noise(seed + 10 + index).x)
    });
    Posture {
        position: noise(seed + 1),
        rotation: Rotation3::from_scaled_axis(noise(seed) * 2.0).into_inner(),
        joints: joints.collect(),
    }
}

fn postures(hand: &Hand) -> Vec<Posture<f64>> {
    (0..COUNT as u64)
        .map(|index| posture(hand, 100 * index))
        .collect()
}

/// Two points of every link.
fn spots(hand: &Hand) -> Vec<Spot> {
    let points = (0..hand.links.len()).flat_map(|link| {
        let local = noise(7 + link as u64) * 0.05;
        [Spot::origin(link), Spot { link, local }]
    });
    points.collect()
}

/// A posture with one of its 6 + J numbers moved: root, its rotation vector, joints.
fn moved(at: &Posture<f64>, index: usize, by: f64) -> Posture<f64> {
    let mut at = at.clone();
    match index {
        0..3 => at.position[index] += by,
        3..6 => {
            let turn = Rotation3::from_scaled_axis(Vector3::ith(index - 3, by));
            at.rotation = turn.into_inner() * at.rotation;
        }
        _ => at.joints[index - 6] += by,
    }
    at
}

/// What turns one rotation into another, as a vector, for small turns: the sine of the angle, since
/// its cosine would lose half of the digits.
fn turn(from: &Matrix3<f64>, to: &Matrix3<f64>) -> Vector3<f64> {
    let turn = to * from.transpose();
    let odd = turn - turn.transpose();
    Vector3::new(odd[(2, 1)], odd[(0, 2)], odd[(1, 0)]) * 0.5
}

#[test]
fn jacobians_of_points_and_turns_are_what_central_differences_say() {
    for hand in library::all().unwrap() {
        let (postures, spots) = (postures(&hand), spots(&hand));
        let mut frames = vec![hand.frames(); COUNT];
        hand.place_all(&postures, &mut frames).unwrap();
        let columns = 6 + hand.joints.len();
        let size = COUNT * spots.len() * columns;
        let (mut moves, mut turns) = (vec![Vector3::zeros(); size], vec![Vector3::zeros(); size]);
        hand.jacobians_all(&frames, &spots, &mut moves, &mut turns)
            .unwrap();
        let step = 1e-5;
        let mut worst = 0.0_f64;
        for at in [0, TOGETHER - 1, TOGETHER, COUNT - 1] {
            for index in 0..columns {
                let [low, high] = [-step, step].map(|by| {
                    let mut frames = hand.frames();
                    hand.place(&moved(&postures[at], index, by), &mut frames);
                    frames
                });
                for (number, spot) in spots.iter().enumerate() {
                    let place = (at * spots.len() + number) * columns + index;
                    let [from, to] = [&low, &high].map(|at| at.point(spot.link, &spot.local));
                    let known = (to - from) / (2.0 * step);
                    worst = worst.max((known - moves[place]).norm() / known.norm().max(1.0));
                    let known = turn(&low.rotation[spot.link], &high.rotation[spot.link]);
                    let known = known / (2.0 * step);
                    worst = worst.max((known - turns[place]).norm() / known.norm().max(1.0));
                }
            }
        }
        // h^2 / 6 of a third derivative of at most 1, and rounding over the step.
        assert!(worst < 1e-9, "{}: {worst:e}", hand.spec.name);
    }
}

/// The postures with a tangent each: of the root, its rotation vector and the joints.
fn with_tangents(
    hand: &Hand,
    postures: &[Posture<f64>],
) -> (Vec<Posture<Dual64>>, Vec<PostureBar<f64>>) {
    let tangents: Vec<PostureBar<f64>> = (0..postures.len() as u64)
        .map(|index| PostureBar {
            position: noise(50 + index),
            rotation: noise(5000 + index),
            joints: (0..hand.joints.len() as u64)
                .map(|joint| noise(90 * index + joint).y)
                .collect(),
        })
        .collect();
    let pairs = postures.iter().zip(&tangents);
    let duals = pairs.map(|(at, tangent)| {
        let spin = tangent.rotation.cross_matrix() * at.rotation;
        let joints = at.joints.iter().zip(&tangent.joints);
        Posture {
            position: at.position.zip_map(&tangent.position, Dual64::new),
            rotation: at.rotation.zip_map(&spin, Dual64::new),
            joints: joints.map(|(&x, &v)| Dual64::new(x, v)).collect(),
        }
    });
    (duals.collect(), tangents)
}

fn dot(bar: &PostureBar<f64>, tangent: &PostureBar<f64>) -> f64 {
    let joints = bar.joints.iter().zip(&tangent.joints);
    bar.position.dot(&tangent.position)
        + bar.rotation.dot(&tangent.rotation)
        + joints.map(|(a, b)| a * b).sum::<f64>()
}

fn agree(forward: f64, backward: f64, what: &str) {
    assert!(forward.abs() > 1e-3, "{what}: {forward}");
    assert!(
        (forward - backward).abs() <= 1e-12 * (1.0 + forward.abs()),
        "{what}: {forward} {backward}"
    );
}

#[test]
fn vjps_of_points_and_of_poses_are_the_transpose() {
    for hand in library::all().unwrap() {
        let (postures, spots) = (postures(&hand), spots(&hand));
        let (lifted, tangents) = with_tangents(&hand, &postures);
        let mut frames = vec![hand.frames(); COUNT];
        let mut duals = vec![hand.frames::<Dual64>(); COUNT];
        hand.place_all(&postures, &mut frames).unwrap();
        hand.place_all(&lifted, &mut duals).unwrap();
        let mut bars = vec![FramesBar::new(hand.links.len()); COUNT];
        let mut back = vec![PostureBar::new(hand.joints.len()); COUNT];
        let pulled = |back: &[PostureBar<f64>]| -> f64 {
            let pairs = back.iter().zip(&tangents);
            pairs.map(|(bar, tangent)| dot(bar, tangent)).sum()
        };

        let mut points = vec![Vector3::zeros(); COUNT * spots.len()];
        hand.points_all(&duals, &spots, &mut points).unwrap();
        let weights: Vec<Vector3<f64>> = (0..points.len() as u64).map(noise).collect();
        let pairs = points.iter().zip(&weights);
        let forward: f64 = pairs.map(|(x, w)| x.map(|x| x.eps).dot(w)).sum();
        hand.points_all_vjp(&frames, &spots, &weights, &mut bars, &mut back)
            .unwrap();
        agree(forward, pulled(&back), &hand.spec.name);

        // Poses: origins and the entries of the rotations.
        let mut forward = 0.0;
        for (index, bar) in bars.iter_mut().enumerate() {
            bar.clear();
            for link in 0..hand.links.len() {
                let seed = (index * 100 + link) as u64 * 4;
                let origin = noise(seed);
                let entries = Matrix3::from_columns(&[1, 2, 3].map(|more| noise(seed + more)));
                let (found, dual) = (&frames[index], &duals[index]);
                bar.add(found, link, &found.position[link], &origin);
                bar.add_rotation(found, link, &entries);
                forward += dual.position[link].map(|x| x.eps).dot(&origin);
                forward += dual.rotation[link].map(|x| x.eps).dot(&entries);
            }
        }
        hand.place_all_vjp(&frames, &mut bars, &mut back).unwrap();
        agree(forward, pulled(&back), &hand.spec.name);
    }
}

#[test]
fn a_batch_is_its_postures_one_by_one_on_any_number_of_threads() {
    let hand = library::named("shadow").unwrap();
    let (postures, spots) = (postures(&hand), spots(&hand));
    let weights: Vec<Vector3<f64>> = (0..(COUNT * spots.len()) as u64).map(noise).collect();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let mut frames = vec![hand.frames(); COUNT];
            let mut bars = vec![FramesBar::new(hand.links.len()); COUNT];
            let mut back = vec![PostureBar::new(hand.joints.len()); COUNT];
            hand.place_all(&postures, &mut frames).unwrap();
            hand.points_all_vjp(&frames, &spots, &weights, &mut bars, &mut back)
                .unwrap();
            (frames, back)
        })
    };
    let (frames, back) = on(1);
    assert_eq!((&frames, &back), (&on(2).0, &on(3).1));
    for (posture, found) in postures.iter().zip(&frames) {
        let mut alone = hand.frames();
        hand.place(posture, &mut alone);
        assert_eq!(alone, *found);
    }
}

#[test]
fn buffers_that_do_not_fit_are_refused_by_name() {
    let (hand, other) = (
        library::named("allegro").unwrap(),
        library::named("shadow").unwrap(),
    );
    let postures = vec![posture(&hand, 0); 2];
    let says = |found: Result<(), GraspError>, words: &[&str]| {
        let text = found.unwrap_err().to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    let mut frames = vec![hand.frames(); 3];
    says(
        hand.place_all(&postures, &mut frames),
        &["frames", "3", "2"],
    );
    frames[1] = other.frames();
    says(
        hand.place_all(&postures, &mut frames[..2]),
        &["frames: links"],
    );
    says(
        other.place_all(&postures, &mut [other.frames(), other.frames()]),
        &["postures: joints", "16", "22"],
    );
    let spot = Spot::origin(hand.links.len());
    says(
        hand.points_all(&frames[..1], &[spot], &mut [Vector3::zeros()]),
        &["spots: link", "allegro"],
    );
    says(
        hand.points_all(&frames[..1], &[Spot::origin(0)], &mut []),
        &["points", "0", "1"],
    );
}
