//! Whether two solids overlap.

use nalgebra::Vector3;

use super::solid::{Form, Solid};
use crate::{
    grid::Lattice,
    particle::sample::{Bounds, Pattern, Region},
};

/// Boxes that a search looks at before it gives up; touching surfaces of a thousand by
/// a thousand cells take as many.
const EFFORT: usize = 4_000_000;

/// Parts of the overlap of two boxes along its longest edge, at most: overlaps that are
/// thinner are not looked for.
const PARTS: f64 = 512.0;

/// A point that lies in both solids, deeper than an eighth of a cell in each; thinner
/// overlaps are within the resolution of the grid.
///
/// Distances are `L`-Lipschitz: with `f = max(d_a, d_b)` at the centre of a box of half
/// diagonal `h`, no point of it is deeper than `L h - f`. Boxes are halved until that
/// says no or a point is found (branch and bound). Of a mesh the distance is not known,
/// and the points of a lattice in it are tried instead.
pub fn overlap(a: &Solid, b: &Solid, lattice: &Lattice<f64>) -> Option<Vector3<f64>> {
    let (of_a, of_b) = (a.bounds(), b.bounds());
    let (low, high) = (lattice.min(), lattice.max());
    let shared = Bounds {
        min: of_a.min.sup(&of_b.min).sup(&low),
        max: of_a.max.inf(&of_b.max).inf(&high),
    };
    let size = shared.max - shared.min;
    let depth = (lattice.dx / 8.0).max(size.max() / PARTS);
    if size.iter().any(|&size| size.is_nan() || size <= 0.0) {
        return None;
    }
    match (&a.form, &b.form) {
        (Form::Shape(_), Form::Shape(_)) => deep_point(a, b, &shared, depth),
        (Form::Mesh(_), _) => common_place(a, b, &shared, depth),
        (_, Form::Mesh(_)) => common_place(b, a, &shared, depth),
    }
}

/// Branch and bound on the distances of two shapes.
fn deep_point(a: &Solid, b: &Solid, shared: &Bounds, depth: f64) -> Option<Vector3<f64>> {
    let steepest = a.lipschitz().max(b.lipschitz());
    let mut boxes = vec![(shared.min, shared.max)];
    for _ in 0..EFFORT {
        let (min, max) = boxes.pop()?;
        let (centre, half) = ((min + max) * 0.5, (max - min).norm() * 0.5);
        let distance = |solid: &Solid| solid.distance(&centre).unwrap_or(f64::INFINITY);
        let farther = distance(a).max(distance(b));
        if farther <= -depth {
            return Some(centre);
        }
        // Boxes below a quarter of the depth are within it of being found.
        if farther <= steepest * half - depth && half > depth / 4.0 {
            let axis = (max - min).imax();
            let (mut lower, mut upper) = (max, min);
            lower[axis] = centre[axis];
            upper[axis] = centre[axis];
            boxes.push((min, lower));
            boxes.push((upper, max));
        }
    }
    None
}

/// A place of a lattice that is in both solids.
fn common_place(mesh: &Solid, other: &Solid, shared: &Bounds, depth: f64) -> Option<Vector3<f64>> {
    struct Both<'a>(&'a Solid, &'a Solid, Bounds, f64);

    impl Region for Both<'_> {
        fn bounds(&self) -> Bounds {
            self.2
        }

        fn contains(&self, point: &Vector3<f64>) -> bool {
            let within = match self.1.distance(point) {
                Some(distance) => distance <= -self.3,
                None => self.1.contains(point),
            };
            within && self.0.contains(point)
        }
    }

    /// Places along the longest edge of what the solids may share, at most.
    const PLACES: f64 = 48.0;

    let size = shared.max - shared.min;
    let cell = (4.0 * depth).max(size.max() / PLACES);
    let cells = [0, 1, 2].map(|axis| (size[axis] / cell).ceil() as usize);
    let raster = Lattice::over(shared.min, cells, cell);
    let both = Both(mesh, other, *shared, depth);
    Pattern::lattice(1).fill(&raster, &both).first().copied()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{meshes::Meshes, spec::Shape},
        *,
    };

    fn at(shape: Shape, position: [f64; 3], rotation: [f64; 3]) -> Solid {
        shape
            .placed(position, rotation, &Meshes::default())
            .unwrap()
    }

    fn lattice() -> Lattice<f64> {
        Lattice::over(Vector3::repeat(-1.0), [80; 3], 0.025)
    }

    #[test]
    fn solids_that_touch_do_not_overlap() {
        let cube = |x| {
            at(
                Shape::Box {
                    half: [0.1; 3],
                    rounding: 0.0,
                },
                [x, 0.0, 0.0],
                [0.0; 3],
            )
        };
        assert_eq!(overlap(&cube(0.0), &cube(0.2), &lattice()), None);
        let found = overlap(&cube(0.0), &cube(0.19), &lattice()).unwrap();
        assert!((0.09..0.1).contains(&found.x));
        let plane = at(Shape::Plane, [0.0, -0.1, 0.0], [0.0; 3]);
        assert_eq!(overlap(&cube(0.0), &plane, &lattice()), None);
        let turned = at(Shape::Plane, [0.0, -0.1, 0.0], [0.0, 0.0, 0.2]);
        assert!(overlap(&cube(0.0), &turned, &lattice()).is_some());
    }

    #[test]
    fn balls_overlap_where_their_centres_are_near() {
        let ball = |x| at(Shape::Sphere { radius: 0.1 }, [x, 0.0, 0.0], [0.0; 3]);
        for (x, overlaps) in [
            (0.0, true),
            (0.15, true),
            (0.19, true),
            (0.2, false),
            (0.3, false),
        ] {
            assert_eq!(
                overlap(&ball(0.0), &ball(x), &lattice()).is_some(),
                overlaps,
                "{x}"
            );
        }
    }

    #[test]
    fn thin_wall_through_a_body_is_seen() {
        // Thinner than the spacing of particles, so that none lies in it.
        let wall = at(
            Shape::Box {
                half: [0.004, 0.3, 0.3],
                rounding: 0.0,
            },
            [0.0; 3],
            [0.0; 3],
        );
        let ball = at(Shape::Sphere { radius: 0.1 }, [0.05, 0.0, 0.0], [0.0; 3]);
        assert!(overlap(&ball, &wall, &lattice()).is_some());
    }

    #[test]
    fn bounding_boxes_may_overlap_where_solids_do_not() {
        let pole = |x, angle| {
            at(
                Shape::Capsule {
                    radius: 0.02,
                    half_length: 0.4,
                },
                [x, 0.0, 0.0],
                [0.0, 0.0, angle],
            )
        };
        assert_eq!(overlap(&pole(0.0, 0.7), &pole(0.1, 0.7), &lattice()), None);
        assert!(overlap(&pole(0.0, 0.7), &pole(0.1, -0.7), &lattice()).is_some());
    }
}
