//! The end: gaps are closed and overlaps resolved by Newton's method.

use backflow_sim::collider::{Probe, SignedDistance};
use nalgebra::{DMatrix, DVector, Vector3};

use super::{
    clearance::SLACK,
    descend::{advance, slides},
    energy::{Stance, Workspace},
    overlap,
};
use crate::{hand::Hand, object::Object};

/// The place of a link that is nearest to the object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Distance (m), negative inside.
    pub gap: f64,
    /// The point of the link (m).
    pub point: Vector3<f64>,
    /// Outward normal of the object there.
    pub normal: Vector3<f64>,
}

/// What is nearest of the surface of a link; `None` if it has none, or if it is farther away
/// than `within` (m).
pub fn nearest(
    hand: &Hand,
    object: &Object,
    workspace: &Workspace<f64>,
    link: usize,
    within: f64,
) -> Option<Nearest> {
    let (part, frames) = (&hand.links[link], &workspace.frames);
    let around = frames.point(link, &part.bound.centre);
    let far: f64 = object.field.probe(&around).distance;
    if part.surface.is_empty() || far > SLACK * (part.bound.radius + within) {
        return None;
    }
    let mut best: Option<Nearest> = None;
    for ball in &part.surface {
        let away = (ball.centre - part.bound.centre).norm();
        if best.is_some_and(|best| far > SLACK * away + ball.radius + best.gap) {
            continue;
        }
        let centre = frames.point(link, &ball.centre);
        let Probe { distance, normal } = object.field.probe(&centre);
        let gap = distance - ball.radius;
        if best.is_none_or(|best| gap < best.gap) {
            best = Some(Nearest {
                gap,
                point: centre - normal * ball.radius,
                normal,
            });
        }
    }
    best.filter(|best| best.gap <= within)
}

/// Distance (m) that links other than tips keep from the object.
const KEEP: f64 = 0.001;
/// Distance (m) that links keep from one another.
const APART: f64 = 0.001;
/// Unit of distances (m) and of angles (rad) in the damping.
const UNITS: (f64, f64) = (0.001, 0.02);
/// Weight of the damping (1).
const DAMPING: f64 = 0.02;

/// Steps of Gauss and Newton, damped, on all gaps of the fingers and on the deepest overlap of
/// every link with the object and of every pair of links.
pub fn close(hand: &Hand, object: &Object, stance: &mut Stance<f64>, iterations: usize) {
    let mut workspace = Workspace::new(hand);
    let size = 6 + hand.motors.len();
    let mut columns = vec![Vector3::zeros(); 6 + hand.joints.len()];
    for _ in 0..iterations {
        workspace.place(hand, object, stance);
        let movers = hand.movers(&stance.motors);
        let mut matrix = DMatrix::<f64>::zeros(size, size);
        let mut right = DVector::<f64>::zeros(size);
        for index in 0..size {
            let way = index < 3 || index >= 6 && slides(hand, index - 6);
            let unit = if way { UNITS.0 } else { UNITS.1 };
            matrix[(index, index)] = DAMPING / (unit * unit);
        }
        let mut add = |row: &DVector<f64>, residual: f64| {
            let weight = 1.0 / (UNITS.0 * UNITS.0);
            matrix.ger(weight, row, row, 1.0);
            right.axpy(-weight * residual, row, 1.0);
        };
        let mut row_of = |link: usize, point: &Vector3<f64>, along: &Vector3<f64>| {
            hand.jacobian(&workspace.frames, link, point, &mut columns);
            DVector::from_fn(size, |index, _| {
                let column = if index < 6 {
                    index
                } else {
                    6 + movers[index - 6]
                };
                columns[column].dot(along)
            })
        };
        for link in 0..hand.links.len() {
            let tip = hand.fingers.iter().any(|finger| finger.link == link);
            let within = if tip { f64::INFINITY } else { KEEP };
            if let Some(at) = nearest(hand, object, &workspace, link, within) {
                let residual = if tip { at.gap } else { at.gap - KEEP };
                add(&row_of(link, &at.point, &at.normal), residual);
            }
        }
        let mut deepest: Vec<((usize, usize), [Vector3<f64>; 3], f64)> = Vec::new();
        overlap::visit(
            hand,
            &workspace.frames,
            APART,
            |pair, (p, q), normal, depth| match deepest.last_mut() {
                Some(last) if last.0 == pair => {
                    if depth > last.2 {
                        *last = (pair, [p, q, *normal], depth);
                    }
                }
                _ => deepest.push((pair, [p, q, *normal], depth)),
            },
        );
        for ((a, b), [p, q, normal], depth) in deepest {
            let row = row_of(a, &p, &normal) - row_of(b, &q, &normal);
            add(&row, -depth);
        }
        let Some(factor) = matrix.cholesky() else {
            return; // not finite: the stance is judged as it is
        };
        let step = factor.solve(&right);
        if !step.iter().all(|x| x.is_finite()) {
            return;
        }
        advance(hand, stance, step.as_slice());
        if step.rows(0, 3).norm() < 1e-6 && step.rows(3, size - 3).norm() < 1e-5 {
            return;
        }
    }
}
