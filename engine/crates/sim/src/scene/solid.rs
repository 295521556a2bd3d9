//! Solids of a scene in the world: an analytic shape or a mesh, and where it is.

use std::sync::Arc;

use nalgebra::Vector3;

use super::{
    meshes::{MeshFile, Meshes, UnusableMesh},
    spec,
};
use crate::{
    collider::{Capsule, Cuboid, Cylinder, Plane, Shape, SignedDistance, Sphere, Torus},
    mesh::{MeshSolid, distance::Fineness},
    particle::sample::{Bounds, Region},
    pose::Pose,
};

/// A solid in the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Solid {
    /// Its form in its own frame.
    pub form: Form,
    /// Its placement in the world.
    pub pose: Pose<f64>,
}

/// The form of a solid in its own frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// By its signed distance.
    Shape(Shape<f64>),
    /// The inside of a mesh.
    Mesh(Arc<MeshSolid>),
}

impl spec::Shape {
    /// The shape as colliders and losses use it; `None` for a mesh.
    pub fn analytic(&self) -> Option<Shape<f64>> {
        match *self {
            Self::Sphere { radius } => Some(Shape::Sphere(Sphere { radius })),
            Self::Box { half, rounding } => Some(Shape::Cuboid(Cuboid {
                half_extents: half.into(),
                rounding,
            })),
            Self::Capsule {
                radius,
                half_length,
            } => Some(Shape::Capsule(Capsule {
                radius,
                half_length,
            })),
            Self::Cylinder {
                radius,
                half_height,
            } => Some(Shape::Cylinder(Cylinder {
                radius,
                half_height,
            })),
            Self::Torus { radius, tube } => Some(Shape::Torus(Torus { radius, tube })),
            Self::Plane => Some(Shape::Plane(Plane)),
            Self::Mesh { .. } | Self::Sheet { .. } => None,
        }
    }

    /// Its mesh, if it is of one.
    pub fn mesh(&self) -> Option<MeshFile<'_>> {
        match self {
            Self::Mesh {
                file,
                scale,
                stretch,
                ..
            }
            | Self::Sheet {
                file,
                scale,
                stretch,
                ..
            } => Some(MeshFile {
                file,
                scale: Vector3::from(*stretch) * *scale,
            }),
            _ => None,
        }
    }

    /// The distance of its farthest point from its origin (m); `None` where there is none or
    /// its mesh cannot be read.
    pub fn reach(&self, meshes: &Meshes) -> Option<f64> {
        match (self.mesh(), self) {
            (Some(mesh), Self::Sheet { thickness, .. }) => {
                Some(meshes.reach(&mesh)? + 0.5 * thickness)
            }
            (Some(mesh), _) => meshes.reach(&mesh),
            (None, _) => self.analytic()?.bounding_radius(),
        }
    }

    /// The shape by its signed distance, which of a mesh is sampled on a grid that reaches
    /// at least `margin` (m) beyond it.
    ///
    /// # Errors
    /// The mesh cannot be read, or has no signed distance.
    pub fn signed(&self, margin: f64, meshes: &Meshes) -> Result<Shape<f64>, UnusableMesh> {
        match (self.analytic(), self.mesh(), self) {
            (None, Some(mesh), &Self::Mesh { resolution, .. }) => {
                let fineness = Fineness { resolution, margin };
                Ok(Shape::Grid(meshes.grid(&mesh, &fineness)?))
            }
            (
                None,
                Some(mesh),
                &Self::Sheet {
                    resolution,
                    thickness,
                    ..
                },
            ) => {
                let fineness = Fineness { resolution, margin };
                Ok(Shape::Grid(meshes.sheet(&mesh, &fineness, thickness)?))
            }
            // Only meshes are not analytic.
            (shape, ..) => Ok(shape.unwrap_or(Shape::Plane(Plane))),
        }
    }

    /// The shape at a position (m), turned by a rotation vector (rad), to be filled: a mesh
    /// by its winding number.
    ///
    /// # Errors
    /// The mesh cannot be read or bounds nothing.
    pub fn placed(
        &self,
        position: [f64; 3],
        rotation: [f64; 3],
        meshes: &Meshes,
    ) -> Result<Solid, UnusableMesh> {
        let form = match (self.mesh(), self) {
            (Some(mesh), Self::Mesh { .. }) => Form::Mesh(meshes.solid(&mesh)?),
            _ => Form::Shape(self.signed(0.0, meshes)?),
        };
        Ok(Solid {
            form,
            pose: placement(position, rotation),
        })
    }
}

/// The pose at a position (m), turned by a rotation vector (rad).
pub fn placement(position: [f64; 3], rotation: [f64; 3]) -> Pose<f64> {
    Pose::from_rotation_vector(position.into(), &rotation.into())
}

impl Solid {
    /// Signed distance of a point from the surface (m); `None` for a mesh.
    pub fn distance(&self, point: &Vector3<f64>) -> Option<f64> {
        match &self.form {
            Form::Shape(shape) => Some(shape.probe(&self.pose.inverse_apply(point)).distance),
            Form::Mesh(_) => None,
        }
    }

