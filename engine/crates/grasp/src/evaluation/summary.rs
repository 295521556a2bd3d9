//! Verdicts in a few numbers.

use nalgebra::{DMatrix, Quaternion, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

use super::{Lost, Verdict};
use crate::set::{GraspEntry, GraspSet};

/// What the verdicts of many grasps come to; lengths in metres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Grasps that were tried.
    pub grasps: usize,
    /// Those that held.
    pub held: usize,
    /// Share that held (1).
    pub rate: f64,
    /// Bounds of that share by Wilson (1927) at 95 %.
    pub interval: [f64; 2],
    /// Shares that held and penetrate the object by less than 1, 2 and 5 mm.
    pub strict: [f64; 3],
    /// Grasps that were not simulated, since the hand starts in something.
    pub started_inside: usize,
    /// Mean depth of the hand in the object.
    pub penetration: f64,
    /// The largest.
    pub most_penetration: f64,
    /// Mean depth of the hand in itself.
    pub self_penetration: f64,
    /// The largest.
    pub most_self_penetration: f64,
    /// Mean depth of the hand in what stands about the object.
    #[serde(default)]
    pub around_penetration: f64,
    /// The largest.
    #[serde(default)]
    pub most_around_penetration: f64,
    /// Mean number of links that touch.
    pub touching_links: f64,
    /// Mean distance of the fingers from the object.
    pub contact_distance: f64,
    /// Mean of the largest less the least distance of a finger.
    pub contact_spread: f64,
    /// See [`diversity`]; of all grasps.
    pub diversity: Option<[f64; 5]>,
    /// The same of those that held.
    pub diversity_of_held: Option<[f64; 5]>,
}

/// Depths below which a grasp counts in [`Summary::strict`] (m).
pub const STRICT: [f64; 3] = [0.001, 0.002, 0.005];

/// Verdicts of grasps, with the set of each.
pub struct Tried<'a> {
    /// The set.
    pub set: &'a GraspSet,
    /// One verdict for each of its grasps, or for the first of them.
    pub verdicts: &'a [Verdict],
}

impl Summary {
    /// The summary of all grasps of some sets together.
    pub fn of(tried: &[Tried<'_>]) -> Self {
        let verdicts: Vec<&Verdict> = tried.iter().flat_map(|one| one.verdicts).collect();
        let count = verdicts.len();
        let share = |of: usize| of as f64 / count.max(1) as f64;
        let mean = |part: &dyn Fn(&Verdict) -> f64| {
            verdicts.iter().map(|verdict| part(verdict)).sum::<f64>() / count.max(1) as f64
        };
        let most = |part: &dyn Fn(&Verdict) -> f64| {
            verdicts
                .iter()
                .map(|verdict| part(verdict))
                .fold(0.0, f64::max)
        };
        let held = verdicts.iter().filter(|verdict| verdict.held).count();
        let rows = |held: bool| -> Vec<Vec<f64>> {
            tried
                .iter()
                .flat_map(|one| {
                    one.set
                        .grasps
                        .iter()
                        .zip(one.verdicts)
                        .map(move |(grasp, verdict)| (one.set, grasp, verdict))
                })
                .filter(|(_, _, verdict)| verdict.held || !held)
                .map(|(set, grasp, _)| features(grasp, &set.object.pose))
                .collect()
        };
        Self {
            grasps: count,
            held,
            rate: share(held),
            interval: wilson(held, count),
            strict: STRICT.map(|limit| {
                share(
                    verdicts
                        .iter()
                        .filter(|verdict| verdict.held && verdict.penetration < limit)
                        .count(),
                )
            }),
            started_inside: verdicts
                .iter()
                .filter(|verdict| verdict.lost == Some(Lost::StartsInside))
                .count(),
            penetration: mean(&|verdict| verdict.penetration),
            most_penetration: most(&|verdict| verdict.penetration),
            self_penetration: mean(&|verdict| verdict.self_penetration),
            most_self_penetration: most(&|verdict| verdict.self_penetration),
            around_penetration: mean(&|verdict| verdict.around_penetration),
            most_around_penetration: most(&|verdict| verdict.around_penetration),
            touching_links: mean(&|verdict| verdict.touching_links as f64),
            contact_distance: mean(&|verdict| verdict.contact_distance),
            contact_spread: mean(&|verdict| verdict.contact_spread),
            diversity: diversity(&rows(false)),
            diversity_of_held: diversity(&rows(true)),
        }
    }
}

/// Bounds of a share of which `count` trials gave `held`, by the score interval of Wilson (1927,
/// J. Am. Stat. Assoc. 22) at 95 %; everything if there was no trial.
pub fn wilson(held: usize, count: usize) -> [f64; 2] {
    if count == 0 {
        return [0.0, 1.0];
    }
    // The quantile of the normal distribution at 97.5 %.
    let z = 1.959_963_984_540_054;
    let (n, p) = (count as f64, held as f64 / count as f64);
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    [
        ((middle - half) / scale).max(0.0),
        ((middle + half) / scale).min(1.0),
    ]
}

/// Position (m) and rotation vector (rad) of the root in the frame of the object, then the
/// angles: what diversity is measured on.
pub(crate) fn features(grasp: &GraspEntry, object: &[f64; 7]) -> Vec<f64> {
    let [x, y, z, w, i, j, k] = *object;
    let back = UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k)).inverse();
    let [w, i, j, k] = grasp.quat;
    let root = UnitQuaternion::from_quaternion(Quaternion::new(w, i, j, k));
    let place = back * (Vector3::from(grasp.pos) - Vector3::new(x, y, z));
    let turn = (back * root).scaled_axis();
    place
        .iter()
        .chain(turn.iter())
        .chain(&grasp.grasp)
        .copied()
        .collect()
}

