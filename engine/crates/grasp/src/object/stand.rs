//! An object among what stands about it: tables that it lies on, and nothing that it is in.

use nalgebra::Vector3;

use super::{
    Object,
    distance::distance,
    surroundings::{HalfSpace, Surroundings, SurroundingsSpec},
};
use crate::{
    GraspError,
    hand::{finite, shape::balls},
};

/// How deep an object may be in what stands about it (m), since files are not exact.
const DEEPEST: f64 = 0.001;

impl Object {
    /// Puts something about the object. What it is, as sets record it, comes back: each table is the
    /// plane on which the object lies.
    ///
    /// # Errors
    /// Surroundings that make no sense, or that the object is more than 1 mm in.
    pub fn surround(&mut self, spec: &SurroundingsSpec) -> Result<SurroundingsSpec, GraspError> {
        let mut planes = spec.planes.clone();
        for (index, normal) in spec.tables.iter().enumerate() {
            planes.push(self.table(normal).ok_or_else(|| GraspError::Setting {
                field: "surroundings.tables",
                found: format!("{normal:?} at {index}"),
                expected: "a normal of finite numbers that has a length",
            })?);
        }
        let there = SurroundingsSpec {
            tables: Vec::new(),
            planes,
            shapes: spec.shapes.clone(),
        };
        let surroundings = Surroundings::new(&there)?;
        self.check_stand(&there)?;
        self.surroundings = surroundings;
        Ok(there)
    }

    fn vertices(&self) -> impl Iterator<Item = &Vector3<f64>> {
        self.pieces.iter().flat_map(|piece| &piece.vertices)
    }

    /// The plane with this outward normal that the object touches; `None` for a normal of no length.
    fn table(&self, normal: &[f64; 3]) -> Option<HalfSpace> {
        let normal = finite(normal)?.try_normalize(1e-12)?;
        let lowest = self
            .vertices()
            .map(|vertex| normal.dot(vertex))
            .fold(f64::INFINITY, f64::min);
        Some(HalfSpace {
            point: (normal * lowest).into(),
            normal: normal.into(),
        })
    }

    /// Whether the object stands free of all solids.
    fn check_stand(&self, spec: &SurroundingsSpec) -> Result<(), GraspError> {
        let fault = |depth: f64, which: String| GraspError::Object {
            object: self.name.clone(),
            field: "surroundings",
            found: format!("{:.1} mm in it with {which}", 1e3 * depth),
            expected: "solids about it that overlap it by 1 mm at most",
        };
        for (index, plane) in spec.planes.iter().enumerate() {
            let alone = Surroundings::new(&SurroundingsSpec {
                planes: vec![*plane],
                ..SurroundingsSpec::default()
            })?;
            let depth = self.depth_of_vertices(&alone);
            if depth > DEEPEST {
                return Err(fault(depth, format!("planes[{index}]")));
            }
        }
        for (index, shape) in spec.shapes.iter().enumerate() {
            let alone = Surroundings::new(&SurroundingsSpec {
                shapes: vec![shape.clone()],
                ..SurroundingsSpec::default()
            })?;
            // Corners of the object in the shape, and what stands for the shape in the object.
            let depth = balls(shape)
                .iter()
                .filter(|ball| self.floor.at(&ball.centre) < ball.radius)
                .map(|ball| ball.radius - distance(&self.field, &ball.centre))
                .fold(self.depth_of_vertices(&alone), f64::max);
            if depth > DEEPEST {
                return Err(fault(depth, format!("shapes[{index}]")));
            }
        }
        Ok(())
    }

    fn depth_of_vertices(&self, among: &Surroundings) -> f64 {
        self.vertices()
            .map(|vertex| -among.distance(vertex))
            .fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hand::spec::ShapeSpec, testing::ball};

    #[test]
    fn a_table_is_where_the_object_ends_whatever_its_size() {
        for radius in [0.02, 0.05] {
            let mut object = ball(radius);
            let spec = SurroundingsSpec {
                tables: vec![[0.0, 0.0, 2.0]],
                ..SurroundingsSpec::default()
            };
            let there = object.surround(&spec).unwrap();
            assert!(there.tables.is_empty());
            assert_eq!(there.planes[0].normal, [0.0, 0.0, 1.0]);
            assert!((there.planes[0].point[2] + radius).abs() < 1e-12);
            // What is recorded is what is there.
            let above = Vector3::new(0.3, 0.1, 0.2 - radius);
            assert!((object.surroundings.distance(&above) - 0.2).abs() < 1e-12);
            assert_eq!(object.surroundings, Surroundings::new(&there).unwrap());
        }
    }

    #[test]
    fn surroundings_that_the_object_is_in_are_refused_by_name() {
        let sphere = |x: f64| SurroundingsSpec {
            shapes: vec![ShapeSpec::Sphere {
                centre: [x, 0.0, 0.0],
                radius: 0.01,
            }],
            ..SurroundingsSpec::default()
        };
        let plane = |z: f64| SurroundingsSpec {
            planes: vec![HalfSpace {
                point: [0.0, 0.0, z],
                normal: [0.0, 0.0, 1.0],
            }],
            ..SurroundingsSpec::default()
        };
        let mut object = ball(0.03);
        object.surround(&sphere(0.0405)).unwrap();
        object.surround(&plane(-0.0295)).unwrap();
        let kept = object.surroundings.clone();
        let mut says = |spec: &SurroundingsSpec, words: &[&str]| {
            let said = object.surround(spec).unwrap_err().to_string();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
            assert_eq!(object.surroundings, kept);
        };
        says(&sphere(0.037), &["surroundings", "shapes[0]", "3.0 mm"]);
        // Wholly inside: no corner of the object is in it.
        says(&sphere(0.0), &["shapes[0]"]);
        says(&plane(-0.02), &["planes[0]", "10.0 mm"]);
        says(
            &SurroundingsSpec {
                tables: vec![[0.0; 3]],
                ..SurroundingsSpec::default()
            },
            &["surroundings.tables", "a normal"],
        );
    }
}
