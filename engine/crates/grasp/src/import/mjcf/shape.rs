//! Shapes of bodies.

use std::path::Path;

use backflow_sim::mesh;
use mjcf_rs::body::{Geom, GeomType};
use nalgebra::{Isometry3, Point3, UnitQuaternion, Vector3};

use super::{Reader, isometry};
use crate::{
    GraspError,
    hand::spec::ShapeSpec,
    import::{fault, fit},
};

/// Density (kg/m^3) of geoms that give none: MuJoCo's.
const DENSITY: f64 = 1000.0;

impl Reader<'_> {
    /// Shapes of a body that collide, and the mass (kg) of all of its geoms.
    pub(super) fn shapes(
        &mut self,
        id: usize,
        body: &str,
    ) -> Result<(Vec<ShapeSpec>, f64), GraspError> {
        let mut shapes = Vec::new();
        let mut mass = 0.0;
        for (index, geom) in self.model.bodies[id].body.geoms.iter().enumerate() {
            let name = geom
                .name
                .clone()
                .unwrap_or_else(|| format!("number {index} of body {body}"));
            let collides = geom.contype != 0 || geom.conaffinity != 0;
            if !collides && geom.mass.is_none() {
                continue;
            }
            let shape = self.shape(geom, &name)?;
            let volume = shape.as_ref().map_or(0.0, fit::volume);
            mass += geom
                .mass
                .unwrap_or_else(|| geom.density.unwrap_or(DENSITY) * volume);
            if collides {
                shapes.extend(shape);
            }
        }
        Ok((shapes, mass))
    }

    fn shape(&mut self, geom: &Geom, name: &str) -> Result<Option<ShapeSpec>, GraspError> {
        let [a, b, c] = geom.size;
        let (frame, half) = match geom.fromto {
            None => (isometry(&geom.pose), b),
            Some([x, y, z, u, v, w]) => {
                let (from, to) = (Vector3::new(x, y, z), Vector3::new(u, v, w));
                let turn = UnitQuaternion::rotation_between(&Vector3::z(), &(to - from))
                    .unwrap_or_else(|| {
                        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI)
                    });
                let frame = Isometry3::from_parts(((from + to) * 0.5).into(), turn);
                (frame, (to - from).norm() * 0.5)
            }
        };
        let mut instead = |what: &str, shape: ShapeSpec| {
            self.remarks.push(format!("geom {name}: {what}"));
            Some(shape)
        };
        Ok(match geom.type_ {
            GeomType::Sphere => Some(fit::sphere(&frame, a)),
            GeomType::Capsule => Some(fit::capsule(&frame, a, half)),
            GeomType::Box if geom.fromto.is_some() => Some(fit::cuboid(&frame, [a, a, half])),
            GeomType::Box => Some(fit::cuboid(&frame, [a, b, c])),
            GeomType::Cylinder => instead(
                "a capsule or a box stands for the cylinder",
                fit::cylinder(&frame, a, half),
            ),
            GeomType::Ellipsoid => instead(
                "a capsule stands for the ellipsoid",
                fit::ellipsoid(&frame, [a, b, c]),
            ),
            GeomType::Mesh => {
                let points = self.points(geom, name)?;
                let found = fit::around(&isometry(&geom.pose), &points);
                let what = if found.is_some() {
                    "a box stands for the mesh"
                } else {
                    "was left out: its mesh is flat"
                };
                self.remark(format!("geom {name}: {what}"));
                found
            }
            GeomType::Plane | GeomType::Hfield | GeomType::Sdf => {
                self.remark(format!("geom {name} was left out: {:?}", geom.type_));
                None
            }
        })
    }

    /// Vertices of the mesh of a geom, in the frame of the geom (m).
    fn points(&self, geom: &Geom, name: &str) -> Result<Vec<Vector3<f64>>, GraspError> {
        let asset = geom
            .mesh
            .as_deref()
            .and_then(|mesh| self.model.assets.mesh(mesh));
        let Some(asset) = asset else {
            return Err(fault(
                self.path,
                "geoms with a mesh of <asset>",
                format!("geom {name} with mesh {:?}", geom.mesh),
            ));
        };
        let scale = Vector3::from(asset.scale);
        let back = isometry(&asset.refpose).inverse();
        let vertices = match &asset.inline_vertices {
            Some(numbers) => numbers
                .chunks_exact(3)
                .map(|v| Vector3::new(v[0], v[1], v[2]))
                .collect(),
            None => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                let file = self.model.resolve_mesh_file(asset, folder).ok_or_else(|| {
                    fault(
                        self.path,
                        "a file for every mesh",
                        format!("<mesh name={:?} file={:?}>", asset.name, asset.file),
                    )
                })?;
                mesh::read(&file)
                    .map_err(|source| GraspError::Mesh { path: file, source })?
                    .vertices
            }
        };
        let placed = vertices
            .iter()
            .map(|v: &Vector3<f64>| (back * Point3::from(v.component_mul(&scale))).coords);
        Ok(placed.collect())
    }
}