/// Shares of the variance (1) that the leading one, two, .. five principal components explain,
/// as DexGraspBench measures diversity: the lower, the more diverse. `None` for less than three
/// grasps, and for grasps of hands with different numbers of joints.
pub fn diversity(rows: &[Vec<f64>]) -> Option<[f64; 5]> {
    let (count, size) = (rows.len(), rows.first()?.len());
    if count < 3 || rows.iter().any(|row| row.len() != size) {
        return None;
    }
    let mean: Vec<f64> = (0..size)
        .map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / count as f64)
        .collect();
    let centred = DMatrix::from_fn(count, size, |row, i| rows[row][i] - mean[i]);
    let mut variances: Vec<f64> = centred.singular_values().iter().map(|s| s * s).collect();
    variances.sort_by(|a, b| b.total_cmp(a));
    let total = variances.iter().sum::<f64>().max(1e-30);
    let mut sum = 0.0;
    Some(std::array::from_fn(|index| {
        sum += variances.get(index).copied().unwrap_or(0.0);
        sum / total
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_a_share_are_those_of_wilson() {
        // 283 of 400: 66.1 % to 75.0 %.
        let [low, high] = wilson(283, 400);
        assert!(
            (low - 0.6611).abs() < 1e-4 && (high - 0.7499).abs() < 1e-4,
            "{low} {high}"
        );
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
        assert_eq!(wilson(0, 5)[0], 0.0);
        assert_eq!(wilson(5, 5)[1], 1.0);
    }

    #[test]
    fn diversity_does_not_depend_on_where_the_object_is() {
        let grasp = |x: f64, y: f64, angle: f64| GraspEntry {
            pos: [x, y, 0.0],
            quat: [1.0, 0.0, 0.0, 0.0],
            pregrasp: vec![angle],
            grasp: vec![angle],
            squeeze: vec![angle],
            pregrasp_pose: None,
            squeeze_pose: None,
            score: None,
        };
        let grasps = [
            grasp(0.1, 0.0, 0.2),
            grasp(-0.1, 0.3, 0.1),
            grasp(0.0, 0.1, -0.3),
            grasp(0.3, -0.2, 0.0),
        ];
        // Grasps turned and shifted along with the object.
        let turn = UnitQuaternion::from_euler_angles(0.3, -0.2, 1.1);
        let shift = Vector3::new(0.4, -0.7, 0.2);
        let q = [turn.w, turn.i, turn.j, turn.k];
        let moved: Vec<GraspEntry> = grasps
            .iter()
            .map(|grasp| {
                let place = turn * Vector3::from(grasp.pos) + shift;
                GraspEntry {
                    pos: place.into(),
                    quat: q,
                    ..grasp.clone()
                }
            })
            .collect();
        let here = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let there = [shift.x, shift.y, shift.z, q[0], q[1], q[2], q[3]];
        let of = |grasps: &[GraspEntry], pose: &[f64; 7]| {
            let rows: Vec<_> = grasps.iter().map(|grasp| features(grasp, pose)).collect();
            diversity(&rows).unwrap()
        };
        let (first, second) = (of(&grasps, &here), of(&moved, &there));
        assert!(first[0] < 0.99, "{first:?}");
        for (a, b) in first.iter().zip(second) {
            assert!((a - b).abs() < 1e-12, "{first:?} {second:?}");
        }
    }
}
