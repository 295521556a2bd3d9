//! Fingers, pads and palm of a hand whose file does not name them.

use nalgebra::Vector3;

use crate::hand::{
    kinematics::Posture,
    spec::{FingerSpec, HandSpec, LinkSpec, PalmSpec, ShapeSpec},
};

/// Fingers that a hand may have.
const MOST: usize = crate::force::CONTACTS;
/// How far from the roots of the fingers towards their pads the palm is supposed to be (1).
const ALONG: f64 = 0.4;
/// How far in front of that an object should be (m).
const AHEAD: f64 = 0.03;

/// Fingers: the outermost links with shapes at the ends of chains with joints; the pad is a ball
/// in the outermost shape.
pub(super) fn fingers(links: &[LinkSpec]) -> Vec<FingerSpec> {
    let parent = parents(links);
    let moves = |mut link: usize| loop {
        if links[link].joint.is_some() {
            return true;
        }
        match parent[link] {
            Some(above) => link = above,
            None => return false,
        }
    };
    // A link is an end if no link further out has shapes.
    let mut carries = vec![false; links.len()];
    for link in (0..links.len()).rev() {
        if (carries[link] || !links[link].shapes.is_empty())
            && let Some(above) = parent[link]
        {
            carries[above] = true;
        }
    }
    (0..links.len())
        .filter(|&link| !carries[link] && !links[link].shapes.is_empty() && moves(link))
        .filter_map(|link| {
            let (pad, radius) = pad(&links[link])?;
            Some(FingerSpec {
                name: links[link].name.clone(),
                link: links[link].name.clone(),
                pad,
                radius,
            })
        })
        .take(MOST)
        .collect()
}

/// The ball at the far end of a link (m).
fn pad(link: &LinkSpec) -> Option<([f64; 3], f64)> {
    let end = |shape: &ShapeSpec| match shape {
        ShapeSpec::Sphere { centre, radius } => Some((Vector3::from(*centre), *radius)),
        ShapeSpec::Capsule { from, to, radius } => {
            let (from, to) = (Vector3::from(*from), Vector3::from(*to));
            Some((if from.norm() > to.norm() { from } else { to }, *radius))
        }
        ShapeSpec::Cuboid {
            centre,
            half,
            rotation,
        } => {
            let turn = crate::hand::turn(rotation)?;
            let radius = half.iter().copied().fold(f64::INFINITY, f64::min);
            let centre = Vector3::from(*centre);
            // Along the longest edge, away from the origin of the link.
            let longest = (0..3).fold(0, |best, i| if half[i] > half[best] { i } else { best });
            let way = turn.column(longest) * (half[longest] - radius);
            let ends = [centre + way, centre - way];
            Some((
                if ends[0].norm() > ends[1].norm() {
                    ends[0]
                } else {
                    ends[1]
                },
                radius,
            ))
        }
        ShapeSpec::Loft { .. } => {
            let points = crate::hand::shape::surface(shape);
            let far = points.iter().map(|ball| ball.centre);
            far.max_by(|a, b| a.norm().total_cmp(&b.norm()))
                .map(|far| (far, 0.005))
        }
    };
    let ends = link.shapes.iter().filter_map(end);
    ends.max_by(|a, b| (a.0.norm() + a.1).total_cmp(&(b.0.norm() + b.1)))
        .map(|(centre, radius)| (centre.into(), radius))
}

/// The palm: fingers close towards where their pads move when all joints go to the middle of
/// their ranges.
pub(super) fn palm(spec: &HandSpec) -> PalmSpec {
    let open = pads(spec, |range| 0.0_f64.clamp(range.0, range.1));
    let half = pads(spec, |range| 0.5 * (range.0 + range.1));
    let mean =
        |points: &[Vector3<f64>]| points.iter().sum::<Vector3<f64>>() / points.len().max(1) as f64;
    let (root, tips) = (mean(&roots(spec)), mean(&open));
    let outwards = (tips - root).try_normalize(1e-9);
    let motion = mean(&half) - tips;
    let across = outwards.map_or(motion, |out| motion - out * motion.dot(&out));
    let approach = across
        .try_normalize(1e-3)
        .or(outwards)
        .unwrap_or_else(Vector3::z);
    let reach = (tips - root).norm();
    let centre = match outwards {
        Some(out) => root + out * (ALONG * reach) + approach * AHEAD,
        None => root,
    };
    PalmSpec {
        centre: centre.into(),
        approach: approach.into(),
    }
}

/// Centres of the pads (m) where each joint is at `at` of its range.
fn pads(spec: &HandSpec, at: impl Fn((f64, f64)) -> f64) -> Vec<Vector3<f64>> {
    let Ok(hand) = crate::Hand::new(spec.clone()) else {
        return Vec::new();
    };
    let mut frames = hand.frames();
    let posture = Posture {
        position: Vector3::zeros(),
        rotation: nalgebra::Matrix3::identity(),
        joints: hand.joints.iter().map(|joint| at(joint.range)).collect(),
    };
    hand.place(&posture, &mut frames);
    hand.fingers
        .iter()
        .map(|finger| frames.point(finger.link, &finger.pad.centre))
        .collect()
}

/// Where the chains of the fingers start (m).
fn roots(spec: &HandSpec) -> Vec<Vector3<f64>> {
    let Ok(hand) = crate::Hand::new(spec.clone()) else {
        return Vec::new();
    };
    let mut frames = hand.frames();
    let posture = Posture {
        position: Vector3::zeros(),
        rotation: nalgebra::Matrix3::identity(),
        joints: hand
            .joints
            .iter()
            .map(|joint| 0.0_f64.clamp(joint.range.0, joint.range.1))
            .collect(),
    };
    hand.place(&posture, &mut frames);
    let inner = hand.fingers.iter().filter_map(|finger| finger.links.last());
    inner.map(|&link| frames.position[link]).collect()
}

/// Indices of the parents.
fn parents(links: &[LinkSpec]) -> Vec<Option<usize>> {
    links
        .iter()
        .map(|link| {
            let name = link.parent.as_ref()?;
            links.iter().position(|other| other.name == *name)
        })
        .collect()
}
