//! Where the samples are: a box, and what stands in it.

use backflow_diff::Real;
use backflow_sim::{
    collider::{Probe, Shape, SignedDistance},
    pose::Pose,
};
use nalgebra::Vector3;

/// Where the samples are.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// Lower and upper corner (m).
    pub bounds: [[f64; 3]; 2],
    /// Acceleration of gravity (m/s^2).
    pub gravity: [f64; 3],
    /// What stands in it and does not move. Networks of kind `Pairs` feel it as they feel the walls; the
    /// others see the walls alone, and stop at it.
    pub obstacles: Vec<Obstacle<f64>>,
}

/// A solid that does not move: any shape of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle<T: Real> {
    /// Its solid.
    pub shape: Shape<T>,
    /// Where it stands.
    pub pose: Pose<T>,
}

impl Room {
    /// A box (m) in which nothing stands, with an acceleration of gravity (m/s^2).
    #[must_use]
    pub const fn plain(bounds: [[f64; 3]; 2], gravity: [f64; 3]) -> Self {
        Self {
            bounds,
            gravity,
            obstacles: Vec::new(),
        }
    }

    /// What stands in it, in another scalar.
    pub fn solids<T: Real>(&self) -> Vec<Obstacle<T>> {
        self.obstacles.iter().map(Obstacle::cast).collect()
    }
}

impl<T: Real> Obstacle<T> {
    /// The same in another scalar, without tangents.
    pub fn cast<U: Real>(&self) -> Obstacle<U> {
        let cast = |x: T| U::of(x.to_f64());
        Obstacle {
            shape: self.shape.cast(),
            pose: Pose {
                position: self.pose.position.map(cast),
                rotation: self.pose.rotation.map(cast),
            },
        }
    }

    /// Signed distance (m) of the point `x` (m), negative inside, and the normal there.
    pub fn probe(&self, x: &Vector3<T>) -> Probe<T> {
        let Probe { distance, normal } = self.shape.probe(&self.pose.inverse_apply(x));
        Probe {
            distance,
            normal: self.pose.rotation * normal,
        }
    }

    /// Cotangent of the point from those of distance and normal.
    pub fn probe_vjp(
        &self,
        x: &Vector3<T>,
        distance_bar: T,
        normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        let local = self.pose.rotation.tr_mul(normal_bar);
        let point = self.pose.inverse_apply(x);
        self.pose.rotation * self.shape.probe_vjp(&point, distance_bar, &local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_at, obstructed};

    #[test]
    fn adjoint_of_the_distance_is_the_transpose_of_the_tangent() {
        // Beside a face, beside an edge of it and inside.
        for x in [[0.1, 0.45, 0.6], [0.75, 0.9, 0.2], [0.5, 0.5, 0.52]] {
            check_at(
                &x,
                |x| {
                    let obstacle = obstructed().solids().remove(0);
                    let probe = obstacle.probe(&Vector3::from_column_slice(x));
                    let mut all = vec![probe.distance];
                    all.extend(probe.normal.iter());
                    all
                },
                |x, bar| {
                    let obstacle = &obstructed().obstacles[0];
                    let normal_bar = Vector3::from_column_slice(&bar[1..]);
                    let x = Vector3::from_column_slice(x);
                    obstacle
                        .probe_vjp(&x, bar[0], &normal_bar)
                        .as_slice()
                        .to_vec()
                },
            );
        }
    }
}
