//! Shapes as geoms.

use nalgebra::{UnitQuaternion, Vector3};

use super::{line, spaced};
use crate::{
    hand::{
        shape::{Ball, surface},
        spec::ShapeSpec,
    },
    object::surroundings::HalfSpace,
};

/// The attributes of a shape; `name` is the mesh of a loft, see [`mesh`].
pub(super) fn attributes(shape: &ShapeSpec, name: &str) -> String {
    match shape {
        ShapeSpec::Sphere { centre, radius } => {
            format!(r#"type="sphere" pos="{}" size="{radius}""#, spaced(centre))
        }
        ShapeSpec::Capsule { from, to, radius } => format!(
            r#"type="capsule" fromto="{} {}" size="{radius}""#,
            spaced(from),
            spaced(to)
        ),
        ShapeSpec::Cuboid {
            centre,
            half,
            rotation,
        } => format!(
            r#"type="box" pos="{}" quat="{}" size="{}""#,
            spaced(centre),
            spaced(rotation),
            spaced(half)
        ),
        // Its points are in the frame of the link.
        ShapeSpec::Loft { .. } => format!(r#"type="mesh" mesh="{name}""#),
    }
}

/// The attributes of a plane without end.
pub(super) fn plane(plane: &HalfSpace) -> String {
    format!(
        r#"type="plane" pos="{}" quat="{}" size="0 0 1""#,
        spaced(&plane.point),
        spaced(&upright(&plane.normal))
    )
}

/// The mesh whose convex hull a loft is; nothing for other shapes.
pub(super) fn mesh(text: &mut String, shape: &ShapeSpec, name: &str) {
    if let Some(corners) = corners(shape) {
        let mesh = format!(r#"<mesh name="{name}" vertex="{}"/>"#, spaced(&corners));
        line(text, 2, &mesh);
    }
}

/// The corners of the convex hull that a loft is (m), three numbers each.
pub(crate) fn corners(shape: &ShapeSpec) -> Option<Vec<f64>> {
    let ShapeSpec::Loft { .. } = shape else {
        return None;
    };
    let points = surface(shape);
    let numbers = points
        .iter()
        .flat_map(|Ball { centre, .. }| [centre.x, centre.y, centre.z]);
    Some(numbers.collect())
}

/// A turn `[w, x, y, z]` that takes z to a direction.
pub(crate) fn upright(direction: &[f64; 3]) -> [f64; 4] {
    let direction = Vector3::from(*direction);
    let turn = UnitQuaternion::rotation_between(&Vector3::z(), &direction).unwrap_or_else(|| {
        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI)
    });
    [turn.w, turn.i, turn.j, turn.k]
}
