//! Which candidates are kept: good ones that are unlike one another.

use nalgebra::Rotation3;

use super::Grasp;

/// Angle between two hands (rad) at which they hardly count as alike.
const ALIKE: f64 = 0.7;

/// The `count` grasps that are chosen one after another, each with the least
/// `score + diversity sum_j exp(-(angle to j / 0.7)^2)` over those `j` that are chosen already;
/// the best score first. Of equals the one that started first.
pub fn choose(mut grasps: Vec<Grasp>, count: usize, diversity: f64) -> Vec<Grasp> {
    let by_score = |a: &Grasp, b: &Grasp| {
        let order = a.score.total.total_cmp(&b.score.total);
        order.then(a.index.cmp(&b.index))
    };
    grasps.sort_by(by_score);
    if diversity == 0.0 || grasps.len() <= count {
        grasps.truncate(count);
        return grasps;
    }
    let mut left: Vec<(f64, Grasp)> = grasps
        .into_iter()
        .map(|grasp| (grasp.score.total, grasp))
        .collect();
    let mut chosen: Vec<Grasp> = Vec::with_capacity(count);
    while chosen.len() < count && !left.is_empty() {
        let mut least = 0;
        for (index, (cost, _)) in left.iter().enumerate() {
            if *cost < left[least].0 {
                least = index;
            }
        }
        // Keeps the order of the others, so that ties are broken as said.
        let (_, next) = left.remove(least);
        for (cost, grasp) in &mut left {
            let turn = grasp.stance.rotation * next.stance.rotation.transpose();
            let angle = Rotation3::from_matrix_unchecked(turn).angle();
            *cost += diversity * (-(angle / ALIKE).powi(2)).exp();
        }
        chosen.push(next);
    }
    chosen.sort_by(by_score);
    chosen
}
