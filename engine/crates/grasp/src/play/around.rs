//! What stands about an object, in the simulation.

use backflow_sim::{
    pose::{Pose, log},
    scene::spec::{Attachment, Collider, Law, Shape, Stage},
    transfer::grid_update::MAX_COLLIDERS,
};
use nalgebra::{Rotation3, Vector3};

use super::tool::{block_solid, segment_solid};
use crate::{
    GraspError,
    hand::{
        shape::{block, segments},
        spec::ShapeSpec,
    },
    object::surroundings::{HalfSpace, Surroundings, SurroundingsSpec},
};

/// The name of the colliders.
const NAME: &str = "surroundings";

/// What stands about an object that is at a pose, as colliders that do not move.
///
/// # Errors
/// Surroundings that make no sense, or as many solids as a scene may have colliders.
pub(super) fn around(
    spec: &SurroundingsSpec,
    body: &Pose<f64>,
    law: Law,
) -> Result<Vec<Collider>, GraspError> {
    // Says what makes no sense.
    Surroundings::new(spec)?;
    let planes = spec.planes.iter().map(of_plane);
    let shapes = spec.shapes.iter().flat_map(of_shape);
    let solids: Vec<(Shape, Pose<f64>)> = planes.chain(shapes).collect();
    if solids.len() >= MAX_COLLIDERS {
        return Err(GraspError::Setting {
            field: "object.surroundings",
            found: format!("{} solids", solids.len()),
            expected: "fewer than 64, the colliders of a scene",
        });
    }
    let colliders = solids.into_iter().map(|(shape, place)| {
        let place = body.compose(&place);
        Collider {
            name: NAME.to_owned(),
            shape,
            position: place.position.into(),
            rotation: log(&place.rotation).into(),
            law,
            width: 0.0,
            pins: false,
            on: Attachment::World,
            stage: Stage::Grid,
        }
    });
    Ok(colliders.collect())
}

/// A plane, whose normal is y in its own frame.
fn of_plane(plane: &HalfSpace) -> (Shape, Pose<f64>) {
    let normal = Vector3::from(plane.normal);
    let turn = Rotation3::rotation_between(&Vector3::y(), &normal)
        .unwrap_or_else(|| Rotation3::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI));
    let place = Pose {
        position: Vector3::from(plane.point),
        rotation: turn.into_inner(),
    };
    (Shape::Plane, place)
}

/// The solids that stand for a shape: of a loft its segments.
fn of_shape(shape: &ShapeSpec) -> Vec<(Shape, Pose<f64>)> {
    let blocks = block(shape);
    let blocks = blocks.iter().map(block_solid);
    let segments = segments(shape);
    blocks.chain(segments.iter().map(segment_solid)).collect()
}
