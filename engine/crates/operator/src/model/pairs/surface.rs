//! What samples touch: walls of the room and what stands in it, as one.

use backflow_diff::Real;
use backflow_sim::collider::Probe;
use nalgebra::Vector3;

use crate::model::{Obstacle, Room};

/// A surface that samples touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// The wall of the room on a side of an axis: 0 below, 1 above.
    Wall {
        /// Axis that it is square to.
        axis: usize,
        /// Which of the two.
        side: usize,
    },
    /// An obstacle, by its number.
    Obstacle(usize),
}

/// All surfaces of a room.
pub(super) struct Surfaces<'a, T: Real> {
    room: &'a Room,
    solids: Vec<Obstacle<T>>,
    /// Direction of gravity (1), zero without.
    down: Vector3<T>,
}

fn sign<T: Real>(side: usize) -> T {
    if side == 0 { T::one() } else { -T::one() }
}

impl<'a, T: Real> Surfaces<'a, T> {
    /// Those of a room.
    pub fn of(room: &'a Room) -> Self {
        let size = room.gravity.iter().map(|g| g * g).sum::<f64>().sqrt();
        let along = |g: f64| if size > 0.0 { g / size } else { 0.0 };
        Self {
            room,
            solids: room.solids(),
            down: Vector3::from(room.gravity).map(|g| T::of(along(g))),
        }
    }

    /// The walls, then the obstacles.
    pub fn iter(&self) -> impl Iterator<Item = Surface> + use<T> {
        let walls = (0..6).map(|at| Surface::Wall {
            axis: at / 2,
            side: at % 2,
        });
        walls.chain((0..self.solids.len()).map(Surface::Obstacle))
    }

    /// Distance (m) of a point, negative behind the surface, and the normal there, towards where matter may be.
    pub fn probe(&self, surface: Surface, x: &Vector3<T>) -> Probe<T> {
        match surface {
            Surface::Wall { axis, side } => {
                let mut normal = Vector3::zeros();
                normal[axis] = sign(side);
                Probe {
                    distance: (x[axis] - T::of(self.room.bounds[side][axis])) * sign(side),
                    normal,
                }
            }
            Surface::Obstacle(index) => self.solids[index].probe(x),
        }
    }

    /// Cotangent of the point from those of distance and normal.
    pub fn probe_vjp(
        &self,
        surface: Surface,
        x: &Vector3<T>,
        distance_bar: T,
        normal_bar: &Vector3<T>,
    ) -> Vector3<T> {
        match surface {
            Surface::Wall { axis, side } => {
                let mut bar = Vector3::zeros();
                bar[axis] = distance_bar * sign(side);
                bar
            }
            Surface::Obstacle(index) => self.solids[index].probe_vjp(x, distance_bar, normal_bar),
        }
    }

    /// Component of gravity into a surface of this normal (1).
    pub fn downward(&self, normal: &Vector3<T>) -> T {
        -normal.dot(&self.down)
    }

    /// Cotangent of the normal from that of the component.
    pub fn downward_vjp(&self, bar: T) -> Vector3<T> {
        -(self.down * bar)
    }
}
