//! What stands about an object: a table, walls, machines. The hand must not touch it.

use backflow_diff::Real;
use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::{
    GraspError,
    hand::{
        finite,
        shape::{Block, Segment, block, segments, sound},
        spec::ShapeSpec,
    },
};

/// All on one side of a plane: a table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfSpace {
    /// A point of the plane (m).
    pub point: [f64; 3],
    /// The way out of it, of any length.
    pub normal: [f64; 3],
}

/// Solids in the frame of an object (m), which hands are to leave alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SurroundingsSpec {
    /// Outward normals of planes that the object touches, wherever its surface ends: tables that
    /// objects of all sizes lie on. Not in sets, which have planes for them. Default: [].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<[f64; 3]>,
    /// Tables and walls without end. Default: [].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub planes: Vec<HalfSpace>,
    /// Balls, capsules, boxes and lofts, as links of hands have. Default: [].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<ShapeSpec>,
}

impl SurroundingsSpec {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.planes.is_empty() && self.shapes.is_empty()
    }
}

/// The same, ready for use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// Unit normal and what the plane is along it (m).
    planes: Vec<(Vector3<f64>, f64)>,
    segments: Vec<Segment>,
    blocks: Vec<Block>,
}

impl Surroundings {
    /// Of a description.
    ///
    /// # Errors
    /// A normal of no length, a shape of no size, numbers that are not finite; tables, which have to
    /// be planes first, see [`surround`](super::Object::surround).
    pub fn new(spec: &SurroundingsSpec) -> Result<Self, GraspError> {
        if !spec.tables.is_empty() {
            return Err(GraspError::Setting {
                field: "surroundings.tables",
                found: format!("{:?}", spec.tables),
                expected: "none here: planes say where they are",
            });
        }
        let mut planes = Vec::with_capacity(spec.planes.len());
        for (index, plane) in spec.planes.iter().enumerate() {
            let normal = finite(&plane.normal).and_then(|normal| normal.try_normalize(1e-12));
            let (Some(normal), Some(point)) = (normal, finite(&plane.point)) else {
                return Err(GraspError::Setting {
                    field: "surroundings.planes",
                    found: format!("{plane:?} at {index}"),
                    expected: "a point of finite numbers and a normal that has a length",
                });
            };
            planes.push((normal, normal.dot(&point)));
        }
        let mut shapes = spec.shapes.iter().enumerate();
        if let Some((index, wrong)) = shapes.find(|(_, shape)| !sound(shape)) {
            return Err(GraspError::Setting {
                field: "surroundings.shapes",
                found: format!("{wrong:?} at {index}"),
                expected: "shapes of finite numbers and positive sizes",
            });
        }
        Ok(Self {
            planes,
            segments: spec.shapes.iter().flat_map(segments).collect(),
            blocks: spec.shapes.iter().filter_map(block).collect(),
        })
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.planes.is_empty() && self.segments.is_empty() && self.blocks.is_empty()
    }

    /// Calls `each` with the distance (m) of a point from every solid, negative inside, and its
    /// gradient, the outward normal.
    pub fn visit<T: Real>(&self, point: &Vector3<T>, mut each: impl FnMut(T, Vector3<T>)) {
        for (normal, along) in &self.planes {
            let normal = normal.map(T::of);
            each(normal.dot(point) - T::of(*along), normal);
        }
        for segment in &self.segments {
            let (distance, normal) = segment.away(point);
            each(distance, normal);
        }
        for block in &self.blocks {
            let (distance, normal) = block.away(point);
            each(distance, normal);
        }
    }

    /// The distance (m) of a point from the nearest solid; infinite where there is none.
    pub fn distance(&self, point: &Vector3<f64>) -> f64 {
        let mut least = f64::INFINITY;
        self.visit(point, |distance, _| least = least.min(distance));
        least
    }
}

#[cfg(test)]
mod tests {
    use num_dual::Dual64;

    use super::*;
    use crate::testing::noise;

    fn some() -> Surroundings {
        let spec = SurroundingsSpec {
            planes: vec![HalfSpace {
                point: [0.0, 0.0, -0.03],
                normal: [0.2, 0.0, 2.0],
            }],
            shapes: vec![
                ShapeSpec::Sphere {
                    centre: [0.1, 0.0, 0.0],
                    radius: 0.03,
                },
                ShapeSpec::Capsule {
                    from: [0.0, 0.1, 0.0],
                    to: [0.05, 0.1, 0.05],
                    radius: 0.02,
                },
                ShapeSpec::Cuboid {
                    centre: [0.0, -0.1, 0.0],
                    half: [0.05, 0.03, 0.02],
                    rotation: [1.0, 0.3, -0.2, 0.1],
                },
            ],
            ..SurroundingsSpec::default()
        };
        Surroundings::new(&spec).unwrap()
    }

    #[test]
    fn normals_are_the_gradients_of_distances() {
        let around = some();
        for seed in 0..200 {
            let (point, way) = (noise(seed) * 0.2, noise(seed + 500));
            let mut found = Vec::new();
            around.visit(&point, |distance, normal| found.push((distance, normal)));
            let mut moved = Vec::new();
            around.visit(&point.zip_map(&way, Dual64::new), |distance, _| {
                moved.push(distance);
            });
            assert_eq!(found.len(), 4);
            for (index, ((distance, normal), moved)) in found.iter().zip(&moved).enumerate() {
                assert!((normal.norm() - 1.0).abs() < 1e-12);
                assert!((distance - moved.re).abs() < 1e-15);
                assert!((normal.dot(&way) - moved.eps).abs() < 1e-12, "{seed}");
                if *distance > 0.0 {
                    // What lies so much farther out along the normal is so much farther away.
                    let mut beyond = Vec::new();
                    around.visit(&(point + normal * 0.01), |distance, _| {
                        beyond.push(distance)
                    });
                    assert!((beyond[index] - distance - 0.01).abs() < 1e-12, "{seed}");
                }
            }
        }
        assert!((around.distance(&Vector3::new(0.1, 0.0, 0.0)) + 0.03).abs() < 1e-12);
        assert_eq!(
            Surroundings::default().distance(&Vector3::zeros()),
            f64::INFINITY
        );
    }

    #[test]
    fn surroundings_without_sense_are_refused() {
        let flat = SurroundingsSpec {
            planes: vec![HalfSpace {
                point: [0.0; 3],
                normal: [0.0; 3],
            }],
            ..SurroundingsSpec::default()
        };
        let said = Surroundings::new(&flat).unwrap_err().to_string();
        assert!(
            said.contains("surroundings.planes") && said.contains("normal"),
            "{said}"
        );
        let none = SurroundingsSpec {
            shapes: vec![ShapeSpec::Sphere {
                centre: [0.0; 3],
                radius: -1.0,
            }],
            ..SurroundingsSpec::default()
        };
        let said = Surroundings::new(&none).unwrap_err().to_string();
        assert!(said.contains("surroundings.shapes"), "{said}");
    }
}