    /// A bound of the change of [`Solid::distance`] over the way (1).
    pub fn lipschitz(&self) -> f64 {
        match &self.form {
            Form::Shape(shape) => shape.lipschitz(),
            Form::Mesh(_) => 1.0,
        }
    }

    /// Volume (m^3); `None` where it has no bound.
    pub fn volume(&self) -> Option<f64> {
        match &self.form {
            Form::Shape(shape) => shape.volume(),
            Form::Mesh(mesh) => Some(mesh.volume()),
        }
    }

    /// The distance of the farthest point from the origin of its frame (m); `None` where
    /// there is none.
    pub fn reach(&self) -> Option<f64> {
        match &self.form {
            Form::Shape(shape) => shape.bounding_radius(),
            Form::Mesh(solid) => Some(solid.mesh().reach()),
        }
    }

    /// How far it extends from the origin of its frame along a unit vector of that frame
    /// (m): its support function. Without bound for a half space, save straight up.
    fn support(&self, n: &Vector3<f64>) -> f64 {
        match &self.form {
            Form::Shape(Shape::Sphere(ball)) => ball.radius,
            Form::Shape(Shape::Cuboid(cuboid)) => {
                let core = cuboid.half_extents.add_scalar(-cuboid.rounding);
                core.dot(&n.abs()) + cuboid.rounding
            }
            Form::Shape(Shape::Capsule(capsule)) => {
                capsule.half_length * n.y.abs() + capsule.radius
            }
            Form::Shape(Shape::Cylinder(cylinder)) => {
                let across = n.x.hypot(n.z);
                cylinder.half_height * n.y.abs() + cylinder.radius * across
            }
            Form::Shape(Shape::Torus(torus)) => torus.radius * n.x.hypot(n.z) + torus.tube,
            // That of the box around it, which is no smaller.
            Form::Shape(Shape::Grid(grid)) => {
                let [min, max] = &grid.extent().bounds;
                (max + min).dot(n) * 0.5 + (max - min).dot(&n.abs()) * 0.5
            }
            Form::Shape(Shape::Plane(_)) if n.y == 1.0 => 0.0,
            Form::Shape(Shape::Plane(_)) => f64::INFINITY,
            Form::Mesh(mesh) => mesh.support(n),
        }
    }
}

impl Region for Solid {
    /// The smallest box along the axes of the world that holds it.
    fn bounds(&self) -> Bounds {
        let Pose { position, rotation } = &self.pose;
        let reach = |axis: usize, sign: f64| {
            let n = rotation.row(axis).transpose() * sign;
            sign * self.support(&n)
        };
        Bounds {
            min: position + Vector3::from_fn(|axis, _| reach(axis, -1.0)),
            max: position + Vector3::from_fn(|axis, _| reach(axis, 1.0)),
        }
    }

    fn contains(&self, point: &Vector3<f64>) -> bool {
        let point = self.pose.inverse_apply(point);
        match &self.form {
            Form::Shape(shape) => shape.contains(&point),
            Form::Mesh(mesh) => mesh.contains(&point),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_the_solid_and_no_more() {
        let shapes = [
            spec::Shape::Sphere { radius: 0.3 },
            spec::Shape::Box {
                half: [0.3, 0.2, 0.1],
                rounding: 0.0,
            },
            spec::Shape::Box {
                half: [0.3, 0.2, 0.15],
                rounding: 0.1,
            },
            spec::Shape::Capsule {
                radius: 0.1,
                half_length: 0.2,
            },
            spec::Shape::Cylinder {
                radius: 0.1,
                half_height: 0.3,
            },
            spec::Shape::Torus {
                radius: 0.3,
                tube: 0.1,
            },
        ];
        for shape in shapes {
            let solid = shape
                .placed([1.0, 2.0, 3.0], [0.4, -0.3, 0.9], &Meshes::default())
                .unwrap();
            let Bounds { min, max } = solid.bounds();
            // The distance of each face of the box from the solid, over a fine raster.
            let count = 80;
            for axis in 0..3 {
                for end in [min, max] {
                    let mut nearest = f64::INFINITY;
                    for (i, j) in (0..=count).flat_map(|i| (0..=count).map(move |j| (i, j))) {
                        let part = [f64::from(i), f64::from(j)].map(|n| n / f64::from(count));
                        let mut point = end;
                        for (other, part) in [(axis + 1) % 3, (axis + 2) % 3].into_iter().zip(part)
                        {
                            point[other] = min[other] + part * (max[other] - min[other]);
                        }
                        nearest = nearest.min(solid.distance(&point).unwrap());
                    }
                    // Raster 0.6 / 80 and a corner of slope 1 away from it.
                    assert!(
                        (-1e-12..0.01).contains(&nearest),
                        "{shape:?} {axis} {nearest}"
                    );
                }
            }
        }
    }

    #[test]
    fn half_space_is_bounded_on_its_open_side_alone() {
        let plane = spec::Shape::Plane
            .placed([0.0, 0.5, 0.0], [0.0; 3], &Meshes::default())
            .unwrap();
        let Bounds { min, max } = plane.bounds();
        assert_eq!(
            (max.y, max.x, min.y),
            (0.5, f64::INFINITY, f64::NEG_INFINITY)
        );
    }
}
