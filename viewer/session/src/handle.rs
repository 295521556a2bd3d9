//! Handles that something is dragged by: along an axis, or around it.

use nalgebra::{Rotation3, Unit, Vector3};

use crate::pose::Posed;

/// A ray from the eye through a place of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ray {
    /// Where it starts (m).
    pub origin: Vector3<f64>,
    /// Where it goes, a unit vector.
    pub direction: Vector3<f64>,
}

/// What is held, by the index of its axis in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handle {
    /// The arrow along an axis: it shifts.
    Arrow(usize),
    /// The ring about an axis: it turns.
    Ring(usize),
}

/// The unit vector of an axis of the world.
pub fn axis(index: usize) -> Vector3<f64> {
    let mut axis = Vector3::zeros();
    axis[index % 3] = 1.0;
    axis
}

impl Handle {
    /// All handles.
    pub const ALL: [Self; 6] = [
        Self::Arrow(0),
        Self::Arrow(1),
        Self::Arrow(2),
        Self::Ring(0),
        Self::Ring(1),
        Self::Ring(2),
    ];

    /// Points of what is drawn of it around a centre, of a size (m), in order.
    pub fn outline(self, centre: &Vector3<f64>, size: f64) -> Vec<Vector3<f64>> {
        const POINTS: usize = 48;
        match self {
            Self::Arrow(index) => vec![*centre, centre + axis(index) * size],
            Self::Ring(index) => (0..=POINTS)
                .map(|n| {
                    let (sin, cos) = (std::f64::consts::TAU * n as f64 / POINTS as f64).sin_cos();
                    let around = axis(index + 1) * cos + axis(index + 2) * sin;
                    centre + around * (0.8 * size)
                })
                .collect(),
        }
    }

    /// How far along its arrow (m), or around its ring (rad), a ray points; `None` where the ray
    /// runs along them.
    pub fn place(self, ray: &Ray, centre: &Vector3<f64>) -> Option<f64> {
        let to = ray.origin - centre;
        match self {
            Self::Arrow(index) => {
                // The point of the line c + s a that is nearest to the ray o + t d.
                let along = axis(index);
                let lean = along.dot(&ray.direction);
                let square = 1.0 - lean * lean;
                let s = along.dot(&to) - lean * ray.direction.dot(&to);
                (square > 1e-4).then(|| s / square)
            }
            Self::Ring(index) => {
                let across = ray.direction[index];
                if across.abs() < 1e-2 {
                    return None;
                }
                let at = to - ray.direction * (to[index] / across);
                Some(at[(index + 2) % 3].atan2(at[(index + 1) % 3]))
            }
        }
    }

    /// What was held, after a drag from one place of the handle to another.
    pub fn dragged(self, from: &Posed, by: f64) -> Posed {
        let mut to = from.clone();
        match self {
            Self::Arrow(index) => to.position += axis(index) * by,
            Self::Ring(index) => {
                let about = Unit::new_unchecked(axis(index));
                to.rotation = Rotation3::from_axis_angle(&about, by) * from.rotation;
            }
        }
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn towards(point: Vector3<f64>) -> Ray {
        let origin = Vector3::new(2.0, 1.5, 3.0);
        Ray {
            origin,
            direction: (point - origin).normalize(),
        }
    }

    #[test]
    fn a_ray_at_a_handle_tells_its_place_on_it() {
        let centre = Vector3::new(0.1, 0.2, 0.3);
        for index in 0..3 {
            let arrow = Handle::Arrow(index);
            let place = arrow.place(&towards(centre + axis(index) * 0.4), &centre);
            assert!((place.unwrap() - 0.4).abs() < 1e-12, "{place:?}");
            for (n, point) in Handle::Ring(index).outline(&centre, 1.0).iter().enumerate() {
                let place = Handle::Ring(index)
                    .place(&towards(*point), &centre)
                    .unwrap();
                let off = (place - std::f64::consts::TAU * n as f64 / 48.0) / std::f64::consts::TAU;
                assert!((off - off.round()).abs() < 1e-9, "{index} {n}: {place}");
            }
        }
        let along = Ray {
            origin: Vector3::new(0.1, 0.2, 3.0),
            direction: -axis(2),
        };
        assert_eq!(Handle::Arrow(2).place(&along, &centre), None);
        assert_eq!(Handle::Ring(0).place(&along, &centre), None);
    }

    #[test]
    fn a_drag_shifts_or_turns_about_the_axis_of_the_world() {
        let posed = Posed {
            path: "bodies[0]".to_owned(),
            name: "body".to_owned(),
            position: Vector3::new(1.0, 2.0, 3.0),
            rotation: Rotation3::new(Vector3::new(0.3, 0.0, 0.0)),
        };
        let shifted = Handle::Arrow(1).dragged(&posed, -0.5);
        assert_eq!(shifted.position, Vector3::new(1.0, 1.5, 3.0));
        let turned = Handle::Ring(2).dragged(&posed, 0.4);
        assert_eq!(turned.position, posed.position);
        let expected = Rotation3::new(Vector3::new(0.0, 0.0, 0.4)) * posed.rotation;
        assert!(turned.rotation.angle_to(&expected) < 1e-12);
    }
}
