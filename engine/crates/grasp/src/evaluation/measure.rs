//! What is measured where nothing moves.

use mujoco_rs::wrappers::{mj_data::MjData, mj_model::MjModel};
use nalgebra::Vector3;

use super::{Protocol, scene::Scene};

/// Distances of a hand at rest; lengths in metres.
pub(super) struct Measure {
    pub penetration: f64,
    pub touching_links: usize,
    pub contact_distance: f64,
    pub contact_spread: f64,
}

/// Measures the hand where it is.
pub(super) fn measure(scene: &Scene, data: &mut MjData<&MjModel>, protocol: &Protocol) -> Measure {
    let distances = distances(scene, data, protocol.reach);
    let known = distances.iter().flatten();
    let mut fingers = vec![protocol.reach; scene.fingers];
    for (body, distance) in distances.iter().enumerate() {
        if let (Some(distance), Some(finger)) = (distance, scene.finger[body]) {
            fingers[finger] = fingers[finger].min(*distance);
        }
    }
    if fingers.is_empty() {
        fingers.push(protocol.reach);
    }
    let (least, most) = fingers
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &d| {
            (low.min(d), high.max(d))
        });
    Measure {
        penetration: known.clone().fold(0.0, |depth: f64, &d| depth.max(-d)),
        touching_links: known.filter(|d| d.abs() < protocol.touch).count(),
        contact_distance: fingers.iter().map(|d| d.max(0.0)).sum::<f64>() / fingers.len() as f64,
        contact_spread: most - least,
    }
}

/// Signed distance (m) of each body of the hand with shapes from the object, `reach` at most.
pub(super) fn distances(
    scene: &Scene,
    data: &mut MjData<&MjModel>,
    reach: f64,
) -> Vec<Option<f64>> {
    let mut distances: Vec<Option<f64>> = vec![None; scene.of_hand.len()];
    for &(geom, body) in &scene.hand_geoms {
        let mut best = reach;
        for &part in &scene.object_geoms {
            let places = data.geom_xpos();
            let apart = (Vector3::from(places[geom]) - Vector3::from(places[part])).norm();
            let bounds = scene.model.geom_rbound();
            if apart - bounds[geom] - bounds[part] < reach {
                best = best.min(data.geom_distance(geom, part, reach, None));
            }
        }
        let distance = distances[body].get_or_insert(reach);
        *distance = distance.min(best);
    }
    distances
}

/// Depth (m) of the hand in itself, among the pairs of shapes that may collide.
pub(super) fn self_penetration(scene: &Scene, data: &MjData<&MjModel>) -> f64 {
    let of_hand = |geom: i32| {
        usize::try_from(geom)
            .is_ok_and(|geom| scene.of_hand[scene.model.geom_bodyid()[geom] as usize])
    };
    data.contact()
        .iter()
        .filter(|contact| of_hand(contact.geom1) && of_hand(contact.geom2))
        .fold(0.0, |depth: f64, contact| depth.max(-contact.dist))
}
